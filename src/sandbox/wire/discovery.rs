//! Cloud Map (`servicediscovery`): namespaces, services, and who is found in them.

use super::page::{Paging, page};
use super::{AwsError, time};
use crate::sandbox::world::discovery::{DiscoveryService, Instance, Namespace, record_type};
use crate::sandbox::world::ecs::health::HealthStatus;
use crate::sandbox::world::ecs::json::text;
use crate::sandbox::world::{World, ids};
use serde_json::{Map, Value, json};

const PAGING: Paging = Paging {
    default: 100,
    limit: 100,
};

/// Answers one operation.
///
/// # Errors
/// AWS's own, for what doesn't exist, is there already or is in use.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "CreateHttpNamespace" => create_namespace(world, input, "HTTP"),
        "CreatePrivateDnsNamespace" => create_namespace(world, input, "DNS_PRIVATE"),
        "GetOperation" => operation_of(world, input),
        "GetNamespace" => {
            let id = named(input, "Id")?;
            let found = world.discovery.namespaces.get(id);
            let found = found.ok_or_else(|| missing("NamespaceNotFound", id))?;
            Ok(json!({ "Namespace": namespace(world, id, found) }))
        }
        "ListNamespaces" => {
            let all = world.discovery.namespaces.iter();
            let all = all.map(|(id, found)| namespace(world, id, found)).collect();
            let (shown, next) = page(all, input, PAGING)?;
            Ok(json!({ "Namespaces": shown, "NextToken": next }))
        }
        "CreateService" => create_service(world, input),
        "GetService" => {
            let id = named(input, "Id")?;
            Ok(json!({ "Service": service(world, id, find(world, id)?) }))
        }
        "ListServices" => {
            let all = world.discovery.services.iter();
            let all = all.map(|(id, found)| service(world, id, found)).collect();
            let (shown, next) = page(all, input, PAGING)?;
            Ok(json!({ "Services": shown, "NextToken": next }))
        }
        "DeleteService" => {
            let id = named(input, "Id")?.to_owned();
            find(world, &id)?;
            if !world.instances(&id).is_empty() {
                return Err(AwsError::new(
                    "ResourceInUse",
                    "Service contains registered instances; delete the instances before deleting \
                     the service",
                ));
            }
            world.discovery.services.remove(&id);
            Ok(json!({}))
        }
        "ListInstances" => {
            let id = named(input, "ServiceId")?;
            find(world, id)?;
            let all = world.instances(id);
            let all = all
                .iter()
                .map(|it| json!({ "Id": it.task.id, "Attributes": attributes(world, id, it) }));
            let (shown, next) = page(all.collect(), input, PAGING)?;
            Ok(json!({ "Instances": shown, "NextToken": next }))
        }
        "GetInstance" => {
            let (service, id) = (named(input, "ServiceId")?, named(input, "InstanceId")?);
            find(world, service)?;
            let all = world.instances(service);
            let found = all.iter().find(|it| it.task.id == id);
            let found = found.ok_or_else(|| missing("InstanceNotFound", id))?;
            let attributes = attributes(world, service, found);
            Ok(json!({ "Instance": { "Id": id, "Attributes": attributes } }))
        }
        "DiscoverInstances" => discover(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn named<'a>(input: &'a Value, key: &str) -> Result<&'a str, AwsError> {
    let named = text(input, key).filter(|text| !text.is_empty());
    named.ok_or_else(|| AwsError::new("InvalidInput", format!("{key} is missing.")))
}

fn missing(code: &str, id: &str) -> AwsError {
    AwsError::new(code, format!("{id} does not exist."))
}

/// A service, by its id or ARN.
fn find<'a>(world: &'a World, id: &str) -> Result<&'a DiscoveryService, AwsError> {
    let found = world.discovery.services.get(id);
    found.ok_or_else(|| missing("ServiceNotFound", id))
}

fn create_namespace(
    world: &mut World,
    input: &Value,
    kind: &'static str,
) -> Result<Value, AwsError> {
    let name = named(input, "Name")?.to_owned();
    if world
        .discovery
        .namespaces
        .values()
        .any(|it| it.name == name)
    {
        let words = format!("Namespace {name} already exists.");
        return Err(AwsError::new("NamespaceAlreadyExists", words));
    }
    let id = format!("ns-{}", ids::hex(&mut world.rng, 16));
    let operation = ids::uuid(&mut world.rng);
    let created = world.now;
    let made = Namespace {
        name,
        kind,
        created,
    };
    world.discovery.namespaces.insert(id.clone(), made);
    world.discovery.operations.insert(operation.clone(), id);
    Ok(json!({ "OperationId": operation }))
}

