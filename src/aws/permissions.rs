//! What AWS has to allow for each call that this program makes: one table, of which
//! [`policy`](super::policy()) prints what a config needs.
//!
//! Which actions can be restricted to resources, and by which conditions, is from AWS's Service
//! Authorization Reference.

use Access::{Read, Write};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
}

/// What an action is allowed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum On {
    /// Everything: AWS can't restrict it.
    Anything,
    /// Everything in the cluster, by condition.
    InCluster,
    Cluster,
    Services,
    /// The services' revisions.
    Revisions,
    /// The cluster's tasks.
    Tasks,
    TaskDefinitions,
    /// Revisions that are being registered: with their own tags.
    Registered,
    /// The services, for this program's own tags.
    Marks,
    Listeners,
    Rules,
    /// Roles that tasks and their volumes run under.
    TaskRoles,
    /// Any role of the account, to look at.
    Roles,
    /// The role of the dead-man switch.
    SwitchRole,
    Schedules,
    Table,
    Repositories,
    LogStreams,
    LogGroups,
    Secrets,
    /// Scalable targets of ECS services: their ids are AWS's own.
    ScalableTargets,
    /// Their tags.
    ScalingTags,
    /// Alarms that autoscaling has or gets.
    ScalingAlarms,
    /// The functions that gates call.
    Functions,
    /// The topics that are told what happens.
    Topics,
    /// The buses that are.
    Buses,
    /// The hosted zones of the config's records.
    Zones,
    /// Changes of records: their ids are AWS's own.
    Changes,
    /// Those records, by condition.
    Records,
    /// The user pools by which routes authenticate.
    UserPools,
}

/// Which configs need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// With a dead-man switch.
    Deadman,
    /// Where `state` is a table.
    Table,
    /// Where retiring deletes.
    Deletes,
    /// Behind a load balancer.
    Balanced,
    /// With a gate that calls a function.
    Functions,
    /// Where a topic is told what happens.
    Topics,
    /// Where a bus is.
    Buses,
    /// With a gate that looks at scans.
    Scans,
    /// With a gate that asks each of green's targets: these may be instances.
    Targets,
    /// Where records are routes.
    Records,
    /// Where one of them doesn't say its zone's id.
    FindsZones,
}

/// Actions that are needed by the same configs on the same things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    pub(super) access: Access,
    pub(super) on: On,
    pub(super) when: When,
    pub(super) actions: &'static [&'static str],
}

const fn allow(access: Access, on: On, when: When, actions: &'static [&'static str]) -> Permission {
    Permission {
        access,
        on,
        when,
        actions,
    }
}

