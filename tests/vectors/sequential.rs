//! `sequential/vectors.json`: the sequential judge, what a minute is worth, calibration, and the
//! exact distribution behind method B.

use std::time::Duration;

use bg::judge::minute::{Figures, Minute, Quality, Read};
use bg::judge::sequential::{
    Absolute, Answer, Count, Exact, Judge, Logs, Method, MetricSettings, Pair, Relative, Settings,
    Start, calibration,
};
use serde_json::Value;

use super::{figures, list, maybe, number, numbers, text, whole};

/// The file's own tolerance.
#[derive(Clone, Copy)]
struct Tolerance {
    abs: f64,
    rel: f64,
}

impl Tolerance {
    fn holds(self, got: f64, expected: f64, at: &str) {
        assert!(
            (got - expected).abs() <= self.abs + self.rel * expected.abs(),
            "{at}: {got} instead of {expected}"
        );
    }

    fn holds_if_any(self, got: Option<f64>, expected: &Value, at: &str) {
        match (got, maybe(expected)) {
            (Some(got), Some(expected)) => self.holds(got, expected, at),
            (got, expected) => assert_eq!(got, expected, "{at}"),
        }
    }
}

#[test]
fn sequential() {
    let Some(file) = figures("sequential/vectors.json") else {
        return;
    };
    let tolerance = Tolerance {
        abs: number(&file["tolerance"]["abs"]),
        rel: number(&file["tolerance"]["rel"]),
    };
    for case in list(&file["judge"]) {
        judges(case, tolerance);
    }
    for case in list(&file["classification"]) {
        classifies(case);
    }
    for case in list(&file["calibration"]) {
        calibrates(case, tolerance);
    }
    for case in list(&file["auxiliary"]) {
        match text(&case["kind"]) {
            "fnch_pmf" => distributes(case, tolerance),
            "block_beta_evalue" => cross_checks(case, tolerance),
            other => panic!("{other} is no kind of figure that is known here"),
        }
    }
}

fn judges(case: &Value, tolerance: Tolerance) {
    let id = text(&case["id"]);
    let settings = settings(&case["config"]);
    let names: Vec<String> = settings.metrics.iter().map(|it| it.name.clone()).collect();
    let mut judge = Judge::new(settings);
    let mut decided = None;
    let expected = &case["expected"];
    for (index, interval) in list(&case["intervals"]).iter().enumerate() {
        judge.at_step(whole(&interval["step"]) as usize);
        if interval["status"] == "ok" {
            let pairs = names.iter().map(|name| pair(&interval["counts"][name]));
            judge.consume(&pairs.collect::<Vec<_>>());
            let answer = judge.answer();
            if answer != Answer::Continue {
                decided.get_or_insert((index as u64, answer));
            }
        }
        let trace = &expected["trace"][index];
        let at = format!("{id}, interval {index}");
        tolerance.holds_if_any(judge.log_revert(), &trace["log_revert"], &at);
        for (name, logs) in names.iter().zip(judge.logs()) {
            for (key, got) in named(&logs) {
                let expected = &trace["metrics"][name][key];
                tolerance.holds_if_any(got, expected, &format!("{at}, {name}, {key}"));
            }
        }
    }
    let (decision, at, lead) = match decided {
        None => ("INCONCLUSIVE", None, None),
        Some((at, Answer::Revert(lead))) => ("REVERT", Some(at), Some(names[lead.metric].as_str())),
        Some((at, _)) => ("PROMOTE", Some(at), None),
    };
    assert_eq!(text(&expected["decision"]), decision, "{id}");
    assert_eq!(expected["decided_at"].as_u64(), at, "{id}");
    assert_eq!(expected["lead_metric"].as_str(), lead, "{id}");
}

