//! What a long rehearsal costs.

use std::time::Duration;

use bg::aws::{Cloud, SurveyAsk};
use bg::deployment::ids::SlotName;
use bg::deployment::metrics::MetricGuards;
use bg::deployment::preflight::{Request, plan};
use bg::rehearse::{self, Contender, Scenario, Series};
use bg::sandbox::{Region, RegionOptions};
use bg::strategy::{Step, Strategy, Weight};

use crate::harness::request;
use crate::virtual_time::in_virtual_time;
use crate::{Figure, timed};

const SEEDS: u64 = 100;
/// Each seed goes through each of the usual faults, and through whole days without one.
const SCENARIO: &str = "\
requests: 500
tasks: 4
errors: 0.1%
swing: 50%
";

pub(crate) fn figures() -> Vec<Figure> {
    let scenario = Scenario::parse(SCENARIO, "the scenario");
    let scenario = scenario.expect("it is a scenario");
    let request = a_day();
    let start = RegionOptions::default().start;
    let world = rehearse::build(&request, &scenario, SlotName::A, start);
    let world = world.expect("the region takes it");
    let mut fitting = request;
    rehearse::fit(&mut fitting);
    let planning = in_virtual_time(async {
        let region = Region::with(world.clone(), RegionOptions::default());
        let cloud = Cloud::with_config(&region.sdk_config());
        let found = cloud.survey(&SurveyAsk::of(&fitting), world.now).await;
        plan(&fitting, &found.expect("nothing fails"))
    });
    let contenders = [Contender {
        name: "a day".to_owned(),
        plan: planning.plan.expect("nothing is in the way"),
        body: planning.body,
    }];
    let series = Series {
        world: &world,
        scenario: &scenario,
        contenders: &contenders,
        first_seed: 1,
        seeds: SEEDS,
    };
    let (took, rows) = timed(|| series.rows().expect("it is legal"));
    let runs: usize = rows.iter().map(|it| it.runs).sum();
    let days: usize = rows.iter().map(|it| it.promoted).sum();
    vec![Figure::new(
        format!(
            "a day-long rehearsal over {SEEDS} seeds with faults: {runs} runs, {days} to the end"
        ),
        format!("{:.1} s", took.as_secs_f64()),
        "under 30 s",
    )]
}

/// The progressive ladder, over a day.
fn a_day() -> Request {
    let hours = |count: u64| Duration::from_secs(3600 * count);
    let steps = [(1, 4), (5, 5), (25, 5), (50, 5), (100, 0)].map(|(percent, bake)| {
        let weight = Weight::of_percent(percent).expect("it is at most 100");
        Step::new(weight, hours(bake))
    });
    let mut request = request("rehearsed/new:2", "progressive");
    request.strategy = Strategy::new("a day", steps.to_vec(), hours(5)).expect("it goes up");
    request.guards.metrics = Some(MetricGuards::default());
    request
}
