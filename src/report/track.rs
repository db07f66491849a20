//! A deployment over time: what a chart of it is drawn from. A fold over its records.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::say::{Said, say};
use super::view::View;
use crate::deployment::event::{Event, Look, Record};
use crate::deployment::gate::GateAnswer;
use crate::deployment::metrics::{Minute, Minutes, Served, SideMinute};
use crate::judge::alarms::AlarmState;
use crate::strategy::Weight;

/// Something that lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting<T> {
    /// When it began.
    pub from: Timestamp,
    /// When it ended; where it has not, the newest record's time.
    pub until: Timestamp,
    /// What it was.
    pub what: T,
}

/// A gate while it was in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its position among the plan's.
    pub gate: usize,
    /// What came of it; `None` where nothing did.
    pub answer: Option<GateAnswer>,
}

/// Healthy targets of both sides at a moment; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healthy {
    /// When it was seen.
    pub at: Timestamp,
    /// Blue's.
    pub blue: Option<u32>,
    /// Green's.
    pub green: Option<u32>,
}

/// A record in words, whatever its rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What.
    pub said: Said,
}

/// Everything that the records so far say, along time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    /// The first record's time.
    pub from: Option<Timestamp>,
    /// The newest one's.
    pub until: Option<Timestamp>,
    /// Green's share as it was set, each from its moment on.
    pub set: Vec<(Timestamp, Weight)>,
    /// Green's share as each route showed it, where that changed; `None` is unreadable.
    pub seen: BTreeMap<String, Vec<(Timestamp, Option<Weight>)>>,
    /// Targets, where that changed.
    pub healthy: Vec<Healthy>,
    /// What both sides served, as far as it was judged.
    pub minutes: Minutes,
    /// Each alarm's states; `None` is unreadable.
    pub alarms: BTreeMap<String, Vec<Lasting<Option<AlarmState>>>>,
    /// Gates, in the order in which they were asked.
    pub gates: Vec<Lasting<Asked>>,
    /// Holds, in words.
    pub holds: Vec<Lasting<String>>,
    /// Bakes: the weight and the moment at which each is over.
    pub bakes: Vec<Lasting<Weight>>,
    /// From the first act of a revert until all traffic was back.
    pub reverting: Option<Lasting<()>>,
    /// The records in words.
    pub told: Vec<Told>,
    holding: bool,
    baking: bool,
    going_back: bool,
}

impl Track {
    /// Of these records, and what they say at their end.
    pub fn of(records: &[Record]) -> (Track, View) {
        let (mut track, mut view) = (Track::default(), View::new());
        for record in records {
            track.apply(&view, record);
            view.apply(record);
        }
        (track, view)
    }

    /// Takes one more record in; `before` is the view of those before it.
    pub fn apply(&mut self, before: &View, record: &Record) {
        if let Some(said) = say(before, record) {
            let at = record.at;
            self.told.push(Told { at, said });
        }
        self.from.get_or_insert(record.at);
        self.until = self.until.max(Some(record.at));
        self.grow(record.at);
        self.fold(record.at, &record.event);
    }

    /// What goes on goes on until now.
    fn grow(&mut self, at: Timestamp) {
        if let Some(hold) = self.holds.last_mut().filter(|_| self.holding) {
            hold.until = at;
        }
        if let Some(bake) = self.bakes.last_mut().filter(|_| self.baking) {
            bake.until = at;
        }
        if let Some(back) = self.reverting.as_mut().filter(|_| self.going_back) {
            back.until = at;
        }
        for gate in self.gates.iter_mut().filter(|it| it.what.answer.is_none()) {
            gate.until = at;
        }
        for alarm in self.alarms.values_mut().filter_map(|it| it.last_mut()) {
            alarm.until = at;
        }
    }

