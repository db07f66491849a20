//! A server in place of GitHub's, with releases on it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What a server says.
pub(crate) struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status: "200 OK",
            headers: String::new(),
            body: body.into(),
        }
    }

    pub(crate) fn status(status: &'static str) -> Answer {
        Answer {
            status,
            ..Answer::body(status)
        }
    }

    pub(crate) fn see(address: &str) -> Answer {
        Answer {
            headers: format!("location: {address}\r\n"),
            ..Answer::status("302 Found")
        }
    }
}

/// Serves files by their paths until the process ends; anything else is 404.
pub(crate) fn served(files: BTreeMap<String, Vec<u8>>) -> String {
    serving(move |path, _| match files.get(path) {
        Some(body) => Answer::body(body.as_slice()),
        None => Answer::status("404 Not Found"),
    })
}

/// Answers by the path and the headers, in small letters, until the process ends.
pub(crate) fn serving(
    answers: impl Fn(&str, &[String]) -> Answer + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || answer(stream, &*answers));
        }
    });
    url
}

fn answer(mut stream: TcpStream, answers: &dyn Fn(&str, &[String]) -> Answer) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    let headers = lines.map_while(Result::ok).take_while(|it| !it.is_empty());
    let headers: Vec<String> = headers.map(|it| it.to_lowercase()).collect();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let Answer {
        status,
        headers,
        body,
    } = answers(path, &headers);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    // A client that is gone has seen enough.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body);
}

/// An executable script.
pub(crate) fn script(path: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).expect("it is ours");
    path.to_owned()
}

/// An archive whose `bg` is the script `program`, and its checksum.
pub(crate) fn archive(folder: &Path, program: &str) -> (Vec<u8>, String) {
    script(&folder.join("packed/bg"), program);
    let path = folder.join("bg.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-czf")
        .arg(&path)
        .arg("-C")
        .arg(folder.join("packed"))
        .arg("bg");
    assert!(tar.status().expect("tar is there").success());
    let sum = Command::new("sha256sum")
        .arg(&path)
        .output()
        .expect("it is there");
    let sum = String::from_utf8(sum.stdout).expect("text");
    let sum = sum.split_whitespace().next().expect("a sum").to_owned();
    (std::fs::read(&path).expect("it was written"), sum)
}
