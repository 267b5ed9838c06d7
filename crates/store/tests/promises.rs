//! What every kind of store promises. Each promise runs against each kind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]

mod common;

use common::{batch, did, entry, events_after, id, labels, log, parts, refused, seq};
use label::{Change, Epoch, Event, EventId, Label, Millis, Parts, Verdict};
use std::path::PathBuf;
use std::time::Duration;
use store::{
    Batch, ConsumerRow, Counts, DeadRow, Entry, Head, Noted, Remedy, Scan, Source, Store,
    StoreError, Topic,
};

/// A store, and how to open it again.
struct Shop {
    path: PathBuf,
    store: Option<Store>,
}

impl Shop {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Drops the store, as a crash of the caller would, and opens it again.
    fn reopen(&mut self) -> &Store {
        self.store = None;
        self.store = Some(Store::open(&self.path).unwrap());
        self.store()
    }

    /// Has these tracked.
    async fn track(&self, names: &[&str]) -> &Store {
        let dids = names.iter().map(|name| did(name)).collect();
        self.store().add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
        self.store()
    }
}

/// Runs the promise against every kind of store we ship.
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("labeltap.db");
                let store = Some(super::Store::open(&path).unwrap());
                super::$name(super::Shop { path, store }).await;
            })+
        }
    };
}

promises! {
    a_commit_moves_the_cursor_and_adds_to_the_log,
    a_label_comes_back_as_it_was_signed,
    a_batch_read_twice_is_stored_once,
    a_batch_of_another_epoch_asks_for_a_resync,
    an_empty_batch_moves_the_cursor,
    labelers_do_not_share_a_cursor,
    nothing_is_stored_for_a_labeler_that_is_not_tracked,
    what_comes_after_caught_up_is_live,
    adding_answers_only_the_new_ones,
    a_removed_labeler_comes_back_only_by_the_api_and_where_it_was,
    a_purged_labeler_starts_from_nothing_and_stays_removed,
    a_purge_is_finished_after_a_restart,
    ids_grow_and_are_never_used_again,
    everything_is_there_after_a_drop_without_close,
    rejected_labels_are_kept_aside_newest_first,
    a_large_rejected_label_is_kept_without_its_bytes,
    the_head_moves_after_a_commit,
    what_happens_to_labelers_is_told_once_in_the_log,
    another_key_or_endpoint_is_told,
    of_a_labeler_that_comes_and_goes_only_the_newest_is_kept,
    the_roster_changes_with_the_set_of_tracked_labelers,
    what_a_document_says_is_remembered,
    events_are_read_in_order_and_in_pages,
    large_events_come_a_few_at_a_time,
    a_consumer_begins_at_the_beginning_and_keeps_its_acks,
    a_consumer_keeps_what_it_was_told,
    progress_is_kept_and_brings_nobody_back,
    what_is_set_aside_can_be_looked_at,
    what_is_set_aside_can_be_owed_again,
    who_begins_elsewhere_is_owed_what_was_set_aside_from_there_on,
    a_removed_consumer_leaves_nothing_behind,
    many_at_once_all_land,
    a_closed_store_says_so,
}

async fn a_commit_moves_the_cursor_and_adds_to_the_log(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let done = store.commit(batch("ann", 0, &["spam", "rude"])).await.unwrap();
    assert_eq!((done.labels, done.rejected, done.head), (2, 0, id(2)));
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.cursor, row.labels, row.epoch), (seq(2), 2, Epoch::FIRST));
    assert_eq!(row.last_label_at, Some(Millis(1_700_000_000_000)));
    assert_eq!(log(store).await, [(1, "spam".into()), (2, "rude".into())]);
    assert_eq!(store.counts().await.unwrap(), Counts { labelers: 1, labels: 2 });
}

