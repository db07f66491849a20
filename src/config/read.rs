//! From a text to a [`Config`].

use std::time::Duration;

use crate::strategy::{
    Fields, InputError, Node, Reader, StrategyRef, Value, format_duration, strategy_from_node,
};

use super::deadman::read_deadman;
use super::environment::fill;
use super::gates::read_gates;
use super::guards::read_guards;
use super::notify::read_notify;
use super::routes::{read_routes, read_test_routes, read_user_pools};
use super::slots::read_slots;
use super::types::{
    Config, Discovery, GreenCapacity, OnSignal, Retire, RetireThen, Signals, Timing,
};
use super::values::{AccountId, StateLocation};

pub(super) const CONFIG_KEYS: [&str; 22] = [
    "service",
    "cluster",
    "account",
    "region",
    "slots",
    "routes",
    "test_route",
    "user_pools",
    "strategy",
    "guards",
    "gates",
    "discovery",
    "green_capacity",
    "retire",
    "deadman",
    "notify",
    "signals",
    "state",
    "poll",
    "timeout",
    "patience",
    "blind_after",
];

pub(super) const RETIRE_KEYS: [&str; 3] = ["after", "then", "at_most"];

pub(super) const RETIRE_THEN: [(&str, RetireThen); 3] = [
    ("scale-to-zero", RetireThen::ScaleToZero),
    ("delete", RetireThen::Delete),
    ("keep", RetireThen::Keep),
];

pub(super) const DISCOVERY: [(&str, Discovery); 1] = [("shared", Discovery::Shared)];

pub(super) const GREEN_CAPACITY: [(&str, GreenCapacity); 2] = [
    ("full", GreenCapacity::Full),
    ("proportional", GreenCapacity::Proportional),
];

pub(super) const SIGNALS_KEYS: [&str; 3] = ["SIGINT", "SIGTERM", "SIGHUP"];

pub(super) const ON_SIGNAL: [(&str, OnSignal); 3] = [
    ("revert", OnSignal::Revert),
    ("keep", OnSignal::Keep),
    ("pause", OnSignal::Pause),
];

/// Looking more often than this would eat the account's API budget, less often would be blind.
const POLL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

impl Config {
    /// Reads a config's text. `origin` (its file name) stands in errors; `variable` looks up what
    /// `${NAME}` stands for.
    pub fn parse(
        text: &str,
        origin: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, InputError> {
        let reader = Reader { text, origin };
        let node = fill(reader, reader.parse()?, variable)?;
        let fields = reader.fields(
            &node,
            "a config: a mapping with `service`, `cluster` and `slots`",
            &CONFIG_KEYS,
        )?;
        let service = reader.name(fields.required("service")?, "the service's name")?;
        let cluster = reader.name(fields.required("cluster")?, "the ECS cluster's name")?;
        let slots = read_slots(reader, fields.required("slots")?)?;
        let region = read(&fields, "region", |node| reader.name(node, "an AWS region"))?;
        let routes = read(&fields, "routes", |node| read_routes(reader, node))?.unwrap_or_default();
        let test_routes = read(&fields, "test_route", |node| {
            read_test_routes(reader, node, &routes)
        })?;
        let guards = read(&fields, "guards", |node| read_guards(reader, node))?;
        Ok(Config {
            service,
            cluster,
            account: read(&fields, "account", |node| read_account(reader, node))?,
            region,
            slots,
            routes,
            test_routes: test_routes.unwrap_or_default(),
            user_pools: read(&fields, "user_pools", |node| read_user_pools(reader, node))?
                .unwrap_or_default(),
            strategy: read(&fields, "strategy", |node| read_strategy(reader, node))?
                .unwrap_or_default(),
            guards: guards.unwrap_or_default(),
            gates: read(&fields, "gates", |node| read_gates(reader, node))?.unwrap_or_default(),
            discovery: read(&fields, "discovery", |node| reader.choice(node, &DISCOVERY))?
                .unwrap_or_default(),
            green_capacity: read(&fields, "green_capacity", |node| {
                reader.choice(node, &GREEN_CAPACITY)
            })?
            .unwrap_or_default(),
            retire: read(&fields, "retire", |node| read_retire(reader, node))?.unwrap_or_default(),
            deadman: read(&fields, "deadman", |node| read_deadman(reader, node))?,
            notify: read(&fields, "notify", |node| read_notify(reader, node))?.unwrap_or_default(),
            signals: read(&fields, "signals", |node| read_signals(reader, node))?
                .unwrap_or_default(),
            state: read(&fields, "state", |node| read_state(reader, node))?.unwrap_or_default(),
            timing: read_timing(reader, &fields)?,
        })
    }
}

/// The value of a key that may be left out.
fn read<T>(
    fields: &Fields<'_, '_>,
    key: &str,
    value: impl FnOnce(&Node) -> Result<T, InputError>,
) -> Result<Option<T>, InputError> {
    fields.optional(key).map(value).transpose()
}

impl Reader<'_> {
    /// A name, ARN or pattern: a text without blanks.
    pub(super) fn name(self, node: &Node, expected: &str) -> Result<String, InputError> {
        let name = self.text(node, expected)?;
        if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let what = format!("expected {expected}, found {name:?} with a blank in it");
            return Err(self.error(node.at, what));
        }
        Ok(name)
    }

    /// A port's number, also one that came out of a variable as text.
    pub(super) fn port(self, node: &Node) -> Result<u16, InputError> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            return Err(self.mismatch(node, "a port's number"));
        };
        let port = text.parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| self.error(node.at, format!("{text:?} is not a port: 1 to 65535")))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        self,
        node: &Node,
        choices: &[(&str, T)],
    ) -> Result<T, InputError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let Value::Text(text) = &node.value else {
            return Err(self.mismatch(node, &expected));
        };
        let found = choices.iter().find(|(name, _)| name == text);
        found
            .map(|(_, choice)| *choice)
            .ok_or_else(|| self.error(node.at, format!("expected {expected}, found {text:?}")))
    }
}

