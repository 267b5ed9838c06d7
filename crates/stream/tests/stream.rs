//! What readers of the one stream get, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use futures_util::StreamExt as _;
use label::{Did, Epoch, Label, Millis, Parts, Seq, Verdict};
use std::time::Duration;
use store::{Batch, Entry, Rejected, Source, Store};
use stream::{Limits, METHOD, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use wire::Frame;

const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct House {
    store: Store,
    address: String,
    stop: CancellationToken,
    stream: Stream,
    _dir: tempfile::TempDir,
}

impl House {
    async fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("labeltap.db")).unwrap();
        let dids = vec![did("ann"), did("bob")];
        store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
        let stop = CancellationToken::new();
        let stream = Stream::new(store.clone(), limits, stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = stream.routes();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { store, address, stop, stream, _dir: dir }
    }

    async fn usual() -> Self {
        Self::new(Limits::USUAL).await
    }

    fn url(&self, query: &str) -> String {
        format!("ws://{}{METHOD}?{query}", self.address)
    }

    async fn open(&self, query: &str) -> Socket {
        connect_async(self.url(query)).await.unwrap().0
    }

    async fn refused(&self, query: &str) -> u16 {
        match connect_async(self.url(query)).await {
            Err(Error::Http(answer)) => answer.status().as_u16(),
            other => panic!("{other:?}"),
        }
    }

    /// Has a labeler say these in a frame each.
    async fn say(&self, labeler: &str, entries: Vec<Entry>) {
        let row = self.store.labeler(did(labeler)).await.unwrap().unwrap();
        let after = row.cursor;
        let frames = after.get() + 1..;
        let placed = |(frame, entry)| match entry {
            Entry::Label { place, label, verdict, raw, .. } => {
                Entry::Label { seq: Seq::new(frame).unwrap(), place, label, verdict, raw }
            }
            Entry::Rejected(rejected) => {
                Entry::Rejected(Rejected { seq: Seq::new(frame).unwrap(), ..rejected })
            }
        };
        let entries: Vec<Entry> = frames.zip(entries).map(placed).collect();
        let cursor = Seq::new(after.get() + entries.len() as i64).unwrap();
        let (labeler, received_at) = (did(labeler), Millis(1_700_000_000_000));
        let epoch = Epoch::FIRST;
        let batch = Batch { labeler, epoch, after, cursor, received_at, entries };
        self.store.commit(batch).await.unwrap();
    }
}

fn did(name: &str) -> Did {
    Did::parse(&format!("did:web:{name}.test")).unwrap()
}

fn label(labeler: &str, val: &str, raw: Option<Vec<u8>>) -> Entry {
    let parts = Parts {
        src: did(labeler),
        uri: "at://did:web:subject.test/app.bsky.feed.post/1".into(),
        cid: None,
        val: val.into(),
        neg: (val == "not").then_some(true),
        cts: "2023-01-01T00:00:00.000Z".into(),
        exp: None,
        sig: vec![7; 64],
    };
    let (label, verdict) = (Label::vouched(parts), Verdict::VerifiedOldKey);
    Entry::Label { seq: Seq::START, place: 0, label, verdict, raw }
}

fn labels(labeler: &str, vals: &[&str]) -> Vec<Entry> {
    vals.iter().map(|val| label(labeler, val, None)).collect()
}

fn refuse() -> Entry {
    let (verdict, reason) = (Verdict::BadSignature, "no".to_owned());
    Entry::Rejected(Rejected { seq: Seq::START, place: 0, verdict, reason, raw: vec![0xa0] })
}

async fn next(socket: &mut Socket) -> Option<Frame> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap()? {
            Ok(Message::Binary(bytes)) => return Some(wire::decode(&bytes).unwrap()),
            Ok(Message::Ping(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(other) => panic!("{other:?}"),
        }
    }
}

/// The next label: its number and value.
async fn said(socket: &mut Socket) -> (i64, String) {
    match next(socket).await {
        Some(Frame::Labels { seq, labels }) => {
            let [raw] = labels.as_slice() else { panic!("{labels:?}") };
            (seq.get(), wire::Claim::read(raw).unwrap().val)
        }
        other => panic!("{other:?}"),
    }
}

