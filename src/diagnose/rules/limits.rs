//! Limits that leave no room: of a rolling deployment, of autoscaling, of AWS's request rates.

use jiff::SignedDuration;

use super::super::evidence::{Evidence, ScalingActivity};
use super::super::found::{Found, Rule};
use super::super::recent::{Said, clock, has};

/// How long what autoscaling did is about the present.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

pub(super) const RULES: &[Rule] = &[
    Rule::said("rolling-limits", rolling),
    Rule::said("throttled", throttled),
    Rule::shown("autoscaling-at-max", at_max),
    Rule::shown("autoscaling-min", at_min),
    Rule::said("protected-tasks", protected),
];

/// Whether a rolling deployment can neither start nor stop a task.
fn has_no_room(desired: u32, min_percent: u32, max_percent: u32) -> bool {
    let at_least = (u64::from(desired) * u64::from(min_percent)).div_ceil(100);
    let at_most = u64::from(desired) * u64::from(max_percent) / 100;
    at_most <= u64::from(desired) && at_least >= u64::from(desired)
}

fn rolling(evidence: &Evidence) -> Vec<Found> {
    let Some(service) = &evidence.service else {
        return Vec::new();
    };
    let words = ["because of the service deployment configuration"];
    let said = evidence.said(|text| has(text, &words));
    let (desired, min, max) = (service.desired, service.min_percent, service.max_percent);
    let stuck = service.deployments.len() > 1 && desired > 0 && has_no_room(desired, min, max);
    if said.is_none() && !stuck {
        return Vec::new();
    }
    let change = "--deployment-configuration minimumHealthyPercent=100,maximumPercent=200";
    let found = Found::new("the deployment can neither start a new task nor stop an old one")
        .shown_by(said.iter().flat_map(Said::lines))
        .shown_by([format!(
            "of the desired count {desired} {min} % (rounded up) have to stay and {max} % (rounded down) may be \
             there: no room for one more or one less"
        )])
        .because("minimumHealthyPercent and maximumPercent leave no room at this desired count")
        .mended_by(evidence.update_service(change));
    vec![found]
}

fn throttled(evidence: &Evidence) -> Vec<Found> {
    let words = ["operations are being throttled"];
    let said = evidence.said(|text| has(text, &words));
    let found = said.map(|said| {
        Found::new("ECS itself is throttled while it works on the service")
            .shown_by(said.lines())
            .because("many tasks start and stop at once, or another tool uses up the API's budget")
            .mended_by(
                "wait; where it stays, start fewer tasks at once and ask AWS for a higher rate",
            )
    });
    found.into_iter().collect()
}

fn activity(
    evidence: &Evidence,
    is: impl Fn(&ScalingActivity) -> bool,
) -> Option<&ScalingActivity> {
    let scaling = evidence.scaling.as_ref()?;
    let recent = |it: &&ScalingActivity| evidence.now.duration_since(it.at) < RECENT;
    scaling.activities.iter().filter(recent).find(|it| is(it))
}

fn at_max(evidence: &Evidence) -> Vec<Found> {
    let at_max = |it: &ScalingActivity| {
        it.not_scaled
            .iter()
            .any(|why| why == "AlreadyAtMaxCapacity")
    };
    let Some((activity, scaling)) = activity(evidence, at_max).zip(evidence.scaling.as_ref())
    else {
        return Vec::new();
    };
    let desired = evidence.service.as_ref().map_or(0, |it| it.desired);
    if desired < scaling.max {
        return Vec::new();
    }
    let id = format!("service/{}/{}", evidence.cluster, evidence.service_name());
    let found = Found::new(format!(
        "autoscaling wants more tasks than its maximum, {}",
        scaling.max
    ))
    .shown_by([format!("at {}: {}", clock(activity.at), activity.cause)])
    .because("the load asks for more tasks than max capacity allows")
    .mended_by(format!(
        "aws application-autoscaling register-scalable-target --service-namespace ecs \
             --scalable-dimension ecs:service:DesiredCount --resource-id {id} --max-capacity {}",
        scaling.max * 2
    ));
    vec![found]
}

