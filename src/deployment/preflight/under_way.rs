//! A deployment that AWS shows and that may not have ended: where two runners don't share a store,
//! its tags are all that the second one sees of the first.

use serde_json::Value;

use crate::deployment::bare::LIVE_TAG;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::DeploymentId;
use crate::deployment::retire;

/// The deployment that gave a slot's service its tasks, unless its tags say that these have served, or wait
/// to be retired.
pub fn under_way(service: Option<&Value>) -> Option<DeploymentId> {
    let service = service?;
    let tag = |key: &str| {
        let tags = service.get("tags")?.as_array()?;
        let text = |tag: &Value, field: &str| tag.get(field)?.as_str().map(str::to_owned);
        let tag = tags
            .iter()
            .find(|it| text(it, "key").as_deref() == Some(key))?;
        text(tag, "value")
    };
    let runs = service.get("desiredCount").and_then(Value::as_u64);
    let definition = service.get("taskDefinition").and_then(Value::as_str);
    let has_served = tag(retire::SERVED_TAG).as_deref() == definition;
    if runs == Some(0) || has_served || tag(retire::TAG).is_some() {
        return None;
    }
    // Without a load balancer the tag says that it has succeeded.
    let own = tag(DEPLOYMENT_TAG).filter(|own| tag(LIVE_TAG).as_ref() != Some(own));
    own.map(DeploymentId::new)
}
