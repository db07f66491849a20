//! Weighted Route 53 records over a load balancer for each slot.

use serde_json::json;

use super::routes::HTTP;
use super::support::permissions::policy;
use super::support::{Scene, bare, between, until};
use super::two_balancers::asks;

const CONFIG: &str = "
service: shop
cluster: demo
region: eu-west-1
slots:
  a: { service: shop,   target_group: app-a }
  b: { service: shop-b, target_group: app-b }
routes:
  - { record: shop.example.com, zone: example.com }
strategy: { steps: [{ weight: 10%, bake: 1m }, { weight: 100% }], bake: 1m }
guards: { targets: { for: 10s }, metrics: off }
retire: { after: 2m, at_most: 3m }
patience: 60m
blind_after: 30m
";

impl Scene {
    fn records(&self, zone: &str) -> String {
        let shown = self.dns("GET", &format!("hostedzone/{zone}/rrset"), "");
        let sets = between(&shown, "<ResourceRecordSets>", "</ResourceRecordSets>");
        sets.expect("a list").to_owned()
    }
}

/// The weights as they are listed, and the list without them.
fn weights(records: &str) -> (Vec<&str>, String) {
    let mut parts = records.split("<Weight>");
    let mut others = parts.next().unwrap_or_default().to_owned();
    let mut weights = Vec::new();
    for part in parts {
        let (weight, rest) = part.split_once("</Weight>").expect("a weight");
        weights.push(weight);
        others.push_str(rest);
    }
    (weights, others)
}

/// A load balancer for each slot, and an alias of each type to each; the hosted zone.
fn two_balancers() -> (Scene, String) {
    let scene = Scene::empty_at_speed(200, CONFIG);
    let groups = ["app-a", "app-b"].map(|name| scene.new_group(name, "8080", &HTTP));
    let mut names = Vec::new();
    for (name, group) in ["shop-one", "shop-two"].into_iter().zip(&groups) {
        let balancer = [
            ("Name", name),
            ("Subnets.member.1", "subnet-0a000000000000001"),
            ("Subnets.member.2", "subnet-0b000000000000002"),
        ];
        let made = scene.elb("CreateLoadBalancer", &balancer);
        names.push(between(&made, "<DNSName>", "<").expect("a name").to_owned());
        let arn = between(&made, "<LoadBalancerArn>", "<").expect("an ARN");
        let listener = [
            ("LoadBalancerArn", arn),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", group),
        ];
        scene.elb("CreateListener", &listener);
    }
    scene.run_shop(&[("app", 8080, &groups[0])]);
    let made = scene.dns(
        "POST",
        "hostedzone",
        "<CreateHostedZoneRequest><Name>example.com</Name><CallerReference>1</CallerReference>\
         </CreateHostedZoneRequest>",
    );
    let zone = between(&made, "<Id>/hostedzone/", "<").expect("an id");
    let alias = |kind: &str, set: &str, weight: u32, name: &str| {
        format!(
            "<Change><Action>CREATE</Action><ResourceRecordSet><Name>shop.example.com</Name>\
             <Type>{kind}</Type><SetIdentifier>{set}</SetIdentifier><Weight>{weight}</Weight>\
             <AliasTarget><HostedZoneId>Z32O12XQLNTSW2</HostedZoneId>\
             <DNSName>dualstack.{name}</DNSName>\
             <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>\
             <HealthCheckId>check-{set}</HealthCheckId></ResourceRecordSet></Change>"
        )
    };
    let pairs = ["A", "AAAA"].map(|kind| {
        alias(kind, "blue &amp; old", 255, &names[0]) + &alias(kind, "new", 0, &names[1])
    });
    let batch = format!(
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{}</Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>",
        pairs.concat()
    );
    scene.dns("POST", &format!("hostedzone/{zone}/rrset"), &batch);
    (scene, zone.to_owned())
}

#[test]
fn records_are_shifted_and_put_back_and_nothing_but_their_weights_changes() {
    let (scene, zone) = two_balancers();
    let before = scene.records(&zone);
    let (all_on_a, others) = weights(&before);
    assert_eq!(all_on_a, ["255", "0", "255", "0"], "{before}");
    scene
        .bg(&["plan", "--image", "app:v2"])
        .exits(0)
        .says("shop.example.com A\n")
        .says("shop.example.com AAAA\n")
        .says("resolvers keep what they were told for 1m")
        .says("10% of traffic to green, 1m for DNS, bake for 1m");

    let mut deployment = scene.start(&["deploy", "--image", "app:v2", "--no-wait-retire"]);
    deployment.until_it_says("baking");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(
        status["routes"][0]["label"], "shop.example.com A",
        "{status}"
    );
    assert_eq!(status["routes"][0]["weights"]["b"], "10%", "{status}");
    deployment.end().exits(0).says("Promoted");
    let (shifted, rest) = (scene.records(&zone), others.clone());
    assert_eq!(weights(&shifted), (vec!["0", "255", "0", "255"], rest));

    let needed = scene.needs();
    let needed: Vec<_> = needed
        .iter()
        .filter_map(|it| it["action"].as_str())
        .collect();
    let policy = policy(CONFIG).expect("a sound config").to_string();
    let allowed = policy.split('"').filter(|it| it.starts_with("route53:"));
    let actions: Vec<_> = allowed
        .filter(|it| !it.contains("RecordSets") || it.ends_with("Sets"))
        .collect();
    assert_eq!(actions.len(), 4, "{actions:?}");
    for action in actions {
        assert!(
            needed.contains(&action),
            "{action} is allowed, and nothing needs it"
        );
    }

    let back = scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    back.says("shop.example.com A: slot a (app-a) has everything");
    assert_eq!(weights(&scene.records(&zone)), (all_on_a, others));
}