async fn a_label_comes_back_as_it_was_signed(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let full = Parts {
        cid: Some("bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq".into()),
        neg: Some(false),
        exp: Some("2030-01-01T00:00:00+02:00".into()),
        uri: "nul\0and ünïcode".into(),
        ..parts("ann", "")
    };
    let variants = [
        (full.clone(), Verdict::VerifiedOldKey, Some(vec![1, 2, 3])),
        (Parts { neg: Some(true), ..full.clone() }, Verdict::Verified, None),
        (parts("ann", "spam"), Verdict::Verified, None),
    ];
    let mut wanted = batch("ann", 0, &[]);
    wanted.cursor = seq(9);
    for (place, (parts, verdict, raw)) in (0u32..).zip(variants.clone()) {
        let label = Label::vouched(parts);
        wanted.entries.push(Entry::Label { seq: seq(9), place, label, verdict, raw });
    }
    store.commit(wanted).await.unwrap();

    let events = labels(store.some(vec![id(3), id(1), id(77), id(2), id(1)]).await.unwrap());
    assert_eq!(events.iter().map(|event| event.id.get()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(events, events_after(store, EventId::START, 10).await);
    for ((place, event), (parts, verdict, raw)) in (0u32..).zip(events).zip(variants) {
        assert_eq!(event.label.clone().into_parts(), parts);
        assert_eq!((event.verdict, event.raw, event.place), (verdict, raw, place));
        assert_eq!((event.labeler, event.seq, event.epoch), (did("ann"), seq(9), Epoch::FIRST));
        assert_eq!((event.received_at, event.live), (Millis(1_700_000_000_000), false));
    }
}

async fn a_batch_read_twice_is_stored_once(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    let error = store.commit(batch("ann", 0, &["spam"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { cursor, .. } if cursor == seq(1)), "{error}");
    assert_eq!(error.remedy(), Remedy::Resync);
    assert_eq!(log(store).await, [(1, "spam".into())]);
}

async fn a_batch_of_another_epoch_asks_for_a_resync(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let error =
        store.commit(Batch { epoch: Epoch(2), ..batch("ann", 0, &["spam"]) }).await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { epoch: Epoch::FIRST, .. }), "{error}");
    assert_eq!(log(store).await, []);
}

async fn an_empty_batch_moves_the_cursor(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.commit(Batch { cursor: seq(40), ..batch("ann", 0, &[]) }).await.unwrap();
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.cursor, row.labels, row.last_label_at), (seq(40), 0, None));
}

async fn labelers_do_not_share_a_cursor(shop: Shop) {
    let store = shop.track(&["ann", "bob"]).await;
    store.commit(batch("ann", 0, &["spam", "spam"])).await.unwrap();
    store.commit(batch("bob", 0, &["rude"])).await.unwrap();
    let rows = store.labelers().await.unwrap();
    let cursors: Vec<_> = rows.iter().map(|row| (row.did.clone(), row.cursor)).collect();
    assert_eq!(cursors, [(did("ann"), seq(2)), (did("bob"), seq(1))]);
}

async fn nothing_is_stored_for_a_labeler_that_is_not_tracked(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let error = store.commit(batch("bob", 0, &["spam"])).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Leave);
    store.remove_labelers(vec![did("ann"), did("nobody")], false).await.unwrap();
    let error = store.commit(batch("ann", 0, &["spam"])).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Leave);
    assert_eq!(
        store.caught_up(did("ann"), "live", Millis(1)).await.unwrap_err().remedy(),
        Remedy::Leave
    );
    assert_eq!(
        store.note(did("ann"), Noted::default(), "live", Millis(1)).await.unwrap_err().remedy(),
        Remedy::Leave
    );
    assert_eq!(log(store).await, []);
    assert_eq!(store.labelers().await.unwrap(), []);
    assert!(!store.labeler(did("ann")).await.unwrap().unwrap().tracked);
    assert_eq!(store.labeler(did("nobody")).await.unwrap(), None);
}

