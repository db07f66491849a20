//! Metric math: arithmetic, comparisons, lists, and the functions of [`Function`].

mod function;
mod quantity;
mod token;

use std::collections::{BTreeMap, BTreeSet};

pub use function::Function;
pub use quantity::Quantity;
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
    /// Several at once: `[m1, m2]`.
    List(Vec<Expr>),
    /// What `METRICS` looks for in ids.
    Text(String),
}

/// What an expression is evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The values of the ids that it may refer to.
    pub values: &'a BTreeMap<String, Quantity>,
    /// The periods of those that are metrics, in seconds.
    pub metrics: &'a BTreeMap<String, i64>,
    /// All period starts of the window.
    pub times: &'a [i64],
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
            Self::Number(_) | Self::Text(_) => {}
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
            Self::Call(_, arguments) | Self::List(arguments) => {
                for argument in arguments {
                    argument.collect_ids(ids);
                }
            }
        }
    }

    /// Its value. What is wrong with it shows without any datapoint, too.
    ///
    /// # Errors
    /// What is wrong, in words: an unknown id, a wrong number of arguments, a list where a single
    /// series is wanted.
    pub fn value(&self, known: Known<'_>) -> Result<Quantity, String> {
        match self {
            Self::Number(number) => Ok(Quantity::Scalar(*number)),
            Self::Id(id) => match known.values.get(id) {
                Some(value) => Ok(value.clone()),
                None => Err(format!("Unknown metric id '{id}'")),
            },
            Self::Negate(inner) => Ok(inner.value(known)?.map(|value| -value)),
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(known)?, right.value(known)?);
                left.with(&right, |left, right| operator.apply(left, right))
            }
            Self::Call(function, arguments) => function.call(arguments, known),
            Self::List(items) => {
                let points = |item: &Expr| item.value(known)?.into_points(known.times);
                Ok(Quantity::Several(
                    items.iter().map(points).collect::<Result<_, _>>()?,
                ))
            }
            Self::Text(text) => Err(format!("Unexpected '{text}': only METRICS takes a text")),
        }
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
                let function = function.ok_or_else(|| {
                    format!(
                        "Unknown function '{name}': played here are {}",
                        function::known()
                    )
                })?;
                self.next();
                Ok(Expr::Call(function, self.arguments(&Token::Close)?))
            }
            Some(Token::Word(id)) => Ok(Expr::Id(id)),
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::OpenList) => Ok(Expr::List(self.arguments(&Token::CloseList)?)),
            other => Err(format!("Expected a value, found {}", found(other.as_ref()))),
        }
    }

    /// All up to what closes them.
    fn arguments(&mut self, close: &Token) -> Result<Vec<Expr>, String> {
        let mut arguments = Vec::new();
        if self.tokens.first() == Some(close) {
            self.next();
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            match self.next() {
                Some(Token::Comma) => {}
                Some(token) if token == *close => return Ok(arguments),
                other => {
                    let found = found(other.as_ref());
                    return Err(format!("Expected ',' or {close}, found {found}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str) -> Result<Vec<(i64, f64)>, String> {
        let series = |points: &[(i64, f64)]| Quantity::Series(points.iter().copied().collect());
        let values = BTreeMap::from([
            ("errors".to_owned(), series(&[(60, 5.0), (180, 0.0)])),
            (
                "all".to_owned(),
                series(&[(0, 10.0), (60, 100.0), (120, 50.0), (180, 0.0)]),
            ),
            // Another expression's.
            ("share".to_owned(), series(&[(0, 1000.0)])),
        ]);
        let metrics = BTreeMap::from([("errors".to_owned(), 60), ("all".to_owned(), 60)]);
        let known = Known {
            values: &values,
            metrics: &metrics,
            times: &[0, 60, 120, 180],
        };
        let value = parse(text)?.value(known)?;
        Ok(value.into_points(known.times)?.into_iter().collect())
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
                "SUM(METRICS())",
                vec![(0, 10.0), (60, 105.0), (120, 50.0), (180, 0.0)],
            ),
            ("SUM(METRICS('err'))", vec![(60, 5.0), (180, 0.0)]),
            (
                "AVG(FILL(METRICS(), 0))",
                vec![(0, 5.0), (60, 52.5), (120, 25.0), (180, 0.0)],
            ),
            (
                "MAX([errors * 30, all]) - MIN([errors, all])",
                vec![(0, 0.0), (60, 145.0), (120, 0.0), (180, 0.0)],
            ),
            ("errors / MAX(all)", vec![(60, 0.05), (180, 0.0)]),
            ("60 * errors / PERIOD(errors)", vec![(60, 5.0), (180, 0.0)]),
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
            "METRICS()",
            "[errors, all]",
            "METRICS() / METRICS()",
            "SUM(errors, all)",
            "SUM([errors, all)",
            "METRICS(errors)",
            "'errors'",
            "'errors",
            "PERIOD(share)",
            "IF(METRICS(), 1, 0)",
            "FILL(errors, METRICS())",
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
