//! What is asked of a deployment on the live page, over HTTP; how that looks is for the browser's
//! tests.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::calls::Wire;
use super::support::{Process, Scene, between, until};

const DEPLOY: [&str; 4] = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
const TOKEN: &str = "0123456789abcdef";

/// A deployment that waits at a gate, and the page of it.
struct Waiting {
    scene: Scene,
    deployment: Process,
    /// Kept: its end is the page's.
    _ui: Process,
    address: String,
    path: String,
}

impl Waiting {
    fn at(approval: &str) -> Waiting {
        let scene = Scene::at_speed(60);
        let gate = format!("gates: [{{ name: release, at: 10%, approval: {approval} }}]\nretire:");
        scene.configure(&[("retire:", &gate)]);
        let mut deployment = scene.start(&DEPLOY);
        deployment.until_it_says("release after 10%: waits for");
        let mut ui = scene.start(&["ui", "--token", TOKEN, "--offline"]);
        ui.until_it_says("/?token=");
        let said = ui.stdout();
        let address = between(&said, "http://", "/?").expect("an address");
        let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
        let id = history[0]["id"].as_str().expect("an id");
        Waiting {
            path: format!("/services/shop/{id}"),
            address: address.to_owned(),
            _ui: ui,
            deployment,
            scene,
        }
    }

    fn ask(&self, method: &str, what: &str, form: &str) -> String {
        self.ask_at(method, &format!("{}{what}", self.path), form)
    }

    fn get(&self, path: &str) -> String {
        self.ask_at("GET", path, "")
    }

    fn ask_at(&self, method: &str, path: &str, form: &str) -> String {
        rest(&mut asked(&self.address, method, path, form))
    }

    /// What a page's reader is told from now on.
    fn events(&self) -> TcpStream {
        let path = format!("{}/events", self.path);
        asked(&self.address, "GET", &path, "")
    }

    fn page(&self) -> String {
        self.ask("GET", "", "")
    }

    /// What its forms have to bring.
    fn secret(&self) -> String {
        let page = self.page();
        let secret = between(&page, "name=\"csrf\" value=\"", "\"").expect("a form");
        format!("csrf={secret}")
    }

    #[track_caller]
    fn posts(&self, what: &str, form: &str, status: u16) -> String {
        let answer = self.ask("POST", what, form);
        let wanted = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&wanted), "{what} {form}: {answer}");
        answer
    }
}

/// A request whose answer is still to be read; it is an error to wait for it too long.
fn asked(address: &str, method: &str, path: &str, form: &str) -> TcpStream {
    let port = address.rsplit(':').next().expect("a port");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let limit = stream.set_read_timeout(Some(Duration::from_secs(60)));
    limit.expect("a limit");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         cookie: bg-ui-{port}={TOKEN}\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

/// All of an answer, up to its end.
#[track_caller]
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it ends");
    answer
}

/// When whoever reads these events is to ask again.
#[track_caller]
fn again(events: &str) -> u64 {
    let later = between(events, "event: later\ndata: ", "\n");
    let later = later.and_then(|it| it.parse().ok());
    later.unwrap_or_else(|| panic!("they go on: {events}"))
}

#[test]
fn a_gate_is_approved_on_the_page_by_its_name_and_with_the_page_s_secret() {
    let waiting = Waiting::at("[tester]");
    let page = waiting.page();
    assert!(page.contains("Gate release"), "{page}");
    let waits = "</span> Waits for approval of gate release, until ";
    assert!(page.contains(waits), "{page}");
    let listed = waiting.scene.bg(&["history"]).exits(0);
    listed.says("not ended: waits for approval of gate release");
    let unknown = waiting.ask("GET", "x/events", "");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let secret = waiting.secret();
    waiting.posts("/approve", "gate=release", 403);
    waiting.posts("/approve", "csrf=wrong&gate=release", 403);
    let other = waiting.posts("/approve", &format!("{secret}&gate=other"), 409);
    assert!(other.contains("another gate waits now"), "{other}");
    waiting.posts("/approve", &secret, 409);
    waiting.posts("/approve", &format!("{secret}&gate=release"), 303);
    until("the gate to leave the page", || {
        (!waiting.page().contains("Gate release")).then_some(())
    });
    waiting.posts("/reject", &format!("{secret}&gate=release"), 409);
    let ended = waiting.deployment.end().exits(0);
    ended
        .says("release says yes: approved by tester@")
        .says("(bg ui)");
    assert_eq!(waiting.scene.weights(), (0, 100));
}

#[test]
fn a_gate_is_rejected_on_the_page_for_a_reason_that_everybody_reads() {
    let waiting = Waiting::at("anyone");
    let form = format!(
        "{}&gate=release&reason=not+on+a+Friday+%3Cb%3E",
        waiting.secret()
    );
    waiting.posts("/reject", &form, 303);
    let page = waiting.page();
    assert!(page.contains("not on a Friday &lt;b&gt;"), "{page}");
    let ended = waiting.deployment.end().exits(4);
    ended.says("(bg ui) rejected it: not on a Friday <b>");
    waiting.scene.stands_on_blue();
}

#[test]
fn a_gate_that_waits_for_somebody_else_has_no_button_and_takes_no_form() {
    let waiting = Waiting::at("[somebody-else]");
    let page = waiting.page();
    assert!(
        page.contains("gate release waits for somebody-else, and this is tester@"),
        "{page}"
    );
    assert!(!page.contains("/approve\""), "{page}");
    let secret = waiting.secret();
    for what in ["/approve", "/reject"] {
        let answer = waiting.posts(what, &format!("{secret}&gate=release"), 403);
        assert!(answer.contains("waits for somebody-else"), "{answer}");
    }
    waiting.posts("/abort", &secret, 303);
    waiting.deployment.end().exits(4);
}

