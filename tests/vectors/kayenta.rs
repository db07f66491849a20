//! `kayenta/*.json`: comparison by rank. Where a case rests on a flaw that is mended here, its
//! caveat says so, and what is asserted is the rule that took its place.

use std::collections::BTreeMap;

use bg::judge::compare::sample::{
    Missing, Outliers, Summary, cohen_d, gaussian, mean_ratio, percentile,
};
use bg::judge::compare::score::{Score, Scored, Standing, score};
use bg::judge::compare::{
    Class, Comparison, Direction, Effect, Limits, Ranks, compare_means, normal_quantile,
};
use serde_json::Value;

use super::{figures, is_near, list, maybe, number, numbers, text, whole};

/// Runs `check` on each case of a file.
fn each(file: &str, check: impl Fn(&Value)) {
    if let Some(file) = figures(&format!("kayenta/{file}.json")) {
        list(&file["cases"]).iter().for_each(check);
    }
}

fn warns_of(case: &Value, caveat: &str) -> bool {
    list(&case["caveats"]).iter().any(|it| it == caveat)
}

fn same(got: f64, expected: &Value, tolerance: &Value, at: &str) {
    let (expected, tolerance) = (number(expected), number(tolerance));
    assert!(
        is_near(got, expected, tolerance),
        "{at}: {got} instead of {expected}"
    );
}

#[test]
fn mann_whitney() {
    each("mann_whitney", |case| {
        let (name, expected) = (text(&case["name"]), &case["expected"]);
        if case["kind"] == "normal_quantile" {
            let z = normal_quantile(number(&case["probability"]));
            return same(z, &expected["z"], &case["tolerance"]["z"], name);
        }
        let (green, blue) = (numbers(&case["experiment"]), numbers(&case["control"]));
        let ranks = Ranks::of(&green, &blue);
        if case["kind"] == "w_function" {
            for row in list(&case["w"]) {
                let got = ranks.statistic(number(&row["mu"]), number(&row["quantile"]));
                same(got, &row["value"], &case["tolerance"]["w"], name);
            }
            return;
        }
        let found = ranks.interval(number(&case["confidence_level"]));
        let ends = [
            ("lower", found.lower),
            ("upper", found.upper),
            ("estimate", found.estimate),
        ];
        for (end, got) in ends {
            same(
                got,
                &expected[end],
                &case["tolerance_other_search"][end],
                name,
            );
        }
        intermediate(case, &ranks, name);
    });
}

/// What a case tells of the way to its interval.
fn intermediate(case: &Value, ranks: &Ranks<'_>, name: &str) {
    let (expected, tolerance) = (&case["expected"], &case["tolerance"]["w"]);
    for end in ["lower", "upper"] {
        let Some(z) = maybe(&expected[format!("z_{end}")]) else {
            return;
        };
        for shift in ["mu_min", "mu_max"] {
            let got = ranks.statistic(number(&expected[shift]), z);
            let expected = &expected[format!("w_at_{shift}_z_{end}")];
            same(got, expected, tolerance, name);
        }
    }
}

#[test]
fn classifier() {
    each("classifier", |case| {
        let (name, expected) = (text(&case["name"]), &case["expected"]);
        let (green, blue) = (numbers(&case["experiment"]), numbers(&case["control"]));
        let parameters = &case["parameters"];
        let class = class_of(text(&expected["classification"]));
        if parameters["classifier"] == "mean_inequality" {
            let got = compare_means(direction(parameters), &green, &blue);
            return assert_eq!(got, class, "{name}");
        }
        let verdict = comparison(parameters).judge(&green, &blue);
        let without_data = ["empty_as_pass", "below_min_samples"];
        if without_data.iter().any(|caveat| warns_of(case, caveat)) {
            return assert_eq!(verdict.class, Class::NoData, "{name}");
        }
        assert_eq!(verdict.class, class, "{name}");
        if let Some(critical) = expected["critical"].as_bool() {
            assert_eq!(verdict.critical, critical, "{name}");
        }
        if let Some(deviation) = maybe(&expected["deviation"]) {
            assert!(is_near(verdict.deviation, deviation, 1e-9), "{name}");
        }
        if let Some(present) = expected["reason_present"].as_bool() {
            assert_eq!(verdict.reason.is_some(), present, "{name}");
        }
    });
}

