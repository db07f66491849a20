//! Somebody who asks the load balancer for a page now and then: without requests blue is retired
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
    /// One of the first listener that takes requests.
    pub(crate) fn of(scene: &Scene) -> Visitor {
        let address = until("a listener to be announced", || {
            let said = scene.announcement();
            between(&said, "takes requests at http://", "/").map(str::to_owned)
        });
        let (stay, gone) = channel();
        std::thread::spawn(move || {
            while gone.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                get(&address);
            }
        });
        Visitor { _stay: stay }
    }
}
