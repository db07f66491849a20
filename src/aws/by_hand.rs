//! Calls to services that are asked too little here to carry their SDK: the request is written by
//! hand, and a client of another service, which speaks the same protocol, signs it, sends it and
//! reads errors. What that client would have sent itself never leaves.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SigningName;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

use super::cloud::Cloud;
use super::error::AwsError;
use super::raw::{Kept, replace_body};
use super::retry::Effect;
use super::xml::Element;

/// A service without its SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    Ec2,
    EventBridge,
    Iam,
    Lambda,
    SecretsManager,
    Sns,
    Ssm,
}

impl Other {
    /// As requests are signed, and endpoints named.
    pub(super) fn name(self) -> &'static str {
        match self {
            Other::Ec2 => "ec2",
            Other::EventBridge => "events",
            Other::Iam => "iam",
            Other::Lambda => "lambda",
            Other::SecretsManager => "secretsmanager",
            Other::Sns => "sns",
            Other::Ssm => "ssm",
        }
    }

    /// As `AWS_ENDPOINT_URL_…` names it.
    fn id(self) -> &'static str {
        match self {
            Other::Ec2 => "EC2",
            Other::EventBridge => "EventBridge",
            Other::Iam => "IAM",
            Other::Lambda => "Lambda",
            Other::SecretsManager => "Secrets Manager",
            Other::Sns => "SNS",
            Other::Ssm => "SSM",
        }
    }

    /// What an operation's name stands behind in `x-amz-target`.
    fn target(self) -> &'static str {
        match self {
            Other::EventBridge => "AWSEvents",
            Other::Ec2 | Other::Iam | Other::Lambda | Other::Sns => "",
            Other::SecretsManager => "secretsmanager",
            Other::Ssm => "AmazonSSM",
        }
    }

    /// The only version of its API, where requests name it.
    fn version(self) -> &'static str {
        match self {
            Other::Ec2 => "2016-11-15",
            Other::Iam => "2010-05-08",
            Other::Sns => "2010-03-31",
            Other::EventBridge | Other::Lambda | Other::SecretsManager | Other::Ssm => "",
        }
    }

    /// AWS's own endpoint, and the region that requests to it are signed for. IAM has one for each
    /// partition.
    fn endpoint(self, region: &str) -> (String, String) {
        let (suffix, home) = match region {
            _ if region.starts_with("cn-") => ("amazonaws.com.cn", "cn-north-1"),
            _ if region.starts_with("us-gov-") => ("amazonaws.com", "us-gov-west-1"),
            _ => ("amazonaws.com", "us-east-1"),
        };
        let host = match (self, home) {
            (Other::Iam, "us-east-1") => format!("iam.{suffix}"),
            (Other::Iam, "us-gov-west-1") => format!("iam.us-gov.{suffix}"),
            (Other::Iam, home) => format!("iam.{home}.{suffix}"),
            _ => format!("{}.{region}.{suffix}", self.name()),
        };
        let signed_for = if self == Other::Iam { home } else { region };
        (format!("https://{host}"), signed_for.to_owned())
    }
}

/// Makes a request one to another service, before it is signed.
#[derive(Debug)]
struct Instead {
    service: Other,
    /// What `x-amz-target` is to say, where the protocol has it.
    target: Option<String>,
    body: String,
}

impl Intercept for Instead {
    fn name(&self) -> &'static str {
        "Instead"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(target) = &self.target {
            request.headers_mut().insert("x-amz-target", target.clone());
        }
        replace_body(request, self.body.as_str());
        bag.interceptor_state()
            .store_put(SigningName::from_static(self.service.name()));
        Ok(())
    }
}

/// Makes a request the plain reading of a URL that was signed by somebody else.
#[derive(Debug)]
struct Get(String);

impl Intercept for Get {
    fn name(&self) -> &'static str {
        "Get"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut get = HttpRequest::new(SdkBody::empty());
        get.set_method("GET")?;
        get.set_uri(self.0.clone())?;
        *context.request_mut() = get;
        Ok(())
    }
}

impl Cloud {
    /// Where a service of a region is, and the region that requests to it are signed for.
    pub(super) fn place_of(&self, service: Other, region: &str) -> (String, Region) {
        let (own, signed_for) = service.endpoint(region);
        let key = ServiceConfigKey::builder()
            .service_id(service.id())
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let of_environment = || self.config.service_config()?.load_config(key.ok()?);
        let by_flag = self.config.get_origin("endpoint_url").is_client_config();
        let set = self.config.endpoint_url().map(str::to_owned);
        let url = match by_flag {
            true => set.or_else(of_environment),
            false => of_environment().or(set),
        };
        (url.unwrap_or(own), Region::new(signed_for))
    }

