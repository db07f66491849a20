//! Somebody who asks the load balancers for a page now and then: without requests blue is retired
//! only when `retire.at_most` is over.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::support::{Scene, between, get, until};

/// Several times in each of the region's minutes.
const PAUSE: Duration = Duration::from_millis(200);

/// One that comes until this is dropped.
pub(crate) struct Visitor {
    _stay: Sender<()>,
}

impl Visitor {
    /// One of the first listener of each of these load balancers.
    pub(crate) fn of(scene: &Scene, balancers: &[&str]) -> Visitor {
        let addresses: Vec<String> = balancers
            .iter()
            .map(|name| {
                until("a listener to be announced", || {
                    let said = scene.announcement();
                    let mut lines = said.lines();
                    let line = lines.find(|line| line.starts_with(&format!("# {name}:")))?;
                    between(line, "takes requests at http://", "/").map(str::to_owned)
                })
            })
            .collect();
        let (stay, gone) = channel();
        std::thread::spawn(move || {
            while gone.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                for address in &addresses {
                    get(address);
                }
            }
        });
        Visitor { _stay: stay }
    }
}
