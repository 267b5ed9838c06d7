//! What consumers and connections take of the log.

use crate::rig::{OTHER, Peer, Rig, settings, until};
use crate::said::{Said, said};
use deliver::{Change, Limits, Settings, Start};
use label::{EventId, Verdict};
use serde_json::json;

/// Labels in lanes of their own, of which every second one, from the second on, is `rude`.
fn by_turns(count: i64) -> impl Iterator<Item = Said> {
    (1..=count).map(|n| said(&format!("at://a/{n}")).val(if n % 2 == 0 { "rude" } else { "spam" }))
}

fn narrow(window: usize) -> Settings {
    Settings { window, ..settings() }
}

#[tokio::test]
async fn a_consumer_passes_over_what_its_filter_leaves_out() {
    let mut rig = Rig::start().await;
    rig.log(by_turns(1000)).await;
    rig.filter("c", json!({ "val": ["spam"] })).await;
    let mut peer = rig.connect("?consumer=c").await;
    let odd: Vec<i64> = (1..=1000).filter(|n| n % 2 == 1).collect();
    assert_eq!(peer.take(500).await, odd);
    rig.position("c", 1000).await;
    until(|| rig.told("c").lag == 0).await;
    // One that takes nothing at all moves on just so.
    rig.filter("none", json!({ "val": ["nothing"] })).await;
    let mut none = rig.connect("?consumer=none").await;
    rig.position("none", 1000).await;
    until(|| rig.told("none").lag == 0).await;
    none.assert_quiet().await;
    let rig = rig.restart(settings()).await;
    until(|| rig.deliver.consumer("c").is_some_and(|told| told.position == 1000)).await;
    until(|| rig.deliver.consumer("none").is_some_and(|told| told.position == 1000)).await;
}

#[tokio::test]
async fn each_field_takes_what_it_says() {
    let mut rig = Rig::start().await;
    let post = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/1";
    let account = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    rig.log([
        said(post),
        said(account).val("!warn"),
        said("https://example.com/"),
        said(post).by(OTHER).val("!hide"),
        said(account).by(OTHER).verdict(Verdict::VerifiedOldKey),
    ])
    .await;
    for (filter, expected) in [
        (json!({}), vec![1, 2, 3, 4, 5]),
        (json!({ "src": [OTHER] }), vec![4, 5]),
        (json!({ "val": ["!*"] }), vec![2, 4]),
        (json!({ "val": ["!hide", "spam"] }), vec![1, 3, 4, 5]),
        (json!({ "uri": ["at://did:plc:a*", "https://example.com/"] }), vec![1, 3, 4]),
        (json!({ "subject": ["account"] }), vec![2, 5]),
        (json!({ "subject": ["record"] }), vec![1, 4]),
        (json!({ "subject": ["other"] }), vec![3]),
        (json!({ "verdict": ["verified"] }), vec![1, 2, 3, 4]),
        (json!({ "verdict": ["verified-old-key"], "src": [OTHER] }), vec![5]),
        (json!({ "src": [OTHER], "val": ["spam"], "subject": ["record"] }), vec![]),
    ] {
        // As the filter of a consumer.
        rig.filter("c", filter.clone()).await;
        rig.begin("c", Start::Beginning).await;
        let mut peer = rig.connect("?consumer=c").await;
        assert_eq!(peer.take(expected.len()).await, expected, "{filter}");
        rig.position("c", 5).await;
        peer.assert_quiet().await;
        rig.remove("c").await.unwrap();

        // And as that of a connection.
        let fields = filter.as_object().unwrap().iter();
        let fields = fields.map(|(name, values)| {
            let values: Vec<_> =
                values.as_array().unwrap().iter().flat_map(|v| v.as_str()).collect();
            format!("&{name}={}", values.join(","))
        });
        let query = format!("?consumer=d{}", fields.collect::<String>());
        let mut peer = rig.connect(&query).await;
        assert_eq!(peer.take(expected.len()).await, expected, "{query}");
        let left = 5 - expected.len() as u64;
        until(|| rig.told("d").lag == left).await;
        peer.assert_quiet().await;
        rig.remove("d").await.unwrap();
    }
}

