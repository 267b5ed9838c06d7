//! Clients that others write: the programs of `docs/clients.md`, cut out of that page and
//! run as they stand there, and the public client of Tap's channel.
//!
//! What they need is set up by `tests/clients/setup.sh`. `Client::run` needs nothing and
//! has to live through the same.

use crate::tap::{LIMIT, Tap, command, take};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};
use tokio::task::JoinHandle;

const PASSWORD: &str = "s3cret: with a colon";

/// Whether there is something to run: with `LABELTAP_CLIENTS=1`, which `./test` sets, and
/// always with `CI=true`.
pub(crate) fn wanted() -> bool {
    let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    let wanted = is("LABELTAP_CLIENTS", "1") || is("CI", "true");
    if !wanted {
        eprintln!("not run: LABELTAP_CLIENTS=1 runs the tests with clients of others");
    }
    wanted
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn installed(path: &str) -> PathBuf {
    root().join("tests/clients").join(path)
}

/// The one program in this language in the documentation.
fn program(language: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/clients.md")).unwrap();
    let begin = format!("\n```{language}\n");
    let mut blocks = page.split(&begin).skip(1);
    let block = blocks.next().expect("a program in this language");
    assert!(blocks.next().is_none(), "two programs in {language}");
    block.split("\n```\n").next().unwrap().to_owned()
}

/// A reader of the channel at work. Stopped on drop.
enum Reader {
    Program(Child),
    Task(JoinHandle<()>),
}

impl Reader {
    fn start(mut command: Command, dir: &Path, url: &str, password: &str) -> Self {
        command.current_dir(dir).env_clear().env("LABELTAP_URL", url);
        command.env("LABELTAP_ADMIN_PASSWORD", password);
        Self::Program(command.spawn().expect("tests/clients/setup.sh has been run"))
    }

    fn has_ended(&mut self) -> bool {
        match self {
            Self::Program(child) => child.try_wait().unwrap().is_some(),
            Self::Task(task) => task.is_finished(),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        match self {
            Self::Program(child) => {
                drop(child.kill());
                drop(child.wait());
            }
            Self::Task(task) => task.abort(),
        }
    }
}

/// Starts the service again where it was.
fn start_at(address: &str, plc: &Plc, database: &Path, more: &[&str]) -> Tap {
    let database = format!("sqlite://{}", database.display());
    let plc = plc.url();
    let args = ["run", "--bind", address, "--allow-private-hosts", "--plc-url", &plc];
    Tap::launch(command(&[args.as_slice(), &["--database-url", &database], more].concat()))
}

fn address(tap: &Tap) -> String {
    tap.url.trim_start_matches("http://").to_owned()
}

/// Waits until the default consumer has been handed everything and acked it.
async fn all_acked(tap: &Tap) {
    until(async || tap.get("/stats/outbox-buffer").await["outbox_buffer"] == 0).await;
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The sequence numbers in a file of labels; a crash may make them come twice.
fn written(labels: &Path) -> BTreeSet<i64> {
    let text = std::fs::read_to_string(labels).unwrap_or_default();
    let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64().unwrap();
    // The last one may be on its way still.
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(seq).collect()
}

/// What every reader has to live through that appends each label to `labels.jsonl`. It is
/// begun with its folder, the service's URL and a password.
async fn loses_nothing(begin: impl Fn(&Path, &str, &str) -> Reader) {
    let dir = tempfile::tempdir().unwrap();
    let (database, labels) = (dir.path().join("tap.db"), dir.path().join("labels.jsonl"));
    let plc = Plc::start().await;
    let did = plc_did("told");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(81), &plc).await;
    labeler.preload(20);
    let settings = ["--retry-timeout", "1s", "--admin-password", PASSWORD];
    let tap = Tap::start(&plc, &database, &settings).with_password(PASSWORD);

    // Refused for good, so it ends.
    let mut refused = begin(dir.path(), &tap.url, "wrong");
    until(async || refused.has_ended()).await;

    // Its handler fails for as long as there is a folder where its file should be.
    std::fs::create_dir(&labels).unwrap();
    let mut reader = begin(dir.path(), &tap.url, PASSWORD);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    until(async || tap.metric("labeltap_redelivered_total").await >= 20.0).await;
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 20, "nothing was done");
    std::fs::remove_dir(&labels).unwrap();
    all_acked(&tap).await;
    assert_eq!(written(&labels), (1..=20).collect());

    // Killed while it is at work, and back where it was.
    let address = address(&tap);
    labeler.emit_each((21..=200).map(LabelSpec::numbered));
    until(async || written(&labels).len() > 20).await;
    tap.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    labeler.emit_each((201..=220).map(LabelSpec::numbered));
    let tap = start_at(&address, &plc, &database, &settings).with_password(PASSWORD);
    until(async || written(&labels).len() == 220).await;
    all_acked(&tap).await;

    // Stopped in good order, and live again after it.
    assert_eq!(tap.stop().status.code(), Some(0));
    let tap = start_at(&address, &plc, &database, &settings).with_password(PASSWORD);
    tap.state(&did, "live").await;
    labeler.emit_each((221..=225).map(LabelSpec::numbered));
    until(async || written(&labels).len() == 225).await;
    all_acked(&tap).await;
    assert_eq!(written(&labels), (1..=225).collect());
    assert!(!reader.has_ended());
}

fn append(labels: &Path, received: &client::Received) -> std::io::Result<()> {
    let client::Event::Label(event) = received.event().unwrap() else { panic!("{received:?}") };
    let label = event.label().unwrap();
    let mut file = std::fs::File::options().create(true).append(true).open(labels)?;
    let line = json!({ "seq": event.seq, "val": label.val });
    file.write_all(format!("{line}\n").as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_loses_nothing() {
    loses_nothing(|dir, url, password| {
        let settings = client::Settings {
            url: url.parse().unwrap(),
            password: Some(password.to_owned()),
            query: client::Query::default().types(["label"]).into(),
        };
        let labels = dir.join("labels.jsonl");
        let mut client = client::Client::new(settings).unwrap();
        Reader::Task(tokio::spawn(async move {
            let Err(error) = client.run(async |received| append(&labels, &received)).await;
            eprintln!("{error}");
        }))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_program_loses_nothing() {
    if !wanted() {
        return;
    }
    loses_nothing(|dir, url, password| {
        // Where it looks for its packages.
        drop(std::os::unix::fs::symlink(installed("node_modules"), dir.join("node_modules")));
        std::fs::write(dir.join("client.mts"), program("typescript")).unwrap();
        let mut node = Command::new(installed("node_modules/.bin/node"));
        node.arg("client.mts");
        Reader::start(node, dir, url, password)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_program_loses_nothing() {
    if !wanted() {
        return;
    }
    loses_nothing(|dir, url, password| {
        std::fs::write(dir.join("client.py"), program("python")).unwrap();
        let mut python = Command::new(installed(".venv/bin/python"));
        python.arg("client.py");
        Reader::start(python, dir, url, password)
    })
    .await;
}

/// `@atproto/tap` on the default consumer, and what it noticed.
fn strict(tap: &Tap) -> (Reader, Arc<Mutex<Vec<Value>>>) {
    let mut node = Command::new(installed("node_modules/.bin/node"));
    node.arg(installed("strict.js")).env_clear().stdout(Stdio::piped());
    node.env("LABELTAP_URL", format!("{}/?types=record,identity", tap.url));
    let mut child = node.spawn().expect("tests/clients/setup.sh has been run");
    let output = BufReader::new(child.stdout.take().unwrap());
    let noticed = Arc::new(Mutex::new(Vec::new()));
    let notes = noticed.clone();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            notes.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
        }
    });
    (Reader::Program(child), noticed)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_public_client_stays_and_comes_back_and_is_sent_nothing() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("told");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(82), &plc).await;
    labeler.preload(30);
    let mut tap = Tap::start(&plc, &database, &[]);
    let address = address(&tap);
    let (mut reader, noticed) = strict(&tap);
    let connections = async |tap: &Tap, count: f64| {
        until(async || tap.metric("labeltap_connections").await == count).await;
    };
    connections(&tap, 1.0).await;
    tap.add(&[&did]).await;
    for (round, kill) in [true, false, true].into_iter().enumerate() {
        let mut other = tap.client(&[("consumer", "other")]);
        assert_eq!(take(&mut other, 30).await.len(), 30);
        connections(&tap, 2.0).await;
        // Some of its heartbeats, all of them answered.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(tap.metric("labeltap_connections").await, 2.0);
        let lost = noticed.lock().unwrap().len();
        assert_eq!(lost > 0, round > 0, "it is gone only when we are");
        drop(other);
        // Acks are durable within a second; only time can show that.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if kill {
            tap.kill();
        } else {
            assert_eq!(tap.stop().status.code(), Some(0));
        }
        tap = start_at(&address, &plc, &database, &[]);
        connections(&tap, 1.0).await;
        assert!(noticed.lock().unwrap().len() > lost, "it did lose the connection");
        labeler.emit_each((0..30).map(|n| LabelSpec::numbered(100 * (round as u64 + 1) + n)));
    }
    assert!(!reader.has_ended());
    let noticed = noticed.lock().unwrap();
    let strange = noticed.iter().find(|note| note.get("lost").is_none());
    assert!(strange.is_none(), "{strange:?}");
}
