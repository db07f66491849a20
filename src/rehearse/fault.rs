//! What may be wrong with a new version, or around it.

use std::time::Duration;

use super::scenario;
use crate::sandbox::world::app::{Behaviour, Exit};
use crate::sandbox::world::traffic::Together;
use crate::strategy::{InputError, Node, Reader, format_duration};

/// One fault, on one base.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is wrong.
    pub kind: Kind,
    /// What is otherwise than in the scenario meanwhile.
    pub setting: Setting,
}

/// What a fault says of the service, where that isn't the scenario's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Setting {
    /// The live version's share of failed requests (`from`), in millionths.
    pub from: Option<u32>,
    /// Requests a second (`requests`).
    pub requests: Option<f64>,
    /// What the error rates of both sides do together (`weather`).
    pub weather: Option<Together>,
    /// By how much each side's differs by itself (`noise`).
    pub noise: Option<f64>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Nothing.
    Good,
    /// So many of a million requests fail.
    Errors(u32),
    /// Requests take so long.
    Latency(Duration),
    /// The process ends after so long.
    Crash(Duration),
    /// The process takes so long before it listens.
    StartUp(Duration),
    /// CloudWatch's figures are so much later than usual, and 20 % of requests fail.
    Late(Duration),
    /// So many of a million calls are refused for their rate, and 20 % of requests fail.
    Throttled(u32),
    /// The process that drives the deployment dies a minute into the first bake and nobody goes on
    /// for so long; 20 % of requests fail.
    Dies(Duration),
}

/// What fails beside trouble that is not the version's.
const UNDER_TROUBLE: u32 = 200_000;
/// What may be wrong, and then what may be otherwise.
pub(super) const KEYS: [&str; 12] = [
    "good",
    "errors",
    "latency",
    "crash",
    "start_up",
    "late",
    "throttled",
    "dies",
    "from",
    "requests",
    "weather",
    "noise",
];

impl Kind {
    /// Whether the version is one that has to be reverted.
    pub fn is_bad(self) -> bool {
        self != Kind::Good
    }

    /// Whether it happens to any version, so that a good one is tried under it as well.
    pub fn is_around(self) -> bool {
        matches!(self, Kind::Late(_) | Kind::Throttled(_) | Kind::Dies(_))
    }

    /// How the version behaves, where the live one behaves as `live` does.
    pub(super) fn behaviour(self, live: &Behaviour) -> Behaviour {
        let mut new = live.clone();
        match self {
            Kind::Good => {}
            Kind::Errors(share) => new.error_rate = f64::from(share) / 1e6,
            Kind::Latency(latency) => new.latency = latency,
            Kind::Crash(after) => {
                let after = u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
                new.exit = Some(Exit {
                    from: after,
                    to: after.saturating_add(20),
                    code: 1,
                    reason: None,
                });
            }
            Kind::StartUp(boot) => new.boot = boot,
            Kind::Late(_) | Kind::Throttled(_) | Kind::Dies(_) => {
                new.error_rate = f64::from(UNDER_TROUBLE) / 1e6;
            }
        }
        new
    }
}

impl Fault {
    /// One on the scenario's own base.
    pub fn of(kind: Kind) -> Fault {
        Fault {
            kind,
            setting: Setting::default(),
        }
    }

    /// What it is called in tables, with a version such as this.
    pub fn under(&self, version: Kind) -> String {
        let from = self.setting.from;
        let around = match self.kind {
            Kind::Late(lag) => Some(format!("figures {} later", format_duration(lag))),
            Kind::Throttled(share) => Some(format!("{} of calls throttled", percent(share))),
            Kind::Dies(away) => Some(format!("process dead for {}", format_duration(away))),
            _ => None,
        };
        let version = match version {
            Kind::Good => good(from),
            Kind::Errors(share) => errors(from, share),
            Kind::Latency(latency) => format!("latency {}", format_duration(latency)),
            Kind::Crash(after) => format!("crash after {}", format_duration(after)),
            Kind::StartUp(boot) => format!("start-up {}", format_duration(boot)),
            Kind::Late(_) | Kind::Throttled(_) | Kind::Dies(_) => errors(from, UNDER_TROUBLE),
        };
        let words = [Some(version), around, self.setting.words()];
        let words: Vec<String> = words.into_iter().flatten().collect();
        words.join(", ")
    }
}