fn operation_of(world: &World, input: &Value) -> Result<Value, AwsError> {
    let id = named(input, "OperationId")?;
    let made = world.discovery.operations.get(id);
    let made = made.ok_or_else(|| missing("OperationNotFound", id))?;
    Ok(json!({ "Operation": {
        "Id": id,
        "Type": "CREATE_NAMESPACE",
        "Status": "SUCCESS",
        "CreateDate": time(world.now),
        "UpdateDate": time(world.now),
        "Targets": { "NAMESPACE": made },
    } }))
}

fn namespace(world: &World, id: &str, found: &Namespace) -> Value {
    let (region, account) = (&world.region, &world.account);
    let services = world.discovery.services.values();
    json!({
        "Id": id,
        "Arn": format!("arn:aws:servicediscovery:{region}:{account}:namespace/{id}"),
        "Name": found.name,
        "Type": found.kind,
        "ServiceCount": services.filter(|it| it.namespace == id).count(),
        "CreateDate": time(found.created),
        "Properties": { "HttpProperties": { "HttpName": found.name } },
    })
}

fn create_service(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = named(input, "Name")?.to_owned();
    let dns = input.get("DnsConfig");
    let namespace = text(input, "NamespaceId").or_else(|| text(dns?, "NamespaceId"));
    let namespace = namespace.unwrap_or_default().to_owned();
    if !world.discovery.namespaces.contains_key(&namespace) {
        return Err(missing("NamespaceNotFound", &namespace));
    }
    let same = |it: &&DiscoveryService| it.name == name && it.namespace == namespace;
    if world.discovery.services.values().any(|it| same(&it)) {
        let words = format!("Service {name} already exists.");
        return Err(AwsError::new("ServiceAlreadyExists", words));
    }
    let id = format!("srv-{}", ids::hex(&mut world.rng, 16));
    let made = DiscoveryService {
        name,
        namespace,
        input: input.clone(),
        created: world.now,
    };
    world.discovery.services.insert(id.clone(), made);
    Ok(json!({ "Service": service(world, &id, find(world, &id)?) }))
}

fn service(world: &World, id: &str, found: &DiscoveryService) -> Value {
    let shown = json!({
        "Id": id,
        "Arn": world.registry_arn(id),
        "Name": found.name,
        "NamespaceId": found.namespace,
        "Description": found.input.get("Description"),
        "InstanceCount": world.instances(id).len(),
        "DnsConfig": found.input.get("DnsConfig"),
        "Type": match record_type(found) {
            Some(_) => "DNS_HTTP",
            None => "HTTP",
        },
        "HealthCheckConfig": found.input.get("HealthCheckConfig"),
        "HealthCheckCustomConfig": found.input.get("HealthCheckCustomConfig"),
        "CreateDate": time(found.created),
        "CreatorRequestId": found.input.get("CreatorRequestId"),
    });
    let mut fields: Map<String, Value> = shown.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| !value.is_null());
    fields.into()
}

/// What ECS registers with a task.
fn attributes(world: &World, registry: &str, instance: &Instance<'_>) -> Value {
    let task = instance.task;
    let port = instance.port.map(|port| port.to_string());
    let found = world.discovery.services.get(registry);
    let srv = found.and_then(record_type) == Some("SRV");
    let shown = json!({
        "AVAILABILITY_ZONE": task.zone,
        "AWS_INIT_HEALTH_STATUS": status(world, registry, instance),
        "AWS_INSTANCE_IPV4": task.address,
        "AWS_INSTANCE_PORT": port.filter(|_| srv),
        "ECS_CLUSTER_NAME": task.cluster,
        "ECS_SERVICE_NAME": instance.service,
        "ECS_TASK_DEFINITION_FAMILY": task.definition.family,
        "REGION": world.region,
    });
    let mut fields: Map<String, Value> = shown.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| !value.is_null());
    fields.into()
}

