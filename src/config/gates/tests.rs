use std::time::Duration;

use super::*;
use crate::gate::{Address, Check, HeaderValue, Severity, Stage, StatusRange, Unscanned, opens};

fn read(text: &str) -> Result<Vec<GateWanted>, String> {
    let reader = Reader { text, origin: "x" };
    let node = reader.parse().map_err(|error| error.headline())?;
    read_gates(reader, &node).map_err(|error| error.headline())
}

fn check(text: &str) -> Check {
    match read(text).expect("it is sound").remove(0).asks {
        Asks::Check(check) => check,
        Asks::Window(_) => panic!("it is a window"),
    }
}

#[test]
fn places_and_times_are_read_with_their_defaults() {
    let gates = read(
        "- { name: smoke, at: before-traffic, http: /health }\n\
         - { name: go, at: [0%, 25%, 100%, after-promotion], command: ./x, timeout: 2h }\n",
    );
    let gates = gates.unwrap();
    assert_eq!(gates[0].at, [Place::BeforeTraffic]);
    assert_eq!(gates[0].within, Duration::from_secs(300));
    let quarter = Weight::of_percent(25).unwrap();
    assert_eq!(
        gates[1].at,
        [
            Place::BeforeTraffic,
            Place::Weight(quarter),
            Place::BeforePromotion,
            Place::AfterPromotion
        ]
    );
    assert_eq!(gates[1].within, Duration::from_secs(7200));
}

#[test]
fn an_http_gate_is_an_address_or_all_that_it_asks() {
    let Check::Http(short) = check("- { name: a, at: 10%, http: https://x.example/y }") else {
        panic!("it is http");
    };
    assert_eq!(short.to, Address::Url("https://x.example/y".to_owned()));
    assert_eq!(
        (short.retries, short.status.as_slice()),
        (2, &[StatusRange(200, 299)][..])
    );
    let text = "- name: a\n  at: 10%\n  http:\n    path: /health\n    method: post\n    \
                headers: { Accept: text/plain, Authorization: { env: TOKEN } }\n    \
                status: [200, 3xx, 404-410]\n    contains: up\n    \
                json: { $.version: 2, $.ok: true }\n    retries: 0\n    every: 1s\n    timeout: 2s\n";
    let Check::Http(long) = check(text) else {
        panic!("it is http");
    };
    assert_eq!(long.to, Address::Targets("/health".to_owned()));
    assert_eq!(long.method, "POST");
    let token = HeaderValue::Env("TOKEN".to_owned());
    assert_eq!(long.headers.get("Authorization"), Some(&token));
    let ranges = [(200, 200), (300, 399), (404, 410)].map(|(from, to)| StatusRange(from, to));
    assert_eq!(long.status, ranges);
    assert_eq!(long.json.get("$.version"), Some(&serde_json::json!(2)));
    assert_eq!(long.every, Duration::from_secs(1));
}

#[test]
fn a_command_is_a_line_or_words() {
    let argv = |text: &str| match check(text) {
        Check::Command(command) => command.argv,
        other => panic!("{other}"),
    };
    assert_eq!(
        argv("- { name: a, at: 10%, command: make smoke }"),
        ["sh", "-c", "make smoke"]
    );
    assert_eq!(
        argv("- { name: a, at: 10%, command: [make, smoke] }"),
        ["make", "smoke"]
    );
}