fn comparison(parameters: &Value) -> Comparison {
    let effect = match text(&parameters["effect_size_measure"]) {
        "meanRatio" => Effect::MeanRatio,
        "cles" => Effect::CommonLanguage,
        other => panic!("{other} is no effect size"),
    };
    let limits = |decrease: &str, increase: &str| {
        let none = effect.no_limits();
        Limits {
            decrease: maybe(&parameters[decrease]).unwrap_or(none.decrease),
            increase: maybe(&parameters[increase]).unwrap_or(none.increase),
        }
    };
    let flag = |key: &str| parameters[key].as_bool().expect("a flag");
    Comparison {
        direction: direction(parameters),
        critical: flag("critical"),
        must_have_data: flag("must_have_data"),
        missing: match text(&parameters["nan_strategy"]) {
            "remove" => Missing::Remove,
            "replace" => Missing::Zero,
            other => panic!("{other} is no way with missing values"),
        },
        outliers: match text(&parameters["outlier_strategy"]) {
            "keep" => Outliers::Keep,
            "remove" => Outliers::Fences {
                factor: maybe(&parameters["outlier_factor"]).unwrap_or(3.0),
                reduce_sensitivity: true,
            },
            other => panic!("{other} is no way with outliers"),
        },
        tolerance: number(&parameters["tolerance"]),
        confidence: number(&parameters["confidence_level"]),
        effect,
        allowed: limits("allowed_decrease", "allowed_increase"),
        critical_at: limits("critical_decrease", "critical_increase"),
    }
}

fn direction(parameters: &Value) -> Direction {
    match text(&parameters["direction"]) {
        "increase" => Direction::Increase,
        "decrease" => Direction::Decrease,
        "either" => Direction::Either,
        other => panic!("{other} is no direction"),
    }
}

fn class_of(word: &str) -> Class {
    match word {
        "Pass" => Class::Pass,
        "High" => Class::High,
        "Low" => Class::Low,
        "Nodata" => Class::NoData,
        "NodataFailMetric" => Class::NoDataFails,
        "Error" => Class::Error,
        other => panic!("{other} is no classification"),
    }
}

#[test]
fn scorer() {
    each("scorer", |case| {
        let name = text(&case["name"]);
        let metrics: Vec<Scored> = list(&case["metrics"]).iter().map(scored).collect();
        let weights: BTreeMap<String, f64> = case["group_weights"]
            .as_object()
            .expect("weights by name")
            .iter()
            .map(|(group, weight)| (group.clone(), number(weight)))
            .collect();
        let expected = &case["expected"];
        let wanted = maybe(&expected["summary_score"]);
        let (summary, groups) = match score(&metrics, &weights) {
            Score::Of { summary, groups } => (summary, groups),
            // Half of the metrics or more have no data: the reference calls that 0.
            Score::Unmeasured => return assert_eq!(wanted, Some(0.0), "{name}"),
        };
        if warns_of(case, "nodata_left_out") {
            // Whatever is left out never makes a score better here.
            return assert!(wanted.is_none_or(|it| summary <= it), "{name}: {summary}");
        }
        if let Some(wanted) = wanted {
            assert_eq!(summary, wanted, "{name}");
        }
        if let Some(standing) = expected["summary_classification"].as_str() {
            let at = |key: &str| maybe(&case["thresholds"][key]).unwrap_or(100.0);
            let got = Standing::of(summary, at("pass"), at("marginal"));
            assert_eq!(format!("{got:?}"), standing, "{name}");
        }
        for (group, share) in expected["group_scores"].as_object().into_iter().flatten() {
            let unmeasured = warns_of(case, "nodata_group_as_pass") && number(share) == 0.0;
            let share = (!unmeasured).then(|| number(share));
            assert_eq!(groups.get(group).copied(), share, "{name}, {group}");
        }
    });
}

