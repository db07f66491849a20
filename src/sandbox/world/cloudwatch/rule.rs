//! Composite alarms' rules: `ALARM("x") AND NOT (OK(y) OR INSUFFICIENT_DATA(z))`.

use super::alarm::AlarmState;

/// A parsed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// `TRUE` or `FALSE`.
    Constant(bool),
    /// A child's state.
    Is(AlarmState, String),
    /// Not.
    Not(Box<Rule>),
    /// Both.
    And(Box<Rule>, Box<Rule>),
    /// At least one.
    Or(Box<Rule>, Box<Rule>),
}

impl Rule {
    /// Parses a rule. Children may be given by name, quoted name, or ARN.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            depth: 0,
        };
        let rule = parser.any()?;
        match parser.tokens.first() {
            None => Ok(rule),
            Some(token) => Err(format!("unexpected '{token}'")),
        }
    }

    /// Whether it holds, given the children's states. A child that isn't there is in none.
    pub fn holds(&self, state_of: &impl Fn(&str) -> Option<AlarmState>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(state, name) => state_of(name) == Some(*state),
            Self::Not(inner) => !inner.holds(state_of),
            Self::And(left, right) => left.holds(state_of) && right.holds(state_of),
            Self::Or(left, right) => left.holds(state_of) || right.holds(state_of),
        }
    }

    /// The names of the alarms that it looks at.
    pub fn children(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(_, name) => vec![name],
            Self::Not(inner) => inner.children(),
            Self::And(left, right) | Self::Or(left, right) => {
                let mut names = left.children();
                names.extend(right.children());
                names
            }
        }
    }
}

/// Parentheses, and words or quoted names; a quoted name keeps its opening quote as a mark.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            '"' => match rest[1..].find('"') {
                Some(end) => {
                    tokens.push(rest[..=end].to_owned());
                    rest = rest[end + 2..].trim_start();
                    continue;
                }
                None => return Err("a quote is never closed".to_owned()),
            },
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
                .unwrap_or(rest.len()),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [String],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.tokens.first().is_some_and(|token| token == word);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        match self.take(word) {
            true => Ok(()),
            false => Err(format!("'{word}' is missing")),
        }
    }

    fn any(&mut self) -> Result<Rule, String> {
        /// Deeper nesting than AWS's 10,240 characters are ever used for; a guard for the stack.
        const DEEPEST: usize = 100;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deep".to_owned());
        }
        let mut left = self.all()?;
        while self.take("OR") {
            left = Rule::Or(Box::new(left), Box::new(self.all()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn all(&mut self) -> Result<Rule, String> {
        let mut left = self.one()?;
        while self.take("AND") {
            left = Rule::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Rule, String> {
        let mut negations = 0;
        while self.take("NOT") {
            negations += 1;
        }
        let rule = self.atom()?;
        match negations % 2 {
            0 => Ok(rule),
            _ => Ok(Rule::Not(Box::new(rule))),
        }
    }

    fn atom(&mut self) -> Result<Rule, String> {
        let state = match self.next() {
            Some("(") => {
                let inner = self.any()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Some("TRUE") => return Ok(Rule::Constant(true)),
            Some("FALSE") => return Ok(Rule::Constant(false)),
            Some("ALARM") => AlarmState::Alarm,
            Some("OK") => AlarmState::Ok,
            Some("INSUFFICIENT_DATA") => AlarmState::InsufficientData,
            Some(other) => return Err(format!("unexpected '{other}'")),
            None => return Err("the rule ends too soon".to_owned()),
        };
        self.expect("(")?;
        let name = match self.next() {
            None | Some("(" | ")") => return Err("an alarm's name is missing".to_owned()),
            Some(name) => name.trim_start_matches('"'),
        };
        self.expect(")")?;
        // An ARN ends in `:alarm:NAME`.
        let name = name.split_once(":alarm:").map_or(name, |(_, name)| name);
        Ok(Rule::Is(state, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let state_of = |name: &str| match name {
            "red" | "two words" => Some(AlarmState::Alarm),
            "green" => Some(AlarmState::Ok),
            "grey" => Some(AlarmState::InsufficientData),
            _ => None,
        };
        Rule::parse(text)
            .unwrap_or_else(|why| panic!("{text}: {why}"))
            .holds(&state_of)
    }

    #[test]
    fn rules_hold_as_documented() {
        for (text, wanted) in [
            ("TRUE", true),
            ("FALSE", false),
            ("ALARM(red)", true),
            ("ALARM(\"red\")", true),
            ("ALARM(\"two words\")", true),
            (
                "ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:red)",
                true,
            ),
            ("ALARM( green )", false),
            ("OK(green) AND INSUFFICIENT_DATA(grey)", true),
            ("NOT OK(green) OR ALARM(red)", true),
            ("NOT (OK(green) OR ALARM(red))", false),
            ("FALSE AND FALSE OR TRUE", true),
            ("FALSE AND (FALSE OR TRUE)", false),
            ("ALARM(gone) OR OK(gone)", false),
        ] {
            assert_eq!(holds(text), wanted, "{text}");
        }
    }

    #[test]
    fn broken_rules_are_refused() {
        for text in [
            "",
            "ALARM",
            "ALARM()",
            "ALARM(x",
            "x",
            "ALARM(x) ALARM(y)",
            "ALARM(\"x)",
            "NOT",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        assert!(Rule::parse(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn children_are_all_alarms_named() {
        let rule = Rule::parse("ALARM(a) AND NOT (OK(b) OR TRUE)").unwrap();
        assert_eq!(rule.children(), ["a", "b"]);
    }
}
