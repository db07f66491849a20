//! Ids of deployments.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::deployment::ids::DeploymentId;

/// When an id's deployment began.
const STAMP: &str = "%Y%m%d-%H%M%S";
/// The stamp's length.
const STAMP_LEN: usize = 15;

/// A deployment's id: when it began, and four random characters. Sorts by time, and after `last`,
/// its service's last one: that may be of a machine whose clock was ahead.
pub fn new_id(now: Timestamp, last: Option<&DeploymentId>) -> DeploymentId {
    let fresh = id_at(now);
    match last {
        Some(last) if fresh <= *last => second_after(last).map_or(fresh, id_at),
        _ => fresh,
    }
}

fn id_at(at: Timestamp) -> DeploymentId {
    let stamp = at.strftime(STAMP);
    let tail: String = (0..4).map(|_| fastrand::char('a'..='z')).collect();
    DeploymentId::new(format!("{stamp}-{tail}"))
}

/// A second after the moment in `id`, where it has one.
fn second_after(id: &DeploymentId) -> Option<Timestamp> {
    let stamp = id.as_str().get(..STAMP_LEN)?;
    let began = DateTime::strptime(STAMP, stamp).ok()?;
    let began = began.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_second(began.as_second() + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_sorts_after_the_last_one_whatever_its_clock_said() {
        let now: Timestamp = "2026-11-21T16:00:00Z".parse().expect("it is a moment");
        assert!(new_id(now, None).as_str().starts_with("20261121-160000-"));
        for (last, stamp) in [
            ("20261121-155959-zzzz", "20261121-160000-"),
            ("20261121-160000-zzzz", "20261121-160001-"),
            ("20261231-235959-abcd", "20270101-000000-"),
        ] {
            let last = DeploymentId::new(last);
            let id = new_id(now, Some(&last));
            assert!(id > last && id.as_str().starts_with(stamp), "{last}: {id}");
        }
        let foreign = DeploymentId::new("by-another-program");
        let id = new_id(now, Some(&foreign));
        assert!(id.as_str().starts_with("20261121-160000-"));
    }
}
