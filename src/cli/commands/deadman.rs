//! `bg deadman test`

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::aws::AwsError;
use crate::cli::args::{DeadmanTestArgs, Global, OutputFormat};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind, locked};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::deployment::deadman::{self, Deadman};
use crate::deployment::ids::{RoleArn, ScheduleName};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Forward, Surroundings};
use crate::report::words;
use crate::store::Holder;

/// From now to the write.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// How long after its time a schedule may still be there: it fires within the minute after, once
/// more within the next, and is deleted some seconds later.
const GONE_WITHIN: SignedDuration = SignedDuration::from_secs(180);
/// Between two looks.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// What a test that went well does and doesn't show.
const PROVES: &str = "EventBridge Scheduler takes these targets and this role, and ran them at \
                      their time; the weights are as they were";
const PROVES_NOT: &str = "a schedule also goes after a last try that ELBv2 refused: that the role \
                          may write shows in CloudTrail (ModifyListener, ModifyRule), and in \
                          TargetErrorCount of AWS/Scheduler, which has to stay 0";

/// One route's no-op write.
struct Armed<'a> {
    route: &'a Forward,
    name: ScheduleName,
    gone_at: Option<Timestamp>,
}

/// Has each route's present action written once more, a minute ahead, and looks that it happened.
pub(super) async fn test(global: &Global, args: &DeadmanTestArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, Some(&args.region)).await?;
    let deadman = wanted(&session, args)?;
    session.refuse_another_account().await?;
    let holder = lock(&session).await?;
    let tested = under_the_lock(global, &session, &deadman).await;
    // A lock that can't be given back runs out by itself.
    let _ = session.store.unlock(&session.service(), &holder).await;
    tested
}

async fn under_the_lock(
    global: &Global,
    session: &Session,
    deadman: &Deadman,
) -> Result<ExitCode, CliError> {
    let found = session.survey_for_deadman().await?;
    check(deadman, &found)?;
    let (until, routes) = run(session, global, deadman, &found).await?;
    if session.survey_for_deadman().await?.forwards != found.forwards {
        let message = "the forward actions are not what they were before the test";
        return Err(CliError::new(ErrorKind::Stuck, message).hint(
            "somebody else changed them meanwhile, or the write changed something: `bg status`",
        ));
    }
    show(global, session.is_embedded(), until, &routes).map_err(|error| unexpected(&error))?;
    match routes.iter().find(|route| route.gone_at.is_none()) {
        None => Ok(ExitCode::Stands),
        Some(route) => Err(still_there(route)),
    }
}

fn still_there(route: &Armed<'_>) -> CliError {
    let message = format!(
        "the schedule for {} was still there {} after its time; it is deleted",
        route.route.label(),
        words::length(GONE_WITHIN.unsigned_abs())
    );
    CliError::new(ErrorKind::Unexpected, message)
        .hint("do not rely on the dead-man switch in this account: take `deadman` out of bg.yaml")
}

fn unexpected(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::from_error(ErrorKind::Unexpected, error)
}

/// The config's; the sandbox's demo has one for this.
fn wanted(session: &Session, args: &DeadmanTestArgs) -> Result<Deadman, CliError> {
    if let Some(deadman) = request::deadman(&session.config) {
        return Ok(deadman);
    }
    if args.region.sandbox {
        return Ok(Deadman {
            after: std::time::Duration::from_secs(300),
            role: RoleArn::new("arn:aws:iam::123456789012:role/bg-deadman"),
            leftovers: Vec::new(),
        });
    }
    Err(CliError::usage("bg.yaml has no `deadman`")
        .hint("add `deadman: { after: 5m, role: ARN }`; docs/how-to/dead-man-switch.md says what the role needs"))
}

