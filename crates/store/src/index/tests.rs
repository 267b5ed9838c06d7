//! Random entries put in, taken away, settled and merged, beside a plain set of them.

use super::merge::Merge;
use super::runs::{self, State};
use super::{Entry, Filters, Keeper, Salt, Walk, recent, salt, stretch};
use crate::desk::{Desk, Ledger};
use crate::labelers::Interned;
use crate::schema;
use label::{EventId, MAX_NUMBER};
use proptest::prelude::*;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// A new database in memory.
fn database() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db, 0).unwrap();
    for number in 1..=3 {
        let did = format!("did:web:l{number}.test");
        db.execute("INSERT INTO labelers (did, tracked, added_at) VALUES (?1, 1, 1)", [did])
            .unwrap();
    }
    db
}

fn desk(db: &Connection) -> Desk<'_> {
    Desk { db, ledger: Ledger::default(), keep_rejected: 0, salt: Salt([1; 16]) }
}

/// Entry number `id`: subjects that share their highest bits, and few of them, so that many
/// blocks begin with the same one.
fn entry(id: i64, dice: u32) -> Entry {
    let subject = [0, 1, 130, 1 << 40, (1 << 40) + 1, i64::MAX - 1, i64::MAX]
        .get(dice as usize % 7)
        .copied()
        .unwrap_or_default();
    let labeler = i64::from(dice / 7 % 3) + 1;
    let (val, made) = (i64::from(dice / 21 % 2), i64::from(dice / 42 % 4));
    Entry { subject, labeler, val, made, id, gone: false }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many more, by these dice.
    Add(u16, u32),
    /// Of those that there are, every so-manieth is taken away.
    Take(usize),
    Settle,
    /// So many of the runs, after the first so many, become one.
    Merge(usize, usize),
    /// What this labeler has said is purged.
    Purge(i64),
    /// The keeper does what it finds to be done.
    Keep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u16..900, any::<u32>()).prop_map(|(count, dice)| Step::Add(count, dice)),
        2 => (2usize..40).prop_map(Step::Take),
        4 => Just(Step::Settle),
        3 => (0usize..4, 2usize..5).prop_map(|(from, count)| Step::Merge(from, count)),
        1 => (1i64..4).prop_map(Step::Purge),
        2 => Just(Step::Keep),
    ];
    proptest::collection::vec(step, 1..30)
}

fn play(steps: &[Step]) {
    let db = database();
    let mut desk = desk(&db);
    let (mut model, mut last) = (BTreeSet::new(), 0);
    let mut purged = BTreeSet::new();
    for step in steps {
        match *step {
            Step::Add(count, dice) => {
                for number in 0..u32::from(count) {
                    last += 1;
                    let entry = entry(last, dice.wrapping_mul(number | 1).rotate_left(number % 7));
                    recent::insert(&mut desk, &entry).unwrap();
                    model.insert(entry);
                }
            }
            Step::Take(every) => {
                let taken: Vec<Entry> = model.iter().copied().step_by(every).collect();
                for entry in taken {
                    model.remove(&entry);
                    recent::insert(&mut desk, &Entry { gone: true, ..entry }).unwrap();
                }
            }
            Step::Settle => assert!(recent::settle(&mut desk).unwrap()),
            Step::Merge(from, count) => {
                let runs = runs::in_use(&db).unwrap();
                let runs: Vec<_> = runs.into_iter().skip(from).take(count).collect();
                let mut merge = Merge::begin(&db, &runs).unwrap().unwrap();
                while !merge.stretch(&db, 100).unwrap() {}
                for run in runs {
                    while !runs::clear(&db, run.slot, 2).unwrap() {}
                }
            }
            Step::Purge(labeler) => {
                db.execute("DELETE FROM labelers WHERE id = ?1", [labeler]).unwrap();
                purged.insert(labeler);
            }
            Step::Keep => {
                let mut keeper = Keeper::default();
                desk.ledger.indexing = true;
                while desk.ledger.indexing {
                    keeper.piece(&mut desk).unwrap();
                }
            }
        }
        assert_eq!(recent::count(&db).unwrap(), desk.ledger.recent);
        compare(&db, &model, &purged);
    }
}

fn entries(db: &Connection, subjects: &RangeInclusive<i64>) -> Vec<Entry> {
    let with = Filters::default().runs(db).unwrap();
    super::find::entries(db, &with, subjects).unwrap()
}

fn compare(db: &Connection, model: &BTreeSet<Entry>, purged: &BTreeSet<i64>) {
    let subjects: BTreeSet<i64> = (0..7).map(|dice| entry(0, dice).subject).collect();
    let ranges = subjects.iter().map(|subject| *subject..=*subject);
    for range in ranges.chain([0..=i64::MAX, 1..=(1 << 40)]) {
        let mut found = entries(db, &range);
        found.retain(|entry| !purged.contains(&entry.labeler));
        let here = model.iter().filter(|entry| range.contains(&entry.subject));
        let here: Vec<Entry> =
            here.filter(|entry| !purged.contains(&entry.labeler)).copied().collect();
        assert!(found == here, "{range:?}: {} and not {}", found.len(), here.len());
    }
    let all = model.iter().filter(|entry| !purged.contains(&entry.labeler)).copied();
    for (until, page) in [(i64::MAX, 997), (model.len() as i64 / 2, 100_000)] {
        let here = all.clone().filter(|entry| entry.id <= until);
        assert!(walked(db, until, page) == here.collect::<Vec<_>>(), "up to {until} by {page}");
    }
}