#[tokio::test]
async fn another_filter_holds_for_what_was_not_sent_yet() {
    let mut rig = Rig::start_with(narrow(2), Limits::default()).await;
    rig.log(by_turns(10)).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    rig.filter("default", json!({ "val": ["spam"] })).await;
    // What was sent stays owed, whatever the filter says now.
    peer.cut();
    let mut peer = rig.connect("").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    peer.acks(&[1, 2]).await;
    assert_eq!(peer.take(4).await, [3, 5, 7, 9]);
    rig.position("default", 10).await;

    // What was passed over stays so, until somebody says otherwise.
    rig.put("default", Change { filter: Some(None), ..Change::default() }).await;
    assert_eq!(rig.told("default").filter, None);
    rig.log([said("at://a/11").val("rude")]).await;
    assert_eq!(peer.take(1).await, [11]);
    rig.position("default", 11).await;
    let after = Start::After(EventId::new(5).unwrap());
    rig.begin("default", after).await;
    assert_eq!(peer.take(6).await, [6, 7, 8, 9, 10, 11]);
}

#[tokio::test]
async fn filter_and_start_come_together() {
    let mut rig = Rig::start().await;
    rig.log(by_turns(6)).await;
    let mut peer = rig.connect("").await;
    peer.take(6).await;
    rig.position("default", 6).await;
    let fields = json!({ "val": ["rude"] });
    let fields = fields.as_object().unwrap();
    let filter = deliver::filter::read(fields, label::Hosts::Public).unwrap();
    let start = Some(Start::Beginning);
    rig.put("default", Change { filter: Some(Some(filter)), start, webhook: None }).await;
    assert_eq!(peer.take(3).await, [2, 4, 6]);
    rig.position("default", 6).await;
}

#[tokio::test]
async fn another_filter_reaches_into_lanes_that_wait() {
    let mut rig = Rig::start().await;
    let lane = |val: &str| said("at://a/1").val(val);
    rig.log([lane("spam"), lane("spam"), lane("rude"), lane("spam"), lane("rude")]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 1);
    rig.filter("default", json!({ "val": ["rude"] })).await;
    rig.log([said("at://a/2").val("rude")]).await;
    assert_eq!(peer.take(1).await, [6], "and 3 waits for 1");
    peer.ack(1).await;
    assert_eq!(peer.take(2).await, [3, 5]);
    rig.position("default", 6).await;
}

#[tokio::test]
async fn another_filter_reaches_those_with_filters_of_their_own() {
    let mut rig = Rig::start_with(narrow(1), Limits::default()).await;
    rig.log(by_turns(20)).await;
    let mut spam = rig.connect("?val=spam").await;
    let mut rude = rig.connect("?val=rude").await;
    assert_eq!((spam.id().await, rude.id().await), (1, 2));
    rig.filter("default", json!({ "uri": ["at://a/1*"] })).await;
    spam.ack(1).await;
    rude.ack(2).await;
    assert_eq!(spam.take(5).await, [11, 13, 15, 17, 19]);
    assert_eq!(rude.take(5).await, [10, 12, 14, 16, 18]);
    rig.position("default", 20).await;
}

#[tokio::test]
async fn what_a_connection_does_not_take_stays_owed() {
    let mut rig = Rig::start().await;
    rig.log(by_turns(100)).await;
    let mut spam = rig.connect("?val=spam").await;
    spam.take(50).await;
    until(|| rig.told("default").lag == 50).await;
    assert_eq!(rig.told("default").position, 1);
    spam.assert_quiet().await;
    let mut rig = rig.restart(settings()).await;
    assert_eq!(rig.told("default").lag, 50);
    let mut spam = rig.connect("?val=spam").await;
    rig.log([said("at://a/101")]).await;
    assert_eq!(spam.take(1).await, [101], "and nothing that was acked");
    let mut some = rig.connect("?uri=at://a/2,at://a/4,at://a/5").await;
    assert_eq!(some.take(2).await, [2, 4]);
    let mut rest = rig.connect("").await;
    let even: Vec<i64> = (6..=100).filter(|n| n % 2 == 0).collect();
    assert_eq!(rest.take(48).await, even);
    rig.position("default", 101).await;
    for peer in [&mut spam, &mut some, &mut rest] {
        peer.assert_quiet().await;
    }
}