fn read_account(reader: Reader<'_>, node: &Node) -> Result<AccountId, InputError> {
    let Value::Text(text) = &node.value else {
        let hint = "as a number it would lose its leading zeros: write account: \"123456789012\"";
        let error = reader.mismatch(node, "an account's 12 digits in quotes");
        return Err(error.with_hint(hint));
    };
    text.parse()
        .map_err(|what: String| reader.error(node.at, what))
}

fn read_state(reader: Reader<'_>, node: &Node) -> Result<StateLocation, InputError> {
    let text = reader.text(node, "file:DIR or dynamodb://TABLE")?;
    text.parse()
        .map_err(|what: String| reader.error(node.at, what))
}

/// A name that isn't a file is looked up at once, so that a wrong one is shown where it stands.
fn read_strategy(reader: Reader<'_>, node: &Node) -> Result<StrategyRef, InputError> {
    if matches!(node.value, Value::Map(_)) {
        return strategy_from_node(reader, node, "inline").map(StrategyRef::Inline);
    }
    let name = reader.text(
        node,
        "a strategy's name, file or short form, or { steps, bake }",
    )?;
    let strategy = StrategyRef::Named(name);
    if strategy.file().is_none() {
        let unread = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::Unsupported));
        strategy.resolve(unread).map_err(|error| {
            let here = reader.error(node.at, format!("{}: {}", error.origin(), error.what()));
            match error.hint() {
                Some(hint) => here.with_hint(hint),
                None => here,
            }
        })?;
    }
    Ok(strategy)
}

fn read_signals(reader: Reader<'_>, node: &Node) -> Result<Signals, InputError> {
    let fields = reader.fields(node, "{ SIGINT, SIGTERM, SIGHUP }", &SIGNALS_KEYS)?;
    let of = |name| read(&fields, name, |node| reader.choice(node, &ON_SIGNAL));
    Ok(Signals {
        interrupt: of("SIGINT")?.unwrap_or_default(),
        terminate: of("SIGTERM")?.unwrap_or_default(),
        hang_up: of("SIGHUP")?.unwrap_or_default(),
    })
}

