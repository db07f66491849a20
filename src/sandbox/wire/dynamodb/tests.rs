use super::*;
use crate::sandbox::RegionOptions;
use serde_json::json;

/// A world with the table `items`, ready, its items expiring by `gone`.
fn world() -> World {
    let options = RegionOptions::default();
    let mut world = World::new(options.account, options.region, options.start, 1);
    let table = json!({
        "TableName": "items",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" },
            { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "S" },
        ],
    });
    asked(&mut world, "CreateTable", &table).unwrap();
    world.advance(10);
    world
}

fn asked(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let mut input = input.clone();
    if input.get("TransactItems").is_none() {
        input["TableName"] = json!("items");
    }
    handle(world, operation, &input)
}

fn key(sk: &str) -> Value {
    json!({ "pk": { "S": "p" }, "sk": { "S": sk } })
}

/// An item with one number, which is written as long as `condition` holds.
fn put(world: &mut World, sk: &str, n: &str, condition: &str) -> Result<Value, AwsError> {
    let mut item = key(sk);
    item["n"] = json!({ "N": n });
    let mut input = json!({ "Item": item });
    if !condition.is_empty() {
        input["ConditionExpression"] = json!(condition);
        input["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
    }
    asked(world, "PutItem", &input)
}

fn item(world: &mut World, sk: &str) -> Value {
    asked(world, "GetItem", &json!({ "Key": key(sk) })).unwrap()["Item"].clone()
}

#[test]
fn a_table_is_of_use_only_when_it_is_active() {
    let mut world = world();
    let shown = asked(&mut world, "DescribeTable", &json!({})).unwrap();
    assert_eq!(shown["Table"]["TableStatus"], "ACTIVE");
    let other = json!({ "TableName": "other", "Key": key("a") });
    let missing = handle(&mut world, "GetItem", &other).unwrap_err();
    assert_eq!(missing.code, "ResourceNotFoundException");
    let again = asked(&mut world, "CreateTable", &json!({})).unwrap_err();
    assert_eq!(again.code, "ResourceInUseException");
}

#[test]
fn conditions_hold_or_tell_what_they_were_broken_by() {
    let mut world = world();
    put(&mut world, "a", "5", "attribute_not_exists(pk)").unwrap();
    let mut holds = |condition: &str| {
        let input = json!({
            "Key": key("a"),
            "ConditionExpression": condition,
            "UpdateExpression": "SET seen = :yes",
            "ExpressionAttributeValues": { ":yes": { "S": "y" } },
        });
        match asked(&mut world, "UpdateItem", &input) {
            Ok(_) => true,
            Err(error) if error.code == "ConditionalCheckFailedException" => false,
            Err(error) => panic!("{condition}: {error}"),
        }
    };
    for (condition, expected) in [
        ("attribute_exists(n)", true),
        ("attribute_exists(m)", false),
        ("NOT attribute_exists(m)", true),
        (
            "attribute_exists(m) OR attribute_exists(n) AND attribute_exists(pk)",
            true,
        ),
        (
            "(attribute_exists(m) OR attribute_exists(n)) AND attribute_exists(m)",
            false,
        ),
        ("n = n", true),
        ("n <> n", false),
        ("n < m", false),
        ("begins_with(sk, sk)", true),
        ("n BETWEEN n AND n", true),
    ] {
        assert_eq!(holds(condition), expected, "{condition}");
    }
    let refused = put(&mut world, "a", "6", "attribute_not_exists(pk)").unwrap_err();
    assert_eq!(refused.code, "ConditionalCheckFailedException");
    assert_eq!(refused.details["Item"]["n"], json!({ "N": "5" }));
}

#[test]
fn a_reserved_word_needs_a_placeholder() {
    let mut world = world();
    let refused = put(&mut world, "a", "5", "attribute_not_exists(Owner)").unwrap_err();
    assert_eq!(refused.code, "ValidationException");
    assert_eq!(
        refused.message,
        "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: Owner"
    );
    let update = |expression: &str| {
        json!({
            "Key": key("a"),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": { "#ttl": "ttl" },
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
        })
    };
    let refused = asked(
        &mut world,
        "UpdateItem",
        &update("SET #ttl = :one, ttl = :one"),
    );
    let message = refused.unwrap_err().message;
    assert!(
        message.starts_with("Invalid UpdateExpression: "),
        "{message}"
    );
    asked(
        &mut world,
        "UpdateItem",
        &update("SET #ttl = :one, total_count = :one"),
    )
    .unwrap();
    assert_eq!(item(&mut world, "a")["ttl"], json!({ "N": "1" }));
}

#[test]
fn an_update_sees_the_item_as_it_was() {
    let mut world = world();
    let mut update = |expression: &str| {
        let input = json!({
            "Key": key("a"),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": { "#n": "n" },
            "ExpressionAttributeValues": { ":one": { "N": "1" }, ":start": { "N": "10" } },
            "ReturnValues": "ALL_NEW",
        });
        asked(&mut world, "UpdateItem", &input)
    };
    let grown = update("SET #n = if_not_exists(#n, :start) + :one, m = :start").unwrap();
    assert_eq!(grown["Attributes"]["n"], json!({ "N": "11" }));
    let grown = update("SET #n = if_not_exists(#n, :start) + :one, m = n - :start").unwrap();
    assert_eq!(grown["Attributes"]["n"], json!({ "N": "12" }));
    assert_eq!(grown["Attributes"]["m"], json!({ "N": "1" }));
    let grown = update("ADD #n :one REMOVE m").unwrap_err();
    assert!(grown.message.contains(":start"), "unused: {grown}");
    let key = update("SET sk = :start, #n = :one").unwrap_err();
    assert!(key.message.contains("part of the key"), "{key}");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut world = world();
    for condition in [
        "n",
        "n =",
        "n = = n",
        "a.b = n",
        "attribute_exists(",
        "n = :no",
        "n ; n",
    ] {
        let refused = put(&mut world, "a", "1", condition).unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{condition}");
    }
    let short = json!({ "Key": { "pk": { "S": "p" } } });
    let refused = asked(&mut world, "GetItem", &short).unwrap_err();
    assert_eq!(refused.code, "ValidationException");
    let mut long = key("a");
    long["text"] = json!({ "S": "x".repeat(410_000) });
    let refused = asked(&mut world, "PutItem", &json!({ "Item": long })).unwrap_err();
    assert!(refused.message.contains("Item size"), "{refused}");
}

#[test]
fn a_query_gives_a_partition_in_order_and_in_pages() {
    let mut world = world();
    for sk in ["b#2", "a#1", "b#1", "b#3", "c#1"] {
        put(&mut world, sk, "1", "").unwrap();
    }
    let mut ask = |more: Value| {
        let mut input = json!({
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": { ":pk": { "S": "p" }, ":prefix": { "S": "b#" } },
        });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = asked(&mut world, "Query", &input).unwrap();
        let keys = answer["Items"].as_array().unwrap().iter();
        let keys: Vec<_> = keys
            .map(|item| item["sk"]["S"].as_str().unwrap().to_owned())
            .collect();
        (keys, answer["LastEvaluatedKey"].clone())
    };
    assert_eq!(
        ask(json!({})),
        (vec!["b#1".into(), "b#2".into(), "b#3".into()], Value::Null)
    );
    assert_eq!(
        ask(json!({ "ScanIndexForward": false, "Limit": 1 })).0,
        ["b#3"]
    );
    let (first, next) = ask(json!({ "Limit": 2 }));
    assert_eq!(first, ["b#1", "b#2"]);
    let (rest, next) = ask(json!({ "Limit": 2, "ExclusiveStartKey": next }));
    assert_eq!((rest, next), (vec!["b#3".to_owned()], Value::Null));
}

#[test]
fn of_a_transaction_all_or_nothing_happens() {
    let mut world = world();
    put(&mut world, "there", "1", "").unwrap();
    let part = |sk: &str, condition: &str| json!({ "Put": { "TableName": "items", "Item": key(sk), "ConditionExpression": condition } });
    let check = json!({ "ConditionCheck": {
        "TableName": "items", "Key": key("there"), "ConditionExpression": "n > :n",
        "ExpressionAttributeValues": { ":n": { "N": "1" } },
    } });
    let free = "attribute_not_exists(pk)";
    let refused = json!({ "TransactItems": [part("new", free), check, part("there", free)] });
    let refused = asked(&mut world, "TransactWriteItems", &refused).unwrap_err();
    assert_eq!(refused.code, "TransactionCanceledException");
    let codes: Vec<_> = refused.details["CancellationReasons"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    let codes: Vec<_> = codes.iter().map(|reason| &reason["Code"]).collect();
    assert_eq!(
        codes,
        ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    );
    assert_eq!(item(&mut world, "new"), Value::Null);

    let mut done = json!({ "TransactItems": [part("new", free)], "ClientRequestToken": "one" });
    for _ in 0..2 {
        asked(&mut world, "TransactWriteItems", &done).unwrap();
    }
    done["TransactItems"] = json!([part("other", free)]);
    let mismatch = asked(&mut world, "TransactWriteItems", &done).unwrap_err();
    assert_eq!(mismatch.code, "IdempotentParameterMismatchException");
    let twice = json!({ "TransactItems": [part("x", free), part("x", free)] });
    assert!(asked(&mut world, "TransactWriteItems", &twice).is_err());
}

#[test]
fn what_has_expired_is_deleted() {
    let mut world = world();
    let expiry = json!({ "TimeToLiveSpecification": { "AttributeName": "n", "Enabled": true } });
    asked(&mut world, "UpdateTimeToLive", &expiry).unwrap();
    let shown = asked(&mut world, "DescribeTimeToLive", &json!({})).unwrap();
    assert_eq!(shown["TimeToLiveDescription"]["AttributeName"], "n");
    let soon = (world.now.as_second() + 60).to_string();
    put(&mut world, "a", &soon, "").unwrap();
    assert_ne!(item(&mut world, "a"), Value::Null);
    world.advance(120);
    assert_eq!(item(&mut world, "a"), Value::Null);
}
