//! Faults, injected where they would happen: by triggers and limits of SQLite's own.

use super::*;
use crate::room::Limits;
use crate::{Batch, Entry, Rejected, Scan, Source, commit, labelers, schema};
use label::{Did, Epoch, EventId, Label, Millis, Parts, Seq, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Heard<T> = oneshot::Receiver<Result<T, StoreError>>;

const KEEP_REJECTED: u64 = 20;

/// A writer over a database in memory, with ann, bob and cat tracked.
fn writer() -> Writer {
    writer_in(Room::new(Limits::default(), Box::new(|| Ok(0))))
}

/// The same, with so much room.
fn writer_in(room: Room) -> Writer {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db, 0).unwrap();
    let signs = Signs {
        head: watch::Sender::default(),
        roster: watch::Sender::default(),
        states: watch::Sender::default(),
        accepts: watch::Sender::new(true),
        refusal: watch::Sender::default(),
    };
    let mut writer = Writer::prepare(db, KEEP_REJECTED, signs, room).unwrap();
    let dids = ["ann", "bob", "cat"].map(did).to_vec();
    let added = run(&mut writer, move |desk| labelers::add(desk, &dids, Source::Api, Millis(1)));
    assert_eq!(added.unwrap().len(), 3);
    writer
}

fn job<T: Send + 'static>(
    work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
) -> (Job, Heard<T>) {
    let (answer, heard) = oneshot::channel();
    (Job::new(1, work, answer), heard)
}

/// Has the writer do one job alone; it must not stop over it.
fn run<T: Send + 'static>(
    writer: &mut Writer,
    work: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (job, heard) = job(work);
    writer.serve(&mut VecDeque::from([job])).unwrap();
    heard.blocking_recv().unwrap()
}

fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

fn seq(number: i64) -> Seq {
    Seq::cursor(number).unwrap()
}

/// One frame of these.
fn batch(name: &str, after: i64, mut entries: Vec<Entry>) -> Batch {
    let labeler = did(name);
    let cursor = seq(after + 1);
    for entry in &mut entries {
        match entry {
            Entry::Label { seq, .. } => *seq = cursor,
            Entry::Rejected(rejected) => rejected.seq = cursor,
        }
    }
    Batch {
        labeler,
        epoch: Epoch::FIRST,
        after: seq(after),
        cursor,
        received_at: Millis(5),
        entries,
    }
}

fn labels(name: &str, vals: &[&str]) -> Vec<Entry> {
    let entry = |val: &&str| Entry::Label {
        seq: seq(1),
        place: 0,
        label: Label::vouched(Parts {
            src: did(name),
            uri: "at://did:web:subject.test/app.bsky.feed.post/1".into(),
            cid: None,
            val: (*val).into(),
            neg: None,
            cts: "2026-01-01T00:00:00Z".into(),
            exp: None,
            sig: vec![7; 64],
        }),
        verdict: Verdict::Verified,
        raw: None,
    };
    vals.iter().map(entry).collect()
}

fn refused(count: usize) -> Vec<Entry> {
    let one = |number: usize| {
        Entry::Rejected(Rejected {
            seq: seq(1),
            place: 0,
            verdict: Verdict::Unsigned,
            reason: format!("number {number}"),
            raw: vec![0; 10],
        })
    };
    (0..count).map(one).collect()
}

fn commit_job(name: &str, vals: &[&str]) -> (Job, Heard<crate::Committed>) {
    let batch = batch(name, 0, labels(name, vals));
    job(move |desk| commit::commit(desk, &batch))
}

fn accepts(writer: &Writer) -> bool {
    *writer.signs.accepts.borrow()
}

