//! JUnit reports: a suite for each deployment, and in it a case for green's health, each step, each
//! gate, each guard and the revert.

use std::time::Duration;

use jiff::Timestamp;
use quick_xml::escape::escape;

use super::{deployments, joined};
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::{GateAnswer, Point};
use crate::deployment::ids::AlarmName;
use crate::deployment::metrics::Subject;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::plan::{AlarmWeight, Plan};
use crate::deployment::trip::Trip;
use crate::report::ending::ending;
use crate::report::view::View;
use crate::report::words;

/// One case of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What was looked at.
    pub name: String,
    /// How long.
    pub took: Duration,
    /// What came of it.
    pub result: CaseResult,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseResult {
    /// As it should be.
    Passed,
    /// Not so: in a line, and at length.
    Failed {
        /// In a line.
        message: String,
        /// At length.
        text: String,
    },
    /// It was not looked at.
    Skipped {
        /// Why.
        why: String,
    },
}

/// A suite that drove no deployment: one case, and what came of it.
pub fn lone(name: &str, result: CaseResult) -> String {
    let case = Case {
        name: name.to_owned(),
        took: Duration::ZERO,
        result,
    };
    document(&[suite("bg", None, Duration::ZERO, &[case])])
}

/// The report of all deployments that `records` tell of.
pub fn junit(records: &[Record]) -> String {
    let suites: Vec<String> = deployments(records)
        .into_iter()
        .map(of_deployment)
        .collect();
    document(&suites)
}

fn of_deployment(records: &[Record]) -> String {
    let view = View::of(records);
    let Some(plan) = view.plan.as_ref() else {
        return String::new();
    };
    let name = format!("{} {}", plan.service, plan.id);
    let from = view.started_at.unwrap_or(plan.created_at);
    let took = words::between(from, end(&view, from));
    suite(&name, Some(from), took, &cases(records, &view, plan))
}

/// All cases of a deployment, in the order in which they come up.
pub fn cases(records: &[Record], view: &View, plan: &Plan) -> Vec<Case> {
    let told = Told::of(records, view, plan);
    let mut cases = vec![told.health()];
    cases.extend(gates(records, plan, Point::BeforeTraffic));
    for step in 0..plan.steps.len() {
        cases.push(told.step(step));
        cases.extend(gates(records, plan, Point::AfterStep(step)));
    }
    cases.extend(gates(records, plan, Point::AfterPromotion));
    cases.extend(told.guards());
    cases.extend(told.revert());
    cases.extend(told.moved());
    cases
}

/// When it was over; retiring is no part of it.
fn end(view: &View, from: Timestamp) -> Timestamp {
    let last = view.put_away_at.or(view.promoted_at).or(view.last_at);
    last.unwrap_or(from)
}

/// A deployment's moments.
struct Told<'a> {
    view: &'a View,
    plan: &'a Plan,
    from: Timestamp,
    to: Timestamp,
    ready: Option<Timestamp>,
    /// When each step began.
    begun: Vec<Option<Timestamp>>,
}

