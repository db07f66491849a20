//! Keeps a page that somebody has open up to date, and says so where it can't.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{House, Part, UNKNOWN, in_time, render};
use super::events::Writer;
use super::look::Look;
use super::path::Shown;
use crate::report::html::{Driver, unread_told};
use crate::report::words;
use crate::store::StoreError;

/// Between two looks at the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So often it is read anew although nothing was recorded: its clocks move, figures come in.
const ANEW_EVERY: u32 = 10;

/// What the reader of a page was told last.
#[derive(Debug, Default)]
struct Told {
    main: String,
    state: Option<State>,
    /// When the state was last read.
    read_at: Option<Timestamp>,
    /// Since when it can't be.
    unread: Option<Timestamp>,
}

/// What says that a deployment's page has changed: how much is recorded, and who drives it.
type State = (usize, Driver);

/// Something to send: an event's name, and its text.
type News = (&'static str, String);

/// Sends the page's main part whenever it has changed, and that it can't be read while that is so,
/// until nobody reads any more.
pub(super) async fn follow(house: Arc<House>, shown: Shown, writer: Writer) {
    let mut told = Told::default();
    for round in 0_u32.. {
        let here = told.as_of();
        let reading = told.news(&house, &shown, round);
        let Some(news) = writer.beside(&here, reading).await else {
            return;
        };
        if let Some((name, text)) = news
            && !writer.send(name, &text).await
        {
            return;
        }
        if !writer.send("here", &told.as_of()).await {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Told {
    /// From when that is what the page shows.
    fn as_of(&self) -> String {
        self.read_at.map_or_else(|| "-".to_owned(), words::clock)
    }

    async fn news(&mut self, house: &House, shown: &Shown, round: u32) -> Option<News> {
        let anew = round.is_multiple_of(ANEW_EVERY) || self.unread.is_some();
        let read = self.read(house, shown, anew).await;
        let now = house.look.clock.now();
        let why = match read {
            Ok(Read::NotYet) => return None,
            Ok(Read::Same) => {
                self.read_at = Some(now);
                return None;
            }
            Ok(Read::Main(main)) => {
                self.read_at = Some(now);
                let again = self.unread.take().is_some();
                let news = (again || main != self.main).then(|| ("main", main.clone()));
                self.main = main;
                return news;
            }
            Ok(Read::Nothing) => UNKNOWN.to_owned(),
            Err(error) => error.to_string(),
        };
        let since = *self.unread.get_or_insert(self.read_at.unwrap_or(now));
        Some(("unread", unread_told(since, &why)))
    }

    async fn read(&mut self, house: &House, shown: &Shown, anew: bool) -> Result<Read, StoreError> {
        let state = in_time(state(&house.look, shown)).await?;
        match &state {
            None if !anew => return Ok(Read::NotYet),
            Some(_) if state == self.state && !anew => return Ok(Read::Same),
            _ => {}
        }
        let main = render(house, shown, Part::Main).await?;
        self.state = state;
        Ok(main.map_or(Read::Nothing, Read::Main))
    }
}

/// What came of a look.
#[derive(Debug)]
enum Read {
    /// It is not the moment to.
    NotYet,
    Same,
    Main(String),
    Nothing,
}

/// `None` for lists, which are read anew now and then.
async fn state(look: &Look, shown: &Shown) -> Result<Option<State>, StoreError> {
    let Shown::Deployment(service, id) = shown else {
        return Ok(None);
    };
    let records = look.store.journal(service, id).await?;
    Ok(Some((records.len(), look.driven(service, None).await)))
}
