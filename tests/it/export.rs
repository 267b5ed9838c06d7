//! `labeltap export` and `labeltap stats` beside a running service, and `GET /stats/labels`.

use crate::tap::{Failed, Tap, command};
use label::{Did, Parts, syntax};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, RowAccessor as _};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Output, Stdio};
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, cts, plc_did};
use verify::{Judged, Key, judge};
use wire::RawLabel;

fn url(database: &Path) -> String {
    format!("sqlite://{}", database.display())
}

/// Runs a command on a database, without stopping the peers in this process.
async fn run(name: &str, database: &Path, more: &[&str]) -> Output {
    let mut args = vec![name.to_owned(), "--database-url".to_owned(), url(database)];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    let ran = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        command(&args).output().unwrap()
    });
    ran.await.unwrap()
}

/// What a command that went well printed.
async fn printed(name: &str, database: &Path, more: &[&str]) -> String {
    let output = run(name, database, more).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{more:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name).map(|value| value.as_str().unwrap())
}

/// A row of JSON Lines as the labeler signed it: the signature holds.
#[track_caller]
fn assert_signed(row: &Value, key: &Key) {
    use base64_of as bytes;
    let src = Did::parse(text(row, "src").unwrap()).unwrap();
    let parts = Parts {
        src: src.clone(),
        uri: text(row, "uri").unwrap().to_owned(),
        cid: text(row, "cid").map(str::to_owned),
        val: text(row, "val").unwrap().to_owned(),
        neg: row.get("neg").map(|neg| neg.as_bool().unwrap()),
        cts: text(row, "cts").unwrap().to_owned(),
        exp: text(row, "exp").map(str::to_owned),
        sig: bytes(row["sig"]["$bytes"].as_str().unwrap()),
    };
    let raw = match row.get("raw") {
        Some(raw) => bytes(raw["$bytes"].as_str().unwrap()),
        None => wire::label_cbor(&parts),
    };
    let raw = RawLabel { bytes: raw.into(), fault: None };
    let Judged::Label { label, .. } = judge(&raw, &src, key) else { panic!("{row}") };
    assert_eq!(label.into_parts(), parts, "{row}");
}