/// With a custom health check ECS tells how its containers do.
fn status(world: &World, registry: &str, instance: &Instance<'_>) -> &'static str {
    let found = world.discovery.services.get(registry);
    let told = found.is_some_and(|it| it.input.get("HealthCheckCustomConfig").is_some());
    match instance.task.health(world.now) {
        HealthStatus::Unhealthy if told => "UNHEALTHY",
        _ => "HEALTHY",
    }
}

fn discover(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (namespace, name) = (named(input, "NamespaceName")?, named(input, "ServiceName")?);
    let spaces = world.discovery.namespaces.iter();
    let space = spaces.clone().find(|(_, it)| it.name == namespace);
    let (space, _) = space.ok_or_else(|| missing("NamespaceNotFound", namespace))?;
    let mut services = world.discovery.services.iter();
    let found = services.find(|(_, it)| it.name == name && it.namespace == *space);
    let (id, _) = found.ok_or_else(|| missing("ServiceNotFound", name))?;
    let wanted = text(input, "HealthStatus").unwrap_or("ALL");
    let all = world.instances(id);
    let shown = all
        .iter()
        .map(|it| (it, status(world, id, it)))
        .filter(|(_, status)| !matches!(wanted, "HEALTHY" | "UNHEALTHY") || *status == wanted)
        .map(|(it, status)| {
            json!({
                "InstanceId": it.task.id,
                "NamespaceName": namespace,
                "ServiceName": name,
                "HealthStatus": status,
                "Attributes": attributes(world, id, it),
            })
        });
    let limit = input.get("MaxResults").and_then(Value::as_u64);
    let limit = limit.and_then(|limit| limit.try_into().ok()).unwrap_or(100);
    let shown: Vec<Value> = shown.take(limit).collect();
    Ok(json!({ "Instances": shown, "InstancesRevision": world.moves() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::demo;
    use crate::sandbox::wire::ecs;
    use jiff::Timestamp;

    fn call(world: &mut World, operation: &str, input: &Value) -> Value {
        handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn ask(world: &mut World, operation: &str, input: &Value) {
        ecs::handle(world, operation, input).unwrap_or_else(|error| panic!("{error:?}"));
    }

    #[test]
    fn tasks_are_found_while_they_run() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let space = json!({ "Name": "prod.local", "Vpc": "vpc-1" });
        let made = call(&mut world, "CreatePrivateDnsNamespace", &space);
        let made = call(
            &mut world,
            "GetOperation",
            &json!({ "OperationId": made["OperationId"] }),
        );
        let dns = json!({
            "NamespaceId": made["Operation"]["Targets"]["NAMESPACE"],
            "DnsRecords": [{ "Type": "A", "TTL": 10 }],
        });
        let service = json!({ "Name": "worker", "DnsConfig": dns });
        let made = call(&mut world, "CreateService", &service);
        let (id, arn) = (
            made["Service"]["Id"].clone(),
            made["Service"]["Arn"].clone(),
        );
        let again = handle(&mut world, "CreateService", &service).unwrap_err();
        assert_eq!(again.code, "ServiceAlreadyExists");

        ask(
            &mut world,
            "CreateCluster",
            &json!({ "clusterName": demo::CLUSTER }),
        );
        ask(
            &mut world,
            "RegisterTaskDefinition",
            &demo::task_definition("shop:v1"),
        );
        let mut worker = demo::service("worker", "none", 2);
        let fields = worker.as_object_mut().unwrap();
        fields.remove("loadBalancers");
        fields.remove("healthCheckGracePeriodSeconds");
        worker["serviceRegistries"] = json!([{ "registryArn": arn }]);
        ask(&mut world, "CreateService", &worker);
        world.advance(120);

        let found = json!({ "NamespaceName": "prod.local", "ServiceName": "worker" });
        let shown = call(&mut world, "DiscoverInstances", &found);
        assert_eq!(shown["Instances"].as_array().unwrap().len(), 2);
        let listed = call(&mut world, "ListInstances", &json!({ "ServiceId": id }));
        let attributes = &listed["Instances"][0]["Attributes"];
        assert_eq!(attributes["ECS_SERVICE_NAME"], "worker");
        assert!(attributes["AWS_INSTANCE_IPV4"].is_string());
        let in_use = handle(&mut world, "DeleteService", &json!({ "Id": id })).unwrap_err();
        assert_eq!(in_use.code, "ResourceInUse");

        let zero = json!({ "cluster": demo::CLUSTER, "service": "worker", "desiredCount": 0 });
        ask(&mut world, "UpdateService", &zero);
        world.advance(60);
        let shown = call(&mut world, "DiscoverInstances", &found);
        assert_eq!(shown["Instances"], json!([]));
        call(&mut world, "DeleteService", &json!({ "Id": id }));
    }
}