/// Everything, in the order in which the policy lists it.
pub(super) const PERMISSIONS: &[Permission] = &[
    allow(
        Read,
        On::Anything,
        When::Always,
        &[
            "sts:GetCallerIdentity",
            "ecs:ListClusters",
            "ecs:DescribeTaskDefinition",
            "ecs:ListTaskDefinitions",
            "cloudwatch:GetMetricData",
            // Restricted to some alarms it would show no composite ones.
            "cloudwatch:DescribeAlarms",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingActivities",
            // Names and kinds of parameters, never their values.
            "ssm:DescribeParameters",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DescribeScheduledActions",
        ],
    ),
    allow(
        Read,
        On::Anything,
        When::Balanced,
        &[
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeRules",
        ],
    ),
    allow(
        Read,
        On::Anything,
        When::Targets,
        &["ec2:DescribeInstances"],
    ),
    allow(
        Read,
        On::Anything,
        When::Deadman,
        &["scheduler:ListSchedules"],
    ),
    allow(
        Read,
        On::Anything,
        When::FindsZones,
        &["route53:ListHostedZonesByName"],
    ),
    allow(
        Read,
        On::Zones,
        When::Records,
        &["route53:ListResourceRecordSets"],
    ),
    allow(Read, On::Changes, When::Records, &["route53:GetChange"]),
    allow(
        Write,
        On::Records,
        When::Records,
        &["route53:ChangeResourceRecordSets"],
    ),
    allow(
        Read,
        On::InCluster,
        When::Always,
        &["ecs:ListServices", "ecs:ListTasks"],
    ),
    allow(Read, On::Cluster, When::Always, &["ecs:DescribeClusters"]),
    allow(Read, On::Services, When::Always, &["ecs:DescribeServices"]),
    // What functions are told of a deployment.
    allow(
        Read,
        On::Services,
        When::Functions,
        &["ecs:ListServiceDeployments"],
    ),
    allow(
        Read,
        On::Revisions,
        When::Always,
        &["ecs:DescribeServiceRevisions"],
    ),
    allow(Read, On::Tasks, When::Always, &["ecs:DescribeTasks"]),
    allow(
        Read,
        On::ScalingTags,
        When::Always,
        &["application-autoscaling:ListTagsForResource"],
    ),
    allow(
        Read,
        On::Repositories,
        When::Always,
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    ),
    allow(
        Read,
        On::Repositories,
        When::Scans,
        &["ecr:DescribeImageScanFindings"],
    ),
    allow(Read, On::LogStreams, When::Always, &["logs:GetLogEvents"]),
    allow(
        Read,
        On::LogGroups,
        When::Always,
        &["logs:DescribeLogGroups"],
    ),
    allow(
        Read,
        On::Roles,
        When::Always,
        &["iam:GetRole", "iam:SimulatePrincipalPolicy"],
    ),
    allow(
        Read,
        On::Secrets,
        When::Always,
        &["secretsmanager:DescribeSecret"],
    ),
    // ELBv2 asks on behalf of whoever writes an action that authenticates by one.
    allow(
        Read,
        On::UserPools,
        When::Always,
        &["cognito-idp:DescribeUserPoolClient"],
    ),
    allow(
        Read,
        On::Schedules,
        When::Deadman,
        &["scheduler:GetSchedule"],
    ),
    allow(
        Read,
        On::Table,
        When::Table,
        &[
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
        ],
    ),
    allow(
        Write,
        On::Services,
        When::Always,
        // The second for what a service is created with, and for what the other one got since.
        &["ecs:CreateService", "ecs:TagResource", "ecs:UpdateService"],
    ),
    allow(Write, On::Services, When::Deletes, &["ecs:DeleteService"]),
    allow(
        Write,
        On::TaskDefinitions,
        When::Always,
        &["ecs:RegisterTaskDefinition"],
    ),
    allow(
        Write,
        On::Functions,
        When::Functions,
        &["lambda:InvokeFunction"],
    ),
    allow(Write, On::Topics, When::Topics, &["sns:Publish"]),
    allow(Write, On::Buses, When::Buses, &["events:PutEvents"]),
    allow(Write, On::Registered, When::Always, &["ecs:TagResource"]),
    allow(Write, On::Marks, When::Always, &["ecs:UntagResource"]),
    allow(
        Write,
        On::ScalableTargets,
        When::Always,
        &[
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:DeleteScheduledAction",
        ],
    ),
    allow(
        Write,
        On::ScalableTargets,
        When::Deletes,
        &["application-autoscaling:DeregisterScalableTarget"],
    ),
    allow(
        Write,
        On::ScalingTags,
        When::Always,
        &["application-autoscaling:TagResource"],
    ),
    // Whoever puts a policy needs them for the alarms that it makes, too.
    allow(
        Write,
        On::ScalingAlarms,
        When::Always,
        &[
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DeleteAlarms",
            "cloudwatch:TagResource",
        ],
    ),
    allow(
        Write,
        On::Listeners,
        When::Balanced,
        &["elasticloadbalancing:ModifyListener"],
    ),
    allow(
        Write,
        On::Rules,
        When::Balanced,
        &["elasticloadbalancing:ModifyRule"],
    ),
    allow(Write, On::TaskRoles, When::Always, &["iam:PassRole"]),
    allow(Write, On::SwitchRole, When::Deadman, &["iam:PassRole"]),
    allow(
        Write,
        On::Schedules,
        When::Deadman,
        &[
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
        ],
    ),
    allow(
        Write,
        On::Table,
        When::Table,
        &[
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:CreateTable",
            "dynamodb:UpdateTimeToLive",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Calls that are no action: what they need is that of their parts.
    const WITHOUT_ACTION: &[&str] = &["dynamodb:TransactWriteItems"];

    /// What only `bg init` asks for: a person adopts a service once, with rights of their own.
    const ADOPTING: &[&str] = &[
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:DescribeAccountLimits",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "route53:ListHostedZones",
    ];

    fn actions() -> impl Iterator<Item = &'static str> {
        PERMISSIONS.iter().flat_map(|it| it.actions).copied()
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("it is there");
        let paths = entries.map(|entry| entry.expect("readable").path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            })
            .collect()
    }

    /// The texts of the shape `service:Operation` that a module's code names, tests apart.
    fn calls_of(module: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = sources(&root.join("src").join(module));
        let files = files.iter().filter(|path| {
            let name = path.to_string_lossy();
            let tables = ["permissions.rs", "policy.rs"];
            !name.contains("tests") && !tables.iter().any(|it| name.ends_with(it))
        });
        let mut calls = BTreeSet::new();
        for file in files {
            let text = fs::read_to_string(file).expect("readable");
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let quoted = code.split('"').skip(1).step_by(2);
            calls.extend(quoted.filter(|text| is_call(text)).map(str::to_owned));
        }
        calls
    }

    fn is_call(text: &str) -> bool {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        text.split_once(':').is_some_and(|(service, operation)| {
            !service.is_empty()
                && service.chars().all(lower)
                && operation.starts_with(|c: char| c.is_ascii_uppercase())
                && operation.chars().all(|c| c.is_ascii_alphanumeric())
        })
    }

    #[test]
    fn every_call_that_the_code_names_is_in_the_table() {
        let calls: BTreeSet<String> = ["aws", "store"].into_iter().flat_map(calls_of).collect();
        assert!(calls.len() > 40, "{calls:?}");
        let known = |call: &&String| {
            WITHOUT_ACTION.contains(&call.as_str())
                || ADOPTING.contains(&call.as_str())
                || actions().any(|action| action == call.as_str())
        };
        let unknown: Vec<_> = calls.iter().filter(|call| !known(call)).collect();
        assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    }

    #[test]
    fn every_action_in_the_table_is_that_of_a_call_or_of_a_part_of_one() {
        let calls: BTreeSet<String> = ["aws", "store"].into_iter().flat_map(calls_of).collect();
        // A transaction's, and those that roles, tags and logins in a request need.
        let parts = [
            "dynamodb:ConditionCheckItem",
            "iam:PassRole",
            "cloudwatch:TagResource",
            "application-autoscaling:TagResource",
            "cognito-idp:DescribeUserPoolClient",
        ];
        let idle: Vec<_> = actions()
            .filter(|action| !calls.contains(*action) && !parts.contains(action))
            .collect();
        assert!(idle.is_empty(), "nothing calls {idle:?}");
    }
}
