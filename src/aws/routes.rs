//! The routes' weights: read, remembered, written, all routes together.

use std::collections::BTreeMap;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::forward::{self, Edit, Leftover, Pair, Refusal};
use super::listeners::{Item, names};
use super::records;
use super::retry::Effect;
use super::together::all;
use super::xml::Element;
use crate::deployment::action::WeightWrite;
use crate::deployment::ids::{RouteArn, SlotName, TargetGroupArn};
use crate::deployment::observation::{RouteSeen, Seen};
use crate::deployment::plan::{Plan, Route, RouteKind};

/// One route that is to carry everything on one side: break glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteWrite {
    /// The listener or rule, or what stands for a record pair.
    pub arn: RouteArn,
    /// Which of them.
    pub kind: RouteKind,
    /// What people call it.
    pub label: String,
    /// The group that gets everything.
    pub to: TargetGroupArn,
    /// The other slot's group, if that exists. It stays at weight 0, or goes where clients are
    /// pinned to groups.
    pub from: Option<TargetGroupArn>,
}

/// Where an edit takes the action list from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// AWS, right before the write.
    Fresh,
    /// What was last seen or written; AWS only where that is nothing.
    Memory,
}

impl Cloud {
    /// The weights of every route of the plan; what can't be read says why. What they stand in is
    /// remembered for a revert.
    pub(super) async fn see_routes(&self, plan: &Plan) -> BTreeMap<RouteArn, Seen<RouteSeen>> {
        let all_routes = || plan.routes.iter().chain(&plan.test_routes);
        let of = |item| all_routes().filter(move |route| Item::of(&route.kind) == Some(item));
        let pairs = plan.routes.iter().filter_map(|route| match &route.kind {
            RouteKind::Record(record) => Some(self.see_pair(route, record)),
            RouteKind::Listener | RouteKind::Rule => None,
        });
        let (listeners, rules, pairs) = tokio::join!(
            self.see(Item::Listener, of(Item::Listener).collect()),
            self.see(Item::Rule, of(Item::Rule).collect()),
            all(pairs),
        );
        listeners.into_iter().chain(rules).chain(pairs).collect()
    }

    async fn see(&self, kind: Item, routes: Vec<&Route>) -> Vec<(RouteArn, Seen<RouteSeen>)> {
        if routes.is_empty() {
            return Vec::new();
        }
        let arns: Vec<&RouteArn> = routes.iter().map(|route| &route.arn).collect();
        let read = match self.items(kind, &arns).await {
            // One that is gone must not hide the others.
            Err(error) if error.is_not_found() && arns.len() > 1 => {
                all(arns.iter().map(|arn| self.item(kind, arn))).await
            }
            Err(error) => vec![Err(error); arns.len()],
            Ok(items) => arns
                .iter()
                .map(|arn| pick(kind, arn, items.clone()))
                .collect(),
        };
        let seen = |(route, item): (&Route, Result<Element, AwsError>)| {
            let seen = match item {
                Ok(list) => {
                    let groups = [&route.groups.a, &route.groups.b];
                    let weights = forward::weights(&list, &groups);
                    self.remember(&route.arn, Some(list));
                    Seen::Value(RouteSeen::of(weights))
                }
                Err(error) => Seen::Unreadable(error.to_string()),
            };
            (route.arn.clone(), seen)
        };
        routes.into_iter().zip(read).map(seen).collect()
    }

    /// The action list of one listener or rule.
    pub(super) async fn item(&self, kind: Item, arn: &RouteArn) -> Result<Element, AwsError> {
        pick(kind, arn, self.items(kind, &[arn]).await?)
    }

