//! A YAML text as a tree that knows where each key and value stands, and strict readers for it.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

use super::duration::{parse_duration, parse_response_time};
use super::input::{InputError, Position, nearest};
use super::weight::Weight;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// A YAML value; numbers as they are written back.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) node: Node,
}

impl Node {
    /// The value as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(it) => (*it).into(),
            Value::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.clone().into())
            }
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let entries = entries.iter();
                let object = entries.map(|entry| (entry.key.clone(), entry.node.to_json()));
                serde_json::Value::Object(object.collect())
            }
        }
    }
}

impl Value {
    /// What it is, for "expected X, found Y".
    fn told(&self) -> String {
        match self {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => format!("the number {number}"),
            Value::Text(text) => format!("{:?}", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// As much of a text as an error quotes.
fn shortened(text: &str) -> String {
    const QUOTED: usize = 40;
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text that is read, for positions and snippets in errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'t> {
    pub(crate) text: &'t str,
    pub(crate) origin: &'t str,
}

impl<'t> Reader<'t> {
    /// Parses the text into a tree. Duplicate keys and several documents are errors.
    pub(crate) fn parse(self) -> Result<Node, InputError> {
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options::<Spanned<Value>>(self.text, options)
            .map(Node::from)
            .map_err(|error| self.syntax_error(&error))
    }

    fn syntax_error(self, error: &serde_saphyr::Error) -> InputError {
        let error = error.without_snippet();
        let what = match error {
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("the key {key:?} stands here twice")
            }
            serde_saphyr::Error::MultipleDocuments { .. } => {
                "there is more than one YAML document".to_owned()
            }
            other => format!("not YAML: {}", UserMessageFormatter.format_message(other)),
        };
        match error.location() {
            Some(location) => self.error(position(location), what),
            None => InputError::new(self.origin, what),
        }
    }

    /// An error at a place in this text.
    pub(crate) fn error(self, at: Position, what: impl Into<String>) -> InputError {
        InputError::new(self.origin, what).at(at, self.text)
    }

    /// An error that this value is not `expected`.
    pub(crate) fn mismatch(self, node: &Node, expected: &str) -> InputError {
        let found = node.value.told();
        self.error(node.at, format!("expected {expected}, found {found}"))
    }

    /// A text that is not empty.
    pub(crate) fn text(self, node: &Node, expected: &str) -> Result<String, InputError> {
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => {
                Err(self.error(node.at, format!("expected {expected}, found an empty text")))
            }
            Value::Text(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => {
                Err(self.mismatch(node, expected).with_hint("put it in quotes"))
            }
            _ => Err(self.mismatch(node, expected)),
        }
    }

    /// A list; may be empty.
    pub(crate) fn list<'n>(self, node: &'n Node, expected: &str) -> Result<&'n [Node], InputError> {
        match &node.value {
            Value::List(items) => Ok(items),
            _ => Err(self.mismatch(node, expected)),
        }
    }

    /// A mapping with no other keys than `known`, each with a value.
    pub(crate) fn fields<'n>(
        self,
        node: &'n Node,
        expected: &str,
        known: &[&str],
    ) -> Result<Fields<'t, 'n>, InputError> {
        let Value::Map(entries) = &node.value else {
            return Err(self.mismatch(node, expected));
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                return Err(self.unknown_key(entry, known));
            }
            if matches!(entry.node.value, Value::Null) {
                let what = format!("the key {:?} has no value", entry.key);
                return Err(self
                    .error(entry.at, what)
                    .with_hint("give it one or take it out"));
            }
        }
        Ok(Fields {
            reader: self,
            at: node.at,
            entries,
        })
    }

    fn unknown_key(self, entry: &Entry, known: &[&str]) -> InputError {
        let mut what = format!("unknown key {:?}", entry.key);
        if let Some(near) = nearest(&entry.key, known.iter().copied()) {
            what += &format!("; did you mean {near:?}?");
        }
        self.error(entry.at, what)
            .with_hint(format!("keys known here: {}", known.join(", ")))
    }

    /// A duration such as `5m`.
    pub(crate) fn duration(self, node: &Node) -> Result<Duration, InputError> {
        self.length(node, "a duration such as 5m", parse_duration)
    }

    /// A response time such as `500ms`.
    pub(crate) fn response_time(self, node: &Node) -> Result<Duration, InputError> {
        self.length(node, "a time such as 500ms", parse_response_time)
    }

    fn length(
        self,
        node: &Node,
        expected: &str,
        parse: fn(&str) -> Result<Duration, String>,
    ) -> Result<Duration, InputError> {
        let (Value::Text(text) | Value::Number(text)) = &node.value else {
            return Err(self.mismatch(node, expected));
        };
        parse(text).map_err(|what| self.error(node.at, what))
    }

    /// `true` or `false`.
    pub(crate) fn flag(self, node: &Node) -> Result<bool, InputError> {
        match node.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.mismatch(node, "true or false")),
        }
    }

    /// A rate such as `0.05%`, in millionths.
    pub(crate) fn rate(self, node: &Node) -> Result<u32, InputError> {
        let expected = "a percentage such as 0.05%, with at most four decimals";
        match &node.value {
            Value::Text(text) => millionths(text)
                .ok_or_else(|| self.error(node.at, format!("expected {expected}, found {text:?}"))),
            Value::Number(number) => Err(self
                .error(node.at, format!("{number} is not a percentage"))
                .with_hint(format!("write {number}%"))),
            _ => Err(self.mismatch(node, expected)),
        }
    }

    /// A percentage such as `10%`.
    pub(crate) fn weight(self, node: &Node) -> Result<Weight, InputError> {
        match &node.value {
            Value::Text(text) => text
                .parse()
                .map_err(|error: super::WeightError| self.error(node.at, error.to_string())),
            Value::Number(number) => Err(self
                .error(node.at, format!("{number} is not a percentage"))
                .with_hint(format!("write {number}%"))),
            _ => Err(self.mismatch(node, "a percentage such as 10%")),
        }
    }
}

