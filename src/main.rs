//! The `bg` binary: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bg::cli::main().into()
}
