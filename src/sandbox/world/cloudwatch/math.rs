//! Metric math: arithmetic, comparisons, `FILL`, `IF`, `ABS`, `CEIL`, `FLOOR`.

mod token;

use std::collections::{BTreeMap, BTreeSet};

use token::{Token, found, tokens};

/// Values by period start.
pub type Points = BTreeMap<i64, f64>;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A constant.
    Number(f64),
    /// Another query's id.
    Id(String),
    /// Minus.
    Negate(Box<Expr>),
    /// Two operands.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// A function with its arguments.
    Call(Function, Vec<Expr>),
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; a division by zero gives no datapoint.
    Divide,
    /// `^`
    Power,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `AND`, `&&`
    And,
    /// `OR`, `||`
    Or,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `FILL(series, value | REPEAT)`: datapoints where there are none.
    Fill,
    /// `IF(condition, then, else)`: without an else, only the datapoints where it holds.
    If,
    /// `ABS(series)`
    Abs,
    /// `CEIL(series)`
    Ceil,
    /// `FLOOR(series)`
    Floor,
}

/// A constant or a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Quantity {
    /// The same at all times.
    Scalar(f64),
    /// Values by time.
    Series(Points),
}

/// Parses an expression.
///
/// # Errors
/// What is wrong, in words.
pub fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        depth: 0,
    };
    let expr = parser.expression(0)?;
    match parser.tokens.first() {
        None => Ok(expr),
        Some(token) => Err(format!("Unexpected {token:?}")),
    }
}

impl Expr {
    /// The ids that it refers to.
    pub fn ids(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        self.collect_ids(&mut ids);
        ids
    }

    fn collect_ids<'a>(&'a self, ids: &mut BTreeSet<&'a str>) {
        match self {
            Self::Number(_) => {}
            Self::Id(id) => {
                if id != "REPEAT" {
                    ids.insert(id);
                }
            }
            Self::Negate(inner) => inner.collect_ids(ids),
            Self::Binary(_, left, right) => {
                left.collect_ids(ids);
                right.collect_ids(ids);
            }
            Self::Call(_, arguments) => {
                for argument in arguments {
                    argument.collect_ids(ids);
                }
            }
        }
    }

    /// Its value, given the values of the ids and all period starts of the window.
    ///
    /// # Errors
    /// What is wrong, in words: an unknown id, or a wrong number of arguments.
    pub fn value(
        &self,
        known: &BTreeMap<String, Points>,
        times: &[i64],
    ) -> Result<Quantity, String> {
        match self {
            Self::Number(number) => Ok(Quantity::Scalar(*number)),
            Self::Id(id) => match known.get(id) {
                Some(points) => Ok(Quantity::Series(points.clone())),
                None => Err(format!("Unknown metric id '{id}'")),
            },
            Self::Negate(inner) => Ok(inner.value(known, times)?.map(|value| -value)),
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(known, times)?, right.value(known, times)?);
                Ok(left.with(&right, |left, right| operator.apply(left, right)))
            }
            Self::Call(function, arguments) => function.call(arguments, known, times),
        }
    }
}

impl Quantity {
    /// A series: a constant holds at all times.
    pub fn into_points(self, times: &[i64]) -> Points {
        match self {
            Self::Series(points) => points,
            Self::Scalar(value) => times.iter().map(|time| (*time, value)).collect(),
        }
    }

