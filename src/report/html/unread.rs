//! What a page says while the state can't be read.

use jiff::Timestamp;
use serde::Serialize;

use super::super::words;
use super::page::{render, style};

const UNREAD: &str = concat!(
    include_str!("frame.html"),
    include_str!("unread.html"),
    include_str!("frame_end.html")
);

/// A page that can't be made.
#[derive(Debug, Clone, Copy)]
pub struct Unread<'a> {
    /// Where its events are.
    pub events_path: &'a str,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: &'a str,
}

#[derive(Serialize)]
struct Framed<'a> {
    title: &'static str,
    style: String,
    version: &'static str,
    events_path: &'a str,
    service: Option<&'a str>,
    unread: String,
}

/// What stands in the place of a page that can't be made.
pub fn unread_page(unread: &Unread<'_>) -> String {
    let since = words::clock(unread.since);
    let framed = Framed {
        title: "The state can't be read",
        style: style(),
        version: env!("CARGO_PKG_VERSION"),
        events_path: unread.events_path,
        service: None,
        unread: format!("Asked at {since} UTC: {}.", unread.why),
    };
    render(UNREAD, &framed)
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::at;
    use super::*;

    #[test]
    fn a_page_that_cannot_be_made_says_why_and_asks_again() {
        let page = unread_page(&Unread {
            events_path: "/services/shop/events",
            since: at(0),
            why: "table <bg>: no answer",
        });
        for said in [
            "Asked at 07:14:00 UTC: table &lt;bg&gt;: no answer.",
            "data-live=\"&#x2f;services&#x2f;shop&#x2f;events\" data-unread",
            "src=\"/live.js\"",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
    }
}
