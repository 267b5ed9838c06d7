//! The client against a server that does what it is told.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::result_large_err, reason = "the shape is tungstenite's")]

mod scripted;

use client::{Client, ClientError};
use futures_util::{SinkExt, StreamExt};
use http::header::AUTHORIZATION;
use scripted::{accept, ack, event, server, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

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
        ack(&mut last).await
    });
    let mut client = Client::new(settings).unwrap();
    assert!(!client.is_connected());
    let first = soon(client.next()).await.unwrap();
    assert_eq!((first.id, first.kind.as_str()), (1, "label"));
    assert_eq!(soon(client.next()).await.unwrap().id, 2);
    client.ack(&[]).await;
    client.ack(&[1, 2]).await;
    assert_eq!(soon(serve).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn acks_given_without_a_connection_go_out_on_the_next() {
    let (listener, settings) = server().await;
    let mut client = Client::new(settings).unwrap();
    client.ack(&[1]).await;
    client.ack(&[2, 3]).await;
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        let before = ack(&mut socket).await;
        socket.send(event(4)).await.unwrap();
        (before, ack(&mut socket).await)
    });
    let id = soon(client.next()).await.unwrap().id;
    client.ack(&[id]).await;
    assert_eq!(soon(serve).await.unwrap(), (vec![1, 2, 3], vec![4]));
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
