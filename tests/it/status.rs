//! How it goes, for people at a terminal: `labeltap status`, and the summary of `labeltap run`.

use crate::tap::{LIMIT, Tap, command};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::{FakeLabeler, LabelSpec, Plc, Sig, SigningKey, plc_did};

fn status(args: &[&str]) -> Output {
    let output = command(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_a_running_service_in_words_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("looked-at");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(161), &plc).await;
    labeler.preload(30);
    labeler.emit([LabelSpec::numbered(1).sig(Sig::Absent)]);
    let lost = plc_did("nowhere");
    plc.set_labeler(&lost, &SigningKey::k256(162), "http://127.0.0.1:9");
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--admin-password", "s3cret"]);
    let tap = tap.with_password("s3cret");
    tap.add(&[&did, &lost]).await;
    tap.state(&did, "live").await;
    tap.labeler_until(&lost, |shown| shown["retry_count"].as_u64() > Some(1)).await;

    let shown = status(&["status", "--url", &tap.url, "--password", "s3cret"]);
    assert_eq!((shown.status.code(), text(&shown.stderr)), (Some(0), ""));
    let lines: Vec<&str> = text(&shown.stdout).lines().collect();
    assert!(lines[0].starts_with(&format!(
        "labeltap {} at {}",
        env!("CARGO_PKG_VERSION"),
        tap.url
    )));
    assert!(lines[1].starts_with("labels    30 stored, "), "{lines:?}");
    let trouble = lines.iter().find(|line| line.starts_with("trouble")).expect("somebody is lost");
    assert!(trouble.contains(&lost), "{trouble}");
    assert!(lines.contains(&"rejected  1 unsigned"), "{lines:?}");
    assert!(lines.contains(&"consumer  default: 30 not acked, nobody connected"), "{lines:?}");

    let shown = status(&["status", "--url", &tap.url, "--password", "s3cret", "--json"]);
    let json: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&json["store"]["labels"], &json["rejected"]),
        (&json!(30), &json!({ "unsigned": 1 }))
    );

    let wrong = status(&["status", "--url", &tap.url, "--password", "other"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("answers 401"), "{wrong:?}");
    let url = tap.url.clone();
    tap.stop();
    let gone = status(&["status", "--url", &url]);
    assert_eq!((gone.status.code(), text(&gone.stdout)), (Some(1), ""));
    let line = text(&gone.stderr);
    assert!(line.contains("cannot be reached: Connection refused"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_accepts_nothing_is_no_healthy_one() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let more = ["--min-free-space", "1000TiB"];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &more);
    let deadline = Instant::now() + LIMIT;
    loop {
        let shown = status(&["status", "--url", &tap.url]);
        if shown.status.code() == Some(1) {
            assert!(
                text(&shown.stdout).contains("\nSTOPPED   nothing more is accepted: "),
                "{shown:?}"
            );
            return;
        }
        assert!(Instant::now() < deadline, "{shown:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A program whose output is gathered while it runs.
struct Watched {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Watched {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (said, mut output) = (Arc::new(Mutex::new(Vec::new())), child.stdout.take().unwrap());
        let heard = Arc::clone(&said);
        drop(std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut part) {
                heard.lock().unwrap().extend_from_slice(&part[..length]);
            }
        }));
        Self { child, said }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    async fn until(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let text = self.text();
            if wanted(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // With SIGTERM, which `script` passes on to what it runs.
        let _ended = Command::new("kill").arg(self.child.id().to_string()).status();
        let _reaped = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_goes_on_and_survives_a_service_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let database = dir.path().join("tap.db");
    let tap = Tap::start(&plc, &database, &[]);
    let (url, address) = (tap.url.clone(), tap.url.trim_start_matches("http://").to_owned());
    let watching = Watched::start(command(&["status", "--watch", "--url", &url]));
    watching.until(|text| text.matches("labeltap ").count() >= 2).await;
    tap.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = watching.text().matches("labeltap ").count();
    let mut again = command(&["run", "--bind", &address, "--allow-private-hosts"]);
    again.args(["--plc-url", &plc.url(), "--database-url"]);
    again.arg(format!("sqlite://{}", database.display()));
    let _tap = Tap::launch(again);
    watching.until(|text| text.matches("labeltap ").count() > before).await;
}

/// A terminal, and this program in it.
fn in_a_terminal(dir: &Path, args: &[&str]) -> Watched {
    let program = env!("CARGO_BIN_EXE_labeltap");
    let line: Vec<String> =
        std::iter::once(&program).chain(args).map(|arg| format!("'{arg}'")).collect();
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--flush", "--return", "--command"])
        .arg(format!("stty cols 100 rows 40; exec {}", line.join(" ")));
    command.arg(dir.join("typescript")).env("TERM", "xterm").current_dir(dir);
    Watched::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_summary_updates_below_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("painted");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(163), &plc).await;
    labeler.preload(20);
    let url = plc.url();
    let run = ["run", "--bind", "127.0.0.1:0", "--plc-url", &url, "--allow-private-hosts"];
    let run = [&run[..], &["--labelers", &did]].concat();
    let running = in_a_terminal(dir.path(), &run);
    let shown = running.until(|text| text.contains("20 stored") && text.contains("1 live")).await;
    assert!(shown.contains("listening"), "the log is there too: {shown:?}");
    assert!(shown.contains("\u{1b}["), "in place: {shown:?}");
    labeler.preload(5);
    running.until(|text| text.contains("25 stored")).await;

    // Without, only the log.
    let plain = [&run[..], &["--progress=false", "--database-url", "sqlite://plain.db"]].concat();
    let plain = in_a_terminal(dir.path(), &plain);
    let shown = plain.until(|text| text.contains("caught up")).await;
    assert!(!shown.contains(" stored"), "{shown:?}");
}
