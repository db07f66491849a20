//! What the page says, and in which order; how it looks is its template's affair.

use jiff::Timestamp;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::super::ending::Ending;
use super::super::line::Tone;
use super::super::track::Track;
use super::super::view::{Role, View};
use super::super::words;
use super::chart::{Ink, Width, chart};
use super::headline::under_way;
use super::late::{self, Figures};
use super::live::{Live, Now};
use super::rows::{FindingRow, StepRow, steps};
use super::tables::{
    EventRow, GateRow, JudgementRow, MinuteRow, events, gates, judgement_row, minute_row,
};
use crate::deployment::diagnosis::Diagnosis;
use crate::deployment::event::Record;
use crate::deployment::metrics::Minutes;
use crate::deployment::plan::{Kind, Plan};
use crate::deployment::task_definition::Change;

const PAGE: &str = concat!(
    include_str!("macros.html"),
    include_str!("head.html"),
    include_str!("main.html"),
    include_str!("foot.html")
);
const MAIN: &str = concat!(include_str!("macros.html"), include_str!("main.html"));
const STYLE: &str = include_str!("page.css");

/// What CloudWatch shows of the deployment's minutes, if it was asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// Both sides' minutes.
    Minutes(Minutes),
    /// It has none, and why: the page shows what was judged.
    Not(String),
}

impl Measured {
    /// Nothing, and why.
    pub fn not_read(why: &str) -> Measured {
        Measured::Not(format!(
            "CloudWatch was not read ({why}): these are the figures that the judge had, if any."
        ))
    }
}

/// The page of the deployment with these records, in HTML. Nothing that it is given is trusted:
/// all text is escaped.
///
/// # Panics
/// Never: the template is the program's own, and held by tests.
pub fn page(records: &[Record], measured: &Measured, now: Timestamp) -> String {
    render(PAGE, &Page::of(records, measured, None, now))
}

/// The same as a page of a server, which keeps itself up to date.
///
/// # Panics
/// Never, as [`page`].
pub fn live_page(
    records: &[Record],
    measured: &Measured,
    live: &Live<'_>,
    now: Timestamp,
) -> String {
    render(PAGE, &Page::of(records, measured, Some(live), now))
}

/// Only what changes in [`live_page`].
///
/// # Panics
/// Never, as [`page`].
pub fn live_main(
    records: &[Record],
    measured: &Measured,
    live: &Live<'_>,
    now: Timestamp,
) -> String {
    render(MAIN, &Page::of(records, measured, Some(live), now))
}

/// Fills a template of the program's own. All text is escaped.
pub(super) fn render(template: &str, with: &impl Serialize) -> String {
    let rendered = || {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_template("page.html", template)?;
        let template = templates.get_template("page.html")?;
        template.render(Value::from(Serde(with)))
    };
    rendered().expect("the template fits what it is given")
}

#[derive(Debug, Serialize)]
struct Page {
    live: Option<Now>,
    title: String,
    style: String,
    service: String,
    tone: &'static str,
    outcome: &'static str,
    headline: String,
    summary: Vec<Fact>,
    about: Vec<Fact>,
    chart: Option<Drawing>,
    /// Under the chart.
    notes: Vec<String>,
    minutes: Vec<MinuteRow>,
    judgements: Vec<JudgementRow>,
    /// Whether the first one is a cause, and no mere hint.
    named: bool,
    findings: Vec<FindingRow>,
    changes: Vec<Change>,
    steps: Vec<StepRow>,
    gates: Vec<GateRow>,
    events: Vec<EventRow>,
    generated: String,
    version: &'static str,
}

/// Something and what it is.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    label: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Drawing {
    wide: String,
    narrow: String,
    /// In words, for those who can't see it.
    told: String,
}

