//! `bg rehearse`: no account, no config, no clock.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Ended, Scene, bare, between, started};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[track_caller]
fn rehearse(folder: &Path, arguments: &[&str]) -> Ended {
    bare(folder, &[], &[&["rehearse"], arguments].concat())
}

#[test]
fn without_anything_it_tells_one_run_and_the_usual_faults() {
    let folder = folder();
    rehearse(folder.path(), &["--seeds", "2"])
        .exits(0)
        .says("promoted        green")
        .says("errors 20 %")
        .says("crash after 3m")
        .says("process dead for 10m")
        .says("0 of 2 by mistake");
}

#[test]
fn an_image_s_tag_chooses_the_run_that_is_told() {
    let folder = folder();
    let told = rehearse(folder.path(), &["--image", "shop:bad", "--seeds", "0"]).exits(0);
    let told = told.says("Reverted").says("5xx");
    assert!(!told.stdout.contains("fault  "), "{}", told.stdout);
}

#[test]
fn strategies_stand_side_by_side_in_one_json_document() {
    let folder = folder();
    let faults = "requests: 100\nfaults: [{ errors: 5%, from: 0.1% }, good]\n";
    std::fs::write(folder.path().join("busy.yaml"), faults).expect("it can be written");
    let arguments = [
        "--compare",
        "progressive,canary,codedeploy",
        "--scenario",
        "busy.yaml",
        "--seeds",
        "3",
        "--output",
        "json",
    ];
    let ended = rehearse(folder.path(), &arguments).exits(0);
    let document: Value = serde_json::from_str(&ended.stdout).expect("it is one document");
    let rows = document["rows"].as_array().expect("there are rows");
    assert_eq!(rows.len(), 6);
    let failed = |strategy: &str| {
        let bad = |it: &&Value| it["bad"] == true && it["strategy"] == strategy;
        let row = rows.iter().find(bad).expect("it is there");
        assert_eq!(row["reverted"], 3, "{row}");
        row["failed"].as_f64().expect("a number")
    };
    assert!(failed("progressive") < failed("codedeploy"), "{rows:?}");
    assert_eq!(document["means"].as_array().map(Vec::len), Some(3));
    assert_eq!(document["records"][0]["event"]["type"], "started");
    // The same seed gives the same bytes.
    assert_eq!(rehearse(folder.path(), &arguments).stdout, ended.stdout);
}

#[test]
fn markdown_is_a_table() {
    let folder = folder();
    let ended = rehearse(folder.path(), &["--seeds", "1", "--output", "markdown"]).exits(0);
    ended
        .says("| fault | strategy | reverted |")
        .says("| --- | --- | ---: |")
        .says("| good | canary |");
    let other = bare(folder.path(), &[], &["schema", "--output", "markdown"]).exits(2);
    other.complains("only `bg rehearse` writes Markdown");
}

/// The columns of the first table of its kind, and what each row of it is of.
fn outline(markdown: &str) -> Vec<String> {
    let table = markdown
        .lines()
        .skip_while(|it| !it.starts_with("| fault |"));
    let mut table = table.take_while(|it| it.starts_with('|'));
    let columns = table.next().map(str::to_owned);
    let rows = table.map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|"));
    columns.into_iter().chain(rows).collect()
}

#[test]
fn the_page_on_rehearsals_has_the_rows_and_columns_that_the_program_writes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/rehearsal.md")).expect("it is there");
    let command = "bg rehearse -c examples/rehearsal/bg.yaml --compare progressive,canary,codedeploy \
        --scenario examples/rehearsal/practice.yaml --seeds 100 --output markdown";
    let words = |text: &str| {
        text.replace('\\', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(
        words(&page).contains(&words(command)),
        "the page has {command}"
    );
    let arguments: Vec<&str> = command.split_whitespace().skip(2).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|it| if *it == "100" { "1" } else { it })
        .collect();
    let written = rehearse(root, &arguments).exits(0).stdout;
    assert_eq!(outline(&page), outline(&written));
    assert_eq!(outline(&page).len(), 2 + 7 * 3);
}

