//! Turns a deployment's events into what people and programs read: text lines, JSON lines, the
//! live view, the plan and the status. Pure: no terminal, file, socket or clock; `now` is passed
//! in, and times are shown in UTC.
//!
//! Nothing is masked here: events, plans and status documents hold no secret by construction
//! (a plan has no task-definition body, and the differences of two definitions are masked where
//! they are made).

pub mod approval;
pub mod ci;
pub mod doctor;
pub mod ending;
pub mod history;
pub mod html;
mod idle;
pub mod json;
pub mod line;
pub mod live;
pub mod logs;
pub mod plan;
pub mod read_to;
pub mod say;
pub mod spans;
pub mod status;
pub mod tasks;
pub mod text;
pub mod track;
pub mod values;
pub mod verify;
pub mod view;
pub mod waits;
pub mod words;

#[cfg(test)]
mod stories;
