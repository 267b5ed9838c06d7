//! Labelers as they really are: they hang up, stall, repeat themselves and say things that
//! nobody knows. All of it is taken in once, in order, and no neighbour notices (contract
//! G8, sections 4 and 6).

use crate::tap::{Tap, next, seqs, take, within};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{
    Backlog, Deed, Ending, FakeLabeler, Faults, LabelSpec, Numbering, Plc, Sig, SigningKey,
    Upgrade, When, frame, plc_did,
};

/// The shortest wait after a failure: a second, less the jitter.
const SHORTEST_REST: Duration = Duration::from_millis(800);

/// How long after the end of each connection the next one was opened.
fn rests(upgrades: &[Upgrade]) -> Vec<Duration> {
    let pairs = upgrades.windows(2);
    pairs.filter_map(|pair| Some(pair[1].at.saturating_duration_since(pair[0].ended?))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_labels_of_one_frame_share_its_number_and_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("bundles");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(40), &plc).await;
    // Not a multiple of the frame: the last one is smaller.
    let numbering = Numbering { first: 1, per_frame: 70 };
    let backlog = Backlog::sign(&did, &labeler.key(), numbering, 1_000, |n| {
        LabelSpec::numbered(n).neg(n % 3 == 0)
    });
    labeler.extend(&backlog);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 1_000).await;
    for (event, n) in events.iter().zip(0_i64..) {
        let label = &event["label"];
        let subject = label["uri"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!((subject, &label["seq"]), (n.to_string().as_str(), &json!(n / 70 + 1)));
        assert_eq!(label["neg"], n % 3 == 0);
    }
    let ids: Vec<i64> = events.iter().filter_map(|event| event["id"].as_i64()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next));
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["cursor"], &shown["labels"]), (&json!(15), &json!(1_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labeler_that_resets_connections_arrives_whole_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("resets");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(41), &plc).await;
    labeler.preload(200);
    // A reset destroys what was not read yet, so any part of the 60 may be lost.
    let cut = Faults::rule(When::Frames(60), vec![Deed::End(Ending::Reset)]);
    labeler.faults(cut.only_first(3));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 200).await;
    assert_eq!(seqs(&events), (1..=200).collect::<Vec<_>>());
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(200), &json!(0)));
    assert_eq!(labeler.upgrades().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_in_the_middle_of_a_frame_holds_up_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (stuck_did, healthy_did) = (plc_did("stuck"), plc_did("healthy"));
    let stuck = FakeLabeler::start(&stuck_did, SigningKey::k256(42), &plc).await;
    let healthy = FakeLabeler::start(&healthy_did, SigningKey::k256(43), &plc).await;
    stuck.preload(20);
    healthy.preload(500);
    stuck.faults(Faults::stall_mid_frame_after(7));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&stuck_did]).await;
    tap.labeler_until(&stuck_did, |stuck| stuck["cursor"] == 7).await;
    tap.add(&[&healthy_did]).await;
    let shown = tap.state(&healthy_did, "live").await;
    assert_eq!((&shown["labels"], &shown["retry_count"]), (&json!(500), &json!(0)));
    let mut client = tap.client(&[]);
    assert_eq!(take(&mut client, 507).await.len(), 507, "what came before the stall too");

    stuck.faults(Faults::none());
    stuck.drop_connections(Ending::Reset);
    let rest = take(&mut client, 13).await;
    assert_eq!(seqs(&rest), (8..=20).collect::<Vec<_>>());
    assert!(rest.iter().all(|event| event["label"]["src"] == stuck_did));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_slow_is_no_penalty_while_the_sequence_moves() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("hasty");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(44), &plc).await;
    labeler.preload(200);
    labeler.faults(Faults::error_after(20, "ConsumerTooSlow"));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 200).await;
    assert_eq!(seqs(&events), (1..=200).collect::<Vec<_>>());
    let mut rests = rests(&labeler.upgrades()[..10]);
    rests.sort_unstable();
    assert!(rests[rests.len() / 2] < SHORTEST_REST, "most come back at once: {rests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_slow_without_progress_is_a_failure_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("impossible");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(45), &plc).await;
    labeler.preload(30);
    labeler.faults(Faults::error_at(11, "ConsumerTooSlow"));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let tried = |shown: &Value| shown["retry_count"].as_i64() >= Some(2);
    let shown = tap.labeler_until(&did, tried).await;
    assert!(shown["error"].as_str().unwrap().contains("ConsumerTooSlow"), "{shown}");
    assert_eq!((&shown["cursor"], &shown["state"]), (&json!(10), &json!("waiting")));
    let rests = rests(&labeler.upgrades());
    // The first came back at once, for ten frames had come; from then on there were none.
    assert!(rests[1..].iter().all(|rest| *rest >= SHORTEST_REST), "{rests:?}");

    labeler.faults(Faults::none());
    let events = take(&mut tap.client(&[]), 30).await;
    assert_eq!(seqs(&events), (1..=30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_frames_move_the_cursor_and_are_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("empty");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(46), &plc).await;
    labeler.emit([]);
    labeler.emit([LabelSpec::numbered(2)]);
    labeler.skip_to(1_000);
    labeler.emit([]);
    let tap = Tap::start(&plc, &database, &[]);
    tap.add(&[&did]).await;
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["cursor"], &shown["labels"]), (&json!(1_000), &json!(1)));
    assert!(tap.stop().status.success());

    let tap = Tap::start(&plc, &database, &[]);
    tap.state(&did, "live").await;
    labeler.emit([LabelSpec::numbered(3)]);
    assert_eq!(seqs(&take(&mut tap.client(&[]), 2).await), [2, 1_001]);
    assert_eq!(labeler.upgrades().last().unwrap().cursor.as_deref(), Some("1000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_is_delivered_once() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("repeating");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(47), &plc).await;
    let said: Vec<_> = (0..5).map(|n| labeler.sign(LabelSpec::numbered(n))).collect();
    for label in &said {
        labeler.emit_signed(&[label]);
    }
    let fifth = frame::labels(5, &[&said[4]]);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.labeler_until(&did, |labeler| labeler["cursor"] == 5).await;
    // Some servers begin with the frame that the cursor names.
    labeler.faults(Faults::rule(When::Open, vec![Deed::Send(fifth.clone())]));
    labeler.drop_connections(Ending::Fin);
    labeler.wait_for_upgrades(2).await;
    labeler.wait_for_open(1).await;
    labeler.emit([LabelSpec::numbered(6)]);
    // And once more in the middle of a stream, with one from long before.
    labeler.insert(5, &fifth);
    labeler.insert(2, &frame::labels(2, &[&said[1]]));
    labeler.emit([LabelSpec::numbered(7)]);
    let events = take(&mut tap.client(&[]), 7).await;
    assert_eq!(seqs(&events), (1..=7).collect::<Vec<_>>());
    let shown = tap.labeler(&did).await;
    assert_eq!((&shown["labels"], &shown["rejected"]), (&json!(7), &json!(0)));
    assert_eq!((&shown["retry_count"], &shown["cursor"]), (&json!(0), &json!(7)));
    assert_eq!(labeler.upgrades().len(), 2, "a repeat is no reason to hang up");
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_and_unknown_frames_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("talkative");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(48), &plc).await;
    labeler.emit([LabelSpec::numbered(1)]);
    labeler.emit_raw(|_| frame::info("OutdatedCursor", Some("older ones are gone")));
    labeler.emit_raw(|_| frame::unknown_type());
    labeler.emit_raw(|_| frame::unknown_op());
    let old = labeler.sign(LabelSpec::numbered(5));
    labeler.emit_raw(|seq| frame::labels_with_long_t(seq, &[&old]));
    labeler.emit([LabelSpec::numbered(6)]);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    assert_eq!(seqs(&take(&mut tap.client(&[]), 3).await), [1, 5, 6]);
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["cursor"], &shown["rejected"]), (&json!(6), &json!(0)));
    assert_eq!((labeler.upgrades().len(), shown.get("error")), (1, None), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_falls_silent_is_caught_up_by_a_second_connection() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("never-silent");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(49), &plc).await;
    labeler.preload(10);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let chatter = async {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        for n in 11.. {
            tick.tick().await;
            labeler.emit([LabelSpec::numbered(n)]);
        }
    };
    let live = async {
        tap.add(&[&did]).await;
        tap.state(&did, "live").await
    };
    let shown = tokio::select! {
        shown = live => shown,
        () = chatter => unreachable!("it never falls silent"),
    };
    assert_eq!(shown["caught_up"], true);
    let cursors: Vec<_> = labeler.upgrades().into_iter().map(|upgrade| upgrade.cursor).collect();
    assert_eq!(cursors, [Some("0".to_owned()), None], "the second one shows the head only");
    labeler.wait_for_open(1).await;

    labeler.emit([LabelSpec::numbered(1_000_000)]);
    let mut client = tap.client(&[]);
    let (mut past, mut last) = (0, next(&mut client).await);
    let until_the_newest = async {
        while last["label"]["seq"] != labeler.head() {
            client.ack(&[last["id"].as_i64().unwrap()]).await;
            past += usize::from(last["label"]["live"] == false);
            last = next(&mut client).await;
        }
    };
    within(until_the_newest).await;
    assert_eq!(last["label"]["live"], true);
    assert!(past >= 10, "history is not live: {past}");
}

