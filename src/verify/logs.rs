//! Log groups: each is there, or the tasks may create it.

use serde_json::Value;

use super::facts::{Answer, Asks, Decision, Facts, InRegion, Right};
use super::subject::{Subject, text};
use crate::deployment::task_definition::Launch;
use crate::deployment::verification::Check;

const KIND: &str = "log group";
const CREATE: &str = "logs:CreateLogGroup";

/// Where lines go with the driver awslogs.
struct Place {
    group: InRegion,
    /// Whether the driver creates a group that isn't there.
    creates: bool,
}

fn place(subject: &Subject, log: &Value) -> Option<Place> {
    let options = log.get("options")?;
    let name = text(options, "awslogs-group");
    let region = match text(options, "awslogs-region") {
        "" => &subject.region,
        region => region,
    };
    (text(log, "logDriver") == "awslogs" && !name.is_empty()).then(|| Place {
        group: InRegion {
            region: region.to_owned(),
            name: name.to_owned(),
        },
        creates: text(options, "awslogs-create-group") == "true",
    })
}

/// What the tasks need where the group isn't there: any of these. Policies name the group, or what
/// is in it, and AWS takes both.
fn rights(subject: &Subject, place: &Place) -> Vec<Right> {
    let InRegion { region, name } = &place.group;
    let (partition, account) = (subject.partition(), &subject.account);
    let Some(role) = subject.execution_role().filter(|_| place.creates) else {
        return Vec::new();
    };
    let group = format!("arn:{partition}:logs:{region}:{account}:log-group:{name}");
    let ways = [group.clone(), format!("{group}:log-stream:")];
    ways.map(|resource| Right {
        role: role.clone(),
        action: CREATE,
        resource,
    })
    .to_vec()
}

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    for place in subject.logs().filter_map(|(_, it)| place(subject, it)) {
        asks.rights.extend(rights(subject, &place));
        asks.log_groups.insert(place.group);
    }
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let logs = subject.logs();
    logs.map(|(whose, log)| group(subject, facts, whose, log))
        .collect()
}

fn group(subject: &Subject, facts: &Facts, whose: &str, log: &Value) -> Check {
    let what = format!("log group of {whose}");
    let Some(place) = place(subject, log) else {
        let driver = text(log, "logDriver");
        let why = format!("the driver is {driver}, and only the groups of awslogs are looked at");
        return Check::skip(KIND, what, why);
    };
    let InRegion { region, name } = &place.group;
    let answer = facts.log_groups.get(&place.group);
    let missing = || match place.creates {
        true => to_be_created(subject, facts, &what, &place),
        false => Check::ng(
            KIND,
            &what,
            format!("there is no log group {name} in {region}"),
            format!(
                "create it: aws logs create-log-group --log-group-name {name} --region {region}"
            ),
        ),
    };
    match Answer::or_check(answer, KIND, &what, missing) {
        Ok(()) => Check::ok(KIND, &what, format!("{name} exists")),
        Err(check) => check,
    }
}

