//! Scans: what is looked at, what is taken, where it ends, against a plain filter of the
//! whole log.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{batch, did, id, parts, refused, seq};
use label::{
    Did, Epoch, Event, EventId, Facts, Filter, Hosts, Label, MAX_NUMBER, Millis, Seq, Verdict,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use store::{Batch, Choice, Entry, RowView, Scan, Scanned, Source, Store, Topic};
use tempfile::TempDir;

const ALL: Scan = Scan {
    after: EventId::START,
    until: EventId::START,
    rows: usize::MAX,
    events: usize::MAX,
    rejected: true,
    labelers: false,
    states: false,
};

fn all() -> Scan {
    Scan { until: id(MAX_NUMBER), ..ALL }
}

async fn open(names: &[&str]) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
    let dids = names.iter().map(|name| did(name)).collect();
    store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
    (dir, store)
}

fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.id().get()).collect()
}

#[tokio::test]
async fn a_row_shows_what_is_known_of_it_and_comes_back_whole() {
    let (_dir, store) = open(&["ann"]).await;
    store.caught_up(did("ann"), "live", Millis(1)).await.unwrap();
    let mut wanted = batch("ann", 0, &["spam"]);
    wanted.entries.push(refused(1, vec![1, 2, 3]));
    wanted.entries.push(refused(1, vec![0; 20_000]));
    let verdict = Verdict::VerifiedOldKey;
    let label = Label::vouched(parts("ann", "rude"));
    wanted.entries.push(Entry::Label { seq: seq(1), place: 3, label, verdict, raw: None });
    store.commit(wanted).await.unwrap();

    type Seen = Vec<(i64, Did, Verdict, Option<String>, Option<String>, Option<Vec<u8>>)>;
    let look = |seen: &mut Seen, row: &RowView<'_>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (uri, val, raw) = (text(row.uri), text(row.val), row.raw.map(<[u8]>::to_vec));
        let Topic::Label(verdict) = row.topic else { panic!("{row:?}") };
        seen.push((row.id.get(), row.labeler.clone(), verdict, uri, val, raw));
        true
    };
    let Scanned { state, events, read, looked } =
        store.scan(all(), Vec::new(), look).await.unwrap();
    let uri = Some(parts("ann", "").uri);
    let (ann, bad) = (did("ann"), Verdict::BadSignature);
    let expected = [
        (2, ann.clone(), Verdict::Verified, uri.clone(), Some("spam".into()), None),
        (3, ann.clone(), bad, None, None, Some(vec![1, 2, 3])),
        (4, ann.clone(), bad, None, None, None),
        (5, ann, verdict, uri, Some("rude".into()), None),
    ];
    assert_eq!(state, expected);
    assert_eq!((ids(&events), read, looked), (vec![2, 3, 4, 5], id(5), 2));

    let labels = common::events_after(&store, EventId::START, 10).await;
    assert_eq!(
        [&events[0], &events[3]],
        [0, 1].map(|at| Event::Label(labels[at].clone())).each_ref()
    );
    let Event::Rejected(rejected) = &events[1] else { panic!("{:?}", events[1]) };
    assert_eq!((rejected.seq, rejected.place, rejected.live), (seq(1), 0, true));
    assert_eq!((rejected.received_at, rejected.verdict), (Millis(1_700_000_000_000), bad));
    assert_eq!(rejected.reason, "the signature does not hold");
    assert_eq!(rejected.raw.as_deref(), Some(&[1, 2, 3][..]));
    assert_eq!(events[2].labeler(), &did("ann"));

    let asked = vec![id(5), id(3), id(9), id(2), id(4), id(3)];
    assert_eq!(store.some(asked).await.unwrap(), events);
    let labels = store.scan(Scan { rejected: false, ..all() }, (), |(), _| true).await.unwrap();
    assert_eq!((ids(&labels.events), labels.read, labels.looked), (vec![2, 5], id(5), 2));
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    assert_eq!(store.some((2..6).map(id).collect()).await.unwrap(), []);
}

#[tokio::test]
async fn a_scan_ends_where_it_was_told_to() {
    let (_dir, store) = open(&["ann"]).await;
    let scan = async |scan: Scan| {
        let found = store.scan(scan, (), |(), row| row.id.get() % 2 == 0).await.unwrap();
        (ids(&found.events), found.read.get(), found.looked)
    };
    assert_eq!(scan(all()).await, (vec![], 0, 0));
    store.commit(batch("ann", 0, &["spam"; 10])).await.unwrap();
    assert_eq!(scan(all()).await, (vec![2, 4, 6, 8, 10], 10, 10));
    assert_eq!(scan(Scan { after: id(3), until: id(7), ..all() }).await, (vec![4, 6], 7, 4));
    assert_eq!(scan(Scan { until: id(7), rows: 3, ..all() }).await, (vec![2], 3, 3));
    assert_eq!(scan(Scan { until: id(7), events: 2, ..all() }).await, (vec![2, 4], 4, 4));
    assert_eq!(scan(Scan { after: id(7), until: id(7), ..all() }).await, (vec![], 7, 0));
    assert_eq!(scan(Scan { after: id(7), until: id(3), ..all() }).await, (vec![], 7, 0));
    assert_eq!(scan(Scan { after: id(77), ..all() }).await, (vec![], 77, 0));
    assert_eq!(scan(Scan { after: id(3), rows: 0, ..all() }).await, (vec![], 3, 0));
    assert_eq!(scan(Scan { after: id(3), events: 0, ..all() }).await, (vec![], 3, 0));
}

