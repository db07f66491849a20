//! What a deployment waits for that a person can answer: a pause, a gate.

use std::fmt;

use jiff::Timestamp;

use super::view::View;
use super::words;
use crate::deployment::gate::Check;

/// One thing that it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Somebody asked it to stay where it is.
    Paused {
        /// Who.
        by: String,
        /// When.
        at: Option<Timestamp>,
    },
    /// Somebody's yes.
    Approval {
        /// The gate's name.
        gate: String,
        /// How long that is waited for.
        until: Timestamp,
    },
    /// A gate that asks no person.
    Gate {
        /// Its name.
        gate: String,
        /// How long it is waited for.
        until: Timestamp,
    },
}

impl Waits {
    /// Everything that a deployment waits for; nothing where it is over, or goes back.
    pub fn all(view: &View) -> Vec<Waits> {
        if view.outcome.is_some() || view.trip.is_some() {
            return Vec::new();
        }
        let paused = view.paused.iter().map(|by| Waits::Paused {
            by: by.clone(),
            at: view.paused_at,
        });
        let pauses = view.promoted_at.is_none();
        paused
            .filter(|_| pauses)
            .chain(Waits::at_gate(view))
            .collect()
    }

    fn at_gate(view: &View) -> Option<Waits> {
        let (at, plan) = view.gate.as_ref().zip(view.plan.as_ref())?;
        let planned = plan.gates.get(at.gate)?;
        let (gate, until) = (planned.name.clone(), at.until);
        Some(match planned.check {
            Check::Approval(_) => Waits::Approval { gate, until },
            _ => Waits::Gate { gate, until },
        })
    }

    /// With its moments, as they are said at `now`: `waits for approval of gate release, until
    /// 10:00:00`, `paused by kim@build-7 at 09:40:12`.
    pub fn told(&self, now: Timestamp) -> String {
        match self {
            Waits::Paused { at: Some(at), .. } => format!("{self} at {}", words::moment(*at, now)),
            Waits::Paused { at: None, .. } => self.to_string(),
            Waits::Approval { until, .. } | Waits::Gate { until, .. } => {
                format!("{self}, until {}", words::moment(*until, now))
            }
        }
    }

    /// Everything that a deployment waits for, in one line; empty where that is nothing.
    pub fn all_told(view: &View, now: Timestamp) -> String {
        let all: Vec<String> = Waits::all(view).iter().map(|it| it.told(now)).collect();
        all.join("; ")
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waits::Paused { by, .. } => write!(f, "paused by {by}"),
            Waits::Approval { gate, .. } => write!(f, "waits for approval of gate {gate}"),
            Waits::Gate { gate, .. } => write!(f, "waits for gate {gate}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories::{self, at};
    use super::*;

    #[test]
    fn a_pause_and_an_approval_are_told_with_their_moments() {
        let view = View::of(&stories::approval());
        assert_eq!(
            Waits::all_told(&view, at(410)),
            "waits for approval of gate release, until 08:14:00"
        );
        let view = View::of(&stories::paused());
        assert_eq!(
            Waits::all_told(&view, at(410)),
            "paused by kim@build-7 at 07:16:40"
        );
    }

    #[test]
    fn who_goes_back_or_is_over_waits_for_nobody() {
        for (name, records) in stories::reverts().into_iter().chain(stories::stuck()) {
            assert_eq!(Waits::all(&View::of(&records)), [], "{name}");
        }
        let mut view = View::of(&stories::approval());
        view.trip = View::of(&stories::alarmed()).trip;
        assert_eq!(Waits::all(&view), []);
    }
}