fn to_be_created(subject: &Subject, facts: &Facts, what: &str, place: &Place) -> Check {
    let name = &place.group.name;
    let rights = rights(subject, place);
    let Some(Right { role, .. }) = rights.first() else {
        let who = match subject.launch {
            Launch::Fargate => "an execution role",
            Launch::Ec2 => "the instances' role",
        };
        return Check::skip(
            KIND,
            what,
            format!("{name} is created by the first task, if {who} may {CREATE}"),
        );
    };
    let answers = rights.iter().filter_map(|right| facts.rights.get(right));
    let answers: Vec<&Answer<Decision>> = answers.collect();
    let unknown = answers.iter().find_map(|answer| match answer {
        Answer::Unknown(why) => Some(why.as_str()),
        _ => None,
    });
    let is_allowed = answers.contains(&&Answer::Found(Decision::Allowed));
    let is_refused = answers.iter().any(|it| matches!(it, Answer::Found(_)));
    match (is_allowed, unknown) {
        (true, _) => Check::ok(
            KIND,
            what,
            format!("{name} is created by the first task, and the execution role may"),
        ),
        (false, None) if is_refused => Check::ng(
            KIND,
            what,
            format!(
                "{name} doesn't exist, and the execution role may not create it \
                 (awslogs-create-group)"
            ),
            format!("create it, or allow {role} {CREATE}"),
        ),
        (false, why) => Check::skip(
            KIND,
            what,
            format!(
                "{name} is created by the first task, if the execution role may: {}",
                why.unwrap_or(CREATE)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{judged, subject};
    use super::*;
    use crate::deployment::verification::Verdict;

    fn group() -> InRegion {
        InRegion {
            region: "eu-west-1".to_owned(),
            name: "/ecs/shop".to_owned(),
        }
    }

    fn of_app(subject: &Subject, answer: Answer<()>, may: Decision) -> Check {
        let mut wanted = Asks::default();
        asks(subject, &mut wanted);
        let rights = wanted.rights.into_iter();
        let facts = Facts {
            log_groups: [(group(), answer)].into(),
            rights: rights.map(|it| (it, Answer::Found(may))).collect(),
            ..Facts::default()
        };
        judged(&judge(subject, &facts), "log group of app")
    }

    #[test]
    fn a_group_is_there_or_is_missed() {
        let subject = subject();
        let check = of_app(&subject, Answer::Found(()), Decision::Refused);
        assert_eq!(check.verdict, Verdict::Ok);
        let check = of_app(&subject, Answer::Missing, Decision::Allowed);
        assert_eq!(check.verdict, Verdict::Ng);
        assert_eq!(check.reason, "there is no log group /ecs/shop in eu-west-1");
    }

    #[test]
    fn a_group_that_the_driver_creates_needs_the_right_for_it() {
        let mut subject = subject();
        let options = "/containerDefinitions/0/logConfiguration/options";
        let options = subject.definition.pointer_mut(options).unwrap();
        options["awslogs-create-group"] = json!("true");
        let missing = |subject: &Subject, may| of_app(subject, Answer::Missing, may).verdict;
        assert_eq!(missing(&subject, Decision::Allowed), Verdict::Ok);
        assert_eq!(missing(&subject, Decision::NotAllowed), Verdict::Ng);
        let mut wanted = Asks::default();
        asks(&subject, &mut wanted);
        let one_way = Facts {
            log_groups: [(group(), Answer::Missing)].into(),
            rights: (wanted.rights.into_iter())
                .zip([Decision::NotAllowed, Decision::Allowed])
                .map(|(right, may)| (right, Answer::Found(may)))
                .collect(),
            ..Facts::default()
        };
        let check = judged(&judge(&subject, &one_way), "log group of app");
        assert_eq!(check.verdict, Verdict::Ok, "either way is enough");
        let role = subject.definition.as_object_mut().unwrap();
        role.remove("executionRoleArn");
        assert_eq!(missing(&subject, Decision::Allowed), Verdict::Skip);
    }

    #[test]
    fn service_connect_has_a_group_of_its_own() {
        let mut subject = subject();
        let log = subject.definition["containerDefinitions"][0]["logConfiguration"].take();
        subject.service = json!({
            "serviceConnectConfiguration": { "enabled": true, "logConfiguration": log },
        });
        let facts = Facts {
            log_groups: [(group(), Answer::Missing)].into(),
            ..Facts::default()
        };
        let what = "log group of Service Connect";
        let check = judged(&judge(&subject, &facts), what);
        assert_eq!(check.verdict, Verdict::Ng);
        subject.service["serviceConnectConfiguration"]["enabled"] = json!(false);
        assert!(judge(&subject, &facts).iter().all(|it| it.what != what));
    }

    #[test]
    fn other_drivers_are_named_and_left_alone() {
        let mut subject = subject();
        let log = json!({ "logDriver": "awsfirelens", "options": {} });
        subject.definition["containerDefinitions"][0]["logConfiguration"] = log;
        let check = of_app(&subject, Answer::Missing, Decision::Allowed);
        assert_eq!(check.verdict, Verdict::Skip);
        assert!(check.reason.contains("awsfirelens"));
    }
}
