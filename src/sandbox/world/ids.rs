//! Ids and fingerprints as AWS shapes them, drawn from the world's seeded source.

use fastrand::Rng;

/// `length` lower-case hexadecimal digits, as in task ids and load-balancer ARNs.
pub fn hex(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.digit(16)).collect()
}

/// `length` decimal digits that don't begin with 0, as in deployment ids.
pub fn digits(rng: &mut Rng, length: usize) -> String {
    (0..length)
        .map(|at| {
            if at == 0 {
                char::from(b'0' + rng.u8(1..10))
            } else {
                rng.digit(10)
            }
        })
        .collect()
}

/// A random UUID, as in event and attachment ids.
pub fn uuid(rng: &mut Rng) -> String {
    let digits = hex(rng, 32);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

/// A stable 64-bit fingerprint (FNV-1a) of a text.
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