#[tokio::test]
async fn what_is_at_hand_counts_and_is_not_read() {
    let (_dir, store) = open(&["ann"]).await;
    store.commit(batch("ann", 0, &["spam"; 10])).await.unwrap();
    let look = |(): &mut (), row: &RowView<'_>| match row.id.get() {
        1 | 6 => Choice::Pass,
        3 | 4 | 8 => Choice::Have,
        _ => Choice::Take,
    };
    let found = store.scan(all(), (), look).await.unwrap();
    assert_eq!((ids(&found.events), found.looked), (vec![2, 5, 7, 9, 10], 10));
    let found = store.scan(Scan { events: 4, ..all() }, (), look).await.unwrap();
    assert_eq!((ids(&found.events), found.read), (vec![2, 5], id(5)));
}

#[tokio::test]
async fn a_row_shows_its_frame_and_another_one_once_it_has_moved() {
    let (_dir, store) = open(&["ann"]).await;
    let mut first = batch("ann", 0, &["spam", "rude"]);
    first.entries.push(refused(2, vec![1]));
    store.commit(first).await.unwrap();
    type Seen = Vec<(i64, Option<(Epoch, Seq)>)>;
    let look = |seen: &mut Seen, row: &RowView<'_>| {
        seen.push((row.id.get(), row.frame()));
        false
    };
    let all = Scan { labelers: true, ..all() };
    let frame = |epoch: u32, number| Some((Epoch(epoch), seq(number)));
    let seen = store.scan(all, Vec::new(), look).await.unwrap().state;
    // Before them it was told that ann is tracked.
    let told = seen.len() as i64 - 3;
    let expected = [frame(1, 1), frame(1, 2), None];
    let numbered = (told + 1..).zip(expected).collect::<Vec<_>>();
    assert_eq!(seen[seen.len() - 3..], numbered);

    // The batches of these tests are of this time.
    let now = Millis(1_700_000_000_000);
    store.reset(did("ann"), Epoch::FIRST, "backfilling", now).await.unwrap();
    assert_eq!(store.gather(did("ann"), None).await.unwrap(), None);
    let again = Batch { epoch: Epoch(2), ..batch("ann", 0, &["rude"]) };
    assert_eq!(store.commit(again).await.unwrap().labels, 0);
    let seen = store.scan(all, Vec::new(), look).await.unwrap().state;
    let expected = [frame(1, 1), frame(2, 1), None];
    let numbered = (told + 1..).zip(expected).collect::<Vec<_>>();
    assert_eq!(seen[told as usize..][..3], numbered);
}

#[tokio::test]
async fn a_scan_is_short_and_passes_over_what_was_purged() {
    let (_dir, store) = open(&["ann", "bob"]).await;
    store.commit(batch("bob", 0, &["first"])).await.unwrap();
    store.commit(batch("ann", 0, &vec!["gone"; 45_000])).await.unwrap();
    store.commit(batch("bob", 1, &["last"])).await.unwrap();
    let look = |seen: &mut u64, row: &RowView<'_>| {
        *seen += 1;
        row.val == Some("last")
    };
    let first = store.scan(all(), 0, look).await.unwrap();
    assert_eq!((first.state, first.looked, first.read), (20_000, 20_000, id(20_000)));
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    let (mut after, mut seen, mut found, mut reads) = (EventId::START, 0, Vec::new(), 0);
    while after < id(45_002) {
        let scanned = store.scan(Scan { after, ..all() }, seen, look).await.unwrap();
        assert!(scanned.read > after);
        (after, seen) = (scanned.read, scanned.state);
        found.extend(ids(&scanned.events));
        reads += 1;
    }
    // The sweep may already have taken away what was purged.
    assert!(reads <= 3, "{reads}");
    assert_eq!((seen, found), (2, vec![45_002]));
}

