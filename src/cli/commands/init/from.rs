//! Files of other tools that a service is adopted with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::last_part;
use super::named::Asked;
use crate::adopt::{self, Pair, Proposal, Taken, Wanted};
use crate::cli::args::{Global, InitArgs, InitFormat};
use crate::cli::error::CliError;
use crate::deployment::task_definition::{is_template, plugin_call, render};
use crate::strategy::InputError;

/// What CodeDeploy's examples call the task definition beside an AppSpec file.
const TASK_DEFINITION: &str = "taskdef.json";

/// What `--from` names, read and put together.
#[derive(Debug, Clone, Default)]
pub(super) struct From {
    /// The files.
    pub(super) files: Vec<PathBuf>,
    /// What they say. Files that it names are as seen from the working folder.
    pub(super) taken: Taken,
}

/// What becomes of what the files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use<'p> {
    /// It is written.
    Taken,
    /// It isn't: a config is there, and stays as it is.
    Kept {
        /// Where.
        config: &'p Path,
        /// The keys of which that says nothing or something else, where it is of this service.
        lacks: Option<Vec<&'static str>>,
    },
    /// It isn't: nothing is.
    Nowhere,
}

impl Use<'_> {
    /// What the list of it is called.
    fn label(&self) -> &'static str {
        match self {
            Use::Taken => "taken",
            Use::Kept { .. } | Use::Nowhere => "found",
        }
    }

    /// Why nothing of it is written.
    fn words(&self) -> Option<String> {
        let Use::Kept { config, lacks } = self else {
            return None;
        };
        let config = config.display();
        let there = format!("nothing of this: {config} is there, and stays as it is");
        Some(match lacks.as_deref() {
            None => there,
            Some([]) => format!("{there}; it says the same"),
            Some(lacks) => format!(
                "{there}. It says nothing of {}, or something else: move it away and run the same \
                 again, or have the new one written beside it (--write FILE) to compare",
                lacks.join(", ")
            ),
        })
    }
}

impl From {
    /// Tells what they say, and what becomes of it.
    pub(super) fn show(&self, args: &InitArgs, used: &Use<'_>) {
        if self.files.is_empty() {
            return;
        }
        let files: Vec<String> = self
            .files
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        let mut lines = vec![format!("From {}", files.join(", "))];
        for (label, words) in [
            (used.label(), self.taken.words()),
            ("written", used.words().into_iter().collect()),
            ("left", self.taken.left()),
        ] {
            lines.extend(words.iter().enumerate().map(|(at, words)| {
                let label = if at == 0 { label } else { "" };
                format!("  {label:<8} {words}")
            }));
        }
        let text = lines.join("\n");
        match args.format {
            InitFormat::Bg => tell!("{text}\n"),
            InitFormat::Terraform | InitFormat::Cloudformation => note!("{text}"),
        }
    }

    /// The flags win over the files, and what these name otherwise is told as left.
    pub(super) fn with_flags(mut self, global: &Global, asked: &Asked) -> From {
        let (taken, args) = (&mut self.taken, &asked.args);
        for (what, by, flag, file) in [
            ("region", "--region", &global.region, &mut taken.region),
            (
                "cluster",
                asked.cluster_by,
                &args.cluster,
                &mut taken.cluster,
            ),
            ("service", "--service", &args.service, &mut taken.service),
        ] {
            let Some(flag) = flag else { continue };
            if let Some(other) = file.take_if(|it| last_part(it) != last_part(flag)) {
                let why = format!("{what} {other}: {by} says {flag}");
                taken.left.push(why);
            }
        }
        self
    }

    /// The flag wins over the files.
    pub(super) fn in_its_region(&self, global: &Global) -> Global {
        let mut global = global.clone();
        global.region = global.region.or_else(|| self.taken.region.clone());
        global
    }

    /// The groups that CodeDeploy had take turns go on doing so.
    pub(super) fn with_groups(&self, mut wanted: Wanted) -> Wanted {
        if wanted.groups.is_empty() {
            for (one, other) in &self.taken.groups {
                wanted.groups.insert(one.clone(), other.clone());
                wanted.groups.insert(other.clone(), one.clone());
            }
        }
        wanted
    }

    /// The groups that the service isn't registered with are another one's, and are not taken.
    pub(super) fn with_groups_of(mut self, proposal: &Proposal) -> From {
        let named = |pair: &Pair| [pair.a.name.clone(), pair.b_name().to_owned()];
        let is_used = |one: &String, other: &String| {
            let mut pairs = proposal.pairs.iter().map(named);
            pairs.any(|pair| pair.contains(one) && pair.contains(other))
        };
        let groups = std::mem::take(&mut self.taken.groups);
        let (used, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(a, b)| is_used(a, b));
        self.taken.groups = used;
        let service = &proposal.services.a;
        let own: Vec<String> = proposal
            .pairs
            .iter()
            .map(|it| named(it).join(" and "))
            .collect();
        let own = match own.is_empty() {
            true => "none".to_owned(),
            false => own.join(", "),
        };
        let left = others.iter().map(|(a, b)| {
            format!("target groups {a} and {b}: those of service {service} are {own}")
        });
        self.taken.left.extend(left);
        self
    }