/// A binary WebSocket frame of more than 64 KiB, as bytes on the connection.
fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_be_bytes();
    [&[0x82, 127], length.as_slice(), message].concat()
}

/// One frame with this many signed labels.
fn full_frame(labeler: &FakeLabeler, seq: i64, labels: u64) -> Vec<u8> {
    let signed: Vec<_> = (0..labels).map(|n| labeler.sign(LabelSpec::numbered(n))).collect();
    frame::labels(seq, &signed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_arrives_slowly_is_no_silence() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("slow-line");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(56), &plc).await;
    labeler.preload(1);
    let wire = on_the_wire(&full_frame(&labeler, 2, 300));
    let mut deeds = Vec::new();
    for piece in wire.chunks(wire.len().div_ceil(6)) {
        deeds.extend([Deed::Raw(piece.to_vec()), Deed::Pause(Duration::from_millis(700))]);
    }
    labeler.faults(Faults::rule(When::Frames(1), deeds));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let events = take(&mut tap.client(&[]), 301).await;
    let early = events.iter().find(|event| event["label"]["live"] != false);
    assert_eq!(early, None, "history arrived as live");
    tap.state(&did, "live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_stall_in_large_frames_hold_up_large_frames_of_others_for_seconds_only() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let honest_did = plc_did("large-frames");
    let honest = FakeLabeler::start(&honest_did, SigningKey::k256(57), &plc).await;
    for seq in 1..=5 {
        let frame = full_frame(&honest, seq, 700);
        assert!(frame.len() > 128 << 10, "{} bytes are not large", frame.len());
        honest.insert(seq, &frame);
    }
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    let mut stallers = Vec::new();
    for number in 0..12 {
        let did = plc_did(&format!("staller-{number}"));
        let staller = FakeLabeler::start(&did, SigningKey::k256(58), &plc).await;
        staller.faults(Faults::rule(When::Open, vec![Deed::Half(vec![0; 4_000_000])]));
        tap.add(&[&did]).await;
        stallers.push((did, staller));
    }
    for (_, staller) in &stallers {
        staller.wait_for_open(1).await;
    }
    tap.add(&[&honest_did]).await;
    let events = take(&mut tap.client(&[]), 3_500).await;
    assert!(events.iter().all(|event| event["label"]["src"] == honest_did));
    assert!(events.iter().all(|event| event["label"]["live"] == false), "waiting is no silence");
    let told = |shown: &Value| shown["error"].as_str().is_some_and(|why| why.contains("too long"));
    tap.labeler_until(&stallers[0].0, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_signature_a_connection_is_one_look_a_minute_and_not_one_each() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("forger");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(59), &plc).await;
    for n in 0..8 {
        labeler.emit([LabelSpec::numbered(n).sig(Sig::HighS)]);
    }
    labeler.faults(Faults::drop_after(1));
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.labeler_until(&did, |shown| shown["rejected"] == 8).await;
    // The first look, that after the first bad signature, and that after the first loss.
    let asked = plc.requests(&did);
    assert!(asked <= 3, "asked {asked} times for {} connections", labeler.upgrades().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_labeler_that_answers_no_pings_is_caught_up_and_loses_its_error_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("deaf");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(60), &plc).await;
    labeler.faults(Faults { ignore_pings: true, ..Faults::none() });
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    tap.state(&did, "live").await;
    labeler.drop_connections(Ending::Reset);
    tap.labeler_until(&did, |shown| shown["error"].is_string()).await;
    let healed = |shown: &Value| shown.get("error").is_none() && shown["state"] == "live";
    let shown = tap.labeler_until(&did, healed).await;
    assert_eq!((&shown["retry_count"], labeler.upgrades().len()), (&json!(0), 2));
}
