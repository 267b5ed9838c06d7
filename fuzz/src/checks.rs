//! What must hold for any bytes at all, one function for each fuzz target. A check that
//! does not hold panics.
//!
//! `tests/it/corpus.rs` includes this file too and replays the corpus through it, so it uses
//! nothing but our crates and `serde_json`.

use deliver::message::{self, Message};
use identity::{Found, Resolved};
use label::{
    Did, Epoch, Event, EventId, Hosts, Label, LabelEvent, Millis, Parts, RejectedEvent, Seq,
    Verdict,
};
use repo::{ProofError, Proven, Statement};
use serde_json::Value;
use std::sync::LazyLock;
use testkit::SigningKey;
use verify::{Judged, Key};
use wire::{Claim, Frame, Happening, LABELER_PATH, RawLabel, RepoFrame};

/// The labeler in whose name the corpus speaks.
static LABELER: LazyLock<Did> =
    LazyLock::new(|| Did::parse(&testkit::plc_did("fuzz")).expect("a DID"));

/// One key of each curve: to sign with, and to check with.
static KEYS: LazyLock<[(SigningKey, Key); 2]> = LazyLock::new(|| {
    [SigningKey::k256(1), SigningKey::p256(1)].map(|key| {
        let public = Key::from_did_key(&key.did_key()).expect("a key");
        (key, public)
    })
});

/// Any frame ends in an answer, and the labels cut out of it are pieces of it.
pub fn frame(bytes: &[u8]) {
    let Ok(Frame::Labels { seq, labels }) = wire::decode(&bytes.to_vec().into()) else { return };
    assert!(Seq::new(seq.get()).is_some(), "a frame got by with number {seq}");
    let cut: usize = labels.iter().map(|label| label.bytes.len()).sum();
    assert!(cut <= bytes.len(), "{cut} bytes of labels out of a frame of {}", bytes.len());
    for raw in &labels {
        if let Ok(claim) = Claim::read(raw) {
            signs_what_came(raw, &claim);
        }
        let _shown = wire::rejected_label_json(&raw.bytes);
        is_shown_when_rejected(&raw.bytes);
    }
}

/// Any label is judged. One that is accepted can be made again, and whatever the labeler
/// signs is found to be signed.
pub fn label(bytes: &[u8]) {
    let Some(raw) = alone(bytes) else { return };
    let _shown = wire::rejected_label_json(&raw.bytes);
    is_shown_when_rejected(&raw.bytes);
    let claim = Claim::read(&raw).ok();
    if let Some(claim) = &claim {
        let facts = wire::rejected_facts(&raw.bytes);
        assert_eq!((facts.uri, facts.val), (Some(&*claim.uri), Some(&*claim.val)));
    }
    for (secret, public) in KEYS.iter() {
        match (verify::judge(&raw, &LABELER, public), &claim) {
            (Judged::Label { label, raw: kept, .. }, Some(claim)) => {
                can_be_made_again(&raw, &label, kept.as_deref(), claim.plain);
                is_one_line_of_json(label, kept);
            }
            (Judged::Label { .. }, None) => panic!("a label that cannot be read was accepted"),
            (Judged::Refused { verdict, .. }, None) => assert_eq!(verdict, Verdict::Malformed),
            (Judged::Refused { .. }, Some(_)) => {}
        }
        if let Some(claim) = &claim {
            signs_what_came(&raw, claim);
            holds_when_signed(claim, secret, public);
        }
    }
}

/// Any frame of a relay ends in an answer. What it says of a labeler is fit to be proven, and
/// what is proven is what was said.
pub fn firehose(bytes: &[u8]) {
    let frame = bytes.to_vec().into();
    let Ok(RepoFrame::Event(event)) = wire::read_firehose(&frame) else { return };
    assert!(Seq::new(event.seq.get()).is_some(), "an event got by with number {}", event.seq);
    let Happening::Commit(Some(op)) = event.what else { return };
    assert!(op.blocks.len() <= bytes.len(), "blocks that were not in the frame");
    assert_eq!(op.cid.is_none(), op.action == wire::Action::Delete);
    let said = Statement::about(&op.did, LABELER_PATH)
        .in_commit(&op.commit, &op.rev)
        .with(op.cid.as_ref());
    for (_, public) in KEYS.iter() {
        if let Some(proven) = is_proven_or_not(&op.blocks, &said, public) {
            assert_eq!((proven.rev, proven.cid), (op.rev.clone(), op.cid));
        }
    }
}

