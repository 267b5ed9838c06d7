//! The real network starts, and its labelers say what a stock reader can verify.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use futures_util::StreamExt;
use ipld_core::ipld::Ipld;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::network::{Kind, Labeler, Network};
use testkit::verifies;
use tokio_tungstenite::tungstenite::Message;

const LIMIT: Duration = Duration::from_secs(30);

type Label = BTreeMap<String, Ipld>;

#[derive(serde::Deserialize)]
struct Body {
    seq: i64,
    labels: Vec<Label>,
}

/// The first frames of a labeler, from the beginning.
async fn frames(labeler: &Labeler, count: usize) -> Vec<Body> {
    let base = labeler.url.replace("http", "ws");
    let url = format!("{base}/xrpc/com.atproto.label.subscribeLabels?cursor=0");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let message = tokio::time::timeout(LIMIT, socket.next()).await.unwrap();
        if let Message::Binary(bytes) = message.unwrap().unwrap() {
            let body = bytes.strip_prefix(testkit::frame::LABELS_HEADER).unwrap();
            bodies.push(serde_ipld_dagcbor::from_slice(body).unwrap());
        }
    }
    bodies
}

#[tokio::test]
async fn both_real_labelers_serve_labels_that_verify() {
    if !Network::wanted() {
        return;
    }
    let start = std::time::Instant::now();
    let network = Network::start().await;
    println!("ready after {:?}", start.elapsed());
    for kind in [Kind::Skyware, Kind::Ozone] {
        let labeler = network.labeler(kind).await;
        println!("{kind:?} after {:?}", start.elapsed());
        let labeler = network.bulk(&labeler, 100, kind == Kind::Ozone).await;
        assert_eq!(labeler.seq, Some(100));
        let subject = format!("at://{}/app.bsky.feed.post/1", labeler.did);
        let said = json!([{ "uri": subject, "val": "rude" }]);
        let emitted = network.emit(&labeler, &said).await;
        assert_eq!(emitted[0]["seq"], 101);
        assert_eq!(network.negate(&labeler, &said).await[0]["neg"], true);

        let last = if kind == Kind::Skyware { 102 } else { 101 };
        let frames = frames(&labeler, last).await;
        assert_eq!((frames[0].seq, frames[last - 1].seq), (1, 102));
        for frame in &frames {
            let bytes = serde_ipld_dagcbor::to_vec(&frame.labels[0]).unwrap();
            assert!(verifies(&bytes, &labeler.key), "{:?}", frame.labels);
        }
        assert_eq!(frames[last - 1].labels[0]["neg"], Ipld::Bool(true));
        let neg = frames[0].labels[0].get("neg");
        assert_eq!(neg, (kind == Kind::Skyware).then_some(&Ipld::Bool(false)));

        let url = format!("{}/{}", network.plc_url(), labeler.did);
        let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let text = document.to_string();
        assert!(text.contains(&labeler.key["did:key:".len()..]), "{text}");
        assert!(text.contains(&labeler.url), "{text}");
    }
    let control = network.urls().control.replace("http://", "");
    drop(network);
    assert!(tokio::net::TcpStream::connect(control).await.is_err());
}
