//! Which logs there are: those of both slots' tasks, of containers that write to CloudWatch Logs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::aws::{AwsError, LogEvent, LogStream};
use crate::cli::args::LogsArgs;
use crate::cli::error::CliError;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::ids::{EcsServiceName, SlotName, Slots, TaskDefinitionArn};
use crate::diagnose::{Definition, LogPlace, Task, stream_name};
use crate::report::words;
use crate::strategy::nearest;

/// How long after a task's end its last lines may still come.
const LAST_WORDS: SignedDuration = SignedDuration::from_secs(60);

/// A container of a task, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// What its slot is just now; see [`crate::report::logs::LogRow`].
    pub(super) role: Option<&'static str>,
    pub(super) slot: SlotName,
    pub(super) service: EcsServiceName,
    pub(super) task: String,
    pub(super) container: String,
}

/// For how long ECS lists a task that has stopped, at least: DescribeTasks in its API reference.
const KNOWN_FOR: Duration = Duration::from_secs(60 * 60);

/// A log, and how far it was read.
struct Log {
    source: Source,
    stream: LogStream,
    /// From when on nothing comes any more.
    over: Option<Timestamp>,
    rest: Rest,
}

/// What is still to be read of a log. It is never let go: found again, it would be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Whatever comes.
    Open,
    /// Nothing: its task is over, and it was read since.
    Nothing,
    /// Its side isn't the one that is asked for, just now.
    Unwanted,
}

/// All logs that are asked for.
pub(super) struct Sources {
    since: Timestamp,
    roles: Slots<Option<&'static str>>,
    /// By task and container.
    logs: BTreeMap<(String, String), Log>,
    definitions: BTreeMap<TaskDefinitionArn, Definition>,
    names: BTreeSet<String>,
    notes: Vec<String>,
}

impl Sources {
    /// Looks for them.
    ///
    /// # Errors
    /// When the service can't be seen, or no container has the name that is asked for.
    pub(super) async fn find(session: &Session, args: &LogsArgs) -> Result<Sources, CliError> {
        let ago = SignedDuration::try_from(args.since).unwrap_or(SignedDuration::MAX);
        let since = session.clock.now().saturating_sub(ago);
        let mut sources = Sources {
            since: since.unwrap_or(Timestamp::UNIX_EPOCH),
            roles: Slots::default(),
            logs: BTreeMap::new(),
            definitions: BTreeMap::new(),
            names: BTreeSet::new(),
            notes: Vec::new(),
        };
        sources.look(session, args).await?;
        sources.check_name(args)?;
        let since = words::length(args.since);
        if args.since > KNOWN_FOR {
            sources.notes.push(format!(
                "ECS forgets a task about an hour after it stopped, and with it where it logged: of the \
                 last {since}, those are missing. `bg show` keeps what was read of tasks that failed"
            ));
        } else if sources.logs.is_empty() && sources.notes.is_empty() {
            let note =
                format!("no task ran in the last {since}: bg tasks lists those of the last hour");
            sources.notes.push(note);
        }
        Ok(sources)
    }

    /// Looks again: tasks come and go, and sides change.
    pub(super) async fn look(
        &mut self,
        session: &Session,
        args: &LogsArgs,
    ) -> Result<(), CliError> {
        let situation = Situation::look(session).await?;
        let status = situation.report(session).await;
        let mixed_up = situation.traffic().mixed_up();
        self.notes.extend(mixed_up.map(ToString::to_string));
        for slot in SlotName::BOTH {
            let role = status.role(slot);
            self.roles[slot] = role;
            for log in self.logs.values_mut().filter(|it| it.source.slot == slot) {
                log.source.role = role;
                log.rest = match (log.rest, is_wanted(role, args)) {
                    (Rest::Nothing, _) => Rest::Nothing,
                    (_, true) => Rest::Open,
                    (_, false) => Rest::Unwanted,
                };
            }
            if is_wanted(role, args) {
                self.look_at(session, &situation, slot, role, args).await?;
            }
        }
        Ok(())
    }

    async fn look_at(
        &mut self,
        session: &Session,
        situation: &Situation,
        slot: SlotName,
        role: Option<&'static str>,
        args: &LogsArgs,
    ) -> Result<(), CliError> {
        let service = request::slots(&session.config)[slot].service.clone();
        let (tasks, trouble) = session.cloud.tasks(&session.cluster(), &service).await;
        if let Some(error) = trouble {
            if tasks.is_empty() {
                return Err(session.cant_look(&error));
            }
            self.notes
                .push(format!("not all tasks of {service} are seen: {error}"));
        }
        for task in tasks {
            let over = task.stopped_at.map(|at| at + LAST_WORDS);
            if !task.has_begun() || over.is_some_and(|over| over < self.since) {
                continue;
            }
            let Some(definition) = self.definition(session, situation, &task).await? else {
                continue;
            };
            let source = Source {
                role,
                slot,
                service: service.clone(),
                task: task.id.clone(),
                container: String::new(),
            };
            self.add(&source, over, &definition, args);
        }
        Ok(())
    }