#[tokio::test]
async fn a_scan_of_large_events_ends_soon_after_a_mebibyte() {
    let (_dir, store) = open(&["ann"]).await;
    let mut large = batch("ann", 0, &["spam"; 40]);
    for entry in &mut large.entries {
        let Entry::Label { raw, .. } = entry else { unreachable!() };
        *raw = Some(vec![7; 64 * 1024]);
    }
    // As large as rejected labels are kept.
    large.entries.extend((0..2000).map(|_| refused(40, vec![7; 16 * 1024])));
    store.commit(large).await.unwrap();
    let page = store.scan(all(), (), |(), _| true).await.unwrap();
    assert_eq!((page.events.len(), page.read), (16, id(16)));
    let none = store.scan(all(), (), |(), _| false).await.unwrap();
    assert_eq!((none.looked, none.read), (40, id(1064)), "16 MiB are enough to look at");
    let page = store.scan(Scan { after: id(40), ..all() }, (), |(), _| true).await.unwrap();
    assert_eq!(page.events.len(), 64);

    let mut wanted: BTreeSet<_> = (1..=200).map(id).collect();
    while let Some(last) = {
        let some = store.some(wanted.iter().copied().collect()).await.unwrap();
        assert!(some.len() <= 64);
        some.last().map(Event::id)
    } {
        wanted.retain(|id| *id > last);
    }
    assert!(wanted.is_empty());
}

#[tokio::test]
async fn counting_and_the_next_arrival() {
    let (_dir, store) = open(&["ann", "bob"]).await;
    assert_eq!(store.received_after(EventId::START).await.unwrap(), None);
    let at = |time, batch: Batch| Batch { received_at: Millis(time), ..batch };
    store.commit(at(10, batch("ann", 0, &vec!["gone"; 12_000]))).await.unwrap();
    store.commit(at(20, batch("bob", 0, &["a", "b"]))).await.unwrap();
    let mut only_refused = batch("bob", 2, &[]);
    only_refused.entries.push(refused(3, vec![1]));
    store.commit(at(30, only_refused)).await.unwrap();
    store.commit(at(40, batch("bob", 2, &["c"]))).await.unwrap();
    for (after, until, count) in [(0, 12_004, 12_003), (0, MAX_NUMBER, 12_003), (11_999, 12_001, 2)]
    {
        assert_eq!(store.count_between(id(after), id(until)).await.unwrap(), count);
    }
    assert_eq!(store.received_after(id(11_999)).await.unwrap(), Some(Millis(10)));
    assert_eq!(store.received_after(id(12_002)).await.unwrap(), Some(Millis(40)));
    assert_eq!(store.received_after(id(12_004)).await.unwrap(), None);
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    for (after, until, count) in
        [(0, MAX_NUMBER, 3), (0, 12_001, 1), (12_001, 12_003, 1), (9, 3, 0)]
    {
        assert_eq!(store.count_between(id(after), id(until)).await.unwrap(), count);
    }
    assert_eq!(store.received_after(EventId::START).await.unwrap(), Some(Millis(20)));
}

const NAMES: [&str; 3] = ["ann", "bob", "cat"];
const VALS: [&str; 4] = ["spam", "spammer", "rude", "!hide"];
const URIS: [&str; 4] = [
    "did:web:a.test",
    "at://did:web:a.test/app.bsky.feed.post/1",
    "at://did:web:a.test/app.bsky.feed.post/2",
    "https://a.test",
];

/// Some labels of one labeler (value and uri; `None` for a rejected one), or its purge.
#[derive(Debug, Clone)]
enum Step {
    Commit(usize, Vec<Option<(&'static str, &'static str)>>),
    Purge(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = proptest::option::weighted(0.7, (select(&VALS), select(&URIS)));
    let step = prop_oneof![
        6 => (0..NAMES.len(), proptest::collection::vec(what, 0..12))
            .prop_map(|(who, what)| Step::Commit(who, what)),
        1 => (0..NAMES.len()).prop_map(Step::Purge),
    ];
    proptest::collection::vec(step, 1..20)
}

fn filters() -> impl Strategy<Value = Filter> {
    let dids: &'static [&'static str] =
        &["did:web:ann.test", "did:web:bob.test", "did:web:cat.test"];
    let some = |of: &'static [&'static str]| {
        proptest::option::of(proptest::collection::vec(select(of), 1..3))
    };
    let val = some(&["spam", "spam*", "!hide", "x"]);
    let uri = some(&["did:*", "at://did:web:a.test/*", "https://a.test"]);
    let verdict = some(&["verified", "bad-signature", "malformed"]);
    (some(dids), val, uri, some(&["account", "record", "other"]), verdict).prop_map(
        |(src, val, uri, subject, verdict)| {
            let fields = [
                ("src", src),
                ("val", val),
                ("uri", uri),
                ("subject", subject),
                ("verdict", verdict),
            ];
            let given = fields.into_iter().filter_map(|(name, values)| Some((name, values?)));
            Filter::read(given, Hosts::Public).unwrap()
        },
    )
}

