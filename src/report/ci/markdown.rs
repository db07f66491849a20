//! Text of other people in Markdown, so that it stays text.

use crate::report::line::StyledLine;

/// `text` as a part of a line or of a table's cell: what Markdown and HTML would read into it is
/// escaped, and it stays on one line.
pub fn inline(text: &str) -> String {
    let text = StyledLine::new().plain(text).to_string();
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// `lines` as a block that is shown as it is: its fence is longer than any in it.
pub fn block(kind: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().collect();
    let longest = lines.iter().map(|line| run_of_backticks(line)).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let text = lines.join("\n");
    format!("{fence}{kind}\n{text}\n{fence}\n")
}

fn run_of_backticks(line: &str) -> usize {
    let runs = line.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let told = inline("a|b <img> ![x](y)\n# `z`");
        assert_eq!(told, r"a\|b &lt;img&gt; \!\[x\](y) \# \`z\`");
    }

    #[test]
    fn a_block_ends_only_at_its_end() {
        let told = block("text", ["```".to_owned(), "x ```` y".to_owned()]);
        assert_eq!(told, "`````text\n```\nx ```` y\n`````\n");
    }
}