fn walked(db: &Connection, until: i64, page: usize) -> Vec<Entry> {
    let until = EventId::new(until.min(MAX_NUMBER)).unwrap();
    let (mut walk, mut found) = (Walk::until(until).by(page), Vec::new());
    let mut see = |_: &Connection, entry: &Entry| {
        found.push(*entry);
        Ok(())
    };
    while walk.page(db, &mut see).unwrap() {}
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_index_holds_what_was_put_into_it_and_not_taken_away(steps in steps()) {
        play(&steps);
    }
}

#[test]
fn what_was_merged_and_what_is_purged_takes_no_room() {
    let db = database();
    let mut desk = desk(&db);
    for round in 0..4 {
        for number in 0..2000 {
            let id = round * 2000 + number;
            recent::insert(&mut desk, &entry(id, id as u32)).unwrap();
        }
        recent::settle(&mut desk).unwrap();
    }
    for id in (0..8000).step_by(2) {
        recent::insert(&mut desk, &Entry { gone: true, ..entry(id, id as u32) }).unwrap();
    }
    recent::settle(&mut desk).unwrap();
    db.execute("DELETE FROM labelers WHERE id = 1", []).unwrap();
    let runs = runs::in_use(&db).unwrap();
    let mut merge = Merge::begin(&db, &runs).unwrap().unwrap();
    while !merge.stretch(&db, 1000).unwrap() {}
    while let Some(slot) = runs::first(&db, State::Leaving).unwrap() {
        runs::clear(&db, slot, 10).unwrap();
    }
    let left = (1..8000).step_by(2).filter(|id| entry(*id, *id as u32).labeler != 1).count();
    let runs = runs::in_use(&db).unwrap();
    assert_eq!(runs.iter().map(|run| run.entries).collect::<Vec<_>>(), [left as u64]);
    let bytes: i64 =
        db.query_row("SELECT sum(length(data)) FROM index_blocks", [], |row| row.get(0)).unwrap();
    assert!(bytes < left as i64 * 30, "{bytes} bytes for {left} entries");
}

#[test]
fn a_merge_that_was_broken_off_is_cleared_away_and_done_again() {
    let db = database();
    let mut desk = desk(&db);
    for round in 0..4i64 {
        for id in round * 3000..(round + 1) * 3000 {
            recent::insert(&mut desk, &entry(id, id as u32)).unwrap();
        }
        recent::settle(&mut desk).unwrap();
    }
    let runs = runs::in_use(&db).unwrap();
    let mut merge = Merge::begin(&db, &runs).unwrap().unwrap();
    assert!(!merge.stretch(&db, 5000).unwrap());
    drop(merge);
    let all = entries(&db, &(0..=i64::MAX));
    assert_eq!(all.len(), 12_000, "what is being written is not read");
    assert!(super::has_work(&db).unwrap());
    let mut keeper = Keeper::default();
    desk.ledger.indexing = true;
    while desk.ledger.indexing {
        keeper.piece(&mut desk).unwrap();
    }
    assert_eq!(runs::in_use(&db).unwrap().len(), 1);
    assert!(!super::has_work(&db).unwrap());
    assert_eq!(entries(&db, &(0..=i64::MAX)), all);
}

/// A label that says the same as all the others here, but about its own subject.
fn label_row(db: &Connection, id: i64) {
    db.execute(
        "INSERT INTO labels VALUES (?1, 1, 1, ?1, 0, 0, 1700000000000, 'did:plc:s' || ?1, 'spam',
         '2023-11-14T22:00:00.000Z', NULL, NULL, x'07', NULL)",
        [id],
    )
    .unwrap();
}

#[test]
fn a_stretch_ends_before_labels_that_are_not_in_the_index_yet() {
    let mut db = database();
    (1..=5).for_each(|id| label_row(&db, id));
    let salt = salt(&db).unwrap();
    let put = |db: &Connection, id: i64| {
        let uri = format!("did:plc:s{id}");
        let made = 1_700_000_000_000_000;
        let entry = Entry::of(salt, Interned(1), (&uri, "spam"), made, id);
        recent::insert(&mut desk(db), &entry).unwrap();
    };
    // 3 and 4 are still to be put into it; 5 came later, and was put into it at once.
    [1, 2, 5].into_iter().for_each(|id| put(&db, id));
    db.execute("UPDATE meta SET last_id = 5, index_next = 3, index_until = 4", []).unwrap();
    let read = |db: &mut Connection, after: i64| {
        let stretch = stretch(db, EventId::new(after).unwrap(), 100).unwrap();
        let ids: Vec<i64> = stretch.current.iter().map(|one| one.event.id.get()).collect();
        (ids, stretch.read.get())
    };
    assert_eq!(read(&mut db, 0), (vec![1, 2], 2));
    assert_eq!(read(&mut db, 2), (vec![], 2), "there is nothing to be said yet");
    [3, 4].into_iter().for_each(|id| put(&db, id));
    db.execute("UPDATE meta SET index_next = NULL", []).unwrap();
    assert_eq!(read(&mut db, 2), (vec![3, 4, 5], 5));
}