/// What was committed and not purged, by its id.
type Log = BTreeMap<i64, (Did, Option<(&'static str, &'static str)>)>;

fn takes(filter: &Filter, labeler: &Did, what: Option<(&str, &str)>) -> bool {
    let verdict = if what.is_some() { Verdict::Verified } else { Verdict::BadSignature };
    let (val, uri) = (what.map(|it| it.0), what.map(|it| it.1));
    filter.takes(&Facts { labeler, uri, val, verdict })
}

async fn fill(store: &Store, steps: &[Step]) -> Log {
    let (mut log, mut last, mut cursors) = (Log::new(), 0, [0; NAMES.len()]);
    for step in steps {
        match step {
            Step::Commit(who, what) => {
                let mut batch = batch(NAMES[*who], cursors[*who], &[]);
                for what in what {
                    last += 1;
                    cursors[*who] += 1;
                    log.insert(last, (did(NAMES[*who]), *what));
                    let number = seq(cursors[*who]);
                    batch.entries.push(match what {
                        Some((val, uri)) => {
                            let uri = (*uri).to_owned();
                            let parts = label::Parts { uri, ..parts(NAMES[*who], val) };
                            let (label, verdict) = (Label::vouched(parts), Verdict::Verified);
                            Entry::Label { seq: number, place: 0, label, verdict, raw: None }
                        }
                        None => refused(number.get(), vec![7]),
                    });
                }
                batch.cursor = seq(cursors[*who]);
                store.commit(batch).await.unwrap();
            }
            Step::Purge(who) => {
                let labeler = did(NAMES[*who]);
                store.remove_labelers(vec![labeler.clone()], true).await.unwrap();
                log.retain(|_, (kept, _)| *kept != labeler);
                cursors[*who] = 0;
                store.add_labelers(vec![labeler], Source::Api, Millis(1)).await.unwrap();
            }
        }
    }
    log
}

async fn compare(steps: Vec<Step>, filter: Filter, pages: Scan) {
    let (_dir, store) = open(&NAMES).await;
    let mut log = fill(&store, &steps).await;
    let end = store.head().borrow().last.min(pages.until);
    log.retain(|number, (_, what)| {
        (pages.after.get() + 1..=end.get()).contains(number) && (pages.rejected || what.is_some())
    });
    let look = |(filter, seen): &mut (Filter, Vec<i64>), row: &RowView<'_>| {
        seen.push(row.id.get());
        let RowView { labeler, topic: Topic::Label(verdict), uri, val, .. } = *row else {
            panic!("{row:?}");
        };
        filter.takes(&Facts { labeler, uri, val, verdict })
    };
    let (mut state, mut after) = ((filter.clone(), Vec::new()), pages.after);
    let (mut events, mut looked) = (Vec::new(), 0);
    while after < end {
        let found = store.scan(Scan { after, ..pages }, state, look).await.unwrap();
        assert!(found.read > after && found.read <= end, "{:?} {after}", found.read);
        assert!(found.events.len() <= pages.events);
        events.extend(found.events);
        (state, after) = (found.state, found.read);
        looked += found.looked;
    }
    let seen: Vec<i64> = log.keys().copied().collect();
    assert_eq!(state.1, seen, "each living row is looked at once");
    let wanted: Vec<i64> = log
        .iter()
        .filter_map(|(id, (labeler, what))| takes(&filter, labeler, *what).then_some(*id))
        .collect();
    assert_eq!(ids(&events), wanted);
    for event in &events {
        let (labeler, what) = &log[&event.id().get()];
        assert_eq!(event.labeler(), labeler);
        match event {
            Event::Label(event) => {
                assert_eq!(Some((event.label.val.as_str(), event.label.uri.as_str())), *what);
            }
            Event::Rejected(_) => assert_eq!(*what, None),
            Event::Labeler(_) | Event::State(_) => unreachable!("nobody asked for it"),
        }
    }
    let labels = log.values().filter(|(_, what)| what.is_some()).count() as u64;
    assert_eq!(looked, labels);
    assert_eq!(store.count_between(pages.after, end.max(pages.after)).await.unwrap(), labels);
    let wanted = wanted.into_iter().map(id).collect();
    assert_eq!(store.some(wanted).await.unwrap(), events);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_is_a_filter_of_everything(
        steps in steps(),
        filter in filters(),
        after in 0i64..20,
        until in prop_oneof![1 => 0i64..100, 2 => Just(MAX_NUMBER)],
        rows in 1usize..15,
        events in 1usize..8,
        rejected in any::<bool>(),
    ) {
        let pages = Scan { after: id(after), until: id(until), rows, events, rejected, labelers: false, states: false };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(compare(steps, filter, pages));
    }
}