/// Any blocks prove something or do not. The same blocks prove no other thing.
pub fn proof(bytes: &[u8]) {
    let _shown = repo::record_json(bytes);
    let question = Statement::about(&LABELER, LABELER_PATH);
    for (_, public) in KEYS.iter() {
        let Some(proven) = is_proven_or_not(bytes, &question, public) else { continue };
        let again = question.with(proven.cid.as_ref());
        assert_eq!(repo::prove(bytes, &again, public), Ok(proven.clone()));
        let denied = if proven.cid.is_some() { None } else { Some(testkit::cid_of(b"")) };
        let answer = repo::prove(bytes, &question.with(denied.as_ref()), public);
        assert!(matches!(answer, Err(ProofError::NotInTree | ProofError::StillInTree(_))));
    }
}

/// What a CAR proves. A record that is handed out is the one that its CID names.
fn is_proven_or_not(car: &[u8], said: &Statement<'_>, key: &Key) -> Option<Proven> {
    let proven = repo::prove(car, said, key).ok()?;
    assert_eq!(proven.record.as_deref().map(testkit::cid_of), proven.cid);
    let _shown = proven.record.as_deref().map(repo::record_json);
    Some(proven)
}

/// Any JSON is read as a DID document, and what is found in it is fit for use.
pub fn document(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    let id = document.get("id").and_then(Value::as_str).and_then(|id| Did::parse(id).ok());
    let did = id.as_ref().unwrap_or(&LABELER);
    for hosts in [Hosts::Public, Hosts::Private] {
        let Ok(found) = Resolved::read(did, document.clone(), hosts) else { continue };
        assert_eq!(found.document, document, "the document was changed");
        for url in [&found.service, &found.pds].into_iter().filter_map(Found::present) {
            is_fit_for_a_call(url.as_str(), hosts);
        }
        for key in [&found.label_key, &found.signing_key].into_iter().filter_map(Found::present) {
            let again = Key::from_did_key(&key.did_key()).map(|key| key.did_key());
            assert_eq!(again.ok(), Some(key.did_key()));
        }
        if let Some(handle) = &found.claimed_handle {
            assert!(label::syntax::is_handle(handle), "{handle:?} was taken for a handle");
        }
    }
}

/// Any message of a client is understood or refused; ids come out as they went in.
pub fn channel(bytes: &[u8]) {
    let Message::Ack(ids) = message::read(bytes) else { return };
    assert!(ids.len() <= bytes.len(), "{} ids out of {} bytes", ids.len(), bytes.len());
    let again = serde_json::json!({ "type": "ack", "ids": ids }).to_string();
    assert_eq!(message::read(again.as_bytes()), Message::Ack(ids));
}

/// The bytes as the only label of a frame; `None` when they are not one whole item.
fn alone(bytes: &[u8]) -> Option<RawLabel> {
    let frame = testkit::frame::labels(1, &[bytes]);
    match wire::decode(&frame.into()) {
        Ok(Frame::Labels { labels, .. }) => labels.into_iter().next(),
        _ => None,
    }
}

/// A claim with nothing unknown about it re-encodes to the bytes it came in, also when
/// nobody signed it.
fn signs_what_came(raw: &RawLabel, claim: &Claim) {
    if !claim.plain {
        return;
    }
    if claim.sig.is_none() {
        assert_eq!(wire::unsigned_cbor(claim), raw.bytes, "what would be signed is not what came");
    } else if let Some(parts) = parts(claim).filter(|_| claim.ver == Some(1)) {
        assert_eq!(wire::label_cbor(&parts), raw.bytes, "not the bytes that came");
    }
}

