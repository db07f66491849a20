//! `bg verify`

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::{RecordsAsk, SurveyAsk};
use crate::cli::args::{Global, OutputFormat, VerifyArgs};
use crate::cli::definition::definition;
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::terminal::Surface;
use crate::cli::traffic::Traffic;
use crate::deployment::clone;
use crate::deployment::ids::{AlarmName, SlotName, Slots};
use crate::deployment::preflight::{DefinitionWanted, launch};
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::{self, Launch};
use crate::deployment::verification::Verdict;
use crate::report::verify::{VerifyReport, text};
use crate::verify::{Subject, asks, judge};

pub(super) async fn run(global: &Global, args: &VerifyArgs) -> Result<ExitCode, CliError> {
    let wanted = definition(&args.definition)?.wanted;
    let session = Session::open(global, Some(&args.region)).await?;
    let found = session
        .cloud
        .survey(&survey_ask(&session, &wanted), session.clock.now())
        .await
        .map_err(|error| session.cant_look(&error))?;
    let live = live(&session, &found)?;
    let (body, name) = body(&session, &wanted, &found, live)?;
    let service = live.and_then(|slot| found.services[slot].as_ref());
    let subject = Subject {
        launch: service.map_or_else(|| launch_of(&body), |it| launch(Some(it))),
        service: service.map_or(Value::Null, |it| Value::Object(clone::shared(it))),
        definition: body,
        account: found.account.clone(),
        region: found.region.clone(),
        alarms: alarms(&session).into_iter().collect(),
        switch: request::deadman(&session.config).map(|it| it.role),
    };
    let facts = session.cloud.verify(&asks(&subject)).await;
    let report = VerifyReport::new(
        session.clock.now(),
        session.service(),
        session.cluster(),
        name,
        judge(&subject, &facts),
    );
    let shown = match global.output {
        OutputFormat::Json => print_json(&report),
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&report), Surface::of_process().stdout_colors(global))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(match report.count(Verdict::Ng) {
        0 => ExitCode::Stands,
        _ => ExitCode::Refused,
    })
}

fn survey_ask(session: &Session, wanted: &DefinitionWanted) -> SurveyAsk {
    let slots = request::slots(&session.config);
    let targets = SlotName::BOTH.iter().flat_map(|slot| &slots[*slot].targets);
    SurveyAsk {
        cluster: session.cluster(),
        services: Slots::from_fn(|slot| slots[slot].service.clone()),
        groups: targets.map(|target| target.group.clone()).collect(),
        alarms: Vec::new(),
        definition: match wanted {
            DefinitionWanted::Existing(reference) => Some(reference.clone()),
            _ => None,
        },
        images: Vec::new(),
        deadman: None,
        metrics: None,
        functions: Vec::new(),
        test_requests: Default::default(),
        test_routes: Vec::new(),
        version: None,
        records: RecordsAsk::of(&slots, &request::routes(&session.config)),
        owned: Slots::default(),
    }
}

/// The slot that serves; without traffic, the one that has a service.
fn live(session: &Session, found: &Surroundings) -> Result<Option<SlotName>, CliError> {
    let wanted = request::slots(&session.config);
    let traffic = Traffic::of(
        &wanted,
        &found.groups,
        found.forwards.clone(),
        &request::test_routes(&session.config),
        &found.services,
    );
    traffic.refuse_mixed_up()?;
    let there = |slot: &SlotName| found.services[*slot].is_some();
    let live = traffic.live().filter(there);
    Ok(live.or_else(|| SlotName::BOTH.into_iter().find(there)))
}

/// What the version runs, in the form in which it is registered, and what it is called.
fn body(
    session: &Session,
    wanted: &DefinitionWanted,
    found: &Surroundings,
    live: Option<SlotName>,
) -> Result<(Value, String), CliError> {
    let family = |body: &Value| {
        let family = body.get("family").and_then(Value::as_str);
        family.unwrap_or_default().to_owned()
    };
    match wanted {
        DefinitionWanted::Body(body) => Ok((body.clone(), family(body))),
        DefinitionWanted::Existing(reference) => {
            let arn = found.asked_definition.as_ref();
            let described = arn.and_then(|arn| Some((arn, found.task_definitions.get(arn)?)));
            let (arn, described) = described.ok_or_else(|| {
                CliError::refused(format!("there is no task definition {reference}"))
                    .hint("list them: aws ecs list-task-definitions --sort DESC")
            })?;
            let body = task_definition::from_describe(described);
            Ok((body, arn.short().to_owned()))
        }
        DefinitionWanted::Images(images) => {
            let service = live.and_then(|slot| found.services[slot].as_ref());
            let runs = service.and_then(|it| it.get("taskDefinition")?.as_str());
            let runs = runs.map(crate::deployment::ids::TaskDefinitionArn::new);
            let described = runs.and_then(|arn| Some((found.task_definitions.get(&arn)?, arn)));
            let (described, arn) = described.ok_or_else(|| {
                let (a, b) = (
                    &session.config.slots.a.service,
                    &session.config.slots.b.service,
                );
                let cluster = session.cluster();
                CliError::refused(format!(
                    "neither {a} nor {b} exists in cluster {cluster}: there is no task definition \
                     to verify"
                ))
                .hint("give one: --task-definition FILE|FAMILY[:REV]")
                .hint("or check `cluster`, `slots` and the region in bg.yaml")
            })?;
            let mut body = task_definition::from_describe(described);
            task_definition::set_images(&mut body, images)
                .map_err(|error| CliError::usage(error.to_string()))?;
            let name = match images.is_empty() {
                true => arn.short().to_owned(),
                false => format!("{} with {}", arn.short(), images_of(&body, images)),
            };
            Ok((body, name))
        }
    }
}

/// The images that were put in, in the definition's order.
fn images_of(body: &Value, changes: &[task_definition::ImageChange]) -> String {
    let is_new = |image: &String| changes.iter().any(|it| it.image.as_str() == image);
    let images = task_definition::images(body).into_iter();
    let images: Vec<String> = images.map(|(_, image)| image).filter(is_new).collect();
    images.join(", ")
}

/// Where the tasks of a version without a service are to run.
fn launch_of(body: &Value) -> Launch {
    let compatible = body
        .get("requiresCompatibilities")
        .and_then(Value::as_array);
    match compatible.is_some_and(|it| it.iter().any(|it| it == "FARGATE")) {
        true => Launch::Fargate,
        false => Launch::Ec2,
    }
}

/// The config's alarms, `{slot}` filled in both ways.
fn alarms(session: &Session) -> BTreeSet<AlarmName> {
    let alarms = request::alarms(&session.config);
    let names = alarms.iter().flat_map(|alarm| {
        let slots = SlotName::BOTH.into_iter();
        slots.flat_map(|live| alarm.names(live))
    });
    names.map(AlarmName::new).collect()
}
