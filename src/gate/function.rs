//! Names of Lambda functions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Lambda function: its name or its ARN, with a version or an alias behind it where one is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FunctionName(String);

impl FunctionName {
    /// Reads `NAME`, `NAME:ALIAS`, or an ARN.
    ///
    /// # Errors
    /// In words, for anything else.
    pub fn parse(text: &str) -> Result<FunctionName, String> {
        let own = match text.split_once(":function:") {
            Some((before, own)) => {
                let parts: Vec<&str> = before.split(':').collect();
                let sound = matches!(parts[..], ["arn", partition, "lambda", region, account]
                    if partition.starts_with("aws")
                        && !region.is_empty()
                        && account.len() == 12
                        && account.bytes().all(|it| it.is_ascii_digit()));
                sound.then_some(own)
            }
            None => (!text.starts_with("arn:")).then_some(text),
        };
        let is_name = |part: &str| {
            let fits = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
            !part.is_empty() && part.len() <= 128 && part.bytes().all(fits)
        };
        let is_sound = own.is_some_and(|own| match own.split_once(':') {
            None => is_name(own),
            Some((name, qualifier)) => {
                is_name(name) && (is_name(qualifier) || qualifier == "$LATEST")
            }
        });
        match is_sound {
            true => Ok(FunctionName(text.to_owned())),
            false => Err(format!(
                "{text:?} is not the name or ARN of a Lambda function"
            )),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region of an ARN.
    pub fn region(&self) -> Option<&str> {
        self.0
            .starts_with("arn:")
            .then(|| self.0.split(':').nth(3))?
    }

    /// The ARN, or the part of one that a name is: `function:NAME`.
    ///
    /// # Errors
    /// That part, of a name.
    pub fn arn(&self) -> Result<&str, String> {
        match self.0.starts_with("arn:") {
            true => Ok(&self.0),
            false => Err(format!("function:{}", self.0)),
        }
    }
}

impl fmt::Display for FunctionName {
    /// The name of an ARN, with its qualifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .0
            .split_once(":function:")
            .map_or(self.0.as_str(), |it| it.1);
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_a_name_or_an_arn_with_or_without_its_qualifier() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-smoke";
        for sound in ["shop-smoke", "shop-smoke:live", "shop_smoke:$LATEST", arn] {
            assert!(FunctionName::parse(sound).is_ok(), "{sound}");
        }
        let qualified = FunctionName::parse(&format!("{arn}:7")).expect("it is sound");
        assert_eq!(qualified.to_string(), "shop-smoke:7");
        assert_eq!(qualified.region(), Some("eu-west-1"));
        let cut = "arn:aws:lambda:eu-west-1:123456789012:shop-smoke";
        let short = "arn:aws:lambda:eu-west-1:1234:function:shop";
        let other = "arn:aws:sns:eu-west-1:123456789012:function:shop";
        for wrong in [
            "",
            "a b",
            "a:b:c",
            cut,
            short,
            other,
            "123456789012:function:shop",
        ] {
            assert!(FunctionName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