/// What was accepted can be stored without the received bytes exactly when it is plain.
fn can_be_made_again(raw: &RawLabel, label: &Label, kept: Option<&[u8]>, plain: bool) {
    match kept {
        None => {
            assert!(plain, "the received bytes were thrown away");
            assert_eq!(wire::label_cbor(label), raw.bytes);
        }
        Some(kept) => {
            assert!(!plain, "bytes were kept for nothing");
            assert_eq!(kept, raw.bytes);
        }
    }
}

/// The same claim, signed by the labeler it names, is a label, or malformed.
fn holds_when_signed(claim: &Claim, secret: &SigningKey, public: &Key) {
    if claim.ver != Some(1) {
        return;
    }
    let Some(mut parts) = parts(claim) else { return };
    parts.sig = secret.sign(&wire::unsigned_cbor(claim)).to_vec();
    let Some(raw) = alone(&wire::label_cbor(&parts)) else { panic!("our own label is broken") };
    match verify::judge(&raw, &parts.src, public) {
        Judged::Label { label, raw: kept, .. } => {
            assert_eq!(kept, None, "our own label is not plain");
            assert_eq!(label.into_parts(), parts);
        }
        Judged::Refused { verdict, reason } => {
            assert_eq!(verdict, Verdict::Malformed, "a good signature was refused: {reason}");
        }
    }
}

/// Whatever it says, the event for it is one line of JSON that says the same.
fn is_one_line_of_json(label: Label, raw: Option<Vec<u8>>) {
    let event = LabelEvent {
        id: EventId::new(1).expect("an id"),
        labeler: label.src.clone(),
        epoch: Epoch::FIRST,
        seq: Seq::new(1).expect("a number"),
        place: 0,
        received_at: Millis(0),
        live: true,
        verdict: Verdict::Verified,
        label,
        raw,
    };
    let line = wire::label_event(&event, true);
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(read.pointer("/label/val").and_then(Value::as_str), Some(event.label.val.as_str()));
    assert_eq!(read.pointer("/label/uri").and_then(Value::as_str), Some(event.label.uri.as_str()));
}

/// Whatever was rejected, the event for it is one line of JSON without a null, which says
/// what a filter would find.
fn is_shown_when_rejected(raw: &[u8]) {
    let event = Event::Rejected(RejectedEvent {
        id: EventId::new(1).expect("an id"),
        labeler: LABELER.clone(),
        seq: Seq::new(1).expect("a number"),
        place: 0,
        received_at: Millis(0),
        live: true,
        verdict: Verdict::Malformed,
        reason: "for a reason".to_owned(),
        raw: Some(raw.to_vec()),
    });
    let line = wire::event_json(&event, true);
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).expect("JSON");
    let label = read.get("label").and_then(Value::as_object).expect("a label");
    assert!(label.values().all(|value| !value.is_null()), "{line}");
    let facts = wire::rejected_facts(raw);
    assert_eq!(label.get("uri").and_then(Value::as_str), facts.uri);
    assert_eq!(label.get("val").and_then(Value::as_str), facts.val);
}

/// An endpoint is http(s) and no more than a host. Public ones are https and no address of
/// this machine.
fn is_fit_for_a_call(url: &str, hosts: Hosts) {
    let public = hosts == Hosts::Public;
    let host = url.strip_prefix("https://");
    let host = host.or_else(|| url.strip_prefix("http://").filter(|_| !public));
    let host = host.and_then(|rest| rest.strip_suffix('/')).unwrap_or_else(|| panic!("{url}"));
    assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#']), "{url}");
    let own = ["127.", "10.", "0.", "169.254.", "192.168.", "[::1]"];
    let address = host.parse::<std::net::SocketAddr>().is_ok()
        || host.parse::<std::net::IpAddr>().is_ok()
        || host.starts_with('[');
    assert!(!(public && address && own.iter().any(|own| host.starts_with(own))), "{url}");
}

/// The claim as a label's fields, if it names a DID.
fn parts(claim: &Claim) -> Option<Parts> {
    Some(Parts {
        src: Did::parse(&claim.src).ok()?,
        uri: claim.uri.clone(),
        cid: claim.cid.clone(),
        val: claim.val.clone(),
        neg: claim.neg,
        cts: claim.cts.clone(),
        exp: claim.exp.clone(),
        sig: claim.sig.clone().unwrap_or_default(),
    })
}
