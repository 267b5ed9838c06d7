//! The client against a server that does what it is told.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::result_large_err, reason = "the shape is tungstenite's")]

use client::{Client, ClientError, Settings};
use futures_util::{SinkExt, StreamExt};
use http::header::AUTHORIZATION;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

async fn server() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, Settings { url, password: Some("secret".into()), query: Vec::new() })
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    accept_async(listener.accept().await.unwrap().0).await.unwrap()
}

fn event(id: i64) -> Message {
    Message::text(format!(r#"{{"id":{id},"type":"label","label":{{}}}}"#))
}

/// No step of these tests takes long.
async fn soon<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), step).await.unwrap()
}

#[tokio::test]
async fn after_any_end_the_client_comes_back() {
    let (listener, settings) = server().await;
    let serve = tokio::spawn(async move {
        // Cut without a word, closed politely, cut after an event, and one that stays.
        drop(listener.accept().await.unwrap());
        accept(&listener).await.close(None).await.unwrap();
        accept(&listener).await.send(event(1)).await.unwrap();
        let mut last = accept(&listener).await;
        last.send(event(2)).await.unwrap();
        last.next().await.unwrap().unwrap().into_text().unwrap().to_string()
    });
    let mut client = Client::new(settings).unwrap();
    assert!(!client.is_connected());
    let first = soon(client.next()).await.unwrap();
    assert_eq!((first.id, first.kind.as_str()), (1, "label"));
    assert_eq!(soon(client.next()).await.unwrap().id, 2);
    client.ack(&[]).await;
    client.ack(&[1, 2]).await;
    assert_eq!(soon(serve).await.unwrap(), r#"{"ids":[1,2],"type":"ack"}"#);
}

#[tokio::test]
async fn the_password_is_sent_and_pings_are_answered() {
    let (listener, settings) = server().await;
    let serve = tokio::spawn(async move {
        let mut sent = None;
        let look = |request: &Request, response: Response| {
            sent = request.headers().get(AUTHORIZATION).cloned();
            Ok(response)
        };
        let stream = listener.accept().await.unwrap().0;
        let mut socket = accept_hdr_async(stream, look).await.unwrap();
        socket.send(Message::Ping("there?".into())).await.unwrap();
        let pong = socket.next().await.unwrap().unwrap();
        socket.send(event(1)).await.unwrap();
        (sent.unwrap(), pong)
    });
    let mut client = Client::new(settings).unwrap();
    soon(client.next()).await.unwrap();
    let (sent, pong) = soon(serve).await.unwrap();
    assert_eq!(sent, "Basic YWRtaW46c2VjcmV0");
    assert_eq!(pong, Message::Pong("there?".into()));
}

#[tokio::test]
async fn a_refusal_is_final_and_a_busy_server_is_not() {
    let (listener, settings) = server().await;
    let serve = tokio::spawn(async move {
        for status in ["503 Service Unavailable", "401 Unauthorized"] {
            let mut stream = listener.accept().await.unwrap().0;
            let _request = stream.read(&mut [0; 4096]).await.unwrap();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let mut client = Client::new(settings).unwrap();
    assert!(matches!(soon(client.next()).await, Err(ClientError::Unauthorized)));
    soon(serve).await.unwrap();
}
