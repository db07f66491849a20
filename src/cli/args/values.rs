//! Values that aren't any text.

use std::ffi::OsStr;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::deployment::ids::SlotName;
use crate::deployment::observation::OnInterrupt;
use crate::strategy::builtin_names;

pub(super) fn slots() -> impl TypedValueParser<Value = SlotName> {
    PossibleValuesParser::new(SlotName::BOTH.map(SlotName::as_str)).map(|name| {
        if name == SlotName::A.as_str() {
            SlotName::A
        } else {
            SlotName::B
        }
    })
}

pub(super) fn on_interrupt() -> impl TypedValueParser<Value = OnInterrupt> {
    PossibleValuesParser::new(["revert", "keep", "pause"]).map(|name| match name.as_str() {
        "keep" => OnInterrupt::Keep,
        "pause" => OnInterrupt::Pause,
        _ => OnInterrupt::Revert,
    })
}

pub(super) fn poll(text: &str) -> Result<Duration, String> {
    let poll = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(60);
    if allowed.contains(&poll) {
        Ok(poll)
    } else {
        Err("it must be from 1s to 60s".into())
    }
}

pub(super) fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text
        .parse()
        .map_err(|_| "it must be a number, such as 60".to_owned())?;
    let allowed = 0.1..=10_000.0;
    if allowed.contains(&speed) {
        Ok(speed)
    } else {
        Err("it must be from 0.1 to 10000".into())
    }
}

/// Any text, of which shells complete the built-in strategies.
#[derive(Debug, Clone)]
pub(super) struct StrategyParser;

impl TypedValueParser for StrategyParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = builtin_names().map(PossibleValue::new);
        Some(Box::new(names))
    }
}
