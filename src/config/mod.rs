//! `bg.yaml`, read strictly: every refusal names the line, the column and the way out.
//! Knows nothing of AWS: whether the things it names exist is found out elsewhere.

mod deadman;
mod environment;
mod find;
mod gates;
mod guards;
mod metrics;
mod notify;
mod read;
mod routes;
mod schema;
mod slots;
mod types;
mod values;

pub use deadman::Deadman;
pub use find::{CONFIG_FILE, find};
pub use guards::{AlarmConfig, AlarmSide, Guards, TargetGuard};

pub use routes::{RecordConfig, RouteConfig, Routes};
pub use schema::schema;
pub use slots::{Endpoint, SlotConfig, Slots, TargetConfig};
pub use types::{Config, Discovery, GreenCapacity, OnSignal, Retire, RetireThen, Signals, Timing};
pub use values::{AccountId, StateLocation};
