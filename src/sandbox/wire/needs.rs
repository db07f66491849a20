//! What IAM would have to allow for a request: actions on resources, with what conditions are
//! tested on. The region allows everything; tests hold policies against this.

use super::{Operation, Service};
use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One thing to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// `ecs:UpdateService`.
    pub action: String,
    /// An ARN, or `*` where AWS checks none.
    pub resource: String,
    /// IAM's condition keys, each with its values.
    pub context: BTreeMap<String, BTreeSet<String>>,
}

impl Need {
    /// Its fields under their names.
    pub fn to_json(&self) -> Value {
        json!({ "action": self.action, "resource": self.resource, "context": self.context })
    }

    fn with(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Need {
        self.context
            .insert(key.to_owned(), values.into_iter().collect());
        self
    }
}

/// Whether the SDK says that `bg` sent it.
pub fn is_asked_by_bg(headers: &HeaderMap) -> bool {
    let agent = headers.get("x-amz-user-agent");
    let agent = agent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    agent.split(' ').any(|part| part == "app/bg")
}

/// What a request needs in an account and region.
pub fn of(operation: &Operation, account: &str, region: &str) -> Vec<Need> {
    let request = Request {
        operation,
        account,
        region,
    };
    match operation.service {
        Service::Ecs => request.of_ecs(),
        Service::Elbv2 => {
            let arn = text(&operation.input, "ListenerArn").or(text(&operation.input, "RuleArn"));
            let writes = operation.name.starts_with("Modify");
            let own = request.own(arn.filter(|_| writes).unwrap_or("*"));
            std::iter::once(own).chain(request.of_logins()).collect()
        }
        Service::Scheduler => request.of_scheduler(),
        Service::DynamoDb => request.of_dynamodb(),
        Service::Ecr => {
            let name = text(&operation.input, "repositoryName").unwrap_or_default();
            let account = text(&operation.input, "registryId").unwrap_or(account);
            vec![request.own(format!("arn:aws:ecr:{region}:{account}:repository/{name}"))]
        }
        Service::Logs => {
            let of = |key| text(&operation.input, key).unwrap_or_default();
            // DescribeLogGroups is asked about no group, and checked on the one without a name.
            let (group, stream) = (of("logGroupName"), of("logStreamName"));
            let stream = format!("log-group:{group}:log-stream:{stream}");
            vec![request.own(request.arn("logs", &stream))]
        }
        Service::Iam => {
            let named = text(&operation.input, "RoleName");
            let named = named.map(|name| format!("arn:aws:iam::{account}:role/{name}"));
            let role = named.or_else(|| Some(text(&operation.input, "PolicySourceArn")?.into()));
            vec![request.own(role.unwrap_or_default())]
        }
        Service::Secrets => {
            let id = text(&operation.input, "SecretId").unwrap_or_default();
            vec![request.own(super::secrets::arn(account, region, id))]
        }
        Service::CloudWatch => request.of_cloudwatch(),
        Service::Scaling => request.of_scaling(),
        Service::Lambda => vec![need(
            "lambda:InvokeFunction",
            super::lambda::arn(account, region, &operation.input),
        )],
        Service::Route53 => vec![request.of_route53()],
        Service::Sns => vec![request.own(super::sns::topic(&operation.input))],
        Service::Events => request.of_events(),
        Service::Sts | Service::Ssm | Service::Discovery | Service::Ec2 => vec![request.own("*")],
    }
}

struct Request<'a> {
    operation: &'a Operation,
    account: &'a str,
    region: &'a str,
}

