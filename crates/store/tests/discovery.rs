//! What the store promises about finding labelers: a cursor is never ahead of its hints, and
//! what was hinted at waits until somebody has looked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{did, seq};
use label::{Did, Millis};
use store::{
    Conclusion, Declared, Hints, Kept, Lane, Lookup, Next, Place, RelayRow, Source, Store,
};
use tempfile::TempDir;

const RELAY: &str = "https://relay.test/";
const NOW: Millis = Millis(1_000_000);

fn shop() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    (dir, store)
}

fn plc(letter: char) -> Did {
    Did::parse(&format!("did:plc:{}", String::from(letter).repeat(24))).unwrap()
}

fn later(seconds: i64) -> Millis {
    Millis(NOW.0 + seconds * 1000)
}

fn heard(dids: &[(Did, Source)]) -> Hints {
    Hints { dids: dids.to_vec(), strangers: true, ..Hints::default() }
}

async fn hint(store: &Store, dids: &[(Did, Source)], now: Millis) -> Kept {
    store.keep_hints(heard(dids), now).await.unwrap()
}

async fn due(store: &Store, lane: Lane, now: Millis) -> Vec<Lookup> {
    store.due_lookups(true, lane, now, 100).await.unwrap()
}

async fn sources(store: &Store, did: &Did) -> Vec<Source> {
    store.labeler(did.clone()).await.unwrap().map(|row| row.sources).unwrap_or_default()
}

fn found_by(sources: &[Source]) -> Conclusion {
    Conclusion { found_by: sources.to_vec(), ..Conclusion::default() }
}

#[tokio::test]
async fn hints_and_the_cursor_that_covers_them_are_kept_together() {
    let (dir, store) = shop();
    let place = Some(Place::Firehose { relay: RELAY.into(), cursor: seq(7) });
    let hints = Hints { place, ..heard(&[(plc('a'), Source::Identity)]) };
    let kept = store.keep_hints(hints, NOW).await.unwrap();
    assert_eq!(kept, Kept { added: 1, changed: vec![] });
    drop(store);
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    assert_eq!(store.relay(RELAY.into()).await.unwrap().firehose, seq(7));
    assert_eq!(store.relay("https://other.test/".into()).await.unwrap(), RelayRow::default());
    let waiting = due(&store, Lane::Directory, NOW).await;
    assert_eq!((&waiting[0].did, store.count_lookups().await.unwrap()), (&plc('a'), 1));
    // The operator may go back to a head.
    let forgotten = Place::Firehose { relay: RELAY.into(), cursor: seq(0) };
    let hints = Hints { place: Some(forgotten), ..Hints::default() };
    store.keep_hints(hints, NOW).await.unwrap();
    assert_eq!(store.relay(RELAY.into()).await.unwrap().firehose, seq(0));
}

#[tokio::test]
async fn a_did_waits_once_however_many_hints_there_are_and_every_source_is_remembered() {
    let (_dir, store) = shop();
    hint(&store, &[(plc('a'), Source::Identity), (plc('b'), Source::Plc)], NOW).await;
    let kept = hint(&store, &[(plc('a'), Source::RelayList)], later(1)).await;
    assert_eq!(kept.added, 0);
    hint(&store, &[(plc('a'), Source::Identity)], later(2)).await;
    let waiting = due(&store, Lane::Directory, later(9)).await;
    let dids: Vec<_> = waiting.iter().map(|lookup| lookup.did.clone()).collect();
    assert_eq!(dids, [plc('a'), plc('b')], "a hint does not send it to the end");
    assert_eq!(waiting[0].sources, [Source::Identity, Source::RelayList]);
    assert!(!waiting[0].declared);
}

#[tokio::test]
async fn hosts_that_others_named_are_asked_in_a_lane_of_their_own() {
    let (_dir, store) = shop();
    let web = did("web");
    hint(&store, &[(plc('a'), Source::Identity), (web.clone(), Source::Identity)], NOW).await;
    hint(&store, &[(plc('b'), Source::Record)], later(1)).await;
    assert_eq!(due(&store, Lane::Directory, later(1)).await.len(), 1);
    let mut waiting = Vec::new();
    for lane in [Lane::Declared, Lane::Web] {
        let due = due(&store, lane, later(1)).await;
        waiting.extend(due.into_iter().map(|lookup| (lookup.did, lookup.declared)));
    }
    assert_eq!(waiting, [(plc('b'), true), (web.clone(), false)]);
    hint(&store, &[(plc('a'), Source::Record), (web, Source::Record)], later(2)).await;
    assert!(due(&store, Lane::Directory, later(2)).await.is_empty());
    assert_eq!(due(&store, Lane::Declared, later(2)).await.len(), 2);
    assert!(due(&store, Lane::Web, later(2)).await[0].declared);
}

