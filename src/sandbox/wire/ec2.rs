//! EC2, as far as the addresses of container instances: every instance of a cluster is there.

use super::AwsError;
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// Answers one operation.
///
/// # Errors
/// As EC2 does: for an instance that isn't there, and for anything but DescribeInstances.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "DescribeInstances" => describe(world, input),
        _ => Err(AwsError::new(
            "InvalidAction",
            format!("The action {operation} is not valid for this web service."),
        )),
    }
}

fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let ids = input.get("InstanceId").and_then(Value::as_array);
    let ids = ids.into_iter().flatten().filter_map(Value::as_str);
    let known: Vec<_> = world.ecs.all_instances(&world.region).collect();
    let mut shown = Vec::new();
    for id in ids.clone() {
        let there = known.iter().find(|it| it.id == id).ok_or_else(|| {
            let message = format!("The instance ID '{id}' does not exist");
            AwsError::new("InvalidInstanceID.NotFound", message)
        })?;
        shown.push(there);
    }
    if ids.clone().next().is_none() {
        shown = known.iter().collect();
    }
    let instance = |it: &&crate::sandbox::world::ecs::Instance| {
        json!({
            "instanceId": it.id,
            "instanceState": { "code": 16, "name": "running" },
            "privateIpAddress": it.private_address(),
            "placement": { "availabilityZone": it.zone },
        })
    };
    let instances: Vec<Value> = shown.iter().map(instance).collect();
    let reservation = json!({
        "reservationId": "r-0a1b2c3d4e5f60718",
        "ownerId": world.account,
        "instancesSet": instances,
    });
    Ok(json!({ "reservationSet": [reservation] }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::ecs::Instance;
    use jiff::Timestamp;

    #[test]
    fn instances_of_clusters_have_an_address_each() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 5);
        let cluster = json!({ "clusterName": "demo" });
        crate::sandbox::wire::ecs::handle(&mut world, "CreateCluster", &cluster).unwrap();
        for id in ["i-1", "i-2"] {
            let (id, zone) = (id.to_owned(), "eu-west-1a".to_owned());
            world.ecs.add_instance("demo", Instance { id, zone });
        }
        let mut asked = |ids: Value| {
            let input = json!({ "InstanceId": ids });
            handle(&mut world, "DescribeInstances", &input)
        };
        let both = asked(json!(["i-1", "i-2"])).unwrap();
        let address = |at: usize| {
            let instance = &both["reservationSet"][0]["instancesSet"][at];
            instance["privateIpAddress"].as_str().unwrap().to_owned()
        };
        assert!(address(0).starts_with("172.31."), "{both}");
        assert_ne!(address(0), address(1));
        let error = asked(json!(["i-3"])).unwrap_err();
        assert_eq!(error.code, "InvalidInstanceID.NotFound");
    }
}