#[test]
fn a_service_behind_records_is_adopted_with_them_and_deployed() {
    let (scene, zone) = two_balancers();
    let scene = scene.adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let before = (scene.footprint(), scene.records(&zone));
    let init = [
        "init",
        "--region",
        "eu-west-1",
        "--cluster",
        "demo",
        "--apply",
    ];
    let adopt = [&init[..], &["--service", "shop"]].concat();
    scene
        .bg(&adopt)
        .exits(0)
        .says("slot b   service shop-b, target group app-b")
        .says("shop.example.com A\n")
        .says("shop.example.com AAAA\n")
        .says("Nothing is missing")
        .says("Nothing was changed in AWS.");
    assert_eq!((scene.footprint(), scene.records(&zone)), before);
    let config = std::fs::read_to_string(scene.folder().join("bg.yaml")).expect("it is written");
    let listed = format!("\nroutes:\n  - {{ record: \"shop.example.com\", zone: {zone} }}\n");
    assert!(config.contains(&listed), "{config}");

    let patient = [("BG_STRATEGY", "canary:10%:1m"), ("BG_TIMEOUT", "2h")];
    let deploy = ["deploy", "--image", "app:v2", "--no-wait-retire"];
    scene.bg_with(&patient, &deploy).exits(0).says("Promoted");
    let shifted = scene.records(&zone);
    assert_eq!(weights(&shifted).0, ["0", "255", "0", "255"]);
    // Slot b is live, and has tasks: it is slot b all the same, and no service of its own.
    scene.bg(&adopt).exits(0).says("Nothing is missing");
    scene
        .without_config(&[&init[..], &["--service", "shop-b"]].concat())
        .exits(3)
        .complains("service shop-b seems to be slot b of shop: the same routes lead to both");
}

#[test]
fn an_abort_in_mid_shift_puts_records_back_before_green_goes() {
    let (scene, zone) = two_balancers();
    let mut deployment = scene.start(&["deploy", "--image", "app:v2"]);
    deployment.until_it_says("baking");
    scene.bg(&["abort"]).exits(0);
    let ended = deployment.end().exits(4).says("Reverted");
    ended.says(" in Route 53, and for everybody within 1m more");
    let after = scene.records(&zone);
    assert_eq!(weights(&after).0, ["255", "0", "255", "0"]);
    assert_eq!((scene.desired("shop"), scene.desired("shop-b")), (2, 0));
}

#[test]
fn blue_is_retired_though_its_load_balancer_forwards_to_it() {
    let (scene, zone) = two_balancers();
    scene
        .bg(&["deploy", "--image", "app:v2"])
        .exits(0)
        .says("Promoted");
    assert_eq!(weights(&scene.records(&zone)).0, ["0", "255", "0", "255"]);
    assert_eq!((scene.desired("shop"), scene.desired("shop-b")), (0, 2));
}

#[test]
fn doctor_tells_who_has_traffic_by_the_records() {
    let (scene, zone) = two_balancers();
    scene
        .bg(&["deploy", "--image", "app:v2"])
        .exits(0)
        .says("Promoted");
    // Its own load balancer still sends all it gets to slot a's group, which is empty: it gets
    // nothing.
    for asked in [&["doctor"][..], &["doctor", "--service", "shop"]] {
        let healthy = scene.bg(asked).exits(0);
        healthy.says("idle, no task is asked for; nothing is wrong");
    }
    let report = scene.bg(&["doctor", "--output", "json"]).exits(0).json();
    for slot in 0..2 {
        assert_eq!(report["services"][slot]["findings"], json!([]), "{report}");
    }

    let back = scene.records(&zone);
    let back = back.replacen("<Weight>0<", "<Weight>9<", 1);
    let sets = back.split_inclusive("</ResourceRecordSet>");
    let changes = sets.map(|set| format!("<Change><Action>UPSERT</Action>{set}</Change>"));
    let batch = format!(
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{}</Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>",
        changes.collect::<String>()
    );
    scene.dns("POST", &format!("hostedzone/{zone}/rrset"), &batch);
    let told = "shop.example.com A sends users to target group app-a, which has no targets";
    scene.bg(&["doctor"]).exits(0).says(told);
    scene
        .bg(&["doctor", "--service", "shop"])
        .exits(0)
        .says(told);
}