async fn what_comes_after_caught_up_is_live(mut shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.commit(batch("ann", 0, &["old"])).await.unwrap();
    store.caught_up(did("ann"), "live", Millis(1)).await.unwrap();
    store.commit(batch("ann", 1, &["new"])).await.unwrap();
    let store = shop.reopen();
    store.commit(batch("ann", 2, &["newer"])).await.unwrap();
    let events = events_after(store, EventId::START, 10).await;
    assert_eq!(events.iter().map(|event| event.live).collect::<Vec<_>>(), [false, true, true]);
    assert!(store.labeler(did("ann")).await.unwrap().unwrap().caught_up);
}

async fn adding_answers_only_the_new_ones(shop: Shop) {
    let store = shop.store();
    let add = |names: &[&str], source| {
        store.add_labelers(names.iter().map(|name| did(name)).collect(), source, Millis(1))
    };
    assert_eq!(add(&["ann", "ann"], Source::Config).await.unwrap(), [did("ann")]);
    assert_eq!(add(&["ann", "bob"], Source::Api).await.unwrap(), [did("bob")]);
    assert_eq!(add(&["ann"], Source::Api).await.unwrap(), []);
    assert_eq!(add(&[], Source::Api).await.unwrap(), []);
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!(row.sources, [Source::Config, Source::Api]);
    assert!(row.tracked && !row.caught_up && row.cursor == seq(0));
}

async fn a_removed_labeler_comes_back_only_by_the_api_and_where_it_was(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    store.remove_labelers(vec![did("ann")], false).await.unwrap();
    for source in Source::ALL.into_iter().filter(|source| *source != Source::Api) {
        assert_eq!(store.add_labelers(vec![did("ann")], source, Millis(2)).await.unwrap(), []);
    }
    assert_eq!(log(store).await, [(1, "spam".into())], "labels stay");
    let again = store.add_labelers(vec![did("ann")], Source::Api, Millis(2)).await.unwrap();
    assert_eq!(again, [did("ann")]);
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.tracked, row.cursor, row.labels), (true, seq(1), 1));
}

async fn a_purged_labeler_starts_from_nothing_and_stays_removed(shop: Shop) {
    let store = shop.track(&["ann", "bob"]).await;
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    store.commit(batch("bob", 0, &["rude"])).await.unwrap();
    store.caught_up(did("ann"), "live", Millis(1)).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    assert_eq!(log(store).await, [(2, "rude".into())]);
    assert_eq!(store.some(vec![id(1), id(2)]).await.unwrap().len(), 1);
    assert_eq!(store.counts().await.unwrap(), Counts { labelers: 1, labels: 1 });
    assert_eq!(store.count_after(EventId::START).await.unwrap(), 1);
    assert_eq!(store.add_labelers(vec![did("ann")], Source::Plc, Millis(2)).await.unwrap(), []);

    store.add_labelers(vec![did("ann")], Source::Api, Millis(2)).await.unwrap();
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.cursor, row.caught_up, row.labels), (seq(0), false, 0));
    assert_eq!(row.sources, [Source::Api]);
    store.commit(batch("ann", 0, &["again"])).await.unwrap();
    assert_eq!(log(store).await, [(2, "rude".into()), (4, "again".into())]);
}