    /// Another container or port than the service registers.
    pub(super) fn other_endpoint(&self, proposal: &Proposal) -> Option<String> {
        let (container, port) = self.taken.endpoint.as_ref()?;
        let is_it = |pair: &Pair| pair.container == *container && pair.port == *port;
        (!proposal.pairs.iter().any(is_it)).then(|| {
            format!("the AppSpec file names {container}:{port}, which the service doesn't register")
        })
    }
}

/// Reads the files, and those that they name.
///
/// # Errors
/// Where one can't be read or understood, and where they disagree.
pub(super) fn read(files: &[PathBuf]) -> Result<From, CliError> {
    let mut all = Taken::default();
    for file in files {
        let taken = one(file)?;
        all = all.and(taken).map_err(|why| {
            CliError::usage(why).hint("give the files of one service, or leave one out")
        })?;
    }
    all.definition = all.definition.or_else(|| beside_appspec(files));
    if all.definition.is_none() && all.is_appspec {
        all.left.push(
            "TaskDefinition: no file was named that holds it: add --from FILE here, or \
             --task-definition FILE to `bg deploy`"
                .to_owned(),
        );
    }
    Ok(From {
        files: files.to_vec(),
        taken: all,
    })
}

/// An AppSpec file doesn't name it: it lies beside it.
fn beside_appspec(files: &[PathBuf]) -> Option<String> {
    let folders = files
        .iter()
        .map(|file| file.parent().unwrap_or(Path::new("")));
    let mut paths = folders.map(|folder| folder.join(TASK_DEFINITION));
    paths
        .find(|path| path.exists())
        .map(|path| path.display().to_string())
}

fn one(file: &Path) -> Result<Taken, CliError> {
    let source = Source::read(file)?;
    let taken = Taken::read(&source.text, &file.display().to_string());
    let mut taken = taken.map_err(|error| source.refused(error))?;
    let beside = |name: &str| file.parent().unwrap_or(Path::new("")).join(name);
    if let Some(named) = taken.service_definition.take() {
        match of_service(&beside(&named), &named) {
            Ok(read) => {
                let and = taken.and(read);
                taken = and.map_err(|why| CliError::usage(format!("{}: {why}", file.display())))?;
            }
            // Nothing hangs on it.
            Err(error) => {
                let why = error.message.lines().next().unwrap_or_default();
                taken.unread_service = Some(format!(
                    "{named}: green is cloned from the live service, which has its settings; \
                     its strategy, alarms and hooks are not read: {why}"
                ));
            }
        }
    }
    taken.definition = match taken.definition.take() {
        Some(arn) if arn.starts_with("arn:") => Some(arn),
        Some(named) => {
            let path = beside(&named);
            let json = path.with_extension("json").display().to_string();
            match is_jsonnet(&path) {
                true => {
                    taken.left.push(format!(
                        "{named}: jsonnet isn't read; write what it makes into a file: ecspresso \
                         render taskdef > {json}"
                    ));
                    Some(json)
                }
                false => Some(path.display().to_string()),
            }
        }
        None if taken.is_definition => Some(file.display().to_string()),
        None => None,
    };
    Ok(taken)
}

/// What a service definition says; of one in jsonnet, what was made of it beside it.
fn of_service(path: &Path, named: &str) -> Result<Taken, CliError> {
    let made = path.with_extension("json");
    let path = match is_jsonnet(path) {
        false => path,
        true if made.exists() => &made,
        true => {
            let made = made.display();
            return Err(CliError::usage(format!(
                "jsonnet isn't read; write what it makes into a file beside it: ecspresso render \
                 servicedef > {made}"
            )));
        }
    };
    if let Some(function) = plugin_call(&text_of(path)?) {
        return Err(CliError::usage(format!(
            "it calls {function}, a function of ecspresso's plugins, and only ecspresso can work \
             out what that gives; have it write that, and name the file too: ecspresso render \
             servicedef > servicedef.json, then --from servicedef.json"
        )));
    }
    let source = Source::read(path)?;
    let read = adopt::service_definition(&source.text, named);
    read.map_err(|error| source.refused(error))
}

fn is_jsonnet(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "jsonnet")
}