#[test]
fn doctor_tells_of_records_that_are_not_there() {
    let (scene, _) = two_balancers();
    let config = CONFIG.replace("shop.example.com,", "shp.example.com,");
    scene.write("bg.yaml", &config);
    scene
        .bg(&["doctor"])
        .exits(0)
        .says("has no record shp.example.com")
        .says("correct `record`, `zone` or `type` of that route");
}

#[test]
fn what_keeps_records_from_being_routes_is_told_at_once() {
    let (scene, _) = two_balancers();
    for (from, to, told) in [
        (
            "shop.example.com,",
            "shp.example.com,",
            "has no record shp.example.com",
        ),
        (
            "zone: example.com",
            "zone: example.org",
            "there is no hosted zone example.org",
        ),
        (
            "zone: example.com",
            "zone: Z0123456789",
            "no hosted zone Z0123456789",
        ),
        (
            "weight: 10%",
            "weight: 0.3%",
            "step 1 at 0.3% is finer than the weights of records",
        ),
        (
            "target_group: app-b",
            "target_group: app-c",
            "target group app-c does not exist",
        ),
    ] {
        let config = CONFIG.replace(from, to);
        assert_ne!(config, CONFIG);
        scene.write("bg.yaml", &config);
        let refused = scene.bg(&["plan", "--image", "app:v2"]).exits(3);
        let all = refused.stdout.clone() + &refused.stderr;
        assert!(all.contains(told), "{told} is not in\n{all}");
    }
}

#[test]
fn a_rehearsal_takes_as_long_as_dns_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("bg.yaml"), CONFIG).expect("it can be written to");
    let nowhere = [("AWS_EC2_METADATA_DISABLED", "true")];
    let told = bare(folder.path(), &nowhere, &["rehearse", "--seeds", "0"]).exits(0);
    told.says("at 10%, step 1 of 2, for 2m until")
        .says("shop.example.com A: 100% on slot b");
}

/// A plain alias beside the routes.
fn lead_www_to_slot_a(scene: &Scene, zone: &str) {
    let found = scene.dns("GET", &format!("hostedzone/{zone}/rrset"), "");
    let one = between(&found, "<DNSName>", "<").expect("a name");
    let www = format!(
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>CREATE</Action>\
         <ResourceRecordSet><Name>www.example.com</Name><Type>A</Type><AliasTarget>\
         <HostedZoneId>Z32O12XQLNTSW2</HostedZoneId><DNSName>{one}</DNSName>\
         <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>\
         </Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    scene.dns("POST", &format!("hostedzone/{zone}/rrset"), &www);
}

#[test]
fn sets_that_are_swapped_and_names_that_would_be_left_behind_are_found() {
    let (scene, zone) = two_balancers();
    let plan = ["plan", "--image", "app:v2"];
    let route = "{ record: shop.example.com, zone: example.com }";
    let configured = |with: &str| drop(scene.write("bg.yaml", &CONFIG.replace(route, with)));
    configured(
        "{ record: shop.example.com, zone: example.com, sets: { a: new, b: 'blue & old' } }",
    );
    let before = scene.records(&zone);
    for verb in [&plan[..], &["deploy", "--image", "app:v2"]] {
        let ended = scene.bg(verb).exits(3);
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            told.contains("are mixed up: new is given to slot a"),
            "{told}"
        );
    }
    let forced = scene.bg(&["rollback", "--to", "b", "--force"]);
    assert_ne!(forced.code, 0, "{forced}");
    assert!(forced.stderr.contains("are mixed up"), "{forced}");
    assert_eq!(scene.records(&zone), before);
    let status = scene.bg(&["status"]).exits(0);
    status.says("are mixed up: new is given to slot a");

    configured("{ record: shop.example.com, zone: example.com, type: A }");
    let ended = scene.bg(&plan).exits(3);
    ended.says("shop.example.com AAAA also leads to the slots' load balancers");

    lead_www_to_slot_a(&scene, &zone);
    configured(route);
    scene
        .bg(&plan)
        .exits(0)
        .says("www.example.com A in the same hosted zone");
}

#[test]
fn blue_is_not_emptied_while_users_come_by_another_name() {
    let (scene, zone) = two_balancers();
    lead_www_to_slot_a(&scene, &zone);
    let asks = asks(&scene, "shop-one");
    let deploy = ["deploy", "--image", "app:v2", "--no-wait-retire"];
    scene.bg(&deploy).exits(0);
    let tick = || scene.bg(&["tick"]).exits(0).to_string();
    until("the name to be told", || {
        let names_it = tick().contains("www.example.com A leads to it beside");
        names_it.then_some(())
    });
    assert_eq!(scene.desired("shop"), 2, "it still serves them");
    drop(asks);
    until("blue to be retired", || {
        tick();
        (scene.desired("shop") == 0).then_some(())
    });
}
