//! The dead-man switch at AWS: one-shot schedules of EventBridge Scheduler whose targets are the
//! calls to ELBv2 and Route 53 themselves.

use std::collections::BTreeSet;

use aws_sdk_scheduler::error::BuildError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::Timestamp;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::forward::{self, Edit, Leftover};
use super::listeners::Item;
use super::records;
use super::retry::Effect;
use super::routes::pair;
use super::together::{all, some};
use super::universal;
use super::xml::Element;
use crate::deployment::deadman;
use crate::deployment::dns::Record;
use crate::deployment::ids::{RoleArn, RouteArn, ScheduleName};
use crate::deployment::plan::{Plan, Route, RouteKind};
use crate::deployment::surroundings::Forward;

const CREATE: &str = "scheduler:CreateSchedule";
const UPDATE: &str = "scheduler:UpdateSchedule";
const DELETE: &str = "scheduler:DeleteSchedule";
const GET: &str = "scheduler:GetSchedule";
const LIST: &str = "scheduler:ListSchedules";

/// One try more, and no later than this: AWS's default (185 tries in 24 hours) could put traffic
/// on a blue that was emptied long ago. 60 s is the least that it takes.
const RETRIES: i32 = 1;
const AGE_AT_MOST: i32 = 60;
/// More pages than any service may have schedules.
const PAGES: usize = 20;
/// ELBv2 calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;

/// A call that writes a route's weights.
struct Call {
    target: String,
    input: String,
}

impl Call {
    /// Of what a route's weights stand in.
    fn of(kind: &RouteKind, arn: &RouteArn, list: &Element) -> Call {
        let item = match kind {
            RouteKind::Listener => Item::Listener,
            RouteKind::Rule => Item::Rule,
            RouteKind::Record(record) => return Call::of_records(record, &list.children),
        };
        Call {
            target: universal::target(item),
            input: universal::input(item, arn, list),
        }
    }

    fn of_records(record: &Record, sets: &[Element]) -> Call {
        Call {
            target: universal::RECORDS.to_owned(),
            input: universal::input_of_records(&record.zone, sets),
        }
    }
}

/// One schedule as it is to be.
struct Wanted<'a> {
    name: &'a ScheduleName,
    until: Timestamp,
    target: Target,
}

impl Cloud {
    /// Has each route of `plan` put everything back on blue at `until`.
    pub(super) async fn arm_deadman(&self, plan: &Plan, until: Timestamp) -> Result<(), AwsError> {
        let Some(deadman) = &plan.deadman else {
            return Err(AwsError::invalid(CREATE, "the plan has no dead-man switch"));
        };
        let armed = plan.routes.iter().map(|route| async {
            let call = self.all_blue(plan, route).await?;
            let name = deadman::name(&plan.cluster, &plan.service, &plan.id, &route.arn);
            self.arm(&name, &deadman.role, call, until).await
        });
        all(armed).await.into_iter().collect()
    }

    /// What a revert would write to `route`, from what was last seen of it.
    async fn all_blue(&self, plan: &Plan, route: &Route) -> Result<Call, AwsError> {
        let list = match self.remembered(&route.arn) {
            Some(list) => list,
            None => self.present(&route.kind, &route.arn).await?,
        };
        let green = match route.sticky {
            Some(_) => Leftover::Removed,
            None => Leftover::Named,
        };
        let edit = Edit::AllBlue { green };
        let refused = |error: forward::Refusal| AwsError::invalid(CREATE, error.to_string());
        if let RouteKind::Record(record) = &route.kind {
            let edited = records::edit(&list, record, plan.blue, edit).map_err(refused)?;
            let sets = edited.map_or(list.children, |edited| edited.changed);
            return Ok(Call::of_records(record, &sets));
        }
        let edited = forward::edit(&list, pair(plan, route), edit).map_err(refused)?;
        Ok(Call::of(&route.kind, &route.arn, &edited.unwrap_or(list)))
    }

