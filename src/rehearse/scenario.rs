//! What is rehearsed on: the live service as it is to be, and the faults to try. Read from YAML as
//! strictly as the config.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::fault::{self, Fault};
use crate::deployment::ids::AlarmName;
use crate::sandbox::world::elb::Kind;
use crate::sandbox::world::traffic::Together;
use crate::strategy::{self, InputError, Node, Reader};

/// The service, its traffic, and what befalls it. All keys may be left out; the defaults are the
/// demo account's.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it is behind (`load_balancer`).
    pub load_balancer: Kind,
    /// Requests a second (`requests`).
    pub requests: f64,
    /// By how much of its mean the traffic swings over a day (`swing`), 0 to 1.
    pub swing: f64,
    /// Tasks of each side (`tasks`).
    pub tasks: u32,
    /// The live version's share of failed requests (`errors`), in millionths.
    pub errors: u32,
    /// Its typical latency (`latency`).
    pub latency: Duration,
    /// From a container's start until its process listens (`start_up`).
    pub start_up: Duration,
    /// From a target's first good health check until it has had enough of them (`healthy_after`).
    pub healthy_after: Duration,
    /// How long a target drains (`deregistration_delay`).
    pub deregistration_delay: Duration,
    /// How late CloudWatch's figures are (`lag`).
    pub lag: Duration,
    /// By how much the error rate of either side differs from minute to minute by itself
    /// (`noise`), as a share of it.
    pub noise: f64,
    /// What the error rates of both sides do together (`weather`).
    pub weather: Together,
    /// For how long after the first shift failed requests are counted, where nothing reverts
    /// (`count_for`).
    pub count_for: Duration,
    /// The faults to try (`faults`).
    pub faults: Vec<Fault>,
    /// The live service's alarms, each as CloudWatch takes it, where they were read; no key of a
    /// file.
    pub alarms: Option<BTreeMap<AlarmName, Value>>,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            load_balancer: Kind::Application,
            requests: 20.0,
            swing: 0.0,
            tasks: 2,
            errors: 0,
            latency: Duration::from_millis(20),
            start_up: Duration::from_secs(2),
            healthy_after: Duration::from_secs(20),
            deregistration_delay: Duration::from_secs(300),
            lag: Duration::from_secs(90),
            noise: 0.0,
            weather: Together::Steady,
            count_for: Duration::from_secs(3600),
            faults: fault::usual(),
            alarms: None,
        }
    }
}

const KEYS: [&str; 14] = [
    "load_balancer",
    "requests",
    "swing",
    "tasks",
    "errors",
    "latency",
    "start_up",
    "healthy_after",
    "deregistration_delay",
    "lag",
    "noise",
    "weather",
    "count_for",
    "faults",
];
/// More a second would only be slower to rehearse.
const MOST_REQUESTS: f64 = 100_000.0;
const MOST_TASKS: u32 = 1000;
/// What ELB takes.
const LONGEST_DRAIN: Duration = Duration::from_secs(3600);
const LONGEST_COUNT: Duration = Duration::from_secs(7 * 24 * 3600);

/// An hour's swing, by half of the rate.
const DRIFTING: Together = Together::Drifting {
    swing: 0.5,
    minutes: 60.0,
};
/// Ten minutes of every hour with eight times as many errors.
const INCIDENTS: Together = Together::Incidents {
    times: 8.0,
    every: 60,
    length: 10,
};

impl Scenario {
    /// Reads a scenario; `origin` is its file's name.
    ///
    /// # Errors
    /// What is wrong first, with its line.
    pub fn parse(text: &str, origin: &str) -> Result<Scenario, InputError> {
        let reader = Reader { text, origin };
        let node = reader.parse()?;
        let mut scenario = Scenario::default();
        if matches!(node.value, strategy::Value::Null) {
            return Ok(scenario);
        }
        let fields = reader.fields(&node, "a scenario such as { requests: 50 }", &KEYS)?;
        let in_range = |node: &Node, fits: bool, what: &str| match fits {
            true => Ok(()),
            false => Err(reader.error(node.at, what)),
        };
        if let Some(node) = fields.optional("load_balancer") {
            scenario.load_balancer = load_balancer(reader, node)?;
        }
        if let Some(node) = fields.optional("requests") {
            scenario.requests = requests(reader, node)?;
        }
        if let Some(node) = fields.optional("swing") {
            scenario.swing = share(reader, node, "swing")?;
        }
        if let Some(node) = fields.optional("tasks") {
            let tasks = number(reader, node)?;
            let fits = tasks.fract() == 0.0 && tasks >= 1.0 && tasks <= f64::from(MOST_TASKS);
            in_range(node, fits, "`tasks` must be a whole number from 1 to 1000")?;
            scenario.tasks = tasks as u32;
        }
        if let Some(node) = fields.optional("errors") {
            scenario.errors = reader.rate(node)?;
            in_range(
                node,
                scenario.errors <= 1_000_000,
                "`errors` must be at most 100%",
            )?;
        }
        for (key, length) in [
            ("latency", &mut scenario.latency),
            ("start_up", &mut scenario.start_up),
            ("healthy_after", &mut scenario.healthy_after),
            ("deregistration_delay", &mut scenario.deregistration_delay),
            ("lag", &mut scenario.lag),
            ("count_for", &mut scenario.count_for),
        ] {
            if let Some(node) = fields.optional(key) {
                *length = reader.duration(node)?;
                let what = format!("`{key}` must be at most 7d");
                in_range(node, *length <= LONGEST_COUNT, &what)?;
            }
        }
        if let Some(node) = fields.optional("deregistration_delay") {
            let fits = scenario.deregistration_delay <= LONGEST_DRAIN;
            in_range(node, fits, "`deregistration_delay` must be at most 1h")?;
        }
        if let Some(node) = fields.optional("noise") {
            scenario.noise = share(reader, node, "noise")?;
        }
        if let Some(node) = fields.optional("weather") {
            scenario.weather = weather(reader, node)?;
        }
        if let Some(node) = fields.optional("faults") {
            let faults = reader.list(node, "a list of faults")?.iter();
            scenario.faults = faults
                .map(|node| fault::read(reader, node))
                .collect::<Result<_, _>>()?;
        }
        Ok(scenario)
    }
}

