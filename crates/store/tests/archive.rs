//! Reading a database beside the service that writes to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of common")]

mod common;

use common::{batch, did, id};
use label::{EventId, Millis};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use store::{Archive, OpenError, Page, Source, Store, StoreError};

async fn filled(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, Millis(1)).await.unwrap();
    store.commit(batch("ann", 0, &["spam", "rude", "spam"])).await.unwrap();
    store.commit(batch("bob", 0, &["spam"])).await.unwrap();
    store
}

/// The values of all labels up to there.
fn values(archive: &mut Archive, until: EventId) -> Vec<String> {
    let mut values = Vec::new();
    let page = archive.page(EventId::START, until, |glance| {
        let label = glance.read()?.label;
        assert_eq!((glance.uri, glance.val), (label.uri.as_str(), label.val.as_str()));
        values.push(label.into_parts().val);
        Ok(())
    });
    assert_eq!(page.unwrap(), Page { read: None, looked: values.len() as u64 });
    values
}

#[tokio::test]
async fn what_is_stored_is_read_while_more_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let store = filled(&path).await;
    let mut archive = Archive::open(&path).unwrap();
    let head = archive.head().unwrap();
    assert_eq!(head, id(4));
    store.commit(batch("ann", 3, &["later"])).await.unwrap();
    assert_eq!(values(&mut archive, head), ["spam", "rude", "spam", "spam"]);
    assert_eq!(archive.current(head).unwrap().count(), 3, "said twice by ann");
    let head = archive.head().unwrap();
    assert_eq!((head, archive.labelers().unwrap().len()), (id(5), 2));
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    assert_eq!(values(&mut archive, head), ["spam"], "of a purged labeler nothing");
    store.close().await;
}

#[tokio::test]
async fn reading_changes_no_file_and_hinders_no_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    filled(&path).await.close().await;
    let before = fs::read(&path).unwrap();
    let mut archive = Archive::open(&path).unwrap();
    assert_eq!(values(&mut archive, id(4)).len(), 4);
    let store = Store::open(&path).unwrap();
    store.commit(batch("bob", 1, &["later"])).await.unwrap();
    assert_eq!(values(&mut archive, id(9)).len(), 5);
    drop(archive);
    store.close().await;
    filled_again_is_the_same(&before, &path);
}

/// All but what was stored after is as it was: the file has only grown.
fn filled_again_is_the_same(before: &[u8], path: &Path) {
    assert!(fs::read(path).unwrap().len() >= before.len());
    let mut archive = Archive::open(path).unwrap();
    assert_eq!(values(&mut archive, id(4)).len(), 4);
}

#[tokio::test]
async fn other_versions_and_other_files_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let refusal = || Archive::open(&path).unwrap_err();
    assert!(matches!(refusal(), OpenError::Absent { .. }));
    assert!(!path.exists());
    fs::write(&path, b"").unwrap();
    assert!(matches!(refusal(), OpenError::Unusable { .. }));
    fs::write(&path, b"something else").unwrap();
    assert!(matches!(refusal(), OpenError::NotOurs { .. }));
    fs::remove_file(&path).unwrap();
    filled(&path).await.close().await;
    let set = |version: u32| {
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
    };
    set(5);
    assert!(matches!(refusal(), OpenError::Older { found: 5, known: 8, .. }));
    set(9);
    assert!(matches!(refusal(), OpenError::Newer { found: 9, .. }));
    let sentence = refusal().to_string();
    assert!(sentence.contains("labeltap.db") && !sentence.contains('\n'), "{sentence}");
    assert!(matches!(Archive::open(dir.path()).unwrap_err(), OpenError::Unusable { .. }));
}

#[tokio::test]
async fn a_database_that_is_still_being_indexed_gives_its_history_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    filled(&path).await.close().await;
    let db = Connection::open(&path).unwrap();
    db.execute_batch("UPDATE meta SET index_next = 1, index_until = 4").unwrap();
    drop(db);
    let mut archive = Archive::open(&path).unwrap();
    assert_eq!(values(&mut archive, id(4)).len(), 4);
    assert!(matches!(archive.current(id(4)).unwrap_err(), StoreError::Indexing));
}

#[tokio::test]
async fn a_study_ends_when_the_store_closes() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&dir.path().join("labeltap.db")).await;
    let (begun, heard) = tokio::sync::oneshot::channel();
    let long = store.clone();
    let study = tokio::spawn(async move {
        let study = move |archive: &mut Archive| {
            begun.send(()).unwrap();
            loop {
                archive.current(id(4))?;
            }
        };
        long.study(study).await
    });
    heard.await.unwrap();
    store.close().await;
    let ended: Result<(), StoreError> = study.await.unwrap();
    assert!(matches!(ended, Err(StoreError::Closed)));
}
