use std::time::Duration;

use super::*;

fn kind_of(args: &str) -> clap::error::ErrorKind {
    try_parse(args.split(' ')).unwrap_err().kind()
}

#[test]
fn the_definition_holds_together() {
    command().debug_assert();
}

#[test]
fn all_help_is_as_written_down() {
    let mut command = command().term_width(100);
    command.build();
    let mut all = vec![command.render_long_help().to_string()];
    for verb in command.get_subcommands_mut() {
        all.push(verb.render_long_help().to_string());
    }
    insta::assert_snapshot!(all.join("\n════════\n\n"));
}

#[test]
fn every_flag_has_its_environment_variable() {
    let command = command();
    let verbs = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    for arg in command.get_arguments().chain(verbs) {
        let name = arg.get_long().unwrap_or_default();
        if matches!(name, "help" | "version") || arg.is_positional() {
            continue;
        }
        let expected = format!("BG_{}", name.to_uppercase().replace('-', "_"));
        let env = arg
            .get_env()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_break_glass = env == "BG_ROLLBACK_FORCE";
        assert!(env == expected || is_break_glass, "--{name} has {env:?}");
    }
}

#[test]
fn the_help_tells_the_exit_codes() {
    let help = command().render_help().to_string();
    for code in crate::cli::exit::ExitCode::ALL {
        assert!(
            help.contains(&format!("  {}  {}", code.code(), code.meaning())),
            "{code:?}"
        );
    }
}

#[test]
fn a_deployment_takes_images_by_container() {
    let cli =
        try_parse("bg deploy --image app=shop:v2 -i side=envoy:1 --poll 2s".split(' ')).unwrap();
    let Verb::Deploy(deploy) = cli.verb else {
        panic!("not a deployment")
    };
    assert_eq!(
        deploy.version.definition.images,
        ["app=shop:v2", "side=envoy:1"]
    );
    assert_eq!(deploy.version.poll, Some(Duration::from_secs(2)));
    assert_eq!(deploy.run.on_interrupt, None);
    assert_eq!(deploy.run.retire_by(), None);
}

#[test]
fn the_last_word_on_waiting_counts() {
    for (args, expected) in [
        ("bg deploy --wait-retire --no-wait-retire", RetireBy::Later),
        (
            "bg deploy --no-wait-retire --wait-retire",
            RetireBy::ThisRun,
        ),
    ] {
        let Verb::Deploy(deploy) = try_parse(args.split(' ')).unwrap().verb else {
            panic!()
        };
        assert_eq!(deploy.run.retire_by(), Some(expected));
    }
}

#[test]
fn ecspressos_names_work_where_they_mean_the_same() {
    let scale = |args: &str| match try_parse(args.split(' ')).unwrap().verb {
        Verb::Scale(args) => args.tasks(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scale("bg scale 3"), 3);
    assert_eq!(scale("bg scale --tasks 4"), 4);
    assert_eq!(
        kind_of("bg scale"),
        clap::error::ErrorKind::MissingRequiredArgument
    );
    let diff = try_parse("bg diff --image shop:v2".split(' '))
        .unwrap()
        .verb;
    assert!(matches!(diff, Verb::Plan(_)), "{diff:?}");
    let refresh = try_parse(["bg", "refresh"]).unwrap().verb;
    assert!(matches!(refresh, Verb::Restart(_)), "{refresh:?}");
}

#[test]
fn flags_that_only_others_have_lead_to_what_there_is() {
    let said = |flag: &str| {
        let error = try_parse(["bg", "deploy", "--image", "shop:v2", flag]).unwrap_err();
        error.to_string()
    };
    let no_wait = said("--no-wait");
    assert!(
        no_wait.contains("unexpected argument '--no-wait'"),
        "{no_wait}"
    );
    assert!(no_wait.contains("`bg resume --for 50m`"), "{no_wait}");
    assert!(!no_wait.contains("similar"), "{no_wait}");
    assert!(said("--force-new-deployment").contains("`bg restart`"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    use clap::error::ErrorKind::*;
    for (args, kind) in [
        ("bg deploy --hotfix", MissingRequiredArgument),
        ("bg deploy --reason fire", MissingRequiredArgument),
        ("bg deploy --speed 60", MissingRequiredArgument),
        ("bg deploy --poll 90s", ValueValidation),
        ("bg deploy --sandbox --speed 0", ValueValidation),
        ("bg deploy --sandbox --speed NaN", ValueValidation),
        ("bg deploy --timeout soon", ValueValidation),
        ("bg rollback --to c", InvalidValue),
        ("bg rollback --force", MissingRequiredArgument),
        ("bg deplyo", InvalidSubcommand),
    ] {
        assert_eq!(kind_of(args), kind, "{args}");
    }
    for (flag, verb) in [("--speed", "deploy"), ("--seed", "plan")] {
        let error = try_parse(["bg", verb, "--image", "shop:v2", flag, "6"]).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(flag) && said.contains("add --sandbox"),
            "{said}"
        );
    }
    let error = try_parse(["bg", "deploy", "--stratgy", "canary"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("'--strategy'"), "{error}");
    let error = try_parse(["bg", "help", "notfy"]).unwrap_err().to_string();
    assert!(error.contains("'notify'"), "{error}");
    let error = try_parse(["bg", "help", "everything"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("`bg help` lists the verbs"), "{error}");
    assert!(!error.contains("exit-codes"), "{error}");
}
