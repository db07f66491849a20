//! Observes and changes AWS through the official SDK; never decides anything.
//!
//! [`Cloud`] is the handle. [`Cloud::survey`] collects what planning has to know,
//! [`Cloud::observe`] takes the look that each round of the loop begins with, and
//! [`Cloud::perform`] does what was decided. Bodies that AWS sent travel back as they came, with
//! fields that neither this program nor the SDK knows.

mod adopt;
mod alarms;
mod arrival;
mod by_hand;
mod cbor;
mod cloud;
mod codes;
mod collect;
mod connect;
mod credentials;
mod deadman;
mod definitions;
mod dns;
mod ecs;
mod error;
mod forward;
mod forwards;
mod groups;
mod images;
mod instances;
mod lambda;
mod last_hour;
mod limits;
mod listeners;
mod logs;
mod metrics;
mod minutes;
mod observe;
mod perform;
mod permissions;
mod policy;
mod provision;
mod publish;
mod raw;
mod records;
mod registry;
mod retirement;
mod retry;
mod revisions;
mod routes;
mod scaling;
mod services;
mod strangers;
mod survey;
mod survey_ask;
mod tail;
mod test_address;
mod together;
mod universal;
mod verify;
mod web;
mod xml;

#[cfg(test)]
mod canned;
#[cfg(test)]
mod tests;

pub use adopt::Unfinished;
pub use cloud::Cloud;
pub use collect::CollectAsk;
pub use connect::{ConnectError, ConnectOptions};
pub(crate) use credentials::Renewing;
pub use dns::RecordsAsk;
pub(crate) use error::classify;
pub use error::{AwsError, ErrorClass};
pub use lambda::{Invoked, Release, Releases};
pub use last_hour::LastHour;
pub use metrics::MetricsAsk;
pub use perform::Done;
pub use permissions::Access;
pub use policy::{Policy, Scope, policy};
pub use retirement::{Requests, Watched};
pub(crate) use retry::{Effect, repeat};
pub use routes::RouteWrite;
pub use survey_ask::SurveyAsk;
pub use tail::{LogEvent, LogStream};
pub use web::{Web, WebAnswer, WebRequest};