#[test]
fn a_window_is_days_and_hours_in_a_zone() {
    let text = "- name: office\n  at: before-traffic\n  window:\n    days: mon-fri\n    from: '09:00'\n    \
                to: '17:00'\n    time_zone: Europe/Berlin\n    freeze: [{ from: 2026-12-21, to: 2026-12-31 }]\n";
    let Asks::Window(calendar) = read(text).unwrap().remove(0).asks else {
        panic!("it is a window");
    };
    let at = |text: &str| -> jiff::Timestamp { text.parse().unwrap() };
    let start = at("2026-12-18T20:00:00Z");
    let window = calendar.between(start, at("2027-02-01T00:00:00Z"));
    // A Friday evening; the freeze ends with the last day of the year, and then it is a Friday.
    let next = at("2027-01-01T08:00:00Z");
    assert_eq!(opens(&window.openings, start), Err(Some(next)));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let wrong = |text: &str| read(text).expect_err("it is wrong");
    for (text, why) in [
        ("- { name: a, at: 10% }", "asks nothing"),
        (
            "- { name: a, at: 10%, http: /x, command: y }",
            "asks two things",
        ),
        ("- { name: a, at: [], http: /x }", "asked nowhere"),
        (
            "- { name: a, at: [10%, 10%], http: /x }",
            "stands here twice",
        ),
        (
            "- { name: a, at: later, http: /x }",
            "before-traffic, a weight",
        ),
        (
            "- { name: a, at: 10%, http: ftp://x }",
            "neither a URL nor a path",
        ),
        (
            "- { name: a, at: 10%, http: { status: 200 } }",
            "`url` or `path` is missing",
        ),
        (
            "- { name: a, at: 10%, http: { path: /, status: 9xx } }",
            "not a status",
        ),
        (
            "- { name: a, at: 10%, http: { path: /, json: { 'x[': 1 } } }",
            "not a JSON path",
        ),
        ("- { name: a, at: 10%, command: [] }", "names no program"),
        (
            "- { name: a, at: 10%, approval: yes please }",
            "anyone, or a list",
        ),
        (
            "- { name: a, at: 10%, window: { time_zone: Mars/Base } }",
            "not a time zone",
        ),
        (
            "- { name: a, at: 10%, window: { time_zone: UTC, days: mo } }",
            "not a day",
        ),
        (
            "- { name: a, at: 10%, window: { time_zone: UTC, from: '9' } }",
            "not a time of the day",
        ),
        (
            "- { name: a, at: after-promotion, approval: anyone }",
            "decides nothing",
        ),
        (
            "- { name: a, at: 10%, http: /x, timeout: 30d }",
            "`timeout` must be",
        ),
        (
            "- { name: a, at: 10%, http: /x }\n- { name: a, at: 20%, http: /x }",
            "stands here twice",
        ),
    ] {
        assert!(wrong(text).contains(why), "{text}: {}", wrong(text));
    }
}

#[test]
fn a_lambda_gate_is_a_function_or_what_it_is_told_too() {
    let Check::Lambda(short) = check("- { name: a, at: 10%, lambda: shop-smoke }") else {
        panic!("it is lambda");
    };
    assert_eq!(short.function.as_str(), "shop-smoke");
    assert_eq!(short.stage, None);
    let text = "- name: a\n  at: 10%\n  lambda:\n    function: \
                arn:aws:lambda:eu-west-1:123456789012:function:smoke:live\n    \
                stage: POST_TEST_TRAFFIC_SHIFT\n    details: { bucket: b, tries: 3 }\n";
    let Check::Lambda(long) = check(text) else {
        panic!("it is lambda");
    };
    assert_eq!(long.function.to_string(), "smoke:live");
    assert_eq!(long.stage, Some(Stage::PostTestTrafficShift));
    let details = serde_json::Value::Object(long.details);
    assert_eq!(details, serde_json::json!({ "bucket": "b", "tries": 3 }));
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(read(text).unwrap()[0].within, day);
    let wrong = |lambda: &str| read(&format!("- {{ name: a, at: 10%, lambda: {lambda} }}"));
    for lambda in [
        "a b",
        "{ stage: POST_SCALE_UP }",
        "{ function: a, stage: PRE_SCALE_UP }",
        "{ function: a, details: [1] }",
        "arn:aws:sns:eu-west-1:123456789012:shop",
    ] {
        assert!(wrong(lambda).is_err(), "{lambda}");
    }
}

#[test]
fn an_image_gate_limits_findings_by_severity() {
    let image = |text: &str| match check(&format!("- {{ name: a, at: 10%, image: {text} }}")) {
        Check::Image(check) => check,
        other => panic!("{other:?}"),
    };
    let of = |limits: &[(Severity, u32)]| limits.iter().copied().collect();
    let usual = image("default");
    assert_eq!(usual.at_most, of(&[(Severity::Critical, 0)]));
    assert_eq!(usual.unscanned, Unscanned::Wait);
    assert!(!image("exists").looks_at_scans());
    let some = image("{ high: 3, unscanned: pass }");
    assert_eq!(
        some.at_most,
        of(&[(Severity::Critical, 0), (Severity::High, 3)])
    );
    assert_eq!(some.unscanned, Unscanned::Pass);
    for wrong in [
        "scanned",
        "{ hihg: 3 }",
        "{ high: -1 }",
        "{ high: few }",
        "{ unscanned: no }",
    ] {
        let text = format!("- {{ name: a, at: 10%, image: {wrong} }}");
        assert!(read(&text).is_err(), "{wrong}");
    }
}
