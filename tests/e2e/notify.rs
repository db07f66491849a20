//! Whoever is named in `notify` is told what happens, and never holds a deployment up.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::support::{Scene, until};
use super::web::serve;

/// Somebody who takes letters.
struct Mailbox {
    address: String,
    letters: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Mailbox {
    /// One that answers each letter with these statuses in turn, and then with 200.
    fn answering(statuses: &'static [u16]) -> Mailbox {
        let letters: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let taken = Arc::clone(&letters);
        let mut statuses = statuses.iter();
        let address = serve(move |head, body| {
            let status = statuses.next().copied().unwrap_or(200);
            if let Ok(letter) = serde_json::from_slice(body)
                && status == 200
            {
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.push((head.to_owned(), letter));
            }
            (status, String::new())
        });
        Mailbox { address, letters }
    }

    fn letters(&self) -> Vec<(String, Value)> {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// On which occasions it was told something, in order.
    fn occasions(&self) -> Vec<String> {
        let letters = self.letters();
        let occasions = letters
            .iter()
            .filter_map(|(_, body)| body["occasion"].as_str());
        occasions.map(str::to_owned).collect()
    }
}

pub(crate) fn notified(scene: &Scene, entries: &str) {
    let notify = format!("notify:\n{entries}strategy:");
    scene.configure(&[("strategy:", &notify)]);
}

#[test]
fn each_channel_hears_of_its_occasions_in_its_own_form() {
    let scene = Scene::at_speed(100);
    let (hook, slack) = (Mailbox::answering(&[503]), Mailbox::answering(&[]));
    notified(
        &scene,
        &format!(
            "  - webhook: {{ url: \"http://{}/in\", headers: {{ Authorization: {{ env: TOKEN }} }} }}\n    \
             on: [started, shifting, promoted, reverted]\n  \
             - slack: {{ env: SLACK }}\n    \
             text: \"{{{{ service }}}} is {{{{ occasion }}}}\"\n",
            hook.address
        ),
    );
    let address = format!("http://{}/services/T0/secret-path", slack.address);
    let variables = [("TOKEN", "Bearer very-secret"), ("SLACK", address.as_str())];
    let flags = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    let ended = scene.bg_with(&variables, &flags).exits(0);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let journal = scene.bg(&["show", "--output", "json"]).exits(0).stdout;
    for secret in ["very-secret", "secret-path"] {
        assert!(
            !said.contains(secret) && !journal.contains(secret),
            "{secret}"
        );
    }
    let told = ["started", "shifting", "shifting", "promoted"];
    assert_eq!(hook.occasions(), told, "{said}");
    let letters = hook.letters();
    let (head, last) = letters.last().expect("one at least");
    assert!(head.contains("Bearer very-secret"), "{head}");
    assert!(head.starts_with("POST /in HTTP/1.1"), "{head}");
    assert_eq!(
        (&last["service"], &last["weight"]),
        (&"shop".into(), &"100%".into())
    );
    let texts: Vec<_> = slack
        .letters()
        .iter()
        .map(|(_, body)| body["text"].clone())
        .collect();
    assert_eq!(texts, ["shop is started", "shop is promoted"]);
    let failed = ["deploy", "--image", "shop:missing"];
    scene.bg_with(&variables, &failed).exits(4);
    let letters = slack.letters();
    let (_, last) = letters.last().expect("one at least");
    assert_eq!(last["text"], "shop is reverted");
    assert_eq!(last["attachments"][0]["color"], "danger");
    let details = last["attachments"][0]["text"].to_string();
    assert!(details.contains("*cause*"), "{details}");
}

#[test]
fn a_channel_that_is_dead_fails_nothing_and_is_named_without_its_address() {
    let scene = Scene::at_speed(100);
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    notified(
        &scene,
        &format!("  - teams: \"http://{address}/secret-path\"\n  - slack: {{ env: NOT_SET }}\n"),
    );
    let unset =
        "slack can't be told anything from here: the environment variable NOT_SET is not set";
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(0)
        .says(unset);
    let flags = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    let ended = scene
        .bg(&flags)
        .exits(0)
        .complains(unset)
        .complains("Warning: teams was not told: ")
        .complains("slack was not told: the environment variable NOT_SET is not set");
    assert!(!ended.stderr.contains("secret-path"), "{}", ended.stderr);
}

#[test]
fn no_error_in_the_config_shows_what_may_be_a_secret() {
    let scene = Scene::at_speed(1);
    for entry in [
        "  - slack: htps://hooks.slack.com/services/T0/hunter2\n",
        "  - slack: https://hooks.slack.com/services/T0/hunter2\n    on: [promotd]\n",
        "  - webhook: { url: \"https://example.com/hunter2\", header: { A: hunter2 } }\n",
        "  - webhook: { url: \"https://example.com\", headers: { A: hunter2, B: [1] } }\n",
    ] {
        notified(&scene, entry);
        let refused = scene.bg(&["plan", "--image", "shop:v2"]).exits(2);
        assert!(refused.stderr.contains("bg.yaml:"), "{refused}");
        assert!(!refused.stderr.contains("hunter2"), "{refused}");
    }
}

#[test]
fn a_slow_channel_makes_no_other_one_late() {
    let scene = Scene::at_speed(100);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (slow, hook) = (
        silent.local_addr().expect("an address"),
        Mailbox::answering(&[]),
    );
    notified(
        &scene,
        &format!(
            "  - teams: \"http://{slow}/\"\n  - webhook: \"http://{}/in\"\n",
            hook.address
        ),
    );
    let ended = scene
        .bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
        .exits(0)
        .complains("teams was not told");
    assert!(!ended.stderr.contains("webhook was not told"), "{ended}");
    let told = hook.occasions();
    assert_eq!(
        told.last().map(String::as_str),
        Some("promoted"),
        "{told:?}"
    );
}

#[test]
fn a_channel_that_never_answers_holds_nothing_up() {
    let scene = Scene::at_speed(100);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    notified(
        &scene,
        &format!("  - webhook: \"http://{address}/\"\n    on: [started]\n"),
    );
    let mut deploy = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    deploy.until_it_says("Promoted");
    until("the process to end", || deploy.is_over().then_some(()));
    deploy.end().exits(0).complains("webhook was not told");
}

#[test]
fn a_text_that_can_not_be_filled_in_is_refused_before_anything_begins() {
    let scene = Scene::at_speed(100);
    let before = scene.footprint();
    for (text, said) in [
        (
            "{{ serivce }}",
            "there is no `serivce`, did you mean `service`?",
        ),
        ("{{ service", "`notify`"),
    ] {
        notified(
            &scene,
            &format!("  - slack: {{ env: X }}\n    text: \"{text}\"\n"),
        );
        scene
            .bg(&["deploy", "--image", "shop:v2"])
            .exits(2)
            .complains(said);
    }
    assert_eq!(scene.footprint(), before);
}

#[test]
fn topics_and_buses_are_told_in_their_own_form() {
    let scene = Scene::at_speed(100);
    let topic = "arn:aws:sns:eu-west-1:123456789012:deployments";
    notified(
        &scene,
        &format!(
            "  - sns: {topic}\n    text: \"{{{{ service }}}}: {{{{ text }}}}\"\n  \
             - sns: {topic}.fifo\n    on: [started, shifting, promoted]\n  \
             - event_bus: deployments\n    on: [started, promoted]\n"
        ),
    );
    scene.deploy_to_b();
    let published = scene.get("/published").expect("the region answers");
    let published: Value = serde_json::from_str(&published).expect("it is JSON");
    let all = published["messages"].as_array().expect("a list");
    let (ordered, plain): (Vec<_>, Vec<_>) = all.iter().partition(|it| {
        it["TopicArn"]
            .as_str()
            .is_some_and(|it| it.ends_with(".fifo"))
    });
    let subjects: Vec<_> = plain.iter().map(|it| it["Subject"].clone()).collect();
    assert_eq!(
        subjects,
        ["shop started: shop:v2", "shop promoted: shop:v2"]
    );
    let message = plain[1]["Message"].as_str().expect("a text");
    assert!(message.starts_with("shop: Promoted: green"), "{message}");
    assert!(
        message.contains("\nwhere: demo, 123456789012 eu-west-1"),
        "{message}"
    );
    let attributes = &plain[1]["MessageAttributes"];
    assert_eq!(attributes["occasion"]["StringValue"], "promoted");
    assert_eq!(attributes["service"]["StringValue"], "shop");
    let groups: Vec<_> = ordered
        .iter()
        .map(|it| it["MessageGroupId"].clone())
        .collect();
    assert_eq!(groups, ["shop"; 4], "each shift is a message of its own");
    let events = published["events"].as_array().expect("a list");
    let types: Vec<_> = events.iter().map(|it| it["DetailType"].clone()).collect();
    assert_eq!(types, ["Deployment Started", "Deployment Promoted"]);
    assert_eq!(events[1]["Source"], "bg");
    let bus = "arn:aws:events:eu-west-1:123456789012:event-bus/deployments";
    assert_eq!(events[1]["EventBusName"], bus);
    let detail = events[1]["Detail"].as_str().expect("a text");
    let detail: Value = serde_json::from_str(detail).expect("it is JSON");
    assert_eq!(
        (&detail["service"], &detail["weight"]),
        (&json!("shop"), &json!("100%"))
    );
}

#[test]
fn what_aws_refuses_is_said_once_and_fails_nothing() {
    let scene = Scene::at_speed(100);
    let arn = "arn:aws:sns:eu-west-1:123456789012";
    notified(
        &scene,
        &format!(
            "  - sns: {arn}:denied\n  - sns: {arn}:missing\n  - event_bus: failing\n  \
             - event_bus: denied\n"
        ),
    );
    let flags = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    let ended = scene
        .bg(&flags)
        .exits(0)
        .complains(
            "sns (entry 1 of `notify`) was not told: not allowed: sns:Publish; `bg iam-policy`",
        )
        .complains(
            "sns (entry 2 of `notify`) was not told: sns:Publish: NotFound: Topic does not exist",
        )
        .complains(
            "event_bus (entry 3 of `notify`) was not told: events:PutEvents: InternalFailure",
        )
        .complains("event_bus (entry 4 of `notify`) was not told: not allowed: events:PutEvents");
    assert_eq!(ended.stderr.matches("was not told").count(), 4, "{ended}");
}

/// Ticks until nothing is due any more.
fn tick_to_the_end(scene: &Scene) {
    until("nothing to be due", || {
        let ticked = scene.bg(&["tick"]);
        ticked.stdout.contains("nothing is due").then_some(())
    });
}

#[test]
fn rounds_of_a_tick_tell_what_they_drive_on_once() {
    let scene = Scene::at_speed(100);
    let hook = Mailbox::answering(&[]);
    let entry = format!(
        "  - webhook: \"http://{}/\"\n    on: [started, shifting, holding, reverting, reverted]\n",
        hook.address
    );
    let notify = format!("notify:\n{entry}strategy:");
    scene.configure(&[("strategy:", &notify), ("bake: 1m }", "bake: 30m }")]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    until("the first two letters", || {
        (hook.occasions().len() == 2).then_some(())
    });
    first.signal("KILL");
    first.end();
    until("the lease's end", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["deployment"]["abandoned"] == true).then_some(())
    });
    scene.bg(&["abort"]).exits(7);
    until("the deployment's end", || {
        scene.bg(&["tick"]);
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        status["deployment"].is_null().then_some(())
    });
    scene.stands_on_blue();
    tick_to_the_end(&scene);
    assert_eq!(
        hook.occasions(),
        ["started", "shifting", "reverting", "reverted"]
    );
}

#[test]
fn a_retirement_by_a_tick_is_told_once() {
    let scene = Scene::at_speed(200);
    let hook = Mailbox::answering(&[]);
    notified(
        &scene,
        &format!(
            "  - webhook: \"http://{}/\"\n    on: [promoted, retired]\n",
            hook.address
        ),
    );
    scene.deploy_to_b();
    until("blue to be retired", || {
        scene.bg(&["tick"]).exits(0);
        (scene.desired("shop") == 0).then_some(())
    });
    tick_to_the_end(&scene);
    assert_eq!(hook.occasions(), ["promoted", "retired"]);
}
