//! A served region, a config in a folder of its own, and the binary as a process of its own.

// With their paths, for the other target that has these scenes.
#[path = "support/permissions.rs"]
pub(crate) mod permissions;
#[path = "support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use process::{Ended, Process, until};

/// Two short steps, and patience that outlasts a busy machine: at these speeds a second of
/// waiting for a processor is minutes of the region's time.
pub(crate) const CONFIG: &str = r#"
service: shop
cluster: demo
region: eu-west-1
slots:
  a: { service: shop,   target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
strategy:
  steps: [{ weight: 10%, bake: 1m }, { weight: 100% }]
  bake: 1m
guards:
  targets: { for: 10s }
  alarms: ["shop-{slot}-5xx", "shop-{slot}-latency"]
retire: { after: 2m }
patience: 60m
blind_after: 30m
"#;

/// The binary, without anything of this process's environment that it reads.
fn bg() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bg"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("USER", "tester")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn bg_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = bg();
    command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder);
    command
}

/// Starts the binary in `folder` with nothing but these arguments.
pub(crate) fn started(folder: &Path, arguments: &[&str]) -> Process {
    Process::start(&mut bg_in(folder, arguments))
}

/// The exit code of a run that nobody reads, and that can't write to either stream from its first
/// byte on.
#[track_caller]
pub(crate) fn unread(folder: &Path, arguments: &[&str]) -> Option<i32> {
    let gone = || {
        let (_, writer) = std::io::pipe().expect("a pipe");
        writer
    };
    let mut command = bg_in(folder, arguments);
    let child = command.stdout(gone()).stderr(gone()).status();
    child.expect("it starts").code()
}

/// Runs the binary in `folder` with nothing but these arguments and variables.
#[track_caller]
pub(crate) fn bare(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut command = bg_in(folder, arguments);
    Process::start(command.envs(variables.iter().copied())).end()
}