#[tokio::test]
async fn both_filters_hold() {
    let mut rig = Rig::start().await;
    rig.log(by_turns(10)).await;
    rig.filter("c", json!({ "val": ["spam"] })).await;
    let mut peer = rig.connect("?consumer=c&uri=at://a/1*,at://a/2").await;
    assert_eq!(peer.take(1).await, [1]);
    until(|| rig.told("c").lag == 4).await;
    let mut rest = rig.connect("?consumer=c").await;
    assert_eq!(rest.take(4).await, [3, 5, 7, 9]);
    rig.position("c", 10).await;
    peer.assert_quiet().await;
}

#[tokio::test]
async fn a_later_event_of_a_lane_waits_for_one_that_others_take() {
    let mut rig = Rig::start().await;
    rig.log([
        said("at://a/1").val("rude"),
        said("at://a/1").val("spam"),
        said("at://a/2").val("spam"),
        said("at://a/1").val("rude"),
        said("at://a/1").by(OTHER).val("spam"),
    ])
    .await;
    let mut spam = rig.connect("?val=spam").await;
    assert_eq!(spam.take(2).await, [3, 5], "2 waits for 1, which nobody takes");
    until(|| rig.told("default").lag == 3).await;
    spam.assert_quiet().await;
    let rig = rig.restart(settings()).await;
    let mut spam = rig.connect("?val=spam").await;
    let mut rude = rig.connect("?val=rude").await;
    assert_eq!(rude.id().await, 1);
    spam.assert_quiet().await;
    rude.ack(1).await;
    assert_eq!(spam.id().await, 2);
    rude.assert_quiet().await;
    // Whose ack it is does not matter.
    rude.ack(2).await;
    assert_eq!(rude.take(1).await, [4]);
    rig.position("default", 5).await;
}

#[tokio::test]
async fn differently_filtered_connections_share_the_work_in_order() {
    let mut rig = Rig::start_with(narrow(4), Limits::default()).await;
    let vals = ["spam", "rude", "!warn", "!hide"];
    let lane = |n: u64| format!("at://{}/{}", ["a", "b"][n as usize % 2], n % 40);
    // A fixed sequence without a pattern.
    let mix = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let all: Vec<(String, &str)> =
        (1..=3000).map(|n| (lane(mix(n)), vals[mix(n * 7) as usize % 4])).collect();
    rig.log(all.iter().map(|(uri, val)| said(uri).val(val))).await;
    let queries =
        ["?val=spam", "?val=!*", "?uri=at://a/*", "?val=rude,spam", "?val=!*&uri=at://b/*"];
    let takes = |query: usize, id: i64| {
        let (uri, val) = &all[id as usize - 1];
        match query {
            0 => *val == "spam",
            1 => val.starts_with('!'),
            2 => uri.starts_with("at://a/"),
            3 => !val.starts_with('!'),
            _ => val.starts_with('!') && uri.starts_with("at://b/"),
        }
    };
    let mut acked = std::collections::BTreeSet::new();
    let mut peers = Vec::new();
    for query in queries {
        peers.push(rig.connect(query).await);
    }
    for turn in 0_u64.. {
        if acked.len() == all.len() {
            break;
        }
        let who = (mix(turn + 1) % 5) as usize;
        // Whoever is empty-handed is passed over.
        let wait = std::time::Duration::from_millis(2);
        let Ok(id) = tokio::time::timeout(wait, peers[who].id()).await else { continue };
        assert!(takes(who, id), "{} got {id}", queries[who]);
        let uri = &all[id as usize - 1].0;
        let mut before = (1..id).filter(|before| all[*before as usize - 1].0 == *uri);
        assert!(before.all(|before| acked.contains(&before)), "{id} came too early");
        if turn % 97 == 0 {
            // Gone, with all it had.
            peers[who] = rig.connect(queries[who]).await;
        } else {
            acked.insert(id);
            peers[who].ack(id).await;
        }
    }
    rig.position("default", 3000).await;
    assert_eq!(rig.told("default").lag, 0);
}