    /// A call of AWS JSON 1.1.
    pub(super) async fn ask_json(
        &self,
        service: Other,
        (operation, effect): (&'static str, Effect),
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        let name = operation.split(':').nth(1).unwrap_or_default();
        let (url, signed_for) = self.place_of(service, region);
        let send = || {
            let kept = Kept::default();
            let config = aws_sdk_ecr::config::Builder::from(&self.config)
                .region(signed_for.clone())
                .endpoint_url(&url)
                .interceptor(kept.clone())
                .interceptor(Instead {
                    service,
                    target: Some(format!("{}.{name}", service.target())),
                    body: body.to_string(),
                });
            let client = aws_sdk_ecr::Client::from_conf(config.build());
            async move { client.describe_registry().send().await.map(|_| kept.take()) }
        };
        let read = |body: &[u8]| serde_json::from_slice(body).map_err(|error| error.to_string());
        self.call_and_read(operation, effect, send, read).await
    }

    /// A call of AWS Query: the result's element; EC2's answers are results themselves.
    pub(super) async fn ask_query(
        &self,
        service: Other,
        (operation, effect): (&'static str, Effect),
        region: &str,
        parameters: &[(String, String)],
    ) -> Result<Element, AwsError> {
        let name = operation.split(':').nth(1).unwrap_or_default();
        let (url, signed_for) = self.place_of(service, region);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", name)
            .append_pair("Version", service.version())
            .extend_pairs(parameters)
            .finish();
        let send = || {
            let kept = Kept::default();
            let config = aws_sdk_elasticloadbalancingv2::config::Builder::from(&self.config)
                .region(signed_for.clone())
                .endpoint_url(&url)
                .interceptor(kept.clone())
                .interceptor(Instead {
                    service,
                    target: None,
                    body: form.clone(),
                });
            // An operation without a result: nothing in the answer is read but its errors.
            let client = aws_sdk_elasticloadbalancingv2::Client::from_conf(config.build());
            async move { client.remove_tags().send().await.map(|_| kept.take()) }
        };
        let read = |body: &[u8]| {
            let root = Element::parse(body).map_err(|error| error.to_string())?;
            if service == Other::Ec2 {
                return Ok(root);
            }
            let result = format!("{name}Result");
            let found = root.children.into_iter().find(|it| it.name == result);
            found.ok_or_else(|| format!("there is no {result}"))
        };
        self.call_and_read(operation, effect, send, read).await
    }

    /// Reads JSON from a URL that was signed by somebody else; `operation` is the call that gave it.
    pub(super) async fn read_url(
        &self,
        operation: &'static str,
        url: &str,
    ) -> Result<Value, AwsError> {
        let send = || {
            let kept = Kept::default();
            let config = aws_sdk_ecr::config::Builder::from(&self.config)
                .interceptor(kept.clone())
                .interceptor(Get(url.to_owned()));
            let client = aws_sdk_ecr::Client::from_conf(config.build());
            async move { client.describe_registry().send().await.map(|_| kept.take()) }
        };
        let read = |body: &[u8]| serde_json::from_slice(body).map_err(|error| error.to_string());
        self.call_and_read(operation, Effect::Reads, send, read)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iam_has_one_endpoint_for_each_partition_and_the_others_one_for_each_region() {
        let of = |service: Other, region| service.endpoint(region);
        let pair = |url: &str, region: &str| (url.to_owned(), region.to_owned());
        assert_eq!(
            of(Other::Iam, "eu-west-1"),
            pair("https://iam.amazonaws.com", "us-east-1")
        );
        assert_eq!(
            of(Other::Iam, "cn-northwest-1"),
            pair("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1")
        );
        assert_eq!(
            of(Other::Iam, "us-gov-east-1"),
            pair("https://iam.us-gov.amazonaws.com", "us-gov-west-1")
        );
        assert_eq!(
            of(Other::Sns, "eu-west-1"),
            pair("https://sns.eu-west-1.amazonaws.com", "eu-west-1")
        );
        assert_eq!(
            of(Other::EventBridge, "cn-north-1"),
            pair("https://events.cn-north-1.amazonaws.com.cn", "cn-north-1")
        );
        assert_eq!(
            of(Other::Ssm, "cn-north-1"),
            pair("https://ssm.cn-north-1.amazonaws.com.cn", "cn-north-1")
        );
        assert_eq!(
            of(Other::SecretsManager, "eu-west-1"),
            pair(
                "https://secretsmanager.eu-west-1.amazonaws.com",
                "eu-west-1"
            )
        );
    }
}