fn named(logs: &Logs) -> [(&'static str, Option<f64>); 6] {
    [
        ("rr", logs.revert_relative),
        ("ra", logs.revert_absolute),
        ("rev", logs.revert),
        ("pr", logs.promote_relative),
        ("pa", logs.promote_absolute),
        ("pro", logs.promote),
    ]
}

fn settings(config: &Value) -> Settings {
    Settings {
        alpha_revert: number(&config["alpha_revert"]),
        alpha_promote: number(&config["alpha_promote"]),
        min_promote_intervals: whole(&config["min_promote_intervals"]) as u32,
        promote_guard: number(&config["promote_guard"]),
        metrics: list(&config["metrics"]).iter().map(metric).collect(),
    }
}

fn metric(metric: &Value) -> MetricSettings {
    let grid = |sizes: &str, weights: &str| {
        let weights = numbers(&metric[weights]);
        numbers(&metric[sizes]).into_iter().zip(weights).collect()
    };
    MetricSettings {
        name: text(&metric["name"]).to_owned(),
        weight: number(&metric["weight"]),
        relative: Some(Relative {
            method: match text(&metric["method"]) {
                "A" => Method::A,
                "B" => Method::B,
                other => panic!("{other} is no method"),
            },
            revert_ratio: number(&metric["revert_ratio"]),
            promote_ratio: number(&metric["promote_ratio"]),
        }),
        absolute: Absolute {
            revert_floor: maybe(&metric["revert_floor"]),
            promote_ceiling: maybe(&metric["promote_ceiling"]),
        },
        cluster: number(&metric["cluster"]),
        kappa: number(&metric["kappa"]),
        max_log_factor: maybe(&metric["max_log_factor"]),
        min_green_errors: whole(&metric["min_green_errors"]),
        start: match text(&metric["start"]) {
            "first" => Start::First,
            "harmonic" => Start::Harmonic,
            other => panic!("{other} is no start"),
        },
        revert_grid: grid("revert_grid", "revert_weights"),
        promote_grid: grid("promote_grid", "promote_weights"),
    }
}

/// `[n_b, e_b, n_g, e_g]`
fn pair(counts: &Value) -> Pair {
    let count = |at: usize| Count {
        requests: whole(&counts[at]),
        bad: whole(&counts[at + 1]),
    };
    Pair {
        blue: count(0),
        green: count(2),
    }
}

fn classifies(case: &Value) {
    let input = &case["input"];
    let read = match text(&input["api"]) {
        "complete" => Read::Complete,
        "partial" => Read::Partial,
        "failed" => Read::Failed,
        other => panic!("{other} is no way for a read to go"),
    };
    let figures = Figures {
        requests: input["requests"].as_u64(),
        bad: input["errors"].as_u64(),
        load_balancer: input["lb_requests"].as_u64(),
        has_weight: number(&input["weight"]) > 0.0,
    };
    let seconds = |value: &Value| Duration::from_secs(whole(value));
    let final_at = seconds(&case["finalise_after_s"]);
    let minute = Minute::of(read, figures, seconds(&input["age_s"]), final_at);
    let (id, expected) = (text(&case["id"]), &case["expected"]);
    let quality = match minute.quality {
        Quality::Ok => "OK",
        Quality::Zero => "ZERO",
        Quality::NoTraffic => "NO_TRAFFIC",
        Quality::NoData => "NO_DATA",
        Quality::Late => "LATE",
        Quality::Error => "ERROR",
    };
    assert_eq!(text(&expected["status"]), quality, "{id}");
    let count = |of: fn(Count) -> u64| minute.count.map(of);
    assert_eq!(expected["n"].as_u64(), count(|it| it.requests), "{id}");
    assert_eq!(expected["e"].as_u64(), count(|it| it.bad), "{id}");
    assert_eq!(expected["clipped"].as_bool(), Some(minute.clipped), "{id}");
}

fn calibrates(case: &Value, tolerance: Tolerance) {
    let zones: Vec<Pair> = list(&case["rows"]).iter().map(pair).collect();
    let id = text(&case["id"]);
    let hat = calibration::kappa_hat(&zones);
    tolerance.holds(hat, number(&case["expected"]["kappa_hat"]), id);
    let kappa = calibration::kappa(hat);
    tolerance.holds(kappa, number(&case["expected"]["kappa"]), id);
}

fn distributes(case: &Value, tolerance: Tolerance) {
    let input = &case["input"];
    let pair = Pair {
        green: Count {
            requests: whole(&input["n_g"]),
            bad: whole(&input["total"]),
        },
        blue: Count {
            requests: whole(&input["n_b"]),
            bad: 0,
        },
    };
    let got = Exact::of(pair).probabilities(number(&input["odds"]));
    let expected = numbers(&case["expected"]);
    let id = text(&case["id"]);
    assert_eq!(got.len(), expected.len(), "{id}");
    for (got, expected) in got.into_iter().zip(expected) {
        tolerance.holds(got, expected, id);
    }
}

/// Another e-value for the same question, with Beta estimates in the place of a grid (Turner, Ly
/// and Grünwald): it is not what the judge uses, and shows that these figures are understood.
fn cross_checks(case: &Value, tolerance: Tolerance) {
    let input = &case["input"];
    let prior = numbers(&input["prior"]);
    let (mut bad, mut good) = ([prior[0], prior[2]], [prior[1], prior[3]]);
    let (mut log_e, id) = (0.0_f64, text(&case["id"]));
    for (block, expected) in list(&input["blocks"]).iter().zip(list(&case["expected"])) {
        let block = numbers(block);
        let (events, sizes) = ([block[0], block[1]], [block[2], block[3]]);
        let rate = |side: usize| bad[side] / (bad[side] + good[side]);
        let rates = [rate(0), rate(1)];
        let shared = (sizes[0] * rates[0] + sizes[1] * rates[1]) / (sizes[0] + sizes[1]);
        for side in 0..2 {
            let others = sizes[side] - events[side];
            log_e += events[side] * (rates[side] / shared).ln();
            log_e += others * ((1.0 - rates[side]) / (1.0 - shared)).ln();
            bad[side] += events[side];
            good[side] += others;
        }
        tolerance.holds(log_e.exp(), number(expected), id);
    }
}
