//! Whatever others write is text.

use super::{play, wanted};
use crate::tap::Tap;
use serde_json::json;
use testkit::cbor::Item;
use testkit::repo::{Account, Write};
use testkit::{
    Deed, Document, Ending, FakeLabeler, FakeRelay, Faults, LabelSpec, Plc, Sig, SigningKey, When,
    frame, plc_did,
};

const IMAGE: &str = "<img src=x onerror=window.pwned=1>";
const SCRIPT: &str = "\"><script>window.pwned=1</script>";
const SUBJECT: &str = "at://did:plc:ar7c4by46qjdydhdevvrndac/app.bsky.feed.post/3jzfcijpj2z2a";

fn map<const N: usize>(entries: [(&str, Item); N]) -> Item {
    Item::Map(entries.map(|(name, item)| (name.to_owned(), item)).to_vec()).sorted()
}

/// A declaration whose every text is markup.
fn declaration() -> Vec<u8> {
    let words = map([
        ("lang", Item::from("en")),
        ("name", Item::from("<b>Name</b>")),
        ("description", Item::from(SCRIPT)),
    ]);
    let definition = map([
        ("identifier", Item::from(IMAGE)),
        ("severity", Item::from(IMAGE)),
        ("blurs", Item::from(IMAGE)),
        ("defaultSetting", Item::from(IMAGE)),
        ("locales", Item::List(vec![words])),
    ]);
    let policies = map([
        ("labelValues", Item::List(vec![Item::from(IMAGE), Item::from(SCRIPT)])),
        ("labelValueDefinitions", Item::List(vec![definition])),
    ]);
    let record = map([
        ("$type", Item::from("app.bsky.labeler.service")),
        ("policies", policies),
        ("createdAt", Item::from("2024-10-01T00:00:00.000Z")),
    ]);
    record.encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_stays_text() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (plc, relay) = (Plc::start().await, FakeRelay::start().await);
    let did = plc_did("markup");
    let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(142)).await;
    let account = SigningKey::p256(143);
    relay.add(Account::new(&did, account.clone()));
    let path = "app.bsky.labeler.service/self".to_owned();
    relay.change(&did, |account| account.write(&[Write::Put(path, declaration())]));
    let document = Document::labeler(&did, &labeler.key(), &labeler.url());
    plc.set(&did, &document.atproto_key(&account).pds(&relay.url()).json());
    labeler.emit([LabelSpec::new(SUBJECT, IMAGE), LabelSpec::new(SUBJECT, SCRIPT)]);
    labeler.emit([LabelSpec::new(SUBJECT, IMAGE).cts("2024-10-02T00:00:00Z").sig(Sig::Absent)]);
    labeler.emit([LabelSpec::new(SUBJECT, "odd")
        .replace_signed("val", map([("a", Item::from(IMAGE))]))
        .replace_signed("uri", Item::List(vec![Item::from(IMAGE)]))]);
    let relay_url = relay.url();
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--relay-url", &relay_url]);
    let url = tap.url.clone();

    play("markup", &url, async |what, _| {
        assert_eq!(what, "speak");
        tap.add(&[&did]).await;
        tap.state(&did, "live").await;
        tap.labeler_until(&did, |shown| shown["declaration"].is_object()).await;
        let said =
            vec![Deed::Send(frame::error(IMAGE, Some(SCRIPT))), Deed::End(Ending::Close(1008))];
        labeler.faults(Faults::rule(When::Open, said));
        labeler.drop_connections(Ending::Reset);
        let is_told = |shown: &serde_json::Value| {
            shown["error"].as_str().is_some_and(|error| error.contains(IMAGE))
        };
        tap.labeler_until(&did, is_told).await;
        json!({ "did": did, "subject": SUBJECT })
    })
    .await;
}
