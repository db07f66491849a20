//! Adding what a service lacks, one thing after the other; what is there already stays.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lag::until_shown;
use crate::adopt::{Addition, Pair, Proposal, RouteFound, Twin};
use crate::aws::cloud::Cloud;
use crate::aws::error::AwsError;
use crate::aws::forward::{self, Edit, Pair as Groups};
use crate::aws::listeners::{Item, names};
use crate::aws::retry::{Effect, patiently};
use crate::aws::xml::Element;
use crate::deployment::ids::TargetGroupArn;

/// How long writes wait for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(30);

/// Why not everything was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What was being added.
    pub doing: String,
    /// What came of it.
    pub error: AwsError,
}

impl Cloud {
    /// Adds everything that `proposal` lacks; `done` is told of each thing once it is there.
    /// Adding what was added already changes nothing, so a second try goes on where the first
    /// one stopped.
    ///
    /// # Errors
    /// At the first thing that can't be added.
    pub async fn adopt(
        &self,
        proposal: &Proposal,
        done: impl FnMut(String),
    ) -> Result<(), Unfinished> {
        patiently(THROTTLED_AT_MOST, self.add(proposal, done)).await
    }

    async fn add(
        &self,
        proposal: &Proposal,
        mut done: impl FnMut(String),
    ) -> Result<(), Unfinished> {
        let mut created: BTreeMap<&str, TargetGroupArn> = BTreeMap::new();
        for addition in proposal.additions() {
            let doing = addition.name();
            let failed = |doing: &str| {
                let doing = doing.to_owned();
                move |error| Unfinished { doing, error }
            };
            match &addition {
                Addition::Group(pair) => {
                    let group = self.create_group(pair.b_name(), &pair.a).await;
                    let group = group.map_err(failed(&doing))?;
                    done(doing);
                    let doing = Addition::Attributes(pair).name();
                    let aligned = self.align_attributes(&group.arn, &pair.a).await;
                    aligned.map_err(failed(&doing))?;
                    done(doing);
                    created.insert(pair.b_name(), group.id());
                }
                Addition::Attributes(pair) => {
                    if let Twin::There { group, .. } = &pair.b {
                        let aligned = self.align_attributes(&group.arn, &pair.a).await;
                        aligned.map_err(failed(&doing))?;
                    }
                    done(doing);
                }
                Addition::Place(route, pair) => {
                    let b = match &pair.b {
                        Twin::There { group, .. } => Some(group.id()),
                        Twin::New { .. } => created.get(pair.b_name()).cloned(),
                    };
                    if let Some(b) = b {
                        let placed = self.place(route, pair, &b).await;
                        placed.map_err(failed(&doing))?;
                    }
                    done(doing);
                }
            }
        }
        Ok(())
    }

    /// Gives slot b's group its place in a forward action, and looks that all else is as it was.
    async fn place(
        &self,
        route: &RouteFound,
        pair: &Pair,
        b: &TargetGroupArn,
    ) -> Result<(), AwsError> {
        let arn = &route.forward.arn;
        let Some(item) = Item::of(&route.forward.kind) else {
            return Ok(());
        };
        let a = pair.a.id();
        let groups = Groups { blue: &a, green: b };
        let list = self.item(item, arn).await?;
        let mut wanted = forward::weights(&list, &[&a, b]);
        wanted.entry(b.clone()).or_insert(0);
        self.write_edited(item, arn, &list, groups, Edit::AddGreen, Effect::Writes)
            .await?;
        let as_written = |after: &Element| {
            forward::weights(after, &[&a, b]) == wanted
                && forward::stickiness(after) == forward::stickiness(&list)
                && after.children.len() == list.children.len()
        };
        let after = until_shown(|| self.item(item, arn), as_written).await?;
        match as_written(&after) {
            true => Ok(()),
            false => Err(AwsError::invalid(
                names(item).modify,
                format!(
                    "the action of {} is not as it was written",
                    route.forward.label()
                ),
            )),
        }
    }
}
