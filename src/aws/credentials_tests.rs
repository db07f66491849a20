use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::aws::Cloud;
use crate::aws::canned::{Answer, Canned};

/// A key with its end, or why there is none.
type Entry = Result<(&'static str, Option<SystemTime>), &'static str>;

/// Gives what stands in a file that somebody may rewrite, after so long.
#[derive(Debug, Clone)]
struct Written {
    key: Arc<Mutex<Entry>>,
    takes: Duration,
    asked: Arc<AtomicUsize>,
}

impl Written {
    fn with(key: &'static str, takes: Duration) -> Written {
        Written {
            key: Arc::new(Mutex::new(Ok((key, None)))),
            takes,
            asked: Arc::default(),
        }
    }

    fn write(&self, key: Entry) {
        *self.key.lock().unwrap() = key;
    }

    fn times(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ProvideCredentials for Written {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.takes).await;
            match *self.key.lock().unwrap() {
                Ok((key, end)) => Ok(Credentials::new(key, "x", None, end, "test")),
                Err(why) => Err(CredentialsError::provider_error(why)),
            }
        })
    }
}

/// An AWS that refuses the key OLD.
fn refusing_old(source: &Written) -> (Cloud, Canned) {
    let canned = Canned::new(
        |asked| match asked.authorization.contains("Credential=OLD/") {
            true => Answer::json_error(400, "ExpiredTokenException", "The token is expired"),
            false => Answer::ok("{\"clusterArns\":[]}"),
        },
    );
    let config = canned.config();
    let config = config.credentials_provider(SharedCredentialsProvider::new(source.clone()));
    (Cloud::with_config(&config.build()), canned)
}

async fn call(cloud: &Cloud) -> Result<(), AwsError> {
    cloud.list_clusters(json!({})).await.map(|_| ())
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_aws_calls_expired_are_asked_for_anew() {
    let source = Written::with("OLD", Duration::ZERO);
    let (cloud, canned) = refusing_old(&source);
    let refused = call(&cloud).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Expired);
    let over = cloud.credentials().over().expect("it was refused");
    assert_eq!(over.why, "The token is expired");
    source.write(Ok(("NEW", None)));
    wait(6).await;
    cloud.credentials().begin_look();
    call(&cloud).await.expect("there are new ones");
    assert_eq!(cloud.credentials().over(), None);
    call(&cloud).await.expect("and they are kept");
    assert_eq!(source.times(), 2);
    let last = canned.asked().pop().expect("it was asked");
    assert!(last.authorization.contains("Credential=NEW/"));
}

#[tokio::test(start_paused = true)]
async fn a_source_is_not_asked_for_each_call_while_nothing_new_is_there() {
    let source = Written::with("OLD", Duration::ZERO);
    let (cloud, _) = refusing_old(&source);
    for _ in 0..30 {
        let _ = tokio::join!(call(&cloud), call(&cloud), call(&cloud));
        wait(1).await;
    }
    let times = source.times();
    assert!((5..=7).contains(&times), "{times} times in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_says_why_and_is_asked_again() {
    let source = Written::with("OLD", Duration::ZERO);
    let (cloud, _) = refusing_old(&source);
    assert!(call(&cloud).await.is_err());
    source.write(Err("the SSO session has ended"));
    wait(6).await;
    let refused = call(&cloud).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Expired);
    assert!(
        refused.message.contains("the SSO session has ended"),
        "{refused}"
    );
    let over = cloud.credentials().over().expect("there are none");
    assert!(over.why.contains("the SSO session has ended"), "{over:?}");
    source.write(Ok(("NEW", None)));
    wait(6).await;
    call(&cloud).await.expect("it works again");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_takes_longer_than_a_call_may_comes_to_its_end() {
    let source = Written::with("NEW", Duration::from_secs(12));
    let (cloud, _) = refusing_old(&source);
    let mut tries = 0;
    while call(&cloud).await.is_err() {
        tries += 1;
        assert!(tries < 10, "it never ends");
    }
    assert!(tries > 0, "a call may take 5 s");
    assert_eq!(source.times(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_before_their_end_and_kept_where_that_fails() {
    let source = Written::with("NEW", Duration::ZERO);
    let now = SharedTimeSource::default().now();
    let in_seconds = |seconds| Some(now + Duration::from_secs(seconds));
    source.write(Ok(("FIRST", in_seconds(50))));
    let (cloud, canned) = refusing_old(&source);
    call(&cloud).await.expect("they are good");
    source.write(Err("not now"));
    wait(6).await;
    call(&cloud).await.expect("they still are");
    source.write(Ok(("SECOND", in_seconds(3600))));
    wait(6).await;
    call(&cloud).await.expect("there are new ones");
    let keys: Vec<_> = canned
        .asked()
        .into_iter()
        .map(|asked| asked.authorization)
        .collect();
    let used = |call: usize, key: &str| keys[call].contains(&format!("Credential={key}/"));
    assert!(
        used(0, "FIRST") && used(1, "FIRST") && used(2, "SECOND"),
        "{keys:?}"
    );
}