fn load_balancer(reader: Reader<'_>, node: &Node) -> Result<Kind, InputError> {
    let expected = "application or network";
    match reader.text(node, expected)?.as_str() {
        "application" => Ok(Kind::Application),
        "network" => Ok(Kind::Network),
        other => Err(reader.error(node.at, format!("expected {expected}, found {other:?}"))),
    }
}

/// Requests a second.
pub(super) fn requests(reader: Reader<'_>, node: &Node) -> Result<f64, InputError> {
    let requests = number(reader, node)?;
    if requests > 0.0 && requests <= MOST_REQUESTS {
        return Ok(requests);
    }
    let what = "`requests` must be over 0 and at most 100000 a second";
    Err(reader.error(node.at, what))
}

/// A percentage up to 100 %.
pub(super) fn share(reader: Reader<'_>, node: &Node, key: &str) -> Result<f64, InputError> {
    let share = f64::from(reader.rate(node)?) / 1e6;
    match share <= 1.0 {
        true => Ok(share),
        false => Err(reader.error(node.at, format!("`{key}` must be at most 100%"))),
    }
}

/// What both sides' errors do together.
pub(super) fn weather(reader: Reader<'_>, node: &Node) -> Result<Together, InputError> {
    let expected = "steady, drifting or incidents";
    match reader.text(node, expected)?.as_str() {
        "steady" => Ok(Together::Steady),
        "drifting" => Ok(DRIFTING),
        "incidents" => Ok(INCIDENTS),
        other => {
            let what = format!("expected {expected}, found {other:?}");
            Err(reader.error(node.at, what))
        }
    }
}

fn number(reader: Reader<'_>, node: &Node) -> Result<f64, InputError> {
    match &node.value {
        strategy::Value::Number(number) => number
            .parse()
            .map_err(|_| reader.mismatch(node, "a number such as 50")),
        _ => Err(reader.mismatch(node, "a number such as 50")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_scenario_is_the_demo_account() {
        assert_eq!(
            Scenario::parse("# nothing\n", "x").unwrap(),
            Scenario::default()
        );
        let busy = Scenario::parse("requests: 500\nerrors: 0.1%\n", "x").unwrap();
        assert_eq!((busy.requests, busy.errors, busy.tasks), (500.0, 1000, 2));
    }

    #[test]
    fn the_page_on_rehearsals_has_each_key() {
        let page = include_str!("../../docs/rehearsal.md");
        for key in KEYS.iter().chain(&fault::KEYS) {
            let row = [format!("| `{key}"), format!("`{key}` (the live")];
            assert!(row.iter().any(|it| page.contains(it)), "{key}");
        }
    }

    #[test]
    fn a_fault_s_name_says_what_befalls_the_service() {
        let scenario = "faults:\n  - { late: 5m }\n  - { crash: 3m }\n  \
            - { errors: 5%, from: 0.1%, requests: 5, weather: drifting, noise: 25% }\n";
        let faults = Scenario::parse(scenario, "x").unwrap().faults;
        let names: Vec<String> = faults.iter().map(|it| it.under(it.kind)).collect();
        assert_eq!(
            names,
            [
                "errors 20 %, figures 5m later",
                "crash after 3m",
                "errors 0.1 % → 5 %, 5 requests a second, drifting, noise 25 %",
            ]
        );
        let good = faults[0].under(fault::Kind::Good);
        assert_eq!(good, "good, figures 5m later");
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (text, told) in [
            (
                "request: 5\n",
                "x:1:1: unknown key \"request\"; did you mean \"requests\"?",
            ),
            (
                "tasks: 0\n",
                "x:1:8: `tasks` must be a whole number from 1 to 1000",
            ),
            (
                "requests: 5\nerrors: 0.1\n",
                "x:2:9: 0.1 is not a percentage",
            ),
            (
                "load_balancer: classic\n",
                "x:1:16: expected application or network, found \"classic\"",
            ),
            (
                "weather: rain\n",
                "x:1:10: expected steady, drifting or incidents, found \"rain\"",
            ),
            (
                "faults:\n  - { error: 5% }\n",
                "x:2:7: unknown key \"error\"; did you mean \"errors\"?",
            ),
            (
                "faults:\n  - {}\n",
                "x:2:5: a fault is one of good, errors, latency, crash, start_up, late, throttled, dies",
            ),
            (
                "faults:\n  - { errors: 5%, latency: 1s }\n",
                "x:2:5: only one fault per entry: each is tried by itself; write two",
            ),
        ] {
            let error = Scenario::parse(text, "x").unwrap_err();
            assert_eq!(error.headline(), told, "{text}");
        }
    }
}