fn text_of(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| {
        CliError::usage(format!("can't read {}", file.display())).caused_by(&error)
    })
}

/// A file's text, with its template filled in from the environment.
struct Source {
    text: String,
    is_rendered: bool,
}

impl Source {
    fn read(file: &Path) -> Result<Source, CliError> {
        let shown = file.display();
        if is_jsonnet(file) {
            return Err(
                CliError::usage(format!("{shown}: jsonnet isn't read")).hint(
                    "write what it makes into a file: ecspresso render config > ecspresso.json, or \
                     jsonnet FILE.jsonnet > FILE.json",
                ),
            );
        }
        let text = text_of(file)?;
        if !is_template(&text) {
            return Ok(Source {
                text,
                is_rendered: false,
            });
        }
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let rendered = render(&text, &shown.to_string(), &BTreeMap::new(), &environment);
        let rendered = rendered.map_err(|error| {
            CliError::usage(error.to_string()).hint(
                "functions of ecspresso's plugins aren't known: write their values there, or have \
                 ecspresso do so: ecspresso render config > FILE",
            )
        })?;
        Ok(Source {
            text: rendered.text,
            is_rendered: true,
        })
    }

    /// What a template was made of may be secret.
    fn refused(&self, error: InputError) -> CliError {
        let error = match self.is_rendered {
            true => error.without_line(),
            false => error,
        };
        CliError::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonnet_is_named_and_what_lies_beside_an_appspec_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
        write("appspec.yaml", "version: 0.0\nResources: []\n");
        let files = [path("appspec.yaml")];
        let taken = read(&files).unwrap().taken;
        assert_eq!(taken.definition, None);
        let left = taken.left();
        assert!(left[0].starts_with("TaskDefinition: no file"), "{left:?}");
        write("taskdef.json", r#"{ "containerDefinitions": [] }"#);
        let found = |files: &[PathBuf]| read(files).unwrap().taken.definition.unwrap();
        assert!(found(&files).ends_with("taskdef.json"));
        assert!(found(&[path("appspec.yaml"), path("taskdef.json")]).ends_with("taskdef.json"));
        let other = r#"{ "taskDefinition": { "containerDefinitions": [] }, "tags": [] }"#;
        write("app.json", other);
        assert!(found(&[path("app.json"), path("appspec.yaml")]).ends_with("app.json"));
        let two = read(&[path("app.json"), path("taskdef.json")]).unwrap_err();
        assert!(two.to_string().contains("the task definition is "), "{two}");
        write(
            "ecspresso.yml",
            "service: shop\ntask_definition: t.jsonnet\nservice_definition: s.jsonnet\n",
        );
        let taken = read(&[path("ecspresso.yml")]).unwrap().taken;
        assert!(taken.definition.as_ref().unwrap().ends_with("t.json"));
        let left = taken.left();
        assert!(
            left[0].starts_with("s.jsonnet: green is cloned"),
            "{left:?}"
        );
        assert!(
            left[0].contains("ecspresso render servicedef > "),
            "{left:?}"
        );
        assert!(left[1].contains("ecspresso render taskdef > "), "{left:?}");
        write(
            "s.json",
            r#"{ "deploymentConfiguration": { "strategy": "LINEAR" } }"#,
        );
        let taken = read(&[path("ecspresso.yml")]).unwrap().taken;
        assert_eq!(taken.strategy.as_deref(), Some("linear:10%:6m"));
        let functions = r#"{ "subnet": "{{ tfstatef `a['%s']` `b` }}" }"#;
        write("s.json", functions);
        write(
            "plugins.yml",
            "service: shop\ntask_definition: t.json\nservice_definition: s.json\n",
        );
        let left = read(&[path("plugins.yml")]).unwrap().taken.left();
        assert_eq!(left.len(), 1, "{left:?}");
        let why = "not read: it calls tfstatef, a function of ecspresso's plugins";
        assert!(!left[0].contains('\n') && left[0].contains(why), "{left:?}");
        assert!(
            left[0].contains("ecspresso render servicedef > servicedef.json, then --from"),
            "{left:?}"
        );
        // As it says.
        let linear = r#"{ "deploymentConfiguration": { "strategy": "LINEAR" } }"#;
        write("servicedef.json", linear);
        let taken = read(&[path("plugins.yml"), path("servicedef.json")]).unwrap();
        assert_eq!(taken.taken.strategy.as_deref(), Some("linear:10%:6m"));
        let left = taken.taken.left().join("\n");
        assert!(!left.contains("not read: "), "{left}");
        write("ecspresso.jsonnet", "{}");
        let error = read(&[path("ecspresso.jsonnet")]).unwrap_err();
        assert!(error.to_string().contains("ecspresso render config"));
    }
}
