//! `bg.yaml` for a service as it was found, with comments.

use std::collections::BTreeSet;
use std::time::Duration;

use super::from::{Taken, gates, notify};
use super::proposal::{Pair, Proposal};
use super::texts::{one_line, quoted};
use crate::deployment::ids::SlotName;
use crate::deployment::surroundings::Forward;
use crate::strategy::{Step, Strategy, StrategyRef, format_duration};

/// How long blue's traffic is waited for beyond `retire.after`.
const RETIRE_WITHIN: Duration = Duration::from_secs(3600);

/// The text of `bg.yaml`, with what another tool's files say; the same for the same proposal.
pub fn config(proposal: &Proposal, taken: &Taken) -> String {
    let mut lines = vec![
        format!(
            "# How bg deploys service {}: written by `bg init` from what was there.",
            proposal.services.a
        ),
        "# `bg help config` lists every key. For completion in editors: bg schema --write .bg/schema.json"
            .to_owned(),
        "# and as the first line: # yaml-language-server: $schema=.bg/schema.json".to_owned(),
        format!("service: {}", plain(proposal.services.a.as_str())),
        format!("cluster: {}", plain(proposal.cluster.as_str())),
        format!(
            "account: {}    # refuse to run elsewhere",
            quoted(&proposal.account)
        ),
        format!("region: {}", plain(&proposal.region)),
        String::new(),
        places(proposal).to_owned(),
    ];
    lines.extend(order(proposal));
    lines.push("slots:".to_owned());
    for slot in SlotName::BOTH {
        lines.extend(of_slot(proposal, slot));
    }
    lines.push(String::new());
    lines.extend(match is_bare(proposal) {
        true => beside(taken),
        false => routes(proposal, taken),
    });
    lines.push(String::new());
    lines.extend(guards(proposal, &taken.alarms));
    lines.push(String::new());
    if proposal.registered {
        lines.push(
            "# It is registered in Cloud Map: whoever finds it there reaches both slots as soon as \
             green's\n# tasks run, whatever the weights are. Where that may be:"
                .to_owned(),
        );
        lines.push("# discovery: shared".to_owned());
        lines.push(String::new());
    }
    for part in [gates(&taken.hooks), notify(&taken.topics)] {
        if !part.is_empty() {
            lines.extend(part);
            lines.push(String::new());
        }
    }
    lines.push(
        match is_bare(proposal) {
            true => "# The old version works on for `after`: `bg rollback` is one step so long.",
            false => "# The old version stays warm for `after`: `bg rollback` is one step so long.",
        }
        .to_owned(),
    );
    lines.push(retire(taken));
    lines.push(String::new());
    if let Some(timeout) = taken.timeout {
        lines.push("# For green to become healthy.".to_owned());
        lines.push(format!("timeout: {}", length(timeout)));
        lines.push(String::new());
    }
    if let Some(definition) = &taken.definition {
        lines.push(format!(
            "# Its task definition: bg deploy --task-definition {}",
            one_line(definition)
        ));
        lines.push(String::new());
    }
    lines.push(
        "# Journals and the lock. Where several machines deploy: dynamodb://TABLE, then `bg init --state`."
            .to_owned(),
    );
    lines.push("state: file:.bg".to_owned());
    lines.join("\n") + "\n"
}

/// Whether the service has no load balancer.
fn is_bare(proposal: &Proposal) -> bool {
    proposal.pairs.is_empty()
}

fn places(proposal: &Proposal) -> &'static str {
    match is_bare(proposal) {
        true => {
            "# The two places that take turns. There is no load balancer: bg tells by its tags and \
             by the\n# tasks which one is live."
        }
        false => "# The two places that take turns; which one is live is read from the weights.",
    }
}

/// What the order of `targets` means, where it means something.
fn order(proposal: &Proposal) -> Option<String> {
    let pairs = &proposal.pairs;
    let is_again = |(at, pair): (usize, &Pair)| {
        let mut earlier = pairs[..at].iter();
        earlier.any(|it| it.container == pair.container && it.port == pair.port)
    };
    pairs.iter().enumerate().any(is_again).then(|| {
        "# Of one container and port the first group in slot a goes with the first in slot b, and \
         so on."
            .to_owned()
    })
}

