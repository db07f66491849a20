//! A service without a slot b is adopted, and then deployed.

use super::*;

#[tokio::test]
async fn a_service_is_adopted_and_deployed() {
    let Some(stage) = Stage::set("adopted", "0").await else {
        return;
    };
    let name = stage.name;
    let alone = stage.scene("alone", &[]).await;
    let init = ["init", "--cluster", name, "--service", name, "--apply"];
    for says in [
        "added adopted-b at weight 0 in adopted:80 /api/*",
        "Nothing is missing",
    ] {
        let [moto, ministack] = stage.proxies.each_ref().map(Proxy::url);
        let command = bg(stage.folder.path(), &environment(&moto, &ministack), &init);
        let ended = Process::start("bg init", command).end(SCRIPT).await;
        assert_eq!(ended.code, Some(0), "{}", ended.told());
        assert!(ended.stdout.contains(says), "{}", ended.told());
    }
    let groups = stage.scene("groups", &[]).await;
    assert_eq!(groups["a"], groups["b"]);
    let look = stage.scene("look", &[]).await;
    let both = |a: u32| json!({ "adopted-a": a, "adopted-b": 0 });
    assert_eq!(
        look["weights"],
        json!({ "default": both(100), "5": both(9) })
    );
    let sticky = |look: &Value| {
        let rules = look["rules"].as_array().expect("rules").iter();
        let configs = rules.map(|rule| rule["Actions"][0]["ForwardConfig"].clone());
        let sticky = configs.map(|config| config["TargetGroupStickinessConfig"].clone());
        sticky.collect::<Vec<_>>()
    };
    assert_eq!(sticky(&look), sticky(&alone));

    let ended = stage.deploy(["2s", "2s"]).end(DEPLOYMENT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_weights(&stage.scene("look", &[]).await, name, 0, 100);
}
