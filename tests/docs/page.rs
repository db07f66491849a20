//! A page's blocks: what a reader types, and what is shown below it.

use std::path::Path;

/// A command with what the page shows of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The line in the page, from 1.
    pub(crate) line: usize,
    /// What is typed, a here-document included.
    pub(crate) typed: String,
    /// What is shown; nothing is compared where there is nothing.
    pub(crate) shown: Vec<String>,
    /// Whether it is typed into a second terminal, and runs on beside the rest of the page.
    pub(crate) beside: bool,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its path under `docs/`.
    pub(crate) name: String,
    /// Blocks marked `console`, in order.
    pub(crate) commands: Vec<Command>,
    /// Blocks marked `sh`, which need what isn't here.
    pub(crate) scripts: Vec<String>,
}

impl Page {
    /// Reads `name` under `docs`.
    pub(crate) fn read(docs: &Path, name: &str) -> Page {
        let text = std::fs::read_to_string(docs.join(name));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        Page::of(name, &text)
    }

    /// The blocks of `text`.
    pub(crate) fn of(name: &str, text: &str) -> Page {
        let mut page = Page {
            name: name.to_owned(),
            commands: Vec::new(),
            scripts: Vec::new(),
        };
        let mut lines = text.lines().enumerate();
        while let Some((_, line)) = lines.next() {
            let Some((indent, info)) = line.split_once("```") else {
                continue;
            };
            if !indent.trim().is_empty() {
                continue;
            }
            let block = lines
                .by_ref()
                .map(|(at, line)| (at + 1, line.strip_prefix(indent).unwrap_or(line)));
            let block = block.take_while(|(_, line)| !line.trim_start().starts_with("```"));
            let block: Vec<_> = block.collect();
            match info {
                "console" => page.commands.extend(commands(&block, false)),
                "console second-terminal" => page.commands.extend(commands(&block, true)),
                "sh" => page.scripts.push(
                    block
                        .iter()
                        .map(|it| it.1)
                        .fold(String::new(), |script, line| script + line + "\n"),
                ),
                _ => {}
            }
        }
        page
    }
}

/// `$ ` begins a command; a backslash at its end, or a here-document, goes on with it.
fn commands(block: &[(usize, &str)], beside: bool) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut ends_at: Option<String> = None;
    let mut goes_on = false;
    for (line, text) in block {
        if let (Some(last), true) = (found.last_mut(), goes_on || ends_at.is_some()) {
            last.typed.push('\n');
            last.typed.push_str(text);
            goes_on = ends_at.is_none() && text.ends_with('\\');
            if ends_at.as_deref() == Some(*text) {
                ends_at = None;
            }
        } else if let Some(typed) = text.strip_prefix("$ ") {
            ends_at = typed
                .split_once("<<'")
                .and_then(|(_, rest)| Some(rest.split_once('\'')?.0.to_owned()));
            goes_on = typed.ends_with('\\');
            found.push(Command {
                line: *line,
                typed: typed.to_owned(),
                shown: Vec::new(),
                beside,
            });
        } else {
            let last = found.last_mut();
            let last = last.unwrap_or_else(|| panic!("line {line}: no command before `{text}`"));
            last.shown.push((*text).to_owned());
        }
    }
    found
}

#[test]
fn a_block_is_commands_and_what_they_show() {
    let text = "a\n```console\n$ one \\\n  more\nout\n…\n$ cat > f <<'END'\n$ x\nEND\n$ two\n```\n```sh\naws x\n```\n";
    let page = Page::of("p", text);
    let typed: Vec<_> = page.commands.iter().map(|it| it.typed.as_str()).collect();
    assert_eq!(
        typed,
        ["one \\\n  more", "cat > f <<'END'\n$ x\nEND", "two"]
    );
    assert_eq!(page.commands[0].shown, ["out", "…"]);
    assert_eq!(page.commands[0].line, 3);
    assert_eq!(page.scripts, ["aws x\n"]);
}
