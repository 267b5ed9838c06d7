use super::*;
use crate::cbor::CborError;
use ipld_core::ipld::Ipld;
use proptest::prelude::*;

const DID: &str = "did:plc:ar7c4by46qjdydhdevvrndac";
const TIME: &str = "2025-04-16T21:30:26.717Z";
const CID: &str = "bafyreifaecnvroazpkynctc2vivj7wjuqdf3o5y7amckbyhv7v3v7qwxje";

fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn text(text: &str) -> Ipld {
    Ipld::String(text.to_owned())
}

fn link() -> Ipld {
    Ipld::Link(CID.parse().unwrap())
}

fn op(action: &str, path: &str, cid: Ipld) -> Ipld {
    map([("action", text(action)), ("path", text(path)), ("cid", cid), ("prev", link())])
}

fn commit(ops: Vec<Ipld>) -> Ipld {
    map([
        ("seq", Ipld::Integer(7)),
        ("time", text(TIME)),
        ("repo", text(DID)),
        ("rev", text("3lmxjza3nva27")),
        ("since", Ipld::Null),
        ("commit", link()),
        ("blocks", Ipld::Bytes(b"the car".to_vec())),
        ("blobs", Ipld::List(Vec::new())),
        ("ops", Ipld::List(ops)),
        ("rebase", Ipld::Bool(false)),
        ("tooBig", Ipld::Bool(false)),
    ])
}

/// The same body with a field replaced.
fn with(body: Ipld, field: &str, value: Ipld) -> Ipld {
    let Ipld::Map(mut entries) = body else { panic!("no map") };
    entries.insert(field.to_owned(), value);
    Ipld::Map(entries)
}

fn without(body: Ipld, field: &str) -> Ipld {
    let Ipld::Map(mut entries) = body else { panic!("no map") };
    entries.remove(field).unwrap();
    Ipld::Map(entries)
}

fn frame(kind: &str, body: &Ipld) -> Bytes {
    let header = map([("op", Ipld::Integer(1)), ("t", text(kind))]);
    let parts = [header, body.clone()].map(|part| serde_ipld_dagcbor::to_vec(&part).unwrap());
    parts.concat().into()
}

fn read(kind: &str, body: &Ipld) -> Result<RepoFrame, FrameError> {
    read_firehose(&frame(kind, body))
}

fn happening(kind: &str, body: &Ipld) -> Happening {
    match read(kind, body) {
        Ok(RepoFrame::Event(event)) => event.what,
        other => panic!("no event: {other:?}"),
    }
}

fn malformed(kind: &str, body: &Ipld) -> &'static str {
    match happening(kind, body) {
        Happening::Malformed(why) => why,
        other => panic!("not malformed: {other:?}"),
    }
}

fn small(did: &str) -> Ipld {
    map([("seq", Ipld::Integer(5)), ("time", text(TIME)), ("did", text(did))])
}

#[test]
fn a_commit_about_other_records_is_a_number_and_a_time() {
    let body = commit(vec![
        op("create", "app.bsky.feed.post/3lmxjza3h2i27", link()),
        op("delete", "app.bsky.labeler.service/other", Ipld::Null),
    ]);
    let event = RepoEvent {
        seq: Seq::new(7).unwrap(),
        time: Some(Millis(1_744_839_026_717)),
        what: Happening::Commit(None),
    };
    assert_eq!(read("#commit", &body), Ok(RepoFrame::Event(event.clone())));
    let long = "com.atproto.sync.subscribeRepos#commit";
    assert_eq!(read(long, &body), Ok(RepoFrame::Event(event)));
}