    pub(super) async fn write_weights(
        &self,
        plan: &Plan,
        write: WeightWrite,
    ) -> Result<(), AwsError> {
        let writes = plan.routes.iter().map(|route| {
            let pair = pair(plan, route);
            match write {
                WeightWrite::Raise { from, to } => {
                    let from = Some(from);
                    (route, pair, Edit::Raise { from, to })
                }
                WeightWrite::AllBlue => {
                    let green = match route.sticky {
                        Some(_) => Leftover::Removed,
                        None => Leftover::Named,
                    };
                    (route, pair, Edit::AllBlue { green })
                }
            }
        });
        let (from, effect) = match write {
            WeightWrite::Raise { .. } => (From::Fresh, Effect::Writes),
            WeightWrite::AllBlue => (From::Memory, Effect::Reverts),
        };
        self.edit_all(writes, from, effect).await
    }

    pub(super) async fn add_green_to_routes(&self, plan: &Plan) -> Result<(), AwsError> {
        let writes = plan
            .routes
            .iter()
            .map(|route| (route, pair(plan, route), Edit::AddGreen));
        self.edit_all(writes, From::Fresh, Effect::Writes).await
    }

    /// Gives everything on the test routes to `slot`.
    pub(super) async fn point_test_routes(
        &self,
        plan: &Plan,
        slot: SlotName,
    ) -> Result<(), AwsError> {
        let writes = plan.test_routes.iter().map(|route| {
            let pair = Pair {
                blue: &route.groups[slot],
                green: &route.groups[slot.other()],
            };
            let green = match route.sticky {
                Some(_) => Leftover::Removed,
                None => Leftover::Named,
            };
            (route, pair, Edit::AllBlue { green })
        });
        self.edit_all(writes, From::Fresh, Effect::Writes).await
    }

    /// Takes `slot`'s group out of sticky routes' actions.
    pub(super) async fn unpin(&self, plan: &Plan, slot: SlotName) -> Result<(), AwsError> {
        let writes = plan
            .routes
            .iter()
            .filter(|route| route.sticky.is_some())
            .map(|route| {
                let pair = Pair {
                    blue: &route.groups[slot],
                    green: &route.groups[slot.other()],
                };
                (route, pair, Edit::DropBlue)
            });
        self.edit_all(writes, From::Fresh, Effect::Writes).await
    }

