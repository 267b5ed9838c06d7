//! By the relay's list, and by the directory's log.

use super::{World, found, is_tracked, metric_until};
use serde_json::json;
use testkit::{Answer, SigningKey, Trouble, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn by_the_relays_list_page_by_page() {
    let world = World::new().await;
    let (first, second) = (world.labeler("first").await, world.labeler("second").await);
    let former = world.unlisted("no longer one").await;
    let listed = [first.did(), former.did(), "did:web:gone.invalid", "nonsense", second.did()];
    world.relay.list(listed.map(str::to_owned).to_vec());
    world.relay.list_page(2);
    let tap = world.finder(&["--labelers", second.did()]).await;
    found(&tap, &first, &["relay-list"]).await;
    tap.labeler_until(second.did(), |shown| shown["sources"] == json!(["config", "relay-list"]))
        .await;
    assert!(!is_tracked(&tap, former.did()).await);
    let asked = world.relay.lists();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(
        asked.iter().all(|page| page.collection.as_deref() == Some("app.bsky.labeler.service"))
    );
    let cursor = tap.get("/stats/cursors").await["list_repos"].clone();
    assert_eq!(cursor, json!(asked[2].cursor), "{asked:?}");
    // A restart within the day does not read it again.
    drop(tap.stop());
    let tap = world.finder(&[]).await;
    tap.state_when_tracked(first.did(), "live").await;
    world.relay.identity(first.did());
    assert_eq!(world.relay.lists().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_cut_short_is_read_on() {
    let world = World::new().await;
    let labeler = world.labeler("on the last page").await;
    let mut listed: Vec<String> =
        (0..5).map(|number| plc_did(&format!("former {number}"))).collect();
    listed.push(labeler.did().to_owned());
    world.relay.list(listed);
    world.relay.list_page(1);
    let tap = world.finder(&[]).await;
    while world.relay.lists().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.relay.list_trouble(Trouble::Says(Answer::new(503, "later")));
    tap.kill();
    let before = world.relay.lists().len();
    world.relay.list_trouble(Trouble::None);
    let tap = world.finder(&[]).await;
    found(&tap, &labeler, &["relay-list"]).await;
    let first = world.relay.lists()[before].cursor.clone();
    assert!(first.is_some(), "it begins where it was: {first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_a_list_is_no_trouble() {
    let world = World::new().await;
    world
        .relay
        .list_trouble(Trouble::Says(Answer::new(501, r#"{"error":"MethodNotImplemented"}"#)));
    let labeler = world.labeler("announced").await;
    let tap = world.finder(&[]).await;
    world.relay.identity(labeler.did());
    found(&tap, &labeler, &["identity"]).await;
    assert_eq!(world.relay.lists().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_directorys_log_alone_and_from_the_first_start_on() {
    let world = World::new().await;
    let early = world.labeler("before the first start").await;
    drop(world.finder(&[]).await.stop());
    let late = world.labeler("after it").await;
    // An operation of an account that is none, among many.
    for number in 0..5 {
        world.unlisted(&format!("account {number}")).await;
    }
    let tap = world.finder(&[]).await;
    found(&tap, &late, &["plc"]).await;
    assert!(!is_tracked(&tap, early.did()).await);
    assert_eq!(tap.metric(r#"labeltap_discovery_lookups_total{outcome="no-labeler"}"#).await, 0.0);
    let asked = world.plc.exports();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|page| page.count.as_deref() == Some("1000")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_to_its_end_also_where_a_thousand_happen_at_once() {
    let world = World::new().await;
    drop(world.finder(&[]).await.stop());
    let now = intake::wall_clock().0;
    // 700 in each of three milliseconds: no page ends between two of them.
    let key = SigningKey::k256(1);
    world.plc.set_time(Some(now));
    for number in 0..2100 {
        world.plc.set_time(Some(now + number / 700));
        world.plc.set_account(&plc_did(&format!("crowd {number}")), &key, "https://pds.test");
    }
    world.plc.set_time(Some(now + 2));
    let labeler = world.labeler("in the crowd").await;
    world.plc.set_time(None);
    let tap = world.finder(&[]).await;
    found(&tap, &labeler, &["plc"]).await;
    assert!(world.plc.exports().len() < 8, "{:?}", world.plc.exports());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_tracked_labeler_the_log_shows_what_nobody_announced() {
    let world = World::new().await;
    let labeler = world.labeler("moved in silence").await;
    let tap = world.finder(&["--labelers", labeler.did()]).await;
    tap.state_when_tracked(labeler.did(), "live").await;
    drop(tap.stop());
    let tap = world.finder(&[]).await;
    tap.state(labeler.did(), "live").await;
    world.plc.tombstone(labeler.did());
    drop(tap.stop());
    let tap = world.finder(&[]).await;
    tap.state(labeler.did(), "gone").await;
    metric_until(&tap, "labeltap_discovery_backlog", |count| count == 0.0).await;
}
