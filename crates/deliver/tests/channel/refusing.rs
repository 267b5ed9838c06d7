//! What a connection cannot ask for.

use crate::rig::{Rig, settings, soon};
use deliver::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn unknown_types_filters_and_flags_are_refused_in_the_error_shape() {
    let rig = Rig::start().await;
    for query in ["?types=labels", "?types=", "?raw=yes", "?val=", "?src=did:plc:x", "?consumer="] {
        let (status, body) = rig.refused(query).await;
        assert_eq!(status.as_u16(), 400, "{query}");
        assert_eq!(body["error"], "InvalidRequest");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    for query in ["?types=label,labeler,label-state,record,identity", "?raw=false&x=1"] {
        rig.connect(query).await;
    }
}

#[tokio::test]
async fn a_plain_request_is_told_that_this_is_a_websocket() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address()).await.unwrap();
    let request = "GET /channel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains(r#""error":"InvalidRequest""#), "{answer}");
}

#[tokio::test]
async fn places_and_names_are_limited_and_come_free_again() {
    let limits = Limits { connections: 2, consumers: 2, ..Limits::default() };
    let rig = Rig::start_with(settings(), limits).await;
    let one = rig.connect("?consumer=one").await;
    let (status, body) = rig.refused("?consumer=two").await;
    assert_eq!((status.as_u16(), &body["error"]), (503, &"ServiceUnavailable".into()));
    let _other = rig.connect("").await;
    assert_eq!(rig.refused("").await.0.as_u16(), 503);
    one.cut();
    let again = async { while rig.try_connect("").await.is_err() {} };
    soon(again).await;
}