    /// Edits all routes together: trouble on one doesn't keep the others from moving.
    async fn edit_all<'a>(
        &self,
        writes: impl Iterator<Item = (&'a Route, Pair<'a>, Edit)>,
        from: From,
        effect: Effect,
    ) -> Result<(), AwsError> {
        let results = all(writes.map(|(route, pair, edit)| async move {
            let list = match from {
                From::Memory => self.remembered(&route.arn),
                From::Fresh => None,
            };
            let written = self.edit_route(route, list, pair, edit, effect).await;
            written.map_err(|error| (route.label.as_str(), error))
        }))
        .await;
        merge(results.into_iter().filter_map(Result::err).collect())
    }

    async fn edit_route(
        &self,
        route: &Route,
        list: Option<Element>,
        pair: Pair<'_>,
        edit: Edit,
        effect: Effect,
    ) -> Result<(), AwsError> {
        let list = match list {
            Some(list) => list,
            None => self.present(&route.kind, &route.arn).await?,
        };
        self.remember(&route.arn, Some(list.clone()));
        let at = (&route.kind, &route.arn);
        self.write_present(at, &list, pair, edit, effect).await
    }

    /// What a route's weights stand in: an action list, or records.
    pub(super) async fn present(
        &self,
        kind: &RouteKind,
        arn: &RouteArn,
    ) -> Result<Element, AwsError> {
        match kind {
            RouteKind::Listener => self.item(Item::Listener, arn).await,
            RouteKind::Rule => self.item(Item::Rule, arn).await,
            RouteKind::Record(record) => self.pair_of(record).await,
        }
    }

    async fn write_present(
        &self,
        (kind, arn): (&RouteKind, &RouteArn),
        list: &Element,
        pair: Pair<'_>,
        edit: Edit,
        effect: Effect,
    ) -> Result<(), AwsError> {
        let item = match kind {
            RouteKind::Listener => Item::Listener,
            RouteKind::Rule => Item::Rule,
            RouteKind::Record(record) => {
                let blue = record.slot_of(pair.blue).unwrap_or(SlotName::A);
                let written = self.write_pair(arn, record, blue, list, edit, effect);
                return written.await;
            }
        };
        self.write_edited(item, arn, list, pair, edit, effect).await
    }

    pub(super) async fn write_edited(
        &self,
        kind: Item,
        arn: &RouteArn,
        list: &Element,
        pair: Pair<'_>,
        edit: Edit,
        effect: Effect,
    ) -> Result<(), AwsError> {
        let edited = forward::edit(list, pair, edit).map_err(|refusal| {
            self.remember(arn, None);
            let class = match refusal {
                // The next look shows it: what it means is decided there.
                Refusal::Moved { .. } => ErrorClass::Conflict,
                _ => ErrorClass::Invalid,
            };
            AwsError::own(names(kind).modify, class, refusal.to_string())
        })?;
        let Some(edited) = edited else { return Ok(()) };
        let written = self.modify(kind, arn, &edited, effect).await;
        if let Err(error) = &written
            && matches!(error.class, ErrorClass::Invalid | ErrorClass::NotFound)
        {
            // What was remembered may be why: the next try reads first.
            self.remember(arn, None);
        }
        let actions = written?.child(names(kind).actions).cloned();
        if actions.is_some() {
            self.remember(arn, actions);
        }
        Ok(())
    }

    /// Break glass: all weight to one side on each of `routes`, read back, together. Needs
    /// nothing but ELBv2, and Route 53 where records are routes. The results come in the order of `routes`.
    pub async fn write_routes(&self, routes: &[RouteWrite]) -> Vec<Result<RouteSeen, AwsError>> {
        all(routes.iter().map(|route| self.write_route(route))).await
    }

    async fn write_route(&self, route: &RouteWrite) -> Result<RouteSeen, AwsError> {
        let list = self.present(&route.kind, &route.arn).await?;
        let green = match (forward::stickiness(&list), &route.from) {
            (Some(_), Some(_)) => Leftover::Removed,
            _ => Leftover::Named,
        };
        let pair = Pair {
            blue: &route.to,
            green: route.from.as_ref().unwrap_or(&route.to),
        };
        let edit = Edit::AllBlue { green };
        let at = (&route.kind, &route.arn);
        self.write_present(at, &list, pair, edit, Effect::Reverts)
            .await?;
        let list = self.present(&route.kind, &route.arn).await?;
        let weights = match &route.kind {
            RouteKind::Record(record) => records::weights(&list, record),
            _ => forward::weights(&list, &[pair.blue, pair.green]),
        };
        Ok(RouteSeen::of(weights))
    }
}

pub(super) fn pair<'a>(plan: &Plan, route: &'a Route) -> Pair<'a> {
    Pair {
        blue: &route.groups[plan.blue],
        green: &route.groups[plan.green_slot()],
    }
}

/// The action list of the item with that ARN.
fn pick(kind: Item, arn: &RouteArn, items: Vec<Element>) -> Result<Element, AwsError> {
    let names = names(kind);
    items
        .into_iter()
        .find(|item| item.text_of(names.arn) == Some(arn.as_str()))
        .and_then(|mut item| item.child_mut(names.actions).map(std::mem::take))
        .ok_or_else(|| {
            let words = format!("{arn} was not in the answer");
            AwsError::own(names.describe, ErrorClass::NotFound, words)
        })
}

/// One error for the routes that failed: the gravest, with the labels of them all.
fn merge(failures: Vec<(&str, AwsError)>) -> Result<(), AwsError> {
    let routes: Vec<String> = failures
        .iter()
        .map(|(label, _)| (*label).to_owned())
        .collect();
    let gravest = failures
        .into_iter()
        .map(|(_, error)| error)
        .max_by_key(|error| error.class);
    gravest.map_or(Ok(()), |error| Err(AwsError { routes, ..error }))
}
