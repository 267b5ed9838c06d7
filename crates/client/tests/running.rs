//! `Client::run` against a server that does what it is told.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod scripted;

use client::{Client, ClientError, Received};
use futures_util::{SinkExt, StreamExt};
use scripted::{Socket, accept, ack, event, server, soon};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio_tungstenite::tungstenite::Message;

/// So many acks, however many messages they come in; and how many those were.
async fn acks(socket: &mut Socket, count: usize) -> (Vec<i64>, usize) {
    let (mut ids, mut messages) = (Vec::new(), 0);
    while ids.len() < count {
        ids.extend(ack(socket).await);
        messages += 1;
    }
    (ids, messages)
}

#[tokio::test]
async fn only_what_the_handler_did_is_acked() {
    let (listener, settings) = server().await;
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        for id in [1, 2, 3] {
            socket.send(event(id)).await.unwrap();
        }
        let first = acks(&mut socket, 2).await.0;
        socket.send(event(2)).await.unwrap();
        (first, ack(&mut socket).await)
    });
    let mut tries = Vec::new();
    let mut client = Client::new(settings).unwrap();
    let handler = |received: Received| {
        tries.push(received.id);
        let fails = received.id == 2 && tries.len() == 2;
        async move { if fails { Err("not today") } else { Ok(()) } }
    };
    let acked = tokio::select! {
        ended = client.run(handler) => panic!("{ended:?}"),
        acked = soon(serve) => acked.unwrap(),
    };
    assert_eq!(acked, (vec![1, 3], vec![2]));
    assert_eq!(tries, [1, 2, 3, 2]);
}

#[tokio::test]
async fn acks_that_come_together_travel_together() {
    let (listener, settings) = server().await;
    let (all_sent, wait) = oneshot::channel();
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        for id in 1..=500 {
            socket.send(event(id)).await.unwrap();
        }
        all_sent.send(()).unwrap();
        acks(&mut socket, 500).await
    });
    let mut wait = Some(wait);
    let mut client = Client::new(settings).unwrap();
    let handler = |_| {
        let wait = wait.take();
        async { if let Some(wait) = wait { wait.await } else { Ok(()) } }
    };
    let (ids, messages) = tokio::select! {
        ended = client.run(handler) => panic!("{ended:?}"),
        acked = soon(serve) => acked.unwrap(),
    };
    assert!(ids.into_iter().eq(1..=500), "in the order they were done");
    assert!(messages < 100, "{messages} messages for 500 acks");
}

#[tokio::test]
async fn while_a_handler_works_pings_are_answered_and_acks_go_out() {
    let (listener, settings) = server().await;
    let may_go_on = Arc::new(Notify::new());
    let go_on = may_go_on.clone();
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        socket.send(event(1)).await.unwrap();
        socket.send(event(2)).await.unwrap();
        // The second one's handler waits for us, so this cannot wait for it.
        assert_eq!(ack(&mut socket).await, [1]);
        socket.send(Message::Ping("there?".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("there?".into()));
        go_on.notify_one();
        assert_eq!(ack(&mut socket).await, [2]);
    });
    let mut client = Client::new(settings).unwrap();
    let handler = async |received: Received| {
        if received.id == 2 {
            may_go_on.notified().await;
        }
        Ok::<_, ClientError>(())
    };
    tokio::select! {
        ended = client.run(handler) => panic!("{ended:?}"),
        served = soon(serve) => served.unwrap(),
    }
}

#[tokio::test]
async fn what_was_done_during_an_outage_is_acked_after_it_and_the_rest_comes_again() {
    let (listener, settings) = server().await;
    let was_cut = Arc::new(Notify::new());
    let cut = was_cut.clone();
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        for id in [1, 2, 3] {
            socket.send(event(id)).await.unwrap();
        }
        // Time for the events to arrive, then for the cut to be noticed.
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(socket);
        tokio::time::sleep(Duration::from_millis(100)).await;
        cut.notify_one();
        let mut socket = accept(&listener).await;
        assert_eq!(ack(&mut socket).await, [1]);
        // The restarted server may owe 1 still: then it comes again, at least once.
        for id in [1, 2, 3] {
            socket.send(event(id)).await.unwrap();
        }
        acks(&mut socket, 3).await.0
    });
    let mut seen = Vec::new();
    let mut client = Client::new(settings).unwrap();
    let handler = |received: Received| {
        seen.push(received.id);
        let (first, was_cut) = (seen.len() == 1, &was_cut);
        async move {
            if first {
                was_cut.notified().await;
            }
            Ok::<_, ClientError>(())
        }
    };
    let acked = tokio::select! {
        ended = client.run(handler) => panic!("{ended:?}"),
        acked = soon(serve) => acked.unwrap(),
    };
    assert_eq!(acked, [1, 2, 3]);
    assert_eq!(seen, [1, 1, 2, 3], "2 and 3 of the lost connection were let go");
}

#[tokio::test]
async fn it_goes_on_with_the_connection_there_is() {
    let (listener, settings) = server().await;
    let (all_sent, wait) = oneshot::channel();
    let serve = tokio::spawn(async move {
        drop(accept(&listener).await);
        let mut socket = accept(&listener).await;
        for id in [1, 2, 3] {
            socket.send(event(id)).await.unwrap();
        }
        all_sent.send(()).unwrap();
        acks(&mut socket, 2).await.0
    });
    let mut client = Client::new(settings).unwrap();
    assert_eq!(soon(client.next()).await.unwrap().id, 1);
    wait.await.unwrap();
    let acked = tokio::select! {
        ended = client.run(async |_| Ok::<_, ClientError>(())) => panic!("{ended:?}"),
        acked = soon(serve) => acked.unwrap(),
    };
    assert_eq!(acked, [2, 3]);
}

#[tokio::test]
async fn a_refusal_ends_it() {
    let (listener, settings) = server().await;
    let serve = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        socket.send(event(1)).await.unwrap();
        let acked = ack(&mut socket).await;
        drop(socket);
        let mut stream = listener.accept().await.unwrap().0;
        let _request = stream.read(&mut [0; 4096]).await.unwrap();
        let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        acked
    });
    let mut client = Client::new(settings).unwrap();
    let ended = soon(client.run(async |_| Ok::<_, ClientError>(()))).await;
    assert!(matches!(ended, Err(ClientError::Unauthorized)));
    assert_eq!(serve.await.unwrap(), [1]);
}
