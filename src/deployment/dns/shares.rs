//! The weights of a pair: Route 53 takes 0 to 255.

use crate::strategy::Weight;

/// The greatest weight of a record.
pub const ALL: u16 = 255;

/// The two integers of a share, `(blue, green)`: the smallest whose ratio rounds to it. `None`
/// for a share under 0.4 % or over 99.6 %, which no two weights make.
pub fn integers(green: Weight) -> Option<(u16, u16)> {
    match green.per_mille() {
        0 => Some((ALL, 0)),
        1000 => Some((0, ALL)),
        per_mille => (2..=2 * ALL).find_map(|both| {
            // Rounded, as it will be read back.
            let green = (u32::from(both) * u32::from(per_mille) + 500) / 1000;
            let near = green.saturating_sub(1)..=green + 1;
            let fits = |green: &u32| {
                let blue = u32::from(both).saturating_sub(*green);
                let in_range = |it: u32| (1..=u32::from(ALL)).contains(&it);
                let rounds = (1000 * green + u32::from(both) / 2) / u32::from(both);
                in_range(blue) && in_range(*green) && rounds == u32::from(per_mille)
            };
            let green = near.into_iter().find(fits)? as u16;
            Some((both - green, green))
        }),
    }
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
                assert!(per_mille < 4 || per_mille > 996, "{per_mille}");
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
