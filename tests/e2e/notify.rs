//! Whoever is named in `notify` is told what happens, and never holds a deployment up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use super::support::{Scene, until};

/// Somebody who takes letters.
struct Mailbox {
    address: String,
    letters: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Mailbox {
    /// One that answers each letter with these statuses in turn, and then with 200.
    fn answering(statuses: &'static [u16]) -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&letters);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().flatten().enumerate() {
                let status = statuses.get(n).copied().unwrap_or(200);
                if let Some(letter) = take(stream, status).filter(|_| status == 200) {
                    taken
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(letter);
                }
            }
        });
        Mailbox { address, letters }
    }

    fn letters(&self) -> Vec<(String, Value)> {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The headers and the body of one request.
fn take(stream: TcpStream, status: u16) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn notified(scene: &Scene, entries: &str) {
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
    let letters = hook.letters();
    let occasions: Vec<_> = letters
        .iter()
        .map(|(_, body)| body["occasion"].clone())
        .collect();
    assert_eq!(
        occasions,
        ["started", "shifting", "shifting", "promoted"],
        "{said}"
    );
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
    let flags = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    let ended = scene
        .bg(&flags)
        .exits(0)
        .complains("Warning: teams was not told: ")
        .complains("slack was not told: the environment variable NOT_SET is not set");
    assert!(!ended.stderr.contains("secret-path"), "{}", ended.stderr);
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
    for (text, said) in [("{{ serivce }}", "undefined"), ("{{ service", "`notify`")] {
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
