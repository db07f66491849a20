//! Route 53: hosted zones and records, with weights, and health checks that are always well.

mod health_checks;
mod tags;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::query::input::text;
use super::{AwsError, time};
use crate::sandbox::world::World;
use crate::sandbox::world::ids::hex;
use crate::sandbox::world::route53::{Key, Zone, number, turned};

/// What paths begin with.
pub(super) const PATH: &str = "/2013-04-01/";
/// The greatest weight of a record.
const WEIGHT_AT_MOST: u64 = 255;
/// Records and zones on a page.
const RECORDS_PAGE: usize = 300;
const ZONES_PAGE: usize = 100;

/// What REST requests mean: the operation, and path, query and body in one input.
///
/// # Errors
/// For a body that is no XML, or a path that means nothing here.
pub(super) fn recognise(
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<(String, Value), AwsError> {
    let rest = path.strip_prefix(PATH).unwrap_or_default();
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let (operation, id) = match (method, &parts[..]) {
        ("POST", ["hostedzone"]) => ("CreateHostedZone", None),
        ("GET", ["hostedzone"]) => ("ListHostedZones", None),
        ("GET", ["hostedzonesbyname"]) => ("ListHostedZonesByName", None),
        ("GET", ["hostedzone", id]) => ("GetHostedZone", Some(("Id", *id))),
        ("DELETE", ["hostedzone", id]) => ("DeleteHostedZone", Some(("Id", *id))),
        ("GET", ["hostedzone", id, "rrset"]) => {
            ("ListResourceRecordSets", Some(("HostedZoneId", *id)))
        }
        ("POST", ["hostedzone", id, "rrset"]) => {
            ("ChangeResourceRecordSets", Some(("HostedZoneId", *id)))
        }
        ("GET", ["change", id]) => ("GetChange", Some(("Id", *id))),
        ("POST", ["healthcheck"]) => ("CreateHealthCheck", None),
        ("GET", ["healthcheck"]) => ("ListHealthChecks", None),
        ("GET", ["healthcheck", id]) => ("GetHealthCheck", Some(("HealthCheckId", *id))),
        ("DELETE", ["healthcheck", id]) => ("DeleteHealthCheck", Some(("HealthCheckId", *id))),
        ("POST", ["healthcheck", id]) => ("UpdateHealthCheck", Some(("HealthCheckId", *id))),
        ("GET", ["tags", _, id]) => ("ListTagsForResource", Some(("ResourceId", *id))),
        ("POST", ["tags", _, id]) => ("ChangeTagsForResource", Some(("ResourceId", *id))),
        ("GET", ["healthcheck", id, "status"]) => {
            ("GetHealthCheckStatus", Some(("HealthCheckId", *id)))
        }
        _ => return Err(AwsError::unknown_operation(path)),
    };
    let mut input = super::xml::decode(body)?;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        input[key.as_ref()] = json!(value);
    }
    if let Some((key, id)) = id {
        input[key] = json!(id);
    }
    if let ["tags", kind, _] = parts[..] {
        input["ResourceType"] = json!(kind);
    }
    Ok((operation.to_owned(), input))
}