    /// Has a call made at `until`.
    async fn arm(
        &self,
        name: &ScheduleName,
        role: &RoleArn,
        call: Call,
        until: Timestamp,
    ) -> Result<(), AwsError> {
        let target = Target::builder()
            .arn(call.target)
            .role_arn(role.as_str())
            .input(call.input)
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(RETRIES)
                    .maximum_event_age_in_seconds(AGE_AT_MOST)
                    .build(),
            )
            .build();
        let wanted = Wanted {
            name,
            until,
            target: target.map_err(|error| unbuilt(&error))?,
        };
        // Mostly it is there and is pushed out. One that is gone has fired or is new.
        match self.update(&wanted).await {
            Err(error) if error.is_not_found() => match self.create(&wanted).await {
                // An earlier try's answer was lost.
                Err(error) if error.class == ErrorClass::Conflict => self.update(&wanted).await,
                created => created,
            },
            updated => updated,
        }
    }

    async fn create(&self, wanted: &Wanted<'_>) -> Result<(), AwsError> {
        let window = off().map_err(|error| unbuilt(&error))?;
        self.call(CREATE, Effect::Writes, || {
            self.scheduler()
                .create_schedule()
                .name(wanted.name.as_str())
                .schedule_expression(at(wanted.until))
                .schedule_expression_timezone("UTC")
                .flexible_time_window(window.clone())
                .action_after_completion(ActionAfterCompletion::Delete)
                .target(wanted.target.clone())
                .client_token(deadman::token("create", wanted.name, wanted.until))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// Replaces every field: what isn't sent would fall back to its default.
    async fn update(&self, wanted: &Wanted<'_>) -> Result<(), AwsError> {
        let window = off().map_err(|error| unbuilt(&error))?;
        self.call(UPDATE, Effect::Writes, || {
            self.scheduler()
                .update_schedule()
                .name(wanted.name.as_str())
                .schedule_expression(at(wanted.until))
                .schedule_expression_timezone("UTC")
                .flexible_time_window(window.clone())
                .action_after_completion(ActionAfterCompletion::Delete)
                .target(wanted.target.clone())
                .client_token(deadman::token("update", wanted.name, wanted.until))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// Deletes every schedule of the plan's service, and looks that none is left.
    pub(super) async fn disarm_deadman(&self, plan: &Plan) -> Result<(), AwsError> {
        let prefix = deadman::prefix(&plan.cluster, &plan.service);
        // A listing may lag behind: this deployment's own names are known.
        let own = plan
            .routes
            .iter()
            .map(|route| deadman::name(&plan.cluster, &plan.service, &plan.id, &route.arn));
        let mut names: BTreeSet<ScheduleName> = own.collect();
        names.extend(self.schedules(&prefix).await?);
        let gone = names.iter().map(|name| self.remove_schedule(name));
        all(gone).await.into_iter().collect()
    }

    /// Deletes a schedule and looks that it is gone.
    pub async fn remove_schedule(&self, name: &ScheduleName) -> Result<(), AwsError> {
        let deleted = self.call(DELETE, Effect::Writes, || {
            let request = self.scheduler().delete_schedule();
            request.name(name.as_str()).send()
        });
        match deleted.await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        match self.has_schedule(name).await? {
            false => Ok(()),
            true => {
                let words = format!("{name} is deleted, and still there");
                Err(AwsError::own(DELETE, ErrorClass::Conflict, words))
            }
        }
    }

    /// Whether a schedule is there.
    pub async fn has_schedule(&self, name: &ScheduleName) -> Result<bool, AwsError> {
        let got = self.call(GET, Effect::Reads, || {
            self.scheduler().get_schedule().name(name.as_str()).send()
        });
        match got.await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The schedules whose names begin with `prefix`.
    pub async fn schedules(&self, prefix: &str) -> Result<Vec<ScheduleName>, AwsError> {
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page = self
                .call(LIST, Effect::Reads, || {
                    let request = self.scheduler().list_schedules().name_prefix(prefix);
                    request.set_next_token(token.clone()).send()
                })
                .await?;
            let found = page.schedules().iter().filter_map(|it| it.name());
            names.extend(found.map(ScheduleName::new));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(names)
    }

    /// Has a route's present weights written once more at `until`: that changes nothing, and
    /// shows whether AWS takes and runs such a schedule.
    pub async fn arm_no_op(
        &self,
        name: &ScheduleName,
        role: &RoleArn,
        route: &Forward,
        until: Timestamp,
    ) -> Result<(), AwsError> {
        let list = self.present(&route.kind, &route.arn).await?;
        let call = Call::of(&route.kind, &route.arn, &list);
        self.arm(name, role, call, until).await
    }

    /// Which of `routes` have an action whose client secret ELBv2 keeps to itself.
    pub(super) async fn with_secrets(
        &self,
        routes: &[Forward],
    ) -> Result<BTreeSet<RouteArn>, AwsError> {
        let items = routes.iter();
        let items: Vec<_> = items
            .filter_map(|route| Some((Item::of(&route.kind)?, route)))
            .collect();
        let lists = items
            .iter()
            .map(|(item, route)| self.item(*item, &route.arn));
        let lists = some(AT_ONCE, lists.collect()).await;
        let mut with = BTreeSet::new();
        for ((_, route), list) in items.iter().zip(lists) {
            if list?.children.iter().any(has_secret) {
                with.insert(route.arn.clone());
            }
        }
        Ok(with)
    }
}

fn has_secret(action: &Element) -> bool {
    action.child("AuthenticateOidcConfig").is_some()
}

/// `at(2026-01-05T07:19:00)`: no zone, which stands beside it, and no fractions.
fn at(until: Timestamp) -> String {
    format!("at({})", until.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn off() -> Result<FlexibleTimeWindow, BuildError> {
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
}

fn unbuilt(error: &BuildError) -> AwsError {
    AwsError::invalid(CREATE, error.to_string())
}
