//! The fake labeler and the fake directory keep their word, seen from a stock client.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on should stop")]
#![expect(clippy::panic, reason = "a test that cannot go on should stop")]

use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use testkit::{
    Answer, Backlog, Curve, Deed, Ending, FakeLabeler, Faults, LabelSpec, Numbering, Plc,
    SigningKey, Trouble, When, frame, plc_did,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const LIMIT: Duration = Duration::from_secs(10);
/// Long enough for a frame that should not come to come.
const QUIET: Duration = Duration::from_millis(200);

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn open(labeler: &FakeLabeler, query: &str) -> Self {
        Self::try_open(labeler, query).await.unwrap()
    }

    async fn try_open(labeler: &FakeLabeler, query: &str) -> Result<Self, tungstenite::Error> {
        let base = labeler.url().replace("http", "ws");
        let url = format!("{base}/xrpc/com.atproto.label.subscribeLabels{query}");
        connect_async(url).await.map(|(socket, _)| Self(socket))
    }

    async fn message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        tokio::time::timeout(LIMIT, self.0.next()).await.unwrap()
    }

    async fn frame(&mut self) -> Vec<u8> {
        match self.message().await {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("no frame but {other:?}"),
        }
    }

    async fn frames(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while frames.len() < count {
            frames.push(self.frame().await);
        }
        frames
    }

    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.0.next()).await.is_err()
    }
}

fn post(n: u64) -> LabelSpec {
    LabelSpec::numbered(n)
}

async fn labeler() -> FakeLabeler {
    FakeLabeler::start_unlisted(&plc_did("ann"), SigningKey::k256(1)).await
}

fn seq_frame(labeler: &FakeLabeler, seq: i64) -> Vec<u8> {
    frame::labels(seq, &[labeler.sign(post(seq as u64))])
}

#[tokio::test]
async fn a_cursor_replays_what_is_above_it_and_goes_on_live() {
    let labeler = labeler().await;
    assert_eq!(labeler.emit_each((1..=3).map(post)), 3);
    let mut all = Client::open(&labeler, "?cursor=0").await;
    let mut some = Client::open(&labeler, "?cursor=2").await;
    let mut live = Client::open(&labeler, "").await;
    let mut nonsense = Client::open(&labeler, "?cursor=abc").await;
    labeler.wait_for_open(4).await;
    assert_eq!(all.frames(3).await, [1, 2, 3].map(|seq| seq_frame(&labeler, seq)));
    assert_eq!(some.frames(1).await, [seq_frame(&labeler, 3)]);
    assert!(live.is_quiet().await);

    assert_eq!(labeler.emit([post(4)]), 4);
    for client in [&mut all, &mut some, &mut live, &mut nonsense] {
        assert_eq!(client.frame().await, seq_frame(&labeler, 4));
    }
    let upgrades = labeler.upgrades();
    assert_eq!(upgrades[1].cursor.as_deref(), Some("2"));
    assert_eq!((upgrades[0].frames, upgrades[2].frames), (4, 1));
}

#[tokio::test]
async fn a_cursor_in_the_future_is_refused_and_the_head_is_not() {
    let labeler = labeler().await;
    labeler.preload(5);
    let mut at_head = Client::open(&labeler, "?cursor=5").await;
    assert!(at_head.is_quiet().await);
    let mut future = Client::open(&labeler, "?cursor=6").await;
    assert_eq!(future.frame().await, frame::error("FutureCursor", Some("Cursor in the future.")));
    let Some(Ok(Message::Close(Some(close)))) = future.message().await else { panic!("no close") };
    assert_eq!(u16::from(close.code), 1008);
}

#[tokio::test]
async fn a_backlog_signed_together_equals_labels_signed_one_by_one_but_for_the_signature() {
    for curve in [Curve::K256, Curve::P256] {
        let key = SigningKey::of(curve, 4);
        let did = plc_did("backlog");
        let numbering = Numbering { first: 10, per_frame: 3 };
        let backlog = Backlog::sign(&did, &key, numbering, 2_000, post);
        assert_eq!((backlog.labels(), backlog.last()), (2_000, 10 + 666));
        let labeler = FakeLabeler::start_unlisted(&did, key.clone()).await;
        labeler.extend(&backlog);
        let mut client = Client::open(&labeler, "?cursor=0").await;
        let mut number = 0;
        for (index, got) in client.frames(667).await.into_iter().enumerate() {
            let one_by_one: Vec<_> = (number..2_000.min(number + 3)).map(post).collect();
            number += one_by_one.len() as u64;
            let labels: Vec<_> =
                one_by_one.into_iter().map(|spec| spec.sign(&did, &key).bytes).collect();
            let expected = frame::labels(10 + index as i64, &labels);
            assert_eq!(blank(&got), blank(&expected));
        }
        assert_eq!(number, 2_000);
    }
}