/// Every label stored, with its id.
fn stored(writer: &Writer) -> Vec<(i64, String)> {
    let mut select = writer.db.prepare("SELECT id, val FROM labels ORDER BY id").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn number(writer: &Writer, sql: &str) -> i64 {
    writer.db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Makes every insert of this value fail, where a bug would.
fn break_on(writer: &Writer, val: &str) {
    let trigger = format!(
        "CREATE TRIGGER broken BEFORE INSERT ON labels WHEN NEW.val = '{val}'
         BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
    );
    writer.db.execute_batch(&trigger).unwrap();
}

/// Makes every transaction that stores a label fail at its very end.
fn break_landing(writer: &Writer) {
    let debt = "PRAGMA foreign_keys = on;
         CREATE TABLE debt (owed REFERENCES consumers (name) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER unpaid AFTER INSERT ON labels
         BEGIN INSERT INTO debt VALUES ('nobody'); END";
    writer.db.execute_batch(debt).unwrap();
}

/// As if the last failure were long enough ago to try again.
fn a_second_later(writer: &mut Writer) {
    writer.failed_at = Instant::now().checked_sub(PROBE_EVERY).unwrap();
}

#[test]
fn a_job_that_fails_half_way_takes_back_only_its_own_writes() {
    let mut writer = writer();
    break_on(&writer, "boom");
    let (first, first_heard) = commit_job("ann", &["spam"]);
    let (broken, broken_heard) = commit_job("bob", &["rude", "boom"]);
    let (last, last_heard) = commit_job("cat", &["scam"]);

    writer.serve(&mut VecDeque::from([first, broken, last])).unwrap();

    assert!(first_heard.blocking_recv().unwrap().is_ok());
    assert!(matches!(broken_heard.blocking_recv().unwrap(), Err(StoreError::Broken(_))));
    assert!(last_heard.blocking_recv().unwrap().is_ok());
    assert_eq!(stored(&writer), [(1, "spam".into()), (2, "scam".into())]);
    assert_eq!(number(&writer, "SELECT cursor FROM labelers WHERE did = 'did:web:bob.test'"), 0);
    let head = Head { last: EventId::new(2).unwrap(), added: 2 };
    assert_eq!(*writer.signs.head.borrow(), head);
}

#[test]
fn nobody_hears_done_when_the_transaction_does_not_land() {
    let mut writer = writer();
    break_landing(&writer);
    let head = writer.signs.head.subscribe();
    let (job, heard) = commit_job("ann", &["spam"]);

    let stopped = writer.serve(&mut VecDeque::from([job]));

    assert!(matches!(heard.blocking_recv().unwrap(), Err(StoreError::Broken(_))));
    assert!(matches!(stopped, Err(StoreError::Broken(_))), "must not go on: {stopped:?}");
    assert_eq!(stored(&writer), []);
    assert!(!head.has_changed().unwrap());
}

#[test]
fn a_full_disk_costs_nothing_and_gives_no_id_away() {
    let mut writer = writer();
    run(&mut writer, |desk| commit::commit(desk, &batch("ann", 0, labels("ann", &["spam"]))))
        .unwrap();
    let pages = number(&writer, "PRAGMA page_count");
    writer.db.pragma_update(None, "max_page_count", pages).unwrap();
    let many = vec!["rude"; 1000];
    let (quick, quick_heard) = commit_job("cat", &["scam"]);
    let (large, large_heard) = commit_job("bob", &many);
    let (unreached, unreached_heard) = job(|_| Ok(()));

    writer.serve(&mut VecDeque::from([quick, large, unreached])).unwrap();

    assert!(matches!(quick_heard.blocking_recv().unwrap(), Err(StoreError::Busy(_))));
    assert!(matches!(large_heard.blocking_recv().unwrap(), Err(StoreError::Busy(_))));
    assert!(matches!(unreached_heard.blocking_recv().unwrap(), Err(StoreError::Busy(_))));
    assert_eq!(stored(&writer), [(1, "spam".into())]);
    assert!(!accepts(&writer));

    // Neither a transaction that writes nothing nor a little room shows that there is room.
    run(&mut writer, |_| Ok(())).unwrap();
    assert!(!accepts(&writer));
    writer.db.pragma_update(None, "max_page_count", pages + 20).unwrap();
    a_second_later(&mut writer);
    writer.tidy().unwrap();
    assert!(!accepts(&writer));

    writer.db.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    let (again, heard) = commit_job("bob", &["rude"]);
    writer.serve(&mut VecDeque::from([again])).unwrap();
    assert!(heard.blocking_recv().unwrap().is_ok());
    assert_eq!(stored(&writer), [(1, "spam".into()), (2, "rude".into())]);
    assert!(accepts(&writer));
}

#[test]
fn a_read_only_disk_is_probed_until_it_takes_a_write() {
    let mut writer = writer();
    writer.db.pragma_update(None, "query_only", true).unwrap();
    let (job, heard) = commit_job("ann", &["spam"]);
    writer.serve(&mut VecDeque::from([job])).unwrap();
    assert!(matches!(heard.blocking_recv().unwrap(), Err(StoreError::Busy(_))));
    assert!(!accepts(&writer));

    a_second_later(&mut writer);
    writer.tidy().unwrap();
    assert!(!accepts(&writer));

    writer.db.pragma_update(None, "query_only", false).unwrap();
    writer.tidy().unwrap();
    assert!(!accepts(&writer), "the probe has just failed and waits its second");
    a_second_later(&mut writer);
    writer.tidy().unwrap();
    assert!(accepts(&writer));
    assert_eq!(number(&writer, "SELECT count(*) FROM probe"), 0);
}

/// A room whose size can be set, in bytes, and its limit.
fn a_room(min_free: u64) -> (Room, Arc<AtomicU64>) {
    let free = Arc::new(AtomicU64::new(min_free));
    let told = free.clone();
    let probe = Box::new(move || Ok(told.load(Ordering::Relaxed)));
    (Room::new(Limits { min_free }, probe), free)
}

/// The writer's next look finds so much.
fn leave_free(writer: &mut Writer, free: &AtomicU64, bytes: u64) {
    free.store(bytes, Ordering::Relaxed);
    writer.room.forget_the_last_look();
    writer.look_for_room();
}

#[test]
fn without_room_only_what_makes_the_database_grow_is_turned_away() {
    let (room, free) = a_room(1 << 30);
    let mut writer = writer_in(room);
    let accepting = writer.signs.accepts.subscribe();
    let (before, before_heard) = commit_job("ann", &["spam"]);
    let mut jobs = VecDeque::from([before.growing()]);
    writer.turn_away(&mut jobs);
    writer.serve(&mut jobs).unwrap();
    assert!(before_heard.blocking_recv().unwrap().is_ok());
    assert!(!accepting.has_changed().unwrap());

    leave_free(&mut writer, &free, (1 << 30) - (1 << 20));
    let (commit, commit_heard) = commit_job("bob", &["rude"]);
    let (removal, removal_heard) = job(|desk| labelers::remove(desk, &[did("ann")], true));
    let mut jobs = VecDeque::from([commit.growing(), removal]);
    writer.turn_away(&mut jobs);
    writer.serve(&mut jobs).unwrap();
    let error = commit_heard.blocking_recv().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert!(error.to_string().contains("1023 MiB") && error.to_string().contains("1024 MiB"));
    assert!(removal_heard.blocking_recv().unwrap().is_ok());
    assert!(!accepts(&writer), "though the last write landed");
    assert!(matches!(*writer.signs.refusal.borrow(), Some(StoreError::NoRoom { .. })));
    // What was purged is swept all the same.
    while writer.ledger.sweeping {
        writer.tidy().unwrap();
    }
    assert_eq!(stored(&writer), []);

    leave_free(&mut writer, &free, 2 << 30);
    assert!(accepts(&writer));
    let (again, again_heard) = commit_job("bob", &["rude"]);
    let mut jobs = VecDeque::from([again.growing()]);
    writer.turn_away(&mut jobs);
    writer.serve(&mut jobs).unwrap();
    assert!(again_heard.blocking_recv().unwrap().is_ok());
}

#[test]
fn room_alone_does_not_make_a_disk_take_writes() {
    let (room, free) = a_room(1 << 30);
    let mut writer = writer_in(room);
    writer.db.pragma_update(None, "query_only", true).unwrap();
    let (job, _heard) = commit_job("ann", &["spam"]);
    writer.serve(&mut VecDeque::from([job])).unwrap();
    leave_free(&mut writer, &free, 0);
    leave_free(&mut writer, &free, 2 << 30);
    assert!(!accepts(&writer));
    writer.db.pragma_update(None, "query_only", false).unwrap();
    leave_free(&mut writer, &free, 0);
    a_second_later(&mut writer);
    writer.tidy().unwrap();
    assert!(!accepts(&writer), "writes land, but there is no room");
    leave_free(&mut writer, &free, 2 << 30);
    assert!(accepts(&writer));
}

#[test]
fn only_the_newest_rejected_labels_are_kept() {
    let mut writer = writer();
    let rounds = [15, 15, 50];
    for (after, count) in (0..).zip(rounds) {
        let batch = batch("ann", after, refused(count));
        let done = run(&mut writer, move |desk| commit::commit(desk, &batch)).unwrap();
        assert_eq!(done.rejected, count as u64);
    }
    run(&mut writer, |desk| commit::commit(desk, &batch("bob", 0, refused(3)))).unwrap();

    let row = labelers::one(&writer.db, &did("ann")).unwrap().unwrap();
    assert_eq!(row.rejected, 80, "counted for ever");
    let kept = crate::rejected::of(&writer.db, &did("ann"), None, 1000).unwrap();
    let ids: Vec<_> = kept.iter().map(|row| row.id.get()).collect();
    assert_eq!(ids, (61..=80).rev().collect::<Vec<_>>());
    assert_eq!(crate::rejected::of(&writer.db, &did("bob"), None, 1000).unwrap().len(), 3);
}

#[test]
fn of_a_flood_of_rejected_labels_only_what_is_kept_is_written() {
    let mut writer = writer();
    let watch = "CREATE TABLE watched (id INTEGER);
        CREATE TRIGGER watching AFTER INSERT ON rejected
        BEGIN INSERT INTO watched VALUES (new.id); END";
    writer.db.execute_batch(watch).unwrap();
    let mut entries = refused(1000);
    entries.extend(labels("ann", &["spam"]));
    let done =
        run(&mut writer, move |desk| commit::commit(desk, &batch("ann", 0, entries))).unwrap();
    assert_eq!((done.labels, done.rejected), (1, 1000));
    assert_eq!(number(&writer, "SELECT count(*) FROM watched"), KEEP_REJECTED as i64);
    assert_eq!(number(&writer, "SELECT min(id) FROM rejected"), 981, "the newest");
    assert_eq!(number(&writer, "SELECT rejected_kept FROM labelers WHERE id = 1"), 20);
    assert_eq!(stored(&writer), [(1001, "spam".into())]);
}

#[test]
fn what_was_purged_is_swept_in_short_stretches_and_nothing_else_is() {
    let mut writer = writer();
    run(&mut writer, |desk| commit::commit(desk, &batch("bob", 0, labels("bob", &["rude"]))))
        .unwrap();
    let many = vec!["spam"; 3 * sweep::STRETCH as usize];
    let mut entries = labels("ann", &many);
    entries.extend(refused(5));
    run(&mut writer, move |desk| commit::commit(desk, &batch("ann", 0, entries))).unwrap();
    run(&mut writer, |desk| labelers::remove(desk, &[did("ann")], true)).unwrap();
    run(&mut writer, |desk| labelers::add(desk, &[did("ann")], Source::Api, Millis(9))).unwrap();
    run(&mut writer, |desk| commit::commit(desk, &batch("ann", 0, labels("ann", &["new"]))))
        .unwrap();

    let mut stretches = 0;
    let mut before = stored(&writer).len();
    while writer.ledger.sweeping {
        writer.tidy().unwrap();
        let after = stored(&writer).len();
        assert!(before - after <= sweep::STRETCH as usize);
        before = after;
        stretches += 1;
        if stretches == 2 {
            // Behind the sweep: it has to come by once more.
            run(&mut writer, |desk| labelers::remove(desk, &[did("bob")], true)).unwrap();
            run(&mut writer, |desk| labelers::remove(desk, &[did("ann")], true)).unwrap();
            run(&mut writer, |desk| labelers::add(desk, &[did("ann")], Source::Api, Millis(9)))
                .unwrap();
            run(&mut writer, |desk| {
                commit::commit(desk, &batch("ann", 0, labels("ann", &["newer"])))
            })
            .unwrap();
        }
        assert!(stretches < 20);
    }

    assert!(stretches > 3);
    assert_eq!(stored(&writer), [(6008, "newer".into())]);
    assert_eq!(number(&writer, "SELECT count(*) FROM rejected"), 0);
}

#[test]
fn one_read_passes_over_so_many_purged_rows_and_then_says_where_it_is() {
    let mut writer = writer();
    let bob = |after, val: &'static str| batch("bob", after, labels("bob", &[val]));
    run(&mut writer, move |desk| commit::commit(desk, &bob(0, "first"))).unwrap();
    let many = vec!["gone"; 25_000];
    run(&mut writer, move |desk| commit::commit(desk, &batch("ann", 0, labels("ann", &many))))
        .unwrap();
    run(&mut writer, move |desk| commit::commit(desk, &bob(1, "last"))).unwrap();
    run(&mut writer, |desk| labelers::remove(desk, &[did("ann")], true)).unwrap();

    let mut read = |after| {
        let until = EventId::new(label::MAX_NUMBER).unwrap();
        let scan = Scan {
            after,
            until,
            rows: usize::MAX,
            events: 2,
            rejected: false,
            labelers: false,
            states: false,
        };
        let scanned = crate::scan::scan(&mut writer.db, &scan, (), |(), _| true).unwrap();
        let ids = scanned.events.iter().map(|event| event.id().get()).collect::<Vec<_>>();
        (ids, scanned.read.get())
    };
    assert_eq!(read(EventId::START), (vec![1], 20_000));
    assert_eq!(read(EventId::new(20_000).unwrap()), (vec![25_002], 25_002));
}
