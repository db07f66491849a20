//! Container instances: as the agent on each registers it.

use super::lookup::{arn, cluster};
use crate::sandbox::{
    wire::{
        AwsError,
        page::{Paging, page},
    },
    world::{
        World,
        ecs::{Instance, json::text},
        ids,
    },
};
use serde_json::{Value, json};

pub(super) fn register(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let cluster = cluster(world, input)?.name.clone();
    let document = text(input, "instanceIdentityDocument").unwrap_or_default();
    let document: Value = serde_json::from_str(document)
        .map_err(|_| AwsError::invalid_parameter("The instance identity document is not valid."))?;
    let id = text(&document, "instanceId")
        .ok_or_else(|| AwsError::invalid_parameter("The instance identity document names none."))?;
    let zone = text(&document, "availabilityZone")
        .map_or_else(|| format!("{}a", world.region), str::to_owned);
    let instance = Instance {
        id: id.to_owned(),
        zone,
    };
    let shown = json!({
        "containerInstanceArn": arn_of(world, &cluster, &instance),
        "ec2InstanceId": instance.id,
        "status": "ACTIVE",
        "agentConnected": true,
    });
    world.ecs.add_instance(&cluster, instance);
    Ok(json!({ "containerInstance": shown }))
}

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = &cluster(world, input)?.name;
    let instances = world.ecs.instances(cluster, &world.region);
    let arns = instances.iter().map(|it| arn_of(world, cluster, it));
    let paging = Paging {
        default: 100,
        limit: 100,
    };
    let (shown, next) = page(arns.collect(), input, paging)?;
    Ok(json!({ "containerInstanceArns": shown, "nextToken": next }))
}

fn arn_of(world: &World, cluster: &str, instance: &Instance) -> String {
    let id = format!("{:032x}", ids::fingerprint(&instance.id));
    arn(world, &format!("container-instance/{cluster}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::super::handle;
    use crate::sandbox::world::World;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn ok(world: &mut World, operation: &str, input: &Value) -> Value {
        handle(world, operation, input).unwrap()
    }

    /// How many of four tasks that want port 80 of their instance run, after a minute.
    fn running_on(instances: u32) -> (Value, usize) {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 5);
        ok(
            &mut world,
            "CreateCluster",
            &json!({ "clusterName": "demo" }),
        );
        for at in 0..instances {
            let document = json!({ "instanceId": format!("i-{at}") }).to_string();
            let input = json!({ "cluster": "demo", "instanceIdentityDocument": document });
            ok(&mut world, "RegisterContainerInstance", &input);
        }
        let definition = json!({ "family": "shop", "networkMode": "host", "containerDefinitions": [
            { "name": "app", "image": "shop:v1", "memory": 64,
              "portMappings": [{ "containerPort": 80, "hostPort": 80 }] },
        ] });
        ok(&mut world, "RegisterTaskDefinition", &definition);
        let service = json!({ "cluster": "demo", "serviceName": "shop", "desiredCount": 4,
            "launchType": "EC2", "taskDefinition": "shop" });
        ok(&mut world, "CreateService", &service);
        world.advance_to(start + jiff::SignedDuration::from_secs(60));
        let input = json!({ "cluster": "demo", "services": ["shop"] });
        let running =
            ok(&mut world, "DescribeServices", &input)["services"][0]["runningCount"].take();
        let listed = ok(
            &mut world,
            "ListContainerInstances",
            &json!({ "cluster": "demo" }),
        );
        let listed = listed["containerInstanceArns"].as_array().unwrap().len();
        (running, listed)
    }

    #[test]
    fn a_port_is_taken_once_on_each_instance() {
        assert_eq!(running_on(0), (json!(1), 1), "the cluster's own one");
        assert_eq!(running_on(3), (json!(3), 3));
        assert_eq!(running_on(5), (json!(4), 5));
    }
}
