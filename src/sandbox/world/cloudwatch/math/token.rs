//! What an expression is written with.

use std::fmt;

use super::Operator;

/// The longer ones first.
const SYMBOLS: [(&str, Token); 18] = [
    (">=", Token::Operator(Operator::GreaterOrEqual)),
    ("<=", Token::Operator(Operator::LessOrEqual)),
    ("==", Token::Operator(Operator::Equal)),
    ("!=", Token::Operator(Operator::NotEqual)),
    ("&&", Token::Operator(Operator::And)),
    ("||", Token::Operator(Operator::Or)),
    (">", Token::Operator(Operator::Greater)),
    ("<", Token::Operator(Operator::Less)),
    ("+", Token::Operator(Operator::Add)),
    ("-", Token::Operator(Operator::Subtract)),
    ("*", Token::Operator(Operator::Multiply)),
    ("/", Token::Operator(Operator::Divide)),
    ("^", Token::Operator(Operator::Power)),
    ("(", Token::Open),
    (")", Token::Close),
    ("[", Token::OpenList),
    ("]", Token::CloseList),
    (",", Token::Comma),
];

/// A word, number, text in quotes, or sign.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Word(String),
    Text(String),
    Operator(Operator),
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
}

/// Reads them.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() || first == '.' {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
            let length = end.unwrap_or(rest.len());
            let number = rest[..length].parse();
            tokens.push(Token::Number(
                number.map_err(|_| format!("'{}' is no number", &rest[..length]))?,
            ));
            length
        } else if first.is_ascii_alphabetic() {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let length = end.unwrap_or(rest.len());
            tokens.push(match &rest[..length] {
                "AND" => Token::Operator(Operator::And),
                "OR" => Token::Operator(Operator::Or),
                word => Token::Word(word.to_owned()),
            });
            length
        } else if let Some(text) = rest.strip_prefix(['"', '\'']) {
            let end = text.find(first);
            let end = end.ok_or_else(|| format!("The quote {first} is not closed"))?;
            tokens.push(Token::Text(text[..end].to_owned()));
            end + 2
        } else {
            let (token, length) = symbol(rest).ok_or_else(|| format!("Unexpected '{first}'"))?;
            tokens.push(token);
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn symbol(rest: &str) -> Option<(Token, usize)> {
    let mut symbols = SYMBOLS.into_iter();
    let (text, token) = symbols.find(|(text, _)| rest.starts_with(text))?;
    Some((token, text.len()))
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Number(number) => write!(f, "'{number}'"),
            Token::Word(word) | Token::Text(word) => write!(f, "'{word}'"),
            sign => {
                let known = SYMBOLS.iter().find(|(_, token)| token == sign);
                write!(f, "'{}'", known.map_or("", |(text, _)| text))
            }
        }
    }
}

/// What stands where something else was expected.
pub(super) fn found(token: Option<&Token>) -> String {
    token.map_or_else(|| "the expression's end".to_owned(), Token::to_string)
}
