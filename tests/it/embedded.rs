//! The service within another program: the example, run as it stands there, and the library in
//! this process.

use crate::tap::LIMIT;
use labeltap::{
    AskError, Builder, Delivered, Event, Filter, Hosts, Kind, LabelEvent, Reader, Running, Service,
    Start, StartError,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

/// Whatever is waited for here takes less.
async fn soon<F: IntoFuture>(step: F) -> F::Output {
    tokio::time::timeout(LIMIT, step).await.expect("in time")
}

fn settings(plc: &Plc, database: &Path) -> Builder {
    let settings = Service::builder().database(database).plc_url(plc.url());
    settings.allow_private_hosts(true).min_free_space(0).without_http()
}

async fn start(plc: &Plc, database: &Path) -> Running {
    soon(settings(plc, database).start()).await.unwrap()
}

async fn next(events: &mut Reader) -> Delivered {
    soon(events.next()).await.expect("the stream goes on")
}

fn label(delivered: &Delivered) -> &LabelEvent {
    match delivered.event() {
        Event::Label(event) => event,
        other => panic!("{other:?}"),
    }
}

async fn nothing_comes(events: &mut Reader) {
    let waited = tokio::time::timeout(Duration::from_millis(500), events.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

/// Beside the folder of this test: examples are built whenever tests are.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples/embed");
    assert!(built.exists(), "{}: cargo build --example embed makes it", built.display());
    built
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_prints_every_label_once_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("embedded");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(7), &plc).await;
    labeler.preload(30);
    let run = |count: &str| {
        let mut command = Command::new(example());
        command.env_clear().args(["--plc-url", &plc.url(), "--allow-private-hosts"]);
        command.args(["--count", count, "--database"]).arg(dir.path().join("embed.db"));
        command.arg(&did).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let mut uris = Vec::new();
    for count in [20, 10] {
        let output = soon(run(&count.to_string())).await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{}: {error}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), count);
        assert!(lines.iter().all(|line| line["verdict"] == "verified" && line["src"] == *did));
        uris.extend(lines.iter().map(|line| line["uri"].to_string()));
    }
    uris.sort();
    uris.dedup();
    assert_eq!(uris.len(), 30, "what was acked did not come again, and nothing is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_come_in_order_until_they_are_acked_and_not_after() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("in.db");
    let plc = Plc::start().await;
    let did = plc_did("inside");
    let labeler = FakeLabeler::start(&did, SigningKey::p256(8), &plc).await;
    let uri = "at://did:plc:abcabcabcabcabcabcabcabc/app.bsky.feed.post/3k2";
    labeler.emit([LabelSpec::new(uri, "one")]);
    labeler.emit([LabelSpec::new(uri, "two")]);
    labeler.emit([LabelSpec::numbered(3)]);

    let running = start(&plc, &database).await;
    assert!(running.address().is_none());
    running.add([&did]).await.unwrap();
    let mut events = soon(running.events("mine")).await.unwrap();
    let (first, other) = (next(&mut events).await, next(&mut events).await);
    assert_eq!((label(&first).label.val.as_str(), label(&first).seq.get()), ("one", 1));
    assert_eq!(label(&other).seq.get(), 3, "another subject does not wait");
    assert!(!label(&first).live && label(&first).labeler.as_str() == did);
    nothing_comes(&mut events).await;
    other.ack();
    drop(events);

    // What was not acked comes again at once, and what is behind it still waits.
    let mut events = soon(running.events("mine")).await.unwrap();
    let again = next(&mut events).await;
    assert_eq!((again.id(), again.attempt()), (first.id(), 2));
    again.ack();
    let second = next(&mut events).await;
    assert_eq!(label(&second).label.val, "two");
    second.ack();
    soon(running.stop()).await.unwrap();
    assert!(soon(events.next()).await.is_none(), "the stream ends with the service");

    let running = start(&plc, &database).await;
    let mut events = soon(running.events("mine")).await.unwrap();
    labeler.emit([LabelSpec::numbered(4)]);
    assert_eq!(label(&next(&mut events).await).seq.get(), 4, "all before was acked");
    soon(running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("asked");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(9), &plc).await;
    labeler
        .emit([LabelSpec::new("did:web:a.test", "rude"), LabelSpec::new("did:web:b.test", "spam")]);
    let running = start(&plc, &dir.path().join("asked.db")).await;
    let lives = running.events("lives").kinds([Kind::Labeler]);
    let mut lives = soon(lives).await.unwrap();
    running.add([&did]).await.unwrap();
    let mut changes = Vec::new();
    while changes.last() != Some(&"caught-up") {
        let delivered = next(&mut lives).await;
        let Event::Labeler(event) = delivered.event() else { panic!("{delivered:?}") };
        changes.push(event.change.as_str());
        delivered.ack();
    }
    assert_eq!(changes.first(), Some(&"added"), "{changes:?}");

    let spam = Filter::read([("val", vec!["sp*"])], Hosts::Public).unwrap();
    let mut events = soon(running.events("mine").filter(spam)).await.unwrap();
    let only = next(&mut events).await;
    assert_eq!(label(&only).label.uri, "did:web:b.test");
    only.ack();
    nothing_comes(&mut events).await;
    drop(events);
    let mut events = soon(running.events("mine")).await.unwrap();
    assert_eq!(label(&next(&mut events).await).label.val, "rude", "still owed");

    let mut late = soon(running.events("late").start(Start::Now)).await.unwrap();
    nothing_comes(&mut late).await;
    labeler.emit([LabelSpec::new("did:web:c.test", "new")]);
    let fresh = next(&mut late).await;
    assert!(label(&fresh).label.val == "new" && label(&fresh).live);

    running.remove([&did]).await.unwrap();
    while changes.last() != Some(&"removed") {
        let delivered = next(&mut lives).await;
        let Event::Labeler(event) = delivered.event() else { panic!("{delivered:?}") };
        changes.push(event.change.as_str());
        delivered.ack();
    }
    let refused = running.add(["did:plc:short"]).await.unwrap_err();
    assert!(matches!(refused, AskError::Invalid(_)), "{refused:?}");
    soon(running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_live_in_one_process_and_dropping_one_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let mut services = BTreeMap::new();
    for (name, key) in [("one", 10), ("two", 11)] {
        let did = plc_did(name);
        let labeler = FakeLabeler::start(&did, SigningKey::k256(key), &plc).await;
        labeler.preload(5);
        let listening = settings(&plc, &dir.path().join(name)).bind("127.0.0.1:0".parse().unwrap());
        let running = soon(listening.labelers([&did]).start()).await.unwrap();
        let events = soon(running.events("default")).await.unwrap();
        services.insert(name, (did, labeler, running, events));
    }
    for (did, _, running, events) in services.values_mut() {
        for _ in 0..5 {
            let delivered = next(events).await;
            assert_eq!(label(&delivered).labeler.as_str(), did);
            delivered.ack();
        }
        let url = format!("http://{}/metrics", running.address().unwrap());
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(metrics.contains("labeltap_delivered_total"), "{metrics}");
    }
    let (_, _, running, mut events) = services.remove("one").unwrap();
    let address = running.address().unwrap();
    drop(running);
    assert!(soon(events.next()).await.is_none(), "its stream ends");
    let gone = soon(async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    gone.await;
    let (_, labeler, _, events) = services.get_mut("two").unwrap();
    labeler.emit([LabelSpec::numbered(6)]);
    assert_eq!(label(&next(events).await).seq.get(), 6, "the other one goes on");
    let (_, _, running, _) = services.remove("two").unwrap();
    soon(running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("x.db");
    let wrong = Service::builder().database(&database).window(0).start().await.unwrap_err();
    assert!(matches!(&wrong, StartError::Setting(_)), "{wrong:?}");
    assert!(wrong.to_string().starts_with("window: "), "{wrong}");
    assert!(!database.exists());

    let plc = Plc::start().await;
    let running = start(&plc, &database).await;
    let second = settings(&plc, &database).start().await.unwrap_err();
    assert!(matches!(second, StartError::Store(_)), "{second:?}");
    let ended = tokio::time::timeout(Duration::from_millis(100), running.ended()).await;
    assert!(ended.is_err(), "the first one is not disturbed");
    soon(running.stop()).await.unwrap();
    soon(start(&plc, &database).await.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_handed_out_once_the_service_has_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (plc, database) = (Plc::start().await, dir.path().join("embed.db"));
    let did = plc_did("stopping");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(12), &plc).await;
    labeler.preload(300);
    let running = start(&plc, &database).await;
    running.add([&did]).await.unwrap();
    let mut events = soon(running.events("mine")).await.unwrap();
    // Many more are on their way to the program by then.
    let mut acked = Vec::new();
    for _ in 0..20 {
        let one = next(&mut events).await;
        acked.push(label(&one).label.uri.clone());
        one.ack();
    }
    let kept = next(&mut events).await;
    soon(running.stop()).await.unwrap();
    assert!(soon(events.next()).await.is_none(), "an ack of it would say nothing to anybody");
    kept.ack();

    let again = start(&plc, &database).await;
    let mut events = soon(again.events("mine")).await.unwrap();
    let mut rest = Vec::new();
    for _ in 0..280 {
        let one = next(&mut events).await;
        rest.push(label(&one).label.uri.clone());
        one.ack();
    }
    assert!(acked.iter().all(|uri| !rest.contains(uri)), "what was acked before is done with");
    nothing_comes(&mut events).await;
    soon(again.stop()).await.unwrap();
}
