//! A sandbox region on a port, served by the binary.

use std::time::Duration;

use tempfile::TempDir;

use crate::bg::bg;
use crate::process::Process;

/// From its start until it says where it listens.
const START: Duration = Duration::from_secs(60);

/// A running `bg sandbox`; it ends when dropped.
pub(crate) struct Sandbox {
    process: Process,
    _folder: TempDir,
}

impl Sandbox {
    /// Starts one on a free port.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let arguments = [&["sandbox", "--port", "0"], arguments].concat();
        let mut process = Process::start("bg sandbox", bg(folder.path(), &[], &arguments));
        process
            .wait_for(START, |printed| line_after(printed, "export AWS_REGION="))
            .await;
        Self {
            process,
            _folder: folder,
        }
    }

    /// The `bg.yaml` of its demo service, as it prints it.
    #[allow(dead_code, reason = "not every client deploys with it")]
    pub(crate) async fn config(&mut self) -> String {
        let after = |printed: &str| {
            let (_, config) = printed.split_once("# bg.yaml for its demo service:\n")?;
            let whole = config.contains("latency\"\n");
            whole.then(|| config.split("\n#").next().unwrap_or(config).to_owned())
        };
        self.process.wait_for(START, after).await
    }

    /// Its process, for whoever sends it signals.
    #[allow(dead_code, reason = "not every test stops it for a while")]
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What follows `prefix` on a line that it printed.
    pub(crate) fn says(&self, prefix: &str) -> Option<String> {
        line_after(&self.process.printed(), prefix)
    }

    /// The environment with which an AWS client reaches it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let said = |prefix| {
            self.says(prefix)
                .unwrap_or_else(|| panic!("it doesn't say {prefix}"))
        };
        vec![
            ("AWS_ENDPOINT_URL", said("export AWS_ENDPOINT_URL=")),
            ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("AWS_REGION", said("export AWS_REGION=")),
            ("AWS_DEFAULT_REGION", said("export AWS_REGION=")),
        ]
    }
}

fn line_after(printed: &str, prefix: &str) -> Option<String> {
    let mut lines = printed
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    lines.find_map(|line| Some(line.strip_prefix(prefix)?.trim().to_owned()))
}
