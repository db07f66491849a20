//! The whole program: real processes against a served region, each in a folder of its own.

mod after;
mod bad_input;
mod bare;
mod calls;
mod connecting;
mod credentials;
mod day_to_day;
mod deadman;
mod definition;
mod deploy;
mod dns;
mod doctor;
mod elsewhere;
mod gates;
mod github;
mod help;
mod hotfix;
mod iac;
mod init;
mod init_from;
mod judged;
mod logs;
mod look;
mod mixed_up;
mod notify;
mod permissions;
#[path = "../support/proxy.rs"]
#[expect(
    dead_code,
    reason = "its log and ended credentials are needed here, not its faults"
)]
mod proxy;
mod rehearse;
mod report;
mod resume;
mod routes;
mod screen;
mod settle;
mod signals;
mod state;
mod steering;
mod strangers;
mod support;
mod test_route;
mod together;
mod trace;
mod two_balancers;
mod ui;
mod unreadable;
mod verify;
mod web;
