//! Events for programs: one JSON object on each line, the same that the journal holds.

use crate::deployment::event::Record;

/// `record` as one line of JSON, without a line end.
///
/// | field | holds |
/// | --- | --- |
/// | `v` | version of this shape, now 1; a field may be added without a new version |
/// | `seq` | position in the deployment, from 0, without gaps |
/// | `at` | when it was decided or learnt: RFC 3339, UTC |
/// | `deployment` | the deployment's id |
/// | `event` | an object; its `type` says which of the following it is |
///
/// Weights are green's share as text (`"10%"`), lengths of time are seconds, moments RFC 3339.
/// An *intent* comes before its act, a *fact* after it.
///
/// | `event.type` | other fields of `event` |
/// | --- | --- |
/// | `started` | `plan`: service, cluster, slots, routes, steps, guards, limits, retire; `warnings` and `notes` of preflight, where there are any |
/// | `registering_task_definition` | intent |
/// | `task_definition_ready` | `task_definition`: ARN of what green is to run |
/// | `provisioning_green` | intent |
/// | `green_provisioned` | ECS took green's service |
/// | `green_healthy`, `green_ready` | green has what it needs; and had it for long enough |
/// | `green_unhealthy` | `why`: a hold |
/// | `sizing_green` | intent: `desired`: how many tasks green is to have for its next weight |
/// | `pointing_test_routes` | intent: `to`: the slot that gets everything on the test routes |
/// | `shifting` | intent: `step` (from 0), `weight` |
/// | `baking` | all routes show it: `step`, `weight`, `until` |
/// | `holding` | `reasons`: holds, `until`: when patience ends |
/// | `hold_over` | nothing holds any more |
/// | `paused` | `by`: who asked to stay at the present weight |
/// | `going_on` | `by`: who asked to go past a pause or bake; `full`: straight to 100 % |
/// | `resumed` | another process goes on: `by`, `unwatched_since`; `drive` is `rounds` where it is `bg tick` |
/// | `arming_deadman`, `deadman_armed` | intent, and fact, again at each push-out: `until`: when everything goes to blue |
/// | `disarming_deadman`, `deadman_disarmed` | intent, and fact: no schedule is left |
/// | `promoted` | `retire_at`: when blue is to be retired, or null |
/// | `settings_restored` | green has its own ECS settings back |
/// | `reverting` | intent: `trip`: why |
/// | `hurrying` | `signal`: no more waiting than needed |
/// | `traffic_reverted` | all routes show everything on blue |
/// | `diagnosed` | why green failed: `diagnosis`: `findings`, the root cause first, each with `rule`, `what`, `evidence`, `cause`, `fix`; `more`: how many were left out |
/// | `putting_green_away`, `green_put_away` | intent, and fact: green's desired count is 0 |
/// | `act_failed` | `act`, `class`, `message` |
/// | `looked` | `blue`, `green`: counts (`slot`, `desired`, `running`, `healthy`, `failed`); `weights`: route to green's share seen; `alarms`: name to state; null is unreadable |
/// | `gate_opened` | `gate`: its position in the plan, from 0, is in the way at `point` (`before_traffic`, `after_step`: N, `after_promotion`) and has to pass by `until` |
/// | `gate_asked` | `gate`, `point`: it is asked |
/// | `gate_answered` | `gate`, `point`, `answer`: `is` `passed` with `what`, `failed` with `why`, or `again` with `why` and `after`, seconds |
/// | `minute_judged` | `minute`: its start, `step`, `served`: `blue` and `green` with `requests`, `http_5xx`, `unreachable`, `timed`, `slow`; `balancer` with `requests`, `own_5xx` (0 where left out) |
/// | `minute_skipped` | `minute`, `step`, `why`: `no_data`, `late`, `error` |
/// | `minute_revised` | CloudWatch shows `minute` otherwise than it was judged: `served`, as it is shown now |
/// | `waiting_for_requests` | the bake is over: `step`, `requests` of `wanted` were served, `until`: how long the rest is waited for, and `then`: `hold`, `extend`, `revert` or `proceed` |
/// | `values_read` | `values` of the config's own metrics: `metric` (its position: thresholds, then compared ones), `at`: its period's start, `green`, and where it is compared `step` and `blue`; numbers as text, null is no data |
/// | `compared` | both sides' values of a `step`: `verdict` (`pass`, `marginal`, `fail`), `score` in hundredths, `pass` and `marginal` scores, `reasons` |
/// | `enough_evidence` | `step`, `minutes`: green is shown not to be worse, and the bake ends early |
/// | `retire_waiting` | after the end: `until`, `why` blue can't be retired yet |
/// | `retiring`, `retired`, `retire_cancelled` | after the end: intent, and fact: `then`; or `why` blue stays |
/// | `ended` | `outcome`: its `kind` is `promoted`, `reverted` (`trip`), `stuck` (`why`) or `kept` (`signal`) |
///
/// A hold and a trip are objects with a `kind` and their figures. A deployment's last line is
/// `ended`; after a promotion only retiring follows, after `kept` and `stuck` a `resumed` may.
/// Nothing here is a secret: a plan holds no task-definition body.
pub fn line(record: &Record) -> String {
    serde_json::to_string(record).expect("a record is plain data with text as keys")
}

#[cfg(test)]
mod tests {
    use super::super::stories;
    use super::*;

    #[test]
    fn every_record_is_one_line_that_reads_back_as_itself() {
        for record in stories::all().into_iter().flat_map(|(_, records)| records) {
            let line = line(&record);
            assert!(!line.contains('\n'));
            let back: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(back, record);
        }
    }
}