    fn at(&self, time: i64) -> Option<f64> {
        match self {
            Self::Scalar(value) => Some(*value),
            Self::Series(points) => points.get(&time).copied(),
        }
    }

    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Scalar(value) => Self::Scalar(change(value)),
            Self::Series(points) => {
                let points = points.into_iter();
                Self::Series(points.map(|(time, value)| (time, change(value))).collect())
            }
        }
    }

    /// Joins two, at the times that both have.
    fn with(&self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Self {
        let series = match (self, other) {
            (Self::Scalar(left), Self::Scalar(right)) => return Self::Scalar(join(*left, *right)),
            (Self::Series(points), _) | (_, Self::Series(points)) => points,
        };
        let joined = series.keys().filter_map(|time| {
            let value = join(self.at(*time)?, other.at(*time)?);
            value.is_finite().then_some((*time, value))
        });
        Self::Series(joined.collect())
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> f64 {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Power => left.powf(right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Or => truth(left != 0.0 || right != 0.0),
        }
    }

    /// How tightly it binds.
    fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Greater
            | Self::GreaterOrEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Equal
            | Self::NotEqual => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide => 5,
            Self::Power => 7,
        }
    }
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        let all = [Self::Fill, Self::If, Self::Abs, Self::Ceil, Self::Floor];
        all.into_iter().find(|it| it.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fill => "FILL",
            Self::If => "IF",
            Self::Abs => "ABS",
            Self::Ceil => "CEIL",
            Self::Floor => "FLOOR",
        }
    }

    fn call(
        self,
        arguments: &[Expr],
        known: &BTreeMap<String, Points>,
        times: &[i64],
    ) -> Result<Quantity, String> {
        let value = |expr: &Expr| expr.value(known, times);
        match (self, arguments) {
            (Self::Abs, [of]) => Ok(value(of)?.map(f64::abs)),
            (Self::Ceil, [of]) => Ok(value(of)?.map(f64::ceil)),
            (Self::Floor, [of]) => Ok(value(of)?.map(f64::floor)),
            (Self::Fill, [series, Expr::Id(word)]) if word == "REPEAT" => {
                let points = value(series)?.into_points(times);
                let mut last = None;
                let filled = times.iter().filter_map(|time| {
                    last = points.get(time).copied().or(last);
                    last.map(|value| (*time, value))
                });
                Ok(Quantity::Series(filled.collect()))
            }
            (Self::Fill, [series, with]) => {
                let mut points = value(series)?.into_points(times);
                let with = value(with)?;
                for time in times {
                    if let (None, Some(value)) = (points.get(time), with.at(*time)) {
                        points.insert(*time, value);
                    }
                }
                Ok(Quantity::Series(points))
            }
            (Self::If, [condition, then, rest @ ..]) if rest.len() <= 1 => {
                let condition = value(condition)?.into_points(times);
                let then = value(then)?;
                let otherwise = rest.first().map(value).transpose()?;
                let chosen = condition.into_iter().filter_map(|(time, holds)| {
                    let value = match holds != 0.0 {
                        true => then.at(time)?,
                        false => otherwise.as_ref()?.at(time)?,
                    };
                    Some((time, value))
                });
                Ok(Quantity::Series(chosen.collect()))
            }
            _ => Err(format!("Wrong number of arguments for {}", self.name())),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        match self.next() {
            Some(found) if found == *token => Ok(()),
            other => Err(format!("Expected {token}, found {}", found(other.as_ref()))),
        }
    }

    /// An expression whose operators all bind tighter than `above`.
    fn expression(&mut self, above: u8) -> Result<Expr, String> {
        /// Deeper nesting than any real expression's; a guard for the stack.
        const DEEPEST: usize = 50;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("The expression is nested too deep".to_owned());
        }
        let mut left = self.operand()?;
        while let Some(Token::Operator(operator)) = self.tokens.first() {
            let operator = *operator;
            if operator.strength() <= above {
                break;
            }
            self.next();
            let right = self.expression(operator.strength())?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, String> {
        /// Unary minus binds tighter than `*` and looser than `^`.
        const MINUS: u8 = 6;
        match self.next() {
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Operator(Operator::Subtract)) => {
                Ok(Expr::Negate(Box::new(self.expression(MINUS)?)))
            }
            Some(Token::Open) => {
                let inner = self.expression(0)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(name)) if self.tokens.first() == Some(&Token::Open) => {
                let function = Function::named(&name);
                let function = function.ok_or_else(|| format!("Unknown function '{name}'"))?;
                self.next();
                Ok(Expr::Call(function, self.arguments()?))
            }
            Some(Token::Word(id)) => Ok(Expr::Id(id)),
            other => Err(format!("Expected a value, found {}", found(other.as_ref()))),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, String> {
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.expression(0)?);
            match self.next() {
                Some(Token::Comma) => {}
                Some(Token::Close) => return Ok(arguments),
                other => {
                    let found = found(other.as_ref());
                    return Err(format!("Expected ',' or ')', found {found}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str) -> Result<Vec<(i64, f64)>, String> {
        let known = BTreeMap::from([
            ("errors".to_owned(), Points::from([(60, 5.0), (180, 0.0)])),
            (
                "all".to_owned(),
                Points::from([(0, 10.0), (60, 100.0), (120, 50.0), (180, 0.0)]),
            ),
        ]);
        let times = [0, 60, 120, 180];
        Ok(parse(text)?
            .value(&known, &times)?
            .into_points(&times)
            .into_iter()
            .collect())
    }

    #[test]
    fn expressions_evaluate_as_in_cloudwatch() {
        for (text, wanted) in [
            ("100 * errors / all", vec![(60, 5.0)]),
            (
                "FILL(errors, 0) / all * 100",
                vec![(0, 0.0), (60, 5.0), (120, 0.0)],
            ),
            (
                "FILL(errors, REPEAT)",
                vec![(60, 5.0), (120, 5.0), (180, 0.0)],
            ),
            (
                "IF(all > 20, FILL(errors, 0), 0)",
                vec![(0, 0.0), (60, 5.0), (120, 0.0), (180, 0.0)],
            ),
            ("IF(all >= 50 AND all < 100, all)", vec![(120, 50.0)]),
            ("errors - -1", vec![(60, 6.0), (180, 1.0)]),
            ("-errors + 1", vec![(60, -4.0), (180, 1.0)]),
            ("2 ^ 3 * errors", vec![(60, 40.0), (180, 0.0)]),
            ("(1 + 2) * errors - 1", vec![(60, 14.0), (180, -1.0)]),
            ("CEIL(errors / 2)", vec![(60, 3.0), (180, 0.0)]),
            (
                "10 - 4 - 3",
                vec![(0, 3.0), (60, 3.0), (120, 3.0), (180, 3.0)],
            ),
        ] {
            assert_eq!(eval(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for text in [
            "",
            "1 +",
            "(1",
            "m1 m2",
            "SHOUT(m1)",
            "FILL(all)",
            "1.2.3",
            "a $ b",
            "unknown * 2",
        ] {
            assert!(eval(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"-".repeat(10_000)).is_err());
    }

    #[test]
    fn what_is_wrong_is_named_as_it_is_written() {
        for (text, told) in [
            ("errors * * 2", "Expected a value, found '*'"),
            ("errors /", "Expected a value, found the expression's end"),
            ("(errors 2", "Expected ')', found '2'"),
            ("ABS(errors all)", "Expected ',' or ')', found 'all'"),
            ("IF(errors)", "Wrong number of arguments for IF"),
        ] {
            assert_eq!(eval(text).unwrap_err(), told, "{text}");
        }
    }

    #[test]
    fn ids_are_found_in_all_places() {
        let expr = parse("IF(a > 1, FILL(b, REPEAT), -c) / d").unwrap();
        assert_eq!(
            expr.ids().into_iter().collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
    }
}
