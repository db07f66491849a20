//! What lasted, a lane each: alarms, gates, holds, bakes.

use jiff::Timestamp;

use super::super::track::Track;
use super::super::view::View;
use super::super::words;
use super::chart::Ink;
use crate::deployment::gate::GateAnswer;
use crate::judge::alarms::AlarmState;

/// One thing that lasted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) ink: Ink,
}

/// A row of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lane {
    /// What stands above it; it says how it went, so that the colours say nothing alone.
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// All lanes of a deployment: bakes, holds, gates by name, alarms by name.
pub(super) fn lanes(track: &Track, view: &View) -> Vec<Lane> {
    let mut lanes = Vec::new();
    lanes.extend(bakes(track));
    lanes.extend(holds(track));
    lanes.extend(gates(track, view));
    lanes.extend(alarms(track));
    lanes
}

fn bakes(track: &Track) -> Option<Lane> {
    let bars = track.bakes.iter().map(|it| Bar {
        from: it.from,
        until: it.until,
        ink: Ink::Green,
    });
    let mut bars: Vec<_> = bars.collect();
    let shares: Vec<_> = track.bakes.iter().map(|it| it.what.to_string()).collect();
    let mut name = format!("baking at {}", shares.join(", "));
    if let Some(back) = &track.reverting {
        bars.push(Bar {
            from: back.from,
            until: back.until,
            ink: Ink::Bad,
        });
        let took = words::length(words::between(back.from, back.until));
        name = match shares.is_empty() {
            true => format!("reverting, {took}"),
            false => format!("{name}; reverting, {took}"),
        };
    }
    (!bars.is_empty()).then_some(Lane { name, bars })
}

fn holds(track: &Track) -> Option<Lane> {
    let bars = track.holds.iter().map(|it| Bar {
        from: it.from,
        until: it.until,
        ink: Ink::Warn,
    });
    let bars: Vec<_> = bars.collect();
    let name = format!("holding, {}", times(bars.len()));
    (!bars.is_empty()).then_some(Lane { name, bars })
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

fn gates(track: &Track, view: &View) -> Vec<Lane> {
    let planned = view.plan.as_ref().map_or(&[][..], |plan| &plan.gates);
    let lane = |(n, gate): (usize, &crate::deployment::gate::Gate)| {
        let mut asked = track.gates.iter().filter(|it| it.what.gate == n);
        let bars: Vec<_> = asked
            .clone()
            .map(|it| Bar {
                from: it.from,
                until: it.until,
                ink: match &it.what.answer {
                    Some(GateAnswer::Passed { .. }) => Ink::Good,
                    Some(GateAnswer::Failed { .. }) => Ink::Bad,
                    Some(GateAnswer::Again { .. }) | None => Ink::Warn,
                },
            })
            .collect();
        let went = asked.next_back().map(|it| match &it.what.answer {
            Some(GateAnswer::Passed { .. }) => "passed",
            Some(GateAnswer::Failed { .. }) => "failed",
            Some(GateAnswer::Again { .. }) | None => "not answered",
        });
        went.map(|went| Lane {
            name: format!("gate {}: {went}", gate.name),
            bars,
        })
    };
    planned.iter().enumerate().filter_map(lane).collect()
}

fn alarms(track: &Track) -> Vec<Lane> {
    let lane = |(name, states): (
        &String,
        &Vec<super::super::track::Lasting<Option<AlarmState>>>,
    )| {
        let bars = states.iter().map(|it| Bar {
            from: it.from,
            until: it.until,
            ink: match it.what {
                Some(AlarmState::Ok) => Ink::Good,
                Some(AlarmState::Alarm) => Ink::Bad,
                Some(AlarmState::InsufficientData) | None => Ink::Faint,
            },
        });
        let went_off = states.iter().any(|it| it.what == Some(AlarmState::Alarm));
        let last = states.last().and_then(|it| it.what);
        let went = match went_off {
            true => "went off",
            false => words::alarm(last),
        };
        Lane {
            name: format!("alarm {name}: {went}"),
            bars: bars.collect(),
        }
    };
    track.alarms.iter().map(lane).collect()
}
