//! `bg logs`

mod sources;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::sources::{Source, Sources};
use crate::aws::{AwsError, LogEvent};
use crate::cli::args::{Global, LogsArgs, OutputFormat};
use crate::cli::display::{stream, stream_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::local_region::wait_for_the_end;
use crate::cli::session::Session;
use crate::cli::style::Colors;
use crate::cli::terminal::Surface;
use crate::report::logs::{Layout, LogRow, Page};
use crate::report::words;

/// How long a line may be under way to CloudWatch before one of another task that was written
/// later is shown first.
const LAG: SignedDuration = SignedDuration::from_secs(3);
/// Between two reads, where there are few streams.
const EVERY: Duration = Duration::from_secs(2);
/// Streams that are read in a second: GetLogEvents has a budget of 25 calls a second and more,
/// which the account's others share.
const A_SECOND: u32 = 8;
/// Between two reads while they fail.
const AT_MOST: Duration = Duration::from_secs(30);
/// How often tasks are looked for that are new.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(10);

pub(super) async fn run(global: &Global, args: &LogsArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let sources = Sources::find(&session, args).await?;
    let surface = Surface::of_process();
    let layout = Layout::of(surface.stdout_columns(), !args.blue && !args.green);
    let mut reader = Reader {
        global,
        args,
        colors: surface.stdout_colors(global),
        page: Page::new(layout, session.clock.now()),
        sources,
        waiting: Vec::new(),
        read: 0,
        shown: 0,
        troubles: BTreeSet::new(),
    };
    for note in reader.sources.take_notes() {
        reader.note(&note);
    }
    if !args.follow {
        reader.all(&session).await?;
        return Ok(ExitCode::Stands);
    }
    tokio::select! {
        ended = reader.follow(&session) => ended?,
        () = wait_for_the_end() => {}
    }
    reader.show_until(Timestamp::MAX)?;
    Ok(ExitCode::Stands)
}

/// Whether anybody reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    There,
    Gone,
}

/// Reads, sorts, shows.
struct Reader<'a> {
    global: &'a Global,
    args: &'a LogsArgs,
    colors: Colors,
    page: Page,
    sources: Sources,
    /// Read, and not yet shown.
    waiting: Vec<LogRow>,
    read: usize,
    shown: usize,
    /// What was complained of, once each.
    troubles: BTreeSet<String>,
}

impl Reader<'_> {
    /// What there is, once.
    async fn all(&mut self, session: &Session) -> Result<(), CliError> {
        loop {
            if let Some(error) = self.read(session).await {
                return Err(session.cant_look(&error));
            }
            if self.sources.are_read() {
                break;
            }
        }
        self.show_until(Timestamp::MAX)?;
        if let (0, Some(wanted), 1..) = (self.shown, &self.args.grep, self.read) {
            let lines = words::plural(self.read, "line");
            let since = words::length(self.args.since);
            self.note(&format!(
                "{lines} of the last {since}, none with {wanted:?} in it"
            ));
        } else if self.shown == 0 && self.sources.are_there() {
            let since = words::length(self.args.since);
            let longer = words::length(self.args.since.saturating_mul(6)).replace(' ', "");
            self.note(&format!(
                "nothing was logged in the last {since}: --since {longer} looks further back"
            ));
        }
        Ok(())
    }

    /// What there is, and what comes, until nobody reads it any more.
    async fn follow(&mut self, session: &Session) -> Result<(), CliError> {
        let mut looked = session.clock.now();
        let mut pause = EVERY;
        loop {
            let trouble = self.read(session).await;
            let now = session.clock.now();
            if self.show_until(now - LAG)? == Readers::Gone {
                return Ok(());
            }
            pause = match trouble {
                Some(error) => {
                    self.note(&format!("can't read on, and tries again: {error}"));
                    (pause * 2).min(AT_MOST)
                }
                None => EVERY.max(Duration::from_secs(1) * self.sources.count() / A_SECOND),
            };
            if now.duration_since(looked) >= LOOK_EVERY {
                looked = now;
                self.look_again(session).await;
            }
            session.clock.sleep_until(words::later(now, pause)).await;
        }
    }

    /// Tasks come and go, and sides change.
    async fn look_again(&mut self, session: &Session) {
        match self.sources.look(session, self.args).await {
            Ok(()) => self
                .sources
                .take_notes()
                .iter()
                .for_each(|note| self.note(note)),
            Err(error) => self.note(&format!("can't look for new tasks: {}", error.message)),
        }
    }

    /// Reads on, and says what was in the way of some.
    async fn read(&mut self, session: &Session) -> Option<AwsError> {
        let mut trouble = None;
        let read = self.sources.read_on(session).await;
        for (source, events) in read {
            match events {
                Ok(events) => {
                    self.read += events.len();
                    let rows = events.iter().map(|event| row(&source, event));
                    let wanted = self.args.grep.as_deref().unwrap_or_default();
                    let rows = rows.filter(|row| row.message.contains(wanted));
                    let rows = rows.map(|row| match self.args.unmasked {
                        true => row,
                        false => row.masked(),
                    });
                    self.waiting.extend(rows);
                }
                Err(error) => trouble = Some(error),
            }
        }
        trouble
    }

    /// Shows the lines that were written until `end`, in their order.
    fn show_until(&mut self, end: Timestamp) -> Result<Readers, CliError> {
        // Stable: lines of one moment keep the order of their stream.
        self.waiting.sort_by_key(|row| row.at);
        let due = self.waiting.partition_point(|row| row.at <= end);
        let due: Vec<LogRow> = self.waiting.drain(..due).collect();
        self.shown += due.len();
        match self.write(&due) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Readers::Gone),
            Err(error) => Err(CliError::from_error(ErrorKind::Unexpected, &error)),
            Ok(()) => Ok(Readers::There),
        }
    }

    fn write(&mut self, rows: &[LogRow]) -> io::Result<()> {
        match self.global.output {
            OutputFormat::Json => rows.iter().try_for_each(stream_json),
            OutputFormat::Text | OutputFormat::Markdown => {
                let (roles, names) = (self.sources.roles(), self.sources.longest_name());
                stream(&self.page.lines(rows, roles, names), self.colors)
            }
        }
    }

    /// On stderr, the same words once.
    fn note(&mut self, words: &str) {
        if !self.global.quiet && self.troubles.insert(words.to_owned()) {
            note!("Note: {words}");
        }
    }
}

/// A program's own colours are not for here.
fn row(source: &Source, event: &LogEvent) -> LogRow {
    LogRow {
        at: event.at,
        role: source.role,
        slot: source.slot,
        service: source.service.clone(),
        task: source.task.clone(),
        container: source.container.clone(),
        message: anstream::adapter::strip_str(&event.text).to_string(),
    }
}