fn at_min(evidence: &Evidence) -> Vec<Found> {
    let clamps = |it: &ScalingActivity| has(&it.cause, &["minimum capacity was set to"]);
    let Some((activity, scaling)) = activity(evidence, clamps).zip(evidence.scaling.as_ref())
    else {
        return Vec::new();
    };
    if evidence
        .service
        .as_ref()
        .is_none_or(|it| it.desired != scaling.min)
    {
        return Vec::new();
    }
    let found = Found::new(format!(
        "autoscaling's minimum, {}, overrides the desired count",
        scaling.min
    ))
    .shown_by([format!(
        "at {}: {}; {}",
        clock(activity.at),
        activity.description,
        activity.cause
    )])
    .because("a desired count below min capacity is lifted to it at once")
    .mended_by("set --min-capacity of the scalable target before the desired count");
    vec![found]
}

fn protected(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| has(text, &["number of protected tasks"]));
    let found = said.map(|said| {
        Found::new("task protection keeps ECS from scaling in")
            .shown_by(said.lines())
            .because("more tasks are protected than are wanted")
            .mended_by(
                "wait until the protection ends, or end it: aws ecs update-task-protection \
                        --no-protection-enabled",
            )
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{first, healthy, told};
    use super::super::super::{Deployment, Evidence, Scaling, diagnose};
    use super::*;

    #[test]
    fn percentages_that_leave_no_room_are_told_by_word_and_by_figure() {
        let text = "was unable to stop or start tasks during a deployment because of the service \
                    deployment configuration. Update the minimumHealthyPercent or maximumPercent \
                    value and try again.";
        assert_eq!(first(&told(text)), "rolling-limits");
        let mut evidence = healthy();
        let service = evidence.service.as_mut().unwrap();
        service.max_percent = 150;
        assert_eq!(diagnose(&evidence), [], "nothing is being deployed");
        let service = evidence.service.as_mut().unwrap();
        service.deployments.push(Deployment::default());
        assert_eq!(first(&evidence), "rolling-limits");
        evidence.service.as_mut().unwrap().min_percent = 0;
        assert_ne!(first(&evidence), "rolling-limits");
    }

    fn scaled(cause: &str, not_scaled: &str) -> Evidence {
        let mut evidence = healthy();
        evidence.scaling = Some(Scaling {
            min: 1,
            max: 1,
            out_suspended: false,
            activities: vec![ScalingActivity {
                at: evidence.now,
                description: "Setting desired count to 1.".to_owned(),
                cause: cause.to_owned(),
                not_scaled: vec![not_scaled.to_owned()],
            }],
        });
        evidence
    }

    #[test]
    fn autoscaling_held_at_a_bound_is_told_only_where_it_wanted_more_or_less() {
        let mut evidence = scaled("monitor alarm shop in state ALARM", "AlreadyAtMaxCapacity");
        assert_eq!(first(&evidence), "autoscaling-at-max");
        evidence.scaling.as_mut().unwrap().max = 4;
        assert_eq!(diagnose(&evidence), []);
        assert_eq!(
            first(&scaled("minimum capacity was set to 1", "")),
            "autoscaling-min"
        );
        assert_eq!(diagnose(&scaled("monitor alarm", "")), []);
    }

    #[test]
    fn ecs_s_own_throttling_and_protection_are_told() {
        assert_eq!(
            first(&told(
                "operations are being throttled. Will try again later."
            )),
            "throttled"
        );
        let text = "was unable to reach steady state because task set (x) was unable to scale in. \
                    Reason: The number of protected tasks are more than the desired count of tasks";
        assert_eq!(first(&told(text)), "protected-tasks");
    }
}
