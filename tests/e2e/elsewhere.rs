//! Credentials that lead to another account than the one that is meant.

use super::support::{Scene, until};

#[test]
fn no_verb_writes_in_another_account_than_the_config_s() {
    let scene = Scene::at_speed(60);
    let long = ("bake: 1m }", "bake: 30m }");
    scene.configure(&[long]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first.signal("KILL");
    first.end();
    until("the lease's end", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["deployment"]["abandoned"] == true).then_some(())
    });
    let account = "region: eu-west-1\naccount: \"999999999999\"";
    scene.configure(&[long, ("region: eu-west-1", account)]);
    let before = scene.footprint();
    for verb in [
        &["resume"][..],
        &["resume", "--revert"],
        &["rollback"],
        &["rollback", "--to", "a", "--force"],
        &["deploy", "--image", "shop:v3", "--revert"],
        &["tick"],
    ] {
        scene.bg(verb).exits(3).complains("999999999999");
    }
    assert_eq!(scene.footprint(), before);
    assert_eq!(scene.weights(), (90, 10));
}

#[test]
fn what_is_meant_by_name_or_arn_is_what_the_config_is_of() {
    let scene = Scene::at_speed(60);
    let asked = |meant: [&str; 2]| {
        let plan = ["plan", "--image", "shop:v2"];
        scene.bg(&[&plan[..], &meant].concat())
    };
    let service = |region: &str, account: &str, cluster: &str| {
        format!("arn:aws:ecs:{region}:{account}:service/{cluster}/shop")
    };
    let here = service("eu-west-1", "123456789012", "demo");
    for same in [
        ["--service", "shop"],
        ["--service", "shop-b"],
        ["--service", &here],
        [
            "--cluster",
            "arn:aws:ecs:eu-west-1:123456789012:cluster/demo",
        ],
    ] {
        asked(same).exits(0);
    }
    let (region, cluster) = (
        service("us-east-1", "123456789012", "demo"),
        service("eu-west-1", "123456789012", "other"),
    );
    for (other, words) in [
        (["--service", "web"], "service web is meant"),
        (["--cluster", "other"], "cluster other is meant"),
        (["--service", &cluster], "cluster other is meant"),
        (
            ["--service", &region],
            "is in region us-east-1, and bg works in eu-west-1",
        ),
    ] {
        asked(other).exits(2).complains(words);
    }
    let own = "region: eu-west-1\naccount: \"123456789012\"";
    scene.configure(&[("region: eu-west-1", own)]);
    let account = service("eu-west-1", "999999999999", "demo");
    asked(["--service", &account])
        .exits(2)
        .complains("of account 999999999999");
}
