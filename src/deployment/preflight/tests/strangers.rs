//! Targets that are none of the slots' tasks.

use serde_json::json;

use super::healthy::{group_arn, service, two_ports};
use super::{each_is_refused, planned, problems};
use crate::deployment::ids::EcsServiceName;
use crate::deployment::plan::Kind;
use crate::deployment::surroundings::{Stranger, Surroundings, Target};

fn stranger(id: &str, service: Option<&str>) -> Stranger {
    Stranger {
        target: Target {
            id: id.to_owned(),
            port: 8080,
        },
        service: service.map(EcsServiceName::new),
    }
}

fn in_group(found: &mut Surroundings, group: &str, strangers: Vec<Stranger>) {
    found.strangers.insert(group_arn(group), strangers);
}

#[test]
fn somebody_s_targets_in_the_idle_slot_s_group_are_refused() {
    each_is_refused(&[
        (
            "target group shop-b of slot b has 1 target that is no task of shop-b: 10.0.0.9:8080 \
             (service leftover); they would count as green's healthy targets",
            "take the group out of service leftover, or scale that to 0 or delete it",
            |_, found| {
                in_group(
                    found,
                    "shop-b",
                    vec![stranger("10.0.0.9", Some("leftover"))],
                );
            },
        ),
        (
            "has 7 targets that are no tasks of shop-b: 10.0.0.0:8080, 10.0.0.1:8080, \
             10.0.0.2:8080, 10.0.0.3:8080, 10.0.0.4:8080, and 2 more",
            "--targets Id=10.0.0.0,Port=8080 Id=10.0.0.1,Port=8080",
            |_, found| {
                let seven = (0..7).map(|at| stranger(&format!("10.0.0.{at}"), None));
                in_group(found, "shop-b", seven.collect());
            },
        ),
        (
            "target group admin-b of slot b has 1 target that is no task of shop-b: i-0a:8080",
            "aws elbv2 deregister-targets",
            |request, found| {
                two_ports(request, found, 8443);
                in_group(found, "admin-b", vec![stranger("i-0a", None)]);
                let mut idle = service("shop-b", "shop-b");
                idle["desiredCount"] = json!(0);
                idle["runningCount"] = json!(0);
                found.services.b = Some(idle);
            },
        ),
        (
            "service shop of slot a registers its tasks with target group shop-b, too, which is \
             slot b's",
            "take shop-b out of that service's load balancers",
            |_, found| {
                let shop = found.services.a.as_mut().expect("the shop has slot a");
                let both = shop["loadBalancers"].as_array_mut().expect("it is a list");
                let mut again = both[0].clone();
                again["targetGroupArn"] = json!(group_arn("shop-b").as_str());
                both.push(again);
            },
        ),
    ]);
}

#[test]
fn what_serves_already_and_what_is_to_repair_production_is_warned_of() {
    let one = || vec![stranger("2001:db8::9", None)];
    let live = planned(|_, found| in_group(found, "shop-a", one()));
    assert!(live.plan.is_some());
    let words = "target group shop-a of slot a has 1 target that is no task of shop: \
                 [2001:db8::9]:8080; they serve beside its tasks";
    assert!(live.warnings[0].starts_with(words), "{:#?}", live.warnings);

    let warned = |change: fn(&mut super::Request, &mut Surroundings)| {
        let planning = planned(|request, found| {
            in_group(found, "shop-b", one());
            change(request, found);
        });
        assert_eq!(problems(&planning), [] as [String; 0]);
        let words = "target group shop-b of slot b has 1 target";
        let mut warnings = planning.warnings.iter();
        assert!(
            warnings.any(|it| it.starts_with(words)),
            "{:#?}",
            planning.warnings
        );
    };
    warned(|request, _| {
        request.kind = Kind::Hotfix {
            reason: "it burns".to_owned(),
        };
    });
    // Tasks of its own come and go: what is none of them just now may be one in a moment.
    warned(|_, found| found.services.b = Some(service("shop-b", "shop-b")));
}
