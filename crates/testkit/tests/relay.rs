//! The relay is itself under test here, through stock clients.
#![expect(clippy::unwrap_used, reason = "a test may stop anywhere")]

use futures_util::{SinkExt, StreamExt};
use ipld_core::ipld::Ipld;
use std::time::Duration;
use testkit::repo::{Account, Forgery, LABELER_PATH};
use testkit::{Answer, Ending, FakeRelay, Faults, SigningKey, Trouble, plc_did};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(relay: &FakeRelay, query: &str) -> Socket {
    let url = format!("{}/xrpc/com.atproto.sync.subscribeRepos{query}", relay.url());
    tokio_tungstenite::connect_async(url.replacen("http", "ws", 1)).await.unwrap().0
}

/// The next frame: its `t` (or `error`) and its body.
async fn next(socket: &mut Socket) -> Option<(String, Ipld)> {
    let message = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap()?;
    let Ok(Message::Binary(bytes)) = message else { return None };
    let mut rest = std::io::Cursor::new(bytes.to_vec());
    let header: Ipld = serde_ipld_dagcbor::de::from_reader_once(&mut rest).unwrap();
    let body: Ipld = serde_ipld_dagcbor::de::from_reader_once(&mut rest).unwrap();
    let kind = match header.get("t") {
        Ok(Some(Ipld::String(kind))) => kind.clone(),
        _ => "error".to_owned(),
    };
    Some((kind, body))
}

fn field(body: &Ipld, name: &str) -> Ipld {
    body.get(name).unwrap().unwrap().clone()
}

fn ann() -> Account {
    Account::new(&plc_did("ann"), SigningKey::k256(1)).with_posts(20)
}

async fn with_ann() -> FakeRelay {
    let relay = FakeRelay::start().await;
    relay.add(ann());
    relay
}

#[tokio::test]
async fn what_happens_is_sent_in_order_and_again_to_who_asks() {
    let relay = with_ann().await;
    let did = plc_did("ann");
    relay.set_time(Some(1_700_000_000_123));
    let mut live = connect(&relay, "").await;
    relay.wait_for_open(1).await;
    relay.declare(&did, &["spam"]);
    relay.identity(&did);
    relay.status(&did, false, Some("deactivated"));
    relay.sync(&did);
    relay.post(&did, "hello");
    relay.forge(&did, Forgery::WrongSignature);
    let last = relay.undeclare(&did);
    let kinds = ["#commit", "#identity", "#account", "#sync", "#commit", "#commit", "#commit"];
    for (place, kind) in kinds.iter().enumerate() {
        let (found, body) = next(&mut live).await.unwrap();
        assert_eq!(found, *kind);
        assert_eq!(field(&body, "seq"), Ipld::Integer(place as i128 + 1));
        assert_eq!(field(&body, "time"), Ipld::String("2023-11-14T22:13:20.123Z".to_owned()));
    }
    let mut replay = connect(&relay, &format!("?cursor={}", last - 1)).await;
    let (kind, body) = next(&mut replay).await.unwrap();
    assert_eq!((kind.as_str(), field(&body, "seq")), ("#commit", Ipld::Integer(last.into())));
    assert_eq!(relay.cursors(), [None, Some((last - 1).to_string())]);
}

#[tokio::test]
async fn cursors_that_are_too_old_or_too_new_are_told_so() {
    let relay = with_ann().await;
    let did = plc_did("ann");
    for _ in 0..5 {
        relay.identity(&did);
    }
    relay.forget(3);
    let mut old = connect(&relay, "?cursor=1").await;
    assert_eq!(next(&mut old).await.unwrap().0, "#info");
    let (_, body) = next(&mut old).await.unwrap();
    assert_eq!(field(&body, "seq"), Ipld::Integer(4));
    let mut future = connect(&relay, "?cursor=77").await;
    let (kind, body) = next(&mut future).await.unwrap();
    assert_eq!(
        (kind.as_str(), field(&body, "error")),
        ("error", Ipld::String("FutureCursor".into()))
    );

    relay.silent(true);
    let mut old = connect(&relay, "?cursor=1").await;
    assert_eq!(next(&mut old).await.unwrap().0, "#identity");
    let mut future = connect(&relay, "?cursor=77").await;
    relay.wait_for_open(3).await;
    relay.identity(&did);
    assert_eq!(next(&mut future).await.unwrap().0, "#identity");
}

#[tokio::test]
async fn a_zombie_answers_nothing() {
    let relay = with_ann().await;
    relay.faults(Faults::zombie());
    let mut socket = connect(&relay, "?cursor=0").await;
    relay.identity(&plc_did("ann"));
    socket.send(Message::Ping(vec![1].into())).await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(200), socket.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    relay.faults(Faults::error_after(1, "ConsumerTooSlow"));
    assert_eq!(next(&mut socket).await.unwrap().0, "#identity");
    assert_eq!(next(&mut socket).await.unwrap().0, "error");
    let mut other = connect(&relay, "?cursor=0").await;
    relay.faults(Faults::none());
    relay.drop_connections(Ending::Fin);
    while next(&mut other).await.is_some() {}
}

async fn get(relay: &FakeRelay, path: &str) -> (u16, Vec<u8>) {
    let answer =
        reqwest::get(format!("{}/xrpc/com.atproto.sync.{path}", relay.url())).await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn labelers_are_listed_page_by_page() {
    let relay = with_ann().await;
    let did = plc_did("ann");
    let path = "listReposByCollection?collection=app.bsky.labeler.service";
    let json = |(status, body): (u16, Vec<u8>)| {
        assert_eq!(status, 200);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    assert_eq!(json(get(&relay, path).await), serde_json::json!({"repos": []}));
    relay.declare(&did, &["spam"]);
    let one = serde_json::json!({"repos": [{"did": did}]});
    assert_eq!(json(get(&relay, path).await), one);

    let dids: Vec<String> = (0..5).map(|number| plc_did(&number.to_string())).collect();
    relay.list(dids.clone());
    relay.list_page(2);
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let page = json(get(&relay, &format!("{path}&limit=1000{cursor}")).await);
        let repos = page["repos"].as_array().unwrap().iter();
        found.extend(repos.map(|repo| repo["did"].as_str().unwrap().to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, dids);
    assert_eq!(relay.lists().last().unwrap().cursor.as_deref(), Some("4"));
    assert_eq!(get(&relay, &format!("{path}&limit=2001")).await.0, 400);
    relay.list_trouble(Trouble::Says(Answer::new(502, "<html>")));
    assert_eq!(get(&relay, path).await, (502, b"<html>".to_vec()));
}

#[tokio::test]
async fn records_are_served_with_their_proof() {
    let relay = with_ann().await;
    let did = plc_did("ann");
    relay.declare(&did, &["spam"]);
    let encoded = did.replace(':', "%3A");
    let path = format!("getRecord?did={encoded}&collection=app.bsky.labeler.service&rkey=self");
    let proof = relay.account(&did).unwrap().proof(LABELER_PATH);
    assert_eq!(get(&relay, &path).await, (200, proof));
    assert_eq!(relay.records()[0].path, LABELER_PATH);
    assert_eq!(get(&relay, &path.replace("ann", "bob").replace(&encoded, "did:x:y")).await.0, 400);
    relay.record_trouble(Trouble::Says(Answer::new(500, "")));
    assert_eq!(get(&relay, &path).await.0, 500);
}
