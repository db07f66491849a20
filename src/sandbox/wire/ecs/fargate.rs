//! Fargate's sizes: only certain pairs of cpu and memory exist.

use super::super::AwsError;

/// Cpu units, and the memory in MiB that goes with them: first, last, step.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// Refuses a pair of cpu units and MiB that Fargate does not have.
pub(super) fn check_size(cpu: u32, memory: u32) -> Result<(), AwsError> {
    let exists = SIZES.iter().any(|&(units, first, last, step)| {
        units == cpu
            && (first..=last).contains(&memory)
            && (memory - first).is_multiple_of(step)
            // 256 units go with 512, 1024 and 2048 MiB, not with 1536.
            && (units, memory) != (256, 1536)
    });
    if exists {
        return Ok(());
    }
    Err(AwsError::client(format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the \
         Amazon ECS documentation for the valid values."
    )))
}

/// Cpu units of `256`, `.25 vCPU` or `1vcpu`.
pub(super) fn cpu_units(text: &str) -> Option<u32> {
    scaled(text, "vcpu", 1024.0)
}

/// MiB of `512`, `0.5 GB` or `2gb`.
pub(super) fn memory_mib(text: &str) -> Option<u32> {
    scaled(text, "gb", 1024.0)
}

fn scaled(text: &str, unit: &str, factor: f64) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else {
        return lower.parse().ok();
    };
    let value = number.trim().parse::<f64>().ok()? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked, and sizes are whole"
    )]
    (0.0..=1_000_000.0)
        .contains(&value)
        .then_some(value.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fargates_own_pairs_exist() {
        for (cpu, memory) in [
            (256, 512),
            (256, 2048),
            (512, 3072),
            (4096, 30_720),
            (8192, 20_480),
            (16_384, 122_880),
        ] {
            assert!(check_size(cpu, memory).is_ok(), "{cpu} {memory}");
        }
        for (cpu, memory) in [
            (256, 1536),
            (256, 4096),
            (300, 512),
            (512, 512),
            (8192, 17_408),
            (16_384, 36_864),
        ] {
            let error = check_size(cpu, memory).unwrap_err();
            assert!(
                error
                    .message
                    .starts_with("No Fargate configuration exists for given values"),
                "{error}"
            );
        }
    }

    #[test]
    fn sizes_can_be_written_in_vcpus_and_gigabytes() {
        assert_eq!(cpu_units(".25 vCPU"), Some(256));
        assert_eq!(cpu_units("1024"), Some(1024));
        assert_eq!(memory_mib("0.5GB"), Some(512));
        assert_eq!(memory_mib("2 GB"), Some(2048));
        assert_eq!(memory_mib("much"), None);
    }
}
