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

/// `text` as a block that is shown as it is: its fence is longer than any in it.
pub fn block(kind: &str, text: &str) -> String {
    let runs = text.split(|character| character != '`');
    let longest = runs.map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{kind}\n{text}\n{fence}\n")
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
        let told = block("text", "```\nx ```` y");
        assert_eq!(told, "`````text\n```\nx ```` y\n`````\n");
    }
}