#[test]
fn a_mistake_in_a_scenario_is_told_with_its_line() {
    let folder = folder();
    let scenario = "requests: 100\nfaults:\n  - { eror: 5% }\n";
    std::fs::write(folder.path().join("s.yaml"), scenario).expect("it can be written");
    rehearse(folder.path(), &["--scenario", "s.yaml"])
        .exits(2)
        .complains("s.yaml:3:7: unknown key \"eror\"; did you mean \"errors\"?");
    rehearse(folder.path(), &["--scenario", "none.yaml"])
        .exits(2)
        .complains("can't read none.yaml");
}

#[test]
fn the_config_s_own_names_and_strategy_are_rehearsed() {
    let folder = folder();
    let config = "service: api\ncluster: prod\nslots:\n  \
        a: { service: api-one, target_group: one }\n  \
        b: { service: api-two, target_group: two }\n\
        routes: [{ load_balancer: front, port: 443, path: /api/* }]\n\
        strategy: linear:50%:1m\n";
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written");
    rehearse(folder.path(), &["--seeds", "0"])
        .exits(0)
        .says("api in cluster prod")
        .says("front:443 /api/*")
        .says("50% of traffic to green");
}

#[test]
fn the_live_service_is_what_is_rehearsed_on_and_stays_as_it_is() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    let told = scene.bg(&["rehearse", "--seeds", "0"]).exits(0);
    let told = told.says("Rehearsed on: 2 tasks, ");
    let rate = between(&told.stdout, "2 tasks, ", " requests a second");
    let rate: f64 = rate.and_then(|it| it.parse().ok()).expect("a number");
    // The demo account is a quarter of an hour old.
    assert!((1.0..21.0).contains(&rate), "{rate}");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn the_live_alarms_ring_as_they_are_defined_and_others_stay_quiet() {
    let scene = Scene::at_speed(1);
    let long = ("bake: 1m }", "bake: 10m }");
    scene.configure(&[("alarms: [", "alarms: [\"shop-cpu\", "), long]);
    let arn = |name: &str| scene.group(name);
    let group = arn("shop-b").rsplit_once(":").map(|it| it.1.to_owned());
    let balancer = scene.elb("DescribeLoadBalancers", &[]);
    let balancer = between(&balancer, ":loadbalancer/", "<").expect("it has one");
    let alarm = |name: &str, metric: [&str; 2], dimensions: &[(&str, &str)]| {
        let mut asked = vec![
            ("AlarmName".to_owned(), name.to_owned()),
            ("Namespace".to_owned(), metric[0].to_owned()),
            ("MetricName".to_owned(), metric[1].to_owned()),
        ];
        for (at, (name, value)) in (1..).zip(dimensions) {
            asked.push((format!("Dimensions.member.{at}.Name"), (*name).to_owned()));
            asked.push((format!("Dimensions.member.{at}.Value"), (*value).to_owned()));
        }
        let asked = asked
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let fixed = [
            ("Statistic", "Sum"),
            ("Period", "60"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "3"),
            ("ComparisonOperator", "GreaterThanThreshold"),
            ("TreatMissingData", "notBreaching"),
        ];
        let asked: Vec<(&str, &str)> = asked.chain(fixed).collect();
        scene.cloudwatch("PutMetricAlarm", &asked);
    };
    let group = group.expect("an ARN");
    let dimensions = [("TargetGroup", group.as_str()), ("LoadBalancer", balancer)];
    alarm(
        "shop-b-5xx",
        ["AWS/ApplicationELB", "RequestCount"],
        &dimensions,
    );
    alarm("shop-cpu", ["AWS/ECS", "CPUUtilization"], &[]);
    scene
        .bg(&["rehearse", "--seeds", "0"])
        .exits(0)
        .says("Note: quiet, for want of what they measure: alarms shop-cpu")
        .says("alarm shop-b-5xx went off");
}

#[test]
fn a_guard_on_a_metric_that_is_not_there_stays_quiet() {
    let scene = Scene::at_speed(1);
    let metrics = "metrics:
    threshold:
      - { name: queue, metric: { namespace: Shop, name: Depth, stat: Average }, above: 5 }";
    let alarms = r#"alarms: ["shop-{slot}-5xx", "shop-{slot}-latency"]"#;
    scene.configure(&[(alarms, metrics)]);
    scene
        .bg(&["rehearse", "--seeds", "0"])
        .exits(0)
        .says("Note: not judged, for want of what they measure: threshold \"queue\"")
        .says("promoted");
}