/// What carries the traffic: found again each time, or listed where records are among it.
fn where_it_flows(proposal: &Proposal, taken: &Taken) -> Vec<String> {
    let is_test = |arn: &str| taken.test_routes.iter().any(|it| it == arn);
    let routes = proposal.routes.iter().map(|route| &route.forward);
    let routes = routes.filter(|it| !is_test(it.arn.as_str()));
    let label = |it: &Forward| one_line(&it.label());
    if proposal.records.is_empty() {
        let found = routes.map(|it| format!("#   {}", label(it)));
        let first = "# Every forward action that names these target groups. Found:".to_owned();
        let records = "routes: auto\n# Where each slot has a load balancer of its own, behind \
                       weighted Route 53 records of one name:\n# routes: [{ record: \
                       shop.example.com }]";
        let last = [records.to_owned()];
        return std::iter::once(first).chain(found).chain(last).collect();
    }
    let mut lines = vec![
        "# Weighted Route 53 records over a load balancer for each slot: their weights move."
            .to_owned(),
        "routes:".to_owned(),
    ];
    lines.extend(proposal.records.iter().map(|it| {
        let zone = it
            .zone
            .as_deref()
            .map(|it| format!(", zone: {}", plain(it)));
        let kind = it.kind.map(|it| format!(", type: {it}"));
        let more = [zone, kind].into_iter().flatten().collect::<String>();
        format!("  - {{ record: {}{more} }}", quoted(it.name.as_str()))
    }));
    let others = routes.filter(|it| it.kind.record().is_none());
    lines.extend(others.map(|it| format!("  - {}    # {}", quoted(it.arn.as_str()), label(it))));
    lines
}

fn routes(proposal: &Proposal, taken: &Taken) -> Vec<String> {
    let mut lines = where_it_flows(proposal, taken);
    lines.push(String::new());
    if !taken.test_routes.is_empty() {
        lines.push("# Testers see green here before any user does.".to_owned());
        lines.push(match &taken.test_routes[..] {
            [one] => format!("test_route: {}", quoted(one)),
            several => {
                let several = several.iter().map(|it| format!("  - {}\n", quoted(it)));
                format!("test_route:\n{}", several.collect::<String>().trim_end())
            }
        });
        lines.push(String::new());
    }
    lines.extend(user_pools(proposal));
    lines.push(
        "# A name (all-at-once, canary, linear, progressive ...), canary:5%:10m, or a file."
            .to_owned(),
    );
    lines.push(strategy(taken));
    lines
}

fn user_pools(proposal: &Proposal) -> Vec<String> {
    let pools = proposal.routes.iter();
    let pools: BTreeSet<&String> = pools.flat_map(|it| &it.forward.user_pools).collect();
    if pools.is_empty() {
        return Vec::new();
    }
    let why = "# People log in by Cognito there: `bg iam-policy` allows what writing that takes.";
    let mut lines = vec![why.to_owned(), "user_pools:".to_owned()];
    lines.extend(pools.into_iter().map(|it| format!("  - {}", quoted(it))));
    lines.push(String::new());
    lines
}

/// Without a load balancer both versions work at once, for as long as the strategy's bakes.
fn beside(taken: &Taken) -> Vec<String> {
    let mut lines = vec![
        "# How long both versions work at once, watched, before the new one stays.".to_owned(),
    ];
    lines.push(match taken.strategy {
        Some(_) => strategy(taken),
        None => "strategy: { steps: [{ weight: 100% }], bake: 10m }".to_owned(),
    });
    lines
}

fn strategy(taken: &Taken) -> String {
    let name = taken.strategy.as_deref().unwrap_or("canary");
    let known = StrategyRef::Named(name.to_owned()).resolve(|_| Ok(String::new()));
    let summary = known.as_ref().map_or("", |it| it.summary());
    let summary = summary.trim_end_matches('.');
    match (&known, taken.bake) {
        (Ok(known), Some(bake)) if bake != known.bake() => with_bake(known, bake),
        _ => format!("strategy: {}    # {summary}", plain(name)),
    }
}

