//! The command line: arguments, verbs, terminal output, exit codes.
