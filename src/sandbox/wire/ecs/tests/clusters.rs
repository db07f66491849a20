//! A cluster's capacity providers, and what is run by them without a word.

use super::*;

fn put(providers: &[&str], strategy: &Value) -> Value {
    json!({
        "cluster": CLUSTER,
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": strategy,
    })
}

fn spot() -> Value {
    json!([{ "capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 1 }])
}

#[test]
fn a_service_without_a_launch_type_takes_its_cluster_s_strategy() {
    let (mut world, balancer) = shop();
    let both = ["FARGATE", "FARGATE_SPOT"];
    ok(
        &mut world,
        "PutClusterCapacityProviders",
        put(&both, &spot()),
    );
    let shown = ok(
        &mut world,
        "DescribeClusters",
        json!({ "clusters": [CLUSTER] }),
    );
    let cluster = &shown["clusters"][0];
    assert_eq!(cluster["capacityProviders"], json!(both));
    assert_eq!(cluster["defaultCapacityProviderStrategy"], spot());
    let before = described(&mut world);
    assert_eq!(before["launchType"], "FARGATE", "what is there stays");
    let mut service = demo::service("other", &balancer.group_b, 1);
    service.as_object_mut().unwrap().remove("launchType");
    let made = ok(&mut world, "CreateService", &service)["service"].take();
    assert_eq!(made["capacityProviderStrategy"], spot());
    assert_eq!(made.get("launchType"), None);
    assert_eq!(made["deployments"][0]["capacityProviderStrategy"], spot());
    let again = ok(
        &mut world,
        "PutClusterCapacityProviders",
        put(&both, &json!([])),
    );
    assert_eq!(
        again["cluster"]["defaultCapacityProviderStrategy"],
        json!([])
    );
    let asked = json!({ "cluster": CLUSTER, "services": ["other"] });
    let kept = ok(&mut world, "DescribeServices", asked);
    assert_eq!(kept["services"][0]["capacityProviderStrategy"], spot());
}

#[test]
fn a_cluster_can_be_made_with_a_strategy_for_its_tasks() {
    let mut world = world();
    let mut cluster = put(&["FARGATE_SPOT"], &spot());
    cluster["clusterName"] = json!("spot");
    let made = ok(&mut world, "CreateCluster", cluster);
    assert_eq!(made["cluster"]["defaultCapacityProviderStrategy"], spot());
    ok(
        &mut world,
        "RegisterTaskDefinition",
        demo::task_definition("shop:v1"),
    );
    let mut run = json!({ "cluster": "spot", "taskDefinition": "shop", "networkConfiguration":
        { "awsvpcConfiguration": { "subnets": demo::subnets() } } });
    let task = ok(&mut world, "RunTask", &run)["tasks"][0].take();
    assert_eq!(task["capacityProviderName"], "FARGATE_SPOT");
    run["launchType"] = json!("FARGATE");
    let task = ok(&mut world, "RunTask", &run)["tasks"][0].take();
    assert_eq!(
        task.get("capacityProviderName"),
        None,
        "it said something else"
    );
}

#[test]
fn a_strategy_of_providers_that_the_cluster_has_not_is_refused() {
    let mut world = world();
    let told = "not associated with the cluster";
    let lacking = put(&["FARGATE"], &spot());
    for operation in ["PutClusterCapacityProviders", "CreateCluster"] {
        let error = refused(&mut world, operation, &lacking);
        assert!(error.message.contains(told), "{error}");
    }
    let mut half = lacking;
    half.as_object_mut().unwrap().remove("capacityProviders");
    let error = refused(&mut world, "PutClusterCapacityProviders", &half);
    assert!(
        error.message.contains("capacityProviders must be given"),
        "{error}"
    );
    let mut elsewhere = put(&[], &json!([]));
    elsewhere["cluster"] = json!("nowhere");
    let error = refused(&mut world, "PutClusterCapacityProviders", elsewhere);
    assert_eq!(error.code, "ClusterNotFoundException");
}

#[test]
fn a_service_that_gets_a_strategy_has_no_launch_type_any_more() {
    let (mut world, _) = shop();
    let update = json!({ "cluster": CLUSTER, "service": "shop", "forceNewDeployment": true,
        "capacityProviderStrategy": spot() });
    ok(&mut world, "UpdateService", update);
    let shown = described(&mut world);
    assert_eq!(shown["capacityProviderStrategy"], spot());
    assert_eq!(shown.get("launchType"), None);
}
