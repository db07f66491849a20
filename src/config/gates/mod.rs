//! `gates`: the checks that must pass before a deployment moves on.

mod asks;
mod image;
mod lambda;
mod window;

use std::time::Duration;

use crate::gate::{Asks, GateWanted, Place};
use crate::strategy::{InputError, Node, Reader, Value, Weight, format_duration};

#[cfg(test)]
pub(super) use asks::HTTP_KEYS;
#[cfg(test)]
pub(super) use image::IMAGE_KEYS;
#[cfg(test)]
pub(super) use lambda::LAMBDA_KEYS;
#[cfg(test)]
pub(super) use window::{FREEZE_KEYS, WINDOW_KEYS};

pub(super) const GATE_KEYS: [&str; 9] = [
    "name", "at", "timeout", "http", "command", "lambda", "image", "approval", "window",
];
/// The keys that say what is asked.
const KINDS: [&str; 6] = ["http", "command", "lambda", "image", "approval", "window"];
pub(super) const PLACES: [(&str, Place); 3] = [
    ("before-traffic", Place::BeforeTraffic),
    ("before-promotion", Place::BeforePromotion),
    ("after-promotion", Place::AfterPromotion),
];
/// ECS's own pause hooks wait for so long.
const LONGEST: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn read_gates(reader: Reader<'_>, node: &Node) -> Result<Vec<GateWanted>, InputError> {
    let mut gates: Vec<GateWanted> = Vec::new();
    for item in reader.list(node, "a list of gates")? {
        let gate = read_gate(reader, item)?;
        if gates.iter().any(|other| other.name == gate.name) {
            let what = format!("the gate {:?} stands here twice", gate.name);
            return Err(reader
                .error(item.at, what)
                .with_hint("one gate can be asked at several places: at: [before-traffic, 50%]"));
        }
        gates.push(gate);
    }
    Ok(gates)
}

fn read_gate(reader: Reader<'_>, node: &Node) -> Result<GateWanted, InputError> {
    let form = "a gate: { name, at, and one of http, command, lambda, image, approval, window }";
    let fields = reader.fields(node, form, &GATE_KEYS)?;
    let name = reader.name(fields.required("name")?, "the gate's name")?;
    let at = read_places(reader, fields.required("at")?)?;
    let kinds = KINDS
        .iter()
        .filter_map(|key| Some((*key, fields.optional(key)?)));
    let kinds: Vec<_> = kinds.collect();
    let &[(kind, asked)] = kinds.as_slice() else {
        let what = match kinds.as_slice() {
            [] => format!("the gate {name:?} asks nothing"),
            [first, second, ..] => {
                format!(
                    "the gate {name:?} asks two things: {} and {}",
                    first.0, second.0
                )
            }
            [_] => unreachable!("one is the usual case"),
        };
        let hint = "give it one of http, command, lambda, image, approval, window";
        return Err(reader.error(node.at, what).with_hint(hint));
    };
    let (asks, usual) = match kind {
        "http" => (asks::http(reader, asked)?, minutes(5)),
        "command" => (asks::command(reader, asked)?, minutes(10)),
        "image" => (image::image(reader, asked)?, minutes(15)),
        "lambda" => (lambda::lambda(reader, asked)?, minutes(24 * 60)),
        "approval" => (asks::approval(reader, asked)?, minutes(24 * 60)),
        _ => {
            let window = window::read_window(reader, asked)?;
            (Asks::Window(window), minutes(24 * 60))
        }
    };
    let waits = matches!(kind, "approval" | "window");
    if waits && at.contains(&Place::AfterPromotion) {
        let what =
            format!("`{kind}` after promotion decides nothing: the outcome is fixed by then");
        return Err(reader.error(fields.place("at"), what));
    }
    let within = fields.optional("timeout").map(|node| {
        let within = reader.duration(node)?;
        let sound = (Duration::from_secs(1)..=LONGEST).contains(&within);
        sound.then_some(within).ok_or_else(|| {
            let longest = format_duration(LONGEST);
            reader.error(node.at, format!("`timeout` must be from 1s to {longest}"))
        })
    });
    Ok(GateWanted {
        name,
        at,
        within: within.transpose()?.unwrap_or(usual),
        asks,
    })
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn read_places(reader: Reader<'_>, node: &Node) -> Result<Vec<Place>, InputError> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut places = Vec::new();
    for item in items {
        let place = read_place(reader, item)?;
        if places.contains(&place) {
            return Err(reader.error(item.at, "this place stands here twice"));
        }
        places.push(place);
    }
    if places.is_empty() {
        return Err(reader.error(node.at, "a gate that is asked nowhere says nothing"));
    }
    Ok(places)
}

fn read_place(reader: Reader<'_>, node: &Node) -> Result<Place, InputError> {
    let expected = "before-traffic, a weight such as 25%, before-promotion or after-promotion";
    let Value::Text(text) = &node.value else {
        return Err(reader.mismatch(node, expected));
    };
    if let Some((_, place)) = PLACES.iter().find(|(name, _)| name == text) {
        return Ok(*place);
    }
    if !text.ends_with('%') {
        return Err(reader.mismatch(node, expected));
    }
    Ok(match reader.weight(node)? {
        Weight::ZERO => Place::BeforeTraffic,
        Weight::FULL => Place::BeforePromotion,
        weight => Place::Weight(weight),
    })
}

#[cfg(test)]
mod tests;
