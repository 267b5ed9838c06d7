//! Which files are opened, which are refused, and that a refused one is not touched.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{batch, did, id, log};
use label::Millis;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use store::{ConsumerRow, OpenError, Source, Store, StoreError};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    (dir, path)
}

/// Every file of a folder with its bytes, but SQLite's shared memory, which holds no data.
fn contents(dir: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| !path.to_string_lossy().ends_with("-shm"));
    kept.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// Opens, expects to be refused, and that nothing was touched.
#[track_caller]
fn refused(dir: &TempDir, path: &Path) -> OpenError {
    let before = contents(dir);
    let error = Store::open(path).unwrap_err();
    assert_eq!(contents(dir), before, "touched, though refused: {error}");
    let sentence = error.to_string();
    assert!(sentence.contains(path.to_str().unwrap()) && !sentence.contains('\n'), "{sentence}");
    error
}

async fn with_a_label(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.add_labelers(vec![did("ann")], Source::Api, Millis(1)).await.unwrap();
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    store
}

#[tokio::test]
async fn an_absent_file_is_created() {
    let (dir, path) = place();
    with_a_label(&path).await.close().await;
    let names: Vec<_> = contents(&dir).into_keys().collect();
    assert_eq!(names, [path], "the write-ahead log was folded in");
}

#[tokio::test]
async fn an_empty_file_is_filled() {
    let (_dir, path) = place();
    fs::write(&path, b"").unwrap();
    assert_eq!(log(&with_a_label(&path).await).await.len(), 1);
}

#[tokio::test]
async fn a_name_that_means_something_to_sqlite_is_a_file_all_the_same() {
    for name in [":memory:", "file:x?mode=memory", "ünï cöde"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        with_a_label(&path).await.close().await;
        assert!(path.is_file(), "{name}");
        assert_eq!(log(&Store::open(&path).unwrap()).await.len(), 1);
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (dir, path) = place();
    for bytes in [&b"x"[..], b"SQLite format 3\0", &[b'a'; 5000]] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refused(&dir, &path), OpenError::NotOurs { .. }));
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (dir, path) = place();
    // As Tap makes one: a write-ahead log and no application id.
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE repos (did TEXT);").unwrap();
    assert!(matches!(refused(&dir, &path), OpenError::NotOurs { .. }));
    drop(db);
    assert!(matches!(refused(&dir, &path), OpenError::NotOurs { .. }));
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA application_id = 7;").unwrap();
    drop(db);
    assert!(matches!(refused(&dir, &path), OpenError::NotOurs { .. }));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (dir, path) = place();
    with_a_label(&path).await.close().await;
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(refused(&dir, &path), OpenError::Newer { found: 99, .. }));
}

#[tokio::test]
async fn a_newer_schema_that_is_still_in_the_write_ahead_log_is_refused() {
    let (_first, path) = place();
    with_a_label(&path).await.close().await;
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    let (dir, path) = as_after_kill(&path);
    assert!(matches!(refused(&dir, &path), OpenError::Newer { found: 99, .. }));
}

/// A copy of the files as they are now, while they are open: what `kill -9` leaves behind.
fn as_after_kill(path: &Path) -> (TempDir, PathBuf) {
    let (dir, copy) = place();
    for suffix in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        fs::copy(name(path), name(&copy)).unwrap();
    }
    (dir, copy)
}

#[tokio::test]
async fn what_kill_left_in_the_write_ahead_log_is_there_again() {
    let (_dir, path) = place();
    let store = with_a_label(&path).await;
    let (_copied, copy) = as_after_kill(&path);
    assert!(fs::metadata(format!("{}-wal", copy.display())).unwrap().len() > 0);
    let again = Store::open(&copy).unwrap();
    assert_eq!(log(&again).await, log(&store).await);
    assert_eq!(*again.head().borrow(), *store.head().borrow());
}

#[tokio::test]
async fn a_database_in_use_is_refused() {
    let (_dir, path) = place();
    let store = with_a_label(&path).await;
    assert!(matches!(Store::open(&path), Err(OpenError::InUse { .. })));
    store.commit(batch("ann", 1, &["rude"])).await.unwrap();
    store.close().await;
    assert_eq!(log(&Store::open(&path).unwrap()).await.len(), 2);
}