impl<'a> Told<'a> {
    fn of(records: &[Record], view: &'a View, plan: &'a Plan) -> Told<'a> {
        let from = view.started_at.unwrap_or(plan.created_at);
        let mut begun = vec![None; plan.steps.len()];
        let mut ready = None;
        for record in records {
            match &record.event {
                Event::GreenReady => ready = Some(record.at),
                Event::Shifting { step, .. } => {
                    if let Some(begun) = begun.get_mut(*step) {
                        begun.get_or_insert(record.at);
                    }
                }
                _ => {}
            }
        }
        Told {
            view,
            plan,
            from,
            to: view.tripped_at.unwrap_or_else(|| end(view, from)),
            ready,
            begun,
        }
    }

    /// Whether a deployment that a gate refused did well otherwise.
    fn only_a_gate_said_no(&self) -> bool {
        matches!(self.view.trip, Some(Trip::GateFailed(_)))
    }

    /// What came of where it was when it went no further.
    fn stopped(&self) -> CaseResult {
        let text = || joined(&ending(self.view));
        match (&self.view.outcome, &self.view.trip) {
            _ if self.only_a_gate_said_no() => CaseResult::Passed,
            (Some(Outcome::Promoted), _) => CaseResult::Passed,
            (Some(Outcome::Kept { signal }), _) => CaseResult::Skipped {
                why: format!("left as it is on {signal}"),
            },
            (_, Some(trip)) => CaseResult::Failed {
                message: trip.to_string(),
                text: text(),
            },
            (Some(Outcome::Stuck { why }), None) => CaseResult::Failed {
                message: why.to_string(),
                text: text(),
            },
            (Some(Outcome::Reverted { .. }) | None, None) => CaseResult::Failed {
                message: "it has not ended".to_owned(),
                text: text(),
            },
        }
    }

    fn health(&self) -> Case {
        let (to, result) = match self.ready.or(self.begun.first().copied().flatten()) {
            Some(ready) => (ready, CaseResult::Passed),
            None => (self.to, self.stopped()),
        };
        Case {
            name: "green becomes healthy".to_owned(),
            took: words::between(self.from, to),
            result,
        }
    }

    fn step(&self, step: usize) -> Case {
        let later = self.begun.iter().skip(step + 1).flatten().min().copied();
        let over = later.or(self.view.promoted_at);
        let (took, result) = match (self.begun[step], over) {
            (Some(from), Some(to)) => (words::between(from, to), CaseResult::Passed),
            (Some(from), None) => (words::between(from, self.to), self.stopped()),
            (None, Some(_)) => (Duration::ZERO, skipped("somebody asked to go past it")),
            (None, None) => (Duration::ZERO, skipped("it did not come to that")),
        };
        Case {
            name: self.step_name(step),
            took,
            result,
        }
    }

    fn step_name(&self, step: usize) -> String {
        let (n, of) = (step + 1, self.plan.steps.len());
        let it = &self.plan.steps[step];
        let bake = words::length(it.bake);
        match self.plan.is_bare() {
            true => format!("step {n} of {of}: green beside blue for {bake}"),
            false => format!("step {n} of {of}: {} of traffic for {bake}", it.weight),
        }
    }

    /// Each guard, which watched from the first look to the end.
    fn guards(&self) -> Vec<Case> {
        let guards = &self.plan.guards;
        let mut cases = vec![self.guard("guard targets".to_owned(), None, is_of_targets)];
        for alarm in &guards.alarms {
            let lifted = (alarm.weight == AlarmWeight::LiftedAtStart)
                .then(|| skipped("it was in ALARM when the deployment began"));
            let name = format!("guard alarm {}", alarm.name);
            cases.push(self.guard(name, lifted, |trip| is_alarm(trip, &alarm.name)));
        }
        let Some(metrics) = &guards.metrics else {
            return cases;
        };
        let mut judged = |name: &str, is_it: &dyn Fn(&Trip) -> bool| {
            cases.push(self.guard(format!("guard {name}"), None, is_it));
        };
        if metrics.errors.is_some() {
            judged("errors", &|trip| is_worse(trip, Subject::Green, false));
        }
        if metrics.latency.is_some() {
            judged("latency", &|trip| is_worse(trip, Subject::Green, true));
        }
        if metrics.load_balancer.is_some() {
            judged(
                "load balancer",
                &|trip| matches!(trip, Trip::Worse(worse) if worse.subject == Subject::LoadBalancer),
            );
        }
        for threshold in &metrics.thresholds {
            judged(
                &format!("threshold {}", threshold.name),
                &|trip| matches!(trip, Trip::OverLimit(crossed) if crossed.name == threshold.name),
            );
        }
        if metrics.compare.is_some() {
            judged("compare", &|trip| matches!(trip, Trip::Compared(_)));
        }
        cases
    }

    fn guard(
        &self,
        name: String,
        instead: Option<CaseResult>,
        is_it: impl Fn(&Trip) -> bool,
    ) -> Case {
        let tripped = self.view.trip.as_ref().filter(|trip| is_it(trip));
        let result = tripped.map(|trip| CaseResult::Failed {
            message: trip.to_string(),
            text: String::new(),
        });
        Case {
            name,
            took: words::between(self.from, self.to),
            result: result.or(instead).unwrap_or(CaseResult::Passed),
        }
    }

    /// Whether traffic came back and green went, where that was due.
    fn revert(&self) -> Option<Case> {
        let from = self.view.tripped_at?;
        let result = match &self.view.outcome {
            Some(Outcome::Stuck { why }) => CaseResult::Failed {
                message: why.to_string(),
                text: trouble_of(why).unwrap_or_default().to_owned(),
            },
            Some(_) => CaseResult::Passed,
            None => CaseResult::Failed {
                message: "it has not ended".to_owned(),
                text: String::new(),
            },
        };
        Some(Case {
            name: "revert".to_owned(),
            took: words::between(from, end(self.view, from)),
            result,
        })
    }
}

impl Told<'_> {
    /// What came between a success and its end.
    fn moved(&self) -> Option<Case> {
        let from = self.view.promoted_at?;
        let Some(Outcome::Stuck { why }) = &self.view.outcome else {
            return None;
        };
        Some(Case {
            name: "green keeps everything".to_owned(),
            took: words::between(from, self.view.last_at.unwrap_or(from)),
            result: CaseResult::Failed {
                message: why.to_string(),
                text: String::new(),
            },
        })
    }
}

fn trouble_of(why: &Stuck) -> Option<&str> {
    match why {
        Stuck::RevertNotConfirmed { trouble, .. } | Stuck::GreenNotPutAway { trouble, .. } => {
            Some(trouble)
        }
        _ => None,
    }
}

fn skipped(why: &str) -> CaseResult {
    let why = why.to_owned();
    CaseResult::Skipped { why }
}

fn is_of_targets(trip: &Trip) -> bool {
    matches!(
        trip,
        Trip::NotHealthyInTime { .. }
            | Trip::CrashLoop { .. }
            | Trip::RolloutFailed { .. }
            | Trip::TooFewHealthyTargets { .. }
    )
}

fn is_alarm(trip: &Trip, alarm: &AlarmName) -> bool {
    matches!(trip, Trip::Alarm { name, .. } if name == alarm)
}

