use super::*;

fn check() -> LambdaCheck {
    LambdaCheck {
        function: FunctionName::parse("shop-smoke").expect("it is sound"),
        stage: None,
        details: Map::new(),
    }
}

fn execution(stage: Stage) -> Execution {
    Execution {
        id: "e8d5a28f-eb01-4f3c-9454-a30ba6dc54bc".to_owned(),
        stage,
        deployment: "arn:aws:ecs:eu-west-1:1:service-deployment/prod/shop-b/x".to_owned(),
        service: "arn:aws:ecs:eu-west-1:1:service/prod/shop-b".to_owned(),
        green: "green".to_owned(),
        blue: Some("blue".to_owned()),
        per_mille: 100,
    }
}

fn details(value: Value) -> HookDetails {
    match value {
        Value::Object(details) => details,
        other => panic!("{other} is no object"),
    }
}

fn failed(answer: &str) -> String {
    match judge(answer.as_bytes(), &Map::new()) {
        GateAnswer::Failed { why } => why,
        other => panic!("{answer}: {other:?}"),
    }
}

#[test]
fn a_function_is_told_what_ecs_tells_its_hooks() {
    let event = check().event(&execution(Stage::PostTestTrafficShift), &Map::new());
    // The example of AWS's guide, field by field.
    let wanted = json!({
        "executionId": "e8d5a28f-eb01-4f3c-9454-a30ba6dc54bc",
        "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
        "resourceArn": "arn:aws:ecs:eu-west-1:1:service-deployment/prod/shop-b/x",
        "executionDetails": {
            "serviceArn": "arn:aws:ecs:eu-west-1:1:service/prod/shop-b",
            "targetServiceRevisionArn": "green",
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
        },
    });
    assert_eq!(event, wanted);
}

#[test]
fn weights_are_told_where_ecs_tells_them() {
    let of = |stage, per_mille| {
        let execution = Execution {
            per_mille,
            ..execution(stage)
        };
        check().event(&execution, &Map::new())["executionDetails"].take()
    };
    let before = of(Stage::PreProductionTrafficShift, 0);
    assert_eq!(
        before["productionTrafficWeights"],
        json!({ "green": 0, "blue": 100 })
    );
    let during = of(Stage::ProductionTrafficShift, 25);
    assert_eq!(
        during["productionTrafficWeights"],
        json!({ "green": 2.5, "blue": 97.5 })
    );
    assert_eq!(during["testTrafficWeights"], json!({}));
    let test = of(Stage::TestTrafficShift, 0);
    assert_eq!(
        test["testTrafficWeights"],
        json!({ "green": 100, "blue": 0 })
    );
    let blue_is_old = Execution {
        blue: None,
        ..execution(Stage::ProductionTrafficShift)
    };
    let event = check().event(&blue_is_old, &Map::new());
    let weights = &event["executionDetails"]["productionTrafficWeights"];
    assert_eq!(*weights, json!({ "green": 10 }));
}

#[test]
fn details_of_the_config_come_every_time_and_what_the_function_said_goes_over_them() {
    let mut check = check();
    check.details = details(json!({ "bucket": "b", "tries": 0 }));
    let execution = execution(Stage::PostScaleUp);
    let event = check.event(&execution, &Map::new());
    assert_eq!(event["hookDetails"], json!({ "bucket": "b", "tries": 0 }));
    let said = details(json!({ "tries": 1 }));
    let event = check.event(&execution, &said);
    assert_eq!(event["hookDetails"], json!({ "bucket": "b", "tries": 1 }));
}