/// Answers one operation.
///
/// # Errors
/// AWS's codes and messages.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let zone = text(input, "HostedZoneId").or(text(input, "Id"));
    let zone = zone.map(id_of).unwrap_or_default();
    match operation {
        "CreateHostedZone" => create_zone(world, input),
        "ListHostedZones" | "ListHostedZonesByName" => Ok(zones(world, operation, input)),
        "GetChange" => change(world, zone),
        name if name.ends_with("TagsForResource") => tags::handle(world, name, input),
        name if name.contains("HealthCheck") => health_checks::handle(world, name, input),
        _ if !world.route53.zones.contains_key(zone) => {
            let message = format!("No hosted zone found with ID: {zone}");
            Err(AwsError::new("NoSuchHostedZone", message).with_status(404))
        }
        "GetHostedZone" => Ok(json!({
            "HostedZone": described(zone, &world.route53.zones[zone]),
            "DelegationSet": { "NameServers": name_servers() },
        })),
        "DeleteHostedZone" => delete_zone(world, zone),
        "ListResourceRecordSets" => Ok(records(&world.route53.zones[zone], input)),
        "ChangeResourceRecordSets" => change_records(world, zone, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

/// `/hostedzone/Z1` and `Z1` alike.
fn id_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn name_servers() -> Value {
    json!(["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"])
}

fn with_dot(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.replace('*', "\\052") + "."
}

fn create_zone(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let name = text(input, "Name").unwrap_or_default();
    if !name.contains('.') {
        return Err(AwsError::new(
            "InvalidDomainName",
            format!("{name} is not a valid domain name"),
        ));
    }
    let reference = text(input, "CallerReference").unwrap_or_default();
    let mut zones = world.route53.zones.values();
    if zones.any(|zone| zone.caller_reference == reference) {
        let message = format!(
            "A hosted zone has already been created with the specified caller reference: {reference}"
        );
        return Err(AwsError::new("HostedZoneAlreadyExists", message).with_status(409));
    }
    let id = format!("Z{}", hex(&mut world.rng, 13).to_ascii_uppercase());
    let mut config = input["HostedZoneConfig"].clone();
    if !config.is_object() {
        config = json!({});
    }
    config["PrivateZone"] = json!(!input["VPC"].is_null());
    let name = with_dot(name);
    let own = |kind: &str, ttl: u32, values: Vec<Value>| {
        let record = json!({ "Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": values });
        (key(&record), record)
    };
    let servers = name_servers();
    let servers = servers.as_array().into_iter().flatten();
    let soa = "ns-1.awsdns-01.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400";
    let records = BTreeMap::from([
        own(
            "NS",
            172_800,
            servers.map(|it| json!({ "Value": it })).collect(),
        ),
        own("SOA", 900, vec![json!({ "Value": soa })]),
    ]);
    let zone = Zone {
        name: name.clone(),
        caller_reference: reference.to_owned(),
        config,
        answered: records.clone(),
        records: records.clone(),
    };
    let described = described(&id, &zone);
    world.route53.zones.insert(id.clone(), zone);
    let info = made(world, &id, records);
    Ok(json!({
        "HostedZone": described, "ChangeInfo": info,
        "DelegationSet": { "NameServers": name_servers() },
    }))
}

fn delete_zone(world: &mut World, zone: &str) -> Result<Value, AwsError> {
    let records = &world.route53.zones[zone].records;
    if records
        .keys()
        .any(|(_, kind, _)| !["NS", "SOA"].contains(&kind.as_str()))
    {
        let message = "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
        return Err(AwsError::new("HostedZoneNotEmpty", message));
    }
    let info = made(world, zone, BTreeMap::new());
    world.route53.zones.remove(zone);
    world
        .route53
        .tags
        .remove(&("hostedzone".to_owned(), zone.to_owned()));
    Ok(json!({ "ChangeInfo": info }))
}

fn described(id: &str, zone: &Zone) -> Value {
    json!({
        "Id": format!("/hostedzone/{id}"), "Name": zone.name,
        "CallerReference": zone.caller_reference, "Config": zone.config,
        "ResourceRecordSetCount": zone.records.len(),
    })
}

/// Zones by their turned names, from the one asked for on.
fn zones(world: &World, operation: &str, input: &Value) -> Value {
    let size = text(input, "maxitems").and_then(|it| it.parse().ok());
    let size: usize = size.unwrap_or(ZONES_PAGE);
    let from = text(input, "dnsname").map(turned);
    let id = text(input, "hostedzoneid").unwrap_or_default();
    let mut zones: Vec<(&String, &Zone)> = world.route53.zones.iter().collect();
    zones.sort_by_key(|(id, zone)| (turned(&zone.name), *id));
    let begun = |(own, zone): &(&String, &Zone)| {
        let from = from.as_ref().map(|from| (from.as_str(), id));
        from.is_none_or(|from| (turned(&zone.name).as_str(), own.as_str()) >= from)
    };
    let mut zones: Vec<_> = zones.into_iter().filter(begun).collect();
    if let Some(marker) = text(input, "marker") {
        let at = zones.iter().position(|(id, _)| *id == marker);
        zones.drain(..at.unwrap_or(zones.len()));
    }
    let next = zones.get(size);
    let mut answer = json!({
        "HostedZones": zones.iter().take(size).map(|(id, zone)| described(id, zone)).collect::<Vec<_>>(),
        "IsTruncated": next.is_some(), "MaxItems": size.to_string(),
    });
    if operation == "ListHostedZonesByName" {
        answer["DNSName"] = input["dnsname"].clone();
        if let Some((id, zone)) = next {
            answer["NextDNSName"] = json!(zone.name);
            answer["NextHostedZoneId"] = json!(id);
        }
    } else {
        answer["Marker"] = json!(text(input, "marker").unwrap_or_default());
        answer["NextMarker"] = json!(next.map(|(id, _)| id));
    }
    answer
}

fn key(record: &Value) -> Key {
    let of = |field: &str| text(record, field).unwrap_or_default().to_owned();
    (turned(&of("Name")), of("Type"), of("SetIdentifier"))
}

fn records(zone: &Zone, input: &Value) -> Value {
    let of = |field: &str| text(input, field).unwrap_or_default().to_owned();
    let from = match text(input, "name") {
        Some(name) => (turned(name), of("type"), of("identifier")),
        None => Key::default(),
    };
    let size = text(input, "maxitems").and_then(|it| it.parse().ok());
    let size: usize = size.unwrap_or(RECORDS_PAGE).min(RECORDS_PAGE);
    let mut records = zone.records.range(from..).map(|(_, record)| record);
    let page: Vec<&Value> = records.by_ref().take(size).collect();
    let next = records.next();
    let field = |name: &str| next.and_then(|it| text(it, name));
    json!({
        "ResourceRecordSets": page, "IsTruncated": next.is_some(), "MaxItems": size.to_string(),
        "NextRecordName": field("Name"), "NextRecordType": field("Type"),
        "NextRecordIdentifier": field("SetIdentifier"),
    })
}

fn invalid(message: impl std::fmt::Display) -> AwsError {
    AwsError::new("InvalidChangeBatch", format!("[{message}]"))
}

/// All changes of a batch, or none.
fn change_records(world: &mut World, zone_id: &str, input: &Value) -> Result<Value, AwsError> {
    let zone = &world.route53.zones[zone_id];
    let mut records = zone.records.clone();
    let changes = input["ChangeBatch"]["Changes"].as_array();
    let changes = changes.filter(|changes| !changes.is_empty());
    let changes = changes.ok_or_else(|| AwsError::new("InvalidInput", "1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy constraint: Member must have length greater than or equal to 1"))?;
    for change in changes {
        let mut record = change["ResourceRecordSet"].clone();
        let name = with_dot(text(&record, "Name").unwrap_or_default());
        let told = format!(
            "resource record set [name='{name}', type='{}', set identifier='{}']",
            text(&record, "Type").unwrap_or_default(),
            text(&record, "SetIdentifier").unwrap_or_default()
        );
        if !name.ends_with(&zone.name) {
            return Err(invalid(format!(
                "RRSet with DNS name {name} is not permitted in zone {}",
                zone.name
            )));
        }
        record["Name"] = json!(name);
        if let Some(alias) = text(&record["AliasTarget"], "DNSName") {
            record["AliasTarget"]["DNSName"] = json!(with_dot(alias));
        }
        let key = key(&record);
        let known = records.contains_key(&key);
        match text(change, "Action").unwrap_or_default() {
            "CREATE" if known => {
                return Err(invalid(format!(
                    "Tried to create {told} but it already exists"
                )));
            }
            "CREATE" | "UPSERT" => {
                check(&record)?;
                records.insert(key.clone(), record);
                check_beside(&records, &key, &told)?;
            }
            "DELETE" if known => {
                records.remove(&key);
            }
            "DELETE" => {
                return Err(invalid(format!(
                    "Tried to delete {told} but it was not found"
                )));
            }
            other => {
                return Err(AwsError::new(
                    "InvalidInput",
                    format!("unknown action {other}"),
                ));
            }
        }
    }
    let info = made(world, zone_id, records);
    Ok(json!({ "ChangeInfo": info }))
}

/// A record by itself.
fn check(record: &Value) -> Result<(), AwsError> {
    let weight = &record["Weight"];
    let wrong = |what: &str| Err(AwsError::new("InvalidInput", what));
    if !weight.is_null() && number(weight).is_none_or(|it| it > WEIGHT_AT_MOST) {
        return wrong("Invalid XML ; 'Weight' must be from 0 to 255");
    }
    if !weight.is_null() && text(record, "SetIdentifier").is_none() {
        return wrong("Invalid request: Missing field 'SetIdentifier' in Change");
    }
    let is_alias = record["AliasTarget"].is_object();
    let has_values = record["ResourceRecords"]
        .as_array()
        .is_some_and(|it| !it.is_empty());
    if is_alias == has_values {
        return wrong(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none or more than one in Change",
        );
    }
    if is_alias != record["TTL"].is_null() {
        return wrong(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] in Change",
        );
    }
    Ok(())
}

/// A record beside the others of its name and type: weighted ones share a TTL, and a plain one
/// stands alone.
fn check_beside(records: &BTreeMap<Key, Value>, key: &Key, told: &str) -> Result<(), AwsError> {
    let own = &records[key];
    let mut others = records
        .iter()
        .filter(|(other, _)| other.0 == key.0 && other.1 == key.1 && *other != key);
    if let Some((_, other)) =
        others.find(|(_, other)| other["Weight"].is_null() != own["Weight"].is_null())
    {
        let other = text(other, "SetIdentifier").unwrap_or_default();
        return Err(invalid(format!(
            "{told} conflicts with another record of the same name and type ('{other}') that has another routing policy"
        )));
    }
    Ok(())
}

/// Puts a zone's new records in place: what a change's answer says.
fn made(world: &mut World, zone: &str, records: BTreeMap<Key, Value>) -> Value {
    let id = format!("C{}", hex(&mut world.rng, 13).to_ascii_uppercase());
    let now = world.now;
    world.route53.change(&id, zone, records, now);
    info(world, &id)
}

fn change(world: &World, id: &str) -> Result<Value, AwsError> {
    match world.route53.changes.contains_key(id) {
        true => Ok(json!({ "ChangeInfo": info(world, id) })),
        false => {
            let message = format!("Could not find resource with ID: {id}");
            Err(AwsError::new("NoSuchChange", message).with_status(404))
        }
    }
}

fn info(world: &World, id: &str) -> Value {
    let change = &world.route53.changes[id];
    let status = match change.everywhere_at <= world.now {
        true => "INSYNC",
        false => "PENDING",
    };
    json!({ "Id": format!("/change/{id}"), "Status": status, "SubmittedAt": time(change.at) })
}