#[tokio::test]
async fn what_is_a_labeler_is_tracked_with_all_its_sources_and_no_longer_waits() {
    let (_dir, store) = shop();
    hint(&store, &[(plc('a'), Source::Identity), (plc('a'), Source::Plc)], NOW).await;
    let roster = store.roster();
    let lookup = due(&store, Lane::Directory, NOW).await.remove(0);
    let conclusion = found_by(&lookup.sources);
    let done = store.conclude(lookup.clone(), conclusion.clone(), NOW).await.unwrap();
    assert!(done.found && done.tracked && done.settled);
    assert_eq!(sources(&store, &plc('a')).await, [Source::Identity, Source::Plc]);
    assert_eq!(store.count_lookups().await.unwrap(), 0);
    assert!(roster.has_changed().unwrap());
    let again = store.conclude(lookup, conclusion, NOW).await.unwrap();
    assert!(!again.found && again.tracked && !again.settled);
}

#[tokio::test]
async fn a_hint_that_comes_while_somebody_looks_is_not_lost() {
    let (_dir, store) = shop();
    hint(&store, &[(plc('a'), Source::Identity)], NOW).await;
    let lookup = due(&store, Lane::Directory, NOW).await.remove(0);
    hint(&store, &[(plc('a'), Source::Identity)], later(1)).await;
    let nothing = Conclusion::default();
    let done = store.conclude(lookup.clone(), nothing, later(1)).await.unwrap();
    assert!(!done.settled);
    assert_eq!(due(&store, Lane::Directory, later(1)).await.len(), 1);
    let next = Some(Next { due_at: later(600), tries: 0, again: true });
    let put_off = Conclusion { next, ..Conclusion::default() };
    store.conclude(lookup, put_off, later(1)).await.unwrap();
    assert!(due(&store, Lane::Directory, later(599)).await.is_empty());
    let waiting = due(&store, Lane::Directory, later(600)).await;
    assert!(waiting.len() == 1 && !waiting[0].again, "the hint has not had its first look");
}

#[tokio::test]
async fn without_discovery_only_those_who_are_tracked_are_looked_up() {
    let (_dir, store) = shop();
    store.add_labelers(vec![plc('b')], Source::Api, NOW).await.unwrap();
    hint(&store, &[(plc('a'), Source::Record), (plc('b'), Source::Record)], NOW).await;
    let due = store.due_lookups(false, Lane::Declared, NOW, 9).await.unwrap();
    let dids: Vec<_> = due.into_iter().map(|lookup| lookup.did).collect();
    assert_eq!(dids, [plc('b')]);
    assert_eq!(store.count_lookups().await.unwrap(), 2, "the others wait until it is on again");
}

#[tokio::test]
async fn who_cannot_be_asked_waits_and_no_hint_shortens_that() {
    let (_dir, store) = shop();
    hint(&store, &[(plc('a'), Source::Identity)], NOW).await;
    let lookup = due(&store, Lane::Directory, NOW).await.remove(0);
    let next = Some(Next { due_at: later(60), tries: 3, again: false });
    store.conclude(lookup, Conclusion { next, ..Conclusion::default() }, NOW).await.unwrap();
    hint(&store, &[(plc('a'), Source::Identity)], later(1)).await;
    assert!(due(&store, Lane::Directory, later(59)).await.is_empty());
    assert_eq!(due(&store, Lane::Directory, later(60)).await[0].tries, 3);
    // A second look is no back-off: a hint makes it a first one.
    hint(&store, &[(plc('b'), Source::Identity)], NOW).await;
    let lookup = due(&store, Lane::Directory, NOW).await.remove(0);
    let next = Some(Next { due_at: later(45), tries: 0, again: true });
    store.conclude(lookup, Conclusion { next, ..Conclusion::default() }, NOW).await.unwrap();
    hint(&store, &[(plc('b'), Source::Identity)], later(2)).await;
    assert!(!due(&store, Lane::Directory, later(2)).await[0].again);
}