#[test]
fn succeeded_and_failed_are_answers_and_what_else_is_said_is_told() {
    let answer = judge(br#"{"hookStatus":"SUCCEEDED"}"#, &Map::new());
    let what = "answered SUCCEEDED".to_owned();
    assert_eq!(answer, GateAnswer::Passed { what });
    assert_eq!(failed(r#"{"hookStatus":"FAILED"}"#), "answered FAILED");
    let why = failed(r#"{"hookStatus":"FAILED","reason":"no table users"}"#);
    assert_eq!(why, r#"answered FAILED: {"reason":"no table users"}"#);
}

#[test]
fn in_progress_is_asked_again_in_thirty_seconds_or_when_it_says() {
    let after = |answer: &str| match judge(answer.as_bytes(), &Map::new()) {
        GateAnswer::Again { after, .. } => after.as_secs_f64(),
        other => panic!("{other:?}"),
    };
    assert_eq!(after(r#"{"hookStatus":"IN_PROGRESS"}"#), 30.0);
    assert_eq!(
        after(r#"{"hookStatus":"IN_PROGRESS","callBackDelay":60}"#),
        60.0
    );
    assert_eq!(
        after(r#"{"hookStatus":"IN_PROGRESS","callBackDelay":7.5}"#),
        7.5
    );
    assert_eq!(
        after(r#"{"hookStatus":"IN_PROGRESS","callBackDelay":0}"#),
        1.0
    );
    assert_eq!(
        after(r#"{"hookStatus":"IN_PROGRESS","callBackDelay":-5}"#),
        30.0
    );
    assert_eq!(
        after(r#"{"hookStatus":"IN_PROGRESS","callBackDelay":"soon"}"#),
        30.0
    );
}

#[test]
fn what_a_function_wants_to_be_told_again_adds_up() {
    let said = details(json!({ "a": 1, "b": 1 }));
    let answer = br#"{"hookStatus":"IN_PROGRESS","hookDetails":{"b":2,"c":3}}"#;
    let GateAnswer::Again { details, why, .. } = judge(answer, &said) else {
        panic!("it is in progress");
    };
    assert_eq!(Value::Object(details), json!({ "a": 1, "b": 2, "c": 3 }));
    assert_eq!(why, "answered IN_PROGRESS");
    let answer = br#"{"hookStatus":"IN_PROGRESS","hookDetails":"text"}"#;
    let GateAnswer::Again { details, why, .. } = judge(answer, &said) else {
        panic!("it is in progress");
    };
    assert_eq!(details, said);
    assert_eq!(
        why,
        "answered IN_PROGRESS, with hookDetails that are no object"
    );
    let much = "x".repeat(MOST_DETAILS);
    let why = failed(&format!(
        r#"{{"hookStatus":"IN_PROGRESS","hookDetails":{{"a":"{much}"}}}}"#
    ));
    assert!(why.contains("bytes of hookDetails"), "{why}");
}

#[test]
fn an_answer_without_a_status_that_ecs_knows_is_a_no() {
    assert_eq!(
        failed("null"),
        "answered no JSON object with hookStatus: null"
    );
    assert_eq!(failed(""), "answered no JSON object with hookStatus");
    let text = r#""{\"hookStatus\":\"SUCCEEDED\"}""#;
    assert!(failed(text).starts_with("answered no JSON object with hookStatus: "));
    assert_eq!(
        failed(r#"{"status":200}"#),
        r#"answered without hookStatus: {"status":200}"#
    );
    let why = failed(r#"{"hookStatus":"succeeded"}"#);
    assert!(why.starts_with(r#"answered hookStatus "succeeded", which is none of"#));
    assert!(failed(r#"{"hookStatus":true}"#).contains("no text"));
}

#[test]
fn a_function_that_fails_is_told_with_its_message_and_the_end_of_its_log() {
    let answer = br#"{"errorMessage":"division by zero","errorType":"ZeroDivisionError"}"#;
    let log = "START RequestId: 1 Version: 7\nlooking\n[ERROR] division by zero\n\
               END RequestId: 1\nREPORT RequestId: 1\tDuration: 3 ms\n";
    assert_eq!(
        function_error("Unhandled", answer, log),
        "failed: ZeroDivisionError: division by zero\nits log ends: looking\n\
         [ERROR] division by zero"
    );
    let out_of_time = br#"{"errorMessage":"2026-01-05 Task timed out after 3.00 seconds"}"#;
    let why = function_error("Unhandled", out_of_time, "");
    assert_eq!(why, "failed: 2026-01-05 Task timed out after 3.00 seconds");
    assert_eq!(function_error("Unhandled", b"", ""), "failed: Unhandled");
}
