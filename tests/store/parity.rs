//! The region's DynamoDB beside Amazon's own: the same requests, the same answers.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValue,
    ScalarAttributeType,
};
use bg::sandbox::{Region, RegionOptions};
use tokio::time::{Duration, sleep};

use crate::made::{amazons_config, fresh_table};

const VALUES: [(&str, &str); 6] = [
    (":one", "1"),
    (":five", "5"),
    (":ten", "10"),
    (":less", "-0.50"),
    (":abc", "abc"),
    (":b", "b"),
];

/// A condition and an update; the item has `n` = 5 and `t` = "abc".
const CASES: &[(&str, &str)] = &[
    ("", "SET m = :one"),
    ("attribute_exists(n)", "SET m = n"),
    ("attribute_not_exists(n)", "SET m = :one"),
    ("attribute_not_exists(spare)", "REMOVE n, t SET m = :ten"),
    ("n = :five", "SET n = n + :one"),
    ("n <> :five", "SET n = n + :one"),
    ("n < :ten AND n > :one", "SET n = n - :ten"),
    ("n < :ten and n >= :less", "SET n = :less + :less"),
    ("n BETWEEN :one AND :ten", "ADD n :less"),
    ("n BETWEEN :ten AND :one", "ADD n :less"),
    ("NOT n = :ten", "ADD spare :one"),
    ("not (n = :ten or n = :five)", "SET m = :one"),
    ("n = :ten OR n = :five AND t = :abc", "SET m = :one"),
    ("(n = :five OR n = :ten) AND t = :b", "SET m = :one"),
    ("t > :abc OR t >= :abc", "SET m = :one"),
    ("begins_with(t, :abc)", "SET m = :one"),
    ("begins_with(t, :b)", "SET m = :one"),
    ("t = n", "SET m = :one"),
    ("t <> n", "SET m = :one"),
    ("t < :five", "SET m = :one"),
    ("spare = :five", "SET m = :one"),
    ("spare <> :five", "SET m = :one"),
    ("spare < :five", "SET m = :one"),
    ("", "SET m = if_not_exists(n, :ten) + :one"),
    ("", "SET m = if_not_exists(spare, :ten) + :one"),
    ("", "SET m = if_not_exists(spare, :abc), n = :b"),
    ("", "SET m = spare"),
    ("", "SET m = t + :one"),
    ("", "ADD t :one"),
    ("", "SET pk = :abc"),
    ("", "SET sk = :abc"),
    ("", "REMOVE spare"),
    ("n =", "SET m = :one"),
    ("n = = :five", "SET m = :one"),
    ("attribute_exists(n", "SET m = :one"),
    ("n = :five )", "SET m = :one"),
    ("n = :unknown", "SET m = :one"),
    ("#unknown = :five", "SET m = :one"),
    ("", "SET m"),
    ("", "PUT m = :one"),
    ("", "SET m = :one,"),
    ("attribute_not_exists(owner)", "SET m = :one"),
    ("Name <> :one", "SET m = :one"),
    ("", "SET ttl = :one"),
    ("", "REMOVE status"),
    ("", "SET holder = :one, fence = :five"),
];

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn key(sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text(sk))])
}

async fn make(client: &Client, table: &str) {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind);
        create = create
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(element.build().unwrap());
    }
    create.send().await.unwrap();
    sleep(Duration::from_millis(200)).await;
}

/// What came of a case: the item, or the code of the refusal.
async fn told(client: &Client, table: &str, (condition, update): (&str, &str)) -> String {
    let sk = format!("{condition}; {update}");
    let put = client
        .put_item()
        .table_name(table)
        .set_item(Some(key(&sk)))
        .item("n", AttributeValue::N("5.0".to_owned()))
        .item("t", text("abc"));
    put.send().await.unwrap();
    let mut ask = client
        .update_item()
        .table_name(table)
        .set_key(Some(key(&sk)))
        .update_expression(update)
        .return_values(ReturnValue::AllNew);
    if !condition.is_empty() {
        ask = ask.condition_expression(condition);
    }
    for (name, value) in VALUES {
        if format!("{condition} {update} ").contains(name) {
            let value = match value.parse::<f64>() {
                Ok(_) => AttributeValue::N(value.to_owned()),
                Err(_) => text(value),
            };
            ask = ask.expression_attribute_values(name, value);
        }
    }
    match ask.send().await {
        Ok(done) => {
            let shown = |value: AttributeValue| match value {
                // Amazon's program keeps needless zeros, and DynamoDB itself doesn't.
                AttributeValue::N(number) => number.parse::<f64>().unwrap().to_string(),
                other => format!("{other:?}"),
            };
            let item = done.attributes.unwrap().into_iter();
            let item: BTreeMap<_, _> = item.map(|(name, value)| (name, shown(value))).collect();
            format!("{item:?}")
        }
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

#[tokio::test]
async fn the_region_reads_expressions_as_amazon_does() {
    let Some(config) = amazons_config() else {
        return;
    };
    let region = Region::new(RegionOptions {
        speed: 100.0,
        ..RegionOptions::default()
    });
    let (amazon, ours) = (Client::new(&config), Client::new(&region.sdk_config()));
    let table = fresh_table();
    make(&amazon, &table).await;
    make(&ours, &table).await;
    let mut differ = Vec::new();
    for case in CASES {
        let amazon = told(&amazon, &table, *case).await;
        let ours = told(&ours, &table, *case).await;
        if amazon != ours {
            differ.push(format!("{case:?}\n  amazon {amazon}\n  region {ours}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