async fn error(socket: &mut Socket) -> String {
    match next(socket).await {
        Some(Frame::Error { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

fn pair(id: i64, val: &str) -> (i64, String) {
    (id, val.to_owned())
}

#[tokio::test]
async fn from_a_cursor_comes_what_is_stored_and_then_what_comes() {
    let house = House::usual().await;
    let mut first = labels("ann", &["a", "not"]);
    first.insert(1, refuse());
    house.say("ann", first).await;
    house.say("bob", labels("bob", &["c"])).await;
    let mut all = house.open("cursor=0").await;
    let mut some = house.open("cursor=3").await;
    let mut end = house.open("cursor=4").await;
    let mut now = house.open("").await;
    for expected in [pair(1, "a"), pair(3, "not"), pair(4, "c")] {
        assert_eq!(said(&mut all).await, expected);
    }
    assert_eq!(said(&mut some).await, pair(4, "c"));
    // Whoever was let in a moment ago may not have looked yet where the log ends.
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.say("bob", labels("bob", &["d"])).await;
    for socket in [&mut all, &mut some, &mut end, &mut now] {
        assert_eq!(said(socket).await, pair(5, "d"));
    }
}

#[tokio::test]
async fn a_label_goes_out_byte_for_byte() {
    let house = House::usual().await;
    let raw = b"\xa1\x61x\x01".to_vec();
    house.say("ann", vec![label("ann", "a", Some(raw.clone())), label("ann", "b", None)]).await;
    let mut socket = house.open("cursor=0").await;
    let mut bytes = Vec::new();
    for _ in 0..2 {
        let Some(Frame::Labels { labels, .. }) = next(&mut socket).await else { panic!() };
        bytes.push(labels.first().unwrap().bytes.to_vec());
    }
    let Entry::Label { label, .. } = label("ann", "b", None) else { panic!() };
    assert_eq!(bytes, [raw, wire::label_cbor(&label)]);
}

#[tokio::test]
async fn sources_can_be_chosen() {
    let house = House::usual().await;
    house.say("ann", labels("ann", &["a", "b"])).await;
    house.say("bob", labels("bob", &["c"])).await;
    let mut bob = house.open("cursor=0&src=did:web:bob.test").await;
    assert_eq!(said(&mut bob).await, pair(3, "c"));
    let mut both = house.open("cursor=1&src=did:web:bob.test&src=did:web:ann.test").await;
    assert_eq!(said(&mut both).await, pair(2, "b"));
    house.say("ann", labels("ann", &["d"])).await;
    house.say("bob", labels("bob", &["e"])).await;
    assert_eq!(said(&mut bob).await, pair(5, "e"));
}

#[tokio::test]
async fn a_cursor_beyond_the_end_is_an_error() {
    let house = House::usual().await;
    house.say("ann", labels("ann", &["a"])).await;
    for cursor in ["2", "9007199254740991", "99999999999999999999"] {
        let mut socket = house.open(&format!("cursor={cursor}")).await;
        assert_eq!(error(&mut socket).await, "FutureCursor");
        assert_eq!(next(&mut socket).await, None);
    }
    for query in ["cursor=abc", "cursor=", "src=nobody", "cursor=1&cursor=1"] {
        assert_eq!(house.refused(query).await, 400, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_before_something_that_was_taken_away_is_outdated() {
    let house = House::usual().await;
    house.say("ann", labels("ann", &["not", "a", "b"])).await;
    house.store.consumer("default".into()).await.unwrap();
    let head = house.store.head().borrow().last;
    house.store.save_progress("default".into(), head, vec![]).await.unwrap();
    assert_eq!(house.store.retire(Millis(1_800_000_000_000)).await.unwrap(), 1);
    house.say("ann", labels("ann", &["not", "c"])).await;
    assert_eq!(house.store.retire(Millis(1_800_000_000_000)).await.unwrap(), 0, "not yet passed");
    let head = house.store.head().borrow().last;
    house.store.save_progress("default".into(), head, vec![]).await.unwrap();
    assert_eq!(house.store.retire(Millis(1_800_000_000_000)).await.unwrap(), 1);
    let mut old = house.open("cursor=2").await;
    assert!(
        matches!(next(&mut old).await, Some(Frame::Info { name, .. }) if name == "OutdatedCursor")
    );
    assert_eq!(said(&mut old).await, pair(3, "b"));
    for (query, expected) in [("cursor=0", pair(2, "a")), ("cursor=4", pair(5, "c"))] {
        assert_eq!(said(&mut house.open(query).await).await, expected, "{query}");
    }
}

fn quick() -> Limits {
    let ms = Duration::from_millis;
    Limits { connections: 2, ping_every: ms(200), silence: ms(3000), blocked: ms(1000) }
}

#[tokio::test]
async fn who_reads_too_slowly_is_told() {
    let house = House::new(quick()).await;
    for _ in 0..40 {
        house.say("ann", labels("ann", &["a"; 1000])).await;
    }
    let mut slow = house.open("cursor=0").await;
    // Long enough for the write to be given up, and not for the farewell.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut last = 0;
    loop {
        match next(&mut slow).await {
            Some(Frame::Labels { seq, .. }) => {
                assert_eq!(seq.get(), last + 1);
                last += 1;
            }
            Some(Frame::Error { error, .. }) => {
                assert_eq!(error, "ConsumerTooSlow");
                break;
            }
            other => panic!("{other:?} after {last}"),
        }
    }
    assert!(last < 40_000, "it went on where it could");
    // It can go on where it was.
    let mut again = house.open(&format!("cursor={last}")).await;
    assert_eq!(said(&mut again).await.0, last + 1);
}

#[tokio::test]
async fn a_peer_that_never_answers_is_let_go_and_its_place_is_free() {
    let house = House::new(quick()).await;
    let mut dead = TcpStream::connect(&house.address).await.unwrap();
    let request = format!(
        "GET {METHOD} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    dead.write_all(request.as_bytes()).await.unwrap();
    let mut other = house.open("").await;
    assert_eq!(house.refused("").await, 503);
    let mut bytes = Vec::new();
    // One that answers stays, though nothing is said.
    let answers = timeout(Duration::from_secs(7), next(&mut other));
    let (read, nothing) = tokio::join!(timeout(PATIENCE, dead.read_to_end(&mut bytes)), answers);
    read.unwrap().unwrap();
    assert!(nothing.is_err(), "{nothing:?}");
    let told = bytes.windows(15).any(|window| window == b"ConsumerTooSlow");
    assert!(told, "why it ended");
    drop(house.open("").await);
}

#[tokio::test]
async fn everybody_is_let_go_when_it_stops() {
    let house = House::usual().await;
    let mut socket = house.open("").await;
    let ended = tokio::spawn(house.stream.clone().ended());
    house.stop.cancel();
    let closed = timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(
        matches!(&closed, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1001),
        "{closed:?}"
    );
    drop(socket);
    timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert_eq!(house.refused("").await, 503);
}
