//! Terraform's language, as far as it is written here: laid out as `terraform fmt` would.

use std::fmt::Write;

use super::texts;

/// What a resource or block holds, in order.
#[derive(Default)]
pub(super) struct Body(pub(super) Vec<Item>);

/// One of its parts.
pub(super) enum Item {
    /// A name and its value, as it is written.
    Argument(String, String),
    /// What stands before the braces, and what between them.
    Block(String, Body),
    /// A line's words.
    Comment(String),
}

impl Body {
    /// The body with one more argument.
    pub(super) fn argument(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(Item::Argument(name.to_owned(), value.into()));
    }

    /// The body with one more block.
    pub(super) fn block(&mut self, name: &str, body: Body) {
        self.0.push(Item::Block(name.to_owned(), body));
    }

    /// Written as `terraform fmt` would.
    pub(super) fn write(&self, text: &mut String, indent: usize) {
        let pad = "  ".repeat(indent);
        let mut rest = &self.0[..];
        while let Some((first, others)) = rest.split_first() {
            match first {
                Item::Comment(words) => {
                    let _ = writeln!(text, "{pad}# {words}");
                    rest = others;
                }
                Item::Block(name, body) => {
                    let _ = writeln!(text, "{pad}{name} {{");
                    body.write(text, indent + 1);
                    let _ = writeln!(text, "{pad}}}");
                    rest = others;
                }
                Item::Argument(..) => {
                    let is_argument = |item: &&Item| matches!(item, Item::Argument(..));
                    let count = rest.iter().take_while(is_argument).count();
                    let (arguments, after) = rest.split_at(count);
                    write_arguments(arguments, text, &pad);
                    rest = after;
                }
            }
        }
    }
}

/// Arguments that follow each other have their `=` below one another.
fn write_arguments(arguments: &[Item], text: &mut String, pad: &str) {
    let names = arguments.iter().map(|item| match item {
        Item::Argument(name, _) => name.len(),
        _ => 0,
    });
    let width = names.max().unwrap_or(0);
    for item in arguments {
        if let Item::Argument(name, value) = item {
            let _ = writeln!(text, "{pad}{name:<width$} = {value}");
        }
    }
}

/// A single block.
pub(super) fn one(head: &str, body: Body) -> Body {
    Body(vec![Item::Block(head.to_owned(), body)])
}

/// Numbers and truth values stand as they are.
pub(super) fn literal(value: &str) -> String {
    let number = !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit())
        && (value == "0" || !value.starts_with('0'));
    match number || matches!(value, "true" | "false") {
        true => value.to_owned(),
        false => quoted(value),
    }
}

/// A quoted template without anything to fill in.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = texts::quoted(text);
    for mark in ["${", "%{"] {
        quoted = quoted.replace(mark, &format!("{}{mark}", &mark[..1]));
    }
    quoted
}

/// A resource's name.
pub(super) fn identifier(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let fit: String = name.chars().map(fit).collect();
    match fit.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{fit}"),
        false => fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_no_templates() {
        assert_eq!(quoted("${x} %{y} \"z\""), r#""$${x} %%{y} \"z\"""#);
        assert_eq!(literal("8080"), "8080");
        assert_eq!(literal("200-299"), "\"200-299\"");
        assert_eq!(literal("007"), "\"007\"");
        assert_eq!(identifier("1-shop.b"), "_1_shop_b");
    }
}