    /// What a task runs. Older ones of a slot may run another revision than its service names.
    async fn definition(
        &mut self,
        session: &Session,
        situation: &Situation,
        task: &Task,
    ) -> Result<Option<Definition>, CliError> {
        let Some(arn) = &task.definition else {
            return Ok(None);
        };
        if let Some(known) = self.definitions.get(arn) {
            return Ok(Some(known.clone()));
        }
        let definition = match situation.described(arn) {
            Some(definition) => definition,
            None => {
                let read = session.cloud.what_runs(arn).await;
                read.map_err(|error| session.cant_look(&error))?
            }
        };
        self.definitions.insert(arn.clone(), definition.clone());
        Ok(Some(definition))
    }

    /// The containers of a task whose logs are wanted and can be read.
    fn add(
        &mut self,
        of_task: &Source,
        over: Option<Timestamp>,
        definition: &Definition,
        args: &LogsArgs,
    ) {
        for container in definition.containers() {
            let name = container.name();
            self.names.insert(name.to_owned());
            if args
                .container
                .as_deref()
                .is_some_and(|wanted| wanted != name)
            {
                continue;
            }
            let (group, region, prefix) = match container.logs() {
                LogPlace::CloudWatch {
                    group,
                    region,
                    prefix: Some(prefix),
                } => (group, region, prefix),
                elsewhere => {
                    let service = &of_task.service;
                    self.notes.push(unreadable(name, service, &elsewhere));
                    continue;
                }
            };
            let key = (of_task.task.clone(), name.to_owned());
            let log = self.logs.entry(key).or_insert_with(|| Log {
                source: Source {
                    container: name.to_owned(),
                    ..of_task.clone()
                },
                stream: LogStream::new(
                    region,
                    group,
                    stream_name(prefix, name, &of_task.task),
                    self.since,
                ),
                over,
                rest: Rest::Open,
            });
            log.over = over;
        }
    }

    fn check_name(&self, args: &LogsArgs) -> Result<(), CliError> {
        let Some(wanted) = &args.container else {
            return Ok(());
        };
        if self.names.is_empty() || self.names.contains(wanted) {
            return Ok(());
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let error = CliError::refused(format!("no task has a container {wanted}"));
        let error = match nearest(wanted, names.iter().copied()) {
            Some(meant) => error.hint(format!("did you mean {meant}?")),
            None => error,
        };
        Err(error.hint(format!("containers there: {}", names.join(", "))))
    }

    /// What came since the last read, by source.
    pub(super) async fn read_on(
        &mut self,
        session: &Session,
    ) -> Vec<(Source, Result<Vec<LogEvent>, AwsError>)> {
        let now = session.clock.now();
        let logs = self.logs.values_mut();
        let mut logs: Vec<&mut Log> = logs.filter(|it| it.rest == Rest::Open).collect();
        let streams = logs.iter_mut().map(|it| &mut it.stream).collect();
        let events = session.cloud.read_on(streams).await;
        let read = logs.into_iter().zip(events).map(|(log, events)| {
            if events.is_ok() && log.over.is_some_and(|over| over <= now) {
                log.rest = Rest::Nothing;
            }
            (log.source.clone(), events)
        });
        read.collect()
    }

    /// Whether everything that was there is read.
    pub(super) fn are_read(&self) -> bool {
        let mut open = self.logs.values().filter(|it| it.rest == Rest::Open);
        open.all(|it| it.stream.is_read())
    }

    /// Whether there is any log at all.
    pub(super) fn are_there(&self) -> bool {
        !self.logs.is_empty()
    }

    /// How many logs are read.
    pub(super) fn count(&self) -> u32 {
        let open = self.logs.values().filter(|it| it.rest == Rest::Open);
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// What the slots are just now.
    pub(super) fn roles(&self) -> &Slots<Option<&'static str>> {
        &self.roles
    }

    /// The length of the longest container's name.
    pub(super) fn longest_name(&self) -> usize {
        let names = self.logs.values().map(|it| it.source.container.len());
        names.max().unwrap_or_default()
    }

    /// What is to be said about logs that aren't here.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// `--blue` is the side that has production, `--green` the other.
fn is_wanted(role: Option<&str>, args: &LogsArgs) -> bool {
    let is_blue = matches!(role, Some("blue" | "live"));
    match (args.blue, args.green) {
        (true, false) => is_blue || role.is_none(),
        (false, true) => !is_blue,
        _ => true,
    }
}

/// Why a container's log isn't here, and where it is.
fn unreadable(container: &str, service: &EcsServiceName, place: &LogPlace<'_>) -> String {
    let whose = format!("container {container} of {service}");
    match place {
        LogPlace::Nowhere => {
            format!("{whose} keeps no log: give it a log driver (awslogs) to read it here")
        }
        LogPlace::Elsewhere(driver) => {
            format!("{whose} logs with the driver {driver}: read it where that writes")
        }
        LogPlace::CloudWatch { group, .. } => format!(
            "{whose} has no awslogs-stream-prefix, so that its streams in {group} can't be told \
             apart by task: aws logs tail {group} --follow"
        ),
    }
}