/// A strategy's steps written out, with another bake after the last one.
fn with_bake(strategy: &Strategy, bake: Duration) -> String {
    let last = strategy.steps().len() - 1;
    let step = |(at, step): (usize, &Step)| match at == last {
        true => format!("    - {{ weight: {} }}", step.weight),
        false => format!(
            "    - {{ weight: {}, bake: {} }}",
            step.weight,
            length(step.bake)
        ),
    };
    let steps: Vec<String> = strategy.steps().iter().enumerate().map(step).collect();
    format!(
        "strategy:    # {}\n  steps:\n{}\n  bake: {}    # after the last step",
        strategy.summary().trim_end_matches('.'),
        steps.join("\n"),
        length(bake)
    )
}

fn retire(taken: &Taken) -> String {
    match taken.retire {
        None => "retire: { after: 10m, then: scale-to-zero, at_most: 1h }".to_owned(),
        Some((_, "keep")) => "retire: { then: keep }".to_owned(),
        Some((after, then)) => format!(
            "retire: {{ after: {}, then: {then}, at_most: {} }}",
            length(after),
            length(after + RETIRE_WITHIN)
        ),
    }
}

/// As the config takes it.
fn length(length: Duration) -> String {
    format_duration(length).replace(' ', "")
}

fn of_slot(proposal: &Proposal, slot: SlotName) -> Vec<String> {
    let service = plain(proposal.services[slot].as_str());
    let group = |pair: &Pair| match slot {
        SlotName::A => plain(&pair.a.name),
        SlotName::B => plain(pair.b_name()),
    };
    let comment = match slot {
        SlotName::A => "",
        SlotName::B => "    # the service is created from slot a's where missing",
    };
    if is_bare(proposal) {
        return vec![format!("  {slot}: {{ service: {service} }}{comment}")];
    }
    if let [pair] = &proposal.pairs[..] {
        let group = group(pair);
        return vec![format!(
            "  {slot}: {{ service: {service}, target_group: {group} }}{comment}"
        )];
    }
    let mut lines = vec![format!("  {slot}:")];
    lines.push(format!("    service: {service}"));
    lines.push("    targets:".to_owned());
    lines.extend(proposal.pairs.iter().map(|pair| {
        let (container, port) = (plain(&pair.container), pair.port);
        format!(
            "      - {{ container: {container}, port: {port}, group: {} }}",
            group(pair)
        )
    }));
    lines
}

fn guards(proposal: &Proposal, taken: &[String]) -> Vec<String> {
    let back = match is_bare(proposal) {
        true => "green is put away",
        false => "all traffic goes back",
    };
    let mut lines = vec![
        format!("# What is watched all the time; when one trips, {back}."),
        "guards:".to_owned(),
        "  targets: { ready: 100%, min: 75%, for: 30s }    # ready: before a shift; min: afterwards"
            .to_owned(),
    ];
    let named = |name: &str| quoted(&name.replace("${", "$${"));
    let (fit, unfit): (Vec<_>, Vec<_>) = proposal
        .alarms
        .iter()
        .partition(|alarm| alarm.unfit.is_none());
    let stands_for = |pattern: &str, name: &str| {
        let slots = SlotName::BOTH.into_iter();
        let mut names = slots.map(|slot| pattern.replace("{slot}", slot.as_str()));
        pattern == name || names.any(|it| it == name)
    };
    let found = |name: &String| {
        let mut alarms = proposal.alarms.iter();
        alarms.any(|alarm| stands_for(&alarm.name, name))
    };
    let taken: Vec<&String> = taken.iter().filter(|name| !found(name)).collect();
    match fit.is_empty() && taken.is_empty() {
        true if is_bare(proposal) => {
            let none = match unfit.is_empty() {
                true => "No alarm was found",
                false => "No alarm watches both slots",
            };
            lines.push(format!(
                "  # {none}. Those that tell of its work are named so:"
            ));
            lines.push(format!(
                "  # alarms: [\"{}-failures\"]",
                proposal.services.a
            ));
        }
        true => {
            lines.push(
                "  # No alarm watches both slots or their load balancer. One for each slot's"
                    .to_owned(),
            );
            lines.push("  # target group, named alike but for a and b, is written so:".to_owned());
            lines.push(format!(
                "  # alarms: [\"{}-{{slot}}-5xx\"]",
                proposal.services.a
            ));
        }
        false => {
            lines.push("  alarms:    # {slot} is a or b".to_owned());
            lines.extend(
                fit.iter()
                    .map(|alarm| format!("    - {}", named(&alarm.name))),
            );
            lines.extend(taken.iter().map(|name| format!("    - {}", named(name))));
        }
    }
    for alarm in unfit {
        let why = alarm.unfit.as_deref().unwrap_or_default();
        lines.push(format!("    # - {}    # {why}", named(&alarm.name)));
    }
    if !is_bare(proposal) {
        lines.push("  # Green's failed requests beside blue's, minute by minute:".to_owned());
        lines.push("  # metrics: { errors: default }".to_owned());
    }
    lines
}

