//! A server that does what the test tells it.

use client::Settings;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) async fn server() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, Settings { url, password: Some("secret".into()), query: Vec::new() })
}

pub(crate) async fn accept(listener: &TcpListener) -> Socket {
    accept_async(listener.accept().await.unwrap().0).await.unwrap()
}

pub(crate) fn event(id: i64) -> Message {
    Message::text(format!(r#"{{"id":{id},"type":"label","label":{{}}}}"#))
}

#[derive(serde::Deserialize)]
struct Ack {
    r#type: String,
    id: Option<i64>,
    ids: Option<Vec<i64>>,
}

/// The ids of the next ack.
pub(crate) async fn ack(socket: &mut Socket) -> Vec<i64> {
    let text = soon(socket.next()).await.unwrap().unwrap().into_text().unwrap();
    let ack: Ack = serde_json::from_str(&text).unwrap();
    assert_eq!(ack.r#type, "ack");
    ack.ids.unwrap_or_else(|| vec![ack.id.unwrap()])
}

/// No step of these tests takes long.
pub(crate) async fn soon<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), step).await.unwrap()
}