impl Page {
    fn of(
        records: &[Record],
        measured: &Measured,
        live: Option<&Live<'_>>,
        now: Timestamp,
    ) -> Page {
        let (track, view) = &Track::of(records);
        let (minutes, figures, not_read) = match measured {
            Measured::Minutes(minutes) if !minutes.is_empty() => (minutes, Figures::Read, None),
            Measured::Minutes(_) => (&track.minutes, Figures::Judged, None),
            Measured::Not(why) => (&track.minutes, Figures::Judged, Some(why.clone())),
        };
        let late = late::note(minutes, figures, view, now);
        let ending = Ending::of(view);
        let (tone, outcome, headline) = match &ending {
            Some(it) => (
                it.tone,
                it.word,
                it.text.trim_start_matches(": ").to_owned(),
            ),
            None => {
                let (tone, headline) = under_way(view, now);
                (tone, "Under way", headline)
            }
        };
        let plan = view.plan.as_ref();
        let service = plan.map_or_else(String::new, |plan| plan.service.to_string());
        Page {
            live: live.map(|live| live.now(view, now)),
            title: format!("{outcome}: {service}"),
            style: style(),
            service,
            tone: name(tone),
            outcome,
            headline,
            summary: ending.map(|it| summary(it, view)).unwrap_or_default(),
            about: plan.map(|plan| facts(plan, view)).unwrap_or_default(),
            chart: track.from.map(|_| Drawing {
                wide: chart(track, view, minutes, Width::Wide),
                narrow: chart(track, view, minutes, Width::Narrow),
                told: told(track, view),
            }),
            notes: not_read.into_iter().chain(late).collect(),
            minutes: minutes.iter().map(minute_row).collect(),
            judgements: records.iter().filter_map(judgement_row).collect(),
            named: view
                .diagnosis
                .as_ref()
                .is_some_and(Diagnosis::names_a_cause),
            findings: view
                .diagnosis
                .iter()
                .flat_map(|it| it.findings.iter().map(FindingRow::of))
                .collect(),
            changes: plan.map(|plan| plan.changes.clone()).unwrap_or_default(),
            steps: plan.map(|plan| steps(plan, track)).unwrap_or_default(),
            gates: plan.map(|plan| gates(plan, records)).unwrap_or_default(),
            events: events(track),
            generated: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What a tone is called in the style.
pub(super) fn name(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Dim => "dim",
        Tone::Strong => "strong",
        Tone::Good => "good",
        Tone::Busy => "busy",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Blue => "blue",
        Tone::Green => "green",
    }
}

/// The page's style, with the drawing's colours by their meaning.
pub(super) fn style() -> String {
    let mut style = STYLE.to_owned();
    for (ink, name) in Ink::ALL {
        let code = ink.code();
        style.push_str(&format!(
            "svg [stroke=\"{code}\"] {{ stroke: var(--{name}) }}\n\
             svg [fill=\"{code}\"] {{ fill: var(--{name}) }}\n"
        ));
    }
    style
}

/// What the diagnosis says has a place of its own on the page.
const DIAGNOSED: [&str; 4] = ["cause", "found", "mend it", "read on"];

/// The ending's fields; what goes on with the one before stands on a line of its own in it.
fn summary(ending: Ending, view: &View) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for field in ending.fields {
        match facts.last_mut() {
            Some(last) if field.label.is_empty() => {
                last.text.push('\n');
                last.text.push_str(&field.text);
            }
            _ => facts.push(fact(field.label, field.text)),
        }
    }
    let has_its_place = view.diagnosis.is_some();
    facts.retain(|it| !(has_its_place && DIAGNOSED.contains(&it.label.as_str())));
    facts
}

pub(super) fn fact(label: &str, text: impl Into<String>) -> Fact {
    Fact {
        label: label.to_owned(),
        text: text.into(),
    }
}

fn facts(plan: &Plan, view: &View) -> Vec<Fact> {
    let kind = match &plan.kind {
        Kind::Deploy => "deployment".to_owned(),
        Kind::Hotfix { reason } => format!("hotfix: {reason}"),
        Kind::Rollback => "rollback".to_owned(),
    };
    let routes: Vec<_> = plan.routes.iter().map(|it| it.label.as_str()).collect();
    let mut facts = vec![
        fact("what", format!("{} ({kind})", words::version(plan))),
        fact("deployment", plan.id.to_string()),
        fact(
            "where",
            format!("cluster {}, {} {}", plan.cluster, plan.account, plan.region),
        ),
        fact("blue", view.side(Role::Blue)),
        fact("green", view.side(Role::Green)),
    ];
    if !routes.is_empty() {
        facts.push(fact("routes", routes.join(", ")));
    }
    facts.push(fact("strategy", words::pace(plan)));
    if let Some(at) = view.started_at {
        let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        facts.push(fact("started", at.to_string()));
    }
    if let Some((from, to)) = view.started_at.zip(view.last_at) {
        facts.push(fact("last news", format!("{} later", length(from, to))));
    }
    for warning in &plan.warnings {
        facts.push(fact("warning", warning.clone()));
    }
    facts
}

fn length(from: Timestamp, to: Timestamp) -> String {
    words::length(words::between(from, to))
}

fn told(track: &Track, view: &View) -> String {
    let begun = track.from.unwrap_or_default();
    let shares = track.set.iter().skip(1).map(|(at, weight)| {
        let after = words::offset(words::between(begun, *at));
        format!("{weight} at {after}")
    });
    let shares: Vec<_> = shares.collect();
    let how = match &view.outcome {
        Some(_) => "",
        None => ", so far",
    };
    match shares.is_empty() {
        true => format!("Green never had a share of traffic{how}."),
        false => format!("Green's share over time{how}: {}.", shares.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::{self, at};
    use super::*;
    use crate::deployment::diagnosis::Finding;
    use crate::deployment::event::Event;
    use crate::deployment::metrics::Minute;

    fn shown(records: &[Record]) -> String {
        let measured = Measured::Minutes(Minutes::new());
        page(records, &measured, at(2000))
    }

    #[test]
    fn every_story_has_a_page_that_asks_for_nothing() {
        for (story, records) in stories::all() {
            let page = shown(&records);
            assert!(page.trim_end().ends_with("</html>"), "{story}");
            for asks in ["http://", "https://", "src=", "@import", "<script", "url("] {
                assert!(!page.contains(asks), "{story}: {asks}");
            }
        }
    }

    #[test]
    fn a_page_tells_the_outcome_its_reason_and_what_happened() {
        let page = shown(&stories::alarmed());
        for said in [
            "<title>Reverted: shop</title>",
            "alarm shop-b-5xx went off",
            "10% at +1:40, 0% at +3:45",
            "green (slot b, shop:8) is scaled to zero",
            "registry.example&#x2f;shop:v2",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[test]
    fn one_that_is_not_over_says_where_it_is() {
        let page = shown(&stories::holding());
        assert!(page.contains("Under way"), "{page}");
        assert!(page.contains("10% of traffic is to go to green"), "{page}");
    }

    #[test]
    fn a_page_has_one_beginning_and_it_is_that_of_the_first_event() {
        let mut records = stories::good();
        if let Event::Started { plan } = &mut records[0].event {
            plan.created_at = at(-20);
        }
        let page = shown(&records);
        assert!(
            page.contains("<dt>started</dt><dd>2026-01-05 07:14:00 UTC</dd>"),
            "{page}"
        );
        assert!(!page.contains("<dt>began</dt>"), "{page}");
    }

    #[test]
    fn a_page_says_that_its_figures_end_before_the_revert() {
        let mut minute = Minute::default();
        minute.green.requests = Some(100.0);
        let minutes = Minutes::from([(at(0), minute)]);
        let page = page(&stories::alarmed(), &Measured::Minutes(minutes), at(300));
        let said = "The figures end at 07:15:00, before the revert began at 07:17:45";
        assert!(page.contains(said), "{page}");
    }

    #[test]
    fn a_finding_has_the_name_of_its_cause_and_none_where_no_cause_is_known() {
        let page = |rule: &str| {
            let finding = Finding {
                rule: rule.to_owned(),
                what: "what".to_owned(),
                evidence: Vec::new(),
                cause: "cause".to_owned(),
                fix: "fix".to_owned(),
            };
            let mut records = stories::alarmed();
            records.push(Record {
                event: Event::Diagnosed {
                    diagnosis: Diagnosis::of(vec![finding]),
                },
                ..records[0].clone()
            });
            shown(&records)
        };
        assert!(page("exit-error").contains("<dt>known as</dt><dd><code>exit-error</code>"));
        let page = page(Diagnosis::READ_ITS_LOG);
        assert!(!page.contains(Diagnosis::READ_ITS_LOG), "{page}");
        assert!(!page.contains("<dt>rule</dt>"), "{page}");
    }

    #[test]
    fn a_rollback_s_page_says_nothing_of_times_that_are_none() {
        let page = shown(&stories::rollback());
        assert!(page.contains(">none</td>"), "{page}");
        assert!(!page.contains("baked for"), "{page}");
    }

    #[test]
    fn nothing_that_aws_says_becomes_markup() {
        let mut records = stories::alarmed();
        for record in &mut records {
            if let Event::Reverting {
                trip: crate::deployment::trip::Trip::Alarm { reason, .. },
            } = &mut record.event
            {
                *reason = "</td><script>alert(1)</script>".into();
            }
        }
        let page = shown(&records);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn what_cloudwatch_did_not_say_is_said() {
        let measured = Measured::Not("CloudWatch was not read".into());
        let page = page(&stories::good(), &measured, at(2000));
        assert!(page.contains("CloudWatch was not read"));
    }

    #[test]
    fn no_page_is_made_of_nothing() {
        let page = shown(&[]);
        assert!(page.contains("Under way"), "{page}");
    }

    #[test]
    fn differences_of_the_task_definition_are_shown() {
        let mut records = stories::good();
        if let Event::Started { plan } = &mut records[0].event {
            plan.changes.push(Change {
                path: "containers.app.image".into(),
                before: Some("shop:v1".into()),
                after: None,
            });
        }
        let page = shown(&records);
        assert!(page.contains("<del>shop:v1</del>"), "{page}");
        assert!(page.contains("<em>not there</em>"), "{page}");
    }
}