/// The same, where it has to end soon.
#[track_caller]
pub(crate) fn bare_within(
    limit: Duration,
    folder: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Ended {
    let mut command = bg_in(folder, arguments);
    Process::start(command.envs(variables.iter().copied())).ends_within(limit)
}

/// A region with the demo account, and a folder with a config for it.
pub(crate) struct Scene {
    sandbox: Process,
    url: String,
    folder: TempDir,
    /// Everything that bg.yaml was.
    configs: Mutex<Vec<String>>,
    /// Whether a service is adopted in it, by a person with rights of their own.
    adopts: AtomicBool,
}

impl Scene {
    /// One whose clock runs `speed` times as fast.
    pub(crate) fn at_speed(speed: u32) -> Scene {
        Scene::open(speed, &[], "# bg.yaml for its demo service:", CONFIG)
    }

    /// A region with nothing in it, and a config for what a test puts there.
    pub(crate) fn empty_at_speed(speed: u32, config: &str) -> Scene {
        Scene::open(speed, &["--empty"], "export AWS_DEFAULT_REGION=", config)
    }

    fn open(speed: u32, flags: &[&str], ready: &str, config: &str) -> Scene {
        let folder = TempDir::new().expect("a temporary folder");
        let speed = speed.to_string();
        let arguments = ["sandbox", "--port", "0", "--speed", &speed];
        let mut sandbox = started(folder.path(), &[&arguments, flags].concat());
        sandbox.until_it_says(ready);
        let said = sandbox.stdout();
        let url = between(&said, "AWS_ENDPOINT_URL=", "\n").expect("it prints its address");
        let scene = Scene {
            url: url.to_owned(),
            sandbox,
            folder,
            configs: Mutex::default(),
            adopts: AtomicBool::new(false),
        };
        scene.write("bg.yaml", config);
        scene
    }

    /// What the sandbox printed.
    pub(crate) fn announcement(&self) -> String {
        self.sandbox.stdout()
    }

    /// Where the region listens.
    pub(crate) fn address(&self) -> &str {
        let authority = self.url.strip_prefix("http://");
        authority.expect("an http address")
    }

    /// Where the config is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file beside the config.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("the folder can be written to");
        if name == "bg.yaml" {
            let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
            configs.push(text.to_owned());
        }
        path
    }

    /// Writes the config with some words replaced.
    pub(crate) fn configure(&self, changes: &[(&str, &str)]) {
        let config = changes
            .iter()
            .fold(CONFIG.to_owned(), |config, (from, to)| {
                assert!(config.contains(from), "the config has no {from:?}");
                config.replace(from, to)
            });
        self.write("bg.yaml", &config);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bg_in(self.folder(), arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "sandbox")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }

    /// Runs `bg` to its end.
    #[track_caller]
    pub(crate) fn bg(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs `bg` to its end with more in its environment.
    #[track_caller]
    pub(crate) fn bg_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
        Process::start(self.command(arguments).envs(variables.iter().copied())).end()
    }

    /// Starts `bg`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(arguments))
    }

    /// Starts `bg` with more in its environment, and less.
    pub(crate) fn start_with(
        &self,
        variables: &[(&str, &str)],
        without: &[&str],
        arguments: &[&str],
    ) -> Process {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        for name in without {
            command.env_remove(name);
        }
        Process::start(&mut command)
    }

    /// Starts `bg` as a shell's `"$@"`.
    pub(crate) fn start_in_shell(&self, script: &str, arguments: &[&str]) -> Process {
        let bg = self.command(arguments);
        let mut shell = Command::new("bash");
        shell
            .args(["-c", script, "bash"])
            .arg(bg.get_program())
            .args(bg.get_args())
            .current_dir(self.folder())
            .env_clear()
            .envs(
                bg.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Process::start(&mut shell)
    }

    /// Asks the region's ECS, without bg between.
    #[track_caller]
    pub(crate) fn ecs(&self, operation: &str, input: &Value) -> Value {
        self.json(
            "ecs",
            &format!("AmazonEC2ContainerServiceV20141113.{operation}"),
            input,
        )
    }

    /// Asks the region's ECS for something that it refuses: what it says.
    #[track_caller]
    pub(crate) fn ecs_refuses(&self, operation: &str, input: &Value) -> String {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        until("the region not to throttle the test", || {
            let answer = self.post_once("ecs", &headers, &input.to_string());
            assert!(answer.starts_with("HTTP/1.1 400"), "{operation}: {answer}");
            (!answer.contains("Throttling")).then_some(answer)
        })
    }

    /// Asks the region's Application Auto Scaling.
    #[track_caller]
    pub(crate) fn scaling(&self, operation: &str, input: &Value) -> Value {
        let target = format!("AnyScaleFrontendService.{operation}");
        self.json("application-autoscaling", &target, input)
    }

    /// Asks the region's Route 53.
    #[track_caller]
    pub(crate) fn dns(&self, method: &str, path: &str, body: &str) -> String {
        let authority = self.address();
        let mut stream = TcpStream::connect(authority).expect("the region listens");
        let request = format!(
            "{method} /2013-04-01/{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn json(&self, service: &str, target: &str, input: &Value) -> Value {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let answer = self.post(service, &headers, &input.to_string());
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
    }

    /// Asks the region's ELBv2.
    #[track_caller]
    pub(crate) fn elb(&self, operation: &str, parameters: &[(&str, &str)]) -> String {
        let action = format!("Action={operation}&Version=2015-12-01");
        self.query("elasticloadbalancing", action, parameters)
    }

    /// Asks the region's CloudWatch.
    #[track_caller]
    pub(crate) fn cloudwatch(&self, operation: &str, parameters: &[(&str, &str)]) -> String {
        let action = format!("Action={operation}&Version=2010-08-01");
        self.query("monitoring", action, parameters)
    }

    #[track_caller]
    fn query(&self, service: &str, mut form: String, parameters: &[(&str, &str)]) -> String {
        for (name, value) in parameters {
            let value = value.replace('%', "%25").replace('&', "%26");
            form.push_str(&format!("&{name}={value}"));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.post(service, &headers, &form)
    }

    fn post(&self, service: &str, headers: &[(&str, &str)], body: &str) -> String {
        until("the region not to throttle the test", || {
            let answer = self.post_once(service, headers, body);
            let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
            if answer.contains("Throttling") {
                return None;
            }
            assert!(head.starts_with("HTTP/1.1 200"), "{service}: {answer}");
            Some(body.to_owned())
        })
    }

    /// What the region answers to `GET` on a path; `None` where it is gone.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let authority = self.address();
        let mut stream = TcpStream::connect(authority).ok()?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    fn post_once(&self, service: &str, headers: &[(&str, &str)], body: &str) -> String {
        let authority = self.address();
        let mut stream = TcpStream::connect(authority).expect("the region listens");
        let mut request = format!("POST / HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
        request.push_str(&format!(
            "authorization: AWS4-HMAC-SHA256 Credential=sandbox/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=00\r\n"
        ));
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// An ECS service as it is described; `None` where there is none, or none any more.
    #[track_caller]
    pub(crate) fn service(&self, name: &str) -> Option<Value> {
        let input = json!({ "cluster": "demo", "services": [name], "include": ["TAGS"] });
        let shown = self.ecs("DescribeServices", &input);
        let service = shown["services"].get(0)?.clone();
        (service["status"] != "INACTIVE").then_some(service)
    }

    /// A service's desired count; 0 where there is no service.
    #[track_caller]
    pub(crate) fn desired(&self, name: &str) -> u64 {
        self.service(name)
            .map_or(0, |service| service["desiredCount"].as_u64().unwrap_or(0))
    }

    /// The task definition that a service is set to run.
    #[track_caller]
    pub(crate) fn definition_of(&self, service: &str) -> Value {
        let service = self.service(service).expect("the service exists");
        let input = json!({ "taskDefinition": service["taskDefinition"], "include": ["TAGS"] });
        self.ecs("DescribeTaskDefinition", &input)
    }

    fn listeners(&self) -> String {
        let shown = self.elb("DescribeLoadBalancers", &[]);
        let arn = between(&shown, "<LoadBalancerArn>", "<").expect("the demo's load balancer");
        self.elb("DescribeListeners", &[("LoadBalancerArn", arn)])
    }

    /// The ARN of the demo's listener.
    pub(crate) fn listener(&self) -> String {
        let shown = self.listeners();
        between(&shown, "<ListenerArn>", "<")
            .expect("the demo's listener")
            .to_owned()
    }

    /// The ARN of a target group.
    pub(crate) fn group(&self, name: &str) -> String {
        let shown = self.elb("DescribeTargetGroups", &[("Names.member.1", name)]);
        between(&shown, "<TargetGroupArn>", "<")
            .expect("the target group")
            .to_owned()
    }

    /// Runs it while there is no `bg.yaml`.
    #[track_caller]
    pub(crate) fn without_config(&self, arguments: &[&str]) -> Ended {
        let [config, away] = ["bg.yaml", "away.yaml"].map(|it| self.folder().join(it));
        std::fs::rename(&config, &away).expect("it was written");
        let ended = self.bg(arguments);
        std::fs::rename(&away, &config).expect("it is there");
        ended
    }

    /// Has the listener keep clients where they are for an hour.
    pub(crate) fn stick(&self) {
        let groups = ["shop-a", "shop-b"].map(|it| self.group(it));
        let forward = "DefaultActions.member.1.ForwardConfig";
        let sticky = format!("{forward}.TargetGroupStickinessConfig");
        self.elb(
            "ModifyListener",
            &[
                ("ListenerArn", &self.listener()),
                ("DefaultActions.member.1.Type", "forward"),
                (
                    &format!("{forward}.TargetGroups.member.1.TargetGroupArn"),
                    &groups[0],
                ),
                (&format!("{forward}.TargetGroups.member.1.Weight"), "100"),
                (
                    &format!("{forward}.TargetGroups.member.2.TargetGroupArn"),
                    &groups[1],
                ),
                (&format!("{forward}.TargetGroups.member.2.Weight"), "0"),
                (&format!("{sticky}.Enabled"), "true"),
                (&format!("{sticky}.DurationSeconds"), "3600"),
            ],
        );
    }

    /// The slots' groups that the listener's action names.
    pub(crate) fn named(&self) -> Vec<&'static str> {
        let shown = self.listeners();
        let groups = ["shop-a", "shop-b"].into_iter();
        groups
            .filter(|it| shown.contains(&self.group(it)))
            .collect()
    }

    /// Writes the listener's action anew, as a stack update does.
    pub(crate) fn set_weights(&self, a: u32, b: u32) {
        let groups = ["shop-a", "shop-b"].map(|it| self.group(it));
        let forward = "DefaultActions.member.1.ForwardConfig.TargetGroups.member";
        self.elb(
            "ModifyListener",
            &[
                ("ListenerArn", &self.listener()),
                ("DefaultActions.member.1.Type", "forward"),
                (&format!("{forward}.1.TargetGroupArn"), &groups[0]),
                (&format!("{forward}.1.Weight"), &a.to_string()),
                (&format!("{forward}.2.TargetGroupArn"), &groups[1]),
                (&format!("{forward}.2.Weight"), &b.to_string()),
            ],
        );
    }

    /// The weights of slots a and b on the demo's listener.
    pub(crate) fn weights(&self) -> (u64, u64) {
        let shown = self.listeners();
        let mut weights = BTreeMap::new();
        for part in shown.split("<member>").skip(1) {
            let group = between(part, "<TargetGroupArn>", "<");
            let weight = between(part, "<Weight>", "<");
            if let (Some(group), Some(weight)) = (group, weight) {
                let name = group.split('/').nth(1).unwrap_or(group).to_owned();
                weights.insert(name, weight.parse().expect("a number"));
            }
        }
        let of = |name: &str| weights.get(name).copied().unwrap_or(0);
        (of("shop-a"), of("shop-b"))
    }

    /// Everything that a deployment changes, as it stands; two equal ones mean that nothing was.
    pub(crate) fn footprint(&self) -> String {
        let services = ["shop", "shop-b"].map(|name| {
            self.service(name).map(|service| {
                let of = |key: &str| service[key].clone();
                [of("taskDefinition"), of("desiredCount"), of("tags")]
            })
        });
        let definitions = self.ecs("ListTaskDefinitions", &json!({}));
        let listeners = self.listeners();
        let listeners = between(&listeners, "<Listeners>", "</Listeners>").unwrap_or_default();
        format!(
            "{services:?}\n{}\n{listeners}",
            definitions["taskDefinitionArns"]
        )
    }

    /// Panics unless blue, in slot a, has everything and green is at zero.
    #[track_caller]
    pub(crate) fn stands_on_blue(&self) {
        assert_eq!(self.weights(), (100, 0), "weights of slots a and b");
        assert_eq!(self.desired("shop"), 2, "blue's desired count");
        assert_eq!(self.desired("shop-b"), 0, "green's desired count");
    }

    /// Deploys a good version from slot a to slot b and leaves blue warm.
    #[track_caller]
    pub(crate) fn deploy_to_b(&self) {
        self.bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
            .exits(0);
        assert_eq!(self.weights(), (0, 100), "weights of slots a and b");
    }
}

/// What an address answers to `GET /`.
#[track_caller]
pub(crate) fn get(address: &str) -> String {
    get_path(address, "/")
}

/// What an address answers to `GET` of a path.
#[track_caller]
pub(crate) fn get_path(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// What stands between two marks, the first time.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = text.split_once(from)?.1;
    Some(rest.split_once(to)?.0)
}