async fn a_purge_is_finished_after_a_restart(mut shop: Shop) {
    let store = shop.track(&["ann", "bob"]).await;
    let many = vec!["spam"; 9000];
    store.commit(batch("ann", 0, &many)).await.unwrap();
    store.commit(batch("bob", 0, &["rude"])).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    shop.reopen();
    let rows = || {
        let db = rusqlite::Connection::open(&shop.path).unwrap();
        db.query_row("SELECT count(*) FROM labels", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let swept = async {
        while rows() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.unwrap();
    assert_eq!(log(shop.store()).await, [(9001, "rude".into())]);
}

async fn ids_grow_and_are_never_used_again(mut shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut first = batch("ann", 0, &["spam", "rude"]);
    first.entries.push(refused(2, vec![1]));
    store.commit(first).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.head().borrow().last, id(3));
    store.add_labelers(vec![did("ann")], Source::Api, Millis(1)).await.unwrap();
    let done = store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    assert_eq!(done.head, id(4));
    assert_eq!(log(store).await, [(4, "spam".into())]);
    assert_eq!(*store.head().borrow(), Head { last: id(4), added: 3 });
}

async fn everything_is_there_after_a_drop_without_close(mut shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    let before = store.labeler(did("ann")).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.labeler(did("ann")).await.unwrap(), before);
    assert_eq!(log(store).await, [(1, "spam".into())]);
    assert_eq!(*store.head().borrow(), Head { last: id(1), added: 1 });
}

async fn rejected_labels_are_kept_aside_newest_first(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut mixed = batch("ann", 0, &["spam"]);
    mixed.entries.push(refused(1, vec![1]));
    mixed.entries.push(refused(1, vec![2]));
    mixed.entries.push(entry("ann", 1, "rude"));
    let done = store.commit(mixed).await.unwrap();
    assert_eq!((done.labels, done.rejected, done.head), (2, 2, id(4)));
    let rows = store.rejected(did("ann"), None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(3), id(2)]);
    assert_eq!((rows[0].raw.as_deref(), rows[0].verdict), (Some(&[2][..]), Verdict::BadSignature));
    assert_eq!((rows[0].seq, rows[0].reason.as_str()), (seq(1), "the signature does not hold"));
    assert_eq!(store.rejected(did("ann"), None, 1).await.unwrap(), rows[..1]);
    assert_eq!(store.rejected(did("ann"), Some(id(3)), 10).await.unwrap(), rows[1..]);
    assert_eq!(store.rejected(did("bob"), None, 10).await.unwrap(), []);
    assert_eq!(log(store).await, [(1, "spam".into()), (4, "rude".into())]);
    let row = store.labeler(did("ann")).await.unwrap().unwrap();
    assert_eq!((row.labels, row.rejected), (2, 2));
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    assert_eq!(store.rejected(did("ann"), None, 10).await.unwrap(), []);
}

async fn a_large_rejected_label_is_kept_without_its_bytes(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut large = batch("ann", 0, &[]);
    large.entries.push(refused(1, vec![0; 16 * 1024]));
    large.entries.push(refused(1, vec![0; 16 * 1024 + 1]));
    store.commit(large).await.unwrap();
    let rows = store.rejected(did("ann"), None, 10).await.unwrap();
    assert_eq!(rows[0].raw, None);
    assert_eq!(rows[1].raw.as_ref().map(Vec::len), Some(16 * 1024));
}

async fn the_head_moves_after_a_commit(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut head = store.head();
    assert_eq!(*head.borrow_and_update(), Head::default());
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    assert!(head.has_changed().unwrap());
    assert_eq!(*head.borrow_and_update(), Head { last: id(1), added: 1 });
    store.commit(batch("ann", 0, &["spam"])).await.unwrap_err();
    assert!(!head.has_changed().unwrap());
    store.caught_up(did("ann"), "live", Millis(1)).await.unwrap();
    assert_eq!(*head.borrow_and_update(), Head { last: id(2), added: 1 }, "that is told, too");
}

/// What happened to labelers, by the log.
async fn happenings(store: &Store) -> Vec<(i64, Change, String)> {
    let until = id(label::MAX_NUMBER);
    let after = EventId::START;
    let scan = Scan {
        after,
        until,
        rows: 10_000,
        events: 10_000,
        rejected: true,
        labelers: true,
        states: false,
    };
    let scanned = store.scan(scan, (), |(), row| row.topic == Topic::Labeler).await.unwrap();
    let told = |event| match event {
        Event::Labeler(event) => (event.id.get(), event.change, event.state),
        other => panic!("{other:?}"),
    };
    scanned.events.into_iter().map(told).collect()
}

