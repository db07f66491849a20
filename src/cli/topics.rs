//! What `bg help TOPIC` explains. The texts beside this file say why; every list in them is made
//! from what the program itself goes by, so that it can't be another.

mod lists;
#[cfg(test)]
mod tests;

use crate::report::line::{StyledLine, Tone};

/// Lines are no longer than this: the width of a small terminal.
const COLUMNS: usize = 80;
/// The topic whose parts are the strategies.
pub(super) const STRATEGIES: &str = "strategies";

/// Something worth explaining that is no verb.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    /// What `bg help` is given.
    pub(super) name: &'static str,
    /// What it is about, in a line.
    pub(super) about: &'static str,
    text: &'static str,
}

/// All of them, in the order in which they are listed.
pub(super) const TOPICS: [Topic; 9] = [
    Topic {
        name: STRATEGIES,
        about: "how traffic is shifted, and the strategies that are built in",
        text: include_str!("topics/strategies.txt"),
    },
    Topic {
        name: "guards",
        about: "what is watched all the time, and reverts",
        text: include_str!("topics/guards.txt"),
    },
    Topic {
        name: "gates",
        about: "what must pass before the next step",
        text: include_str!("topics/gates.txt"),
    },
    Topic {
        name: "routes",
        about: "what splits traffic between the slots",
        text: include_str!("topics/routes.txt"),
    },
    Topic {
        name: "notify",
        about: "who elsewhere is told what happens",
        text: include_str!("topics/notify.txt"),
    },
    Topic {
        name: "config",
        about: "every key of bg.yaml",
        text: include_str!("topics/config.txt"),
    },
    Topic {
        name: "state",
        about: "where journals and the lock are kept",
        text: include_str!("topics/state.txt"),
    },
    Topic {
        name: "environment",
        about: "the variables that are read",
        text: include_str!("topics/environment.txt"),
    },
    Topic {
        name: "exit-codes",
        about: "what each exit code means",
        text: include_str!("topics/exit-codes.txt"),
    },
];

impl Topic {
    /// The topic of that name.
    pub(super) fn named(name: &str) -> Option<Topic> {
        TOPICS.into_iter().find(|topic| topic.name == name)
    }

    /// Its whole text.
    pub(super) fn lines(self) -> Vec<StyledLine> {
        self.text.lines().flat_map(line).collect()
    }
}

/// A line of a text. `@` begins one that stands for a list; without an indent and with a colon at
/// its end it is a heading.
fn line(text: &str) -> Vec<StyledLine> {
    match text.strip_prefix('@') {
        Some(list) => lists::of(list),
        None if text.ends_with(':') && !text.starts_with(' ') => {
            vec![StyledLine::of(Tone::Strong, text)]
        }
        None => vec![StyledLine::new().plain(text)],
    }
}
