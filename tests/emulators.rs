//! The binary against two AWS emulators that know nothing of it: moto for load balancing and the
//! rest, ministack for ECS, CloudWatch and EventBridge, joined by the SDK's per-service endpoints and
//! by a script that registers the tasks of the one as targets of the other.

#[path = "emulators/adopt.rs"]
mod adopt;
#[path = "support/bg.rs"]
mod bg;
#[path = "emulators/dns.rs"]
mod dns;
#[path = "emulators/notify.rs"]
mod notify;
#[path = "support/process.rs"]
mod process;
#[path = "support/proxy.rs"]
#[expect(dead_code, reason = "credentials don't end here")]
mod proxy;
#[path = "support/python.rs"]
mod python;
#[path = "support/server.rs"]
mod server;
#[path = "emulators/verify.rs"]
mod verify;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bg::bg;
use process::{Ended, LOOK, Process};
use proxy::{Call, Fault, Proxy};
use python::Python;
use serde_json::{Value, json};
use server::{answers, free_port};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

/// How long one deployment of a few seconds' bakes may take on a busy machine.
const DEPLOYMENT: Duration = Duration::from_secs(120);
/// A slow answer, within what `bg` waits for one.
const SLOW: Duration = Duration::from_secs(1);
/// How long a script may take.
const SCRIPT: Duration = Duration::from_secs(60);
/// Names the groups whose targets go.
const DROPPED: &str = "dropped";
/// Of both emulators, so that all ARNs are of one account.
const ACCOUNT: &str = "123456789012";

/// One pair of emulators for all tests of this process; they leave when it does.
struct Emulators {
    moto: SocketAddr,
    ministack: SocketAddr,
    _running: [Process; 2],
}

static EMULATORS: OnceCell<Emulators> = OnceCell::const_new();

impl Emulators {
    async fn start(python: &Python) -> Self {
        let ((moto, first), (ministack, second)) =
            tokio::join!(emulator(python, "moto"), emulator(python, "ministack"));
        let _running = [first, second];
        Self {
            moto,
            ministack,
            _running,
        }
    }
}

async fn emulator(python: &Python, name: &str) -> (SocketAddr, Process) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut command = python.script("emulators/serve.py", &[name, &address.port().to_string()]);
    command
        .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
        // Tasks are played, not run, also on a machine that has Docker.
        .env("DOCKER_HOST", "unix:///nonexistent");
    let mut process = Process::start(name, command);
    if !answers(address, SCRIPT).await {
        let told = process
            .ended()
            .map_or_else(|| process.printed(), |ended| ended.told());
        panic!("{name} does not answer: {told}");
    }
    (address, process)
}

/// A service of its own in the emulators, the proxies before them and the script that joins them.
struct Stage {
    name: &'static str,
    python: Python,
    folder: TempDir,
    /// Before moto and before ministack.
    proxies: [Proxy; 2],
    /// The emulators' own endpoints, for everyone but `bg`.
    direct: Vec<(&'static str, String)>,
    _joiner: Process,
    before: Value,
}

impl Stage {
    /// Sets the scene; None where Python's packages can't be had.
    async fn set(name: &'static str, sticky: &str) -> Option<Self> {
        let python = Python::ready(name)?;
        let emulators = EMULATORS.get_or_init(|| Emulators::start(&python)).await;
        let (moto, ministack) = (emulators.moto, emulators.ministack);
        let proxies = [Proxy::start(moto).await, Proxy::start(ministack).await];
        let direct = environment(&format!("http://{moto}"), &format!("http://{ministack}"));
        let mut make = python.script("emulators/scene.py", &["make", name, sticky]);
        make.envs(direct.clone());
        let before = document(&Process::start("scene.py make", make).end(SCRIPT).await);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dropped = folder.path().join(DROPPED);
        let mut join = python.script("emulators/join.py", &[name]);
        join.arg(&dropped);
        join.envs(direct.clone());
        let mut joiner = Process::start("join.py", join);
        joiner
            .wait_for(SCRIPT, |printed| printed.contains("joined").then_some(()))
            .await;
        Some(Self {
            name,
            python,
            folder,
            proxies,
            direct,
            _joiner: joiner,
            before,
        })
    }

