//! What the entries of `notify` are called, and which can't be told from here.

use super::post::{address, of_environment, repository};
use crate::notify::{Channel, Held, NotifyWanted};

/// Each entry's name: its kind, and its place where there are several of that kind.
pub(super) fn names(wanted: &[NotifyWanted]) -> Vec<String> {
    let kinds: Vec<_> = wanted.iter().map(|it| it.channel.name()).collect();
    let named = |(at, kind): (usize, &&str)| match kinds.iter().filter(|it| *it == kind).count() {
        1 => (*kind).to_owned(),
        _ => format!("{kind} (entry {} of `notify`)", at + 1),
    };
    kinds.iter().enumerate().map(named).collect()
}

/// Who would not be told because the environment lacks what the config says it holds, and why.
pub(in crate::cli) fn unset(wanted: &[NotifyWanted]) -> Vec<String> {
    let of = |(one, name): (&NotifyWanted, String)| {
        let why = missing(&one.channel)?;
        Some(format!("{name} can't be told anything from here: {why}"))
    };
    wanted.iter().zip(names(wanted)).filter_map(of).collect()
}

fn missing(channel: &Channel) -> Option<String> {
    let unheld = |value: &Held| match value {
        Held::Env(name) => of_environment(name).err(),
        Held::Text(_) => None,
    };
    match channel {
        Channel::Slack(url) | Channel::Teams(url) => address(url).err(),
        Channel::Webhook { url, headers } => address(url)
            .err()
            .or_else(|| headers.values().find_map(unheld)),
        Channel::GitHub(wanted) => {
            let token = of_environment(&wanted.token);
            token.and_then(|_| repository(wanted)).err()
        }
        Channel::Sns(_) | Channel::EventBus(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Occasion;

    fn slack(variable: &str) -> NotifyWanted {
        NotifyWanted {
            channel: Channel::Slack(Held::Env(variable.to_owned())),
            on: Occasion::USUAL.into_iter().collect(),
            text: None,
        }
    }

    #[test]
    fn several_of_a_kind_are_told_apart() {
        let hook = NotifyWanted {
            channel: Channel::Teams(Held::Text("https://example.com".to_owned())),
            ..slack("PATH")
        };
        let known = NotifyWanted {
            channel: Channel::Slack(Held::Text("https://example.com".to_owned())),
            ..slack("PATH")
        };
        let wanted = [known, hook, slack("BG_TEST_NEVER_SET")];
        let named = [
            "slack (entry 1 of `notify`)",
            "teams",
            "slack (entry 3 of `notify`)",
        ];
        assert_eq!(names(&wanted), named);
        let why = "the environment variable BG_TEST_NEVER_SET is not set";
        let said = format!("{} can't be told anything from here: {why}", named[2]);
        assert_eq!(unset(&wanted), [said]);
    }

    #[test]
    fn a_variable_that_holds_no_address_is_told_without_what_it_holds() {
        let said = unset(&[slack("PATH")]);
        let why = "the environment variable PATH holds no address to use: it is no URL; write";
        assert!(said[0].contains(why), "{said:?}");
        let path = std::env::var("PATH").unwrap_or_default();
        assert!(!said[0].contains(&path), "{said:?}");
    }
}