/// Base64 without padding, by hand: there is no need for more.
fn base64_of(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits = text.bytes().fold(Vec::new(), |mut bits, byte| {
        bits.extend((0..6).rev().map(|place| digit(byte) >> place & 1));
        bits
    });
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

/// Label number `n`: of several kinds of subject, some with `neg`, `exp` or a field unknown.
fn spec(n: u64) -> LabelSpec {
    let account = format!("did:plc:{}", "abcdefgh".repeat(3));
    let uri = match n % 5 {
        0 => account,
        1 => format!("at://{account}/app.bsky.actor.profile/self"),
        2 => format!("https://example.com/{n}"),
        _ => format!("at://{account}/app.bsky.feed.post/3l{:0>11}", "2".repeat((n % 7) as usize)),
    };
    let spec = LabelSpec::new(uri.replace('0', "2"), ["spam", "rude", "a,b \"c\""][n as usize % 3]);
    let spec = spec.cts(cts(n * 1000));
    match n % 11 {
        0..3 => spec.neg(true),
        3 => spec.neg(false),
        4 => spec.exp("2024-01-01T00:00:00Z"),
        5 => spec.cid("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454"),
        _ => spec,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_while_more_arrives_is_whole_and_signed() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("exported");
    let key = SigningKey::k256(200);
    let labeler = FakeLabeler::start(&did, key.clone(), &plc).await;
    labeler.emit_each((0..5000).map(spec));
    let tap = Tap::start(&plc, &database, &[]);
    tap.add(&[&did]).await;
    tap.labeler_until(&did, |shown| shown["labels"].as_u64() >= Some(1000)).await;
    let busy = tokio::spawn(async move {
        let mut number = 5000;
        loop {
            labeler.emit_each((number..number + 20).map(spec));
            number += 20;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let out = |name: &str| dir.path().join(name).display().to_string();
    for round in 0..3 {
        let before = tap.labeler(&did).await["labels"].as_i64().unwrap();
        let file = out(&format!("{round}.jsonl"));
        printed("export", &database, &["--history", "--output", &file]).await;
        let rows = lines(&std::fs::read_to_string(&file).unwrap());
        let seqs: Vec<i64> = rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
        assert!(seqs.len() as i64 >= before, "{} and {before}", seqs.len());
        assert!(seqs.iter().copied().eq(1..=seqs.len() as i64), "each once and in order");
        assert!(rows.is_sorted_by_key(|row| row["id"].as_i64()));
        let key = Key::from_did_key(&key.did_key()).unwrap();
        rows.iter().for_each(|row| assert_signed(row, &key));

        let text = printed("export", &database, &["--history", "--format=csv"]).await;
        assert!(text.starts_with("id,received_at,src,seq,") && text.ends_with("\r\n"));
        assert!(text.lines().count() > rows.len());

        let file = out("all.parquet");
        printed("export", &database, &["--history", "--format=parquet", "--output", &file]).await;
        let file = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
        let mut again = 0;
        for (row, expected) in file.get_row_iter(None).unwrap().map(Result::unwrap).zip(&rows) {
            assert_eq!(row.get_long(0).unwrap(), expected["id"].as_i64().unwrap());
            assert_eq!(row.get_string(9).unwrap(), expected["uri"].as_str().unwrap());
            let sig = row.get_bytes(15).unwrap();
            assert_eq!(sig.data(), base64_of(expected["sig"]["$bytes"].as_str().unwrap()));
            let neg = row.get_column_iter().nth(12).unwrap().1;
            let neg = if let Field::Bool(neg) = neg { json!(neg) } else { Value::Null };
            assert_eq!(neg, expected["neg"]);
            again += 1;
        }
        assert_eq!(again, rows.len(), "what was there before is there again");
    }
    busy.abort();
    assert_eq!(tap.get("/health").await, json!({ "status": "ok" }));
    tap.kill();
    // The service was killed, and its write-ahead log is still beside the file.
    printed("export", &database, &["--history", "--output", &out("last.jsonl")]).await;
    let made: BTreeSet<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("tap.db"))
        .collect();
    let expected = ["0.jsonl", "1.jsonl", "2.jsonl", "all.parquet", "last.jsonl"];
    assert!(made.iter().eq(expected), "{made:?}");
    Tap::start(&plc, &database, &[]);
}

/// A service that has stored the first labels of a labeler and knows another that is silent.
async fn stored(plc: &Plc, database: &Path, count: u64) -> Tap {
    let (did, silent) = (plc_did("counted"), plc_did("silent"));
    let labeler = FakeLabeler::start(&did, SigningKey::k256(201), plc).await;
    let _silent = FakeLabeler::start(&silent, SigningKey::k256(202), plc).await;
    labeler.emit_each((0..count).map(spec));
    let tap = Tap::start(plc, database, &["--labelers", &format!("{did},{silent}")]);
    tap.state_when_tracked(&did, "live").await;
    tap.labeler_until(&did, |shown| shown["labels"] == count).await;
    tap
}

/// The newest of each key: labels of one labeler, in order of time.
fn current(rows: &[Value]) -> Vec<&Value> {
    let mut newest: BTreeMap<(&str, &str), &Value> = BTreeMap::new();
    for row in rows {
        newest.insert((text(row, "uri").unwrap(), text(row, "val").unwrap()), row);
    }
    newest.into_values().collect()
}

fn applies(row: &Value) -> bool {
    // All that end here have ended long ago.
    row.get("neg") != Some(&json!(true)) && row.get("exp").is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_history_it_is_what_applies() {
    let dir = tempfile::tempdir().unwrap();
    let (database, plc) = (dir.path().join("tap.db"), Plc::start().await);
    let tap = stored(&plc, &database, 2000).await;
    let everything = lines(&printed("export", &database, &["--history"]).await);
    let mut expected: Vec<&Value> = current(&everything);
    expected.retain(|row| applies(row));
    expected.sort_by_key(|row| row["id"].as_i64());
    let rows = lines(&printed("export", &database, &[]).await);
    assert!(!rows.is_empty() && rows.iter().eq(expected.iter().copied()), "{}", rows.len());
    for (flag, takes) in [
        ("--val=sp*", (|row| row["val"] == "spam") as fn(&Value) -> bool),
        ("--subject=account", |row| text(row, "uri").unwrap().starts_with("did:")),
        ("--uri=https://*", |row| text(row, "uri").unwrap().starts_with("https:")),
        ("--verdict=verified-old-key", |_| false),
    ] {
        let rows = lines(&printed("export", &database, &[flag]).await);
        assert!(rows.iter().eq(expected.iter().copied().filter(|row| takes(row))), "{flag}");
    }
    tap.stop();
    let offline = lines(&printed("export", &database, &[]).await);
    assert_eq!(offline, rows, "with no service about");
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_are_those_of_a_plain_count() {
    let dir = tempfile::tempdir().unwrap();
    let (database, plc) = (dir.path().join("tap.db"), Plc::start().await);
    let tap = stored(&plc, &database, 2000).await;
    let everything = lines(&printed("export", &database, &["--history"]).await);
    let newest: BTreeSet<i64> =
        current(&everything).iter().map(|row| row["id"].as_i64().unwrap()).collect();
    let heading = |by: &str, row: &Value| match (by, text(row, "uri").unwrap()) {
        ("labeler", _) => text(row, "src").unwrap().to_owned(),
        ("value", _) => text(row, "val").unwrap().to_owned(),
        ("month", _) => text(row, "cts").unwrap()[..7].to_owned(),
        (_, uri) if uri.starts_with("did:") => "account".to_owned(),
        (_, uri) if uri.contains("profile") => "avatar/banner".to_owned(),
        (_, uri) if uri.contains("post") => "app.bsky.feed.post".to_owned(),
        _ => "other".to_owned(),
    };
    for by in ["labeler", "value", "target", "month"] {
        let mut expected: BTreeMap<String, [u64; 6]> = BTreeMap::new();
        let mut subjects: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for row in &everything {
            let key = heading(by, row);
            let neg = row.get("neg") == Some(&json!(true));
            let newest = newest.contains(&row["id"].as_i64().unwrap());
            let sums = expected.entry(key.clone()).or_default();
            let applies = newest && applies(row);
            let rescinded = newest && neg;
            let facts = [true, neg, false, applies, rescinded, newest && !applies && !rescinded];
            for (sum, fact) in sums.iter_mut().zip(facts) {
                *sum += u64::from(fact);
            }
            subjects.entry(key).or_default().insert(text(row, "uri").unwrap());
        }
        for (key, sums) in &mut expected {
            sums[2] = subjects[key].len() as u64;
        }
        let answer = tap.get(&format!("/stats/labels?by={by}")).await;
        assert_eq!(answer["by"], by);
        assert_eq!(answer["subjects_with_several_labelers"], 0);
        assert_eq!(answer["labelers"], json!({ "announced": 2, "active": 1 }));
        let names = ["labels", "negations", "subjects", "current", "rescinded", "expired"];
        let rows = answer["rows"].as_array().unwrap();
        let found: BTreeMap<String, [u64; 6]> = rows
            .iter()
            .map(|row| {
                let key = text(row, "key").unwrap().to_owned();
                (key, names.map(|name| row[name].as_u64().unwrap()))
            })
            .collect();
        assert_eq!(found, expected, "{by}");
        assert_eq!(answer["labels"], 2000);
        let said = printed("stats", &database, &["--json", "--by", by]).await;
        let [offline] = lines(&said).try_into().unwrap();
        assert_eq!((&offline["rows"], &offline["by"]), (&answer["rows"], &json!(by)));
        let table = printed("stats", &database, &["--by", by]).await;
        assert!(found.keys().all(|key| table.contains(key.as_str())), "{table}");
    }
    let usual = tap.get("/stats/labels").await;
    assert_eq!(usual["by"], "labeler");
    // Of posts there are delays: the key says when, or so it seems.
    let made = |row: &Value| {
        let key = text(row, "uri")?.strip_prefix("at://")?.rsplit('/').next()?;
        let delay = syntax::instant(text(row, "cts")?)? - syntax::tid_micros(key)?;
        (row.get("neg") != Some(&json!(true)) && delay >= 0).then_some(delay)
    };
    let mut delays: Vec<i64> = everything.iter().filter_map(made).collect();
    delays.sort_unstable();
    let reaction = &usual["rows"][0]["reaction"];
    assert_eq!(reaction["count"].as_u64().unwrap_or(0), delays.len() as u64);
    if let Some(median) = delays.get((delays.len().div_ceil(2)).saturating_sub(1)) {
        let (median, found) = (*median as f64 / 1e6, reaction["median"].as_f64().unwrap());
        assert!((median - found).abs() <= median * 0.01, "{median} and {found}");
    }
    let (status, answer) = tap.ask(Method::GET, "/stats/labels?by=colour", None).await;
    assert_eq!((status.as_u16(), &answer["error"]), (400, &json!("InvalidRequest")));
}

fn fails(args: &[&str]) -> Failed {
    Tap::fails(args)
}

#[track_caller]
fn assert_says(failed: &Failed, code: i32, words: &[&str]) {
    assert_eq!(failed.code, Some(code), "{}", failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
    for word in words {
        assert!(failed.stderr.contains(word), "{word}: {}", failed.stderr);
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_allowed() {
    for (args, words) in [
        (vec!["export", "--format=xml"], vec!["--format", "\"xml\"", "jsonl, csv, parquet"]),
        (vec!["export", "--src=nobody"], vec!["--src", "nobody"]),
        (vec!["export", "--subject=pet"], vec!["--subject", "account, record, other"]),
        (vec!["export", "--verdict=unsigned"], vec!["--verdict", "verified-old-key"]),
        (vec!["export", "--val=a*b"], vec!["--val", "a*b"]),
        (vec!["export", "--output="], vec!["--output", "nothing"]),
        (vec!["export", "--database-url=postgres://h/d"], vec!["Postgres"]),
        (vec!["export", "more"], vec!["more"]),
        (vec!["stats", "--by=colour"], vec!["--by", "labeler, value, target, month"]),
        (vec!["stats", "--rows=0"], vec!["--rows"]),
    ] {
        assert_says(&fails(&args), 2, &words);
    }
}

#[test]
fn what_is_no_database_of_ours_ends_with_1_and_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let at = url(&database);
    let file = dir.path().join("out.jsonl");
    let out = format!("--output={}", file.display());
    for (bytes, words) in [
        (None, "does not exist"),
        (Some(&b""[..]), "it is empty"),
        (Some(&b"dear diary"[..]), "no SQLite database"),
    ] {
        if let Some(bytes) = bytes {
            std::fs::write(&database, bytes).unwrap();
        }
        assert_says(&fails(&["export", "--database-url", &at, &out]), 1, &[words]);
        assert_says(&fails(&["stats", "--database-url", &at]), 1, &[words]);
        assert_eq!(std::fs::read(&database).ok().as_deref(), bytes);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "and nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_export_never_looks_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (database, plc) = (dir.path().join("tap.db"), Plc::start().await);
    let tap = stored(&plc, &database, 20_000).await;
    tap.stop();
    let at = url(&database);
    for (out, words) in [("no/such/folder/x", "cannot be written"), (".", "cannot be written")] {
        let out = format!("--output={}/{out}", dir.path().display());
        assert_says(&fails(&["export", "--database-url", &at, &out]), 1, &[words]);
    }
    // A reader that has had enough.
    let mut child = command(&["export", "--history", "--database-url", &at])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"id\":"), "{line}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    // A stop in the middle: nobody reads, so it does not end by itself.
    let mut child = command(&["export", "--history", "--database-url", &at])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let left = std::fs::read_dir(dir.path()).unwrap();
    let left = left
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".part"));
    assert_eq!(left.count(), 0);
}
