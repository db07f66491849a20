//! Alarms: those that the config names exist.

use super::facts::{Answer, Asks, Facts};
use super::subject::Subject;
use crate::deployment::verification::Check;

const KIND: &str = "alarm";

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    asks.alarms.extend(subject.alarms.iter().cloned());
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let alarm = |name| {
        let what = format!("alarm {name}");
        let missing = || {
            Check::ng(
                KIND,
                &what,
                format!("there is no alarm {name} in {}", subject.region),
                "create it, or correct guards.alarms in bg.yaml",
            )
        };
        match Answer::or_check(facts.alarms.get(name), KIND, &what, missing) {
            Ok(()) => Check::ok(KIND, &what, "it exists"),
            Err(check) => check,
        }
    };
    subject.alarms.iter().map(alarm).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::subject;
    use super::*;
    use crate::deployment::ids::AlarmName;
    use crate::deployment::verification::Verdict;

    #[test]
    fn an_alarm_that_watches_has_to_be_there() {
        let mut subject = subject();
        let (there, gone) = (AlarmName::new("shop-a-5xx"), AlarmName::new("shop-b-5xx"));
        subject.alarms = vec![there.clone(), gone.clone()];
        let facts = Facts {
            alarms: [(there, Answer::Found(())), (gone, Answer::Missing)].into(),
            ..Facts::default()
        };
        let verdicts: Vec<_> = judge(&subject, &facts)
            .into_iter()
            .map(|it| it.verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Ng]);
    }
}
