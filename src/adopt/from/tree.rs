//! Files that others wrote, read with an eye on what nobody asked about.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::strategy::{Entry, InputError, Node, Reader, Value, Weight};

/// A mapping, and which of its keys were asked for. A key's first letter may be a capital or not:
/// AWS's APIs have one, its templates the other.
pub(super) struct Map<'t, 'n> {
    reader: Reader<'t>,
    entries: &'n [Entry],
    asked: RefCell<BTreeSet<String>>,
}

impl<'t, 'n> Map<'t, 'n> {
    pub(super) fn of(
        reader: Reader<'t>,
        node: &'n Node,
        expected: &str,
    ) -> Result<Map<'t, 'n>, InputError> {
        let Value::Map(entries) = &node.value else {
            return Err(reader.mismatch(node, expected));
        };
        Ok(Map {
            reader,
            entries,
            asked: RefCell::default(),
        })
    }

    /// Whether a key is there; that is not asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    fn entry(&self, key: &str) -> Option<&'n Entry> {
        let exact = self.entries.iter().find(|entry| entry.key == key);
        exact.or_else(|| self.entries.iter().find(|entry| alike(&entry.key, key)))
    }

    /// The value of a key, if it has one.
    pub(super) fn node(&self, key: &str) -> Option<&'n Node> {
        let entry = self.entry(key)?;
        self.asked.borrow_mut().insert(entry.key.clone());
        Some(&entry.node).filter(|node| !matches!(node.value, Value::Null))
    }

    /// A text, or a number as it is written.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, InputError> {
        let Some(node) = self.node(key) else {
            return Ok(None);
        };
        let (Value::Text(text) | Value::Number(text)) = &node.value else {
            return Err(self.reader.mismatch(node, "a text"));
        };
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, InputError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        // Jsonnet and templates may have it as a fraction.
        let number = text.strip_suffix(".0").unwrap_or(&text).parse().ok();
        number
            .map(Some)
            .ok_or_else(|| self.error(key, format!("{key} is no whole number: {text}")))
    }

    /// A percentage with at most one decimal, without its sign.
    pub(super) fn percent(&self, key: &str) -> Result<Option<Weight>, InputError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let weight = text.parse::<f64>().ok().and_then(tenths);
        weight
            .map(Some)
            .ok_or_else(|| self.error(key, format!("{key} is no percentage: {text}")))
    }

    /// Whether it is `true`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.node(key)
            .is_some_and(|node| matches!(node.value, Value::Bool(true)))
    }

    pub(super) fn map(&self, key: &str) -> Result<Option<Map<'t, 'n>>, InputError> {
        let of = |node| Map::of(self.reader, node, "a mapping");
        self.node(key).map(of).transpose()
    }

    /// A list of mappings.
    pub(super) fn maps(&self, key: &str) -> Result<Vec<Map<'t, 'n>>, InputError> {
        let Some(node) = self.node(key) else {
            return Ok(Vec::new());
        };
        let items = self.reader.list(node, "a list")?;
        let maps = items.iter();
        maps.map(|node| Map::of(self.reader, node, "a mapping"))
            .collect()
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, InputError> {
        let Some(node) = self.node(key) else {
            return Ok(Vec::new());
        };
        let items = self.reader.list(node, "a list")?.iter();
        let texts = items.map(|node| self.reader.text(node, "a text"));
        texts.collect()
    }

    /// Each key with its text, where it has one.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'n str, Option<&'n str>)> {
        self.entries.iter().map(|entry| {
            let text = match &entry.node.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            };
            (entry.key.as_str(), text)
        })
    }

    pub(super) fn error(&self, key: &str, what: impl Into<String>) -> InputError {
        match self.entry(key) {
            Some(entry) => self.reader.error(entry.at, what),
            None => InputError::new(self.reader.origin, what),
        }
    }

    /// The keys that nobody asked for, each with its line.
    pub(super) fn unasked(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let others = self.entries.iter().filter(|it| !asked.contains(&it.key));
        let origin = self.reader.origin;
        others
            .map(|it| format!("{} ({origin}:{}): bg doesn't know it", it.key, it.at.line))
            .collect()
    }
}

fn alike(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let mut letters = text.chars();
        let first = letters.next()?.to_ascii_lowercase();
        Some((first, letters.as_str().to_owned()))
    };
    parts(one) == parts(other)
}

/// Jsonnet writes 0.1 as 0.10000000000000001.
fn tenths(percent: f64) -> Option<Weight> {
    let all = (0..=Weight::FULL.per_mille()).filter_map(Weight::of_per_mille);
    let mut near = all.filter(|it| (f64::from(it.per_mille()) / 10.0 - percent).abs() < 1e-6);
    near.next()
}
