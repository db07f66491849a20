//! Draws `docs/evidence.svg`: what the sequential judge makes of three deployments, minute by
//! minute.
//!
//! ```console
//! $ cargo run --example evidence > docs/evidence.svg
//! ```

use std::error::Error;
use std::ops::Range;

use bg::judge::sequential::{Count, Judge, MetricSettings, Pair, Settings};
use fastrand::Rng;
use plotters::prelude::*;

/// Requests of a minute at 500 a second, and green's tenth of them.
const BLUE: u64 = 27_000;
const GREEN: u64 = 3_000;
const MINUTES: u32 = 40;
/// From when on the late one fails, and both sides of the shared one do.
const LATE: u32 = 15;
const INCIDENT: Range<u32> = 12..22;
const SIZE: (u32, u32) = (860, 560);
const TEXT: (&str, u32) = ("sans-serif", 15);

/// One deployment: who fails how often in a minute.
struct Story {
    name: &'static str,
    color: RGBColor,
    rates: fn(u32) -> (f64, f64),
}

const STORIES: [Story; 3] = [
    Story {
        name: "green goes from 0.1 % to 0.5 % after a quarter of an hour",
        color: RGBColor(200, 40, 40),
        rates: |minute| (0.001, if minute < LATE { 0.001 } else { 0.005 }),
    },
    Story {
        name: "both sides go to 2 % for ten minutes",
        color: RGBColor(200, 130, 0),
        rates: |minute| match INCIDENT.contains(&minute) {
            true => (0.02, 0.02),
            false => (0.001, 0.001),
        },
    },
    Story {
        name: "nothing is wrong",
        color: RGBColor(20, 120, 90),
        rates: |_| (0.001, 0.001),
    },
];

/// So many of `requests`, each bad with the same probability.
fn drawn(rng: &mut Rng, requests: u64, rate: f64) -> Count {
    let bad = (0..requests).filter(|_| rng.f64() < rate).count();
    Count {
        requests,
        bad: bad as u64,
    }
}

/// Both sides' counts of every minute.
fn minutes(story: &Story) -> Vec<Pair> {
    let mut rng = Rng::with_seed(7);
    let minute = |minute| {
        let (blue, green) = (story.rates)(minute);
        Pair {
            blue: drawn(&mut rng, BLUE, blue),
            green: drawn(&mut rng, GREEN, green),
        }
    };
    (0..MINUTES).map(minute).collect()
}

/// The evidence after each minute, as a power of ten, until there is enough.
fn evidence(pairs: &[Pair], enough: f64) -> Vec<(f64, f64)> {
    let mut judge = Judge::new(Settings::of(vec![MetricSettings::errors("5xx", 1.0)]));
    let mut points = vec![(0.0, 0.0)];
    for (minute, pair) in (1_u32..).zip(pairs) {
        judge.consume(std::slice::from_ref(pair));
        let log = judge.logs()[0].revert.unwrap_or_default() / 10_f64.ln();
        points.push((f64::from(minute), log));
        if log >= enough {
            break;
        }
    }
    points
}

fn percent(count: Count) -> f64 {
    100.0 * count.bad as f64 / count.requests as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let enough = -(Settings::of(vec![MetricSettings::errors("5xx", 1.0)])
        .alpha_revert
        .log10());
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (above, below) = area.split_vertically(210);
        let mut rates = ChartBuilder::on(&above)
            .caption("5xx of green in each minute, in %", TEXT)
            .margin(12)
            .x_label_area_size(20)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..f64::from(MINUTES), 0.0..2.5)?;
        rates
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|minute| format!("{minute:.0}"))
            .draw()?;
        let mut said = ChartBuilder::on(&below)
            .caption(
                "Evidence that green is worse than 1.25 times blue: the odds, as a power of ten",
                TEXT,
            )
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..f64::from(MINUTES), -5.0..3.5)?;
        said.configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|minute| format!("{minute:.0}"))
            .y_label_formatter(&|odds| format!("{odds:.0}"))
            .x_desc("whole minutes judged")
            .draw()?;
        let line = [(0.0, enough), (f64::from(MINUTES), enough)];
        said.draw_series(LineSeries::new(line, BLACK.stroke_width(2)))?
            .label("a good version gets here in one deployment of a hundred, at most")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK.stroke_width(2)));
        for story in &STORIES {
            let pairs = minutes(story);
            let style = story.color.stroke_width(2);
            let shown = (0_u32..).zip(&pairs);
            let shown = shown.map(|(minute, pair)| (f64::from(minute) + 0.5, percent(pair.green)));
            rates.draw_series(LineSeries::new(shown, style))?;
            said.draw_series(LineSeries::new(evidence(&pairs, enough), style))?
                .label(story.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        said.configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font(TEXT)
            .draw()?;
        area.present()?;
    }
    print!("{svg}");
    Ok(())
}
