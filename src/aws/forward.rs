//! Changing the weights inside a listener's or rule's action list, and nothing else. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::xml::Element;
use crate::deployment::ids::TargetGroupArn;
use crate::strategy::Weight;

/// Blue's and green's groups as one route's forward action names them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    /// Where traffic comes from, and goes back to.
    pub(super) blue: &'a TargetGroupArn,
    /// Where it is going.
    pub(super) green: &'a TargetGroupArn,
}

/// What is to become of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// Green gets this share, blue the rest.
    Raise {
        /// What green must have now, or `to` already; `None` takes what there is.
        from: Option<Weight>,
        /// What it gets.
        to: Weight,
    },
    /// Blue gets everything, whoever else had some.
    AllBlue {
        /// What becomes of green's group.
        green: Leftover,
    },
    /// Green is named, at weight 0.
    AddGreen,
    /// Blue is no longer named, if it has no weight.
    DropBlue,
}

/// Whether a group without traffic stays in the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leftover {
    /// It stays, at weight 0.
    Named,
    /// It goes: pinned clients would stay on it at weight 0.
    Removed,
}

/// Why an action list is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Somebody replaced the action.
    #[error("no forward action names {blue} or {green} any more")]
    NotOurs {
        /// Blue's group, by name.
        blue: String,
        /// Green's group, by name.
        green: String,
    },
    /// A third group carries traffic.
    #[error("{0} carries traffic too, and is neither slot's target group")]
    Foreign(String),
    /// Somebody else moved the weights since the last look.
    #[error(
        "its weights were changed by somebody else: {blue} has {of_blue}, {green} has {of_green}"
    )]
    Moved {
        /// Blue's group, by name.
        blue: String,
        /// Its weight.
        of_blue: u32,
        /// Green's group, by name.
        green: String,
        /// Its weight.
        of_green: u32,
    },
    /// The group that is to go carries traffic.
    #[error("{0} still carries traffic")]
    Loaded(String),
    /// Nothing would be left.
    #[error("{0} is the only target group of the action")]
    Only(String),
    /// Weights of records are too coarse.
    #[error("no two weights of records give green {0}")]
    NoWeights(Weight),
}

/// Every group that the list's forward action names, with its weight; the one that names any of
/// `groups` where there are several. Empty where nothing forwards.
pub(super) fn weights(list: &Element, groups: &[&TargetGroupArn]) -> BTreeMap<TargetGroupArn, u32> {
    let forwards = || list.children.iter().filter(|action| is_forward(action));
    let ours = forwards().find(|action| names_any(action, groups));
    let Some(action) = ours.or_else(|| forwards().next()) else {
        return BTreeMap::new();
    };
    tuples(action).iter().map(weight_of).collect()
}

/// How long the list's forward action pins a client to its group; `None` where it doesn't.
pub(super) fn stickiness(list: &Element) -> Option<Duration> {
    let forward = list.children.iter().find(|action| is_forward(action))?;
    let config = forward
        .child("ForwardConfig")?
        .child("TargetGroupStickinessConfig")?;
    let enabled = config
        .text_of("Enabled")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let seconds = config.text_of("DurationSeconds")?.parse().ok()?;
    enabled.then_some(Duration::from_secs(seconds))
}

/// The ARNs of the Cognito user pools by which the list's actions authenticate.
pub(super) fn user_pools(list: &Element) -> Vec<String> {
    let configs = list.children.iter();
    let configs = configs.filter_map(|action| action.child("AuthenticateCognitoConfig"));
    let pools = configs.filter_map(|it| it.text_of("UserPoolArn"));
    pools.map(str::to_owned).collect()
}

/// The list as it has to be written; `None` where it already is so.
pub(super) fn edit(list: &Element, pair: Pair<'_>, edit: Edit) -> Result<Option<Element>, Refusal> {
    let mut list = list.clone();
    let groups = [pair.blue, pair.green];
    let action = list
        .children
        .iter_mut()
        .find(|action| is_forward(action) && names_any(action, &groups))
        .ok_or_else(|| Refusal::NotOurs {
            blue: pair.blue.name().to_owned(),
            green: pair.green.name().to_owned(),
        })?;
    let before = tuples(action);
    if !matches!(edit, Edit::AllBlue { .. }) {
        refuse_foreign(&before, &groups)?;
    }
    let after = match edit {
        Edit::Raise { from, to } => {
            refuse_moved(&before, pair, from, to)?;
            raise(&before, pair, to)
        }
        Edit::AllBlue { green } => Some(all_blue(&before, pair, green)),
        Edit::AddGreen => add(&before, pair.green),
        Edit::DropBlue => drop_group(&before, pair.blue)?,
    };
    let Some(after) = after else { return Ok(None) };
    put(action, after);
    list.children.iter_mut().for_each(keep_client_secret);
    Ok(Some(list))
}

/// The two integers of a share, `(blue, green)`: whole percents of 100, tenths of 1000, so that
/// both stay under ELBv2's 999.
pub(super) fn integers(green: Weight) -> (u16, u16) {
    let per_mille = green.per_mille();
    match per_mille.is_multiple_of(10) {
        true => (100 - per_mille / 10, per_mille / 10),
        false => (1000 - per_mille, per_mille),
    }
}

fn is_forward(action: &Element) -> bool {
    action.text_of("Type") == Some("forward")
}

/// The action's target-group tuples; a plain forward is one tuple of weight 1.
fn tuples(action: &Element) -> Vec<Element> {
    let listed = action
        .child("ForwardConfig")
        .map_or(&[][..], |config| config.members("TargetGroups"));
    if !listed.is_empty() {
        return listed.to_vec();
    }
    action
        .text_of("TargetGroupArn")
        .map(|arn| vec![tuple(arn, 1)])
        .unwrap_or_default()
}