/// A name that YAML can take for nothing else stands as it is.
fn plain(name: &str) -> String {
    let first = name.bytes().next();
    let is_word = first.is_some_and(|b| b.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let lower = name.to_ascii_lowercase();
    let is_other = matches!(
        lower.as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | "nan" | "inf"
    );
    match is_word && !is_other {
        true => name.to_owned(),
        false => quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Facts;
    use super::super::proposal::propose;
    use super::super::testing::{alarm, facts, group, listener, registers, rule, shop_a, twin};
    use super::*;
    use crate::config::{AlarmSide, Config, RouteConfig};

    fn read(facts: &Facts) -> Config {
        read_with(facts, &Taken::default())
    }

    fn read_with(facts: &Facts, taken: &Taken) -> Config {
        let text = config(&propose(facts).unwrap(), taken);
        Config::parse(&text, "bg.yaml", &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let mut facts = facts();
        facts.groups.push(twin());
        facts.alarms = vec![
            alarm("shop-a-5xx", &["targetgroup/shop-a/0a"]),
            alarm("shop-b-5xx", &["targetgroup/shop-b/0b"]),
            alarm("the \"balancer\": ${5xx} #1", &[]),
            alarm("lonely", &["targetgroup/shop-a/0a"]),
        ];
        let read = read(&facts);
        assert_eq!(
            (read.service.as_str(), read.cluster.as_str()),
            ("shop", "prod")
        );
        assert_eq!(read.account.unwrap().as_str(), "123456789012");
        assert_eq!(read.slots.a.targets[0].group, "shop-a");
        assert_eq!(read.slots.b.service, "shop-b");
        assert_eq!(read.slots.b.targets[0].group, "shop-b");
        let alarms = read.guards.alarms.iter();
        let alarms: Vec<_> = alarms
            .map(|it| (it.pattern().to_owned(), it.side))
            .collect();
        let balancer = "the \"balancer\": ${5xx} #1".to_owned();
        assert_eq!(
            alarms,
            [
                ("shop-{slot}-5xx".to_owned(), AlarmSide::Green),
                (balancer, AlarmSide::Service)
            ]
        );
    }

    #[test]
    fn what_another_tool_says_is_read_back() {
        let taken = Taken {
            strategy: Some("canary:15%:7m".to_owned()),
            timeout: Some(Duration::from_secs(90)),
            retire: Some((Duration::from_secs(7200), "scale-to-zero")),
            alarms: vec!["shop-5xx".to_owned(), "lonely".to_owned()],
            topics: crate::adopt::from::topics_of_tests(),
            ..Taken::default()
        };
        let mut facts = facts();
        facts.alarms = vec![alarm("lonely", &["targetgroup/shop-a/0a"])];
        let read = read_with(&facts, &taken);
        assert_eq!(
            read.strategy,
            crate::strategy::StrategyRef::Named("canary:15%:7m".to_owned())
        );
        assert_eq!(read.timing.timeout, Duration::from_secs(90));
        let [told] = &read.notify[..] else {
            panic!("{:?}", read.notify);
        };
        assert_eq!(told.on, taken.topics[0].on);
        let crate::notify::Channel::Sns(topic) = &told.channel else {
            panic!("{told:?}");
        };
        assert_eq!(*topic, taken.topics[0].to);
        assert_eq!(read.retire.after, Duration::from_secs(7200));
        assert_eq!(read.retire.at_most, Duration::from_secs(10_800));
        let [alarm] = &read.guards.alarms[..] else {
            panic!(
                "an alarm of one slot alone stays out: {:?}",
                read.guards.alarms
            );
        };
        assert_eq!(alarm.pattern(), "shop-5xx");
        let kept = Taken {
            retire: Some((Duration::ZERO, "keep")),
            ..Taken::default()
        };
        let text = config(&propose(&facts).unwrap(), &kept);
        assert!(text.contains("retire: { then: keep }"), "{text}");
        read_with(&facts, &kept);
    }

    #[test]
    fn a_bake_of_its_own_is_written_with_the_steps() {
        let taken = Taken {
            strategy: Some("canary:0.5%:90m".to_owned()),
            bake: Some(Duration::from_secs(900)),
            ..Taken::default()
        };
        let StrategyRef::Inline(read) = read_with(&facts(), &taken).strategy else {
            panic!("its steps are written out");
        };
        let known = Strategy::shorthand("canary:0.5%:90m").unwrap();
        assert_eq!(read.steps(), known.steps());
        assert_eq!(read.bake(), Duration::from_secs(900));
        let usual = Taken {
            bake: Some(crate::strategy::DEFAULT_BAKE),
            ..taken
        };
        let text = config(&propose(&facts()).unwrap(), &usual);
        assert!(text.contains("\nstrategy: \"canary:0.5%:90m\""), "{text}");
    }

    #[test]
    fn a_service_without_a_load_balancer_gets_slots_without_target_groups() {
        let mut facts = facts();
        facts.routes.clear();
        facts.groups.clear();
        facts.service["loadBalancers"] = serde_json::json!([]);
        let read = read(&facts);
        assert!(read.is_bare());
        assert_eq!(read.slots.b.service, "shop-b");
    }

    #[test]
    fn a_test_listener_is_the_test_route_and_not_among_those_found() {
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/1/test";
        let taken = Taken {
            test_routes: vec![arn.to_owned()],
            ..Taken::default()
        };
        let read = read_with(&facts(), &taken);
        assert_eq!(read.test_routes, [RouteConfig::Listener(arn.to_owned())]);
        let two = Taken {
            test_routes: vec![arn.to_owned(), format!("{arn}2")],
            ..Taken::default()
        };
        assert_eq!(read_with(&facts(), &two).test_routes.len(), 2);
    }

    #[test]
    fn user_pools_of_its_routes_are_written_once() {
        let mut facts = facts();
        assert_eq!(read(&facts).user_pools, [""; 0]);
        let pool = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a".to_owned();
        for route in &mut facts.routes {
            route.forward.user_pools = vec![pool.clone()];
        }
        assert!(facts.routes.len() > 1);
        assert_eq!(read(&facts).user_pools, [pool]);
    }

    #[test]
    fn hooks_are_gates_and_what_is_not_ready_is_commented_out() {
        let taken = Taken {
            hooks: crate::adopt::from::hooks_of_tests(),
            ..Taken::default()
        };
        let text = config(&propose(&facts()).unwrap(), &taken);
        let read = read_with(&facts(), &taken);
        let gates: Vec<_> = read.gates.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            gates,
            [
                "post-test-traffic-shift",
                "post-production-traffic-shift",
                "pre-production-traffic-shift"
            ]
        );
        let function = read.gates[0].function().map(ToString::to_string);
        assert_eq!(function.as_deref(), Some("shop-checks:live"));
        assert_eq!(read.gates[0].within, Duration::from_secs(90 * 60));
        let asks = format!("{:?}", read.gates[0].asks);
        assert!(asks.contains("${x}") && asks.contains("PostTest"), "{asks}");
        for name in ["after-install", "after-install-2"] {
            let line = format!("  # - {{ name: {name}, at: before-traffic, lambda: {{ ");
            assert!(text.contains(&line), "{line}\n{text}");
        }
        // Taken in, they are gates like others.
        let open = text.replace("  # - {", "  - {");
        Config::parse(&open, "bg.yaml", &|_| None).unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn several_ports_and_names_that_look_like_numbers_are_read_back_too() {
        let mut facts = facts();
        let admin = crate::adopt::Group {
            load_balancer: shop_a().load_balancer,
            ..group("1e3", "0c")
        };
        facts.service["serviceName"] = "404".into();
        registers(&mut facts, &admin, "no", 9000);
        facts.routes = vec![listener(&[(&shop_a(), 1)]), rule(&[(&admin, 1)])];
        facts.groups.push(admin);
        let read = read(&facts);
        assert_eq!(
            (read.service.as_str(), read.slots.b.service.as_str()),
            ("404", "404-b")
        );
        let target = &read.slots.b.targets[1];
        assert_eq!(target.group, "1e3-b");
        assert_eq!(target.endpoint.as_ref().unwrap().container, "no");
    }
}