/// The frame with zeros for every signature.
fn blank(frame: &[u8]) -> Vec<u8> {
    let mut out = frame.to_vec();
    let starts: Vec<_> =
        frame.windows(6).enumerate().filter(|(_, six)| six == b"\x63sig\x58\x40").collect();
    for (at, _) in starts {
        out[at + 6..at + 70].fill(0);
    }
    out
}

#[tokio::test]
async fn pings_are_answered_unless_told_otherwise() {
    let labeler = labeler().await;
    let mut client = Client::open(&labeler, "?cursor=0").await;
    client.0.send(Message::Ping("a".into())).await.unwrap();
    assert_eq!(client.message().await.unwrap().unwrap(), Message::Pong("a".into()));
    labeler.faults(Faults { ignore_pings: true, ..Faults::none() });
    client.0.send(Message::Ping("b".into())).await.unwrap();
    assert!(client.is_quiet().await);
    assert_eq!(labeler.upgrades()[0].pings, 2);
}

#[tokio::test]
async fn a_connection_is_dropped_after_so_many_frames_every_time() {
    let labeler = labeler().await;
    labeler.preload(10);
    labeler.faults(Faults::drop_after(4));
    for cursor in [0, 4] {
        let mut client = Client::open(&labeler, &format!("?cursor={cursor}")).await;
        client.frames(4).await;
        assert!(client.message().await.unwrap().is_err(), "a close frame would be no error");
    }
    labeler.faults(Faults::none());
    Client::open(&labeler, "?cursor=0").await.frames(10).await;
}

#[tokio::test]
async fn a_stalled_stream_answers_pings_and_goes_on_when_mended() {
    let labeler = labeler().await;
    labeler.preload(3);
    labeler.faults(Faults::stall_after(1));
    let mut client = Client::open(&labeler, "?cursor=0").await;
    client.frame().await;
    assert!(client.is_quiet().await);
    client.0.send(Message::Ping("x".into())).await.unwrap();
    assert!(matches!(client.message().await, Some(Ok(Message::Pong(_)))));
    labeler.faults(Faults::none());
    client.frames(2).await;
}

#[tokio::test]
async fn half_a_frame_is_never_finished_but_can_be_cut() {
    let labeler = labeler().await;
    labeler.preload(3);
    labeler.faults(Faults::stall_mid_frame_after(2));
    let mut client = Client::open(&labeler, "?cursor=0").await;
    client.frames(2).await;
    assert!(client.is_quiet().await);
    labeler.drop_connections(Ending::Reset);
    assert!(client.message().await.unwrap().is_err());
    labeler.wait_for_open(0).await;
}

#[tokio::test]
async fn odd_messages_go_out_as_they_are() {
    let labeler = labeler().await;
    labeler.preload(1);
    let deeds = vec![
        Deed::Send(frame::garbage()),
        Deed::Text("hello".into()),
        Deed::Send(frame::huge(1, 5_000_001)),
        Deed::Raw(vec![0xff; 4]),
    ];
    labeler.faults(Faults::rule(When::Open, deeds));
    let mut client = Client::open(&labeler, "?cursor=0").await;
    assert_eq!(client.frame().await, frame::garbage());
    assert_eq!(client.message().await.unwrap().unwrap(), Message::Text("hello".into()));
    assert!(client.frame().await.len() > 5_000_000);
    assert!(client.message().await.unwrap().is_err());
}

#[tokio::test]
async fn an_error_at_one_sequence_number_comes_each_time_and_only_there() {
    let labeler = labeler().await;
    labeler.preload(5);
    labeler.faults(Faults::error_at(3, "InternalServerError"));
    for (cursor, before) in [(0, 2), (1, 1), (2, 0), (3, 0)] {
        let mut client = Client::open(&labeler, &format!("?cursor={cursor}")).await;
        client.frames(before).await;
        let error = frame::error("InternalServerError", Some("told to fail"));
        assert_eq!(client.frame().await, error);
    }
}

#[tokio::test]
async fn upgrades_are_refused_with_a_status_for_as_long_as_ordered() {
    let labeler = labeler().await;
    labeler.faults(Faults::too_many(7).only_first(1));
    let Err(tungstenite::Error::Http(answer)) = Client::try_open(&labeler, "").await.map(|_| ())
    else {
        panic!("upgraded")
    };
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    Client::open(&labeler, "").await;
    let statuses: Vec<_> = labeler.upgrades().iter().map(|upgrade| upgrade.status).collect();
    assert_eq!(statuses, [429, 101]);
}