    /// Runs a verb of `scene.py` on this service.
    async fn scene(&self, verb: &str, arguments: &[&str]) -> Value {
        let arguments = [&[verb, self.name], arguments].concat();
        let mut command = self.python.script("emulators/scene.py", &arguments);
        command.envs(self.direct.clone());
        document(&Process::start("scene.py", command).end(SCRIPT).await)
    }

    /// Starts `bg deploy` of `shop:v2` with these bakes at 10 % and after 100 %.
    fn deploy(&self, bakes: [&str; 2]) -> Process {
        self.deploy_with(bakes, "")
    }

    /// The same with more lines in the config.
    fn deploy_with(&self, bakes: [&str; 2], more: &str) -> Process {
        self.write_config(bakes, more);
        self.start()
    }

    /// The same by the config as it stands.
    fn start(&self) -> Process {
        let [moto, ministack] = self.proxies.each_ref().map(Proxy::url);
        let environment = environment(&moto, &ministack);
        let arguments = ["deploy", "--image", "shop:v2"];
        Process::start(
            "bg deploy",
            bg(self.folder.path(), &environment, &arguments),
        )
    }

    fn write_config(&self, bakes: [&str; 2], more: &str) {
        let name = self.name;
        let [middle, last] = bakes;
        let config = format!(
            "service: {name}
cluster: {name}
slots:
  a: {{ service: {name}, target_group: {name}-a }}
  b: {{ service: {name}-b, target_group: {name}-b }}
strategy: {{ steps: [{{ weight: 10%, bake: {middle} }}, {{ weight: 100% }}], bake: {last} }}
guards:
  targets: {{ ready: 100%, min: 75%, for: 1s }}
  alarms: [{name}-errors]
retire: {{ after: 0s, then: keep }}
state: file:state
poll: 1s
{more}"
        );
        fs::write(self.folder.path().join("bg.yaml"), config).expect("a file in our own folder");
    }

    /// Waits until green carries `weight` on the listener.
    async fn shifted(&self, running: &mut Process, weight: &str) {
        let deadline = Instant::now() + DEPLOYMENT;
        while !self
            .weights_written("ModifyListener")
            .iter()
            .any(|seen| seen == weight)
        {
            if let Some(ended) = running.ended() {
                panic!("bg has ended before {weight}: {}", ended.told());
            }
            assert!(
                Instant::now() < deadline,
                "no shift to {weight}: {}",
                running.printed()
            );
            sleep(LOOK).await;
        }
    }

    /// Green's weights that were written with `operation`, in order, as the calls had them.
    fn weights_written(&self, operation: &str) -> Vec<String> {
        let calls = self.proxies[0].calls();
        let written = calls.iter().filter(|call| {
            call.operation == operation && call.status.is_some_and(|status| status < 300)
        });
        written
            .filter_map(|call| green_weight(self.name, call))
            .collect()
    }
}

/// The environment that reaches the emulators.
fn environment(moto: &str, ministack: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", moto.to_owned()),
        ("AWS_ENDPOINT_URL_ECS", ministack.to_owned()),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", ministack.to_owned()),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", ministack.to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
    ]
}

/// What a script printed.
fn document(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    serde_json::from_str(&ended.stdout).expect("a JSON document")
}

/// The weight that a write gives to slot b's group.
fn green_weight(name: &str, call: &Call) -> Option<String> {
    let group = format!(":targetgroup/{name}-b/");
    let (key, _) = call
        .parameters
        .iter()
        .find(|(_, value)| value.contains(&group))?;
    let key = key.strip_suffix("TargetGroupArn")?;
    call.parameters.get(&format!("{key}Weight")).cloned()
}

