use jiff::Timestamp;
use proptest::prelude::*;

use super::{Size, screen};
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::{EcsServiceName, TaskDefinitionArn};
use crate::deployment::metrics::{MetricGuards, Served, minute_of};
use crate::report::line::Symbols;
use crate::report::stories::{self, at};
use crate::report::view::View;

const SMALL: Size = Size {
    columns: 80,
    rows: 24,
};
const LARGE: Size = Size {
    columns: 120,
    rows: 40,
};

/// What is on the screen once the story has come to `seconds`.
fn shown(records: &[Record], seconds: i64, size: Size, symbols: Symbols) -> String {
    let past = records.iter().take_while(|record| record.at <= at(seconds));
    let lines = screen(&View::of(past), at(seconds), size, symbols);
    lines
        .iter()
        .map(|line| line.to_string().trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn the_moments_of_a_good_deployment_on_a_small_terminal() {
    let good = stories::good();
    let moments: Vec<_> = [0, 25, 80, 100, 240, 500, 703]
        .map(|seconds| shown(&good, seconds, SMALL, Symbols::Unicode))
        .into();
    insta::assert_snapshot!(moments.join("\n════\n\n"));
}

#[test]
fn a_hold_a_revert_and_a_stuck_one_on_a_small_terminal() {
    let mut moments = vec![shown(&stories::holding(), 460, SMALL, Symbols::Unicode)];
    moments.push(shown(&stories::alarmed(), 225, SMALL, Symbols::Unicode));
    moments.push(shown(&stories::alarmed(), 240, SMALL, Symbols::Unicode));
    for (_, records) in stories::stuck() {
        moments.push(shown(&records, 900, SMALL, Symbols::Unicode));
    }
    insta::assert_snapshot!(moments.join("\n════\n\n"));
}

#[test]
fn times_that_are_none_and_shares_of_a_worker_are_not_shown() {
    for seconds in [80, 101] {
        let shown = shown(&stories::rollback(), seconds, SMALL, Symbols::Unicode);
        assert!(!shown.contains(" 0s"), "{shown}");
        assert!(shown.contains("100%  "), "{shown}");
    }
    let shown = shown(&stories::worker(), 160, SMALL, Symbols::Unicode);
    assert!(shown.contains("▶ beside blue for 5m"), "{shown}");
    assert!(!shown.contains("inline"), "{shown}");
}

#[test]
fn the_end_of_every_revert_on_a_small_terminal() {
    let ends = stories::reverts().into_iter().map(|(name, records)| {
        let end = shown(&records, 900, SMALL, Symbols::Unicode);
        format!("{name}\n\n{end}")
    });
    let ends: Vec<String> = ends.collect();
    insta::assert_snapshot!(ends.join("\n════\n\n"));
}

#[test]
fn long_names_leave_room_for_the_figures() {
    let mut records = stories::holding();
    if let Event::Started { plan } = &mut records[0].event {
        let name = "our-company-shop-checkout-service";
        plan.slots.a.service = EcsServiceName::new(name);
        plan.slots.b.service = EcsServiceName::new(format!("{name}-b"));
        plan.blue_task_definition = TaskDefinitionArn::new(format!("{name}:1234"));
    }
    let shown = shown(&records, 460, SMALL, Symbols::Unicode);
    for needed in ["rvice-b  ", ":1234  ", "1/2  ! unhealthy\n"] {
        assert!(shown.contains(needed), "{needed} is missing from\n{shown}");
    }
}

#[test]
fn a_large_terminal_and_one_without_unicode() {
    let holding = stories::holding();
    let large = shown(&holding, 460, LARGE, Symbols::Unicode);
    let ascii = shown(&holding, 460, LARGE, Symbols::Ascii);
    assert!(ascii.is_ascii());
    insta::assert_snapshot!([large, ascii].join("\n════\n\n"));
}

#[test]
fn many_routes_alarms_and_steps_still_show_what_matters() {
    let mut records = stories::holding();
    if let Event::Started { plan } = &mut records[0].event {
        let alarm = plan.guards.alarms[0].clone();
        plan.guards.alarms.extend(std::iter::repeat_n(alarm, 20));
        plan.routes = (0..9)
            .map(|n| stories::route(&format!("shop:443 /part-{n}/*")))
            .collect();
        let step = plan.steps[0].clone();
        plan.steps.splice(0..0, std::iter::repeat_n(step, 12));
    }
    let shown = shown(&records, 460, SMALL, Symbols::Unicode);
    for needed in ["holding", "blue", "green", "Holding", "10% for 5m", "more"] {
        assert!(shown.contains(needed), "{needed} is missing from\n{shown}");
    }
}

#[test]
fn metrics_show_what_was_judged_how_late_that_is_and_what_the_newest_minute_was() {
    let mut records = stories::holding();
    if let Event::Started { plan } = &mut records[0].event {
        plan.guards.metrics = Some(MetricGuards::default());
    }
    let before = shown(&records, 460, SMALL, Symbols::Unicode);
    assert!(before.contains("not judged"), "{before}");
    let mut served = Served::default();
    served.blue.requests = 1800;
    let minute = minute_of(at(300));
    let judged = Event::MinuteJudged {
        minute,
        step: 0,
        served,
    };
    let record = Record {
        at: at(400),
        event: judged,
        ..records[0].clone()
    };
    records.push(record);
    let shown = shown(&records, 460, SMALL, Symbols::Unicode);
    for needed in [
        "green no traffic, blue 0 of 1,800 failed, in 1m\n",
        "figures 1m 40s old: green no traffic, blue no errors",
    ] {
        assert!(shown.contains(needed), "{needed} is missing from\n{shown}");
    }
}

#[test]
fn figures_of_a_busy_service_are_whole_in_eighty_columns() {
    let mut records = stories::holding();
    if let Event::Started { plan } = &mut records[0].event {
        plan.guards.metrics = Some(MetricGuards::default());
    }
    let mut served = Served::default();
    for (side, requests) in [(&mut served.blue, 200_000), (&mut served.green, 123_456)] {
        side.requests = requests;
        (side.http_5xx, side.timed, side.slow) = (requests / 15, requests, requests / 100);
    }
    for minute in 0..61 {
        let mut served = served;
        served.blue.requests += minute;
        let judged = Event::MinuteJudged {
            minute: minute_of(at(300 + 60 * minute as i64)),
            step: 0,
            served,
        };
        let mut record = records[0].clone();
        (record.at, record.event) = (at(400), judged);
        records.push(record);
    }
    let size = Size {
        columns: 79,
        rows: 40,
    };
    let shown = shown(&records, 460, size, Symbols::Unicode);
    let whole = [
        "green 502,030 of 7,530,816 failed, 75,274 slow\n",
        " slow, in 1h 1m\n",
    ];
    for whole in whole {
        assert!(shown.contains(whole), "{whole} is missing from\n{shown}");
    }
}

fn any_records() -> impl Strategy<Value = Vec<Record>> {
    let all: Vec<Record> = stories::all()
        .into_iter()
        .flat_map(|(_, records)| records)
        .collect();
    let moment = prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        (0i64..2000).prop_map(at),
    ];
    let record = (proptest::sample::select(all), moment);
    proptest::collection::vec(
        record.prop_map(|(mut record, at)| {
            record.at = at;
            record
        }),
        0..25,
    )
}

proptest! {
    #[test]
    fn no_order_of_records_breaks_the_screen(
        records in any_records(), columns in 0u16..200, rows in 0u16..60, seconds in -10i64..3000
    ) {
        let told = crate::report::ending::ending(&View::of(&records));
        prop_assert!(told.len() != 1, "an ending is more than its headline");
        let (view, size) = (View::of(&records), Size { columns, rows });
        for symbols in [Symbols::Unicode, Symbols::Ascii] {
            for now in [at(seconds), Timestamp::MIN, Timestamp::MAX] {
                let lines = screen(&view, now, size, symbols);
                prop_assert!(lines.len() <= usize::from(rows));
                prop_assert!(lines.iter().all(|line| line.width() <= usize::from(columns)));
            }
        }
    }
}
