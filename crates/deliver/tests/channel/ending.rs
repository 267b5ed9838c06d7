//! How connections end: never with a close frame of ours.

use crate::rig::{Rig, settings, soon, until};
use deliver::{Limits, Settings};
use futures_util::{SinkExt, StreamExt};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

fn limits() -> Limits {
    Limits {
        ping_every: Duration::from_millis(50),
        silence: Duration::from_secs(1),
        write_block: Duration::from_secs(2),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_stop_drops_connections_without_a_close_frame_and_keeps_acks() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("").await;
    let mut idle = rig.connect("?types=identity").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    peer.ack(1).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 1).await;
    let asked = Instant::now();
    rig.stop().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert_eq!(peer.end().await, None);
    assert_eq!(idle.end().await, None);
    assert_eq!(rig.store.consumer("default".into()).await.unwrap().position.get(), 1);
    let (status, _) = rig.refused("").await;
    assert_eq!(status.as_u16(), 503);
}

#[tokio::test]
async fn pings_are_answered_and_sent() {
    let rig = Rig::start_with(settings(), limits()).await;
    let mut peer = rig.connect("").await;
    peer.socket.send(Message::Ping("there?".into())).await.unwrap();
    let mut seen = (false, false);
    while seen != (true, true) {
        match soon(peer.socket.next()).await.unwrap().unwrap() {
            Message::Pong(payload) => seen.0 |= payload == "there?",
            Message::Ping(_) => seen.1 = true,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays_and_a_silent_one_is_dropped() {
    let mut rig = Rig::start_with(settings(), limits()).await;
    rig.labels(&["at://a/1"]).await;
    // Not polled, so it answers nothing.
    let mut silent = rig.connect("").await;
    let mut awake = rig.connect("?types=identity").await;
    let connected = Instant::now();
    while connected.elapsed() < limits().silence * 2 {
        let message = soon(awake.socket.next()).await.unwrap().unwrap();
        assert!(message.is_ping(), "{message:?}");
    }
    assert_eq!(silent.end().await, None);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped_and_its_events_go_elsewhere() {
    let limits = Limits { silence: Duration::from_secs(60), ..limits() };
    let settings = Settings { window: 5000, ..settings() };
    let mut rig = Rig::start_with(settings, limits).await;
    let mut stuck = rig.connect("").await;
    // More than the kernel keeps for a connection.
    let pad = "x".repeat(32 * 1024);
    let uris: Vec<String> = (0..1000).map(|number| format!("at://a/{number}/{pad}")).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    rig.labels(&uris).await;
    assert_eq!(stuck.id().await, 1);
    stuck.ack(1).await;
    let deliver = rig.deliver.clone();
    until(|| deliver.unacked() == 999).await;
    // Acks nothing, so that both are given the same, and the stuck one more than it takes.
    let mut other = rig.connect("").await;
    while other.id().await != 2 {}
    assert_eq!(stuck.end().await, None);
}

#[tokio::test]
async fn a_peer_that_pings_and_does_not_read_is_not_answered_without_end() {
    let rig = Rig::start().await;
    let mut peer = rig.connect("?types=identity").await;
    let stream = peer.socket.get_mut();
    // Masked with zeros. 40 MB: more than the kernel keeps for both sides.
    let ping = |payload: u8| [vec![0x89, 0x80 | 125, 0, 0, 0, 0], vec![payload; 125]].concat();
    let (many, rounds) = (ping(b'a').repeat(1000), 300);
    let flood = async {
        for _ in 0..rounds {
            stream.write_all(&many).await?;
        }
        stream.write_all(&ping(b'z')).await
    };
    // It may be cut off meanwhile, which is as well.
    let _cut_off = soon(flood).await;
    let (mut answered, mut last, mut bytes) = (0, 0, vec![0; 1 << 20]);
    while last != b'z' {
        match soon(stream.read(&mut bytes)).await {
            Ok(0) | Err(_) => break,
            Ok(read) => (answered, last) = (answered + read, bytes[read - 1]),
        }
    }
    assert!(answered < rounds * 1000 * 127, "{answered}");
}

#[tokio::test]
async fn a_message_over_the_limit_drops_the_connection() {
    let rig = Rig::start().await;
    let mut peer = rig.connect("").await;
    let _server_may_cut_before_it_is_all_written =
        peer.socket.send(Message::text(" ".repeat(2 * 1024 * 1024))).await;
    assert_eq!(peer.end().await, None);
}

#[tokio::test]
async fn a_peer_that_says_goodbye_is_answered() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1"]).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.id().await, 1);
    peer.socket.close(None).await.unwrap();
    assert_eq!(peer.end().await, Some(Message::Close(None)));
    let mut next = rig.connect("").await;
    assert_eq!(next.id().await, 1);
}

#[tokio::test]
async fn a_store_that_gives_up_ends_the_crew() {
    let mut rig = Rig::start().await;
    let mut peer = rig.connect("").await;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(peer.id().await, 1);
    rig.store.close().await;
    peer.ack(1).await;
    let ended = soon(&mut rig.crew).await.unwrap();
    assert!(ended.unwrap_err().to_string().contains("default"));
    assert_eq!(peer.end().await, None);
}