#[tokio::test]
async fn nobody_waits_any_longer_for_who_was_removed() {
    let (_dir, store) = shop();
    hint(&store, &[(plc('a'), Source::Identity)], NOW).await;
    store.add_labelers(vec![plc('a')], Source::Api, NOW).await.unwrap();
    store.remove_labelers(vec![plc('a')], false).await.unwrap();
    let lookup = due(&store, Lane::Directory, NOW).await.remove(0);
    let next = Some(Next { due_at: later(60), tries: 1, again: false });
    let conclusion = Conclusion { next, ..Conclusion::default() };
    assert!(store.conclude(lookup, conclusion, NOW).await.unwrap().settled);
    assert_eq!(store.count_lookups().await.unwrap(), 0);
}

#[tokio::test]
async fn of_tracked_labelers_it_is_told_that_they_may_have_changed() {
    let (_dir, store) = shop();
    store.add_labelers(vec![plc('a')], Source::Api, NOW).await.unwrap();
    let kept =
        hint(&store, &[(plc('a'), Source::Identity), (plc('a'), Source::RelayList)], NOW).await;
    assert_eq!(kept, Kept { added: 0, changed: vec![plc('a')] });
    assert_eq!(sources(&store, &plc('a')).await, [Source::Api, Source::RelayList]);
    let known_only = Hints { strangers: false, ..heard(&[(plc('b'), Source::Identity)]) };
    assert_eq!(store.keep_hints(known_only, NOW).await.unwrap(), Kept::default());
    let record = Hints { strangers: false, ..heard(&[(plc('a'), Source::Record)]) };
    assert_eq!(store.keep_hints(record, NOW).await.unwrap().added, 1);
    let lookup = due(&store, Lane::Declared, NOW).await.remove(0);
    assert!(lookup.declared && lookup.sources.is_empty());
}

#[tokio::test]
async fn a_removed_labeler_is_not_even_looked_up() {
    let (_dir, store) = shop();
    store.add_labelers(vec![plc('a'), plc('b')], Source::Identity, NOW).await.unwrap();
    hint(&store, &[(plc('b'), Source::Record)], NOW).await;
    let lookup = due(&store, Lane::Declared, NOW).await.remove(0);
    store.remove_labelers(vec![plc('a')], false).await.unwrap();
    store.remove_labelers(vec![plc('b')], true).await.unwrap();
    for source in [Source::Identity, Source::Record, Source::RelayList, Source::Plc] {
        let kept = hint(&store, &[(plc('a'), source), (plc('b'), source)], NOW).await;
        assert_eq!(kept, Kept::default());
    }
    let record = Declared::Present { rev: "3k".into(), record: "{}".into() };
    let conclusion =
        Conclusion { declared: Some(record), ..found_by(&[Source::Identity, Source::Record]) };
    let done = store.conclude(lookup, conclusion, NOW).await.unwrap();
    assert!(!done.found && !done.tracked && done.settled);
    assert!(store.labelers().await.unwrap().is_empty());
    assert_eq!(store.declaration(plc('b')).await.unwrap(), None);
}

#[tokio::test]
async fn accounts_of_tracked_labelers_are_deleted_and_come_back() {
    let (_dir, store) = shop();
    store.add_labelers(vec![plc('a')], Source::Api, NOW).await.unwrap();
    for (deleted, changed) in [(false, false), (true, true), (true, false), (false, true)] {
        let accounts = vec![(plc('a'), deleted), (plc('b'), deleted)];
        let kept = store.keep_hints(Hints { accounts, ..heard(&[]) }, NOW).await.unwrap();
        let expected = if changed { vec![plc('a')] } else { vec![] };
        assert_eq!(kept, Kept { added: 0, changed: expected });
        let row = store.labeler(plc('a')).await.unwrap().unwrap();
        assert_eq!(row.account_deleted, deleted);
    }
    assert_eq!(store.labeler(plc('b')).await.unwrap(), None);
}

