//! What programs say themselves, where AWS shows nothing of why they are unwell.

use super::super::definition::{Container, LogPlace};
use super::super::evidence::{Evidence, LogLine, LogRead};
use super::super::found::{Found, Rule};
use super::super::recent::{has, written};
use super::super::task::Task;
use crate::deployment::diagnosis::Diagnosis;

pub(super) const RULES: &[Rule] = &[Rule::otherwise(Diagnosis::READ_ITS_LOG, read_its_log)];

/// How many lines go with the finding.
const LINES: usize = 6;
/// Words of lines that may tell why.
const TELLING: [&str; 6] = [
    "error",
    "exception",
    "panic",
    "fatal",
    "traceback",
    "timed out",
];

/// A container whose log may tell why.
struct Own<'a> {
    task: &'a Task,
    container: Container<'a>,
    /// None where they could not be read.
    lines: Option<&'a [LogLine]>,
}

impl Own<'_> {
    fn telling(&self) -> usize {
        let lines = self.lines.unwrap_or_default().iter();
        lines.filter(|line| is_telling(&line.text)).count()
    }

    /// The last lines, those that may tell why first, each with how often it is there.
    fn last(&self) -> Vec<(&str, usize)> {
        let lines = self.lines.unwrap_or_default();
        let mut own: Vec<(&str, usize)> = Vec::new();
        for line in lines {
            match own.iter_mut().find(|(text, _)| *text == line.text) {
                Some((_, times)) => *times += 1,
                None => own.push((&line.text, 1)),
            }
        }
        let (telling, others): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|(text, _)| is_telling(text));
        let mut last = newest(&telling, LINES).to_vec();
        last.extend(newest(&others, LINES - last.len()));
        last
    }
}

fn newest<'a, 'b>(lines: &'b [(&'a str, usize)], most: usize) -> &'b [(&'a str, usize)] {
    &lines[lines.len().saturating_sub(most)..]
}

/// Whether it has a word of trouble, or a status from 500 to 511.
fn is_telling(line: &str) -> bool {
    let words = line.split(|it: char| !it.is_ascii_alphanumeric());
    let status = |word: &str| {
        word.parse::<u16>()
            .is_ok_and(|it| (500..=511).contains(&it))
    };
    has(line, &TELLING) || words.into_iter().any(status)
}

/// The container that tells the most; of those that tell nothing, the one that the load balancer
/// reaches.
fn own(evidence: &Evidence) -> Option<Own<'_>> {
    let definition = evidence.definition.as_ref()?;
    let service = evidence.service.iter();
    let reached: Vec<&str> = service
        .flat_map(|it| &it.registrations)
        .map(|it| it.container.as_str())
        .collect();
    let tasks = evidence.tasks_to_read().into_iter();
    let tasks = tasks.filter(|task| task.has_begun());
    let all = tasks.flat_map(|task| {
        let containers = task.containers.iter();
        containers.filter_map(move |it| {
            let mut tails = evidence.logs.iter();
            let tail = tails.find(|tail| tail.task == task.id && tail.container == it.name);
            let lines = tail.and_then(|tail| match &tail.read {
                LogRead::Lines(lines) => Some(lines.as_slice()),
                _ => None,
            });
            let container = definition.container(&it.name)?;
            Some(Own {
                task,
                container,
                lines,
            })
        })
    });
    // Of equals the first: the newest task.
    all.min_by_key(|own| {
        let is_reached = reached.contains(&own.container.name());
        let telling = std::cmp::Reverse(own.telling());
        (telling, !is_reached, !own.container.is_essential())
    })
}

fn read_its_log(evidence: &Evidence) -> Vec<Found> {
    let Some((since, own)) = evidence.suspected_since.zip(own(evidence)) else {
        return Vec::new();
    };
    let (service, name) = (evidence.service_name(), own.container.name());
    let place = own.container.logs();
    let last = own.last();
    let said = last.first().filter(|(line, _)| is_telling(line));
    let what = match said {
        Some((line, _)) => {
            format!("AWS shows no cause; container {name} of {service} logged: {line}")
        }
        None => format!("AWS shows no cause; the log of {service}'s tasks may"),
    };
    let found = Found::new(what)
        .shown_by(last.iter().map(|(line, times)| match times {
            1 => format!("{name}: {line}"),
            times => format!("{name}: {line} ({times} times)"),
        }))
        .shown_by(unread(evidence, &own, &place))
        .because("the program's own: look in its log for what went wrong in these minutes")
        .mended_by(place.read_on(name, &own.task.id, &written(since)));
    vec![found]
}

