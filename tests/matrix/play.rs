//! One variant from its making to its last deployment.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::compare::{Change, Names, changes, lost, record_weights, twins, unexpected, weights};
use crate::expected::{
    BY_ADOPTING, BY_DEPLOYING, BY_PROMOTING, BY_RETURNING, BY_STICKY_REVERTS, Expected,
    OF_NEW_ALARMS, OF_NEW_REVISIONS, OF_THE_OTHER_BALANCER, OF_THE_OTHER_SLOT,
};
use crate::look::{Look, look};
use crate::support::{Ended, Scene};
use crate::team::{Team, text};
use crate::visitor::Visitor;
use crate::{End, Variant};

/// How many times as fast as the wall the regions' clocks run. A second of waiting for a processor
/// is more than a minute of their time: leases end, and looks are late.
const SPEED: u32 = 80;
/// Short steps, looks that are far apart, and patience with a busy machine.
const PATIENT: [(&str, &str); 3] = [
    ("BG_STRATEGY", "canary:10%:1m"),
    ("BG_POLL", "15s"),
    ("BG_TIMEOUT", "2h"),
];
/// Longer than any run takes, on a machine that is busy with something else.
const AT_MOST: Duration = Duration::from_secs(150);
const APPLY: [&str; 6] = [
    "init",
    "--region",
    "eu-west-1",
    "--service",
    "shop",
    "--apply",
];

/// Plays it; what was wrong, where something was.
pub(crate) fn play(variant: &Variant) -> Result<(), String> {
    let mut team = Team::plain();
    (variant.built)(&mut team);
    let scene = Scene::empty_at_speed(SPEED, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let asked = team.make(&scene);
    let before = look(&scene);
    none("by the region itself", &lost(&asked, &before))?;
    let counted = team.counted();
    let _visitor = (!counted.is_empty()).then(|| Visitor::of(&scene, &counted));
    let story = |bad, before| Story {
        scene: &scene,
        team: &team,
        bad,
        before,
    };
    match variant.end {
        End::Refused(words) => is_refused(&scene, &before, words),
        End::Deployed(bad) => story(bad, before).play(),
        End::Unwilling(words) => story("v2", before).is_unwilling(words),
    }
}

fn is_refused(scene: &Scene, before: &Look, words: &str) -> Result<(), String> {
    let ended = bg(scene, &APPLY);
    let told = ended.code == 3 && ended.stderr.contains(words);
    told.then_some(())
        .ok_or_else(|| format!("not refused with {words:?}: {ended}"))?;
    let written = scene.folder().join("bg.yaml").exists();
    (!written).then_some(()).ok_or("a config was written")?;
    none("by a refusal", &changes(before, &look(scene)))
}

struct Story<'s> {
    scene: &'s Scene,
    team: &'s Team,
    bad: &'s str,
    before: Look,
}

