//! What an operator sees from outside: exit codes, one sentence per mistake, logs, and the
//! end of the program (contract section 2).

use crate::tap::{Failed, Tap, command, seqs, take, within};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// Ended with this code and one line that says these words.
#[track_caller]
fn assert_says(failed: &Failed, code: i32, words: &[&str]) {
    let said = &failed.stderr;
    assert_eq!(failed.code, Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

/// The command line of a service that could run there, but for what is added to it.
fn run_at<'a>(database: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["run", "--bind", "127.0.0.1:0", "--database-url", database];
    args.extend(more);
    args
}

fn url(database: &Path) -> String {
    format!("sqlite://{}", database.display())
}

#[test]
fn a_wrong_setting_is_named_in_one_line_and_nothing_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let url = url(&database);
    for (flag, value) in [
        ("--bind", "nowhere"),
        ("--plc-url", "plc.directory"),
        ("--window", "0"),
        ("--retry-timeout", "60"),
        ("--labelers", "did:key:z6Mk"),
        ("--labeler-parallelism", "many"),
        ("--log-level", "loud"),
        ("--log-format", "xml"),
        ("--min-free-space", "1G"),
    ] {
        let args = match flag {
            "--bind" => vec!["run", "--database-url", &url, flag, value],
            _ => run_at(&url, &[flag, value]),
        };
        assert_says(&Tap::fails(&args), 2, &[flag, value, "allowed"]);
    }
    let postgres = ["run", "--database-url", "postgres://localhost/tap"];
    assert_says(&Tap::fails(&postgres), 2, &["--database-url"]);
    assert_says(&Tap::fails(&run_at(&url, &["--no-such-flag"])), 2, &["--no-such-flag"]);
    assert_says(&Tap::fails(&["walk"]), 2, &["walk", "run"]);
    assert_says(&Tap::fails(&[]), 2, &["run"]);
    assert!(!database.exists());
}

#[test]
fn a_wrong_variable_is_named_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let url = url(&dir.path().join("tap.db"));
    for (variable, value) in [
        ("LABELTAP_WINDOW", "none"),
        ("LABELTAP_RETRY_TIMEOUT", "soon"),
        ("TAP_RETRY_TIMEOUT", "1"),
        ("TAP_DISABLE_ACKS", "perhaps"),
        ("ATP_PLC_HOST", "ftp://plc"),
        ("LOG_LEVEL", "chatty"),
    ] {
        let failed = Tap::fails_as(command(&run_at(&url, &[])).env(variable, value));
        assert_says(&failed, 2, &[variable, value, "allowed"]);
    }
    let secret = command(&run_at(&url, &[])).env("LABELTAP_WEBHOOK_URL", "s3cret").output();
    let said = String::from_utf8(secret.unwrap().stderr).unwrap();
    assert!(said.contains("LABELTAP_WEBHOOK_URL") && !said.contains("s3cret"), "{said}");
}