#[tokio::test]
async fn rejected_labels_come_to_those_who_name_their_verdict() {
    let mut rig = Rig::start().await;
    rig.log([
        said("at://a/1"),
        said("at://a/2").val("forged").verdict(Verdict::BadSignature),
        said("at://a/3"),
        said("at://a/4").verdict(Verdict::Unsigned),
        said("at://a/2"),
        said("at://a/5").by(OTHER).verdict(Verdict::BadSignature),
        said("at://a/6").verdict(Verdict::VerifiedOldKey),
    ])
    .await;
    let mut plain = rig.connect("").await;
    assert_eq!(plain.take(4).await, [1, 3, 5, 7]);
    rig.position("default", 7).await;
    until(|| rig.told("default").lag == 0).await;

    rig.filter("c", json!({ "verdict": ["verified", "bad-signature"] })).await;
    let mut peer = rig.connect("?consumer=c").await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(peer.event().await);
    }
    let ids: Vec<_> = events.iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 6], "merged, and 5 waits for 2 in its lane");
    let label = &events[1]["label"];
    assert_eq!(
        (&label["verdict"], &label["reason"]),
        (&json!("bad-signature"), &json!("it is bad-signature"))
    );
    assert_eq!((&label["uri"], &label["val"]), (&json!("at://a/2"), &json!("forged")));
    assert_eq!(events[3]["label"]["labelerDID"], OTHER);
    assert_eq!(
        (&events[0]["label"]["verdict"], events[0]["label"].get("reason")),
        (&json!("verified"), None)
    );
    peer.ack(2).await;
    assert_eq!(peer.take(1).await, [5]);
    peer.acks(&[1, 3, 6]).await;
    rig.position("c", 7).await;
    until(|| rig.told("c").lag == 0).await;

    // Other fields hold for them as well, and only what is named comes.
    rig.filter("d", json!({ "verdict": ["bad-signature", "unsigned"], "val": ["spam"] })).await;
    let mut peer = rig.connect("?consumer=d").await;
    assert_eq!(peer.take(2).await, [4, 6]);
    rig.position("d", 7).await;
}

#[tokio::test]
async fn a_connection_cannot_ask_for_rejected_labels_that_its_consumer_does_not_want() {
    let mut rig = Rig::start().await;
    let bad = said("at://a/1").verdict(Verdict::BadSignature);
    rig.log([bad.clone(), said("at://a/2")]).await;
    let mut asks = rig.connect("?verdict=bad-signature").await;
    let mut plain = rig.connect("").await;
    assert_eq!(plain.take(1).await, [2]);
    rig.position("default", 2).await;
    asks.assert_quiet().await;
    // Once the consumer names them they come to whoever takes them.
    rig.filter("default", json!({ "verdict": ["verified", "bad-signature"] })).await;
    rig.log([bad, said("at://a/3")]).await;
    let mut both = [asks.id().await, plain.id().await];
    both.sort_unstable();
    assert!(both.contains(&3), "{both:?}");
}

async fn connect_all(rig: &Rig, vals: std::ops::Range<usize>) -> Vec<Peer> {
    let mut peers = Vec::new();
    for val in vals {
        peers.push(rig.connect(&format!("?val=v{val}")).await);
    }
    peers
}

#[tokio::test]
async fn there_may_be_64_different_filters_at_once() {
    let mut rig = Rig::start().await;
    rig.log((0..64).map(|n| said(&format!("at://a/{n}")).val(&format!("v{n}")))).await;
    let mut peers = connect_all(&rig, 0..64).await;
    for (n, peer) in (1..).zip(&mut peers) {
        assert_eq!(peer.take(1).await, [n]);
    }
    rig.position("default", 64).await;
    let (status, body) = rig.refused("?val=v64").await;
    assert_eq!((status.as_u16(), &body["error"]), (503, &json!("ServiceUnavailable")));
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("filters"), "{message}");
    assert_eq!(rig.refused("").await.0.as_u16(), 503, "none is a filter of its own");
    // One that is there already costs nothing, nor does one that takes nothing, nor do
    // those of other consumers.
    let _same = rig.connect("?val=v7").await;
    let _none = rig.connect("?types=record").await;
    let _other = rig.connect("?consumer=other&val=v64").await;

    // Its place is free when the last one with that filter has gone.
    let gone = peers.swap_remove(63);
    gone.cut();
    let place = async {
        loop {
            if let Ok(peer) = rig.try_connect("?val=v64").await {
                return peer;
            }
        }
    };
    let mut new = crate::rig::soon(place).await;
    rig.log([said("at://a/65").val("v63"), said("at://a/66").val("v64")]).await;
    assert_eq!(new.take(1).await, [66], "and not what the one before it took");
    until(|| rig.told("default").lag == 1).await;
    new.assert_quiet().await;
}
