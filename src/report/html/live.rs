//! What a page of a server has beside that of a file: where the deployment is right now, and what
//! can be asked of it.

use jiff::Timestamp;
use serde::Serialize;

use super::super::approval::{self, Unasked};
use super::super::view::{Role, TimeLeft, View};
use super::super::waits::Waits;
use super::super::words;
use super::actions::{Action, actions, no_does, rejects};
use super::driver::Driver;
use super::headline::phase;
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
    /// Who drives it: only a process that does can be asked for anything.
    pub driver: &'a Driver,
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
    /// What a no does, and as it is asked back.
    no_does: &'static str,
    no_asks: String,
}

/// Green's share of a route.
#[derive(Debug, Serialize)]
struct Share {
    route: String,
    told: String,
    value: f64,
}

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
        let asked = goes_on && self.driver.is_there() && view.trip.is_none();
        let path = self.path();
        Now {
            service_path: format!("/services/{}", escaped(self.service.as_str())),
            events_path: format!("{path}/events"),
            id: self.id.to_string(),
            csrf: self.csrf.to_owned(),
            status: status(view, now),
            shares: match goes_on {
                true => shares(view),
                false => Vec::new(),
            },
            now: match goes_on {
                true => self.facts(view, now),
                false => Vec::new(),
            },
            actions: match asked {
                true => actions(view, &path),
                false => Vec::new(),
            },
            approval: asked.then(|| self.approval(view, path)).flatten(),
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
            no_does: no_does(view),
            no_asks: rejects(view),
        })
    }

    fn facts(&self, view: &View, now: Timestamp) -> Vec<Fact> {
        let mut facts = vec![fact("phase", phase(view))];
        if let Some(trip) = &view.trip {
            facts.push(fact("tripped", trip.to_string()));
        }
        if let Some(by) = &view.paused {
            let at = view.paused_at.map(|at| words::moment(at, now));
            let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
            facts.push(fact("paused", format!("by {by}{at}")));
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
        facts.push(fact("driven by", self.driver.told()));
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
fn status(view: &View, now: Timestamp) -> String {
    let waits = Waits::all_told(view, now);
    match &view.outcome {
        Some(_) => "This deployment is over.".to_owned(),
        None if waits.is_empty() => format!("Now: {}.", phase(view)),
        None => format!("Now: {}; {waits}.", phase(view)),
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

#[cfg(test)]
mod tests {
    use super::super::super::stories::{self, at};
    use super::super::{Measured, live_main, live_page};
    use super::*;
    use crate::deployment::event::Record;
    use crate::deployment::metrics::Minutes;

    fn shown(
        records: &[Record],
        part: fn(&[Record], &Measured, &Live<'_>, Timestamp) -> String,
    ) -> String {
        driven(records, part, &Driver::Is("ada@build-7".to_owned()))
    }

    fn driven(
        records: &[Record],
        part: fn(&[Record], &Measured, &Live<'_>, Timestamp) -> String,
        driver: &Driver,
    ) -> String {
        let (service, id) = (ServiceName::new("shop"), DeploymentId::new("d1"));
        let live = Live {
            service: &service,
            id: &id,
            driver,
            csrf: "secret",
            who: "kim@laptop",
        };
        part(records, &Measured::Minutes(Minutes::new()), &live, at(710))
    }

    #[test]
    fn what_is_waited_for_is_in_the_headline_and_in_what_is_read_out() {
        let page = shown(&stories::approval(), live_main);
        let waits = "aits for approval of gate release, until 08:14:00";
        assert!(page.contains(&format!("</span> W{waits}</h1>")), "{page}");
        assert!(
            page.contains(&format!("step 1 of 2; w{waits}.</p>")),
            "{page}"
        );
        let page = shown(&stories::paused(), live_main);
        let paused = "aused by kim@build-7 at 07:16:40";
        assert!(page.contains(&format!("</span> P{paused}</h1>")), "{page}");
    }

    #[test]
    fn a_lock_that_cannot_be_read_is_not_taken_for_nobody_s() {
        let unread = Driver::Unread("no answer".to_owned());
        let page = driven(&stories::paused(), live_main, &unread);
        assert!(
            page.contains("who drives it can&#x27;t be read: no answer"),
            "{page}"
        );
        assert!(!page.contains("bg resume"), "{page}");
        assert!(!page.contains("<form"), "{page}");
        let page = driven(&stories::paused(), live_main, &Driver::Nobody);
        assert!(page.contains("nobody: `bg resume`"), "{page}");
    }

    #[test]
    fn forms_that_move_traffic_ask_back_and_the_others_do_not() {
        let page = shown(&stories::approval(), live_page);
        let asks = |what: &str| {
            let form = page.split("<form ").find(|it| it.contains(what));
            form.is_some_and(|form| form.contains("data-asks=\""))
        };
        for what in [
            "&#x2f;promote\"",
            "&#x2f;promote-full\"",
            "&#x2f;abort\"",
            "/reject\"",
        ] {
            assert!(asks(what), "{what}: {page}");
        }
        for what in ["&#x2f;pause\"", "/approve\""] {
            assert!(page.contains(what) && !asks(what), "{what}: {page}");
        }
        assert!(page.contains("<dialog role=\"alertdialog\""), "{page}");
        assert!(!shown(&stories::approval(), live_main).contains("<dialog"));
    }
}