impl Story<'_> {
    fn play(&self) -> Result<(), String> {
        let (adopted, names) = self.adopted()?;
        exits(self.deploy(self.bad), 4)?;
        let sticky = match self.team.is_sticky() {
            true => BY_STICKY_REVERTS,
            false => &[],
        };
        let reverted = [BY_DEPLOYING, sticky];
        self.changed("by a bad version", &adopted, &reverted, "{a}", &names)?;

        exits(self.deploy("v2"), 0)?;
        let promoted = [BY_DEPLOYING, BY_PROMOTING];
        self.changed("by a good version", &adopted, &promoted, "{b}", &names)?;

        exits(self.deploy("v3"), 0)?;
        let returned = [BY_DEPLOYING, BY_RETURNING];
        self.changed("by the next one", &adopted, &returned, "{a}", &names)
    }

    /// What is there once it is adopted, and what the slots' things are called.
    fn adopted(&self) -> Result<(Look, Names), String> {
        if let Some(config) = self.team.config {
            self.scene.write("bg.yaml", config);
            let names = names(self.scene.folder());
            bg(self.scene, &APPLY);
            none("by init", &changes(&self.before, &look(self.scene)))?;
            let path = self.scene.folder().join("bg.yaml");
            let kept = std::fs::read_to_string(path).is_ok_and(|it| it == config);
            kept.then_some(()).ok_or("the config was written over")?;
            return Ok((self.before.clone(), names));
        }
        exits(bg(self.scene, &APPLY), 0)?;
        self.edit();
        let names = names(self.scene.folder());
        let adopted = look(self.scene);
        let changed = unexpected(&self.before, &adopted, &[BY_ADOPTING], &names);
        none("by adopting", &changed)?;
        self.slots_alike(&adopted, &names)?;
        self.carries(&adopted, "{a}", &names)?;

        let again = exits(bg(self.scene, &APPLY), 0)?;
        let told = again.stdout.contains("Nothing is missing");
        told.then_some(())
            .ok_or_else(|| format!("it finds something missing again: {again}"))?;
        none("by adopting again", &changes(&adopted, &look(self.scene)))?;
        Ok((adopted, names))
    }

    /// Writes into the config what `bg init` leaves to people.
    fn edit(&self) {
        let path = self.scene.folder().join("bg.yaml");
        let mut config = std::fs::read_to_string(path).expect("it was written");
        for (from, to) in &self.team.edits {
            assert!(config.contains(from), "no {from:?} in\n{config}");
            config = config.replace(from, to);
        }
        self.scene.write("bg.yaml", &config);
    }

    /// It is adopted, and no version is deployed.
    fn is_unwilling(&self, words: &str) -> Result<(), String> {
        let (adopted, _) = self.adopted()?;
        let refused = exits(self.deploy(self.bad), 3)?;
        let told = refused.stderr.contains(words);
        told.then_some(())
            .ok_or_else(|| format!("not refused with {words:?}: {refused}"))?;
        none("by a refusal", &changes(&adopted, &look(self.scene)))
    }

    /// Where a minute of the region's passes between two writes to a disk, a deployment ends before
    /// it has begun: it is tried again.
    fn deploy(&self, tag: &str) -> Ended {
        let container = self.team.container();
        let image = format!("{container}={container}:{tag}");
        let ended = || bg(self.scene, &["deploy", "--image", &image]);
        let too_late = |ended: &Ended| ended.code == 1 && ended.stderr.contains("lease is over");
        match ended() {
            late if too_late(&late) => ended(),
            ended => ended,
        }
    }

    /// Nothing has changed since `adopted` but what is expected, and `slot` serves.
    fn changed(
        &self,
        when: &str,
        adopted: &Look,
        expected: &[&[Expected]],
        slot: &str,
        names: &Names,
    ) -> Result<(), String> {
        let now = look(self.scene);
        none(when, &unexpected(adopted, &now, expected, names))?;
        self.slots_alike(&now, names)?;
        self.revisions_alike(&now, names)?;
        self.tasks_alike(adopted, &now, names)?;
        self.alarms_alike(adopted, &now, names)?;
        self.carries(&now, slot, names)
    }

    /// Slot b's things are like slot a's.
    fn slots_alike(&self, look: &Look, names: &Names) -> Result<(), String> {
        let of_balancers = match self.team.records.is_empty() {
            true => &[],
            false => OF_THE_OTHER_BALANCER,
        };
        let otherwise = [OF_THE_OTHER_SLOT, of_balancers];
        let of_services =
            ["service", "scaling", "policy", "schedule"].map(|kind| (kind, &names.services[..]));
        for (kind, pairs) in of_services
            .into_iter()
            .chain([("group", &names.groups[..])])
        {
            for (a, b) in pairs {
                let (a, b) = (format!("{kind}/{a}"), format!("{kind}/{b}"));
                // Before the first deployment there is no service.
                let there = look.keys().any(|path| path.starts_with("service/shop-b/"));
                if there || kind == "group" {
                    let alike = twins(look, (&a, &b), &otherwise, names);
                    none("in slot b", &alike)?;
                }
            }
        }
        Ok(())
    }

    fn revisions_alike(&self, look: &Look, names: &Names) -> Result<(), String> {
        let of_path = |path: &String| {
            let name = path.strip_prefix("definition/")?.split('/').next()?;
            Some(format!("definition/{name}"))
        };
        let all: BTreeSet<String> = look.keys().filter_map(of_path).collect();
        for other in &all {
            let alike = twins(
                look,
                ("definition/shop:1", other),
                &[OF_NEW_REVISIONS],
                names,
            );
            none("in a new revision", &alike)?;
        }
        Ok(())
    }

    /// The alarms that call slot b's step policies are like the one that calls slot a's.
    fn alarms_alike(&self, before: &Look, now: &Look, names: &Names) -> Result<(), String> {
        let Some(own) = self.team.alarms.first() else {
            return Ok(());
        };
        let own = format!("alarm/{}", text(own, "AlarmName"));
        let arns = now.keys().filter_map(|path| path.strip_suffix("/AlarmArn"));
        let is_new = |alarm: &&str| !before.contains_key(&format!("{alarm}/AlarmArn"));
        for alarm in arns.filter(is_new) {
            none(
                "in a new alarm",
                &twins(now, (&own, alarm), &[OF_NEW_ALARMS], names),
            )?;
        }
        Ok(())
    }

    /// The tasks that serve are like those that served, and are found as those were.
    fn tasks_alike(&self, before: &Look, now: &Look, names: &Names) -> Result<(), String> {
        let is_of = |path: &str, slot: &str| {
            let kinds = ["task/", "found/"].iter();
            let mut rests = kinds.filter_map(|kind| path.strip_prefix(kind));
            rests.any(|rest| rest.starts_with(slot))
        };
        if !now.keys().any(|path| is_of(path, "shop-b/")) {
            return Ok(());
        }
        let mut both = now.clone();
        let before = before.iter().filter(|(path, _)| is_of(path, "shop/"));
        both.extend(before.map(|(path, value)| (path.clone(), value.clone())));
        for own in [("task/shop", "task/shop-b"), ("found/shop", "found/shop-b")] {
            let alike = twins(&both, own, &[OF_THE_OTHER_SLOT], names);
            none("in green's tasks", &alike)?;
        }
        Ok(())
    }

    /// One slot's groups have all the weight of every action that names them, one slot's records
    /// all the weight of each pair, and without either its service alone has tasks.
    fn carries(&self, look: &Look, slot: &str, names: &Names) -> Result<(), String> {
        let (service, other) = match slot {
            "{a}" => (&names.services[0].0, "{b}"),
            _ => (&names.services[0].1, "{a}"),
        };
        let works = |path: &&String| {
            path.starts_with("service/")
                && path.ends_with("/desiredCount")
                && look.get(*path).and_then(serde_json::Value::as_u64) > Some(0)
        };
        let working: Vec<&String> = look.keys().filter(works).collect();
        if working != [&format!("service/{service}/desiredCount")] {
            return Err(format!("slot {slot} does not work alone: {working:?}"));
        }
        for (set, weight) in record_weights(look) {
            // By the names that the variants give them.
            let own = set.ends_with(if slot == "{a}" { " a" } else { " b" });
            let wanted = if own { "255" } else { "0" };
            if weight != wanted {
                return Err(format!("record {set} has weight {weight} and not {wanted}"));
            }
        }
        let before = weights(&self.before);
        for (action, groups) in weights(look) {
            // Behind records a load balancer forwards to its slot alone, always.
            if !self.team.records.is_empty() && groups.len() == 1 {
                if before.get(&action) != Some(&groups) {
                    return Err(format!("{action}: it forwards otherwise: {groups:?}"));
                }
                continue;
            }
            let of = |slot| {
                groups
                    .iter()
                    .filter(move |(group, _)| names.is_of(slot, group))
            };
            let sum = |slot| of(slot).map(|(_, weight)| weight).sum::<u64>();
            let named = of(slot).chain(of(other)).next().is_some();
            if named && (sum(slot) == 0 || sum(other) > 0) {
                return Err(format!(
                    "{action}: slot {slot} does not carry all of it: {groups:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The slots' services and groups in the order in which the config has them.
fn names(folder: &Path) -> Names {
    let config = std::fs::read_to_string(folder.join("bg.yaml")).expect("it was written");
    let slots = config.split_once("slots:").expect("slots").1;
    let (a, b) = slots.split_once("  b:").expect("slot b");
    let b = b.split_once("\n\n").expect("an empty line").0;
    let named = |slot: &str, keys: &[&str]| -> Vec<String> {
        let words = slot
            .split([' ', ',', '{', '}', '\n'])
            .filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        let values = words.windows(2).filter(|pair| keys.contains(&pair[0]));
        values
            .map(|pair| pair[1].trim_matches('"').to_owned())
            .collect()
    };
    let pairs = |keys: &[&str]| named(a, keys).into_iter().zip(named(b, keys));
    let service = pairs(&["service:"]).next().expect("each slot has one");
    let groups = pairs(&["target_group:", "group:"]).collect();
    Names {
        services: [service],
        groups,
    }
}

fn bg(scene: &Scene, arguments: &[&str]) -> Ended {
    let ended = scene
        .start_with(&PATIENT, &[], arguments)
        .ends_within(AT_MOST);
    if std::env::var_os("BG_CASE").is_some() {
        println!("bg {}\n{ended}", arguments.join(" "));
    }
    ended
}

fn exits(ended: Ended, code: i32) -> Result<Ended, String> {
    match ended.code == code {
        true => Ok(ended),
        false => Err(format!("exit code {code} was expected: {ended}")),
    }
}

fn none(when: &str, changes: &[Change]) -> Result<(), String> {
    let told: Vec<String> = changes.iter().map(|it| format!("  {it}")).collect();
    match told.is_empty() {
        true => Ok(()),
        false => Err(format!("changed {when}:\n{}", told.join("\n"))),
    }
}
