//! Expressions as trees: conditions and updates.

use super::expression::order;
use super::reserved::is_reserved;
use super::{AwsError, invalid};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What stands for a value: an attribute, a given value, or a sum.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Attribute(String),
    Value(Value),
    IfNotExists(String, Box<Operand>),
    Plus(Box<Operand>, Box<Operand>),
    Minus(Box<Operand>, Box<Operand>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What holds or doesn't.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Exists(String),
    NotExists(String),
    BeginsWith(Operand, Operand),
    Compare(Operand, Comparison, Operand),
    Between(Operand, Operand, Operand),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// One change of an item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Set(String, Operand),
    Remove(String),
    Add(String, Operand),
}

/// Reads the expressions of one request; what it gives but doesn't use is an error, as in AWS.
pub(super) struct Parser<'a> {
    input: &'a Value,
    /// The field whose expression is being read, for messages.
    field: String,
    words: Vec<String>,
    at: usize,
    used: BTreeSet<String>,
}

impl<'a> Parser<'a> {
    /// Over a request, or a part of a transaction.
    pub(super) fn of(input: &'a Value) -> Parser<'a> {
        Parser {
            input,
            field: String::new(),
            words: Vec::new(),
            at: 0,
            used: BTreeSet::new(),
        }
    }

    /// The condition under `field`, where there is one.
    pub(super) fn condition(&mut self, field: &str) -> Result<Option<Condition>, AwsError> {
        if !self.begin(field)? {
            return Ok(None);
        }
        let condition = self.either()?;
        self.end(field)?;
        Ok(Some(condition))
    }

    /// The changes under `UpdateExpression`.
    pub(super) fn changes(&mut self) -> Result<Vec<Change>, AwsError> {
        let mut changes = Vec::new();
        if !self.begin("UpdateExpression")? {
            return Ok(changes);
        }
        while self.at < self.words.len() {
            let clause = self.next()?.to_uppercase();
            loop {
                let name = self.name()?;
                changes.push(match clause.as_str() {
                    "SET" => {
                        self.expect("=")?;
                        Change::Set(name, self.sum()?)
                    }
                    "REMOVE" => Change::Remove(name),
                    "ADD" => Change::Add(name, self.operand()?),
                    _ => return Err(self.syntax("UpdateExpression", &clause)),
                });
                if !self.takes(",") {
                    break;
                }
            }
        }
        Ok(changes)
    }

    /// Whether everything given was used.
    pub(super) fn finish(self) -> Result<(), AwsError> {
        for (field, kind) in [
            ("ExpressionAttributeNames", "names"),
            ("ExpressionAttributeValues", "values"),
        ] {
            let given = self.input.get(field).and_then(Value::as_object);
            let unused = given.into_iter().flat_map(|given| given.keys());
            let unused: Vec<_> = unused.filter(|name| !self.used.contains(*name)).collect();
            if !unused.is_empty() {
                let message = format!(
                    "Value provided in ExpressionAttribute{kind} unused in expressions: keys: {unused:?}"
                );
                return Err(invalid(message));
            }
        }
        Ok(())
    }

    fn begin(&mut self, field: &str) -> Result<bool, AwsError> {
        let Some(text) = self.input.get(field).and_then(Value::as_str) else {
            return Ok(false);
        };
        self.field = field.to_owned();
        self.words = words(text).map_err(|odd| self.syntax(field, &odd))?;
        self.at = 0;
        Ok(true)
    }

    fn end(&self, field: &str) -> Result<(), AwsError> {
        match self.words.get(self.at) {
            None => Ok(()),
            Some(word) => Err(self.syntax(field, word)),
        }
    }

    fn syntax(&self, field: &str, near: &str) -> AwsError {
        invalid(format!("Invalid {field}: Syntax error; token: {near:?}"))
    }

    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> Result<String, AwsError> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word.ok_or_else(|| self.syntax("expression", "<EOF>"))
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, word: &str) -> Result<(), AwsError> {
        match self.takes(word) {
            true => Ok(()),
            false => Err(self.syntax("expression", self.peek())),
        }
    }

