//! A hash that is the same on every machine and in every version: ids are made from it.

/// FNV-1a of 128 bits: any change gives another value, and nothing secret hangs on it.
const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// The hash of a text.
pub(crate) fn stable(text: &str) -> u128 {
    text.bytes().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME)
    })
}