async fn what_happens_to_labelers_is_told_once_in_the_log(mut shop: Shop) {
    let store = shop.track(&["ann"]).await;
    store.announce(Millis(1)).await.unwrap();
    store.announce(Millis(2)).await.unwrap();
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    store.caught_up(did("ann"), "live", Millis(3)).await.unwrap();
    store.happened(did("ann"), Change::Gone, "gone", Millis(4)).await.unwrap();
    store.happened(did("ann"), Change::Gone, "gone", Millis(5)).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    store.announce(Millis(6)).await.unwrap();
    let store = shop.reopen();
    store.announce(Millis(7)).await.unwrap();
    let told = happenings(store).await;
    let expected = [
        (1, Change::Added, "pending"),
        (3, Change::CaughtUp, "live"),
        (4, Change::Gone, "gone"),
        (5, Change::Removed, "pending"),
    ];
    let expected = expected.map(|(id, change, state)| (id, change, state.to_owned()));
    assert_eq!(told, expected);
    let some = store.some(vec![id(2), id(3), id(5)]).await.unwrap();
    assert_eq!(some.len(), 2, "the label was purged");
}

async fn another_key_or_endpoint_is_told(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let noted = |key: &str, url: &str| Noted {
        handle: None,
        service_url: Some(url.to_owned()),
        key: Some(key.to_owned()),
    };
    let note = |noted| store.note(did("ann"), noted, "live", Millis(1));
    note(noted("did:key:one", "https://one.test")).await.unwrap();
    note(noted("did:key:one", "https://one.test")).await.unwrap();
    note(noted("did:key:two", "https://one.test")).await.unwrap();
    note(noted("did:key:two", "https://two.test")).await.unwrap();
    let told: Vec<Change> =
        happenings(store).await.into_iter().map(|(_, change, _)| change).collect();
    assert_eq!(told, [Change::KeyChanged, Change::ServiceChanged], "the first is no change");
}

async fn of_a_labeler_that_comes_and_goes_only_the_newest_is_kept(shop: Shop) {
    let store = shop.track(&["ann", "bob"]).await;
    store.happened(did("bob"), Change::Connected, "live", Millis(1)).await.unwrap();
    for _ in 0..600 {
        store.happened(did("ann"), Change::Connected, "live", Millis(1)).await.unwrap();
        store.happened(did("ann"), Change::Disconnected, "waiting", Millis(1)).await.unwrap();
    }
    let told = happenings(store).await;
    assert_eq!((told.len(), told[0].0, told[1].0), (1001, 1, 202));
}

async fn the_roster_changes_with_the_set_of_tracked_labelers(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut roster = store.roster();
    let changed = |roster: &mut tokio::sync::watch::Receiver<u64>| {
        let changed = roster.has_changed().unwrap();
        roster.mark_unchanged();
        changed
    };
    roster.mark_unchanged();
    store.add_labelers(vec![did("ann")], Source::Config, Millis(1)).await.unwrap();
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    assert!(!changed(&mut roster));
    store.add_labelers(vec![did("bob")], Source::Config, Millis(1)).await.unwrap();
    assert!(changed(&mut roster));
    store.remove_labelers(vec![did("bob")], false).await.unwrap();
    assert!(changed(&mut roster));
    store.remove_labelers(vec![did("bob")], false).await.unwrap();
    assert!(!changed(&mut roster));
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    assert!(changed(&mut roster));
}

async fn what_a_document_says_is_remembered(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let noted = Noted {
        handle: Some("ann.test".into()),
        service_url: Some("https://labels.ann.test".into()),
        key: Some("did:key:zQ3".into()),
    };
    store.note(did("ann"), noted.clone(), "live", Millis(1)).await.unwrap();
    assert_eq!(store.labeler(did("ann")).await.unwrap().unwrap().noted, noted);
    store.note(did("ann"), Noted::default(), "live", Millis(1)).await.unwrap();
    assert_eq!(store.labeler(did("ann")).await.unwrap().unwrap().noted, Noted::default());
}

