//! What nobody knows passes through.

use super::*;

#[tokio::test]
async fn fields_that_nobody_knows_reach_ecs_and_come_back() {
    let canned = Canned::new(|asked| match asked.operation.as_str() {
        "ListTaskDefinitions" => Answer::ok(r#"{"taskDefinitionArns":[]}"#),
        _ => Answer::ok(
            r#"{"taskDefinition":{"taskDefinitionArn":"arn:x/shop:1","fromTheFuture":{"é":[]}}}"#,
        ),
    });
    let balancer = Balancer {
        arn: String::new(),
        listener: String::new(),
        group_a: String::new(),
        group_b: String::new(),
    };
    let body = json!({ "family": "shop", "containerDefinitions": [{ "quantum": "é" }], "empty": [],
                       "tags": [{ "key": "team", "value": "shop" }] });
    let cloud = canned.cloud();
    let register = Action::RegisterTaskDefinition;
    cloud
        .perform(&plan(&balancer), &register, Some(&body))
        .await
        .unwrap();
    let sent = canned.asked().pop().unwrap();
    assert_eq!(sent.length, sent.body.len().to_string());
    let mut expected = body;
    expected["tags"] = json!([
        { "key": "team", "value": "shop" },
        { "key": "bg:deployment", "value": "20261121-071405-abcd" },
    ]);
    assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap(), expected);
    let read = cloud
        .describe_task_definition(json!({ "taskDefinition": "shop" }))
        .await
        .unwrap();
    assert_eq!(read["taskDefinition"]["fromTheFuture"], json!({ "é": [] }));
}

#[tokio::test]
async fn elements_that_nobody_knows_survive_a_write_through_the_sdk() {
    let actions = "<member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig>\
        <ClientId>id</ClientId></AuthenticateOidcConfig></member>\
        <member><Type>forward</Type><Order>2</Order><Tomorrow><member>x</member></Tomorrow>\
        <ForwardConfig><TargetGroups><member><TargetGroupArn>blue/b/1</TargetGroupArn>\
        <Weight>100</Weight><Zone>z</Zone></member></TargetGroups></ForwardConfig></member>";
    let answer = move |call: &str| {
        format!(
            "<{call}Response><{call}Result><Listeners><member><ListenerArn>l</ListenerArn>\
             <DefaultActions>{actions}</DefaultActions></member></Listeners></{call}Result>\
             </{call}Response>"
        )
    };
    let canned = Canned::new(move |asked| Answer::ok(answer(&asked.operation)));
    let balancer = Balancer {
        arn: "lb".to_owned(),
        listener: "l".to_owned(),
        group_a: "blue/b/1".to_owned(),
        group_b: "green/g/1".to_owned(),
    };
    let raise = WeightWrite::Raise {
        from: Weight::ZERO,
        to: Weight::of_per_mille(1).unwrap(),
    };
    let cloud = canned.cloud();
    let plan = plan(&balancer);
    cloud
        .perform(&plan, &Action::WriteWeights(raise), None)
        .await
        .unwrap();
    let sent = canned.asked().pop().unwrap();
    assert_eq!(
        (sent.operation.as_str(), sent.length),
        ("ModifyListener", sent.body.len().to_string())
    );
    let list = "DefaultActions.member.2.ForwardConfig.TargetGroups.member";
    let expected = [
        ("Action", "ModifyListener"),
        ("Version", "2015-12-01"),
        ("ListenerArn", "l"),
        ("DefaultActions.member.1.Type", "authenticate-oidc"),
        ("DefaultActions.member.1.Order", "1"),
        (
            "DefaultActions.member.1.AuthenticateOidcConfig.ClientId",
            "id",
        ),
        (
            "DefaultActions.member.1.AuthenticateOidcConfig.UseExistingClientSecret",
            "true",
        ),
        ("DefaultActions.member.2.Type", "forward"),
        ("DefaultActions.member.2.Order", "2"),
        ("DefaultActions.member.2.Tomorrow.member.1", "x"),
        (&format!("{list}.1.TargetGroupArn"), "blue/b/1"),
        (&format!("{list}.1.Weight"), "999"),
        (&format!("{list}.1.Zone"), "z"),
        (&format!("{list}.2.TargetGroupArn"), "green/g/1"),
        (&format!("{list}.2.Weight"), "1"),
    ];
    let sent: Vec<(String, String)> = form_urlencoded::parse(sent.body.as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(sent, expected);
}

/// The SDK keeps a table's attributes in maps that have another order each time.
#[tokio::test]
async fn what_is_written_to_a_table_has_its_fields_in_order() {
    let canned = Canned::new(|_| Answer::ok("{}"));
    let tables = canned.cloud().dynamodb();
    for _ in 0..5 {
        let mut put = tables.put_item().table_name("bg-state");
        for name in ["e", "b", "d", "a", "c"] {
            let value = aws_sdk_dynamodb::types::AttributeValue::S("é".to_owned());
            put = put.item(name, value);
        }
        put.send().await.unwrap();
    }
    let s = |name: &str| format!("\"{name}\":{{\"S\":\"é\"}}");
    let item = ["a", "b", "c", "d", "e"].map(s).join(",");
    let expected = format!("{{\"Item\":{{{item}}},\"TableName\":\"bg-state\"}}");
    for sent in canned.asked() {
        assert_eq!(sent.body, expected);
        assert_eq!(sent.length, sent.body.len().to_string());
    }
}