fn scored(metric: &Value) -> Scored {
    let groups = list(&metric["groups"]).iter();
    Scored {
        groups: groups.map(|group| text(group).to_owned()).collect(),
        class: class_of(text(&metric["classification"])),
        critical: metric["critical"].as_bool().expect("a flag"),
        muted: metric["muted"].as_bool().expect("a flag"),
    }
}

fn outliers(case: &Value) -> Outliers {
    match text(&case["detector"]) {
        "ksigma" => Outliers::Deviations {
            k: number(&case["k"]),
        },
        "iqr" => Outliers::Fences {
            factor: number(&case["factor"]),
            reduce_sensitivity: case["reduce_sensitivity"].as_bool().expect("a flag"),
        },
        other => panic!("{other} is no detector"),
    }
}

#[test]
fn detector() {
    each("detector", |case| {
        let flags = outliers(case).flags(&numbers(&case["data"]));
        let expected = list(&case["expected"]["outlier"]).iter();
        let expected: Vec<bool> = expected.filter_map(Value::as_bool).collect();
        assert_eq!(flags, expected, "{}", case["name"]);
    });
}

#[test]
fn statistic() {
    each("statistic", |case| {
        let (name, expected) = (text(&case["name"]), &case["expected"]);
        let tolerance = &case["tolerance"];
        let samples = || (numbers(&case["experiment"]), numbers(&case["control"]));
        let value = |got: f64| same(got, &expected["value"], &tolerance["value"], name);
        match text(&case["kind"]) {
            "summary" => {
                let got = Summary::of(&numbers(&case["data"]));
                same(got.min, &expected["min"], &tolerance["min"], name);
                same(got.max, &expected["max"], &tolerance["max"], name);
                same(got.mean, &expected["mean"], &tolerance["mean"], name);
                same(got.deviation, &expected["std"], &tolerance["std"], name);
                assert_eq!(got.count as u64, whole(&expected["count"]), "{name}");
            }
            "percentile" => {
                let data = numbers(&case["data"]);
                for row in list(&expected["percentiles"]) {
                    let got = percentile(&data, number(&row["p"]));
                    same(got, &row["value"], &row["tolerance"], name);
                }
            }
            "mean_ratio" => {
                let (green, blue) = samples();
                value(mean_ratio(&green, &blue));
            }
            "cles" => {
                let (green, blue) = samples();
                value(Ranks::of(&green, &blue).common_language());
            }
            "cohen_d" => {
                let (green, blue) = samples();
                value(cohen_d(&green, &blue));
            }
            other => panic!("{other} is no statistic that is known here"),
        }
    });
}

#[test]
fn transform() {
    each("transform", |case| {
        let (name, expected) = (text(&case["name"]), &case["expected"]);
        let data = || numbers(&case["data"]);
        let got = match text(&case["kind"]) {
            "remove_nan" => Missing::Remove.left(&data()),
            "replace_nan" => Missing::Zero.left(&data()),
            "remove_outliers" => outliers(case).left(data()),
            // Ties are broken exactly here, without noise: the values stay as they are.
            "add_gaussian_noise" => data(),
            "gaussian_sample" => return samples(case, name),
            other => panic!("{other} is no transformation that is known here"),
        };
        if !expected["data"].is_null() {
            assert_eq!(got, numbers(&expected["data"]), "{name}");
        }
    });
}

/// Normal noise, as the rehearsal's traffic has it.
fn samples(case: &Value, name: &str) {
    let mut random = fastrand::Rng::with_seed(whole(&case["seed"]));
    let draw = || gaussian(|| random.f64());
    let (mean, spread) = (number(&case["noise_mean"]), number(&case["noise_stdev"]));
    let drawn = std::iter::repeat_with(draw).map(|z| mean + spread * z);
    let drawn: Vec<f64> = drawn.take(whole(&case["samples"]) as usize).collect();
    let (summary, expected) = (Summary::of(&drawn), &case["expected"]);
    assert_eq!(summary.count as u64, whole(&expected["length"]), "{name}");
    let figures = [
        ("mean", summary.mean),
        ("stdev", summary.deviation),
        ("variance", summary.deviation.powi(2)),
    ];
    for (figure, got) in figures {
        if !expected[figure].is_null() {
            same(got, &expected[figure], &case["tolerance"][figure], name);
        }
    }
}