    fn either(&mut self) -> Result<Condition, AwsError> {
        let mut left = self.both()?;
        while self.takes("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Condition, AwsError> {
        let mut left = self.single()?;
        while self.takes("AND") {
            left = Condition::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Condition, AwsError> {
        if self.takes("NOT") {
            return Ok(Condition::Not(Box::new(self.single()?)));
        }
        if self.takes("(") {
            let inner = self.either()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.takes("attribute_exists") {
            return Ok(Condition::Exists(self.name_in_parentheses()?));
        }
        if self.takes("attribute_not_exists") {
            return Ok(Condition::NotExists(self.name_in_parentheses()?));
        }
        if self.takes("begins_with") {
            self.expect("(")?;
            let whole = self.operand()?;
            self.expect(",")?;
            let start = self.operand()?;
            self.expect(")")?;
            return Ok(Condition::BeginsWith(whole, start));
        }
        let left = self.operand()?;
        if self.takes("BETWEEN") {
            let from = self.operand()?;
            self.expect("AND")?;
            let to = self.operand()?;
            if let (Operand::Value(from), Operand::Value(to)) = (&from, &to)
                && order(from, to)?.is_none_or(Ordering::is_gt)
            {
                return Err(invalid(
                    "The BETWEEN operator requires upper bound to be greater than or equal to \
                     lower bound, of the same type",
                ));
            }
            return Ok(Condition::Between(left, from, to));
        }
        let comparison = match self.next()?.as_str() {
            "=" => Comparison::Equal,
            "<>" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            other => return Err(self.syntax("expression", other)),
        };
        Ok(Condition::Compare(left, comparison, self.operand()?))
    }

    fn name_in_parentheses(&mut self) -> Result<String, AwsError> {
        self.expect("(")?;
        let name = self.name()?;
        self.expect(")")?;
        Ok(name)
    }

    fn sum(&mut self) -> Result<Operand, AwsError> {
        let left = self.operand()?;
        if self.takes("+") {
            return Ok(Operand::Plus(Box::new(left), Box::new(self.operand()?)));
        }
        if self.takes("-") {
            return Ok(Operand::Minus(Box::new(left), Box::new(self.operand()?)));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Operand, AwsError> {
        if self.takes("if_not_exists") {
            self.expect("(")?;
            let name = self.name()?;
            self.expect(",")?;
            let otherwise = Box::new(self.operand()?);
            self.expect(")")?;
            return Ok(Operand::IfNotExists(name, otherwise));
        }
        if !self.peek().starts_with(':') {
            return Ok(Operand::Attribute(self.name()?));
        }
        let name = self.next()?;
        let value = self.given("ExpressionAttributeValues", &name)?.clone();
        Ok(Operand::Value(value))
    }

    fn name(&mut self) -> Result<String, AwsError> {
        let word = self.next()?;
        if word.starts_with('#') {
            let name = self.given("ExpressionAttributeNames", &word)?;
            return Ok(name.as_str().unwrap_or_default().to_owned());
        }
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
        match is_name {
            true if is_reserved(&word) => Err(invalid(format!(
                "Invalid {}: Attribute name is a reserved keyword; reserved keyword: {word}",
                self.field
            ))),
            true => Ok(word),
            false => Err(self.syntax("expression", &word)),
        }
    }

    fn given(&mut self, field: &str, name: &str) -> Result<&'a Value, AwsError> {
        self.used.insert(name.to_owned());
        let given = self.input.get(field).and_then(|given| given.get(name));
        given.ok_or_else(|| {
            invalid(format!(
                "Invalid expression: {field} has no value for {name}"
            ))
        })
    }
}

/// An expression's words and signs. Paths into maps and lists are not played here.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let part_of_a_word = |c: char| c.is_ascii_alphanumeric() || "_#:".contains(c);
        let length = if part_of_a_word(first) {
            rest.find(|c| !part_of_a_word(c)).unwrap_or(rest.len())
        } else if ["<>", "<=", ">="].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else if "=<>(),+-".contains(first) {
            1
        } else {
            return Err(first.to_string());
        };
        let (word, after) = rest.split_at(length);
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}
