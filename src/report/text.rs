//! Events as lines of text, for pipes and CI logs.

use super::ending::ending;
use super::line::{StyledLine, Tone};
use super::say::{Rank, say};
use super::view::View;
use super::words;
use crate::deployment::event::{Event, Record};

/// Where the words begin, after the time and the label: `07:14:05  shifting        10% …`.
const TEXT_COLUMN: usize = 26;
const LABEL_COLUMN: usize = 10;

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The end only.
    Quiet,
    /// What matters.
    #[default]
    Normal,
    /// Every event.
    Verbose,
}

/// `record` as a line: `07:14:05  shifting        10% of traffic to green (slot b, shop:8)`.
/// `before` is the view of the records before it. `None` where `detail` leaves it out.
pub fn line(before: &View, record: &Record, detail: Detail) -> Option<StyledLine> {
    let said = say(before, record)?;
    let shown = match detail {
        Detail::Quiet => false,
        Detail::Normal => said.rank == Rank::News,
        Detail::Verbose => true,
    };
    shown.then(|| {
        StyledLine::of(Tone::Dim, words::clock(record.at))
            .to_column(LABEL_COLUMN)
            .with(said.tone, said.label)
            .to_column(TEXT_COLUMN)
            .plain(said.text)
    })
}

/// Turns records into lines, and the last one into the whole ending.
#[derive(Debug, Default)]
pub struct Lines {
    view: View,
    detail: Detail,
}

impl Lines {
    /// Of no records yet.
    pub fn new(detail: Detail) -> Self {
        Lines {
            view: View::new(),
            detail,
        }
    }

    /// The lines that `record` gives.
    pub fn on(&mut self, record: &Record) -> Vec<StyledLine> {
        let mut lines: Vec<_> = line(&self.view, record, self.detail).into_iter().collect();
        self.view.apply(record);
        if matches!(record.event, Event::Ended { .. }) {
            lines.extend(ending(&self.view));
        }
        lines
    }

    /// What the records so far say.
    pub fn view(&self) -> &View {
        &self.view
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories;
    use super::*;
    use crate::deployment::diagnosis::{Diagnosis, Finding};
    use crate::deployment::observation::{StoppedContainer, StoppedTask};
    use crate::deployment::outcome::Outcome;
    use crate::deployment::scaling::Scaling;
    use crate::deployment::trip::{Hold, ITSELF, Trip};

    fn told(records: &[Record], detail: Detail) -> String {
        let mut lines = Lines::new(detail);
        let all = records.iter().flat_map(|record| lines.on(record));
        all.map(|line| line.to_string() + "\n").collect()
    }

    #[test]
    fn a_good_canary() {
        insta::assert_snapshot!("good", told(&stories::good(), Detail::Normal));
        insta::assert_snapshot!("good_verbose", told(&stories::good(), Detail::Verbose));
        insta::assert_snapshot!("good_quiet", told(&stories::good(), Detail::Quiet));
    }

    #[test]
    fn a_rollback_says_nothing_of_times_that_are_none() {
        let told = told(&stories::rollback(), Detail::Verbose);
        for said in [
            "healthy         green (slot b, shop:8)\n",
            "baking          at 100%, step 1 of 1\n",
        ] {
            assert!(told.contains(said), "{said} is missing from\n{told}");
        }
        assert!(!told.contains(" 0s"), "{told}");
    }

    #[test]
    fn a_worker_s_deployment_names_no_strategy() {
        let told = told(&stories::worker(), Detail::Verbose);
        let said = "slot b, no weights to shift (20260105-071400-k3v9); times are UTC";
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("inline"), "{told}");
    }

    #[test]
    fn a_promotion_says_that_an_ill_blue_is_no_way_back() {
        let mut records = stories::good();
        let last = |event: &Event| matches!(event, Event::Looked(_));
        let last = records.iter().rposition(|it| last(&it.event)).unwrap();
        let Event::Looked(look) = &mut records[last].event else {
            unreachable!()
        };
        look.blue.healthy = Some(0);
        let told = told(&records, Detail::Normal);
        assert!(told.contains("0 of its 2 targets are healthy"), "{told}");
    }

    #[test]
    fn scale_in_that_is_not_put_back_is_told_with_what_does() {
        let autoscaled = |mut records: Vec<Record>| {
            let Event::Started { plan } = &mut records[0].event else {
                panic!("it begins with its plan");
            };
            plan.scaling = Some(Scaling::default());
            told(&records, Detail::Normal)
        };
        assert!(!autoscaled(stories::good()).contains("autoscaling"));
        let mut records = stories::good();
        records.retain(|it| it.event != Event::SettingsRestored);
        let said = autoscaled(records);
        assert!(
            said.contains("shop-b is still kept from scaling in"),
            "{said}"
        );
        assert!(said.contains("--resource-id service/prod/shop-b"), "{said}");
        let said = autoscaled(stories::alarmed());
        assert!(said.contains("--resource-id service/prod/shop "), "{said}");
        let (_, stuck) = stories::stuck().into_iter().next().expect("one");
        assert!(autoscaled(stuck).contains("neither side scales in until"));
    }

    #[test]
    fn every_way_to_revert_says_what_tripped_and_what_to_do() {
        for (name, records) in stories::reverts() {
            insta::assert_snapshot!(format!("reverted_{name}"), told(&records, Detail::Normal));
        }
    }

