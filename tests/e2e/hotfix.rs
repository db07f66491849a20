//! `--hotfix`: repairing a production whose alarm rings already.

use super::support::{Scene, until};

const WHY: &str = "checkout is down since 09:00";
const V2: [&str; 3] = ["deploy", "--image", "shop:v2"];

/// Blue's error alarm watches what nobody measures, and takes that for an error.
fn burning() -> Scene {
    let scene = Scene::at_speed(200);
    scene.configure(&[("alarms: [", "alarms: [\"shop-a-5xx\", ")]);
    scene.cloudwatch(
        "PutMetricAlarm",
        &[
            ("AlarmName", "shop-a-5xx"),
            ("Namespace", "Nothing"),
            ("MetricName", "Measured"),
            ("Statistic", "Sum"),
            ("Period", "60"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "5"),
            ("ComparisonOperator", "GreaterThanThreshold"),
            ("TreatMissingData", "breaching"),
        ],
    );
    until("the alarm to ring", || {
        let asked = [("AlarmNames.member.1", "shop-a-5xx")];
        let shown = scene.cloudwatch("DescribeAlarms", &asked);
        shown.contains("<StateValue>ALARM<").then_some(())
    });
    scene
}

#[test]
fn an_alarm_that_rings_already_refuses_a_deployment_and_names_the_way_out() {
    let scene = burning();
    let before = scene.footprint();
    scene
        .bg(&V2)
        .exits(3)
        .complains("shop-a-5xx is already in ALARM")
        .complains("--hotfix --reason");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_hotfix_repairs_it_and_its_reason_is_on_record() {
    let scene = burning();
    let hotfix = ["--hotfix", "--reason", WHY, "--no-wait-retire"];
    scene
        .bg(&[&V2[..], &hotfix].concat())
        .exits(0)
        .says("Promoted");
    assert_eq!(scene.weights(), (0, 100));
    let journals = scene.folder().join(".bg/shop/deployments");
    let journal = std::fs::read_dir(journals).unwrap().next().unwrap();
    let journal = std::fs::read_to_string(journal.unwrap().path()).unwrap();
    assert!(journal.contains(WHY), "{journal}");
}
