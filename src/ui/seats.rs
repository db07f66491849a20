//! Which pages keep a connection to the server. A browser opens six to it at most, for all of its
//! tabs: were each page's events to take one for good, nothing would go through from the seventh on,
//! not even a form of the first.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many pages keep one. With one that looks now and then, two are left for forms and links.
const STAY: usize = 3;
/// How many look now and then at one time.
const LOOK: usize = 1;

/// What there is to have.
#[derive(Debug)]
pub(super) struct Seats {
    stay: Arc<Semaphore>,
    look: Arc<Semaphore>,
}

/// A page's; dropping it gives it back.
#[derive(Debug)]
pub(super) enum Seat {
    /// Its events go on.
    Stays(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    /// It is told what there is, and asks again later.
    Looks(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
}

impl Default for Seats {
    fn default() -> Seats {
        Seats {
            stay: Arc::new(Semaphore::new(STAY)),
            look: Arc::new(Semaphore::new(LOOK)),
        }
    }
}

impl Seats {
    /// The best that is free. `None` where none is, for the moment that another page takes to look.
    pub(super) fn take(&self) -> Option<Seat> {
        let of = |seats: &Arc<Semaphore>| Arc::clone(seats).try_acquire_owned().ok();
        of(&self.stay)
            .map(Seat::Stays)
            .or_else(|| of(&self.look).map(Seat::Looks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_has_connections_left_whatever_is_open() {
        let seats = Seats::default();
        let mut taken: Vec<Seat> = std::iter::from_fn(|| seats.take()).collect();
        assert!(matches!(
            taken[..],
            [
                Seat::Stays(_),
                Seat::Stays(_),
                Seat::Stays(_),
                Seat::Looks(_)
            ]
        ));
        taken.remove(1);
        assert!(matches!(seats.take(), Some(Seat::Stays(_))));
    }
}
