//! The receiver keeps its word, seen from a stock client.

use std::time::Duration;
use testkit::{Receiver, Reply};

/// Long enough for a request to arrive, and not to be answered.
const QUIET: Duration = Duration::from_millis(200);

async fn post(client: &reqwest::Client, url: &str, body: &str) -> reqwest::Result<u16> {
    let answer = client.post(url).header("x-one", "1").body(body.to_owned()).send().await?;
    let status = answer.status().as_u16();
    answer.bytes().await.map(|_| status)
}

#[tokio::test]
async fn requests_are_kept_as_they_came_and_connections_are_reused() {
    let receiver = Receiver::start().await;
    let client = reqwest::Client::new();
    receiver.reply_next([Reply::status(503), Reply::status(204), Reply::too_many("7")]);
    let url = format!("{}?a=b", receiver.url());
    for (body, status) in [("{}", 503), ("", 204), ("x", 429), ("y", 200)] {
        assert_eq!(post(&client, &url, body).await.unwrap(), status);
    }
    let posts = receiver.posts();
    assert_eq!((posts.len(), receiver.connections(), receiver.open()), (4, 1, 0));
    let first = &posts[0];
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/hook?a=b"));
    assert_eq!((first.header("x-one"), first.body.as_slice()), (Some("1"), b"{}".as_slice()));
    assert_eq!((first.status, first.accepted()), (Some(503), false));
    assert!(posts[1].accepted() && posts[3].ended.is_some());
}

#[tokio::test]
async fn a_request_that_hangs_is_answered_once_the_receiver_replies_otherwise() {
    let receiver = Receiver::start().await;
    receiver.reply(Reply::Hangs);
    let client = reqwest::Client::new();
    let impatient = client.post(receiver.url()).timeout(QUIET).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    receiver.wait_until("it left", |posts| posts[0].ended.is_some()).await;
    assert_eq!(receiver.posts()[0].status, None);
    let url = receiver.url();
    let waiting = tokio::spawn(async move { post(&client, &url, "").await.unwrap() });
    receiver.wait_for(2).await;
    assert_eq!(receiver.open(), 1);
    receiver.reply_by(|post| Reply::status(if post.body.is_empty() { 202 } else { 500 }));
    assert_eq!(waiting.await.unwrap(), 202);
}

#[tokio::test]
async fn it_breaks_off_slams_doors_and_comes_back_on_its_port() {
    let mut receiver = Receiver::start().await;
    let (client, url) = (reqwest::Client::new(), receiver.url());
    receiver.reply_next([Reply::HangsUp, Reply::BreaksOff(200)]);
    for _ in 0..2 {
        assert!(post(&client, &url, "{}").await.is_err());
    }
    receiver.slam(true);
    assert!(post(&client, &url, "{}").await.is_err());
    receiver.slam(false);
    assert!(receiver.count() == 2 && receiver.connections() >= 3);
    receiver.stop().await;
    assert!(post(&client, &url, "{}").await.unwrap_err().is_connect());
    receiver.resume().await;
    assert_eq!(post(&client, &url, "{}").await.unwrap(), 200);
    assert_eq!(receiver.url(), url);
}

#[tokio::test]
async fn a_body_without_end_goes_on_until_the_client_leaves() {
    let receiver = Receiver::start().await;
    receiver.reply(Reply::NeverEnds(200));
    let mut answer = reqwest::Client::new().post(receiver.url()).send().await.unwrap();
    let mut read = 0;
    while read < 1_000_000 {
        read += answer.chunk().await.unwrap().unwrap().len();
    }
}
