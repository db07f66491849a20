//! Finds region and credentials the way every AWS tool does, and says at once where there are
//! none.

use std::env;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, imds};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::time::timeout;

use super::cloud::Cloud;
use super::credentials::Origin;
use super::error::chain;

/// The metadata service answers in milliseconds where there is one. Where there is none, nothing
/// answers at all, and a laptop's user shouldn't have to wait for that.
const METADATA_WITHIN: Duration = Duration::from_millis(300);
/// For the region, which only the metadata service can be slow to tell.
const REGION_WITHIN: Duration = Duration::from_secs(1);
/// For credentials, where nothing on this machine says that any other source was set up.
const CREDENTIALS_WITHIN: Duration = Duration::from_secs(2);
/// The same where a profile, a web identity or a container says so: signing in through STS, SSO
/// or a credential process may take a few seconds.
const SIGN_IN_WITHIN: Duration = Duration::from_secs(10);

/// What the command line says about where AWS is; the SDK's own chain says the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Overrides the region.
    pub region: Option<String>,
    /// Overrides the profile.
    pub profile: Option<String>,
    /// Overrides the endpoints of all services. Left out, `AWS_ENDPOINT_URL_…` and profiles hold.
    pub endpoint_url: Option<String>,
}

/// Why there is no way to AWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing names a region.
    #[error(
        "no AWS region is set: give --region, set AWS_REGION, or set `region` in bg.yaml or in \
         the profile"
    )]
    NoRegion,
    /// No source has credentials.
    #[error(
        "no AWS credentials: {why}\ntried, in this order:\n{}\nset AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, name a profile (--profile or AWS_PROFILE), or run `aws sso login`",
        tried.iter().map(|source| format!("  - {source}")).collect::<Vec<_>>().join("\n")
    )]
    NoCredentials {
        /// What the chain said.
        why: String,
        /// The sources, with what stands there.
        tried: Vec<String>,
    },
}

impl Cloud {
    /// Finds region and credentials through the SDK's own chain. Credentials are asked for once,
    /// here, so that their absence is told before anything else is done.
    pub async fn connect(options: &ConnectOptions) -> Result<Cloud, ConnectError> {
        let http = http_client();
        let metadata = metadata_client(&http);
        let region = timeout(REGION_WITHIN, region(options, &metadata)).await;
        let region = region.ok().flatten().ok_or(ConnectError::NoRegion)?;
        let source = Chain {
            region: region.clone(),
            profile: options.profile.clone(),
            http: http.clone(),
            metadata,
        };
        let first = first_credentials(&source, options).await?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(http)
            .credentials_provider(source);
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &options.endpoint_url {
            loader = loader.endpoint_url(endpoint);
        }
        let cloud = Cloud::with_config(&loader.load().await);
        cloud.credentials().begin_with(first, origin(options));
        Ok(cloud)
    }
}

async fn first_credentials(
    source: &Chain,
    options: &ConnectOptions,
) -> Result<Credentials, ConnectError> {
    let sources = sources(options);
    let within = match sources.iter().any(|(_, set_up)| *set_up) {
        true => SIGN_IN_WITHIN,
        false => CREDENTIALS_WITHIN,
    };
    let why = match timeout(within, source.provide_credentials()).await {
        Ok(Ok(credentials)) => return Ok(credentials),
        Ok(Err(error)) => in_short(&chain(&error)),
        Err(_) => format!("no source answered within {} s", within.as_secs()),
    };
    let tried = sources.into_iter().map(|(source, set_up)| match set_up {
        true => format!("{source}: set up, gave none"),
        false => format!("{source}: not set up"),
    });
    let tried = tried
        .chain(["the EC2 instance's metadata: no answer, or no role".to_owned()])
        .collect();
    Err(ConnectError::NoCredentials { why, tried })
}

/// What the chain's links say, but for those that aren't set up: they are listed below it.
fn in_short(why: &str) -> String {
    let Some((_, attempts)) = why.split_once("Attempted:") else {
        return why.to_owned();
    };
    let attempts = attempts.lines().map(str::trim);
    let said = attempts.filter(|it| !(it.is_empty() || it.contains("provider was not enabled")));
    match said.collect::<Vec<_>>() {
        none if none.is_empty() => "no source of any is set up".to_owned(),
        said => said.join("; "),
    }
}