#[test]
fn what_cannot_be_read_is_said_and_never_taken_for_nothing() {
    let mut waiting = Waiting::at("anyone");
    let kept = waiting.scene.folder().join(".bg/shop");
    waiting.deployment.signal("KILL");
    until("the process to end", || {
        waiting.deployment.is_over().then_some(())
    });
    let lock = kept.join("lock.json");
    fs::remove_file(&lock).expect("a lock");
    fs::create_dir(&lock).expect("a folder in its place");
    let page = waiting.page();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(
        page.contains("who drives it can&#x27;t be read: "),
        "{page}"
    );
    assert!(
        !page.contains("bg resume") && !page.contains("<form method=\"post\""),
        "{page}"
    );
    let figures = waiting.get("/metrics");
    assert!(figures.starts_with("HTTP/1.1 502 "), "{figures}");
    let list = waiting.get("/");
    assert!(list.contains(">can&#x27;t be read: "), "{list}");

    let journals = kept.join("deployments");
    fs::rename(&journals, kept.join("elsewhere")).expect("journals");
    fs::write(&journals, "").expect("a file in their place");
    let page = waiting.page();
    assert!(page.starts_with("HTTP/1.1 502 "), "{page}");
    assert!(
        page.contains("<h1 id=\"unread\">The state can't be read</h1>"),
        "{page}"
    );
    assert!(page.contains("&#x2f;events\" data-unread>"), "{page}");
}

/// Reads until it has been told something.
fn until_it_says(stream: &mut TcpStream, text: &str) {
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(text) {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).expect("it goes on");
        assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&more[..read]);
    }
}

#[test]
fn only_some_pages_keep_a_connection_and_none_does_of_what_is_over() {
    let waiting = Waiting::at("anyone");
    let list = waiting.get("/events");
    assert!(list.contains("event: main\n"), "{list}");
    assert_eq!(again(&list), 10_000);
    let mut stay = [(); 3].map(|()| waiting.events());
    for events in &mut stay {
        until_it_says(events, "event: here\n");
    }
    // Those that come later are told what there is.
    for _ in 0..2 {
        let looks = rest(&mut waiting.events());
        assert!(looks.contains("Gate release"), "{looks}");
        assert_eq!(again(&looks), 2_000);
    }
    waiting.posts("/abort", &waiting.secret(), 303);
    for mut events in stay {
        let said = rest(&mut events);
        assert!(said.contains("Reverted"), "{said}");
        assert_eq!(again(&said), 30_000);
    }
    assert_eq!(again(&rest(&mut waiting.events())), 30_000);
    waiting.deployment.end().exits(4);
}

/// Seconds of the day, by the clock of what was read.
fn read_at(events: &str) -> Option<u32> {
    let clock = between(events, "event: here\ndata: ", "\n")?;
    let parts: Option<Vec<u32>> = clock.split(':').map(|it| it.parse().ok()).collect();
    Some(parts?.into_iter().fold(0, |all, part| all * 60 + part))
}

/// The pages of a scene whose calls are counted: their process, their address, and the path of the newest
/// deployment's.
fn pages_over(scene: &Scene, wire: &Wire) -> (Process, String, String) {
    let url = wire.proxy.url();
    let mut ui = scene.start(&["ui", "--token", TOKEN, "--endpoint-url", &url]);
    ui.until_it_says("/?token=");
    let said = ui.stdout();
    let address = between(&said, "http://", "/?").expect("an address");
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let id = history[0]["id"].as_str().expect("an id");
    (ui, address.to_owned(), format!("/services/shop/{id}"))
}

/// How often CloudWatch was asked.
fn asks_of(wire: &Wire) -> usize {
    let calls = wire.proxy.calls().into_iter();
    calls.filter(|it| it.service == "monitoring").count()
}

#[test]
fn pages_that_are_loaded_at_once_ask_for_figures_once() {
    let scene = Scene::at_speed(1);
    let mut deploy = scene.start(&["deploy", "--image", "shop:v2", "--strategy", "all-at-once"]);
    deploy.until_it_says("green");
    let wire = Wire::before(&scene);
    let (_ui, address, path) = pages_over(&scene, &wire);
    let pages: Vec<_> = (0..8).map(|_| asked(&address, "GET", &path, "")).collect();
    for mut page in pages {
        assert!(rest(&mut page).starts_with("HTTP/1.1 200"));
    }
    assert_eq!(asks_of(&wire), 1, "they wait for one answer");
}

#[test]
fn a_page_that_stays_open_asks_for_no_figures_once_none_can_come() {
    let scene = Scene::at_speed(120);
    scene.bg(&DEPLOY).exits(0);
    let wire = Wire::before(&scene);
    let (_ui, address, path) = pages_over(&scene, &wire);
    let path = format!("{path}/events");
    let asks = || asks_of(&wire);
    // A day has passed at midnight, too.
    let passes = |minutes: u32| {
        let now = || read_at(&rest(&mut asked(&address, "GET", &path, "")));
        let began = now().expect("it was read");
        until("time to pass", || {
            let passed = (now()? + 86_400 - began) % 86_400;
            (passed > minutes * 60).then_some(())
        });
    };
    passes(6);
    let before = asks();
    assert!(before > 0, "it went another way");
    passes(5);
    assert_eq!(asks(), before);
}