#[test]
fn a_place_that_cannot_hold_a_file_is_refused() {
    let (dir, _) = place();
    let file = dir.path().join("file");
    fs::write(&file, b"x").unwrap();
    for path in [dir.path().join("no/such/folder/db"), file.join("db"), dir.path().to_owned()] {
        assert!(matches!(refused(&dir, &path), OpenError::Unusable { .. }), "{path:?}");
    }
    assert!(matches!(Store::open(Path::new("/proc/labeltap.db")), Err(OpenError::Unusable { .. })));
}

#[tokio::test]
async fn somebody_elses_lock_makes_the_store_busy_until_it_is_gone() {
    let (_dir, path) = place();
    let store = with_a_label(&path).await;
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(batch("ann", 1, &["rude"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert!(!store.accepts_writes());
    assert_eq!(log(&store).await.len(), 1, "reads go on");
    shell.execute_batch("ROLLBACK").unwrap();
    let again = async {
        while !store.accepts_writes() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), again).await.unwrap();
    store.commit(batch("ann", 1, &["rude"])).await.unwrap();
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test]
async fn a_damaged_database_ends_the_writer_with_a_reason() {
    let (_dir, path) = place();
    with_a_label(&path).await.close().await;
    let db = Connection::open(&path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'labels'";
    let page: u32 = db.query_row(root, [], |row| row.get(0)).unwrap();
    let page = page as usize;
    drop(db);
    let mut bytes = fs::read(&path).unwrap();
    bytes.splice((page - 1) * 4096..page * 4096, vec![0xa5; 4096]);
    fs::write(&path, bytes).unwrap();

    let store = Store::open(&path).unwrap();
    let error = store.commit(batch("ann", 1, &["rude"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Broken(_)), "{error}");
    assert!(matches!(store.ended().await, Err(StoreError::Broken(_))));
    assert!(!store.accepts_writes());
    let later = store.caught_up(did("ann"), "live", Millis(1)).await.unwrap_err();
    assert!(matches!(later, StoreError::Broken(_)), "{later}");
    assert!(matches!(store.counts().await, Err(StoreError::Broken(_))));
}

/// A database as version 1 left it, with a row in every table that matters later.
fn of_version_1(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../../schema/sqlite/0001_labels.sql")).unwrap();
    db.execute_batch(
        "PRAGMA application_id = 0x6c746170;
         PRAGMA user_version = 1;
         PRAGMA journal_mode = WAL;
         UPDATE meta SET last_id = 2, added = 1;
         INSERT INTO labelers (did, tracked, sources, added_at, cursor, labels, rejected,
             rejected_kept) VALUES ('did:web:ann.test', 1, 'api', 1, 1, 1, 1, 1);
         INSERT INTO labels VALUES (1, 1, 1, 1, 0, 0, 5, 'did:web:a.test', 'spam',
             '2026-01-01T00:00:00Z', NULL, NULL, x'07', NULL);
         INSERT INTO rejected VALUES (2, 1, 1, 1, 'unsigned', 'no signature', 5, x'a0');
         INSERT INTO consumers VALUES ('default', 1, x'0100');",
    )
    .unwrap();
}

#[tokio::test]
async fn a_database_of_version_1_is_taken_over_as_it_is() {
    let (_dir, path) = place();
    of_version_1(&path);
    for _opening in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(log(&store).await, [(1, "spam".to_owned())]);
        let rejected = store.rejected(did("ann"), None, 10).await.unwrap();
        assert_eq!(rejected.first().map(|row| row.reason.as_str()), Some("no signature"));
        let expected = ConsumerRow {
            name: "default".into(),
            position: id(1),
            ahead: vec![2..=2],
            filter: None,
            webhook: None,
        };
        assert_eq!(store.consumers().await.unwrap(), [expected]);
        assert_eq!(store.dead("default".into(), None, 100).await.unwrap().len(), 0);
    }
    let store = Store::open(&path).unwrap();
    store.commit(batch("ann", 1, &["rude"])).await.unwrap();
    assert_eq!(log(&store).await, [(1, "spam".to_owned()), (3, "rude".to_owned())]);
}
