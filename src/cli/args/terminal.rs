//! What the verbs take that serve the terminal itself: logs, help, completions, manual, schema.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use clap_complete::Shell;

/// `bg logs`
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Only blue's: the side that has production, until a deployment has ended
    #[arg(long, env = "BG_BLUE", value_parser = FalseyValueParser::new(), conflicts_with = "green")]
    pub blue: bool,
    /// Only green's, the other side
    #[arg(long, env = "BG_GREEN", value_parser = FalseyValueParser::new())]
    pub green: bool,
    /// Go on with what is logged from now on, until Ctrl-C
    #[arg(short, long, env = "BG_FOLLOW", value_parser = FalseyValueParser::new())]
    pub follow: bool,
    /// How far to look back
    #[arg(long, env = "BG_SINCE", value_name = "LENGTH", value_parser = humantime::parse_duration, default_value = "10m")]
    pub since: Duration,
    /// Only the container of that name
    #[arg(long, env = "BG_CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
    /// Only lines with this text in them
    #[arg(long, env = "BG_GREP", value_name = "TEXT")]
    pub grep: Option<String>,
    /// Show lines that look as if they held a secret, too
    #[arg(long, env = "BG_UNMASKED", value_parser = FalseyValueParser::new())]
    pub unmasked: bool,
}

/// `bg completions`
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// Whose
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `bg man`
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write a page for each verb into this folder, instead of bg's own to stdout
    #[arg(short = 'o', long, env = "BG_WRITE", value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// `bg schema`
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Write it to this file instead of stdout, and say how editors find it
    #[arg(short = 'o', long, env = "BG_WRITE", value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// `bg help`
#[derive(Debug, Clone, Args)]
pub struct HelpArgs {
    /// A verb or a topic
    // What it may be is put in by `command()`, which knows the verbs.
    #[arg(index = 1, value_name = "VERB|TOPIC", hide_possible_values = true)]
    pub topic: Option<String>,
    /// What of it: a strategy's name after `strategies`, a verb's own verb
    #[arg(index = 2, value_name = "NAME")]
    pub name: Option<String>,
}