#[test]
fn what_the_config_misspells_is_refused_where_the_service_is_there() {
    let scene = Scene::at_speed(1);
    scene.configure(&[
        ("target_group: shop-b", "target_group: shop-c"),
        ("shop-{slot}-5xx", "shop-5xx"),
    ]);
    scene
        .bg(&["rehearse", "--seeds", "0"])
        .exits(3)
        .complains("slot b's target group shop-c does not exist")
        .complains("alarm shop-5xx does not exist in eu-west-1");
}

#[test]
fn a_service_or_cluster_that_is_not_there_is_refused_with_the_nearest_name() {
    let scene = Scene::at_speed(1);
    let rehearsed = |change: (&str, &str)| {
        scene.configure(&[change]);
        scene.bg(&["rehearse", "--seeds", "0"]).exits(3)
    };
    rehearsed(("cluster: demo", "cluster: dmo"))
        .complains("there is no cluster dmo in eu-west-1")
        .complains("set `cluster` to one that exists: demo");
    rehearsed(("{ service: shop, ", "{ service: shpo, "))
        .complains("slot a's service shpo does not exist in cluster demo")
        .complains("did you mean `service: shop` in slot a?");
}

#[test]
fn what_planning_warns_of_is_said_and_to_which_strategy_it_belongs() {
    let scene = Scene::at_speed(1);
    let compare = ["rehearse", "--seeds", "0", "--compare", "linear, canary"];
    let told = scene.bg(&compare).exits(0);
    told.says("Note: linear: alarm shop-b-5xx needs about 5m to notice anything")
        .says("One run, strategy linear, seed 1");
}

#[test]
fn a_version_that_never_starts_is_explained() {
    let folder = folder();
    rehearse(folder.path(), &["--image", "shop:missing", "--seeds", "0"])
        .exits(0)
        .says("diagnosed       the image docker.io/library/shop:missing doesn't exist")
        .says("mend it");
}

#[test]
fn a_slow_version_s_ending_says_what_to_look_for() {
    let folder = folder();
    let config = "service: shop\ncluster: demo\nslots:\n  \
        a: { service: shop, target_group: shop-a }\n  \
        b: { service: shop-b, target_group: shop-b }\n\
        guards: { metrics: { latency: default } }\n";
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written");
    rehearse(folder.path(), &["--image", "shop:slow", "--seeds", "0"])
        .exits(0)
        .says("find out from green's logs of these minutes what took longer than ");
}

#[test]
fn a_strategy_s_file_is_called_by_the_strategy_s_name() {
    let folder = folder();
    let strategy = "name: mine\nsteps: [{ weight: 20%, bake: 6m }, { weight: 100% }]\nbake: 5m\n";
    std::fs::write(folder.path().join("st.yaml"), strategy).expect("it can be written");
    let faults = "faults: [good, { late: 5m }]\n";
    std::fs::write(folder.path().join("s.yaml"), faults).expect("it can be written");
    let arguments = ["--compare", "canary, ./st.yaml", "--scenario", "s.yaml"];
    let ended = rehearse(folder.path(), &[&arguments[..], &["--seeds", "1"]].concat()).exits(0);
    ended
        .says("\nerrors 20 %, figures 5m later  canary ")
        .says("  mine ")
        .complains("Rehearsing 6 deployments; Ctrl-C");
}

#[test]
fn a_service_that_can_t_be_read_is_said_and_the_scenario_s_values_do() {
    let scene = Scene::at_speed(1);
    let nobody = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    scene
        .bg_with(&nobody, &["rehearse", "--seeds", "0"])
        .exits(0)
        .says("Rehearsed on: 2 tasks, 20 requests a second: the service can't be read (")
        .says("Note: the alarms are stand-ins")
        .says("promoted");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_at_once() {
    let folder = folder();
    let mut process = started(folder.path(), &["rehearse", "--seeds", "1000000"]);
    process.until_it_complains("Ctrl-C ends it");
    process.signal("INT");
    process.ends_within(Duration::from_secs(5)).exits(7);
}