/// Why there are no lines, where there are none.
fn unread(evidence: &Evidence, own: &Own<'_>, place: &LogPlace<'_>) -> Option<String> {
    match (own.lines, place) {
        (Some([]), _) => Some(format!("container {} logged nothing", own.container.name())),
        (None, LogPlace::CloudWatch { group, .. }) => {
            let mut failures = evidence.failures.iter();
            let failure = failures.find(|it| it.operation.starts_with("logs:"));
            failure.map(|it| format!("{group} can't be read: {}", it.message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{exited, first, healthy, tail};
    use super::super::super::{CallFailure, Evidence, LogRead, diagnose};
    use crate::deployment::diagnosis::Finding;

    const COMMAND: &str = "aws logs tail /ecs/shop --since 2026-01-05T08:50:00Z \
                           --log-stream-name-prefix shop/app/aaaa --region eu-west-1";

    /// A service that is well as far as AWS shows, and that a guard tripped over.
    fn suspected(lines: &[&str]) -> Evidence {
        let mut evidence = healthy();
        evidence.suspected_since = Some("2026-01-05T08:50:00Z".parse().unwrap());
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["logConfiguration"] = json!({
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/ecs/shop",
                "awslogs-region": "eu-west-1",
                "awslogs-stream-prefix": "shop",
            },
        });
        let mut own = tail(&evidence.tasks[0], evidence.now, "");
        if let LogRead::Lines(read) = &mut own.read {
            let line = read.remove(0);
            read.extend(lines.iter().map(|text| super::LogLine {
                text: (*text).to_owned(),
                ..line.clone()
            }));
        }
        evidence.logs = vec![own];
        evidence
    }

    fn found(evidence: &Evidence) -> Finding {
        diagnose(evidence).into_iter().next().unwrap()
    }

    #[test]
    fn where_aws_shows_nothing_the_lines_of_trouble_come_first_with_the_command_to_read_on() {
        let lines = [
            "listening on port 8080",
            "GET /cart 502 in 12 ms",
            "GET /item 200 in 500ms and 512 bytes",
            "NullPointerException at Cart.java",
            "bye",
            "NullPointerException at Cart.java",
        ];
        let found = found(&suspected(&lines));
        assert_eq!(found.rule, "read-its-log");
        let (before, line) = (
            "AWS shows no cause; container app of shop logged: ",
            lines[1],
        );
        assert_eq!(found.what, format!("{before}{line}"));
        let mut expected = [1, 3, 0, 2, 4].map(|at| format!("app: {}", lines[at]));
        expected[1] += " (2 times)";
        assert_eq!(found.evidence, expected);
        assert_eq!(found.fix, COMMAND);
    }

    #[test]
    fn a_log_that_cannot_be_read_leaves_the_command_alone() {
        let mut evidence = suspected(&[]);
        assert_eq!(found(&evidence).evidence, ["container app logged nothing"]);
        evidence.logs.clear();
        evidence.failures = vec![CallFailure {
            operation: "logs:GetLogEvents".to_owned(),
            denied: false,
            no_cluster: false,
            missing: "the last lines of /ecs/shop".to_owned(),
            message: "no answer within 3 s".to_owned(),
        }];
        let found = found(&evidence);
        assert_eq!(found.fix, COMMAND);
        assert_eq!(
            found.evidence,
            ["/ecs/shop can't be read: no answer within 3 s"]
        );
    }

    #[test]
    fn a_log_that_is_elsewhere_is_named() {
        let mut evidence = suspected(&[]);
        evidence.logs[0].read = LogRead::Elsewhere("awsfirelens".to_owned());
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["logConfiguration"]["logDriver"] = json!("awsfirelens");
        let found = found(&evidence);
        assert_eq!(
            found.fix,
            "where the driver awsfirelens writes, what task aaaa logged"
        );
    }

    #[test]
    fn it_is_silent_where_nobody_suspects_the_service_or_a_cause_is_known() {
        let mut evidence = suspected(&["error"]);
        evidence.suspected_since = None;
        assert_eq!(diagnose(&evidence), []);
        let mut evidence = exited(1, "", &["panic: the cart is empty"]);
        evidence.suspected_since = Some(evidence.now);
        assert_eq!(first(&evidence), "exit-error");
        let found = diagnose(&evidence);
        assert!(
            found.iter().all(|it| it.rule != "read-its-log"),
            "{found:?}"
        );
    }
}