/// Everything that would make it fail, at once.
fn check(deadman: &Deadman, found: &Surroundings) -> Result<(), CliError> {
    let mut problems = Vec::new();
    if deadman.role.account() != found.account {
        problems.push(Problem::new(
            format!("{} is not of account {}", deadman.role, found.account),
            "set `deadman.role` to a role of the account that is deployed in",
        ));
    }
    if found.forwards.is_empty() {
        problems.push(Problem::new(
            "no listener and no rule forwards to the slots' groups",
            "add a weighted forward action with both slots' groups to a listener or rule",
        ));
    }
    for route in &found.forwards {
        if found.deadman.with_secrets.contains(&route.arn) {
            problems.push(Problem::new(
                format!("{} signs users in with OpenID Connect", route.label()),
                "take `deadman` out of bg.yaml: ELBv2 doesn't show the client secret",
            ));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(CliError::preflight(problems)),
    }
}

/// A deployment that moved weights meanwhile would have them moved back.
async fn lock(session: &Session) -> Result<Holder, CliError> {
    let holder = session.holder(&session.new_id());
    let holder = Holder {
        lease_until: holder.since + AHEAD + GONE_WITHIN + AHEAD,
        ..holder
    };
    let taken = session.store.lock(&session.service(), &holder).await;
    taken.map_err(|error| locked(&error))
}

async fn run<'a>(
    session: &Session,
    global: &Global,
    deadman: &Deadman,
    found: &'a Surroundings,
) -> Result<(Timestamp, Vec<Armed<'a>>), CliError> {
    let at = session.clock.now() + AHEAD;
    let until = Timestamp::from_second(at.as_second() + 1).unwrap_or(at);
    let id = session.new_id();
    let mut armed = Vec::new();
    for route in &found.forwards {
        let name = deadman::name(&session.cluster(), &session.service(), &id, &route.arn);
        let made = session.cloud.arm_no_op(&name, &deadman.role, route, until);
        let made = made.await;
        let gone_at = None;
        armed.push(Armed {
            route,
            name,
            gone_at,
        });
        if let Err(error) = made {
            remove(session, &armed).await;
            return Err(refused(&error));
        }
        if global.output == OutputFormat::Text && !global.quiet {
            let (label, at) = (route.label(), words::clock(until));
            note!("{label}: its present action is to be written once more at {at} UTC");
        }
    }
    wait(session, &mut armed, until).await?;
    remove(session, &armed).await;
    Ok((until, armed))
}

fn refused(error: &AwsError) -> CliError {
    unexpected(error).hint(
        "nothing was changed; the role has to let scheduler.amazonaws.com assume it, and these \
         credentials need what `bg iam-policy` prints",
    )
}

/// Looks until every schedule is gone, or long enough.
async fn wait(
    session: &Session,
    armed: &mut [Armed<'_>],
    until: Timestamp,
) -> Result<(), CliError> {
    session.clock.sleep_until(until).await;
    loop {
        for one in armed.iter_mut().filter(|one| one.gone_at.is_none()) {
            // What can't be read now may be at the next look.
            if session.cloud.has_schedule(&one.name).await == Ok(false) {
                one.gone_at = Some(session.clock.now());
            }
        }
        let now = session.clock.now();
        if armed.iter().all(|one| one.gone_at.is_some()) || now >= until + GONE_WITHIN {
            return Ok(());
        }
        session.clock.sleep_until(now + LOOK_EVERY).await;
    }
}

/// A schedule that stays would write an old action later.
async fn remove(session: &Session, armed: &[Armed<'_>]) {
    for one in armed.iter().filter(|one| one.gone_at.is_none()) {
        let _ = session.cloud.remove_schedule(&one.name).await;
    }
}

fn show(
    global: &Global,
    is_sandbox: bool,
    until: Timestamp,
    routes: &[Armed<'_>],
) -> std::io::Result<()> {
    let all = routes.iter().all(|route| route.gone_at.is_some());
    if global.output == OutputFormat::Json {
        let routes: Vec<_> = routes
            .iter()
            .map(|one| json!({ "route": one.route.label(), "ran": one.gone_at.is_some() }))
            .collect();
        return print_json(&json!({ "at": until, "ran": all, "routes": routes }));
    }
    for one in routes {
        let label = one.route.label();
        match one.gone_at {
            Some(at) => {
                let late = words::length(words::between(until, at));
                tell!("{label}: the schedule ran and was gone {late} after its time");
            }
            None => tell!("{label}: the schedule did not run"),
        }
    }
    if all && is_sandbox {
        tell!("This proves nothing of AWS: the sandbox stood in for it. Run it where it matters.");
    } else if all {
        tell!("This proves: {PROVES}.");
        tell!("It does not prove everything: {PROVES_NOT}.");
    }
    Ok(())
}