    fn fold(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Started { .. } => self.set.push((at, Weight::ZERO)),
            Event::Shifting { weight, .. } => {
                self.baking = false;
                self.set.push((at, *weight));
            }
            Event::Baking { weight, .. } => {
                self.baking = true;
                self.bakes.push(lasting(at, *weight));
            }
            Event::Promoted { .. } => self.calm(),
            Event::Reverting { .. } => {
                self.calm();
                self.set.push((at, Weight::ZERO));
                self.going_back = true;
                self.reverting = Some(lasting(at, ()));
            }
            Event::TrafficReverted => self.going_back = false,
            Event::Ended { .. } => {
                self.calm();
                self.going_back = false;
            }
            Event::Holding { reasons, .. } => {
                let what = crate::deployment::trip::join(reasons);
                let goes_on = self
                    .holds
                    .last()
                    .filter(|it| self.holding && it.what == what);
                if goes_on.is_none() {
                    self.holds.push(lasting(at, what));
                }
                self.holding = true;
            }
            Event::HoldOver => self.holding = false,
            Event::GateOpened { gate, .. } => {
                self.holding = false;
                let (gate, answer) = (*gate, None);
                self.gates.push(lasting(at, Asked { gate, answer }));
            }
            Event::GateAnswered { gate, answer, .. } => self.answered(*gate, answer),
            Event::MinuteJudged { minute, served, .. }
            | Event::MinuteRevised { minute, served } => self.served(*minute, served),
            Event::Looked(look) => self.looked(at, look),
            _ => {}
        }
    }

    fn calm(&mut self) {
        self.holding = false;
        self.baking = false;
    }

    fn answered(&mut self, gate: usize, answer: &GateAnswer) {
        if matches!(answer, GateAnswer::Again { .. }) {
            return;
        }
        let mut open = self.gates.iter_mut().rev();
        let open = open.find(|it| it.what.gate == gate && it.what.answer.is_none());
        if let Some(open) = open {
            open.what.answer = Some(answer.clone());
        }
    }

    fn served(&mut self, minute: Timestamp, served: &Served) {
        let (blue, green) = (SideMinute::of(&served.blue), SideMinute::of(&served.green));
        self.minutes.insert(minute, Minute { blue, green });
    }

    fn looked(&mut self, at: Timestamp, look: &Look) {
        for (route, weight) in &look.weights {
            let seen = self.seen.entry(route.clone()).or_default();
            if seen.last().is_none_or(|(_, last)| last != weight) {
                seen.push((at, *weight));
            }
        }
        for (alarm, state) in &look.alarms {
            let states = self.alarms.entry(alarm.to_string()).or_default();
            if states.last().is_none_or(|last| last.what != *state) {
                states.push(lasting(at, *state));
            }
        }
        let (blue, green) = (look.blue.healthy, look.green.healthy);
        let last = self.healthy.last().map(|it| (it.blue, it.green));
        if last != Some((blue, green)) {
            self.healthy.push(Healthy { at, blue, green });
        }
    }
}

fn lasting<T>(at: Timestamp, what: T) -> Lasting<T> {
    Lasting {
        from: at,
        until: at,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories::{self, at};
    use super::*;

    fn track(records: &[Record]) -> Track {
        Track::of(records).0
    }

    #[test]
    fn weights_are_as_set_and_as_seen() {
        let track = track(&stories::good());
        let share = |percent| stories::percent(percent);
        assert_eq!(
            track.set,
            [
                (at(0), share(0)),
                (at(100), share(10)),
                (at(401), share(100))
            ]
        );
        assert_eq!(
            track.seen["shop:443"],
            [
                (at(0), Some(share(0))),
                (at(101), Some(share(10))),
                (at(402), Some(share(100)))
            ]
        );
    }

    #[test]
    fn bakes_and_the_revert_last_from_their_beginning_to_their_end() {
        let track = track(&stories::alarmed());
        let bakes: Vec<_> = track.bakes.iter().map(|it| (it.from, it.until)).collect();
        assert_eq!(bakes, [(at(101), at(225))]);
        let back = track.reverting.expect("it reverted");
        assert_eq!((back.from, back.until), (at(225), at(226)));
        assert_eq!(track.set.last(), Some(&(at(225), Weight::ZERO)));
    }

    #[test]
    fn an_alarm_has_a_state_after_the_other() {
        let track = track(&stories::alarmed());
        let states: Vec<_> = track.alarms["shop-b-5xx"]
            .iter()
            .map(|it| (it.from, it.what))
            .collect();
        assert_eq!(
            states,
            [
                (at(0), Some(AlarmState::Ok)),
                (at(225), Some(AlarmState::Alarm)),
                (at(226), Some(AlarmState::Ok))
            ]
        );
    }

    #[test]
    fn a_hold_lasts_while_it_is_told_and_no_longer() {
        let mut records = stories::holding();
        let mut over = records.last().expect("some").clone();
        over.event = Event::HoldOver;
        over.at = at(500);
        let mut later = over.clone();
        later.event = Event::GreenReady;
        later.at = at(600);
        records.extend([over, later]);
        let holds = track(&records).holds;
        assert_eq!(holds.len(), 1);
        assert_eq!((holds[0].from, holds[0].until), (at(401), at(500)));
    }

    #[test]
    fn every_story_can_be_followed() {
        for (name, records) in stories::all() {
            let track = track(&records);
            let ordered = track.set.windows(2).all(|pair| pair[0].0 <= pair[1].0);
            assert!(ordered, "{name}");
            let inside = |from: Timestamp, until: Timestamp| {
                track.from <= Some(from) && from <= until && Some(until) <= track.until
            };
            assert!(
                track.bakes.iter().all(|it| inside(it.from, it.until)),
                "{name}"
            );
            assert!(
                track.holds.iter().all(|it| inside(it.from, it.until)),
                "{name}"
            );
        }
    }
}