/// What is slow is named by the line that it crosses.
fn is_worse(trip: &Trip, subject: Subject, slow: bool) -> bool {
    matches!(trip, Trip::Worse(worse)
        if worse.subject == subject && worse.metric.starts_with("over ") == slow)
}

/// The gates that a plan has at a point: what they answered, or that they were not asked.
fn gates(records: &[Record], plan: &Plan, point: Point) -> Vec<Case> {
    let here = crate::deployment::gate::at(plan, point);
    here.map(|(gate, it)| {
        let (took, result) = answered(records, gate, point);
        let name = format!("gate {} {}", it.name, point.told(plan));
        Case { name, took, result }
    })
    .collect()
}

fn answered(records: &[Record], wanted: usize, there: Point) -> (Duration, CaseResult) {
    let mut opened = None;
    for record in records {
        match &record.event {
            Event::GateOpened { gate, point, .. } if (*gate, *point) == (wanted, there) => {
                opened.get_or_insert(record.at);
            }
            Event::GateAnswered {
                gate,
                point,
                answer,
            } if (*gate, *point) == (wanted, there) => {
                let took = words::between(opened.unwrap_or(record.at), record.at);
                match answer {
                    GateAnswer::Passed { .. } => return (took, CaseResult::Passed),
                    GateAnswer::Failed { why } => {
                        let failed = CaseResult::Failed {
                            message: why.lines().next().unwrap_or_default().to_owned(),
                            text: why.clone(),
                        };
                        return (took, failed);
                    }
                    GateAnswer::Again { .. } => {}
                }
            }
            _ => {}
        }
    }
    let why = match opened {
        Some(_) => "it had not answered when the deployment went no further",
        None => "it was not asked",
    };
    (Duration::ZERO, skipped(why))
}

fn document(suites: &[String]) -> String {
    let suites = suites.concat();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(name: &str, at: Option<Timestamp>, took: Duration, cases: &[Case]) -> String {
    let count =
        |wanted: fn(&CaseResult) -> bool| cases.iter().filter(|case| wanted(&case.result)).count();
    let failures = count(|it| matches!(it, CaseResult::Failed { .. }));
    let skipped = count(|it| matches!(it, CaseResult::Skipped { .. }));
    let at = at.map_or_else(String::new, |at| format!(" timestamp=\"{at:.0}\""));
    let head = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" \
         skipped=\"{skipped}\" time=\"{}\"{at}>\n",
        xml(name),
        cases.len(),
        seconds(took)
    );
    let cases: String = cases.iter().map(|it| case(name, it)).collect();
    format!("{head}{cases}  </testsuite>\n")
}

fn case(suite: &str, case: &Case) -> String {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        xml(suite),
        xml(&case.name),
        seconds(case.took)
    );
    match &case.result {
        CaseResult::Passed => format!("{head}/>\n"),
        CaseResult::Failed { message, text } => format!(
            "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
            xml(message),
            xml(text)
        ),
        CaseResult::Skipped { why } => format!(
            "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>\n",
            xml(why)
        ),
    }
}

fn seconds(length: Duration) -> String {
    format!("{}.{:03}", length.as_secs(), length.subsec_millis())
}

/// `text` as XML takes it, in an attribute too: there are characters that no XML may hold.
fn xml(text: &str) -> String {
    let fits = |character: char| match character {
        '\n' | '\t' => character,
        '\u{fffe}' | '\u{ffff}' => ' ',
        other if other.is_control() => ' ',
        other => other,
    };
    let text: String = text.chars().map(fits).collect();
    escape(text.as_str()).replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    #[test]
    fn a_good_and_a_bad_deployment() {
        insta::assert_snapshot!("junit_good", junit(&stories::good()));
        insta::assert_snapshot!("junit_reverted", junit(&stories::alarmed()));
    }

    #[test]
    fn every_story_is_well_formed_and_fails_where_it_did() {
        for (name, records) in stories::all() {
            let view = View::of(&records);
            let report = junit(&records);
            let mut reader = quick_xml::Reader::from_str(&report);
            while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
            let failed = report.contains("<failure");
            let good = matches!(view.outcome, Some(Outcome::Promoted | Outcome::Kept { .. }));
            assert_eq!(failed, !good, "{name}\n{report}");
        }
    }

    #[test]
    fn two_deployments_of_a_run_are_two_suites() {
        let (first, mut second) = (stories::alarmed(), stories::good());
        for record in &mut second {
            record.deployment = crate::deployment::ids::DeploymentId::new("20260105-090000-aaaa");
        }
        let report = junit(&[first, second].concat());
        assert_eq!(report.matches("<testsuite ").count(), 2, "{report}");
    }

    #[test]
    fn other_people_s_text_stays_text() {
        let result = CaseResult::Failed {
            message: "a \"b\" <c>\u{1b}[1m".to_owned(),
            text: "]]> & \u{0}\nnext".to_owned(),
        };
        let report = lone("preflight", result);
        let told = "message=\"a &quot;b&quot; &lt;c&gt; [1m\">]]&gt; &amp;  &#10;next<";
        assert!(report.contains(told), "{report}");
    }
}
