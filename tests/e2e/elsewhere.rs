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