/// The keys of one mapping.
pub(crate) struct Fields<'t, 'n> {
    reader: Reader<'t>,
    at: Position,
    entries: &'n [Entry],
}

impl<'n> Fields<'_, 'n> {
    /// The value of a key that may be left out.
    pub(crate) fn optional(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &str) -> Result<&'n Node, InputError> {
        let missing = || {
            self.reader
                .error(self.at, format!("the key {key:?} is missing"))
        };
        self.optional(key).ok_or_else(missing)
    }

    /// Where a key stands; the mapping's own place if it isn't there.
    pub(crate) fn place(&self, key: &str) -> Position {
        self.entry(key).map_or(self.at, |entry| entry.at)
    }

    fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// A percentage of at most 1000 % in millionths.
fn millionths(text: &str) -> Option<u32> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let sound = !whole.is_empty() && !decimals.is_empty() && decimals.len() <= 4;
    if !sound || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 1000)?;
    let decimals: u32 = format!("{decimals:0<4}").parse().ok()?;
    Some(whole * 10_000 + decimals)
}

fn position(location: Location) -> Position {
    let from_one = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
    Position {
        line: from_one(location.line()),
        column: from_one(location.column()),
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Node {
        Node {
            at: position(spanned.referenced),
            value: spanned.value,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = access.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push(Entry {
                at: position(key.referenced),
                key: key.value,
                node: node.into(),
            });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ -~\\n]{0,80}") {
            let _ = Reader { text: &text, origin: "x" }.parse();
        }
    }

    #[test]
    fn keys_and_values_know_where_they_stand() {
        let text = "a: 1\nb:\n  c: [x, 5m]\n";
        let reader = Reader { text, origin: "x" };
        let node = reader.parse().unwrap();
        let fields = reader.fields(&node, "a mapping", &["a", "b"]).unwrap();
        assert_eq!(fields.place("b"), Position { line: 2, column: 1 });
        let b = fields.required("b").unwrap();
        let c = reader.fields(b, "a mapping", &["c"]).unwrap();
        let items = reader.list(c.required("c").unwrap(), "a list").unwrap();
        assert_eq!(
            items[1].at,
            Position {
                line: 3,
                column: 10
            }
        );
        assert_eq!(reader.duration(&items[1]), Ok(Duration::from_secs(300)));
    }

    #[test]
    fn a_rate_is_read_to_the_millionth() {
        assert_eq!(millionths("0.05%"), Some(500));
        assert_eq!(millionths("25%"), Some(250_000));
        assert_eq!(millionths("0.0001 %"), Some(1));
        for wrong in ["5", "%", ".5%", "1.%", "0.00001%", "-1%", "1e3%", "1001%"] {
            assert_eq!(millionths(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let reader = Reader {
            text: "stpes: []\n",
            origin: "x",
        };
        let node = reader.parse().unwrap();
        let error = reader.fields(&node, "a mapping", &["steps"]).err().unwrap();
        assert_eq!(
            error.headline(),
            "x:1:1: unknown key \"stpes\"; did you mean \"steps\"?"
        );
    }
}
