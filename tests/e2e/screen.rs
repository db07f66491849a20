//! What reaches a terminal, a dumb one, and a pipe.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::support::bare;

const ESCAPE: char = '\u{1b}';
const DEPLOY: [&str; 6] = [
    "deploy",
    "--sandbox",
    "--image",
    "shop:v2",
    "--speed",
    "300",
];

/// Everything that a deployment writes to a terminal of 80 × 24.
fn on_a_terminal(term: &str, variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let deploy = format!("{} {}", env!("CARGO_BIN_EXE_bg"), DEPLOY.join(" "));
    let ended = Command::new("script")
        .args(["-qec", &format!("{deploy} --no-wait-retire"), "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([("USER", "tester"), ("TERM", term), ("SHELL", "/bin/sh")])
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("util-linux is there");
    let shown = String::from_utf8(ended.stdout).expect("text");
    assert!(ended.status.success(), "{shown}");
    assert!(
        shown.contains(": green (slot b, shop:2) serves everything"),
        "{shown}"
    );
    shown
}

fn in_a_pipe(variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let arguments = [&DEPLOY[..], &["--no-wait-retire"]].concat();
    bare(folder.path(), variables, &arguments).exits(0).stdout
}

/// The escape sequences, by their last letter.
fn sequences(text: &str, last: char) -> usize {
    let begins = text.split(ESCAPE).skip(1);
    let ends = begins.filter_map(|it| it.chars().find(char::is_ascii_alphabetic));
    ends.filter(|it| *it == last).count()
}

#[test]
fn a_terminal_gets_one_view_that_is_drawn_in_place() {
    let shown = on_a_terminal("xterm-256color", &[]);
    assert!(
        !shown.contains("\u{1b}[2J"),
        "the screen is cleared: {shown:?}"
    );
    assert!(
        !shown.contains("\u{1b}[?1049h"),
        "another screen is taken: {shown:?}"
    );
    // The view and its frames, and then the cursor again.
    let (hidden, back) = (shown.rfind("\u{1b}[?25l"), shown.rfind("\u{1b}[?25h"));
    assert!(
        hidden.is_some() && hidden < back,
        "the cursor stays hidden: {shown:?}"
    );
    assert!(sequences(&shown, 'm') > 0, "no colours: {shown:?}");
    // A frame is whole for terminals that know how to wait for it.
    let frames = shown.matches("\u{1b}[?2026h").count();
    assert!(
        frames > 2 && frames == shown.matches("\u{1b}[?2026l").count() - 1,
        "{shown:?}"
    );
    // What didn't change isn't written again.
    let drawn = shown.matches("Task definition").count();
    assert!(drawn < frames / 2, "{drawn} times in {frames} frames");
}

#[test]
fn colours_can_be_refused_on_a_terminal() {
    let shown = on_a_terminal("xterm-256color", &[("NO_COLOR", "1")]);
    assert_eq!(sequences(&shown, 'm'), 0, "{shown:?}");
}

#[test]
fn a_dumb_terminal_and_ci_get_plain_lines() {
    for (term, variables) in [("dumb", &[][..]), ("xterm", &[("CI", "true")])] {
        let shown = on_a_terminal(term, variables);
        assert_eq!(
            sequences(&shown, 'J') + sequences(&shown, 'F'),
            0,
            "{shown:?}"
        );
        assert!(term != "dumb" || !shown.contains(ESCAPE), "{shown:?}");
    }
}

#[test]
fn a_pipe_gets_whole_lines_without_escapes_unless_colours_are_forced() {
    let plain = in_a_pipe(&[]);
    assert!(!plain.contains(ESCAPE), "{plain:?}");
    assert!(!plain.contains('…'), "something is cut: {plain}");
    let forced = in_a_pipe(&[("CLICOLOR_FORCE", "1")]);
    assert!(
        sequences(&forced, 'm') > 0 && sequences(&forced, 'J') == 0,
        "{forced:?}"
    );
}