fn tuple(group: &str, weight: u16) -> Element {
    let children = vec![
        Element::leaf("TargetGroupArn", group),
        Element::leaf("Weight", weight.to_string()),
    ];
    Element::node("member", children)
}

fn weight_of(tuple: &Element) -> (TargetGroupArn, u32) {
    let group = tuple.text_of("TargetGroupArn").unwrap_or_default();
    let weight = tuple.text_of("Weight").and_then(|text| text.parse().ok());
    (TargetGroupArn::new(group), weight.unwrap_or(1))
}

fn is(tuple: &Element, group: &TargetGroupArn) -> bool {
    tuple.text_of("TargetGroupArn") == Some(group.as_str())
}

fn names_any(action: &Element, groups: &[&TargetGroupArn]) -> bool {
    tuples(action)
        .iter()
        .any(|tuple| groups.iter().any(|group| is(tuple, group)))
}

fn refuse_foreign(tuples: &[Element], ours: &[&TargetGroupArn]) -> Result<(), Refusal> {
    match tuples
        .iter()
        .map(weight_of)
        .find(|(group, weight)| *weight > 0 && !ours.contains(&group))
    {
        Some((group, _)) => Err(Refusal::Foreign(group.name().to_owned())),
        None => Ok(()),
    }
}

/// Between the look that allowed the raise and this read, an on-call person may have put
/// everything back: a raise must not undo that.
fn refuse_moved(
    before: &[Element],
    pair: Pair<'_>,
    from: Option<Weight>,
    to: Weight,
) -> Result<(), Refusal> {
    let Some(from) = from else { return Ok(()) };
    let now: BTreeMap<_, _> = before.iter().map(weight_of).collect();
    let of = |group| now.get(group).copied().unwrap_or(0);
    let (blue, green) = (of(pair.blue), of(pair.green));
    match shows(blue, green, from) || shows(blue, green, to) {
        true => Ok(()),
        false => Err(Refusal::Moved {
            blue: pair.blue.name().to_owned(),
            of_blue: blue,
            green: pair.green.name().to_owned(),
            of_green: green,
        }),
    }
}

/// Whether two weights give green just this share.
fn shows(blue: u32, green: u32, share: Weight) -> bool {
    let (of_blue, of_green) = integers(share);
    blue + green > 0 && green * u32::from(of_blue) == blue * u32::from(of_green)
}

fn raise(before: &[Element], pair: Pair<'_>, weight: Weight) -> Option<Vec<Element>> {
    let (blue, green) = integers(weight);
    let now: BTreeMap<_, _> = before.iter().map(weight_of).collect();
    if let (Some(now_blue), Some(now_green)) = (now.get(pair.blue), now.get(pair.green))
        && shows(*now_blue, *now_green, weight)
    {
        return None;
    }
    let mut after = before.to_vec();
    set(&mut after, pair.blue, blue);
    set(&mut after, pair.green, green);
    Some(after)
}

/// Written even where it seems to be so: what was last seen may be older than what was last
/// written.
fn all_blue(before: &[Element], pair: Pair<'_>, green: Leftover) -> Vec<Element> {
    let mut after = before.to_vec();
    for tuple in &mut after {
        tuple.set("Weight", "0");
    }
    set(&mut after, pair.blue, 100);
    if green == Leftover::Removed {
        after.retain(|tuple| !is(tuple, pair.green));
    }
    after
}

fn add(before: &[Element], group: &TargetGroupArn) -> Option<Vec<Element>> {
    if before.iter().any(|tuple| is(tuple, group)) {
        return None;
    }
    let mut after = before.to_vec();
    set(&mut after, group, 0);
    Some(after)
}

fn drop_group(before: &[Element], group: &TargetGroupArn) -> Result<Option<Vec<Element>>, Refusal> {
    let Some(tuple) = before.iter().find(|tuple| is(tuple, group)) else {
        return Ok(None);
    };
    if before.len() == 1 {
        return Err(Refusal::Only(group.name().to_owned()));
    }
    if weight_of(tuple).1 > 0 {
        return Err(Refusal::Loaded(group.name().to_owned()));
    }
    let others = before.iter().filter(|tuple| !is(tuple, group));
    Ok(Some(others.cloned().collect()))
}

fn set(tuples: &mut Vec<Element>, group: &TargetGroupArn, weight: u16) {
    match tuples.iter_mut().find(|tuple| is(tuple, group)) {
        Some(tuple) => tuple.set("Weight", weight.to_string()),
        None => tuples.push(self::tuple(group.as_str(), weight)),
    }
}

/// Puts the tuples into the action. Its own `TargetGroupArn` goes: beside several groups ELBv2
/// refuses it, beside one it says nothing new.
fn put(action: &mut Element, tuples: Vec<Element>) {
    action.remove("TargetGroupArn");
    if action.child("ForwardConfig").is_none() {
        action
            .children
            .push(Element::node("ForwardConfig", Vec::new()));
    }
    let groups = Element::node("TargetGroups", tuples);
    if let Some(config) = action.child_mut("ForwardConfig") {
        match config.child_mut("TargetGroups") {
            Some(list) => *list = groups,
            None => config.children.push(groups),
        }
    }
}

/// ELBv2 never shows the OIDC client's secret, and an action written back without it would lose
/// it: say that the one it has stays.
fn keep_client_secret(action: &mut Element) {
    if let Some(config) = action.child_mut("AuthenticateOidcConfig") {
        config.remove("ClientSecret");
        config.set("UseExistingClientSecret", "true");
    }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