/// Asserts the weights of both routes.
fn assert_weights(look: &Value, name: &str, a: u32, b: u32) {
    let both = json!({ format!("{name}-a"): a, format!("{name}-b"): b });
    assert_eq!(look["weights"], json!({ "default": both, "5": both }));
}

/// Asserts that blue serves everything and green is put away.
fn assert_reverted(stage: &Stage, look: &Value) {
    assert_weights(look, stage.name, 100, 0);
    assert_eq!(look["services"][format!("{}-b", stage.name)]["desired"], 0);
    assert_eq!(
        look["services"][stage.name],
        stage.before["services"][stage.name]
    );
}

/// The listener and its rules, with all of slots' weights taken out.
fn without_weights(look: &Value) -> Value {
    let mut rest = json!([look["listener"], look["rules"]]);
    strip(&mut rest);
    rest
}

fn strip(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(fields) => {
            let group = fields.get("TargetGroupArn").and_then(Value::as_str);
            if group.is_some_and(|arn| !arn.contains("-admin/")) {
                fields.remove("Weight");
            }
            fields.values_mut().for_each(strip);
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_canary_goes_through_and_moves_both_routes_together() {
    let Some(stage) = Stage::set("canary", "0").await else {
        return;
    };
    let ended = stage.deploy(["3s", "2s"]).end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());

    assert_eq!(stage.weights_written("ModifyListener"), ["10", "100"]);
    assert_eq!(stage.weights_written("ModifyRule"), ["10", "100"]);
    let look = stage.scene("look", &[]).await;
    assert_weights(&look, "canary", 0, 100);
    let (blue, green) = (&look["services"]["canary"], &look["services"]["canary-b"]);
    assert_eq!(
        (&blue["desired"], &green["desired"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(green["running"], 2);
    assert_eq!(green["task_definition"], "canary:2");
    assert_eq!(green["definition_tags"]["team"], "shop");
    assert_eq!(
        green["definition_tags"]["bg:deployment"],
        green["tags"]["bg:deployment"]
    );
    let mut containers = blue["containers"].clone();
    containers[0]["image"] = json!("shop:v2");
    assert_eq!(green["containers"], containers);
    let settings = |service: &Value| {
        let mut settings = service["deployment_configuration"].clone();
        // Alarms of its own that are off are as good as none.
        settings
            .as_object_mut()
            .and_then(|fields| fields.remove("alarms"));
        settings
    };
    assert_eq!(
        settings(green),
        settings(blue),
        "its circuit breaker is on again"
    );
    let alarms = &green["deployment_configuration"]["alarms"]["enable"];
    assert_ne!(alarms, &json!(true));
}

#[tokio::test]
async fn the_dead_man_switch_is_armed_pushed_out_and_taken_away() {
    let Some(stage) = Stage::set("deadman", "0").await else {
        return;
    };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/bg-deadman");
    let deadman = format!("deadman: {{ after: 2m, role: \"{role}\" }}\n");
    let running = stage.deploy_with(["35s", "2s"], &deadman);
    let ended = running.end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let calls = stage.proxies[0].calls();
    let answered = |method: &str| {
        let start = format!("{method} /schedules/");
        let calls = calls
            .iter()
            .filter(|call| call.operation.starts_with(&start));
        calls.filter_map(|call| call.status).collect::<Vec<_>>()
    };
    assert_eq!(answered("POST"), [200, 200], "one for each route");
    let puts = answered("PUT");
    assert_eq!(puts[..2], [404, 404], "there was none before");
    assert!(puts.len() >= 4 && puts[2..].iter().all(|status| *status == 200));
    assert_eq!(answered("DELETE"), [200, 200]);
    assert_eq!(answered("GET"), [404, 404], "they are gone");
}

#[tokio::test]
async fn reverts_when_an_alarm_fires_while_baking() {
    let Some(stage) = Stage::set("alarmed", "0").await else {
        return;
    };
    let mut running = stage.deploy(["5m", "1s"]);
    stage.shifted(&mut running, "10").await;
    stage.scene("alarm", &["ALARM"]).await;
    let ended = running.end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        told.contains("alarmed-errors"),
        "it does not name the alarm: {}",
        ended.told()
    );
    assert_reverted(&stage, &stage.scene("look", &[]).await);
}

#[tokio::test]
async fn reverts_when_green_loses_its_targets_while_baking() {
    let Some(stage) = Stage::set("unhealthy", "0").await else {
        return;
    };
    let mut running = stage.deploy(["5m", "1s"]);
    stage.shifted(&mut running, "10").await;
    fs::write(stage.folder.path().join(DROPPED), "unhealthy-b").expect("a file in our own folder");
    let ended = running.end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert_reverted(&stage, &stage.scene("look", &[]).await);
}

#[tokio::test]
async fn refuses_to_start_while_the_alarm_is_in_alarm() {
    let Some(stage) = Stage::set("burning", "0").await else {
        return;
    };
    stage.scene("alarm", &["ALARM"]).await;
    let ended = stage.deploy(["1s", "1s"]).end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(3), "{}", ended.told());
    let mut look = stage.scene("look", &[]).await;
    assert_eq!(look.take(), stage.before, "something was changed");
}

#[tokio::test]
async fn everything_but_the_weights_of_a_sticky_listener_stays_as_it_was() {
    let Some(stage) = Stage::set("sticky", "1").await else {
        return;
    };
    let ended = stage.deploy(["1s", "1s"]).end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let look = stage.scene("look", &[]).await;
    assert_weights(&look, "sticky", 0, 100);
    assert_eq!(without_weights(&look), without_weights(&stage.before));
}

/// Runs a canary in which every operation meets `faults` on its first calls and once more later.
async fn survives(name: &'static str, faults: &[Fault]) {
    let Some(stage) = Stage::set(name, "0").await else {
        return;
    };
    for (nth, fault) in faults.iter().enumerate() {
        for proxy in &stage.proxies {
            proxy.fault_each(nth, *fault);
            proxy.fault_each(nth + 6, *fault);
        }
    }
    let ended = stage.deploy(["3s", "2s"]).end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let look = stage.scene("look", &[]).await;
    assert_weights(&look, name, 0, 100);
    let green = &look["services"][format!("{name}-b")];
    let registered = format!("{name}:2");
    assert_eq!(
        green["task_definition"], registered,
        "a repeat has made another"
    );

    let calls = stage.proxies.each_ref().map(Proxy::calls).concat();
    let all = |wanted: fn(&Call) -> bool| -> BTreeSet<(String, String)> {
        let some = calls.iter().filter(|call| wanted(call));
        some.map(|call| (call.service.clone(), call.operation.clone()))
            .collect()
    };
    let (asked, met) = (all(|_| true), all(|call| call.fault.is_some()));
    assert_eq!(asked, met, "each operation meets a fault");
    assert!(asked.len() >= 12, "only {asked:?}");
    if faults.contains(&Fault::LostAnswer) {
        let lost = |call: &&Call| call.fault == Some(Fault::LostAnswer);
        let lost: BTreeSet<&str> = calls
            .iter()
            .filter(lost)
            .map(|call| call.operation.as_str())
            .collect();
        for write in ["RegisterTaskDefinition", "CreateService", "ModifyListener"] {
            assert!(lost.contains(write), "{write} has lost no answer: {lost:?}");
        }
    }
}

#[tokio::test]
async fn a_canary_survives_throttling_of_every_operation() {
    survives("throttled", &[Fault::Throttle, Fault::Throttle]).await;
}

#[tokio::test]
async fn a_canary_survives_an_internal_error_and_a_slow_answer_of_every_operation() {
    survives("failing", &[Fault::InternalError, Fault::Delay(SLOW)]).await;
}

#[tokio::test]
async fn a_canary_survives_a_lost_connection_or_answer_of_every_operation() {
    survives("lossy", &[Fault::Reset, Fault::LostAnswer]).await;
}