/// The sources of the SDK's chain before the metadata service, and whether each is set up here.
fn sources(options: &ConnectOptions) -> Vec<(String, bool)> {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let home_file = |variable: &str, name: &str| match env::var_os(variable) {
        Some(path) => std::path::PathBuf::from(path).exists(),
        None => env::home_dir().is_some_and(|home| home.join(".aws").join(name).exists()),
    };
    let profile = profile_name(options);
    let files = home_file("AWS_CONFIG_FILE", "config")
        || home_file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    vec![
        (
            "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)".to_owned(),
            set("AWS_ACCESS_KEY_ID"),
        ),
        (
            format!("profile \"{profile}\" in ~/.aws/config and ~/.aws/credentials"),
            files,
        ),
        (
            "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN)".to_owned(),
            set("AWS_WEB_IDENTITY_TOKEN_FILE"),
        ),
        (
            "the container's role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI)".to_owned(),
            set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
                || set("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ),
    ]
}

fn profile_name(options: &ConnectOptions) -> String {
    let named = options.profile.clone();
    named
        .or_else(|| env::var("AWS_PROFILE").ok())
        .unwrap_or_else(|| "default".to_owned())
}

/// Where the credentials came from, and how new ones get there: the first source that is set up.
fn origin(options: &ConnectOptions) -> Origin {
    let profile = profile_name(options);
    let set_up = sources(options).iter().position(|(_, set_up)| *set_up);
    let (which, renew) = match set_up {
        Some(0) => (
            "from the environment of this process".to_owned(),
            "no one can renew them there: end this process with Ctrl-C, and run `bg resume` \
             with new ones"
                .to_owned(),
        ),
        Some(1) => (
            format!("profile \"{profile}\""),
            format!(
                "renew them (`aws sso login --profile {profile}`, or what writes that profile): \
                 bg goes on by itself"
            ),
        ),
        Some(2) => (
            "from a web identity".to_owned(),
            "put a fresh token into AWS_WEB_IDENTITY_TOKEN_FILE: bg goes on by itself".to_owned(),
        ),
        _ => (
            "the role of this container or instance".to_owned(),
            "see that the role still is attached to it: bg goes on by itself".to_owned(),
        ),
    };
    Origin {
        which,
        renew,
        of_a_role: matches!(set_up, None | Some(3..)),
    }
}

async fn region(options: &ConnectOptions, metadata: &imds::Client) -> Option<Region> {
    if let Some(region) = &options.region {
        return Some(Region::new(region.clone()));
    }
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &options.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(
            ImdsRegionProvider::builder()
                .imds_client(metadata.clone())
                .build(),
        )
        .region()
        .await
        .filter(|region| !region.as_ref().is_empty())
}

fn metadata_client(http: &SharedHttpClient) -> imds::Client {
    let provider = ProviderConfig::without_region().with_http_client(http.clone());
    imds::Client::builder()
        .configure(&provider)
        .connect_timeout(METADATA_WITHIN)
        .read_timeout(METADATA_WITHIN)
        .max_attempts(1)
        .build()
}

/// One HTTP client for all services, so that the machine's root certificates are read once.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// The SDK's own chain, made anew each time that it is asked: it reads files and signs in once, and
/// somebody may have written other credentials there since.
#[derive(Debug)]
struct Chain {
    region: Region,
    profile: Option<String>,
    http: SharedHttpClient,
    metadata: imds::Client,
}

impl Chain {
    async fn ask(&self) -> provider::Result {
        let config = ProviderConfig::with_default_region()
            .await
            .with_region(Some(self.region.clone()))
            .with_http_client(self.http.clone());
        let mut chain = DefaultCredentialsChain::builder()
            .configure(config)
            .region(self.region.clone())
            .imds_client(self.metadata.clone());
        if let Some(profile) = &self.profile {
            chain = chain.profile_name(profile);
        }
        chain.build().await.provide_credentials().await
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}