#[test]
fn a_port_in_use_ends_it_before_the_database_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = url(&database);
    let failed = Tap::fails(&["run", "--database-url", &url, "--bind", &address]);
    assert_says(&failed, 1, &[&address, "in use"]);
    let metrics = Tap::fails(&run_at(&url, &["--metrics-listen", &address]));
    assert_says(&metrics, 1, &[&address, "in use"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// An SQLite file's first bytes, with these numbers where SQLite keeps them
/// (sqlite.org/fileformat2.html, section 1.3), and some rest.
fn sqlite_file(user_version: u32, application_id: u32) -> Vec<u8> {
    let mut bytes = b"SQLite format 3\0".to_vec();
    bytes.resize(8_192, 0x5a);
    bytes[60..64].copy_from_slice(&user_version.to_be_bytes());
    bytes[68..72].copy_from_slice(&application_id.to_be_bytes());
    bytes
}

#[test]
fn a_database_that_is_not_ours_is_left_as_it_is() {
    let ours = u32::from_be_bytes(*b"ltap");
    for (what, bytes, words) in [
        ("Tap's own", sqlite_file(0, 0), "another program"),
        ("another program's", sqlite_file(7, 0x1234_5678), "another program"),
        ("a newer labeltap's", sqlite_file(1_000, ours), "newer"),
        ("a text", b"dear diary\n".repeat(50), "no SQLite database"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("tap.db");
        std::fs::write(&database, &bytes).unwrap();
        let before = std::fs::metadata(&database).unwrap();
        let failed = Tap::fails(&run_at(&url(&database), &[]));
        assert_says(&failed, 1, &[&database.display().to_string(), words]);
        assert_eq!(std::fs::read(&database).unwrap(), bytes, "{what}");
        let after = std::fs::metadata(&database).unwrap();
        assert_eq!(after.mtime_nsec(), before.mtime_nsec(), "{what}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{what}");
    }
    let dir = tempfile::tempdir().unwrap();
    assert_says(&Tap::fails(&run_at(&url(dir.path()), &[])), 1, &["not a file"]);
    let lost = dir.path().join("no/such/folder/tap.db");
    assert_says(&Tap::fails(&run_at(&url(&lost), &[])), 1, &["cannot be opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_refused_to_a_second_labeltap() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &database, &[]);
    let failed = Tap::fails(&run_at(&url(&database), &[]));
    assert_says(&failed, 1, &["in use by another labeltap"]);
    assert_eq!(tap.get("/health").await, json!({ "status": "ok" }));
    tap.kill();
    Tap::start(&plc, &database, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_backfill_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("interrupted");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(70), &plc).await;
    let last = labeler.preload(20_000);
    let mut cursor = 0;
    for round in 1..=3 {
        let tap = Tap::start(&plc, &database, &["--labelers", &did]);
        tap.state_when_tracked(&did, "backfilling").await;
        let moved = |shown: &Value| shown["cursor"].as_i64() > Some(cursor);
        cursor = tap.labeler_until(&did, moved).await["cursor"].as_i64().unwrap();
        let stopped = tap.stop();
        assert_eq!(stopped.status.code(), Some(0), "round {round}: {:?}", stopped.log.last());
        assert!(stopped.took < Duration::from_secs(10), "round {round}: {:?}", stopped.took);
        assert!(cursor < last, "round {round}: it was too late to stop it");
    }
    let tap = Tap::start(&plc, &database, &[]);
    let shown = tap.labeler_until(&did, |shown| shown["cursor"] == last).await;
    assert_eq!(shown["labels"], last);
    // A second connection that looks for the head has no cursor.
    let cursors = labeler.upgrades().into_iter().filter_map(|upgrade| upgrade.cursor);
    let cursors: Vec<i64> = cursors.map(|cursor| cursor.parse().unwrap()).collect();
    assert!(cursors.is_sorted() && cursors.last() >= Some(&cursor), "{cursors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_compose_file_with_tap_names_keeps_working() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("composed");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(71), &plc).await;
    labeler.preload(3);
    let database = dir.path().join("composed.db");
    let mut command = command(&["run", "--allow-private-hosts"]);
    command
        .env("TAP_DATABASE_URL", url(&database))
        .env("TAP_BIND", "127.0.0.1:0")
        .env("TAP_PLC_URL", plc.url())
        .env("TAP_ADMIN_PASSWORD", "weak")
        .env("LABELTAP_ADMIN_PASSWORD", "strong")
        .env("TAP_DISABLE_ACKS", "true")
        .env("TAP_LOG_LEVEL", "debug")
        // Proxies of the environment are not for us.
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1");
    let tap = Tap::launch(command).with_password("strong");
    tap.add(&[&did]).await;
    let mut client = tap.client(&[]);
    for seq in 1..=3 {
        assert_eq!(crate::tap::next(&mut client).await["label"]["seq"], seq);
    }
    // What was written counts as acked, as TAP_DISABLE_ACKS asks.
    let settled = async {
        while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(settled).await;
    assert!(database.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piped_log_is_json_to_the_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("logged");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(72), &plc).await;
    labeler.preload(2_000);
    let more = ["--log-level", "debug", "--admin-password", "s3cret", "--webhook-secret", "t0p"];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &more).with_password("s3cret");
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    take(&mut tap.client(&[]), 2_000).await;
    let stopped = tap.stop();
    assert_eq!(stopped.status.code(), Some(0));
    let lines: Vec<Value> =
        stopped.log.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        let text = line.to_string();
        assert!(!text.contains("s3cret") && !text.contains("t0p"), "{text}");
    }
    assert_eq!(lines.last().unwrap()["message"], "stopped");
    assert!(lines.len() < 200, "one line per event of a labeler's life, not {}", lines.len());
    let of_the_labeler = lines.iter().filter(|line| line["labeler"] == did);
    let said: Vec<&str> = of_the_labeler.filter_map(|line| line["message"].as_str()).collect();
    assert!(said.contains(&"labeler connected") && said.contains(&"labeler caught up"), "{said:?}");
}

/// What `labeltap tail` printed, line by line.
fn tail(tap: &Tap, more: &[&str], variable: Option<(&str, &str)>) -> (Failed, Vec<Value>) {
    let mut args = vec!["tail", "--url", &tap.url];
    args.extend(more);
    let output = command(&args).envs(variable).output().expect("labeltap starts");
    let lines = String::from_utf8(output.stdout).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (Failed { code: output.status.code(), stderr }, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_prints_so_many_events_acks_them_and_goes_on_there_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("tailed");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(73), &plc).await;
    labeler.preload(25);
    let more = ["--admin-password", "open sesame"];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &more).with_password("open sesame");
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;

    let (refused, events) = tail(&tap, &["--count", "1"], None);
    assert_says(&refused, 1, &["password"]);
    assert_eq!(events, [] as [Value; 0]);
    let (refused, _) = tail(&tap, &["--count", "1", "--password", "wrong"], None);
    assert_says(&refused, 1, &["password"]);

    let by_variable = Some(("TAP_ADMIN_PASSWORD", "open sesame"));
    let (looked, events) = tail(&tap, &["--count", "10", "--no-ack"], by_variable);
    assert_eq!((looked.code, looked.stderr.as_str()), (Some(0), ""));
    assert_eq!(seqs(&events), (1..=10).collect::<Vec<_>>());
    for (first, last) in [(1, 10), (11, 20)] {
        let (tailed, events) = tail(&tap, &["--count", "10"], by_variable);
        assert_eq!((tailed.code, tailed.stderr.as_str()), (Some(0), ""));
        assert_eq!(seqs(&events), (first..=last).collect::<Vec<_>>());
    }
    labeler.emit([LabelSpec::numbered(100)]);
    let (_, rest) = tail(&tap, &["--count", "6", "--raw"], by_variable);
    // What the tail before had in flight may come back after what is new: other lanes.
    let mut came = seqs(&rest);
    came.sort_unstable();
    assert_eq!(came, (21..=26).collect::<Vec<_>>());
    assert!(rest.iter().all(|event| event["label"]["raw"]["$bytes"].is_string()), "{rest:?}");
    let (wrong, _) = tail(&tap, &["--count", "0"], by_variable);
    assert_says(&wrong, 2, &["--count"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_password_only_health_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--admin-password", "hush"]);
    let did = plc_did("anybody");
    assert_eq!(tap.get("/health").await, json!({ "status": "ok" }));
    assert_eq!(tap.ask(Method::HEAD, "/health", None).await.0, StatusCode::OK);
    let routes = [
        (Method::POST, "/health".to_owned()),
        (Method::GET, "/labelers".to_owned()),
        (Method::POST, "/labelers/add".to_owned()),
        (Method::POST, "/labelers/remove".to_owned()),
        (Method::GET, format!("/labelers/{did}")),
        (Method::GET, format!("/labelers/{did}/rejected")),
        (Method::GET, format!("/resolve/{did}")),
        (Method::GET, "/stats/labeler-count".to_owned()),
        (Method::GET, "/stats/label-count".to_owned()),
        (Method::GET, "/stats/outbox-buffer".to_owned()),
        (Method::GET, "/stats/cursors".to_owned()),
        (Method::GET, "/metrics".to_owned()),
        (Method::GET, "/channel".to_owned()),
        (Method::GET, "/no-such-route".to_owned()),
    ];
    for (method, path) in &routes {
        let (status, body) = tap.ask(method.clone(), path, None).await;
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("AuthRequired")));
        assert!(body["message"].is_string(), "{path}: {body}");
    }
    let wrong = tap.with_password("hash");
    for (method, path) in routes {
        assert_eq!(wrong.ask(method, &path, None).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let right = wrong.with_password("hush");
    assert_eq!(right.get("/labelers").await, json!({ "labelers": [] }));
}
