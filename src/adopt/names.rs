//! Names for slot b, always the same ones for the same slot a.

/// ELBv2 takes so many characters.
const GROUP_AT_MOST: usize = 32;
/// ECS takes so many.
const SERVICE_AT_MOST: usize = 255;
/// Hexadecimal digits of the hash that makes a name its own.
const HASH_DIGITS: usize = 6;

/// The names that slot b's target group could have, the best first, where slot a's is `name`.
pub(super) fn group_names(name: &str) -> [String; 2] {
    of(name, GROUP_AT_MOST)
}

/// The same for its service.
pub(super) fn service_names(name: &str) -> [String; 2] {
    of(name, SERVICE_AT_MOST)
}

/// The names that slot a's service could have, where slot b's is `name`: the one that a hash there
/// proves comes first.
pub fn service_stems(name: &str) -> Vec<String> {
    let endings: [(&str, &[&str]); 3] =
        [("-b", &["", "-a"]), ("-B", &["-A"]), ("-green", &["-blue"])];
    let stems = endings.iter().filter_map(|(b, a)| {
        let stem = name.strip_suffix(b)?;
        Some((stem, a))
    });
    let names = stems.flat_map(|(stem, a)| {
        let head = stem.rsplit_once('-').map(|(head, _)| head);
        let stems = head.into_iter().chain([stem]);
        stems.flat_map(move |stem| a.iter().map(move |a| format!("{stem}{a}")))
    });
    let is_first = |it: &String| !it.is_empty() && service_names(it).iter().any(|b| b == name);
    names.filter(is_first).collect()
}

/// The name that slot b's service gets where the plain one is somebody else's.
pub(super) fn hashed_service_name(name: &str) -> String {
    let [_, hashed] = service_names(name);
    hashed
}

/// The one of `names` whose slot b the service `name` looks like.
pub fn first_slot_of(name: &str, names: &[String]) -> Option<String> {
    let is_others = |first: &String| {
        let hashed = hashed_service_name(first);
        hashed != name && names.contains(&hashed)
    };
    let mut stems = service_stems(name).into_iter();
    stems.find(|stem| names.contains(stem) && !is_others(stem))
}

/// The plain name where it is short enough and not somebody else's, else one with a hash.
fn of(name: &str, at_most: usize) -> [String; 2] {
    let (stem, ending) = split(name);
    let plain = format!("{stem}{ending}");
    let room = at_most - ending.len() - HASH_DIGITS - 1;
    let head: String = stem.chars().take(room).collect();
    let hashed = format!("{}-{}{ending}", head.trim_end_matches('-'), hash(name));
    match plain.len() <= at_most {
        true => [plain, hashed],
        false => [hashed.clone(), hashed],
    }
}

/// What of slot a's name stays, and how slot b's ends.
fn split(name: &str) -> (&str, &'static str) {
    let endings = [("-a", "-b"), ("-A", "-B"), ("-blue", "-green")];
    let mut found = endings.into_iter().filter_map(|(a, b)| {
        let stem = name.strip_suffix(a)?;
        (!stem.is_empty()).then_some((stem, b))
    });
    found.next().unwrap_or((name, "-b"))
}

/// FNV-1a: short, and the same everywhere and always.
fn hash(text: &str) -> String {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let whole = format!("{:08x}", text.bytes().fold(0x811c_9dc5, mix));
    whole[..HASH_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_b_is_named_after_slot_a() {
        let names = ["shop", "shop-a", "shop-blue", "a"].map(|name| group_names(name)[0].clone());
        assert_eq!(names, ["shop-b", "shop-b", "shop-green", "a-b"]);
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let one = "production-checkout-service-one-a";
        let other = "production-checkout-service-other";
        let [one, other] = [one, other].map(|name| group_names(name)[0].clone());
        for name in [&one, &other] {
            assert!(name.len() <= 32 && name.ends_with("-b"), "{name}");
            assert!(name.starts_with("production-checkout-ser"), "{name}");
            assert!(!name.contains("--"), "{name}");
        }
        assert_ne!(one, other);
        let thirty = "x".repeat(30);
        assert_eq!(group_names(&thirty)[0], format!("{thirty}-b"));
    }

    #[test]
    fn a_taken_name_has_a_second_one_that_fits_too() {
        let [plain, hashed] = group_names("shop");
        assert_ne!(plain, hashed);
        assert!(
            hashed.starts_with("shop-") && hashed.ends_with("-b"),
            "{hashed}"
        );
        assert_eq!(group_names("shop"), group_names("shop"), "always the same");
    }

    #[test]
    fn slot_b_s_service_tells_slot_a_s_by_its_ending_or_its_hash() {
        for name in ["shop", "shop-a", "shop-A", "shop-blue", "a", "shop-b"] {
            for b in service_names(name) {
                let stems = service_stems(&b);
                assert!(stems.contains(&name.to_owned()), "{b}: {stems:?}");
            }
            assert_eq!(service_stems(&hashed_service_name(name))[0], name);
        }
        assert_eq!(service_stems("shop-000000-b").len(), 2, "as any other name");
        for other in ["-b", "-green", "shop", "shop-a"] {
            assert_eq!(service_stems(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn where_slot_b_has_a_hash_the_plain_name_is_somebody_else_s() {
        let hashed = hashed_service_name("shop");
        let mut names = ["shop", "shop-b"].map(str::to_owned).to_vec();
        assert_eq!(first_slot_of("shop-b", &names).as_deref(), Some("shop"));
        names.push(hashed.clone());
        assert_eq!(first_slot_of("shop-b", &names), None);
        assert_eq!(first_slot_of(&hashed, &names).as_deref(), Some("shop"));
    }
}
