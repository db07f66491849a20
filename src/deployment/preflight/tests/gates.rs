//! Gates that can't be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Change, each_is_refused, planned, problems};
use crate::deployment::plan::Kind;
use crate::deployment::preflight::{Planning, Request};
use crate::deployment::surroundings::{FunctionFound, Surroundings, Untaken};
use crate::gate::{
    Address, Asks, Check, FunctionName, GateWanted, HookDetails, HttpCheck, ImageCheck, ImageIs,
    ImageSeen, LambdaCheck, Place, Scan, Severity, StatusRange, Unscanned,
};

fn calls(request: &mut Request, found: &mut Surroundings, is: FunctionFound) {
    let function = FunctionName::parse("shop-checks").expect("it is sound");
    let check = LambdaCheck {
        function: function.clone(),
        stage: None,
        details: HookDetails::new(),
    };
    request.gates.push(gate(Check::Lambda(Box::new(check))));
    found.functions.insert(function, is);
}

/// One that asks a URL, or a path of green's targets.
pub(super) fn asking(http: &str) -> GateWanted {
    let to = match http.starts_with('/') {
        true => Address::Targets(http.to_owned()),
        false => Address::Url(http.to_owned()),
    };
    gate(Check::Http(Box::new(HttpCheck {
        to,
        port: None,
        method: "GET".to_owned(),
        headers: BTreeMap::new(),
        status: vec![StatusRange(200, 299)],
        contains: None,
        json: BTreeMap::new(),
        retries: 0,
        every: Duration::from_secs(5),
        each: Duration::from_secs(10),
    })))
}

fn gate(check: Check) -> GateWanted {
    GateWanted {
        name: "checks".to_owned(),
        at: vec![Place::BeforeTraffic],
        within: Duration::from_secs(60),
        asks: Asks::Check(check),
    }
}

fn looks(request: &mut Request, found: &mut Surroundings, is: ImageIs) {
    request.gates.push(gate(Check::Image(ImageCheck {
        at_most: [(Severity::Critical, 0)].into(),
        unscanned: Unscanned::Wait,
    })));
    let reference = "shop:v2".to_owned();
    found.images = Some(vec![ImageSeen { reference, is }]);
}

fn refused() -> FunctionFound {
    FunctionFound::Refused("Function not found: shop-checks".to_owned())
}

#[test]
fn a_function_that_cannot_be_called_is_refused() {
    each_is_refused(&[(
        "gate checks can't call shop-checks: Function not found: shop-checks",
        "`bg iam-policy`",
        |request, found| calls(request, found, refused()),
    )]);
}

#[test]
fn an_image_that_would_not_pass_is_refused() {
    each_is_refused(&[(
        "gate checks would say no: shop:v2 doesn't exist",
        "deploy another image",
        |request, found| looks(request, found, ImageIs::Missing),
    )]);
}

#[test]
fn a_scan_under_way_is_told_and_refuses_nothing() {
    let scanning: Change = |request, found| {
        looks(request, found, ImageIs::Fit(vec![Scan::Running]));
    };
    let planning = planned(scanning);
    assert!(planning.plan.is_some(), "{:?}", planning.problems);
    let note = "gate checks would wait: shop:v2 has a scan under way".to_owned();
    assert!(planning.notes.contains(&note), "{:?}", planning.notes);
}

#[test]
fn one_that_may_be_callable_is_not() {
    let unknown: Change = |request, found| {
        let why = "lambda:InvokeFunction is throttled by AWS".to_owned();
        calls(request, found, FunctionFound::Unknown(why));
    };
    let planning = planned(unknown);
    assert!(planning.plan.is_some(), "{:?}", planning.problems);
    let said = |note: &String| note.starts_with("whether gate checks may call shop-checks");
    assert!(planning.notes.iter().any(said), "{:?}", planning.notes);
}

#[test]
fn a_rollback_calls_none() {
    let rollback: Change = |request, found| {
        request.kind = Kind::Rollback;
        calls(request, found, refused());
    };
    assert_eq!(planned(rollback).problems, []);
}

#[test]
fn a_gate_s_port_is_one_of_the_service_s() {
    let asked = |port: u16| {
        let planning = planned(|request, _| {
            let mut gate = asking("/health");
            if let Asks::Check(Check::Http(check)) = &mut gate.asks {
                check.port = Some(port);
            }
            request.gates = vec![gate];
        });
        problems(&planning).join("; ")
    };
    assert_eq!(asked(8080), "");
    let refused = asked(81);
    let words = "asks targets of port 81, and no target group is for that container port";
    assert!(refused.contains(words), "{refused}");
}

#[test]
fn a_gate_that_asks_over_tcp_what_is_for_udp_is_warned_of() {
    let warned = |protocol: &'static str| {
        let planning = planned(|request, found| {
            request.gates = vec![asking("/health")];
            for group in found.groups.values_mut().flatten() {
                group.protocol = protocol.to_owned();
            }
        });
        assert_eq!(problems(&planning), [""; 0]);
        planning.warnings.join("; ")
    };
    assert!(
        warned("UDP").contains("over TCP, and target group shop-a is for UDP"),
        "{}",
        warned("UDP")
    );
    assert_eq!(warned("TCP_UDP"), "");
}

/// What is planned where a test route takes what a gate asks only so.
fn through(untaken: Untaken) -> Planning {
    planned(|request, found| {
        request.gates = vec![asking("/health")];
        let name = request.gates[0].name.clone();
        found.untaken.insert(name, untaken);
    })
}

#[test]
fn a_gate_whose_request_another_side_would_answer_is_refused_and_one_that_may_is_warned_of() {
    let why = "/health doesn't get through shop:80: its rule takes only path-pattern /test/*";
    let refused = problems(&through(Untaken::Surely(why.to_owned()))).join("; ");
    let words = "would not be answered by green: /health";
    assert!(refused.contains(words), "{refused}");
    let why = "shop:80: whether its rule takes that can't be told";
    let planning = through(Untaken::Perhaps(why.to_owned()));
    assert_eq!(problems(&planning), [""; 0]);
    let warned = planning.warnings.join("; ");
    assert!(warned.contains("is not sure: shop:80"), "{warned}");
}
