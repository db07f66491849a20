use super::*;
use crate::config::Config;

/// The rest of a config, where an example doesn't say it.
const REST: &str = "\
service: shop
cluster: prod
slots:
  a: { service: shop, target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
";

fn shown(topic: Topic) -> String {
    let lines = topic.lines();
    let lines = lines
        .iter()
        .map(|line| line.to_string().trim_end().to_owned() + "\n");
    lines.collect()
}

/// The indented lines after each `In bg.yaml:`.
fn examples(text: &str) -> Vec<String> {
    let parts = text.split("In bg.yaml:\n").skip(1);
    let example = |part: &str| {
        let lines = part.lines().take_while(|line| line.starts_with("  "));
        lines.map(|line| format!("{}\n", &line[2..])).collect()
    };
    parts.map(example).collect()
}

#[test]
fn every_topic_is_as_written_down() {
    let all = TOPICS.map(|topic| format!("bg help {}\n\n{}", topic.name, shown(topic)));
    insta::assert_snapshot!(all.join("\n════════\n\n"));
}

#[test]
fn every_topic_fits_a_small_terminal() {
    for topic in TOPICS {
        for line in topic.lines() {
            assert!(line.width() <= COLUMNS, "{}: {line}", topic.name);
        }
    }
}

#[test]
fn every_key_is_explained() {
    for topic in TOPICS {
        let text = topic.lines();
        let mut lines = text.iter().peekable();
        while let Some(line) = lines.next() {
            let alone = matches!(line.spans(), [_, name] if name.tone == Tone::Busy);
            let next = lines.peek().map(ToString::to_string).unwrap_or_default();
            assert!(
                !alone || next.starts_with("     "),
                "{}: {line}",
                topic.name
            );
        }
    }
}

#[test]
fn every_example_is_read() {
    let mut read = 0;
    for topic in TOPICS {
        for example in examples(&shown(topic)) {
            let whole = match example.contains("service: shop") {
                true => example,
                false => format!("{REST}{example}"),
            };
            let config = Config::parse(&whole, topic.name, &|_| None);
            config.unwrap_or_else(|error| panic!("{error}\n{whole}"));
            read += 1;
        }
    }
    assert!(read >= 5, "{read} examples");
}

#[test]
fn every_command_that_a_topic_names_is_one() {
    for topic in TOPICS {
        for line in shown(topic).lines() {
            let Some(command) = line.trim_start().strip_prefix("bg ") else {
                continue;
            };
            let words = command.split("  ").next().unwrap_or_default();
            let words = words.replace(['[', ']'], "");
            let words = words.split(' ').map(str::to_owned);
            let parsed = crate::cli::args::try_parse(std::iter::once("bg".to_owned()).chain(words));
            let refused = parsed.err().map(|error| error.kind());
            assert_eq!(refused, None, "{}: {line}", topic.name);
        }
    }
}