    #[test]
    fn a_signal_that_hastens_is_told_only_where_it_is_not_the_reason() {
        for (story, is_told) in [("interrupted", false), ("aborted", true)] {
            let mut stories = stories::reverts().into_iter();
            let (_, mut records) = stories.find(|(name, _)| *name == story).unwrap();
            let reverting = |record: &Record| matches!(record.event, Event::Reverting { .. });
            let at = records.iter().position(reverting).unwrap();
            let mut hastens = records[at].clone();
            hastens.event = Event::Hurrying {
                signal: "SIGINT".into(),
            };
            records.insert(at + 1, hastens);
            let text = told(&records, Detail::Normal);
            assert_eq!(text.contains("no more waiting"), is_told, "{text}");
        }
    }

    #[test]
    fn a_store_in_the_way_is_to_be_mended_and_nobody_asked() {
        let mut stories = stories::reverts().into_iter();
        let (_, mut records) = stories.find(|(name, _)| *name == "aborted").unwrap();
        let own = Trip::Aborted {
            by: format!("{ITSELF}the lock can't be kept (disk full)"),
        };
        for record in &mut records {
            match &mut record.event {
                Event::Reverting { trip } => *trip = own.clone(),
                Event::Ended { outcome } => *outcome = Outcome::Reverted { trip: own.clone() },
                _ => {}
            }
        }
        let text = told(&records, Detail::Normal);
        assert!(text.contains("mend the store"), "{text}");
        assert!(!text.contains("ask bg itself"), "{text}");
    }

    #[test]
    fn every_way_to_get_stuck_says_what_to_run() {
        for (name, records) in stories::stuck() {
            insta::assert_snapshot!(format!("stuck_{name}"), told(&records, Detail::Normal));
        }
    }

    #[test]
    fn a_failed_task_that_shows_only_after_the_trip_is_told_at_the_end() {
        let (_, mut records) = stories::reverts()
            .into_iter()
            .find(|(name, _)| *name == "too_few_healthy_targets")
            .unwrap();
        let late = records
            .iter()
            .rposition(|record| matches!(record.event, Event::Looked(_)))
            .unwrap();
        let Event::Looked(look) = &mut records[late].event else {
            unreachable!()
        };
        look.green.stopped = Some(Box::new(StoppedTask {
            task: "0a1b".into(),
            at: None,
            code: "EssentialContainerExited".into(),
            reason: "Essential container in task exited".into(),
            containers: vec![StoppedContainer {
                name: "app".into(),
                exit_code: Some(3),
                reason: None,
            }],
        }));
        let told = told(&records, Detail::Normal);
        assert!(told.contains("0a1b: EssentialContainerExited"), "{told}");
        assert!(told.contains("exit code 3"), "{told}");
    }

    #[test]
    fn a_diagnosis_is_told_with_what_shows_it_and_what_mends_it() {
        let mut stories = stories::reverts().into_iter();
        let (_, mut records) = stories.find(|(name, _)| *name == "crash_loop").unwrap();
        let reverted = |record: &Record| matches!(record.event, Event::TrafficReverted);
        let at = records.iter().position(reverted).unwrap() + 1;
        let finding = |what: &str| Finding {
            rule: "exit-error".into(),
            what: what.into(),
            evidence: vec!["app: panic: the cart is empty".into()],
            cause: "the program's own".into(),
            fix: "read on".into(),
        };
        let mut diagnosed = records[at - 1].clone();
        let findings = vec![finding("container app ended"), finding("tasks are missing")];
        diagnosed.event = Event::Diagnosed {
            diagnosis: Diagnosis::of(findings),
        };
        records.insert(at, diagnosed);
        let told = told(&records, Detail::Normal);
        for words in [
            "diagnosed       container app ended; to mend it: read on",
            "  cause         container app ended\n",
            "  app: panic: the cart is empty\n",
            "  mend it       read on\n",
            "also: tasks are missing (exit-error)",
        ] {
            assert!(told.contains(words), "{words:?} is not in:\n{told}");
        }
    }

    #[test]
    fn a_hold_is_told_again_only_where_something_else_holds() {
        let mut records = stories::holding();
        let holds = |record: &Record| matches!(record.event, Event::Holding { .. });
        let at = records.iter().rposition(holds).unwrap();
        let mut again = records[at].clone();
        let Event::Holding { reasons, .. } = &mut again.event else {
            unreachable!()
        };
        let Hold::GreenNotReady { healthy, .. } = &mut reasons[0] else {
            panic!("{reasons:?}");
        };
        *healthy = 0;
        records.truncate(at + 1);
        let before = View::of(&records);
        assert_eq!(line(&before, &again, Detail::Normal), None);
        assert!(line(&before, &again, Detail::Verbose).is_some());
        let Event::Holding { reasons, .. } = &mut again.event else {
            unreachable!()
        };
        reasons.push(Hold::StillReplacing);
        assert!(line(&before, &again, Detail::Normal).is_some());
    }

    #[test]
    fn a_look_that_shows_nothing_new_gives_no_line() {
        let mut records = stories::holding();
        let look = records
            .iter()
            .rfind(|r| matches!(r.event, Event::Looked(_)))
            .unwrap()
            .clone();
        let before = View::of(&records);
        assert_eq!(line(&before, &look, Detail::Verbose), None);
        records.truncate(1);
        assert!(line(&View::of(&records), &look, Detail::Normal).is_some());
    }
}