async fn events_are_read_in_order_and_in_pages(shop: Shop) {
    let store = shop.track(&["ann", "bob"]).await;
    // More rows of a purged labeler than one read passes over, between two others.
    store.commit(batch("bob", 0, &["first"])).await.unwrap();
    let many = vec!["gone"; 12_000];
    store.commit(batch("ann", 0, &many)).await.unwrap();
    store.commit(batch("bob", 1, &["second", "third"])).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    let page = events_after(store, EventId::START, 2).await;
    assert_eq!(page.iter().map(|event| event.id).collect::<Vec<_>>(), [id(1), id(12_002)]);
    let rest = events_after(store, id(12_002), 2).await;
    assert_eq!(rest.iter().map(|event| event.id).collect::<Vec<_>>(), [id(12_003)]);
    assert_eq!(events_after(store, id(12_003), 2).await, []);
    assert_eq!(events_after(store, EventId::START, 0).await, []);
    assert_eq!(store.count_after(id(0)).await.unwrap(), 3);
    assert_eq!(store.count_after(id(1)).await.unwrap(), 2);
    assert_eq!(store.count_after(id(12_003)).await.unwrap(), 0);
}

async fn large_events_come_a_few_at_a_time(shop: Shop) {
    let store = shop.track(&["ann"]).await;
    let mut large = batch("ann", 0, &["spam"; 100]);
    for entry in &mut large.entries {
        let store::Entry::Label { raw, .. } = entry else { unreachable!() };
        *raw = Some(vec![7; 64 * 1024]);
    }
    store.commit(large).await.unwrap();
    // Larger than a page may be: comes all the same, alone.
    let mut largest = batch("ann", 100, &["last", "spam"]);
    let store::Entry::Label { raw, .. } = &mut largest.entries[0] else { unreachable!() };
    *raw = Some(vec![7; 3 << 20]);
    store.commit(largest).await.unwrap();

    let (mut after, mut pages) = (EventId::START, Vec::new());
    loop {
        let (page, read) = common::page(store, after, 500).await;
        let Some(last) = page.last() else { break };
        assert_eq!(read, last.id);
        assert_eq!(page[0].id, after.next(), "nothing is left out");
        after = last.id;
        pages.push(page.len());
    }
    assert_eq!(after, id(102));
    assert!(pages.iter().all(|page| *page <= 17), "{pages:?}");

    let mut wanted: Vec<_> = (1..=102).rev().map(id).collect();
    let mut first = labels(store.some(wanted.clone()).await.unwrap());
    assert_eq!((first.len(), first[0].id), (16, id(1)));
    while let Some(last) = first.last() {
        wanted.retain(|id| *id > last.id);
        first = labels(store.some(wanted.clone()).await.unwrap());
    }
    assert!(wanted.is_empty(), "{wanted:?}");
    assert_eq!(store.some(vec![id(101)]).await.unwrap().len(), 1);
}

async fn a_consumer_begins_at_the_beginning_and_keeps_its_acks(mut shop: Shop) {
    let store = shop.store();
    let fresh = store.consumer("default".into()).await.unwrap();
    assert_eq!((fresh.position, fresh.ahead.len()), (EventId::START, 0));
    let row = ConsumerRow {
        name: "default".into(),
        position: id(1000),
        ahead: vec![1002..=1002, 1005..=2000, 9_000_000_000..=9_000_000_001],
        filter: None,
        webhook: None,
    };
    let (name, position, ahead) = (row.name.clone(), row.position, row.ahead.clone());
    store.save_progress(name, position, ahead).await.unwrap();
    store.consumer("another".into()).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.consumer("default".into()).await.unwrap(), row);
    let names: Vec<_> = store.consumers().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["another", "default"]);
}

