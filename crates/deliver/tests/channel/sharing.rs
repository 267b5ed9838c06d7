//! Several consumers of the same labels: each is encoded once, and what is shared is never
//! older than the log.

use crate::rig::{LABELER, OTHER, Peer, Rig, settings};
use crate::said::said;
use deliver::{Limits, Settings};
use label::{Did, Epoch, Millis, Seq};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::Value;
use std::time::Duration;
use store::{Batch, Entry};

fn shown(page: &PrometheusHandle, metric: &str) -> u64 {
    let page = page.render();
    let value = page.lines().find_map(|line| line.strip_prefix(&format!("{metric} ")));
    value.unwrap().parse().unwrap()
}

/// A connection of each of these, and all of them are heard of.
async fn connect(rig: &Rig, queries: &[&str]) -> Vec<Peer> {
    let mut peers = Vec::new();
    for query in queries {
        peers.push(rig.connect(&format!("?consumer={query}")).await);
        let name = query.split('&').next().unwrap();
        crate::rig::until(|| rig.told(name).connections == 1).await;
    }
    peers
}

#[tokio::test]
async fn each_form_of_an_event_is_encoded_once_for_all_consumers() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    // These tests run on one thread, so this hears everything.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut rig = Rig::start().await;
    let mut peers = connect(&rig, &["a", "b", "c", "d", "e&raw=true", "f&raw=true"]).await;
    let uris: Vec<String> = (0..90).map(|number| format!("at://a/{number}")).collect();
    rig.labels(&uris.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut texts: Vec<Vec<String>> = Vec::new();
    for peer in &mut peers {
        let mut all = Vec::new();
        for _ in 0..90 {
            all.push(peer.text().await);
        }
        texts.push(all);
    }
    assert!(texts[1..4].iter().all(|other| *other == texts[0]));
    assert_eq!(texts[4], texts[5]);
    assert!(texts[4][89].contains("\"raw\"") && !texts[0][89].contains("\"raw\""));
    assert_eq!(shown(&page, "labeltap_events_encoded_total"), 180);
    crate::rig::until(|| shown(&page, "labeltap_delivered_total") == 540).await;
}

#[tokio::test]
async fn one_after_the_other_reads_the_log_and_gets_the_same() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peers = connect(&rig, &["a", "b"]).await;
    let first = peers[0].text().await;
    assert_eq!(peers[1].text().await, first);
    // Whoever comes later begins at the beginning as well, with what was read before.
    let mut late = rig.connect("?consumer=c").await;
    assert_eq!(late.text().await, first);
    assert_eq!(late.id().await, 2);
}

/// Two consumers have got everything and acked nothing, so it is at hand.
async fn two_have_read(rig: &Rig, count: usize) -> Vec<Peer> {
    let mut peers = connect(rig, &["a", "b"]).await;
    for peer in &mut peers {
        peer.ids(count).await;
    }
    peers
}

#[tokio::test]
async fn what_was_purged_is_not_sent_to_whoever_comes_later_and_not_again() {
    let settings = Settings { retry_timeout: Duration::from_millis(500), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.log([said("at://a/1"), said("at://a/2"), said("at://a/3").by(OTHER)]).await;
    let mut peers = two_have_read(&rig, 3).await;
    let did = Did::parse(LABELER).unwrap();
    rig.store.remove_labelers(vec![did], true).await.unwrap();

    let mut late = rig.connect("?consumer=c").await;
    let event = late.event().await;
    assert_eq!((&event["id"], &event["label"]["labelerDID"]), (&3.into(), &OTHER.into()));
    late.ack(3).await;
    late.assert_quiet().await;
    for (peer, name) in peers.iter_mut().zip(["a", "b"]) {
        // Nobody acks the others: when their turn comes again they are not there.
        peer.ack(3).await;
        rig.position(name, 3).await;
    }
}

/// The labeler starts over and says the same under another number, signed anew.
async fn start_over(rig: &Rig, uri: &str) {
    let did = Did::parse(LABELER).unwrap();
    rig.store.reset(did.clone(), Epoch::FIRST, "backfilling", Millis(1)).await.unwrap();
    while rig.store.gather(did.clone(), None).await.unwrap().is_some() {}
    let seq = Seq::new(70).unwrap();
    let Entry::Label { place, label, verdict, raw, .. } = said(uri).entry(seq) else {
        panic!("no label")
    };
    let parts = label::Parts { sig: vec![9; 64], ..label.into_parts() };
    let label = label::Label::vouched(parts);
    let batch = Batch {
        labeler: did,
        epoch: Epoch(2),
        after: Seq::START,
        cursor: seq,
        received_at: Millis(2),
        entries: vec![Entry::Label { seq, place, label, verdict, raw }],
    };
    assert_eq!(rig.store.commit(batch).await.unwrap().labels, 0, "it is known");
}

fn stands(event: &Value) -> (i64, i64, char) {
    let number = |value: &Value| value.as_i64().unwrap();
    let sig = event["label"]["sig"]["$bytes"].as_str().unwrap();
    (number(&event["id"]), number(&event["label"]["seq"]), sig.chars().next().unwrap())
}

#[tokio::test]
async fn a_label_that_moved_is_sent_as_it_stands_now() {
    let settings = Settings { retry_timeout: Duration::from_millis(500), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1"]).await;
    let mut peers = connect(&rig, &["a", "b"]).await;
    for peer in &mut peers {
        assert_eq!(stands(&peer.event().await), (1, 1, 'B'));
    }
    start_over(&rig, "at://a/1").await;
    let mut late = rig.connect("?consumer=c").await;
    assert_eq!(stands(&late.event().await), (1, 70, 'C'));
    let before = (1, 1, 'B');
    for peer in &mut peers {
        // What was sent again before it moved may still be under way, once.
        let again = stands(&peer.event().await);
        let again = if again == before { stands(&peer.event().await) } else { again };
        assert_eq!(again, (1, 70, 'C'));
    }
}