#[tokio::test]
async fn a_declaration_is_kept_until_a_proof_says_otherwise_or_the_labeler_is_purged() {
    let (_dir, store) = shop();
    store.add_labelers(vec![plc('a')], Source::Api, NOW).await.unwrap();
    let lookup = |hints| Lookup {
        did: plc('a'),
        sources: vec![],
        declared: true,
        tries: 0,
        again: false,
        hints,
    };
    let declare = async |declared, now| {
        let conclusion = Conclusion { declared: Some(declared), ..Conclusion::default() };
        store.conclude(lookup(1), conclusion, now).await.unwrap();
        let row = store.declaration(plc('a')).await.unwrap().unwrap();
        assert_eq!(row.read_at, now);
        (row.rev, row.record)
    };
    let known = (Some("3k1".to_owned()), Some(r#"{"a":1}"#.to_owned()));
    let present = Declared::Present { rev: "3k1".into(), record: r#"{"a":1}"#.into() };
    assert_eq!(declare(present, later(1)).await, known);
    assert_eq!(declare(Declared::Unknown, later(2)).await, known);
    let gone = declare(Declared::Absent { rev: "3k2".into() }, later(3)).await;
    assert_eq!(gone, (Some("3k2".to_owned()), None));
    let long = Declared::Present { rev: "3k3".into(), record: "x".repeat((256 << 10) + 1) };
    assert_eq!(declare(long, later(4)).await, (Some("3k3".to_owned()), None));
    store.remove_labelers(vec![plc('a')], true).await.unwrap();
    assert_eq!(store.declaration(plc('a')).await.unwrap(), None);
}

#[tokio::test]
async fn declarations_are_read_once_a_document_is_known_and_again_when_they_are_old() {
    let (_dir, store) = shop();
    let dids = vec![plc('a'), plc('b'), plc('c')];
    store.add_labelers(dids, Source::Api, NOW).await.unwrap();
    let want = async |before, most| store.want_declarations(before, most, NOW).await.unwrap();
    assert_eq!(want(NOW, 9).await, 0, "no document was read");
    for who in ['a', 'b'] {
        let noted = store::Noted { service_url: Some("https://l.test".into()), ..<_>::default() };
        store.note(plc(who), noted, "pending", NOW).await.unwrap();
    }
    assert_eq!((want(NOW, 1).await, want(NOW, 9).await, want(NOW, 9).await), (1, 1, 0));
    for lookup in due(&store, Lane::Declared, NOW).await {
        assert!(lookup.declared && lookup.sources.is_empty());
        let conclusion = Conclusion { declared: Some(Declared::Unknown), ..<_>::default() };
        store.conclude(lookup, conclusion, later(5)).await.unwrap();
    }
    assert_eq!((want(later(4), 9).await, want(later(5), 9).await), (0, 2));
}

#[tokio::test]
async fn a_list_goes_on_at_its_page_and_says_when_it_ended() {
    let (_dir, store) = shop();
    let list = async |page: Option<&str>| {
        let place =
            Place::List { relay: RELAY.into(), page: page.map(str::to_owned), at: later(1) };
        let hints = Hints { place: Some(place), ..heard(&[(plc('a'), Source::RelayList)]) };
        store.keep_hints(hints, NOW).await.unwrap();
        let row = store.relay(RELAY.into()).await.unwrap();
        (row.list_page, row.listing, row.listed_at)
    };
    assert_eq!(list(Some("p1")).await, ("p1".into(), true, None));
    assert_eq!(list(Some("p2")).await, ("p2".into(), true, None));
    assert_eq!(list(None).await, ("p2".into(), false, Some(later(1))));
    assert_eq!(list(Some("p3")).await, ("p3".into(), true, Some(later(1))));
}

#[tokio::test]
async fn a_directory_is_read_from_the_first_start_on() {
    let (_dir, store) = shop();
    let url = "https://plc.test/";
    let row = store.directory(url.into(), NOW).await.unwrap();
    assert_eq!((row.begun, row.exported), (NOW, NOW));
    for (until, expected) in [(10, 10), (20, 20), (15, 20)] {
        let place = Place::Export { directory: url.into(), until: later(until) };
        store.keep_hints(Hints { place: Some(place), ..heard(&[]) }, NOW).await.unwrap();
        let row = store.directory(url.into(), later(999)).await.unwrap();
        assert_eq!((row.begun, row.exported), (NOW, later(expected)));
    }
}
