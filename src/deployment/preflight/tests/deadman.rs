//! The dead-man switch.

use std::time::Duration;

use super::{Request, each_is_refused, planned};
use crate::deployment::deadman::Deadman;
use crate::deployment::ids::{RoleArn, ScheduleName};
use crate::deployment::plan::Kind;

fn wanted(request: &mut Request, account: &str) {
    request.deadman = Some(Deadman {
        after: Duration::from_secs(300),
        role: RoleArn::new(format!("arn:aws:iam::{account}:role/bg-deadman")),
        leftovers: Vec::new(),
    });
}

#[test]
fn one_that_could_not_be_armed_is_refused() {
    each_is_refused(&[
        (
            "is of account 999999999999, the credentials are for 123456789012",
            "a role of this account",
            |request, _| wanted(request, "999999999999"),
        ),
        (
            "can't be armed on shop:443: its action signs users in with OpenID Connect",
            "take `deadman` out",
            |request, found| {
                wanted(request, "123456789012");
                let listener = found.forwards[0].arn.clone();
                found.deadman.with_secrets.insert(listener);
            },
        ),
    ]);
}

#[test]
fn what_an_earlier_deployment_left_is_told_and_planned_to_be_taken_away() {
    let left = ScheduleName::new("bg.shop.0.earlier.0");
    let planning = planned(|request, found| {
        wanted(request, "123456789012");
        found.deadman.leftovers.push(left.clone());
    });
    assert!(planning.warnings[0].contains("bg.shop.0.earlier.0"));
    let deadman = planning.plan.unwrap().deadman.unwrap();
    assert_eq!(deadman.leftovers, [left]);
}

#[test]
fn a_hotfix_is_told_that_it_goes_without() {
    let planning = planned(|request, _| {
        wanted(request, "123456789012");
        request.kind = Kind::Hotfix {
            reason: "it burns".to_owned(),
        };
    });
    let notes = planning.notes.join("\n");
    assert!(
        notes.contains("the dead-man switch is not armed"),
        "{notes}"
    );
}
