//! Where notices go at AWS and at GitHub, by name.

use std::fmt;

/// What stands between the colons of an ARN: partition, region, account and resource.
fn parts<'a>(arn: &'a str, service: &str) -> Option<[&'a str; 4]> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, of, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let sound = partition.starts_with("aws")
        && of == service
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|it| it.is_ascii_digit());
    sound.then_some([partition, region, account, resource])
}

fn is_name(text: &str, others: &str) -> bool {
    let fits = |it: char| it.is_ascii_alphanumeric() || others.contains(it);
    (1..=256).contains(&text.len()) && text.chars().all(fits)
}

/// The ARN of an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicArn(String);

impl TopicArn {
    /// Reads `arn:aws:sns:REGION:ACCOUNT:NAME`.
    ///
    /// # Errors
    /// In words, for anything else.
    pub fn parse(text: &str) -> Result<TopicArn, String> {
        let name = parts(text, "sns").map(|[.., name]| name);
        let plain = name.map(|name| name.strip_suffix(".fifo").unwrap_or(name));
        match plain.is_some_and(|name| is_name(name, "-_")) {
            true => Ok(TopicArn(text.to_owned())),
            false => Err(format!("{text:?} is not the ARN of an SNS topic")),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the topic is.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// Whether its messages keep their order, each delivered once.
    pub fn is_ordered(&self) -> bool {
        self.0.ends_with(".fifo")
    }
}

/// An EventBridge event bus: its name or its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventBus(String);

impl EventBus {
    /// Reads `NAME` or `arn:aws:events:REGION:ACCOUNT:event-bus/NAME`.
    ///
    /// # Errors
    /// In words, for anything else.
    pub fn parse(text: &str) -> Result<EventBus, String> {
        let name = match text.starts_with("arn:") {
            true => parts(text, "events").and_then(|[.., it]| it.strip_prefix("event-bus/")),
            false => Some(text),
        };
        match name.is_some_and(|name| is_name(name, "-_./")) {
            true => Ok(EventBus(text.to_owned())),
            false => Err(format!("{text:?} is not the name or ARN of an event bus")),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region of an ARN.
    pub fn region(&self) -> Option<&str> {
        self.arn().ok()?.split(':').nth(3)
    }

    /// The ARN, or the part of one that a name is: `event-bus/NAME`.
    ///
    /// # Errors
    /// That part, of a name.
    pub fn arn(&self) -> Result<&str, String> {
        match self.0.starts_with("arn:") {
            true => Ok(&self.0),
            false => Err(format!("event-bus/{}", self.0)),
        }
    }
}

/// A repository at GitHub: `OWNER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// Reads `OWNER/NAME`.
    ///
    /// # Errors
    /// In words, for anything else.
    pub fn parse(text: &str) -> Result<Repository, String> {
        let is_part = |part: &str| is_name(part, "-_.") && part.contains(|c| c != '.');
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Repository(text.to_owned()))
            }
            _ => Err(format!("{text:?} is not a repository as OWNER/NAME")),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with an address, and what to do.
pub fn address_flaw(text: &str) -> Option<(&'static str, &'static str)> {
    let uri = text.parse::<http::Uri>().ok();
    let uri = uri.filter(|it| matches!(it.scheme_str(), Some("http" | "https")));
    match uri.as_ref().and_then(http::Uri::authority) {
        None => Some(("it is no URL", "write https://HOST/PATH")),
        Some(authority) if authority.as_str().contains('@') => Some((
            "it has a user or a password, which would not be sent",
            "leave them out; as headers: { authorization: { env: VARIABLE } }, with \"Basic ...\" in the \
             variable, a webhook gets them",
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_an_arn_and_tells_its_region() {
        let arn = "arn:aws:sns:eu-central-1:123456789012:deployments";
        let topic = TopicArn::parse(arn).expect("it is sound");
        assert_eq!(
            (topic.region(), topic.is_ordered()),
            ("eu-central-1", false)
        );
        let ordered = TopicArn::parse(&format!("{arn}.fifo")).expect("it is sound");
        assert!(ordered.is_ordered());
        let subscription = format!("{arn}:0b1c");
        let queue = "arn:aws:sqs:eu-central-1:123456789012:deployments";
        for wrong in [
            "",
            "deployments",
            "arn:aws:sns:eu-central-1:1:x",
            queue,
            &subscription,
        ] {
            assert!(TopicArn::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bus_is_a_name_or_an_arn() {
        let named = EventBus::parse("deployments").expect("it is sound");
        assert_eq!(named.region(), None);
        assert_eq!(named.arn(), Err("event-bus/deployments".to_owned()));
        let arn = "arn:aws:events:eu-central-1:123456789012:event-bus/deployments";
        let bus = EventBus::parse(arn).expect("it is sound");
        assert_eq!((bus.region(), bus.arn()), (Some("eu-central-1"), Ok(arn)));
        let rule = "arn:aws:events:eu-central-1:123456789012:rule/deployments";
        for wrong in ["", "two words", rule] {
            assert!(EventBus::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        assert!(Repository::parse("your-org/shop.api").is_ok());
        for wrong in ["", "shop", "a/b/c", "a/..", "/shop", "a b/c"] {
            assert!(Repository::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_a_url_without_a_password() {
        assert_eq!(address_flaw("https://hooks.example.com/T1/B2?x=a@b"), None);
        let told = |text| address_flaw(text).map(|(what, _)| what);
        assert_eq!(told("ftp://host/path"), Some("it is no URL"));
        let secret = told("http://me:secret@host/path");
        assert!(secret.is_some_and(|it| it.contains("would not be sent")));
    }
}