#[test]
fn a_commit_about_a_labeler_shows_what_there_is_to_prove() {
    for (name, action, cid) in [
        ("create", Action::Create, link()),
        ("update", Action::Update, link()),
        ("delete", Action::Delete, Ipld::Null),
    ] {
        let other = op("create", "app.bsky.feed.post/3lmxjza3h2i27", link());
        let frame = frame("#commit", &commit(vec![other, op(name, LABELER_PATH, cid)]));
        let Ok(RepoFrame::Event(event)) = read_firehose(&frame) else { panic!("no event") };
        let Happening::Commit(Some(op)) = event.what else { panic!("no op: {event:?}") };
        assert_eq!((op.did.as_str(), op.action), (DID, action));
        assert_eq!((op.rev.as_str(), op.commit.to_string()), ("3lmxjza3nva27", CID.to_owned()));
        let given = (action != Action::Delete).then(|| CID.to_owned());
        assert_eq!(op.cid.map(|cid| cid.to_string()), given);
        assert_eq!(op.blocks, b"the car".as_slice());
        assert!(frame.as_ptr_range().contains(&op.blocks.as_ptr()), "the blocks were copied");
    }
}

#[test]
fn a_commit_that_cannot_be_about_a_labeler_as_it_says_is_malformed() {
    let good = || commit(vec![op("create", LABELER_PATH, link())]);
    let ops = |ops| commit(ops);
    let many = || {
        let mut many = vec![op("create", "a/b", link()); 200];
        many.push(op("create", LABELER_PATH, link()));
        many
    };
    for (body, why) in [
        (without(good(), "ops"), "ops is missing"),
        (with(good(), "ops", text("x")), "ops is missing"),
        (without(good(), "repo"), "repo is missing"),
        (with(good(), "repo", text("x")), "did is not a DID"),
        (without(good(), "rev"), "rev is missing"),
        (without(good(), "commit"), "commit is missing"),
        (with(good(), "commit", text(CID)), "commit is missing"),
        (with(good(), "blocks", Ipld::Null), "blocks is missing"),
        (ops(vec![op("move", LABELER_PATH, link())]), "an op has an unknown action"),
        (
            ops(vec![op("create", LABELER_PATH, Ipld::Null)]),
            "an op has a cid, or none, against its action",
        ),
        (
            ops(vec![op("delete", LABELER_PATH, link())]),
            "an op has a cid, or none, against its action",
        ),
        (ops(vec![op("create", LABELER_PATH, link()); 2]), "two ops have the same path"),
        (ops(many()), "there are more than 200 ops"),
    ] {
        assert_eq!(malformed("#commit", &body), why);
    }
    for odd in [Ipld::Null, text(LABELER_PATH), map([("path", Ipld::Integer(1))])] {
        assert_eq!(happening("#commit", &ops(vec![odd])), Happening::Commit(None));
    }
}

#[test]
fn a_link_must_be_one_cid_and_no_more() {
    let good = frame("#commit", &commit(vec![op("create", LABELER_PATH, link())]));
    // The link of the op is the only one right before its path.
    let place = b"\xd8\x2a\x58\x25\x00";
    let next = b"\x64path";
    let at = good
        .windows(5)
        .enumerate()
        .position(|(at, five)| five == place && good[at + 41..].starts_with(next));
    let at = at.unwrap();
    let (head, rest) = (&good[..at], &good[at + 41..]);
    let cid = &good[at + 5..at + 41];
    for bad in [
        [b"\xd8\x2a\x58\x26\x00".as_slice(), cid, b"x"].concat(),
        [b"\xd8\x2a\x58\x24\x00", &cid[..35]].concat(),
    ] {
        let bytes: Bytes = [head, &bad, rest].concat().into();
        let Ok(RepoFrame::Event(event)) = read_firehose(&bytes) else { panic!("no event") };
        assert_eq!(event.what, Happening::Malformed("a link is not a CID"));
    }
}

#[test]
fn changes_of_identity_and_account_name_their_did() {
    let did = Did::parse(DID).unwrap();
    assert_eq!(happening("#identity", &small(DID)), Happening::Identity(did.clone()));
    let account = with(small(DID), "active", Ipld::Bool(false));
    let account = with(account, "status", text("takendown"));
    let status = Some("takendown".to_owned());
    let gone = Happening::Account { did: did.clone(), active: false, status };
    assert_eq!(happening("#account", &account), gone);
    let account = with(small(DID), "active", Ipld::Bool(true));
    let back = Happening::Account { did, active: true, status: None };
    assert_eq!(happening("#account", &account), back);
    assert_eq!(happening("#sync", &small(DID)), Happening::Sync);
}

