//! The first line of a page while its deployment goes on: what it waits for, or else what goes on.

use jiff::Timestamp;

use super::super::line::Tone;
use super::super::view::{Phase, Role, View};
use super::super::waits::Waits;
use crate::strategy::Weight;

/// What somebody who opens the page is to read first.
pub(super) fn under_way(view: &View, now: Timestamp) -> (Tone, String) {
    let waits = Waits::all_told(view, now);
    if !waits.is_empty() {
        return (Tone::Warn, capital(&waits));
    }
    let set = view.set.filter(|set| *set > Weight::ZERO);
    let text = match (set.filter(|_| !view.is_bare()), view.plan.is_some()) {
        (_, false) => "it has only begun".to_owned(),
        (Some(set), true) => format!("{set} of traffic is to go to {}", view.side(Role::Green)),
        (None, true) => capital(&phase(view)),
    };
    (Tone::Busy, text)
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}

/// Where it is, in words.
pub(super) fn phase(view: &View) -> String {
    let set = view.set.unwrap_or(Weight::ZERO);
    let step = view.step_of();
    let of_step = || {
        step.as_ref()
            .map_or_else(String::new, |step| format!(", {step}"))
    };
    match view.phase {
        Phase::Starting => "starting".to_owned(),
        Phase::Registering => "registering the task definition".to_owned(),
        Phase::Provisioning => "provisioning green".to_owned(),
        Phase::BecomingHealthy => "green is becoming healthy".to_owned(),
        Phase::Settling => "green is healthy, and has to stay so for a while".to_owned(),
        Phase::Shifting | Phase::Baking if view.is_bare() => "green works beside blue".to_owned(),
        Phase::Shifting => format!("shifting {set} of traffic to green{}", of_step()),
        Phase::Baking => format!("baking at {set}{}", of_step()),
        Phase::Promoted if view.is_bare() => "promoted: green is the live one".to_owned(),
        Phase::Promoted => "promoted: green serves everything".to_owned(),
        Phase::Reverting if view.is_bare() => "reverting: green goes".to_owned(),
        Phase::Reverting => "reverting: all traffic goes to blue".to_owned(),
        Phase::PuttingGreenAway if view.is_bare() => "green is being scaled to zero".to_owned(),
        Phase::PuttingGreenAway => "traffic is on blue; green is being scaled to zero".to_owned(),
        Phase::Ended => "over".to_owned(),
    }
}

/// The share that green has, for a list; `None` before it has any.
pub(super) fn share(view: &View) -> Option<String> {
    let set = view.set.filter(|set| *set > Weight::ZERO)?;
    Some(match view.is_bare() {
        true => "green works beside blue".to_owned(),
        false => format!("{set} on green"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::{self, at};
    use super::*;

    fn told(records: &[crate::deployment::event::Record]) -> String {
        under_way(&View::of(records), at(710)).1
    }

    #[test]
    fn what_is_waited_for_comes_first() {
        assert_eq!(
            told(&stories::approval()),
            "Waits for approval of gate release, until 08:14:00"
        );
        assert_eq!(
            told(&stories::paused()),
            "Paused by kim@build-7 at 07:16:40"
        );
    }

    #[test]
    fn no_share_of_traffic_is_told_where_there_is_none() {
        assert_eq!(told(&stories::good()[..5]), "Provisioning green");
        assert_eq!(told(&stories::worker()), "Green works beside blue");
        assert_eq!(told(&[]), "it has only begun");
        let mut reverting = stories::alarmed();
        let begun = |it: &crate::deployment::event::Record| {
            matches!(it.event, crate::deployment::event::Event::Reverting { .. })
        };
        let at = reverting.iter().position(begun).expect("it reverts");
        reverting.truncate(at + 1);
        assert_eq!(told(&reverting), "Reverting: all traffic goes to blue");
    }
}
