//! What Route 53 gives target groups that stand behind record pairs.

use super::note;
use crate::aws::cloud::Cloud;
use crate::aws::records::weights;
use crate::deployment::dns::Record;
use crate::diagnose::Evidence;

impl Cloud {
    /// Puts the weights of records in the place of those of the forward actions behind them, which
    /// say nothing of traffic. What isn't known is left open.
    pub(super) async fn collect_records(
        &self,
        records: Option<&[Record]>,
        evidence: &mut Evidence,
    ) {
        let Some(records) = records else {
            for group in &mut evidence.groups {
                group.forwards = None;
            }
            return;
        };
        for group in &mut evidence.groups {
            let Some(balancer) = &group.load_balancer else {
                continue;
            };
            let mut before_it = Vec::new();
            for record in records {
                let mut ends = [&record.ends.a, &record.ends.b].into_iter();
                let Some(end) = ends.find(|it| it.load_balancer == *balancer) else {
                    continue;
                };
                let list = self.pair_of(record).await;
                let list = note(list, "the records that lead to it", &mut evidence.failures);
                let weight = |list| weights(&list, record).get(&end.group).copied();
                before_it.push((record.label(), list.and_then(weight)));
            }
            if before_it.is_empty() {
                continue;
            }
            let known = before_it.into_iter();
            group.forwards = known
                .map(|(label, weight)| Some((label, weight?)))
                .collect();
        }
    }
}
