//! Acks that make sense and acks that do not, and events that nobody acks.

use super::{Scene, id, nothing_more, owed, seq};
use crate::raw::{BINARY, Raw, TEXT};
use crate::tap::{Tap, next, within};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Waits until so many were ignored for this reason.
async fn ignored(tap: &Tap, reason: &str, count: f64) {
    let name = format!("labeltap_acks_ignored_total{{reason=\"{reason}\"}}");
    let counted = async {
        while tap.metric(&name).await != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(counted).await;
}

/// What no client should say, with 1 for the first event's id. Some of it closes a connection
/// of Tap.
const NONSENSE: &[&str] = &[
    "",
    "ack",
    "null",
    "[]",
    r#"[{"type":"ack","id":1}]"#,
    r#"{"ack":1}"#,
    r#"{"type":"ack"}"#,
    r#"{"type":"ack","id":null}"#,
    r#"{"type":"ack","id":"1"}"#,
    r#"{"type":"ack","id":1.0}"#,
    r#"{"type":"ack","id":1e0}"#,
    r#"{"type":"ack","id":99999999999999999999}"#,
    r#"{"type":"ack","ids":[1,"2"]}"#,
    r#"{"Type":"ack","Id":1}"#,
    r#"{"type":"ack","id":1}{"type":"ack","id":2}"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn extra_03_nonsense_is_counted_and_the_connection_stays() {
    let scene = Scene::set("lenient").await;
    scene.say("vwxyz");
    let tap = scene.start(&[]).await;
    let mut raw = Raw::open(&tap, "").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let (opcode, payload) = raw.next().await.expect("an event");
        assert_eq!(opcode, TEXT);
        ids.push(id(&serde_json::from_slice(&payload).expect("JSON")));
    }
    let first = ids[0];
    for text in NONSENSE {
        // The ids of these events, so that an ack taken by mistake would count.
        let text = text.replace('1', &first.to_string()).replace('2', &ids[1].to_string());
        raw.say(TEXT, text.as_bytes()).await;
    }
    raw.say(BINARY, &[0xff, 0x00]).await;
    raw.say(TEXT, br#"{"type":"nack","id":1}"#).await;
    for (id, times) in [("-1", 1), ("0", 1), ("9007199254740991", 2)] {
        for _ in 0..times {
            raw.say(TEXT, format!(r#"{{"type":"ack","id":{id}}}"#).as_bytes()).await;
        }
    }
    let all = [("malformed", NONSENSE.len() as f64 + 1.0), ("unknown-type", 1.0)];
    for (reason, count) in all {
        ignored(&tap, reason, count).await;
    }
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 5);

    let [one, two, three, four, five] = ids[..] else { unreachable!() };
    let say = format!(r#"{{"type":"ack","id":{five},"why":{{"not":[]}}}}"#);
    raw.say(TEXT, say.as_bytes()).await;
    owed(&tap, 4).await;
    raw.say(BINARY, format!(r#"{{"id":{four},"type":"ack"}}"#).as_bytes()).await;
    owed(&tap, 3).await;
    let say = format!(r#"{{"type":"ack","ids":[{two},{one},{two},77],"id":{three}}}"#);
    raw.say(TEXT, say.as_bytes()).await;
    owed(&tap, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_04_an_ack_of_what_was_never_sent_counts_for_nothing() {
    let scene = Scene::set("hasty").await;
    scene.say("xxx");
    let tap = scene.start(&[]).await;
    let mut client = tap.client(&[]);
    let first = id(&next(&mut client).await);
    // The other two wait behind it; then one comes that is not there yet.
    client.ack(&[first + 1, first + 2, first + 3]).await;
    client.ack(&[first]).await;
    owed(&tap, 2).await;
    for expected in [2, 3] {
        let event = next(&mut client).await;
        assert_eq!(seq(&event), expected);
        client.ack(&[id(&event)]).await;
    }
    // What has come meanwhile besides labels has ids too; the label of the fourth is acked late.
    scene.say("y");
    assert!(id(&next(&mut client).await) >= first + 3);
    owed(&tap, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_06_what_is_not_acked_comes_again_and_nothing_piles_up() {
    let scene = Scene::set("repeated").await;
    scene.say("x");
    let tap = scene.start(&["--retry-timeout", "1s"]).await;
    let mut client = tap.client(&[]);
    let first = id(&next(&mut client).await);
    let sent = Instant::now();
    for round in 1..=2 {
        assert_eq!(id(&next(&mut client).await), first);
        // The clock of the test began a moment after the one of the sender.
        assert!(sent.elapsed() > Duration::from_millis(900) * round, "{:?}", sent.elapsed());
    }
    drop(client);
    let gone = async {
        while tap.metric("labeltap_connections").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(gone).await;
    let before = tap.metric("labeltap_redelivered_total").await;
    assert!(before >= 2.0, "{before}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tap.metric("labeltap_redelivered_total").await, before, "nobody is there");
    let mut client = tap.client(&[]);
    assert_eq!(id(&next(&mut client).await), first);
    nothing_more(&mut client).await;
    client.ack(&[first]).await;
    owed(&tap, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_07_whoever_was_too_slow_neither_acks_nor_releases_the_lane() {
    let scene = Scene::set("fenced").await;
    scene.say("xx");
    let tap = scene.start(&["--retry-timeout", "3s"]).await;
    let mut slow = tap.client(&[]);
    let first = id(&next(&mut slow).await);
    let mut quick = tap.client(&[]);
    assert_eq!(id(&next(&mut quick).await), first, "sent again, to the other one");
    slow.ack(&[first]).await;
    ignored(&tap, "not-owner", 1.0).await;
    nothing_more(&mut quick).await;
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 2);
    quick.ack(&[first]).await;
    owed(&tap, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_09_an_event_that_is_never_acked_holds_up_its_own_lane_only() {
    let scene = Scene::set("poisoned").await;
    scene.say("xxabcdefghij");
    let tap = scene.start(&["--retry-timeout", "1s"]).await;
    let mut client = tap.client(&[]);
    let mut came: BTreeMap<i64, u32> = BTreeMap::new();
    while came.get(&1).is_none_or(|times| *times < 4) {
        let event = next(&mut client).await;
        *came.entry(seq(&event)).or_default() += 1;
        if seq(&event) != 1 {
            client.ack(&[id(&event)]).await;
        } else if came[&1] == 2 {
            scene.say("klm");
        }
    }
    let others = came.iter().filter(|(seq, times)| **seq != 1 && **times == 1).count();
    assert_eq!((others, came.len()), (13, 14), "{came:?}");
    assert!(!came.contains_key(&2), "it is behind the one that is not acked");
    owed(&tap, 2).await;
}
