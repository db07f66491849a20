//! Broken services: what is wrong comes first, with what shows it.

use bg::sandbox::faults::{FaultKind, FaultRule, When};
use serde_json::json;

use crate::programs::{definitions, versions};
use crate::scene::{Case, case};
use crate::surroundings::{limits, networks};

/// A task of several containers, each with its image's behaviour; those marked `false` are not
/// essential.
fn of_several(name: &'static str, containers: &'static [(&str, &str, bool)]) -> Case {
    case(name, "shop:v1").defined(move |definition| {
        let app = definition["containerDefinitions"][0].clone();
        let container = |(name, image, essential): &(&str, &str, bool)| {
            let mut container = app.clone();
            if *name != "app" {
                container["portMappings"] = json!([]);
            }
            container["name"] = json!(name);
            container["image"] = json!(image);
            container["essential"] = json!(essential);
            container
        };
        definition["containerDefinitions"] = containers.iter().map(container).collect();
    })
}

#[tokio::test(start_paused = true)]
async fn the_planted_cause_is_found_first() {
    let cases = [versions(), definitions(), networks(), limits()];
    let (mut count, mut wrong) = (0, Vec::new());
    for (case, rule) in cases.into_iter().flatten() {
        count += 1;
        let (found, evidence) = case.ask().await;
        let rules: Vec<&str> = found.iter().map(|it| it.rule.as_str()).collect();
        if rules.first() != Some(&rule) {
            let service = evidence.service.as_ref();
            let events = service.map(|it| it.events.iter().take(4).collect::<Vec<_>>());
            let tasks: Vec<_> = evidence.tasks.iter().take(2).collect();
            wrong.push(format!(
                "{}: {rule} was planted, found {rules:?}\n{events:#?}\n{tasks:#?}\n{:#?}",
                case.name, evidence.logs
            ));
        }
        for finding in &found {
            let said = [&finding.what, &finding.cause, &finding.fix];
            let whole = said.iter().all(|text| !text.is_empty());
            assert!(
                whole && !finding.evidence.is_empty(),
                "{}: {finding:?}",
                case.name
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 40, "{count} cases");
}

#[tokio::test(start_paused = true)]
async fn the_container_that_ended_a_task_of_several_is_named() {
    let cases = [
        (
            of_several(
                "a helper that is done",
                &[("app", "shop:v1", true), ("helper", "helper:done", true)],
            ),
            "exit-done",
            "container helper did its work and ended",
        ),
        (
            of_several(
                "an app that is killed behind its proxy",
                &[("envoy", "envoy:v1", true), ("app", "shop:killed", true)],
            ),
            "exit-killed",
            "container app was killed",
        ),
        (
            of_several(
                "an agent that is killed",
                &[("app", "shop:v1", true), ("agent", "agent:killed", true)],
            ),
            "exit-killed",
            "container agent was killed",
        ),
        (
            of_several(
                "an app that is done beside a helper that failed",
                &[
                    ("helper", "helper:error", false),
                    ("app", "shop:done", true),
                ],
            ),
            "exit-done",
            "container app did its work and ended",
        ),
    ];
    for (case, rule, what) in cases {
        let (found, evidence) = case.ask().await;
        let first = found.first();
        let named = first.is_some_and(|it| it.rule == rule && it.what.starts_with(what));
        assert!(named, "{}: {found:#?}\n{:#?}", case.name, evidence.tasks);
        let told = found
            .iter()
            .any(|it| it.rule.starts_with("exit-") && it.rule != rule);
        assert!(!told, "{}: {found:#?}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_crash_are_shown() {
    let (found, _) = case("a crash", "shop:crash").ask().await;
    let words = "app: panic: the cart is empty";
    assert!(found[0].evidence.iter().any(|it| it == words), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_comes_with_a_figure_that_mends_it() {
    let (found, _) = case("a slow start", "shop:boot").ask().await;
    let (_, grace) = found[0]
        .fix
        .split_once("--health-check-grace-period-seconds ")
        .unwrap();
    let grace: u32 = grace
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mended = case("the same, mended", "shop:boot")
        .served(move |it| it["healthCheckGracePeriodSeconds"] = json!(grace));
    let (found, evidence) = mended.ask().await;
    assert_eq!(found, [], "{evidence:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_call_that_is_denied_is_named_and_the_rest_is_found_all_the_same() {
    for operation in [
        "ecs:DescribeTaskDefinition",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeRules",
        "application-autoscaling:DescribeScalableTargets",
        "logs:GetLogEvents",
    ] {
        let denied = FaultRule::new(operation, FaultKind::Denied, When::Always);
        // Without the definition nobody knows where its logs are.
        let image = if operation.starts_with("logs") {
            "shop:crash"
        } else {
            "shop:missing"
        };
        let (found, _) = case(operation, image).where_(denied).ask().await;
        let rule = if operation.starts_with("logs") {
            "exit-error"
        } else {
            "image-not-found"
        };
        assert_eq!(found[0].rule, rule, "{operation}");
        let named = format!("these credentials may not call {operation}");
        assert!(
            found.iter().any(|it| it.what == named),
            "{operation}: {found:#?}"
        );
    }
}