fn consumer(name: &str) -> ConsumerRow {
    ConsumerRow {
        name: name.into(),
        position: id(4),
        ahead: vec![6..=8],
        filter: Some(r#"{"val":["spam"]}"#.into()),
        webhook: Some("https://hook.test/in".into()),
    }
}

async fn a_consumer_keeps_what_it_was_told(mut shop: Shop) {
    let store = shop.store();
    assert_eq!(store.find_consumer("mod".into()).await.unwrap(), None);
    assert_eq!(store.consumers().await.unwrap(), []);
    let fresh = store.consumer("mod".into()).await.unwrap();
    assert_eq!((fresh.filter.clone(), fresh.webhook.clone()), (None, None));
    assert_eq!(store.find_consumer("mod".into()).await.unwrap(), Some(fresh.clone()));
    for row in [consumer("mod"), consumer("new")] {
        store.set_consumer(row.clone(), None).await.unwrap();
        assert_eq!(store.consumer(row.name.clone()).await.unwrap(), row);
    }
    let store = shop.reopen();
    assert_eq!(store.consumers().await.unwrap(), [consumer("mod"), consumer("new")]);
    store.set_consumer(fresh.clone(), None).await.unwrap();
    assert_eq!(store.consumers().await.unwrap(), [fresh, consumer("new")]);
}

async fn progress_is_kept_and_brings_nobody_back(mut shop: Shop) {
    let store = shop.store();
    store.set_consumer(consumer("mod"), None).await.unwrap();
    store.save_progress("mod".into(), id(9), vec![11..=12]).await.unwrap();
    store.save_progress("gone".into(), id(9), vec![]).await.unwrap();
    let expected = ConsumerRow { position: id(9), ahead: vec![11..=12], ..consumer("mod") };
    assert_eq!(shop.reopen().consumers().await.unwrap(), [expected]);
}

fn dead(number: i64, deliveries: u32, last_error: Option<&str>) -> DeadRow {
    DeadRow { id: id(number), deliveries, last_error: last_error.map(str::to_owned) }
}

async fn what_is_set_aside_can_be_looked_at(mut shop: Shop) {
    let store = shop.store();
    for name in ["one", "other"] {
        store.set_consumer(consumer(name), None).await.unwrap();
    }
    let aside = |name: &str, rows| store.set_aside(name.into(), rows, Millis(7));
    aside("one", vec![dead(9, 3, None), dead(2, 3, Some("503"))]).await.unwrap();
    aside("one", vec![dead(5, 1, Some("a\nb")), dead(9, 4, Some("timed out"))]).await.unwrap();
    aside("other", vec![dead(2, 8, None)]).await.unwrap();
    aside("unknown", vec![dead(2, 8, None)]).await.unwrap();
    aside("one", vec![]).await.unwrap();

    let store = shop.reopen();
    let all = [dead(2, 3, Some("503")), dead(5, 1, Some("a\nb")), dead(9, 4, Some("timed out"))];
    assert_eq!(store.dead("one".into(), None, 100).await.unwrap(), all);
    assert_eq!(store.dead("one".into(), None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.dead("one".into(), Some(id(2)), 1).await.unwrap(), all[1..2]);
    assert_eq!(store.dead("one".into(), Some(id(9)), 100).await.unwrap(), []);
    assert_eq!(store.dead("unknown".into(), None, 100).await.unwrap(), []);
    assert_eq!(store.dead("one".into(), None, 100).await.unwrap().len(), 3);
    assert_eq!(store.dead("unknown".into(), None, 100).await.unwrap().len(), 0);
    let asked = vec![id(9), id(3), id(2), id(9), id(1000)];
    assert_eq!(store.dead_among("one".into(), asked.clone()).await.unwrap(), [id(2), id(9)]);
    assert_eq!(store.dead_among("other".into(), asked).await.unwrap(), [id(2)]);
    assert_eq!(store.dead_among("one".into(), vec![]).await.unwrap(), []);
}

async fn what_is_set_aside_can_be_owed_again(mut shop: Shop) {
    let store = shop.store();
    for name in ["one", "other"] {
        store.set_consumer(consumer(name), None).await.unwrap();
        let rows = vec![dead(2, 3, None), dead(5, 3, None), dead(9, 3, None)];
        store.set_aside(name.into(), rows, Millis(7)).await.unwrap();
    }
    let ids = vec![id(2), id(9), id(77)];
    store.retry_dead("one".into(), id(1), vec![3..=8], ids).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.dead("one".into(), None, 100).await.unwrap(), [dead(5, 3, None)]);
    assert_eq!(store.dead("other".into(), None, 100).await.unwrap().len(), 3);
    let expected = ConsumerRow { position: id(1), ahead: vec![3..=8], ..consumer("one") };
    assert_eq!(store.consumers().await.unwrap(), [expected, consumer("other")]);
}

async fn who_begins_elsewhere_is_owed_what_was_set_aside_from_there_on(mut shop: Shop) {
    let store = shop.store();
    for name in ["one", "other"] {
        store.set_consumer(consumer(name), None).await.unwrap();
        let rows = vec![dead(2, 3, None), dead(5, 3, None), dead(9, 3, None)];
        store.set_aside(name.into(), rows, Millis(7)).await.unwrap();
    }
    let row = ConsumerRow { position: id(2), ahead: vec![], ..consumer("one") };
    store.set_consumer(row.clone(), Some(String::new())).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.dead("one".into(), None, 100).await.unwrap(), [dead(2, 3, None)]);
    assert_eq!(store.dead("other".into(), None, 100).await.unwrap().len(), 3);
    assert_eq!(store.consumers().await.unwrap(), [row, consumer("other")]);
}