impl Request<'_> {
    fn input(&self) -> &Value {
        &self.operation.input
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    /// The action of the operation's own name.
    fn own(&self, resource: impl Into<String>) -> Need {
        let (service, name) = (self.operation.service.as_str(), &self.operation.name);
        need(&format!("{service}:{name}"), resource)
    }

    fn of_ecs(&self) -> Vec<Need> {
        let input = self.input();
        let cluster = text(input, "cluster").map_or("default", last);
        let in_cluster = |kind: &str, name: &str| {
            self.own(self.arn("ecs", &format!("{kind}/{cluster}/{}", last(name))))
        };
        let named = |key: &str| texts(input, key).into_iter();
        match self.operation.name.as_str() {
            "DescribeClusters" => named("clusters")
                .map(|name| self.own(self.arn("ecs", &format!("cluster/{}", last(name)))))
                .collect(),
            "DescribeServices" => named("services")
                .map(|name| in_cluster("service", name))
                .collect(),
            "DescribeServiceRevisions" => named("serviceRevisionArns")
                .map(|arn| self.own(arn))
                .collect(),
            "DescribeTasks" => named("tasks").map(|id| in_cluster("task", id)).collect(),
            "UpdateService" | "DeleteService" | "ListServiceDeployments" => {
                vec![in_cluster(
                    "service",
                    text(input, "service").unwrap_or_default(),
                )]
            }
            "CreateService" => {
                let name = text(input, "serviceName").unwrap_or_default();
                self.with_tags(in_cluster("service", name))
            }
            "RegisterTaskDefinition" => {
                let family = text(input, "family").unwrap_or_default();
                let registers = self.arn("ecs", &format!("task-definition/{family}:*"));
                let roles = ["taskRoleArn", "executionRoleArn"];
                let roles = roles.into_iter().filter_map(|key| text(input, key));
                let roles = roles.map(|role| passed(role, "ecs-tasks.amazonaws.com"));
                let mut needs = self.with_tags(self.own(registers));
                needs.extend(roles);
                needs
            }
            "TagResource" | "UntagResource" => {
                let resource = text(input, "resourceArn").unwrap_or_default();
                vec![self.own(resource).with("aws:TagKeys", tag_keys(input))]
            }
            "ListTasks" | "ListServices" => {
                let cluster = self.arn("ecs", &format!("cluster/{cluster}"));
                vec![self.own("*").with("ecs:cluster", [cluster])]
            }
            _ => vec![self.own("*")],
        }
    }

    /// What creates something, and the tags that it is created with.
    fn with_tags(&self, creates: Need) -> Vec<Need> {
        let keys = tag_keys(self.input());
        let tags = need("ecs:TagResource", creates.resource.clone())
            .with("ecs:CreateAction", [self.operation.name.clone()])
            .with("aws:TagKeys", keys.clone());
        let tags = (!keys.is_empty()).then_some(tags);
        std::iter::once(creates).chain(tags).collect()
    }

    fn alarm(&self, name: &str) -> String {
        self.arn("cloudwatch", &format!("alarm:{name}"))
    }

    fn of_cloudwatch(&self) -> Vec<Need> {
        let input = self.input();
        match self.operation.name.as_str() {
            "PutMetricAlarm" => {
                let alarm = self.alarm(text(input, "AlarmName").unwrap_or_default());
                let tags = input.get("Tags").and_then(Value::as_array);
                let tagged = tags.is_some_and(|tags| !tags.is_empty());
                let tags = tagged.then(|| need("cloudwatch:TagResource", alarm.clone()));
                std::iter::once(self.own(alarm)).chain(tags).collect()
            }
            "DeleteAlarms" => texts(input, "AlarmNames")
                .into_iter()
                .map(|name| self.own(self.alarm(name)))
                .collect(),
            _ => vec![self.own("*")],
        }
    }

    /// AWS sets the desired count and makes the alarms of target tracking on the caller's behalf:
    /// "Permissions required for API actions on target services and CloudWatch" in its guide.
    fn of_scaling(&self) -> Vec<Need> {
        let input = self.input();
        let name = self.operation.name.as_str();
        if name.starts_with("Describe") {
            return vec![self.own("*")];
        }
        if name == "ListTagsForResource" {
            return vec![self.own(text(input, "ResourceARN").unwrap_or_default())];
        }
        let resource = text(input, "ResourceId").unwrap_or_default();
        let id = "scalable-target/0123456789abcdef";
        let target = self.arn("application-autoscaling", id);
        let of = |key: &str| text(input, key).unwrap_or_default().to_owned();
        let target = self
            .own(target)
            .with(
                "application-autoscaling:service-namespace",
                [of("ServiceNamespace")],
            )
            .with(
                "application-autoscaling:scalable-dimension",
                [of("ScalableDimension")],
            );
        let service = self.arn("ecs", resource);
        let alarm = self.alarm(&format!("TargetTracking-{resource}-AlarmHigh"));
        let others = match name {
            "RegisterScalableTarget" => {
                let tags = input.get("Tags").map(|_| {
                    need(
                        "application-autoscaling:TagResource",
                        target.resource.clone(),
                    )
                });
                let service = [
                    need("ecs:DescribeServices", service.clone()),
                    need("ecs:UpdateService", service),
                ];
                service.into_iter().chain(tags).collect()
            }
            "PutScalingPolicy" => vec![need("cloudwatch:PutMetricAlarm", alarm)],
            "DeleteScalingPolicy" => vec![need("cloudwatch:DeleteAlarms", alarm)],
            _ => Vec::new(),
        };
        std::iter::once(target).chain(others).collect()
    }

    /// Whoever writes an action that authenticates by Cognito must be allowed to look at the client:
    /// "Authenticate users using an Application Load Balancer" in ELB's guide.
    fn of_logins(&self) -> impl Iterator<Item = Need> {
        let lists = ["Actions", "DefaultActions"].into_iter();
        let lists = lists.filter_map(|key| self.input().get(key)?.as_array());
        let configs = lists
            .flatten()
            .map(|it| it.get("AuthenticateCognitoConfig"));
        let pools = configs.flatten().filter_map(|it| text(it, "UserPoolArn"));
        pools.map(|pool| need("cognito-idp:DescribeUserPoolClient", pool))
    }

    /// Zones and changes have no region and no account; keys of a change are of all its records.
    fn of_route53(&self) -> Need {
        let id = |key: &str| text(self.input(), key).map_or("", last);
        let need = match self.operation.name.as_str() {
            "GetChange" => self.own(format!("arn:aws:route53:::change/{}", id("Id"))),
            name if name.ends_with("ByName") || name == "ListHostedZones" => self.own("*"),
            "CreateHostedZone" | "CreateHealthCheck" | "ListHealthChecks" => self.own("*"),
            name if name.ends_with("TagsForResource") => self.own(format!(
                "arn:aws:route53:::{}/{}",
                text(self.input(), "ResourceType").unwrap_or_default(),
                id("ResourceId")
            )),
            name if name.contains("HealthCheck") => self.own(format!(
                "arn:aws:route53:::healthcheck/{}",
                id("HealthCheckId")
            )),
            _ => self.own(format!(
                "arn:aws:route53:::hostedzone/{}",
                id("HostedZoneId")
            )),
        };
        let changes = self.input().pointer("/ChangeBatch/Changes");
        let Some(changes) = changes.and_then(Value::as_array) else {
            return need;
        };
        let all = |of: fn(&Value) -> Option<&str>| {
            let all = changes.iter().filter_map(of);
            let plain = |it: &str| it.trim_end_matches('.').to_ascii_lowercase();
            all.map(plain).collect::<Vec<_>>()
        };
        let upper = |all: Vec<String>| all.into_iter().map(|it| it.to_ascii_uppercase());
        let key = |name: &str| format!("route53:ChangeResourceRecordSets{name}");
        let names = all(|it| it.pointer("/ResourceRecordSet/Name")?.as_str());
        let types = all(|it| it.pointer("/ResourceRecordSet/Type")?.as_str());
        let actions = all(|it| it.pointer("/Action")?.as_str());
        need.with(&key("NormalizedRecordNames"), names)
            .with(&key("RecordTypes"), upper(types))
            .with(&key("Actions"), upper(actions))
    }

    fn of_scheduler(&self) -> Vec<Need> {
        let Some(name) = text(self.input(), "Name") else {
            return vec![self.own("*")];
        };
        let role = self
            .input()
            .pointer("/Target/RoleArn")
            .and_then(Value::as_str);
        let role = role.map(|role| passed(role, "scheduler.amazonaws.com"));
        let schedule = self.arn("scheduler", &format!("schedule/default/{name}"));
        std::iter::once(self.own(schedule)).chain(role).collect()
    }

    /// Each event is checked on its own bus.
    fn of_events(&self) -> Vec<Need> {
        let entries = self.input().get("Entries").and_then(Value::as_array);
        let buses = entries.into_iter().flatten();
        buses
            .map(|entry| self.own(super::events::bus(self.account, self.region, entry)))
            .collect()
    }

    /// A transaction needs what each of its parts would by itself.
    fn of_dynamodb(&self) -> Vec<Need> {
        let table = |input: &Value| {
            let name = text(input, "TableName").unwrap_or_default();
            self.arn("dynamodb", &format!("table/{name}"))
        };
        if self.operation.name != "TransactWriteItems" {
            return vec![self.own(table(self.input()))];
        }
        let items = self.input().get("TransactItems").and_then(Value::as_array);
        let parts = items.into_iter().flatten().filter_map(Value::as_object);
        parts
            .flatten()
            .map(|(part, input)| {
                let action = match part.as_str() {
                    "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                    other => format!("dynamodb:{other}Item"),
                };
                need(&action, table(input))
            })
            .collect()
    }
}

fn need(action: &str, resource: impl Into<String>) -> Need {
    Need {
        action: action.to_owned(),
        resource: resource.into(),
        context: BTreeMap::new(),
    }
}

fn passed(role: &str, to: &str) -> Need {
    need("iam:PassRole", role).with("iam:PassedToService", [to.to_owned()])
}

/// Of tags that are set (`tags`) and taken off (`tagKeys`).
fn tag_keys(input: &Value) -> Vec<String> {
    let tags = input.get("tags").and_then(Value::as_array);
    let set = tags
        .into_iter()
        .flatten()
        .filter_map(|tag| text(tag, "key"));
    let keys = set.chain(texts(input, "tagKeys"));
    keys.map(str::to_owned).collect()
}

fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key)?.as_str()
}

fn texts<'a>(input: &'a Value, key: &str) -> Vec<&'a str> {
    let values = input.get(key).and_then(Value::as_array);
    values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The name at the end of an ARN, or the text itself where it is none.
fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}
