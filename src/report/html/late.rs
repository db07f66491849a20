//! Why the charts of what was served end before the moment that matters most.

use std::time::Duration;

use jiff::Timestamp;

use super::super::view::View;
use super::super::words;
use crate::deployment::metrics::{Minute, Minutes, later, minute_of};

/// After so long CloudWatch has published a minute's figures, if there are any.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Where the figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    /// CloudWatch, which was asked for this page.
    Read,
    /// The judge's, as it went on.
    Judged,
}

/// That the figures end before the revert began, where they do.
pub(super) fn note(
    minutes: &Minutes,
    figures: Figures,
    view: &View,
    now: Timestamp,
) -> Option<String> {
    let tripped = view.tripped_at.filter(|_| view.had_traffic())?;
    let newest = minutes.iter().rev().find(|(_, minute)| has_some(minute))?.0;
    let end = later(*newest);
    let may_come = now < words::later(tripped, PUBLISHED_WITHIN);
    if end >= minute_of(tripped) || (figures == Figures::Read && !may_come) {
        return None;
    }
    let then = match figures {
        Figures::Read => "; `bg report` shows the rest once it is there",
        Figures::Judged => "",
    };
    Some(format!(
        "The figures end at {}, before the revert began at {}: CloudWatch publishes them some \
         minutes late{then}.",
        words::clock(end),
        words::clock(tripped)
    ))
}

fn has_some(minute: &Minute) -> bool {
    let sides = [&minute.blue, &minute.green];
    sides
        .iter()
        .any(|side| side.requests.is_some() || side.p50.is_some())
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::{self, at};
    use super::*;
    use crate::deployment::metrics::SideMinute;

    fn until(second: i64) -> Minutes {
        let blue = SideMinute {
            requests: Some(100.0),
            ..SideMinute::default()
        };
        let minute = Minute {
            blue,
            ..Minute::default()
        };
        Minutes::from([(at(second), minute), (at(900), Minute::default())])
    }

    #[test]
    fn figures_that_end_before_the_revert_say_why() {
        let view = View::of(&stories::alarmed());
        let told = note(&until(60), Figures::Read, &view, at(300));
        assert_eq!(
            told.as_deref(),
            Some(
                "The figures end at 07:16:00, before the revert began at 07:17:45: CloudWatch \
                 publishes them some minutes late; `bg report` shows the rest once it is there."
            )
        );
        let told = note(&until(60), Figures::Judged, &view, at(9000)).expect("they are early");
        assert!(told.ends_with("some minutes late."), "{told}");
    }

    #[test]
    fn figures_that_reach_it_or_never_will_say_nothing() {
        let view = View::of(&stories::alarmed());
        assert_eq!(note(&until(120), Figures::Read, &view, at(300)), None);
        assert_eq!(note(&until(60), Figures::Read, &view, at(2000)), None);
        assert_eq!(note(&Minutes::new(), Figures::Read, &view, at(300)), None);
        let good = View::of(&stories::good());
        assert_eq!(note(&until(60), Figures::Read, &good, at(300)), None);
    }
}
