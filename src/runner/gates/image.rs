//! Image gates: what green was made of, as its registry shows it now.

use super::Context;
use crate::deployment::preflight::launch;
use crate::deployment::task_definition;
use crate::gate::{GateAnswer, ImageCheck, USUAL_DELAY};

impl Context {
    pub(super) async fn look_at_images(&self, check: &ImageCheck) -> GateAnswer {
        let again = |why: String| GateAnswer::Again {
            why,
            after: USUAL_DELAY,
            details: Default::default(),
        };
        let Some(revision) = &self.task_definition else {
            return again("green's task definition is not known".to_owned());
        };
        let described = match self.cloud.revision(revision).await {
            Ok(Some(described)) => described,
            Ok(None) => return again(format!("{} can't be found", revision.short())),
            Err(error) if error.class.may_pass() => return again(error.to_string()),
            Err(error) => {
                let why = error.to_string();
                return GateAnswer::Failed { why };
            }
        };
        let body = task_definition::from_describe(&described);
        let launch = launch(Some(&self.plan.settings));
        let scans = check.looks_at_scans();
        check.judge(&self.cloud.images_of(&body, launch, scans).await)
    }
}