impl Setting {
    /// What it has otherwise than the scenario, but for the live version's errors.
    fn words(&self) -> Option<String> {
        let weather = self.weather.map(|it| match it {
            Together::Steady => "steady",
            Together::Drifting { .. } => "drifting",
            Together::Incidents { .. } => "shared incidents",
        });
        let requests = self.requests.map(|it| format!("{it} requests a second"));
        let noise = self.noise.map(|it| format!("noise {} %", it * 100.0));
        let words = [requests, weather.map(str::to_owned), noise];
        let words: Vec<String> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

fn percent(millionths: u32) -> String {
    format!("{} %", f64::from(millionths) / 1e4)
}

fn good(from: Option<u32>) -> String {
    let both = from.map(|from| format!(", {} errors on both sides", percent(from)));
    format!("good{}", both.unwrap_or_default())
}

fn errors(from: Option<u32>, to: u32) -> String {
    let from = from.map(|from| format!("{} → ", percent(from)));
    format!("errors {}{}", from.unwrap_or_default(), percent(to))
}

/// The faults that are tried where a scenario names none.
pub fn usual() -> Vec<Fault> {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let kinds = [
        Kind::Errors(5_000),
        Kind::Errors(20_000),
        Kind::Errors(200_000),
        Kind::Latency(Duration::from_millis(200)),
        Kind::Crash(minutes(3)),
        Kind::StartUp(minutes(3)),
        Kind::Late(minutes(5)),
        Kind::Throttled(300_000),
        Kind::Dies(minutes(10)),
        Kind::Good,
    ];
    kinds.map(Fault::of).to_vec()
}

/// Reads `{ errors: 5%, from: 0.1% }`, `{ crash: 3m }`, `good` and their like.
pub(super) fn read(reader: Reader<'_>, node: &Node) -> Result<Fault, InputError> {
    let one_of = format!("a fault is one of {}", KEYS[..8].join(", "));
    if reader.text(node, &one_of).is_ok_and(|text| text == "good") {
        return Ok(Fault::of(Kind::Good));
    }
    let fields = reader.fields(node, "a fault such as { errors: 5% }", &KEYS)?;
    let mut kinds = Vec::new();
    for key in &KEYS[..8] {
        let Some(node) = fields.optional(key) else {
            continue;
        };
        let share = || {
            let share = reader.rate(node)?;
            match share <= 1_000_000 {
                true => Ok(share),
                false => Err(reader.error(node.at, format!("`{key}` must be at most 100%"))),
            }
        };
        kinds.push(match *key {
            "errors" => Kind::Errors(share()?),
            "throttled" => Kind::Throttled(share()?),
            "latency" => Kind::Latency(reader.response_time(node)?),
            "crash" => Kind::Crash(reader.duration(node)?),
            "start_up" => Kind::StartUp(reader.duration(node)?),
            "late" => Kind::Late(reader.duration(node)?),
            "dies" => Kind::Dies(reader.duration(node)?),
            _ => match reader.flag(node)? {
                true => Kind::Good,
                false => return Err(reader.error(node.at, "`good` can only be true")),
            },
        });
    }
    let kind = match kinds[..] {
        [kind] => kind,
        [] => return Err(reader.error(node.at, one_of)),
        _ => {
            let what = "only one fault per entry: each is tried by itself; write two";
            return Err(reader.error(node.at, what));
        }
    };
    let from = fields.optional("from").map(|node| reader.rate(node));
    let requests = fields.optional("requests");
    let requests = requests.map(|node| scenario::requests(reader, node));
    let weather = fields.optional("weather");
    let weather = weather.map(|node| scenario::weather(reader, node));
    let noise = fields.optional("noise");
    let noise = noise.map(|node| scenario::share(reader, node, "noise"));
    let setting = Setting {
        from: from.transpose()?,
        requests: requests.transpose()?,
        weather: weather.transpose()?,
        noise: noise.transpose()?,
    };
    Ok(Fault { kind, setting })
}
