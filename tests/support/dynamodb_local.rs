//! Amazon's DynamoDB Local, from Maven Central, pinned, in a folder under `target/`.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

const POM: &str = include_str!("../store/local/pom.xml");
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
/// One for all tests of this process. It ends when its standard input does, with this process.
static SERVER: OnceLock<Option<Server>> = OnceLock::new();

struct Server {
    url: String,
    /// With the pipe that keeps it running.
    _process: Child,
    _stdout: BufReader<ChildStdout>,
}

/// Where it answers. None, with a word on standard error, where it can't be installed.
///
/// # Panics
/// If it can't be installed and `CI` is set: there a test that did not run is a failure.
pub(crate) fn url(test: &str) -> Option<String> {
    let server = SERVER.get_or_init(|| {
        match installed() {
            Ok(folder) => Some(Server::start(&folder)),
            Err(why) if std::env::var_os("CI").is_some() => panic!("{test} can't run: {why}"),
            Err(why) => {
                // Not eprintln!, which the harness keeps to itself when a test passes.
                let _ = writeln!(io::stderr(), "{test} DID NOT RUN: {why}");
                None
            }
        }
    });
    server.as_ref().map(|server| server.url.clone())
}

impl Server {
    fn start(folder: &Path) -> Server {
        let mut natives = std::ffi::OsString::from("-Djava.library.path=");
        natives.push(folder);
        let said = folder.join("stderr.txt");
        let mut process = Command::new("java")
            .arg(natives)
            .arg("-cp")
            .arg(folder.join("*"))
            .arg(ours().join("OnLoopback.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&said).expect("a file for its errors"))
            .spawn()
            .expect("java starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        while stdout.read_line(&mut line).expect("it prints text") > 0 {
            if let Some(address) = line.strip_prefix("listens on ") {
                return Server {
                    url: format!("http://{}", address.trim()),
                    _process: process,
                    _stdout: stdout,
                };
            }
            line.clear();
        }
        let ended = process.wait().expect("a child of ours");
        let said = fs::read_to_string(&said).unwrap_or_default();
        panic!("DynamoDB Local does not start: {ended}\n{said}");
    }
}

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/local")
}

/// The folder with its jars and native libraries, filled if need be. One process fills it, others
/// wait.
fn installed() -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    POM.hash(&mut hasher);
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dynamodb-local");
    let folder = all.join(format!("{:016x}", hasher.finish()));
    let complete = folder.join("complete");
    let words = |error: io::Error| format!("{}: {error}", all.display());
    fs::create_dir_all(&folder).map_err(words)?;
    let lock = File::create(folder.with_extension("lock")).map_err(words)?;
    lock.lock().map_err(words)?;
    if !complete.exists() {
        fill(&all.join("repository"), &folder)?;
        File::create(&complete).map_err(words)?;
    }
    Ok(folder)
}

fn fill(repository: &Path, folder: &Path) -> Result<(), String> {
    let mut command = Command::new("mvn");
    command
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(ours().join("pom.xml"))
        .arg(format!("-Dmaven.repo.local={}", repository.display()))
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .arg(PLUGIN);
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Err(format!("{command:?}: {}\n{said}", output.status))
}