async fn a_removed_consumer_leaves_nothing_behind(mut shop: Shop) {
    let store = shop.store();
    for name in ["one", "other"] {
        store.set_consumer(consumer(name), None).await.unwrap();
        store.set_aside(name.into(), vec![dead(2, 3, None)], Millis(7)).await.unwrap();
    }
    assert!(store.remove_consumer("one".into()).await.unwrap());
    assert!(!store.remove_consumer("one".into()).await.unwrap());
    store.save_progress("one".into(), id(9), vec![]).await.unwrap();
    store.retry_dead("one".into(), id(1), vec![], vec![id(2)]).await.unwrap();
    store.set_aside("one".into(), vec![dead(3, 3, None)], Millis(8)).await.unwrap();
    let store = shop.reopen();
    assert_eq!(store.consumers().await.unwrap(), [consumer("other")]);
    assert_eq!(store.dead("one".into(), None, 100).await.unwrap().len(), 0);
    assert_eq!(store.dead("other".into(), None, 100).await.unwrap().len(), 1);
    let again = store.consumer("one".into()).await.unwrap();
    assert_eq!((again.position, again.filter), (EventId::START, None));
}

async fn many_at_once_all_land(shop: Shop) {
    let names: Vec<_> = (0..40).map(|number| format!("labeler{number}")).collect();
    let store = shop.track(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for name in names {
        let store = store.clone();
        tasks.spawn(async move {
            for after in 0..25 {
                store.commit(batch(&name, after, &["spam"])).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let ids: Vec<_> = log(store).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (1..=1000).collect::<Vec<_>>());
    assert_eq!(store.counts().await.unwrap(), Counts { labelers: 40, labels: 1000 });
    assert_eq!(*store.head().borrow(), Head { last: id(1000), added: 1000 });
}

async fn a_closed_store_says_so(mut shop: Shop) {
    let store = shop.track(&["ann"]).await.clone();
    assert!(store.accepts_writes());
    let commit = store.commit(batch("ann", 0, &["spam"]));
    commit.await.unwrap();
    store.close().await;
    store.close().await;
    store.ended().await.unwrap();
    assert!(!store.accepts_writes());
    assert!(matches!(store.commit(batch("ann", 1, &["x"])).await, Err(StoreError::Closed)));
    assert!(matches!(store.counts().await, Err(StoreError::Closed)));
    // The old handle is still there; the file is free all the same.
    assert_eq!(log(shop.reopen()).await, [(1, "spam".into())]);
}
