//! Everything that adopting and deploying a service may change. What isn't here is a failure.

/// A change that is meant to be.
///
/// In paths `{a}` and `{b}` are names of slot a's and slot b's services and groups, `*` any one
/// part, `**` all the rest. Values are as they are shown, `nothing`, or `*` for whatever it is.
pub(crate) struct Expected {
    pub(crate) path: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

const fn added(path: &'static str) -> Expected {
    changed(path, "nothing", "*")
}

const fn changed(path: &'static str, before: &'static str, after: &'static str) -> Expected {
    Expected {
        path,
        before,
        after,
    }
}

/// By `bg init --apply`.
pub(crate) const BY_ADOPTING: &[Expected] = &[
    // Slot b's groups, which are compared with slot a's.
    added("group/{b}/**"),
    // Their place at weight 0 in each forward action. An action of two groups has no short form.
    changed(
        "listener/*/DefaultActions/*/ForwardConfig/TargetGroups/{b}",
        "nothing",
        "0",
    ),
    changed("listener/*/DefaultActions/*/TargetGroupArn", "*", "nothing"),
    changed(
        "rule/*/Actions/*/ForwardConfig/TargetGroups/{b}",
        "nothing",
        "0",
    ),
    changed("rule/*/Actions/*/TargetGroupArn", "*", "nothing"),
];

/// By any deployment: what is new is compared with what it is like.
pub(crate) const BY_DEPLOYING: &[Expected] = &[
    // A task definition for each version.
    added("definition/*/**"),
    // Slot b's service, and its autoscaling.
    added("service/{b}/**"),
    added("scaling/{b}/**"),
    added("policy/{b}/**"),
    added("schedule/{b}/**"),
    // Application Auto Scaling's own, for target tracking.
    added("alarm/TargetTracking-*/**"),
    // The two weights of each action.
    changed(
        "listener/*/DefaultActions/*/ForwardConfig/TargetGroups/{a}",
        "*",
        "*",
    ),
    changed("rule/*/Actions/*/ForwardConfig/TargetGroups/{a}", "*", "*"),
];

/// By a version that is promoted to slot b.
pub(crate) const BY_PROMOTING: &[Expected] = &[
    changed(
        "listener/*/DefaultActions/*/ForwardConfig/TargetGroups/{b}",
        "0",
        "*",
    ),
    changed("rule/*/Actions/*/ForwardConfig/TargetGroups/{b}", "0", "*"),
    // The tasks are slot b's now, and they are compared with slot a's.
    changed("group/{a}/targets", "*", "0"),
    changed("group/{b}/targets", "0", "*"),
    changed("service/{a}/desiredCount", "*", "0"),
    changed("service/{a}/runningCount", "*", "0"),
    changed("task/{a}/**", "*", "nothing"),
    added("task/{b}/**"),
    // And found in Cloud Map.
    changed("found/{a}/**", "*", "nothing"),
    added("found/{b}/**"),
    // Both weights of a pair, and nothing else of it.
    changed("record/*/Weight", "255", "0"),
    changed("record/*/Weight", "0", "255"),
    // The task definition that is to serve again after a rollback.
    added("service/{a}/tags/bg:last-served"),
    // The alarms that call its step policies are there while it serves.
    added("alarm/bg*/**"),
    // Slot a's autoscaling is put to sleep.
    changed("scaling/{a}/*/MinCapacity", "*", "0"),
    changed("scaling/{a}/*/SuspendedState/*", "*", "true"),
];

/// By a version that is promoted to slot a after that, beside how the service was adopted.
pub(crate) const BY_RETURNING: &[Expected] = &[
    changed("service/{a}/taskDefinition", "*", "*"),
    added("service/{a}/tags/bg:*"),
    added("task/{a}/tags/bg:*"),
    // Off, as they are where nothing is said.
    changed(
        "service/{a}/deploymentConfiguration/alarms/*",
        "nothing",
        "false",
    ),
    changed(
        "service/{a}/deployment/serviceConnectConfiguration/enabled",
        "nothing",
        "false",
    ),
];

/// By every revert where a route is sticky: pinned clients would stay with green otherwise.
pub(crate) const BY_STICKY_REVERTS: &[Expected] = &[
    changed(
        "listener/*/DefaultActions/*/ForwardConfig/TargetGroups/{b}",
        "0",
        "nothing",
    ),
    changed("listener/*/DefaultActions/*/TargetGroupArn", "nothing", "*"),
    changed(
        "rule/*/Actions/*/ForwardConfig/TargetGroups/{b}",
        "0",
        "nothing",
    ),
    changed("rule/*/Actions/*/TargetGroupArn", "nothing", "*"),
];

/// What slot b has otherwise than slot a, which is idle after one deployment and serves after
/// another.
pub(crate) const OF_THE_OTHER_SLOT: &[Expected] = &[
    changed("group/targets", "*", "*"),
    changed("service/desiredCount", "*", "*"),
    changed("service/runningCount", "*", "*"),
    changed("service/taskDefinition", "*", "*"),
    changed("service/tags/bg:*", "*", "*"),
    changed(
        "service/deploymentConfiguration/alarms/*",
        "nothing",
        "false",
    ),
    changed(
        "service/deployment/serviceConnectConfiguration/enabled",
        "nothing",
        "false",
    ),
    // After a bad version, where the circuit breaker is on.
    changed("service/deployment/rolloutState", "COMPLETED", "FAILED"),
    // By tags that tasks get from elsewhere.
    added("task/tags/bg:deployment"),
    changed("scaling/*/MinCapacity", "*", "*"),
    changed("scaling/*/SuspendedState/*", "*", "*"),
];

/// The same where each slot's group has a load balancer of its own.
pub(crate) const OF_THE_OTHER_BALANCER: &[Expected] =
    &[changed("group/LoadBalancerArns/*", "*", "*")];

/// What a new revision has otherwise than the one that its team registered.
pub(crate) const OF_NEW_REVISIONS: &[Expected] = &[
    changed("definition/containerDefinitions/app/image", "app:v1", "*"),
    changed("definition/revision", "*", "*"),
    changed("definition/taskDefinitionArn", "*", "*"),
    added("definition/tags/bg:deployment"),
];

/// What an alarm that calls green's step policy has otherwise than the one that calls blue's.
pub(crate) const OF_NEW_ALARMS: &[Expected] = &[
    changed("alarm/AlarmArn", "*", "*"),
    changed("alarm/AlarmName", "*", "*"),
];
