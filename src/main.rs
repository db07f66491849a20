//! The `bg` binary: parse, run, exit code.

fn main() {}
