//! What a page of a server has beside that of a file: where the deployment is right now, and what
//! can be asked of it.

use jiff::Timestamp;
use serde::Serialize;

use super::super::approval::{self, Unasked};
use super::super::view::{Phase, Role, TimeLeft, View};
use super::super::words;
use super::page::{Fact, fact};
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::trip;
use crate::strategy::Weight;

/// The script that keeps the pages up to date.
pub const SCRIPT: &str = include_str!("live.js");

/// Whose page it is, and who may be asked.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// The deployment.
    pub id: &'a DeploymentId,
    /// Who drives it, if somebody does: only then it can be asked for anything.
    pub driver: Option<&'a str>,
    /// What a form has to bring with it.
    pub csrf: &'a str,
    /// Who asks through it.
    pub who: &'a str,
}

/// That of a moment.
#[derive(Debug, Serialize)]
pub(super) struct Now {
    service_path: String,
    events_path: String,
    id: String,
    csrf: String,
    status: String,
    shares: Vec<Share>,
    now: Vec<Fact>,
    actions: Vec<Action>,
    approval: Option<Approval>,
}

/// A gate that waits for somebody.
#[derive(Debug, Serialize)]
struct Approval {
    gate: String,
    path: String,
    /// Why this person is not asked.
    refused: Option<String>,
}

/// Green's share of a route.
#[derive(Debug, Serialize)]
struct Share {
    route: String,
    told: String,
    value: f64,
}

#[derive(Debug, Serialize)]
struct Action {
    name: &'static str,
    label: &'static str,
    does: &'static str,
    tone: &'static str,
    path: String,
}

/// What can be asked: the last part of the path, the button, what it does, its tone.
const ACTIONS: [(&str, &str, &str, &str); 4] = [
    ("pause", "Pause", "stay at the present weight", "warn"),
    (
        "promote",
        "Promote",
        "go on, past a pause or the present bake",
        "good",
    ),
    (
        "promote-full",
        "Promote fully",
        "give green everything at once",
        "good",
    ),
    ("abort", "Abort", "put all traffic back on blue", "bad"),
];

impl Live<'_> {
    fn path(&self) -> String {
        format!(
            "/services/{}/{}",
            escaped(self.service.as_str()),
            escaped(self.id.as_str())
        )
    }

    pub(super) fn now(&self, view: &View, now: Timestamp) -> Now {
        let goes_on = view.outcome.is_none();
        let asked = goes_on && self.driver.is_some() && view.trip.is_none();
        let path = self.path();
        let action = |(name, label, does, tone)| Action {
            name,
            label,
            does,
            tone,
            path: format!("{path}/{name}"),
        };
        Now {
            service_path: format!("/services/{}", escaped(self.service.as_str())),
            events_path: format!("{path}/events"),
            id: self.id.to_string(),
            csrf: self.csrf.to_owned(),
            status: status(view),
            shares: match goes_on {
                true => shares(view),
                false => Vec::new(),
            },
            now: match goes_on {
                true => self.facts(view, now),
                false => Vec::new(),
            },
            approval: asked.then(|| self.approval(view, path.clone())).flatten(),
            actions: match asked {
                true => ACTIONS.into_iter().map(action).collect(),
                false => Vec::new(),
            },
        }
    }

    fn approval(&self, view: &View, path: String) -> Option<Approval> {
        let refused = match approval::asked(view, self.who) {
            Ok(_) => None,
            Err(Unasked::Nobody) => return None,
            Err(why) => Some(why.to_string()),
        };
        let gate = view.gate_name()?.to_owned();
        Some(Approval {
            gate,
            path,
            refused,
        })
    }

    fn facts(&self, view: &View, now: Timestamp) -> Vec<Fact> {
        let mut facts = vec![fact("phase", phase(view))];
        if let Some(trip) = &view.trip {
            facts.push(fact("tripped", trip.to_string()));
        }
        if let Some(by) = &view.paused {
            facts.push(fact("paused", format!("by {by}")));
        }
        if let Some(gate) = view.gate_told() {
            facts.push(fact("gate", gate));
        }
        if let Some(hold) = &view.hold {
            let until = words::moment(hold.until, now);
            let text = format!("{}; until {until} at most", trip::join(&hold.reasons));
            facts.push(fact("holding", text));
        }
        for role in [Role::Blue, Role::Green] {
            if let Some(counts) = view.counts(role) {
                let text = format!("{}: {}", view.side(role), words::counts(counts));
                facts.push(fact(role.as_str(), text));
            }
        }
        if let Some(look) = &view.look {
            for (alarm, state) in &look.alarms {
                facts.push(fact("alarm", format!("{alarm}: {}", words::alarm(*state))));
            }
        }
        facts.extend(left(view, now).map(|left| fact("left", left)));
        let driver = self.driver.unwrap_or("nobody: `bg resume` goes on with it");
        facts.push(fact("driven by", driver));
        facts
    }
}

/// A text as a part of an address's path.
pub fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// One sentence that changes only with what matters, so that a screen reader says it then.
fn status(view: &View) -> String {
    match &view.outcome {
        Some(_) => "This deployment is over.".to_owned(),
        None => format!("Now: {}.", phase(view)),
    }
}

fn phase(view: &View) -> String {
    let set = view.set.unwrap_or(Weight::ZERO);
    let step = view.step_of();
    let of_step = || {
        step.as_ref()
            .map_or_else(String::new, |step| format!(", {step}"))
    };
    match view.phase {
        Phase::Starting => "starting".to_owned(),
        Phase::Registering => "registering the task definition".to_owned(),
        Phase::Provisioning => "provisioning green".to_owned(),
        Phase::BecomingHealthy => "green is becoming healthy".to_owned(),
        Phase::Settling => "green is healthy, and has to stay so for a while".to_owned(),
        Phase::Shifting => format!("shifting {set} of traffic to green{}", of_step()),
        Phase::Baking => format!("baking at {set}{}", of_step()),
        Phase::Promoted => "promoted: green serves everything".to_owned(),
        Phase::Reverting => "reverting: all traffic goes to blue".to_owned(),
        Phase::PuttingGreenAway => "traffic is on blue; green is being scaled to zero".to_owned(),
        Phase::Ended => "over".to_owned(),
    }
}

fn left(view: &View, now: Timestamp) -> Option<String> {
    Some(match view.time_left(now)? {
        TimeLeft::About(length) => format!("about {}, holds aside", words::length(length)),
        TimeLeft::AfterHealthy(length) => {
            format!(
                "{} from the moment that green is healthy",
                words::length(length)
            )
        }
    })
}

fn shares(view: &View) -> Vec<Share> {
    let seen = view.look.iter().flat_map(|look| &look.weights);
    let share = |(route, seen): (&String, &Option<Weight>)| {
        let set = view.set.unwrap_or(Weight::ZERO);
        let shown = seen.map_or_else(|| "unreadable".to_owned(), |it| it.to_string());
        Share {
            route: route.clone(),
            told: format!("{shown} on green ({set} set)"),
            value: f64::from(seen.unwrap_or(Weight::ZERO).per_mille()) / 10.0,
        }
    };
    seen.map(share).collect()
}
