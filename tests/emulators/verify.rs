//! What a version needs, looked at in registries, roles and secrets that weren't made for `bg`.

use super::*;

fn definition(needs: &Value, name: &str) -> Value {
    let log = |group: &str| {
        json!({
            "logDriver": "awslogs",
            "options": { "awslogs-group": group, "awslogs-region": "us-east-1" },
        })
    };
    let secret = needs["secret"].as_str().expect("an ARN");
    json!({
        "family": name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": needs["execution_role"],
        "taskRoleArn": needs["task_role"],
        "containerDefinitions": [
            {
                "name": "app",
                "image": needs["image"],
                "portMappings": [{ "containerPort": 8080 }],
                "secrets": [
                    { "name": "SECRET", "valueFrom": format!("{secret}:password::") },
                    { "name": "OLD", "valueFrom": format!("{secret}::AWSPREVIOUS:") },
                    { "name": "GONE", "valueFrom": secret.replace("/db", "/gone") },
                    { "name": "IN_FOLDER", "valueFrom": format!("/{name}/db") },
                    {
                        "name": "BY_ARN",
                        "valueFrom": format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/{name}-key"),
                    },
                    { "name": "NOWHERE", "valueFrom": format!("/{name}/gone") },
                ],
                "logConfiguration": log(&format!("/ecs/{name}")),
            },
            {
                "name": "side",
                "image": needs["image"].as_str().expect("a reference").replace(":v2", ":v3"),
                "logConfiguration": log(&format!("/ecs/{name}-and")),
            },
        ],
    })
}

#[tokio::test]
async fn what_a_version_needs_is_found_or_missed() {
    let Some(stage) = Stage::set("needs", "0").await else {
        return;
    };
    let needs = stage.scene("needs", &[]).await;
    stage.write_config(["2s", "2s"], "");
    let file = stage.folder.path().join("taskdef.json");
    fs::write(file, definition(&needs, stage.name).to_string()).expect("a file in our own folder");
    let verify = [
        "verify",
        "--task-definition",
        "taskdef.json",
        "--output",
        "json",
    ];
    let [moto, ministack] = stage.proxies.each_ref().map(Proxy::url);
    let command = bg(
        stage.folder.path(),
        &environment(&moto, &ministack),
        &verify,
    );
    let ended = Process::start("bg verify", command).end(SCRIPT).await;
    assert_eq!(ended.code, Some(3), "{}", ended.told());
    let report: Value = serde_json::from_str(&ended.stdout).expect("a document");
    let checks = report["checks"].as_array().expect("checks").iter();
    let verdicts: Vec<(&str, &str)> = checks
        .map(|it| {
            let text = |key: &str| it[key].as_str().expect("a text");
            (text("what"), text("verdict"))
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("execution role", "OK"),
            ("task role", "NG"),
            ("image of app", "NG"),
            ("image of side", "NG"),
            ("SECRET of app", "OK"),
            ("OLD of app", "NG"),
            ("GONE of app", "NG"),
            ("IN_FOLDER of app", "OK"),
            ("BY_ARN of app", "OK"),
            ("NOWHERE of app", "NG"),
            ("log group of app", "OK"),
            ("log group of side", "NG"),
            ("alarm needs-errors", "OK"),
        ],
        "{report:#}"
    );
    let reason = report["checks"][2]["reason"].as_str().expect("a text");
    assert!(reason.contains("is made for linux/arm64"), "{reason}");
}
