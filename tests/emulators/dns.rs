//! Weighted records over two load balancers, in an emulator's Route 53.

use std::fs;

use serde_json::{Value, json};

use super::process::Process;
use super::{DEPLOYMENT, SCRIPT, Stage, document};

/// Both pairs, beside each other.
const ROUTES: &str = "routes:
  - { record: dns.example.com, zone: dns.example.com }
  - { record: plain.dns.example.com, type: CNAME }
";

async fn records(stage: &Stage, verb: &str) -> Value {
    let mut command = stage
        .python
        .script("emulators/records.py", &[verb, stage.name]);
    command.envs(stage.direct.clone());
    document(&Process::start("records.py", command).end(SCRIPT).await)
}

/// The weights of the records in the order of their names, and everything else.
fn weights(shown: &Value) -> (Vec<u64>, Value) {
    let mut rest = shown.clone();
    let records = rest["records"].as_array_mut().expect("a list");
    let weights = records.iter_mut().map(|record| {
        let weight = record["Weight"].as_u64();
        record["Weight"] = json!(null);
        weight.expect("a number")
    });
    (weights.collect(), rest)
}

#[tokio::test]
async fn aliases_and_plain_records_move_and_every_other_field_stays() {
    let Some(stage) = Stage::set("dns", "0").await else {
        return;
    };
    let before = records(&stage, "apart").await;
    let (all_on_a, others) = weights(&before);
    assert_eq!(all_on_a.iter().sum::<u64>(), 2 * 255, "{before:#}");
    stage.write_config(["1s", "1s"], ROUTES);
    // Every bake lasts an alias's minute longer: one is enough.
    let file = stage.folder.path().join("bg.yaml");
    let config = fs::read_to_string(&file).expect("it was written");
    let once = config.replace("{ weight: 10%, bake: 1s }, ", "");
    assert_ne!(once, config);
    fs::write(&file, once).expect("a file in our own folder");
    let ended = stage.start().end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert!(ended.stdout.contains("for 1m 1s until"), "{}", ended.told());
    let after = records(&stage, "look").await;
    let swapped: Vec<u64> = all_on_a.iter().map(|weight| 255 - weight).collect();
    assert_eq!(weights(&after), (swapped, others));
}
