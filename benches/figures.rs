//! The figures that this program promises, measured: `cargo bench`.
//!
//! Each line states the work, the figure and the goal. Nothing fails here: figures depend on the
//! machine, and the tests hold what doesn't.

#[path = "figures/child.rs"]
mod child;
#[path = "../tests/virtual/harness.rs"]
mod harness;
#[path = "figures/journal.rs"]
mod journal;
#[path = "figures/rehearsal.rs"]
mod rehearsal;
#[path = "figures/virtual_time.rs"]
mod virtual_time;

use std::time::Duration;

/// How often short things are measured; the median counts.
const TIMES: usize = 11;

/// One line of the table.
struct Figure {
    work: String,
    figure: String,
    goal: &'static str,
}

impl Figure {
    fn new(work: impl Into<String>, figure: impl Into<String>, goal: &'static str) -> Figure {
        Figure {
            work: work.into(),
            figure: figure.into(),
            goal,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the machine's own time is what is measured"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = std::time::Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut figures = virtual_time::figures();
    figures.extend(journal::figures());
    figures.extend(child::figures());
    figures.extend(rehearsal::figures());
    let width = |of: fn(&Figure) -> &str| figures.iter().map(|it| of(it).len()).max().unwrap_or(0);
    let (work, figure) = (width(|it| &it.work), width(|it| &it.figure));
    println!("{:work$}  {:figure$}  goal", "work", "figure");
    for line in &figures {
        println!(
            "{:work$}  {:figure$}  {}",
            line.work, line.figure, line.goal
        );
    }
}
