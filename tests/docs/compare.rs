//! Whether output is as a page shows it. `…` stands for anything, alone in a line for any lines;
//! moments, ids and other hexadecimal words are as good as any other.

/// What differs, in words; nothing where it fits.
pub(crate) fn differs(shown: &[String], said: &str) -> Option<String> {
    let said: Vec<String> = said.lines().map(str::to_owned).collect();
    let (shown, said) = (trimmed(shown), trimmed(&said));
    match fit(&shown, &said) {
        true => None,
        false => Some(format!(
            "--- shown\n{}\n--- said\n{}",
            shown.join("\n"),
            said.join("\n")
        )),
    }
}

/// Without empty lines at either end, nor blanks at the end of a line.
fn trimmed(lines: &[String]) -> Vec<String> {
    let lines: Vec<_> = lines.iter().map(|it| it.trim_end().to_owned()).collect();
    let first = lines.iter().position(|it| !it.is_empty()).unwrap_or(0);
    let last = lines.iter().rposition(|it| !it.is_empty());
    let last = last.map_or(first, |it| it + 1);
    lines[first..last].to_vec()
}

fn fit(shown: &[String], said: &[String]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=said.len()).any(|skipped| fit(rest, &said[skipped..]))
        }
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, more)| is_like(line, first) && fit(rest, more)),
    }
}

fn is_like(line: &str, pattern: &str) -> bool {
    let (line, pattern) = (masked(line), masked(pattern));
    let Some((head, rest)) = pattern.split_once('…') else {
        return line == pattern;
    };
    let Some(mut line) = line.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match line.split_once(part) {
            Some((_, after)) => line = after,
            None => return false,
        }
    }
    line.ends_with(tail)
}

/// With each moment, id and hash as `~`.
fn masked(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
    let mut words = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        match is_of_its_run(word.trim_end_matches(':')) {
            true => words.push('~'),
            false => words.push_str(&word),
        }
        word.clear();
        words.push(c);
    }
    words.truncate(words.len() - 1);
    words
}

/// `08:27:07`, `2026-11-21`, `2026-11-21T08:27:07Z`, `20261121-082703-pelw`, `ed2ee375d99d5bdf`.
fn is_of_its_run(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = word.split([':', '-', 'T']).collect();
    let lengths: Vec<usize> = parts.iter().map(|it| it.len()).collect();
    let clock = lengths == [2, 2, 2] && parts.iter().all(|it| digits(it));
    let day = lengths.starts_with(&[4, 2, 2]) && parts[..3].iter().all(|it| digits(it));
    let id = lengths == [8, 6, 4] && digits(parts[0]) && digits(parts[1]);
    let hash = word.len() >= 8
        && word.chars().all(|c| c.is_ascii_hexdigit())
        && word.chars().any(|c| c.is_ascii_digit());
    clock || day || id || hash
}

#[test]
fn what_belongs_to_one_run_is_as_good_as_any_other() {
    let shown = "08:27:07  at 10%, (20261121-082703-pelw) until 08:33:22".to_owned();
    let said = "10:01:59  at 10%, (20261122-102301-vkxj) until 10:07:03\n";
    assert_eq!(differs(std::slice::from_ref(&shown), said), None);
    assert!(differs(&[shown], &said.replace("10%", "25%")).is_some());
}

#[test]
fn three_dots_stand_for_anything() {
    let shown = ["one", "…", "after … and … more", "…"].map(str::to_owned);
    assert_eq!(
        differs(&shown, "\none\n2\n3\nafter 1m and 4 or more\n"),
        None
    );
    assert!(differs(&shown, "one\nafter 1m\n").is_some());
    assert!(differs(&shown[..1], "one\ntwo\n").is_some());
}
