//! Where a deployment is, for people.

use serde::{Deserialize, Serialize};

use crate::deployment::event::Event;

/// Where a deployment is, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing was changed yet.
    #[default]
    Starting,
    /// Green's task definition is being registered.
    Registering,
    /// Green's service is being created or updated.
    Provisioning,
    /// Green has its service, and not all that it needs to be healthy.
    BecomingHealthy,
    /// Green is healthy, and has to stay so for a while.
    Settling,
    /// Weights are being written.
    Shifting,
    /// Green stays at a weight while the guards watch.
    Baking,
    /// Green serves everything; the deployment has succeeded.
    Promoted,
    /// All traffic is going back to blue.
    Reverting,
    /// Traffic is back on blue, and green is being scaled to zero.
    PuttingGreenAway,
    /// Over.
    Ended,
}

/// The phase that an event begins, where it begins one.
pub(super) fn phase_after(event: &Event) -> Option<Phase> {
    Some(match event {
        Event::Started { .. } => Phase::Starting,
        Event::RegisteringTaskDefinition => Phase::Registering,
        Event::ProvisioningGreen => Phase::Provisioning,
        Event::GreenProvisioned | Event::GreenUnhealthy { .. } => Phase::BecomingHealthy,
        Event::GreenHealthy => Phase::Settling,
        Event::Shifting { .. } => Phase::Shifting,
        Event::Baking { .. } => Phase::Baking,
        Event::Promoted { .. } => Phase::Promoted,
        Event::Reverting { .. } => Phase::Reverting,
        Event::TrafficReverted | Event::PuttingGreenAway => Phase::PuttingGreenAway,
        Event::Ended { .. } => Phase::Ended,
        Event::TaskDefinitionReady { .. }
        | Event::GreenReady
        | Event::SizingGreen { .. }
        | Event::PointingTestRoutes { .. }
        | Event::ArmingDeadman { .. }
        | Event::DeadmanArmed { .. }
        | Event::DisarmingDeadman
        | Event::DeadmanDisarmed
        | Event::Holding { .. }
        | Event::HoldOver
        | Event::SettingsRestored
        | Event::GreenPutAway
        | Event::ActFailed { .. }
        | Event::Diagnosed { .. }
        | Event::Hurrying { .. }
        | Event::RetireWaiting { .. }
        | Event::Retiring
        | Event::Retired { .. }
        | Event::RetireCancelled { .. }
        | Event::Paused { .. }
        | Event::GoingOn { .. }
        | Event::Resumed { .. }
        | Event::GateOpened { .. }
        | Event::GateAsked { .. }
        | Event::GateAnswered { .. }
        | Event::MinuteJudged { .. }
        | Event::MinuteSkipped { .. }
        | Event::MinuteRevised { .. }
        | Event::ValuesRead { .. }
        | Event::Compared(_)
        | Event::EnoughEvidence { .. }
        | Event::WaitingForRequests { .. }
        | Event::Looked(_) => return None,
    })
}
