//! What a long rehearsal costs: the command of docs/rehearsal.md's "A day".

use std::process::Command;

use crate::Figure;
use crate::child::{BG, run};

const ARGUMENTS: [&str; 10] = [
    "rehearse",
    "-q",
    "-c",
    "examples/rehearsal/bg.yaml",
    "--strategy",
    "./examples/rehearsal/day.yaml",
    "--scenario",
    "examples/rehearsal/busy.yaml",
    "--seeds",
    "100",
];

pub(crate) fn figures() -> Vec<Figure> {
    let mut command = Command::new(BG);
    command.args(ARGUMENTS);
    let took = run(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    vec![Figure::new(
        "a day-long rehearsal over 100 seeds with all usual faults (docs/rehearsal.md, \"A day\")",
        took.map_or("not measured".to_owned(), |took| {
            format!("{:.1} s", took.as_secs_f64())
        }),
        "under 30 s",
    )]
}