fn read_retire(reader: Reader<'_>, node: &Node) -> Result<Retire, InputError> {
    let fields = reader.fields(node, "{ after, then, at_most }", &RETIRE_KEYS)?;
    let default = Retire::default();
    let after = read(&fields, "after", |node| reader.duration(node))?.unwrap_or(default.after);
    let then = read(&fields, "then", |node| reader.choice(node, &RETIRE_THEN))?;
    let at_most = match fields.optional("at_most") {
        Some(node) => reader.duration(node)?,
        None => default.at_most.max(after),
    };
    if at_most < after {
        let what = format!(
            "`at_most` ({}) is shorter than `after` ({})",
            format_duration(at_most),
            format_duration(after)
        );
        return Err(reader.error(fields.place("at_most"), what));
    }
    let then = then.unwrap_or(default.then);
    Ok(Retire {
        after,
        then,
        at_most,
    })
}

fn read_timing(reader: Reader<'_>, fields: &Fields<'_, '_>) -> Result<Timing, InputError> {
    let default = Timing::default();
    let duration = |key: &str, default: Duration| {
        let read = read(fields, key, |node| reader.duration(node))?;
        Ok::<_, InputError>(read.unwrap_or(default))
    };
    let timing = Timing {
        poll: duration("poll", default.poll)?,
        timeout: duration("timeout", default.timeout)?,
        patience: duration("patience", default.patience)?,
        blind_after: duration("blind_after", default.blind_after)?,
    };
    let error = |key: &str, what: &str| Err(reader.error(fields.place(key), what));
    if !POLL.contains(&timing.poll) {
        return error("poll", "`poll` must be from 1s to 60s");
    }
    if timing.timeout.is_zero() {
        return error(
            "timeout",
            "`timeout` must be over 0s: green needs time to start",
        );
    }
    if timing.blind_after < timing.poll {
        return error(
            "blind_after",
            "`blind_after` must not be shorter than `poll`",
        );
    }
    Ok(timing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AlarmSide, RouteConfig, Routes, TargetGuard};
    use crate::judge::alarms::InsufficientData;
    use crate::judge::targets::Share;

    const LEAST: &str = "service: shop\ncluster: prod\nslots:\n  a: { service: shop, target_group: shop-a }\n  b: { service: shop-b, target_group: shop-b }\n";

    fn parse(text: &str) -> Result<Config, InputError> {
        Config::parse(text, "bg.yaml", &|name| {
            (name == "PORT").then(|| "8443".to_owned())
        })
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let config = parse(LEAST).unwrap();
        assert_eq!(config.account, None);
        assert_eq!(config.routes, Routes::Auto);
        assert_eq!(config.strategy, StrategyRef::Named("canary".to_owned()));
        assert_eq!(config.guards.targets, TargetGuard::default());
        assert_eq!(config.retire.after, Duration::from_secs(600));
        assert_eq!(config.state.to_string(), "file:.bg");
        assert_eq!(config.timing.poll, Duration::from_secs(5));
        assert_eq!(config.slots.a.targets[0].endpoint, None);
    }

    #[test]
    fn everything_that_is_written_is_read() {
        let text = LEAST.to_owned()
            + "account: \"012345678901\"\nregion: eu-west-1\n"
            + "routes:\n  - arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/x/1/2/3\n"
            + "  - { load_balancer: shop, port: '${PORT}', host: shop.example.com, path: /api/* }\n"
            + "strategy: { steps: [{ weight: 100% }], bake: 1m }\n"
            + "guards:\n  targets: { ready: 90%, min: 50%, for: 1m }\n  alarms:\n    - shop-latency\n"
            + "    - { name: 'shop-{slot}-5xx', insufficient_data: ok }\n"
            + "    - { name: 'shop-{slot}-5xx', side: blue }\n"
            + "retire: { after: 2h, then: delete }\nsignals: { SIGHUP: keep }\nstate: dynamodb://bg-state\n"
            + "poll: 1s\ntimeout: 15m\npatience: 0s\nblind_after: 1m\n";
        let config = parse(&text).unwrap();
        assert_eq!(
            config.account.map(|account| account.to_string()).as_deref(),
            Some("012345678901")
        );
        let Routes::Listed(routes) = &config.routes else {
            panic!("{:?}", config.routes)
        };
        assert!(matches!(&routes[0], RouteConfig::Rule(_)));
        assert!(
            matches!(&routes[1], RouteConfig::Named { port: 8443, path: Some(path), .. } if path == "/api/*")
        );
        assert!(
            matches!(&config.strategy, StrategyRef::Inline(strategy) if strategy.name() == "inline")
        );
        assert_eq!(config.guards.targets.min, Share::of_percent(50).unwrap());
        let alarms = &config.guards.alarms;
        assert_eq!(alarms[0].side, AlarmSide::Service);
        assert_eq!(
            (alarms[1].side, alarms[2].side),
            (AlarmSide::Green, AlarmSide::Blue)
        );
        assert_eq!(alarms[1].insufficient_data, Some(InsufficientData::Ok));
        assert_eq!(alarms[1].name_for("b"), "shop-b-5xx");
        assert_eq!(
            config.retire.at_most,
            Duration::from_secs(7200),
            "not before `after`"
        );
        assert_eq!(config.retire.then, RetireThen::Delete);
        let signals = config.signals;
        assert_eq!(signals.hang_up, OnSignal::Keep);
        assert_eq!(signals.terminate, OnSignal::Revert);
        assert_eq!(config.timing.patience, Duration::ZERO);
    }

    #[test]
    fn slot_bs_targets_follow_slot_as_order() {
        let text = "service: x\ncluster: c\nslots:\n  a:\n    service: x-a\n    targets:\n      - { container: app, port: 80, group: a1 }\n      - { container: admin, port: 90, group: a2 }\n  b:\n    service: x-b\n    targets:\n      - { container: admin, port: 90, group: b2 }\n      - { container: app, port: 80, group: b1 }\n";
        let slots = parse(text).unwrap().slots;
        let groups: Vec<&str> = slots
            .b
            .targets
            .iter()
            .map(|target| target.group.as_str())
            .collect();
        assert_eq!(groups, ["b1", "b2"]);
    }

    #[test]
    fn one_port_behind_two_load_balancers_is_paired_by_the_order() {
        let target = |container: &str, group: &str| {
            format!("      - {{ container: {container}, port: 80, group: {group} }}\n")
        };
        let slot = |name: &str, targets: &[(&str, &str)]| {
            let targets = targets
                .iter()
                .map(|(container, group)| target(container, group));
            let targets: String = targets.collect();
            format!("  {name}:\n    service: x-{name}\n    targets:\n{targets}")
        };
        let config = |b: &[(&str, &str)]| {
            let a = slot(
                "a",
                &[
                    ("app", "public-a"),
                    ("admin", "admin-a"),
                    ("app", "inner-a"),
                ],
            );
            parse(&format!(
                "service: x\ncluster: c\nslots:\n{a}{}",
                slot("b", b)
            ))
        };
        let slots = config(&[
            ("app", "public-b"),
            ("app", "inner-b"),
            ("admin", "admin-b"),
        ]);
        let slots = slots.unwrap().slots;
        let groups: Vec<&str> = slots.b.targets.iter().map(|it| it.group.as_str()).collect();
        assert_eq!(groups, ["public-b", "admin-b", "inner-b"]);

        let refused = |b: &[(&str, &str)]| config(b).unwrap_err().to_string();
        let once = refused(&[("app", "public-b"), ("admin", "admin-b")]);
        assert!(
            once.contains("slot b's targets are other containers"),
            "{once}"
        );
        let again = refused(&[("app", "b"), ("app", "b"), ("admin", "admin-b")]);
        assert!(
            again.contains("the target group \"b\" is named twice"),
            "{again}"
        );
    }

    #[test]
    fn a_refusal_shows_the_line() {
        let error = parse(&LEAST.replace(
            "  b: { service: shop-b, target_group",
            "  b: { service: shop-b, target_grp",
        ));
        assert_eq!(
            error.unwrap_err().to_string(),
            "bg.yaml:5:25: unknown key \"target_grp\"; did you mean \"target_group\"?\n  |\n5 |   b: { service: shop-b, target_grp: shop-b }\n  |                         ^\nHint: keys known here: service, target_group, targets"
        );
    }
}