#[tokio::test]
async fn each_ending_looks_as_it_should() {
    let labeler = labeler().await;
    let endings = [Ending::Close(1008), Ending::CloseWithoutCode, Ending::Fin, Ending::Reset];
    for (round, ending) in endings.into_iter().enumerate() {
        let mut client = Client::open(&labeler, "?cursor=0").await;
        labeler.wait_for_upgrades(round + 1).await;
        client.0.send(Message::Ping("x".into())).await.unwrap();
        client.message().await.unwrap().unwrap();
        labeler.drop_connections(ending);
        match (ending, client.message().await.unwrap()) {
            (Ending::Close(code), Ok(Message::Close(Some(close)))) => {
                assert_eq!(u16::from(close.code), code);
            }
            (Ending::CloseWithoutCode, Ok(Message::Close(None))) => {}
            (Ending::Fin | Ending::Reset, Err(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stopped_labeler_refuses_and_resumes_on_its_port_with_its_log() {
    let mut labeler = labeler().await;
    labeler.preload(2);
    let mut client = Client::open(&labeler, "?cursor=2").await;
    labeler.wait_for_open(1).await;
    labeler.stop(Ending::Fin).await;
    assert!(client.message().await.unwrap().is_err());
    assert!(matches!(Client::try_open(&labeler, "").await, Err(tungstenite::Error::Io(_))));
    labeler.resume().await;
    Client::open(&labeler, "?cursor=0").await.frames(2).await;
}

#[tokio::test]
async fn a_reset_labeler_numbers_from_one_again() {
    let labeler = labeler().await;
    labeler.preload(9);
    labeler.reset();
    assert_eq!(labeler.emit([post(1)]), 1);
    labeler.skip_to(100);
    assert_eq!(labeler.emit([]), 100);
    labeler.insert(7, b"odd");
    let mut client = Client::open(&labeler, "?cursor=0").await;
    let none: [Vec<u8>; 0] = [];
    let expected = [seq_frame(&labeler, 1), frame::labels(100, &none), b"odd".to_vec()];
    assert_eq!(client.frames(3).await, expected);
}

#[tokio::test]
async fn a_dropped_labeler_frees_its_port_and_cuts_its_connections() {
    let labeler = labeler().await;
    let address = labeler.url().replace("http://", "");
    let mut client = Client::open(&labeler, "").await;
    drop(labeler);
    assert!(client.message().await.unwrap().is_err());
    assert!(TcpStream::connect(address).await.is_err());
}

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_directory_answers_404_410_or_the_document_and_counts() {
    let plc = Plc::start().await;
    let did = plc_did("bob");
    let url = format!("{}/{did}", plc.url());
    assert_eq!(get(&url).await.0, 404);
    let labeler = FakeLabeler::start(&did, SigningKey::p256(2), &plc).await;
    let (status, text) = get(&url).await;
    assert_eq!(status, 200);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["verificationMethod"][0]["id"], format!("{did}#atproto_label"));
    assert_eq!(document["verificationMethod"][0]["publicKeyMultibase"], labeler.key().multikey());
    assert_eq!(document["service"][0]["serviceEndpoint"], labeler.url());
    plc.tombstone(&did);
    assert_eq!(get(&url).await.0, 410);
    plc.remove(&did);
    assert_eq!(get(&url).await.0, 404);
    assert_eq!((plc.requests(&did), plc.requests("did:plc:other")), (4, 0));
}

#[tokio::test]
async fn a_directory_in_trouble_fails_or_hangs_until_it_is_mended() {
    let plc = Plc::start().await;
    let did = plc_did("bob");
    let url = format!("{}/{did}", plc.url());
    plc.set_answer(&did, Answer::new(200, "fine"));
    plc.outage(true);
    assert_eq!(get(&url).await.0, 503);
    plc.trouble(Trouble::Hangs);
    let hanging = tokio::spawn({
        let url = url.clone();
        async move { get(&url).await }
    });
    while plc.requests(&did) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!hanging.is_finished());
    plc.outage(false);
    assert_eq!(hanging.await.unwrap(), (200, "fine".to_owned()));
}

#[tokio::test]
async fn a_did_web_labeler_serves_its_own_document() {
    let labeler = FakeLabeler::start_web(SigningKey::k256(3)).await;
    let (status, text) = get(&format!("{}/.well-known/did.json", labeler.url())).await;
    assert_eq!(status, 200);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["id"], labeler.did());
    assert!(labeler.did().starts_with("did:web:localhost%3A"));
    labeler.serve_document(None);
    assert_eq!(get(&format!("{}/.well-known/did.json", labeler.url())).await.0, 404);
}
