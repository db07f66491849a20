//! The alarms that call step policies: read and written as they are, with fields that the SDK
//! doesn't know.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::cbor;
use crate::aws::cloud::Cloud;
use crate::aws::ecs::{list, text};
use crate::aws::error::AwsError;
use crate::aws::raw::{Kept, replace_body};
use crate::aws::retry::Effect;
use crate::deployment::scaling::{StepAlarm, alarm_prefix};

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";
const PUT: &str = "cloudwatch:PutMetricAlarm";
/// DescribeAlarms gives so many at once, and DeleteAlarms takes as many.
const AT_ONCE: i32 = 100;
/// Pages that are read.
const PAGES: usize = 10;

/// Which alarms.
enum Of<'a> {
    /// Those that do this.
    Action(&'a str),
    /// Those with such a name.
    Prefix(&'a str),
}

impl Cloud {
    /// The metric alarms with a policy among their actions, as DescribeAlarms prints them.
    pub(super) async fn alarms_that_call(&self, policy: &str) -> Result<Vec<Value>, AwsError> {
        self.alarms_of(Of::Action(policy)).await
    }

    async fn alarms_of(&self, of: Of<'_>) -> Result<Vec<Value>, AwsError> {
        let (action, prefix) = match of {
            Of::Action(action) => (Some(action.to_owned()), None),
            Of::Prefix(prefix) => (None, Some(prefix.to_owned())),
        };
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let send = || {
                let kept = Kept::default();
                let request = self
                    .cloudwatch()
                    .describe_alarms()
                    .set_action_prefix(action.clone())
                    .set_alarm_name_prefix(prefix.clone())
                    .set_next_token(next.clone())
                    .max_records(AT_ONCE)
                    .customize()
                    .interceptor(kept.clone());
                async move { request.send().await.map(|_| kept.take()) }
            };
            let read = self.call_and_read(DESCRIBE, Effect::Reads, send, cbor::read);
            let page = read.await?;
            found.extend(list(&page, "MetricAlarms").iter().cloned());
            match text(&page, "NextToken") {
                "" => break,
                token => next = Some(token.to_owned()),
            }
        }
        Ok(found)
    }

    /// Makes a service's alarms what is wanted, as far as this program made them. `policies` are
    /// the ARNs of its policies by name.
    pub(super) async fn put_step_alarms(
        &self,
        (cluster, service): (&str, &str),
        wanted: &[StepAlarm],
        policies: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        for alarm in wanted {
            let Some(policy) = policies.get(&alarm.policy) else {
                continue;
            };
            let body = cbor::write(&alarm.calling(policy));
            let body = body.map_err(|why| AwsError::invalid(PUT, why))?;
            self.call(PUT, Effect::Writes, || {
                let body = body.clone();
                let request = self.cloudwatch().put_metric_alarm().customize();
                request
                    .mutate_request(move |request| replace_body(request, body.clone()))
                    .send()
            })
            .await?;
        }
        let prefix = alarm_prefix(cluster, service);
        let there = self.alarms_of(Of::Prefix(&prefix)).await?;
        let names = there.iter().map(|it| text(it, "AlarmName"));
        let outdated = names.filter(|name| !wanted.iter().any(|it| it.name() == *name));
        self.delete_alarms(outdated.map(str::to_owned).collect())
            .await
    }

    /// Deletes those that this program made for a service. Who may not ask for alarms has made
    /// none.
    pub(super) async fn delete_step_alarms(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<(), AwsError> {
        let none = BTreeMap::new();
        let deleted = self.put_step_alarms((cluster, service), &[], &none);
        match deleted.await {
            Err(error) if error.is_for_good() => Ok(()),
            deleted => deleted,
        }
    }

    async fn delete_alarms(&self, names: Vec<String>) -> Result<(), AwsError> {
        for names in names.chunks(AT_ONCE as usize) {
            self.call("cloudwatch:DeleteAlarms", Effect::Writes, || {
                self.cloudwatch()
                    .delete_alarms()
                    .set_alarm_names(Some(names.to_vec()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}
