//! Credentials that ended in the middle: nothing is raised or made; the guards and patience go on.

use super::Draft;
use crate::deployment::trip::Hold;

impl Draft<'_> {
    /// Holds while AWS doesn't take the credentials; true while that is so, and once when it is
    /// over: then everything has to be looked at again first.
    pub(super) fn wait_for_credentials(&mut self) -> bool {
        let held = self.deployment.hold.as_ref();
        let held = held.filter(|held| held.reasons.iter().any(Hold::is_of_credentials));
        match (&self.seen.credentials_over, held) {
            (None, None) => false,
            (None, Some(_)) => {
                self.hold(Vec::new());
                self.wake_at = self.now;
                true
            }
            (Some(_), Some(held)) => {
                // AWS's words differ from call to call; it is one trouble, and told once.
                self.hold_or_give_up(held.reasons.clone());
                true
            }
            (Some(over), None) => {
                self.hold_or_give_up(vec![Hold::CredentialsOver {
                    which: over.which.clone(),
                    why: over.why.clone(),
                    renew: over.renew.clone(),
                }]);
                true
            }
        }
    }
}