#[test]
fn one_odd_event_is_no_reason_to_leave() {
    assert_eq!(malformed("#identity", &small("did:x")), "did is not a DID");
    assert_eq!(malformed("#identity", &without(small(DID), "did")), "did is missing");
    assert_eq!(malformed("#identity", &with(small(DID), "did", Ipld::Null)), "did is missing");
    assert_eq!(malformed("#account", &small(DID)), "active is missing");
    let null = with(small(DID), "active", Ipld::Null);
    assert_eq!(malformed("#account", &null), "active is missing");
    let never = with(small(DID), "time", text("never"));
    let Ok(RepoFrame::Event(event)) = read("#identity", &never) else { panic!("no event") };
    assert_eq!(event.time, None);
}

#[test]
fn notices_and_errors_are_read() {
    let info = map([("name", text("OutdatedCursor")), ("message", text("gone"))]);
    let (name, message) = ("OutdatedCursor".to_owned(), Some("gone".to_owned()));
    assert_eq!(read("#info", &info), Ok(RepoFrame::Info { name, message }));
    let slow = b"\xa1\x62op\x20\xa1\x65error\x6fConsumerTooSlow".as_slice();
    let error = "ConsumerTooSlow".to_owned();
    assert_eq!(read_firehose(&slow.into()), Ok(RepoFrame::Error { error, message: None }));
    assert!(matches!(read("#info", &map([])), Err(FrameError::Shape { part: "body", .. })));
}

#[test]
fn what_we_do_not_know_still_moves_the_cursor() {
    for kind in ["#handle", "#tombstone", "#new", "other.method#commit"] {
        assert_eq!(happening(kind, &small(DID)), Happening::Unknown);
        assert_eq!(read(kind, &map([])), Ok(RepoFrame::Other));
    }
    let unknown_op = b"\xa1\x62op\x07\xa1\x63seq\x05".as_slice();
    assert!(matches!(read_firehose(&unknown_op.into()), Ok(RepoFrame::Event(_))));
}

#[test]
fn broken_framing_is_refused() {
    let good = frame("#identity", &small(DID));
    let longer = [&good, b"\x00".as_slice()].concat();
    assert_eq!(read_firehose(&longer.into()), Err(FrameError::Trailing(1)));
    let cut = good.slice(..good.len() - 1);
    let cause = CborError::Truncated;
    assert_eq!(read_firehose(&cut), Err(FrameError::Cbor { part: "body", cause }));
    for (number, error) in [(0, 0), (-1, -1), (1 << 53, 1 << 53)] {
        let body = with(small(DID), "seq", Ipld::Integer(number));
        assert_eq!(read("#identity", &body), Err(FrameError::Seq(error)));
    }
    let none = without(small(DID), "seq");
    assert!(matches!(read("#identity", &none), Err(FrameError::Shape { part: "body", .. })));
    let untyped = b"\xa1\x62op\x01\xa1\x63seq\x05".as_slice();
    assert!(matches!(
        read_firehose(&untyped.into()),
        Err(FrameError::Shape { part: "header", .. })
    ));
    let twice = b"\xa2\x61t\x65#sync\x62op\x01\xa2\x63seq\x05\x63seq\x05".as_slice();
    assert!(matches!(read_firehose(&twice.into()), Err(FrameError::Shape { part: "body", .. })));
    let long = Bytes::from(vec![0; MAX_FRAME + 1]);
    assert_eq!(read_firehose(&long), Err(FrameError::TooLong(MAX_FRAME + 1)));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _answer = read_firehose(&bytes.into());
    }

    #[test]
    fn a_good_frame_with_one_byte_changed_ends_in_an_answer(at in any::<usize>(), by in 1..=255u8) {
        let mut bytes = frame("#commit", &commit(vec![op("create", LABELER_PATH, link())])).to_vec();
        let length = bytes.len();
        bytes[at % length] ^= by;
        let _answer = read_firehose(&bytes.into());
    }
}
