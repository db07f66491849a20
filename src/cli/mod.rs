//! The command line: arguments, output, errors with hints, exit codes. Nothing else imports it.
//!
//! What goes where: data to stdout (the lines or the JSON of `deploy` and `rollback`, documents
//! elsewhere), everything else (the live view, errors) to stderr. The live view is shown only
//! where stdout and stderr both are a terminal that can draw it; see [`terminal::Output::choose`].

/// A line on stdout that doesn't mind when nobody reads: `println!` panics then, in the midst of
/// a deployment too.
macro_rules! tell {
    ($($words:tt)*) => { $crate::cli::display::tell(format_args!($($words)*)) };
}
/// The same on stderr.
macro_rules! note {
    ($($words:tt)*) => { $crate::cli::display::note(format_args!($($words)*)) };
}

mod abandoned;
pub mod args;
mod ci;
mod commands;
mod definition;
pub mod display;
pub mod error;
pub mod exit;
pub mod live;
mod local_region;
mod lock;
mod missing;
mod notices;
mod otlp;
mod page;
mod past;
mod place;
mod programs;
mod request;
mod retiring;
mod running;
mod sandbox_clock;
mod session;
mod situation;
mod steering;
pub mod story;
pub mod style;
pub mod terminal;
mod topics;
mod traces;
mod traffic;
mod variables;
mod who;

use error::{CliError, ErrorKind};
use exit::ExitCode;

/// Parses the arguments, runs the verb, shows its error if it has one.
pub fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(None) => return ExitCode::Stands,
        Err(Some(misuse)) => {
            ci::misused(&misuse);
            return ExitCode::Usage;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(commands::run(&cli));
            // What still computes was left on purpose, and must not be waited for.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(CliError::from_error(ErrorKind::Unexpected, &error)),
    };
    if let Err(error) = &ended {
        let colors = terminal::Surface::of_process().stderr_colors(&cli.global);
        // Where stderr is gone, the exit code still tells.
        let _ = display::complain(&error.lines(), colors);
    }
    ci::write_down(&cli, &ended);
    ended.unwrap_or_else(|error| error.exit())
}
