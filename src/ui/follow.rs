//! Keeps a page that somebody has open up to date, and says so where it can't.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Drawn, House, Part, in_time, render};
use super::events::{Events, Writer, events};
use super::look::Look;
use super::pace::Pace;
use super::path::Shown;
use super::seats::Seat;
use crate::report::html::Driver;
use crate::report::words;
use crate::store::StoreError;

/// Between two looks at the store, for a page that keeps its connection.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So often it is read anew although nothing was recorded: its clocks move, figures come in.
const ANEW_EVERY: u32 = 10;
/// How long a page waits whose turn it is not.
const NEXT_TURN: Duration = Duration::from_secs(1);
/// How long one waits that could not be read.
const UNREAD_AGAIN: Duration = Duration::from_secs(3);
/// The moment of a page that was not read.
const UNSEEN: &str = "-";

/// What the reader of a page was told last.
#[derive(Debug, Default)]
struct Told {
    main: String,
    mark: Option<Mark>,
    pace: Option<Pace>,
    /// When the state was last read.
    read_at: Option<Timestamp>,
    how: How,
}

/// What came of the last look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum How {
    #[default]
    Read,
    Unread,
    Gone,
}

/// What says that a deployment's page has changed: how much is recorded, and who drives it.
pub(super) type Mark = (usize, Driver);

/// Something to send: an event's name, and its text.
type News = (&'static str, String);

/// What a page's reader is told from now on. `None` where the store knows nothing of it.
pub(super) async fn events_of(house: &Arc<House>, shown: Shown) -> Option<Events> {
    let (writer, events) = events();
    let Some(seat) = house.seats.take() else {
        writer.send("here", UNSEEN).await;
        writer.later(NEXT_TURN).await;
        return Some(events);
    };
    let first = render(house, &shown, Part::Main).await;
    if let Ok(None) = first {
        return None;
    }
    tokio::spawn(follow(Arc::clone(house), shown, seat, first, writer));
    Some(events)
}

/// Sends the page's main part whenever it has changed, and that it can't be read while that is so,
/// until nobody reads any more, or it is enough to ask again later.
async fn follow(
    house: Arc<House>,
    shown: Shown,
    seat: Seat,
    first: Result<Option<Drawn>, StoreError>,
    writer: Writer,
) {
    let mut told = Told::default();
    let mut news = told.news(first.map(Read::from), house.look.clock.now());
    for round in 1_u32.. {
        if let Some((name, text)) = news
            && !writer.send(name, &text).await
        {
            return;
        }
        if !writer.send("here", &told.as_of()).await {
            return;
        }
        if let Some(later) = told.later(&seat) {
            writer.later(later).await;
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let here = told.as_of();
        let looking = told.look(&house, &shown, round);
        let Some(next) = writer.beside(&here, looking).await else {
            return;
        };
        news = next;
    }
}

impl Told {
    /// From when that is what the page shows.
    fn as_of(&self) -> String {
        self.read_at.map_or_else(|| UNSEEN.to_owned(), words::clock)
    }

    /// When the page is to ask again; `None` where its connection stays.
    fn later(&self, seat: &Seat) -> Option<Duration> {
        let pace = self.pace.unwrap_or(Pace::Running);
        match (self.how, pace, seat) {
            // It is answered that there is no such page.
            (How::Gone, ..) => Some(LOOK_EVERY),
            (_, Pace::Running, Seat::Stays(_)) => None,
            (How::Unread, ..) => Some(pace.again().min(UNREAD_AGAIN)),
            (How::Read, ..) => Some(pace.again()),
        }
    }

    async fn look(&mut self, house: &House, shown: &Shown, round: u32) -> Option<News> {
        let anew = round.is_multiple_of(ANEW_EVERY) || self.how != How::Read;
        let read = match anew {
            true => render(house, shown, Part::Main).await.map(Read::from),
            false => self.changed(house, shown).await,
        };
        self.news(read, house.look.clock.now())
    }

    /// Draws it if there is something new.
    async fn changed(&self, house: &House, shown: &Shown) -> Result<Read, StoreError> {
        if in_time(mark(&house.look, shown)).await? == self.mark {
            return Ok(Read::Same);
        }
        render(house, shown, Part::Main).await.map(Read::from)
    }

    /// What is to be sent of what was read.
    fn news(&mut self, read: Result<Read, StoreError>, now: Timestamp) -> Option<News> {
        let before = self.how;
        match read {
            Ok(Read::Same) => self.read_at = Some(now),
            Ok(Read::Drawn(drawn)) => {
                self.read_at = Some(now);
                self.how = How::Read;
                (self.mark, self.pace) = (drawn.mark, Some(drawn.pace));
                let is_new = before != How::Read || drawn.text != self.main;
                self.main.clone_from(&drawn.text);
                return is_new.then_some(("main", drawn.text));
            }
            Ok(Read::Nothing) => self.how = How::Gone,
            Err(error) => {
                self.how = How::Unread;
                return Some(("unread", error.to_string()));
            }
        }
        None
    }
}

/// What came of a look.
#[derive(Debug)]
enum Read {
    Same,
    Drawn(Drawn),
    Nothing,
}

impl From<Option<Drawn>> for Read {
    fn from(drawn: Option<Drawn>) -> Read {
        drawn.map_or(Read::Nothing, Read::Drawn)
    }
}

/// `None` for lists.
async fn mark(look: &Look, shown: &Shown) -> Result<Option<Mark>, StoreError> {
    let Shown::Deployment(service, id) = shown else {
        return Ok(None);
    };
    let records = look.store.journal(service, id).await?;
    Ok(Some((records.len(), look.driven(service, Some(id)).await)))
}
