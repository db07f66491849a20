use super::*;
use crate::aws::canned::{Answer, Canned};

#[tokio::test(start_paused = true)]
async fn a_call_that_is_denied_is_evidence_and_not_the_end() {
    let denied = |_: &_| {
        Answer::json_error(
            400,
            "AccessDeniedException",
            "User: arn:x is not authorized to perform: ecs:DescribeServices on resource: arn:y",
        )
    };
    let canned = Canned::new(denied);
    let ask = CollectAsk {
        cluster: ClusterName::new("prod"),
        service: Some(EcsServiceName::new("shop")),
        task: None,
        suspected_since: None,
        records: Some(Vec::new()),
    };
    let evidence = canned.cloud().collect(&ask, Timestamp::UNIX_EPOCH).await;
    assert_eq!(evidence.service, None);
    let failed: Vec<&str> = evidence
        .failures
        .iter()
        .map(|it| it.operation.as_str())
        .collect();
    assert!(failed.contains(&"ecs:DescribeServices"), "{failed:?}");
    assert!(failed.contains(&"ecs:ListTasks"), "{failed:?}");
    assert!(evidence.failures.iter().all(|it| it.denied));
    let found = crate::diagnose::diagnose(&evidence);
    assert_eq!(found[0].rule, "not-allowed");
}
