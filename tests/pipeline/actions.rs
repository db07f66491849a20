//! The action's step that becomes `bg`: what its inputs mean, and what the runner gets to read.

use crate::runner::Job;
use crate::support::{Scene, until};

/// Long enough for the alarms, which need some minutes to notice anything.
const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");

#[test]
fn a_good_version_gives_outputs_headings_and_a_summary_with_a_chart() {
    let scene = Scene::at_speed(100);
    let inputs = [
        ("image", "shop:v2"),
        ("container-name", "app"),
        ("service", "shop"),
        ("cluster", "demo"),
        ("wait-for-minutes", "15"),
        ("junit", "reports/bg.xml"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(0);
    step.gives("outcome", "promoted")
        .gives("green-weight", "100");
    step.says("::group::Bring shop:v2 up in slot b\n")
        .says("::group::Step 1 of 2: 10%25 of traffic to green\n")
        .says("::endgroup::\n")
        .says("::notice title=Promoted%3A shop%3Av2 to shop::Promoted: green");
    let left = "blue is left to be retired by `bg tick` from ";
    step.says(&format!("::notice title=Left to do::{left}"));
    step.sums_up("### ✅ Promoted: shop:v2 to shop\n")
        .sums_up(&format!("> {left}"))
        .sums_up("```mermaid\nxychart-beta\n")
        .sums_up("| task definition | shop:2 |");
    let live = step.outputs["task-definition-arn"].clone();
    assert!(live.ends_with(":task-definition/shop:2"), "{live}");
    assert!(!step.outputs["deployment-id"].is_empty());

    let report = std::fs::read_to_string(scene.folder().join("reports/bg.xml")).unwrap();
    for case in ["step 2 of 2: 100% of traffic", "guard alarm shop-b-5xx"] {
        assert!(report.contains(case), "no {case:?} in\n{report}");
    }
    assert_eq!(job.step("settle").outcome, "skipped");
    assert_eq!(job.output("outcome"), "promoted");

    let mut again = Job::on(&scene, &[("task-definition", &live)]);
    let again = again.step("run").exits(0).gives("outcome", "unchanged");
    again
        .gives("task-definition-arn", &live)
        .sums_up("### ✅ Unchanged");
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn a_scheduled_job_does_what_others_have_left() {
    let scene = Scene::at_speed(200);
    let inputs = [("command", "tick"), ("arguments", "--config=bg.yaml")];
    let mut job = Job::on(&scene, &inputs);
    let idle = job.step("run").exits(0).gives("outcome", "unchanged");
    idle.sums_up("### ✅ bg tick: nothing is due");
    Job::on(&scene, &[("image", "shop:v2")])
        .step("run")
        .exits(0);
    until("blue to be retired", || {
        let mut job = Job::on(&scene, &inputs);
        let step = job.step("run").exits(0);
        let retired = "shop: slot a, service shop: retired";
        step.log().stdout.contains(retired).then(|| {
            step.says(&format!("::notice title=bg tick::{retired}\n"))
                .sums_up(&format!("- {retired}\n"));
        })
    });
    assert_eq!(scene.desired("shop"), 0);
}

#[test]
fn a_scheduled_job_that_puts_a_deployment_back_fails_and_says_why() {
    let scene = Scene::at_speed(100);
    let table = "patience: 60m\nstate: dynamodb://bg-state";
    scene.configure(&[LONG, ("patience: 60m", table)]);
    scene.bg(&["init", "--state"]).exits(0);
    let mut killed = scene.start(&["deploy", "--image", "shop:bad"]);
    killed.until_it_says("baking");
    killed.signal("KILL");
    killed.end();
    until("the revert", || {
        let mut job = Job::on(&scene, &[("command", "tick")]);
        let step = job.step("run");
        if step.outcome == "success" {
            // What goes on is the next round's, and nobody's to put back.
            let driven = step.outputs.get("deployment-id");
            assert!(driven.is_none_or(String::is_empty), "{step:?}");
            return None;
        }
        step.exits(4).gives("outcome", "reverted");
        step.gives("green-weight", "0")
            .says("::error title=Reverted%3A shop%3Abad to shop::Reverted: blue")
            .says("\n  why  ")
            .says("the cart has no column \"discount\"")
            .sums_up("### ❌ Reverted: shop:bad to shop")
            .sums_up("ERROR GET /cart 500");
        let annotations = step.log().stdout.matches("::error title=").count();
        assert_eq!(annotations, 1, "{}", step.log());
        assert_eq!(job.step("settle").outcome, "skipped");
        Some(())
    });
    scene.stands_on_blue();
}

#[test]
fn a_bad_version_is_an_error_with_its_diagnosis() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let mut job = Job::on(&scene, &[("image", "shop:bad")]);
    let step = job.step("run").exits(4);
    step.gives("outcome", "reverted").gives("green-weight", "0");
    step.says("::error title=Reverted%3A shop%3Abad to shop::Reverted: blue")
        .says("%0A  why ")
        .says("the cart has no column \"discount\"");
    step.sums_up("### ❌ Reverted: shop:bad to shop")
        .sums_up("  why           alarm shop-b-")
        .sums_up("ERROR GET /cart 500");
    assert_eq!(
        job.step("settle").outcome,
        "skipped",
        "bg said how it ended"
    );
    scene.stands_on_blue();
}

#[test]
fn with_json_the_log_s_commands_leave_stdout_alone() {
    let scene = Scene::at_speed(100);
    let inputs = [("image", "shop:v2"), ("arguments", "--output\n  json\n")];
    let mut job = Job::on(&scene, &inputs);
    let log = job.step("run").exits(0).log();
    let last = log.records().pop().expect("records");
    assert_eq!(last["event"]["type"], "ended");
    assert!(log.stderr.contains("::notice title=Promoted"), "{log}");
}

#[test]
fn a_plan_is_a_summary_and_changes_nothing() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    let mut job = Job::on(&scene, &[("command", "plan"), ("image", "shop:v2")]);
    let step = job.step("run").exits(0).gives("outcome", "ready");
    step.sums_up("### ✅ bg plan: ready")
        .sums_up("~ containers.app.image  shop:v1 -> shop:v2");
    let inputs = [
        ("command", "plan"),
        ("image", "shop:v2"),
        (
            "codedeploy-deployment-config",
            "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
        ),
    ];
    let mut job = Job::on(&scene, &inputs);
    job.step("run").exits(0).says("strategy linear");
    let inputs = [("command", "plan"), ("image", "other=shop:v2")];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run");
    assert_ne!(step.outcome, "success");
    assert_eq!(job.step("settle").outcome, "skipped");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_config_of_something_else_is_refused() {
    let scene = Scene::at_speed(1);
    for (input, other) in [("service", "cart"), ("cluster", "staging")] {
        let mut job = Job::on(&scene, &[("image", "shop:v2"), (input, other)]);
        let step = job.step("run").exits(2).gives("outcome", "failed");
        step.says("::error title=bg deploy ends with exit code 2::Error: ")
            .says(&format!("{input} {other} is meant"));
    }
    for service in [
        "shop-b",
        "arn:aws:ecs:eu-west-1:123456789012:service/demo/shop",
    ] {
        let inputs = [
            ("command", "plan"),
            ("image", "shop:v2"),
            ("service", service),
        ];
        Job::on(&scene, &inputs).step("run").exits(0);
    }
}

#[test]
fn what_has_no_meaning_here_is_said_and_what_is_wrong_stops_it() {
    let scene = Scene::at_speed(1);
    let inputs = [
        ("command", "plan"),
        ("image", "shop:v2"),
        ("desired-count", "4"),
        ("wait-for-service-stability", "false"),
        ("codedeploy-deployment-group", "blue-green"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(0);
    for input in [
        "desired-count",
        "wait-for-service-stability",
        "codedeploy-deployment-group",
    ] {
        step.says(&format!("::warning title={input} is not taken over::"));
    }
    let wrong = [
        [("wait-for-minutes", "soon"), ("image", "shop:v2")],
        [("container-name", "app"), ("strategy", "canary")],
        [
            ("task-definition", "a.json"),
            ("task-definition-family", "shop"),
        ],
        [("command", "destroy"), ("image", "shop:v2")],
        [("task-definition-revision", "7"), ("image", "shop:v2")],
        [
            ("strategy", "canary"),
            (
                "codedeploy-deployment-config",
                "CodeDeployDefault.ECSAllAtOnce",
            ),
        ],
        [("force-new-deployment", "yes"), ("image", "shop:v2")],
        [("container-name", "app"), ("image", "shop:v2\nshop:v3")],
        [("arguments", "--poll 2s"), ("image", "shop:v2")],
    ];
    for inputs in wrong {
        let mut job = Job::on(&scene, &inputs);
        let step = job.step("run").exits(2).gives("outcome", "failed");
        step.says("::error title=bg was not run::");
        assert_eq!(job.step("settle").outcome, "skipped");
    }
}

#[test]
fn inputs_of_a_version_mean_nothing_where_none_is_taken() {
    let scene = Scene::at_speed(1);
    for command in ["restart", "rollback"] {
        let inputs = [
            ("command", command),
            ("image", "shop:v3"),
            ("task-definition", "a.json"),
            ("wait-for-minutes", "soon"),
            // So that nothing is begun.
            ("cluster", "staging"),
        ];
        let mut job = Job::on(&scene, &inputs);
        let step = job.step("run").exits(2);
        for input in ["image", "task-definition", "wait-for-minutes"] {
            step.says(&format!(
                "::warning title={input} is not taken over::{command} "
            ));
        }
        assert!(
            !step.log().stdout.contains("title=strategy"),
            "{}",
            step.log()
        );
    }
    let inputs = [
        ("command", "rollback"),
        ("strategy", "canary"),
        ("cluster", "staging"),
    ];
    let mut job = Job::on(&scene, &inputs);
    job.step("run")
        .says("::warning title=strategy is not taken over::rollback ");
}

#[test]
fn what_means_nothing_to_a_round_is_said() {
    let scene = Scene::at_speed(1);
    let inputs = [
        ("command", "tick"),
        ("desired-count", "4"),
        ("codedeploy-application", "shop"),
        ("wait-for-service-stability", "true"),
        ("force-new-deployment", "true"),
        ("service", "shop"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(0);
    for (input, _) in &inputs[1..] {
        step.says(&format!("::warning title={input} is not taken over::"));
    }
    let mut job = Job::on(&scene, &[("command", "tick"), ("arguments", "--wat")]);
    let step = job.step("run").exits(2).gives("outcome", "failed");
    step.sums_up("unexpected argument '--wat'");
}

#[test]
fn nothing_that_is_deployed_in_any_case_is_forced() {
    let scene = Scene::at_speed(1);
    for command in ["restart", "rollback"] {
        // A cluster so that nothing is begun.
        let inputs = [("command", command), ("cluster", "staging")];
        for (forced, is_said) in [("true", true), ("false", false)] {
            let inputs = [&inputs[..], &[("force-new-deployment", forced)]].concat();
            let mut job = Job::on(&scene, &inputs);
            let log = job.step("run").exits(2).log();
            let warning = "::warning title=force-new-deployment is not taken over::";
            assert_eq!(log.stdout.contains(warning), is_said, "{log}");
        }
    }
}

#[test]
fn a_misused_flag_is_an_error_that_the_run_s_page_shows() {
    let scene = Scene::at_speed(1);
    let inputs = [
        ("image", "shop:v2"),
        ("arguments", "--stratgey\ncanary"),
        ("junit", "bg.xml"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(2).gives("outcome", "failed");
    step.says("::error title=bg ends with exit code 2::error: unexpected argument '--stratgey'")
        .sums_up("### ❌ bg: unexpected argument '--stratgey' found")
        .sums_up("a similar argument exists: '--strategy'");
    let report = std::fs::read_to_string(scene.folder().join("bg.xml")).unwrap();
    assert!(report.contains("failures=\"1\""), "{report}");
    assert_eq!(job.step("settle").outcome, "skipped");

    let forged = [("image", "shop:v2"), ("arguments", "--x##[add-mask]y")];
    let mut job = Job::on(&scene, &forged);
    let log = job.step("run").exits(2).log();
    assert!(!log.stderr.contains("##["), "{log}");
}

#[test]
fn nobody_s_text_becomes_a_command_of_the_runner() {
    let scene = Scene::at_speed(1);
    let inputs = [
        ("image", "shop:v2"),
        ("strategy", "##[add-mask]x\n::add-path::y"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let log = job.step("run").exits(2).log();
    let lines = log.stdout.lines().chain(log.stderr.lines());
    for line in lines.filter(|line| !line.starts_with("::error title=")) {
        assert!(!line.contains("##["), "{log}");
        assert!(!line.trim_start().starts_with("::"), "{log}");
    }
}

#[test]
fn gates_are_in_the_summary_and_the_report_and_their_words_are_no_commands() {
    let scene = Scene::at_speed(60);
    let gates = r###"gates:
  - { name: ready, at: before-traffic, command: "echo 'a|b'" }
  - { name: smoke, at: 10%, command: [sh, -c, "printf '::add-path::/x\n##[add-mask]y\n'; exit 1"] }
  - { name: last, at: before-promotion, command: "true" }
retire:"###;
    scene.configure(&[("retire:", gates)]);
    let inputs = [("image", "shop:v2"), ("junit", "bg.xml")];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(4).gives("outcome", "reverted");
    step.sums_up("| ready | before traffic | ✅ yes | exit code 0: a\\|b |")
        .sums_up("| smoke | after 10% | ❌ no | exit code 1: ");
    let forged = |line: &&str| {
        let ours = [
            "::group::",
            "::endgroup::",
            "::error title=",
            "::warning title=",
        ];
        let ours = ours.iter().any(|it| line.starts_with(it));
        line.trim_start().starts_with("::") && !ours
    };
    let log = step.log();
    assert_eq!(log.stdout.lines().find(forged), None, "{log}");
    let commands = log.stdout.lines().filter(|it| !it.starts_with("::"));
    assert!(
        !commands.into_iter().any(|line| line.contains("##[")),
        "{log}"
    );

    let report = std::fs::read_to_string(scene.folder().join("bg.xml")).unwrap();
    assert!(
        report.contains("name=\"gate ready before traffic\""),
        "{report}"
    );
    for (name, result) in [
        ("gate smoke after 10%", "<failure message=\"exit code 1"),
        (
            "gate last before promotion",
            "<skipped message=\"it was not asked",
        ),
    ] {
        let case = report.split("<testcase ").find(|case| case.contains(name));
        assert!(
            case.is_some_and(|case| case.contains(result)),
            "{name}: {report}"
        );
    }
    assert!(report.contains("failures=\"1\""), "{report}");
}

#[test]
fn what_can_t_be_written_down_is_told_and_fails_nothing() {
    let scene = Scene::at_speed(100);
    let inputs = [("image", "shop:v2"), ("junit", "bg.yaml/below/a/file.xml")];
    let mut job = Job::on(&scene, &inputs);
    let step = job.step("run").exits(0).gives("outcome", "promoted");
    let log = step.log();
    assert!(
        log.stderr.contains("::warning title=Not written down::"),
        "{log}"
    );
}

#[test]
fn a_summary_takes_the_room_that_is_left() {
    let at_most = 1024 * 1024;
    let scene = Scene::at_speed(100);
    let file = scene.folder().join("summary.md");
    let path = file.display().to_string();
    let runner = [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", path.as_str()),
    ];
    let filled_but_for = |room: usize| std::fs::write(&file, "x".repeat(at_most - room)).unwrap();
    filled_but_for(1_800);
    scene
        .bg_with(&runner, &["deploy", "--image", "shop:v2"])
        .exits(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.len() <= at_most, "{}", text.len());
    let told = text.trim_start_matches('x');
    assert!(
        told.contains("### ✅ Promoted") && !told.contains("<details>"),
        "{told}"
    );

    filled_but_for(10);
    let plan = scene
        .bg_with(&runner, &["plan", "--image", "shop:v3"])
        .exits(0);
    plan.complains("no room is left in the job's summary");
    assert_eq!(std::fs::read(&file).unwrap().len(), at_most - 10);
}
