//! What `bg verify` reads: each thing once, and what may not be read says which permission is
//! missing.

use super::super::canned;
use super::*;
use crate::verify::{Answer, Asks, Decision, InRegion, Platform, Right};

const ROLE: &str = "arn:aws:iam::123456789012:role/exec";

fn in_region(name: &str) -> InRegion {
    InRegion {
        region: "eu-west-1".to_owned(),
        name: name.to_owned(),
    }
}

fn right(group: &str) -> Right {
    Right {
        role: ROLE.to_owned(),
        action: "logs:CreateLogGroup",
        resource: format!("arn:aws:logs:eu-west-1:123456789012:log-group:{group}"),
    }
}

const ARM: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:arm";

fn asks() -> Asks {
    Asks {
        roles: ["exec".to_owned(), "missing".to_owned()].into(),
        images: [ARM.to_owned()].into(),
        secrets: [in_region("db"), in_region("missing")].into(),
        parameters: [in_region("shop/db"), in_region("key"), in_region("missing")].into(),
        log_groups: [in_region("/ecs/shop")].into(),
        rights: [right("/ecs/new"), right("/ecs/denied")].into(),
        alarms: [AlarmName::new("shop-a-5xx"), AlarmName::new("gone")].into(),
    }
}

#[tokio::test(start_paused = true)]
async fn each_thing_is_there_or_is_missing() {
    let scene = Scene::new();
    let facts = scene.cloud.verify(&asks()).await;
    assert!(matches!(facts.roles["exec"], Answer::Found(_)));
    assert_eq!(facts.roles["missing"], Answer::Missing);
    let Answer::Found(image) = &facts.images[ARM] else {
        panic!("{:?}", facts.images);
    };
    assert_eq!(image.platforms, [Platform::new("linux", "arm64")]);
    assert!(matches!(facts.secrets[&in_region("db")], Answer::Found(_)));
    assert_eq!(facts.secrets[&in_region("missing")], Answer::Missing);
    for (name, there) in [("shop/db", true), ("key", true), ("missing", false)] {
        let answer = &facts.parameters[&in_region(name)];
        assert_eq!(*answer == Answer::Found(()), there, "{name}: {answer:?}");
    }
    assert_eq!(facts.log_groups[&in_region("/ecs/shop")], Answer::Found(()));
    assert_eq!(
        facts.rights[&right("/ecs/new")],
        Answer::Found(Decision::Allowed)
    );
    assert_eq!(
        facts.rights[&right("/ecs/denied")],
        Answer::Found(Decision::NotAllowed)
    );
    assert_eq!(facts.alarms[&AlarmName::new("gone")], Answer::Missing);
    let calls = scene.region.call_counts();
    let count = |operation: &str| {
        let of = calls.iter().find(|((_, name), _)| name == operation);
        of.map_or(0, |(_, count)| *count)
    };
    assert_eq!(count("DescribeParameters"), 1, "many at once");
    assert_eq!(count("SimulatePrincipalPolicy"), 1, "many at once");
    assert_eq!(count("DescribeAlarms"), 1, "many at once");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_names_the_permission() {
    let scene = Scene::new();
    let denied = FaultRule::new("*", FaultKind::Denied, When::Always);
    scene.region.fault(denied);
    let facts = scene.cloud.verify(&asks()).await;
    fn why<T: std::fmt::Debug>(answer: &Answer<T>) -> &str {
        match answer {
            Answer::Unknown(why) => why,
            answer => panic!("{answer:?}"),
        }
    }
    for (why, action) in [
        (why(&facts.roles["exec"]), "iam:GetRole"),
        (why(&facts.images[ARM]), "ecr:BatchGetImage"),
        (
            why(&facts.secrets[&in_region("db")]),
            "secretsmanager:DescribeSecret",
        ),
        (
            why(&facts.parameters[&in_region("key")]),
            "ssm:DescribeParameters",
        ),
        (
            why(&facts.log_groups[&in_region("/ecs/shop")]),
            "logs:DescribeLogGroups",
        ),
        (
            why(&facts.rights[&right("/ecs/new")]),
            "iam:SimulatePrincipalPolicy",
        ),
        (
            why(&facts.alarms[&AlarmName::new("gone")]),
            "cloudwatch:DescribeAlarms",
        ),
    ] {
        assert!(why.starts_with(&format!("not allowed: {action}")), "{why}");
    }
    scene.region.clear_faults();
    let layers = FaultRule::new("GetDownloadUrlForLayer", FaultKind::Denied, When::Always);
    scene.region.fault(layers);
    let facts = scene.cloud.verify(&asks()).await;
    let Answer::Found(image) = &facts.images[ARM] else {
        panic!("{:?}", facts.images);
    };
    let unread = image.unread.as_deref().unwrap_or_default();
    assert!(unread.contains("ecr:GetDownloadUrlForLayer"), "{unread}");
}

#[tokio::test(start_paused = true)]
async fn services_without_their_sdk_are_asked_and_signed_as_themselves() {
    let canned = Canned::new(|asked| match asked.operation.as_str() {
        "GetRole" => canned::Answer::ok(
            "<GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>%7B%22a%22%3A%22x+y\
             %22%7D</AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>",
        ),
        "DescribeSecret" => canned::Answer::ok(r#"{"VersionIdsToStages":{"v1":["AWSCURRENT"]}}"#),
        _ => canned::Answer::json_error(400, "ThrottlingException", "Rate exceeded"),
    });
    let cloud = canned.cloud();
    let facts = cloud
        .verify(&Asks {
            roles: ["exec".to_owned()].into(),
            secrets: [in_region("db")].into(),
            ..Asks::default()
        })
        .await;
    assert_eq!(facts.roles["exec"], Answer::Found(json!({ "a": "x+y" })));
    assert!(matches!(facts.secrets[&in_region("db")], Answer::Found(_)));
    let asked = canned.asked();
    let of = |operation: &str| {
        let found = asked.iter().find(|it| it.operation == operation);
        found.unwrap_or_else(|| panic!("no {operation} in {asked:?}"))
    };
    let role = of("GetRole");
    assert_eq!(role.body, "Action=GetRole&Version=2010-05-08&RoleName=exec");
    assert!(role.authorization.contains("/us-east-1/iam/aws4_request"));
    let secret = of("DescribeSecret");
    assert_eq!(secret.body, r#"{"SecretId":"db"}"#);
    assert!(
        secret
            .authorization
            .contains("/eu-west-1/secretsmanager/aws4_request")
    );
}
