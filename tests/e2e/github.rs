//! A deployment is one at GitHub too, whichever processes drive it.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::notify::notified;
use super::support::{Scene, until};
use super::web::serve;

const SHA: &str = "5c1e3f0d9a7b4c2e8f6a1b3d5e7f9a0b2c4d6e8f";

/// What GitHub has of a repository's deployments, the oldest first.
#[derive(Default)]
struct Kept {
    deployments: Vec<Deployment>,
    /// How many creations are done and then answered as if they weren't.
    lost: u32,
}

struct Deployment {
    made_of: Value,
    statuses: Vec<Value>,
}

/// GitHub's API, as far as deployments of `your-org/shop` go.
struct GitHub {
    address: String,
    kept: Arc<Mutex<Kept>>,
}

impl GitHub {
    fn losing(lost: u32) -> GitHub {
        let kept = Kept {
            lost,
            ..Kept::default()
        };
        let kept = Arc::new(Mutex::new(kept));
        let shared = Arc::clone(&kept);
        let address = serve(move |head, body| {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, body) = kept.answer(head, body);
            (status, body.to_string())
        });
        GitHub { address, kept }
    }

    /// The environment of a step of a workflow.
    fn variables<'a>(&self, url: &'a mut String) -> Vec<(&'static str, &'a str)> {
        *url = format!("http://{}", self.address);
        vec![
            ("GITHUB_API_URL", url),
            ("GITHUB_REPOSITORY", "your-org/shop"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_SHA", SHA),
            ("GITHUB_TOKEN", "very-secret"),
        ]
    }

    fn with<T>(&self, see: impl FnOnce(&Kept) -> T) -> T {
        see(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The states that each deployment had, the first first, without those that stayed.
    fn states(&self) -> Vec<Vec<String>> {
        self.with(|kept| {
            let of = |deployment: &Deployment| {
                let states = deployment.statuses.iter();
                let states = states.filter_map(|it| it["state"].as_str());
                let mut states: Vec<_> = states.map(str::to_owned).collect();
                states.dedup();
                states
            };
            kept.deployments.iter().map(of).collect()
        })
    }
}

impl Kept {
    fn answer(&mut self, head: &str, body: &[u8]) -> (u16, Value) {
        let said = |status: u16, message: &str| (status, json!({ "message": message }));
        let lower = head.to_lowercase();
        if !lower.contains("user-agent: bg/") {
            return said(403, "Request forbidden by administrative rules.");
        }
        if !head.contains("Bearer very-secret") {
            return said(401, "Bad credentials");
        }
        if head.contains("echo") {
            return said(418, head);
        }
        let line = head.lines().next().unwrap_or_default();
        let mut words = line.split(' ');
        let (method, path) = (words.next(), words.next().unwrap_or_default());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Some(rest) = path.strip_prefix("/repos/your-org/shop/deployments") else {
            return said(404, "Not Found");
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let long = body["description"]
            .as_str()
            .is_some_and(|it| it.chars().count() > 140);
        match (method, rest) {
            _ if long => said(422, "Validation Failed"),
            (Some("GET"), "") => (200, self.list(query)),
            (Some("POST"), "") => self.make(body),
            (method, rest) => {
                let id = rest.trim_matches('/').strip_suffix("/statuses");
                let id: Option<usize> = id.and_then(|id| id.parse().ok());
                let Some(one) = id.and_then(|id| self.deployments.get_mut(id - 1)) else {
                    return said(404, "Not Found");
                };
                if method == Some("POST") {
                    one.statuses.push(body.clone());
                    return (201, body);
                }
                let last = one.statuses.last();
                (200, last.cloned().into_iter().collect())
            }
        }
    }

    /// The newest first.
    fn list(&self, query: &str) -> Value {
        let all = self.deployments.iter().enumerate().rev();
        let of = all.filter(|(_, it)| {
            let environment = it.made_of["environment"].as_str().unwrap_or_default();
            query.contains(&format!("environment={environment}"))
        });
        of.map(|(at, it)| json!({ "id": at + 1, "payload": it.made_of["payload"] }))
            .collect()
    }

    fn make(&mut self, body: Value) -> (u16, Value) {
        let commit = body["ref"].as_str().unwrap_or_default();
        if commit != SHA {
            let message = format!("No ref found for: {commit}");
            return (422, json!({ "message": message }));
        }
        assert_eq!(
            body["required_contexts"],
            json!([]),
            "no checks are waited for"
        );
        assert_eq!(body["auto_merge"], false);
        self.deployments.push(Deployment {
            made_of: body,
            statuses: Vec::new(),
        });
        if self.lost > 0 {
            self.lost -= 1;
            return (502, json!({ "message": "Server Error" }));
        }
        (201, json!({ "id": self.deployments.len() }))
    }
}

const PRODUCTION: &str = "  - github_deployment:\n      \
                          { environment: production, url: \"https://shop.example.com\" }\n";

#[test]
fn each_deployment_is_one_at_github_that_shows_how_it_stands() {
    let scene = Scene::at_speed(100);
    let (github, mut url) = (GitHub::losing(1), String::new());
    let variables = github.variables(&mut url);
    notified(&scene, PRODUCTION);
    let deploy = |tag: &str| {
        let image = format!("shop:{tag}");
        scene.bg_with(
            &variables,
            &["deploy", "--image", &image, "--no-wait-retire"],
        )
    };
    let ended = deploy("v2").exits(0);
    assert!(!ended.stderr.contains("was not told"), "{ended}");
    let journal = scene.bg(&["show", "--output", "json"]).exits(0).stdout;
    for said in [&ended.stdout, &ended.stderr, &journal] {
        assert!(!said.contains("very-secret"), "{said}");
    }
    // The answer to the first creation was lost, and it was found.
    assert_eq!(github.states(), [["in_progress", "success"]]);
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    github.with(|kept| {
        let one = &kept.deployments[0];
        assert_eq!(one.made_of["payload"]["bg"]["deployment"], history[0]["id"]);
        assert_eq!(one.made_of["environment"], "production");
        let last = one.statuses.last().expect("a status");
        let run = "https://github.com/your-org/shop/actions/runs/7";
        assert_eq!(last["log_url"], run);
        assert_eq!(last["environment_url"], "https://shop.example.com");
        let description = last["description"].as_str().expect("a text");
        assert!(
            description.starts_with("shop (shop:v2): Promoted"),
            "{description}"
        );
    });
    deploy("missing").exits(4);
    deploy("v3").exits(0);
    let well = vec!["in_progress", "success"];
    let failed = vec!["in_progress", "failure"];
    let over = vec!["in_progress", "success", "inactive"];
    assert_eq!(github.states(), [over.clone(), failed.clone(), well]);
    scene
        .bg_with(&variables, &["rollback", "--no-wait-retire"])
        .exits(0);
    assert_eq!(github.states(), [over.clone(), failed, over]);
}

#[test]
fn a_process_that_takes_over_finds_the_deployment_whatever_it_runs_for_itself() {
    let scene = Scene::at_speed(100);
    let (github, mut url) = (GitHub::losing(0), String::new());
    let variables = github.variables(&mut url);
    let notify = format!("notify:\n{PRODUCTION}strategy:");
    scene.configure(&[("strategy:", &notify), ("bake: 1m }", "bake: 30m }")]);
    let mut first = scene.start_with(&variables, &[], &["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    until("GitHub to be told", || {
        let states = github.states();
        (states.first().is_some_and(|it| !it.is_empty())).then_some(())
    });
    first.signal("KILL");
    first.end();
    until("the lease's end", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["deployment"]["abandoned"] == true).then_some(())
    });
    scene.bg(&["abort"]).exits(7);
    let elsewhere = variables.iter().filter(|(name, _)| *name != "GITHUB_SHA");
    let elsewhere: Vec<_> = elsewhere.copied().collect();
    until("the deployment's end", || {
        scene.bg_with(&elsewhere, &["tick"]);
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        status["deployment"].is_null().then_some(())
    });
    assert_eq!(github.states(), [["in_progress", "failure"]]);
}

#[test]
fn what_github_refuses_is_said_once_and_fails_nothing() {
    let scene = Scene::at_speed(200);
    let (github, mut url) = (GitHub::losing(0), String::new());
    let variables = github.variables(&mut url);
    notified(&scene, PRODUCTION);
    let deploy = |tag: &str, name: &str, value: &str| {
        let changed = |it: &(&'static str, &str)| it.0 != name;
        let mut variables: Vec<_> = variables.iter().copied().filter(changed).collect();
        variables.push((if value.is_empty() { "NOTHING" } else { name }, value));
        let image = format!("shop:{tag}");
        let ended = scene.bg_with(
            &variables,
            &["deploy", "--image", &image, "--no-wait-retire"],
        );
        let ended = ended.exits(0);
        let warnings = ended
            .stderr
            .matches("github_deployment was not told: ")
            .count();
        assert_eq!(warnings, 1, "{ended}");
        assert!(!ended.stderr.contains(&github.address), "{ended}");
        ended
    };
    let not_set = deploy("v2", "GITHUB_TOKEN", "");
    not_set.complains("the environment variable GITHUB_TOKEN is not set");
    let unknown = deploy("v3", "GITHUB_TOKEN", "other-secret");
    assert!(!unknown.stderr.contains("other-secret"), "{unknown}");
    unknown.complains(
        "GitHub answered 401 (Bad credentials): it doesn't take the token in GITHUB_TOKEN",
    );
    let elsewhere = deploy("v4", "GITHUB_REPOSITORY", "your-org/cart");
    elsewhere.complains("needs the permission `deployments: write` on your-org/cart");
    let echo = deploy("v6", "GITHUB_REPOSITORY", "your-org/echo");
    assert!(!echo.stderr.contains("very-secret"), "{echo}");
    echo.complains("GitHub answered 418");
    let commit = deploy("v5", "GITHUB_SHA", "0000000");
    commit.complains("GitHub answered 422 (No ref found for: 0000000)");
    assert_eq!(github.states(), [[""; 0]; 0]);
}
