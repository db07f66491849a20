use std::io::ErrorKind;

use serde_json::json;

use super::*;
use crate::aws::canned::{Answer, Canned};

/// What ECS answering so comes to.
async fn of_ecs(answer: impl Fn() -> Answer + Send + 'static) -> AwsError {
    let cloud = Canned::new(move |_| answer()).cloud();
    let error = cloud
        .ecs()
        .describe_services()
        .services("shop")
        .send()
        .await;
    classify("ecs:DescribeServices", &error.unwrap_err())
}

/// What ELBv2 answering so comes to.
async fn of_elb(answer: impl Fn() -> Answer + Send + 'static) -> AwsError {
    let cloud = Canned::new(move |_| answer()).cloud();
    let error = cloud.elb().describe_rules().send().await;
    classify("elasticloadbalancing:DescribeRules", &error.unwrap_err())
}

#[tokio::test]
async fn a_code_decides_the_class() {
    let cases = [
        ("ThrottlingException", 400, ErrorClass::Throttled),
        (
            "com.amazonaws.ecs#ThrottlingException",
            400,
            ErrorClass::Throttled,
        ),
        ("ServerException", 500, ErrorClass::Ambiguous),
        ("ServerException", 429, ErrorClass::Throttled),
        ("ExpiredTokenException", 400, ErrorClass::Expired),
        ("UnrecognizedClientException", 400, ErrorClass::Expired),
        ("AccessDeniedException", 400, ErrorClass::Denied),
        (
            "AccessDeniedException:http://internal",
            400,
            ErrorClass::Denied,
        ),
        ("ConflictException", 400, ErrorClass::Conflict),
        ("ClusterNotFoundException", 400, ErrorClass::NotFound),
        ("ServiceNotActiveException", 400, ErrorClass::Invalid),
        ("InvalidParameterException", 400, ErrorClass::Invalid),
    ];
    for (code, status, class) in cases {
        let error = of_ecs(move || Answer::json_error(status, code, "words")).await;
        assert_eq!(error.class, class, "{code} {status}");
        assert_eq!(error.message, "words");
    }
    let cases = [
        ("Throttling", 400, ErrorClass::Throttled),
        ("RuleNotFound", 400, ErrorClass::NotFound),
        ("AccessDenied", 403, ErrorClass::Denied),
        ("ExpiredToken", 403, ErrorClass::Expired),
        ("OperationNotPermitted", 400, ErrorClass::Invalid),
        ("InternalFailure", 500, ErrorClass::Ambiguous),
    ];
    for (code, status, class) in cases {
        let error = of_elb(move || Answer::xml_error(status, code, "words")).await;
        assert_eq!(error.class, class, "{code} {status}");
        assert_eq!(error.code.as_deref(), Some(code));
    }
}

#[tokio::test]
async fn words_decide_where_ecs_uses_one_code_for_everything() {
    let cases = [
        (
            "ClientException",
            "Unable to describe task definition.",
            ErrorClass::NotFound,
        ),
        (
            "InvalidParameterException",
            "Unable to Start a service that is still Draining.",
            ErrorClass::Conflict,
        ),
        (
            "InvalidParameterException",
            "Creation of service was not idempotent.",
            ErrorClass::Conflict,
        ),
        ("ClientException", "Rate exceeded", ErrorClass::Throttled),
    ];
    for (code, message, class) in cases {
        let error = of_ecs(move || Answer::json_error(400, code, message)).await;
        assert_eq!(error.class, class, "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_been_a_success() {
    let torn = || Answer::Status(200, "{\"services\": [{".to_owned());
    assert_eq!(of_ecs(torn).await.class, ErrorClass::Ambiguous);
    let torn = || Answer::Status(200, "<DescribeRulesResponse><Descr".to_owned());
    assert_eq!(of_elb(torn).await.class, ErrorClass::Ambiguous);
    let page = || Answer::Status(502, "<html>Bad gateway</html>".to_owned());
    assert_eq!(of_elb(page).await.class, ErrorClass::Ambiguous);
    assert_eq!(of_ecs(page).await.class, ErrorClass::Ambiguous);
}

#[tokio::test]
async fn only_what_never_left_this_machine_was_not_sent() {
    let cases = [
        (ErrorKind::ConnectionRefused, ErrorClass::NotSent),
        (ErrorKind::NetworkUnreachable, ErrorClass::NotSent),
        (ErrorKind::ConnectionReset, ErrorClass::Ambiguous),
        (ErrorKind::UnexpectedEof, ErrorClass::Ambiguous),
    ];
    for (kind, class) in cases {
        let error = of_elb(move || Answer::Broken(kind)).await;
        assert_eq!(error.class, class, "{kind}");
        assert!(error.to_string().contains("the wire was cut"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_time_out_after_five_seconds() {
    let start = tokio::time::Instant::now();
    let error = of_ecs(|| Answer::Silence).await;
    assert_eq!(error.class, ErrorClass::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(FailureClass::from(&error), FailureClass::Ambiguous);
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_expired() {
    use aws_credential_types::provider::{SharedCredentialsProvider, future};
    #[derive(Debug)]
    struct None;
    impl aws_credential_types::provider::ProvideCredentials for None {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let error = CredentialsError::provider_error("the session is over");
            future::ProvideCredentials::ready(Err(error))
        }
    }
    let canned = Canned::new(|_| Answer::ok("{}"));
    let config = canned
        .config()
        .credentials_provider(SharedCredentialsProvider::new(None));
    let cloud = crate::aws::Cloud::with_config(&config.build());
    let error = cloud.describe_services(json!({})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Expired, "{error}");
    assert!(error.to_string().contains("the session is over"), "{error}");
    assert_eq!(canned.operations().len(), 0);
}

#[test]
fn a_denial_names_the_action_and_the_resource() {
    let message = "User: arn:aws:sts::1:assumed-role/ci/x is not authorized to perform: \
                   ecs:UpdateService on resource: arn:aws:ecs:eu-west-1:1:service/prod/shop \
                   because no identity-based policy allows the ecs:UpdateService action";
    let error = AwsError::own("ecs:UpdateService", ErrorClass::Denied, message);
    assert_eq!(
        error.to_string(),
        "not allowed: ecs:UpdateService on arn:aws:ecs:eu-west-1:1:service/prod/shop; allow it \
         in the IAM policy of these credentials"
    );
    let silent = AwsError::own("ecs:UpdateService", ErrorClass::Denied, "");
    assert!(silent.to_string().contains("ecs:UpdateService"));
}

#[test]
fn the_gravest_of_several_failures_is_one_that_a_repeat_cannot_mend() {
    assert!(ErrorClass::Denied > ErrorClass::Ambiguous);
    assert!(ErrorClass::Invalid > ErrorClass::Throttled);
    assert!(ErrorClass::Ambiguous > ErrorClass::NotSent);
}
