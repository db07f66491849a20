//! The weights of a pair: Route 53 takes 0 to 255.

use crate::strategy::Weight;

/// The greatest weight of a record.
pub const ALL: u16 = 255;

/// The two integers of a share, `(blue, green)`: those whose ratio is nearest to it, and of
/// several the smallest. `None` for a share under 0.4 % or over 99.6 %, which no two weights make.
pub fn integers(green: Weight) -> Option<(u16, u16)> {
    let wanted = u32::from(green.per_mille());
    match wanted {
        0 => return Some((ALL, 0)),
        1000 => return Some((0, ALL)),
        _ => {}
    }
    let of = |both: u32| {
        let green = (both * wanted + 500) / 1000;
        let blue = both - green;
        let in_range = |it: &u32| (1..=u32::from(ALL)).contains(it);
        let pair = [blue, green];
        // Rounded as it will be read back.
        let shows = (1000 * green + both / 2) / both == wanted;
        let off = (1000 * green).abs_diff(wanted * both);
        (shows && pair.iter().all(in_range)).then_some((off, both, green))
    };
    let closer = |best: &(u32, u32, u32), next: &(u32, u32, u32)| next.0 * best.1 < best.0 * next.1;
    let pairs = (2..=2 * u32::from(ALL)).filter_map(of);
    let best = pairs.reduce(|best, next| if closer(&best, &next) { next } else { best });
    let (_, both, green) = best?;
    Some((
        u16::try_from(both - green).ok()?,
        u16::try_from(green).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deployment::ids::{SlotName, Slots, TargetGroupArn};
    use crate::deployment::surroundings::Carried;

    fn of(per_mille: u16) -> Option<(u16, u16)> {
        integers(Weight::of_per_mille(per_mille).expect("at most 1000"))
    }

    #[test]
    fn people_find_the_weights_that_they_would_have_chosen() {
        assert_eq!(of(10), Some((99, 1)));
        assert_eq!(of(100), Some((9, 1)));
        assert_eq!(of(333), Some((2, 1)));
        assert_eq!(of(500), Some((1, 1)));
        assert_eq!(of(0), Some((255, 0)));
        assert_eq!(of(1000), Some((0, 255)));
    }

    #[test]
    fn every_share_is_read_back_as_what_was_wanted_or_is_none() {
        for per_mille in 0..=1000 {
            let Some((blue, green)) = of(per_mille) else {
                assert!(!(4..=996).contains(&per_mille), "{per_mille}");
                continue;
            };
            assert!(blue <= ALL && green <= ALL && blue + green > 0);
            let [a, b] = ["a", "b"].map(TargetGroupArn::new);
            let weights = BTreeMap::from([(a.clone(), blue.into()), (b.clone(), green.into())]);
            let carried = Carried::of(&weights, &Slots { a: [a], b: [b] });
            let share = carried.share(SlotName::B).expect("somebody has something");
            assert_eq!(share.per_mille(), per_mille, "{blue}:{green}");
        }
        for per_mille in [1, 2, 3, 997, 998, 999] {
            assert_eq!(of(per_mille), None);
        }
    }
}
