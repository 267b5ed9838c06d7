//! What a store does when there is no room for more.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(unreachable_pub, reason = "common is shared by several test binaries")]
#![expect(dead_code, reason = "common is shared by several test binaries")]

mod common;

use common::{batch, did, id, log};
use label::Millis;
use store::{Limits, Remedy, Source, Store, StoreError};

/// No disk has so much.
const TOO_MUCH: Limits = Limits { min_free: 1 << 60 };

#[tokio::test]
async fn without_room_nothing_is_accepted_and_what_makes_room_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.db");
    let store = Store::open(&path).unwrap();
    assert!(store.accepts_writes() && store.refusal().is_none());
    store.add_labelers(vec![did("ann"), did("bob")], Source::Api, Millis(1)).await.unwrap();
    store.commit(batch("ann", 0, &["spam"])).await.unwrap();
    store.consumer("default".into()).await.unwrap();
    drop(store);

    let store = Store::open_with(&path, TOO_MUCH).unwrap();
    assert!(!store.accepts_writes());
    assert!(!*store.accepting().borrow());
    assert!(
        matches!(store.refusal(), Some(StoreError::NoRoom { free: 1.., min_free }) if min_free == 1 << 60)
    );
    let refused = [
        store.commit(batch("bob", 0, &["rude"])).await.map(drop),
        store.add_labelers(vec![did("cat")], Source::Api, Millis(2)).await.map(drop),
        store.readmit(did("ann"), vec![]).await.map(drop),
        store.gather(did("ann"), None).await.map(drop),
        store.reset(did("ann"), label::Epoch::FIRST, "live", Millis(2)).await.map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
        assert_eq!(error.remedy(), Remedy::Retry);
        assert!(error.to_string().contains("--min-free-space"), "{error}");
    }
    assert_eq!(log(&store).await, [(1, "spam".into())]);

    store.save_progress("default".into(), id(1), vec![]).await.unwrap();
    store.caught_up(did("ann"), "live", Millis(3)).await.unwrap();
    store.announce(Millis(3)).await.unwrap();
    store.remove_labelers(vec![did("ann")], true).await.unwrap();
    drop(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(log(&store).await, []);
    assert_eq!(store.consumer("default".into()).await.unwrap().position, id(1));
    store.commit(batch("bob", 0, &["rude"])).await.unwrap();
}
