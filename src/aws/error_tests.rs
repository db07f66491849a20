use std::io::ErrorKind;

use serde_json::json;

use super::*;
use crate::aws::Cloud;
use crate::aws::canned::{Answer, Asked, Canned};

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

const SIGNED_LATE: &str = "Signature expired: 20260105T090000Z is now earlier than \
                           20260105T091500Z (20260105T092000Z - 5 min.)";

#[tokio::test]
async fn a_clock_that_is_off_is_told_with_the_difference() {
    let early = "Signature not yet current: 20260105T093000Z is still later than \
                 20260105T092500Z (20260105T092000Z + 5 min.)";
    for (code, message, words) in [
        (
            "InvalidSignatureException",
            SIGNED_LATE,
            "clock is 20m behind AWS's",
        ),
        (
            "SignatureDoesNotMatch",
            SIGNED_LATE,
            "clock is 20m behind AWS's",
        ),
        (
            "InvalidSignatureException",
            early,
            "clock is 10m ahead of AWS's",
        ),
        ("RequestTimeTooSkewed", "words", "clock is not AWS's"),
    ] {
        let error = of_ecs(move || Answer::json_error(403, code, message)).await;
        assert_eq!(error.class, ErrorClass::Skewed, "{code}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("clock")));
    }
    let dated = || {
        let body = json!({ "__type": "RequestTimeTooSkewed", "message": "words" });
        let date = "Mon, 05 Jan 2026 09:20:00 GMT".to_owned();
        Answer::Dated(403, body.to_string(), date)
    };
    let error = of_ecs(dated).await;
    assert!(
        error.to_string().contains("Mon, 05 Jan 2026 09:20:00 GMT"),
        "{error}"
    );
    let other = of_ecs(|| Answer::json_error(403, "SignatureDoesNotMatch", "words")).await;
    assert_eq!(
        other.class,
        ErrorClass::Invalid,
        "a wrong secret is no matter of time"
    );
}

/// An AWS whose clock shows 09:20 and that takes requests of five minutes around it.
fn at_twenty_past_nine(asked: &Asked) -> Answer {
    let date = "Mon, 05 Jan 2026 09:20:00 GMT".to_owned();
    let fits = ("20260105T091500Z"..="20260105T092500Z").contains(&asked.signed_at.as_str());
    let refused = json!({ "__type": "InvalidSignatureException", "message": SIGNED_LATE });
    match fits {
        true => Answer::Dated(200, "{\"clusterArns\":[]}".to_owned(), date),
        false => Answer::Dated(403, refused.to_string(), date),
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_signed_by_a_wrong_clock_is_signed_again_by_aws_s() {
    let canned = Canned::new(at_twenty_past_nine);
    let nine = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_603_600);
    let time = aws_smithy_async::time::StaticTimeSource::new(nine);
    let cloud = Cloud::with_config(&canned.config().time_source(time).build());
    for _ in 0..2 {
        let listed = cloud.list_clusters(json!({})).await;
        listed.expect("the SDK knows AWS's time by now");
    }
    let signed: Vec<_> = canned
        .asked()
        .into_iter()
        .map(|asked| asked.signed_at)
        .collect();
    let late = "20260105T090000Z";
    assert_eq!(signed, [late, "20260105T092000Z", "20260105T092000Z"]);
    let ahead = cloud.clock_ahead().expect("AWS said so");
    assert_eq!(ahead.as_mins(), -20);
}
