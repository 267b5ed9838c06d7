//! Requests as a receiver sees them, and failures as an operator does.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Instant;
use testkit::{Answer, Receiver, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Far longer than anything takes here.
const LIMIT: Duration = Duration::from_secs(10);
/// What a request may take in tests about requests that take too long.
const SHORT: Duration = Duration::from_millis(300);

fn hook(url: &str) -> Hook {
    Hook { url: url.parse().unwrap(), password: None, secret: None }
}

fn poster() -> Poster {
    Poster::new(Limits::default()).unwrap()
}

fn impatient() -> Poster {
    Poster::new(Limits { request: SHORT, ..Limits::default() }).unwrap()
}

async fn fails(poster: &Poster, hook: &Hook) -> Failure {
    let posted = timeout(LIMIT, poster.post(hook, 1, 1, "{}".into())).await;
    posted.expect("in time").unwrap_err()
}

#[tokio::test]
async fn a_request_is_exactly_what_the_contract_says() {
    let receiver = Receiver::start().await;
    let hook = Hook {
        url: format!("{}?to=us", receiver.url()).parse().unwrap(),
        password: Some("open \u{73}esame\u{e4}".to_owned()),
        secret: Some("hush".to_owned()),
    };
    let body = "{\"id\":12347,\"type\":\"label\",\"label\":{\"val\":\"\u{fc}\"}}";
    poster().post(&hook, 12347, 3, Bytes::from(body)).await.unwrap();
    let posts = receiver.posts();
    let post = posts.first().unwrap();
    assert_eq!((post.method.as_str(), post.target.as_str()), ("POST", "/hook?to=us"));
    assert_eq!(post.body, body.as_bytes());
    let address = receiver.url().replace("http://", "").replace("/hook", "");
    let basic = format!("Basic {}", STANDARD.encode("admin:open sesame\u{e4}"));
    let signature = signature("hush", body.as_bytes());
    let length = body.len().to_string();
    let mut expected = [
        ("accept", "*/*"),
        ("authorization", &basic),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("host", &address),
        ("labeltap-attempt", "3"),
        ("labeltap-event-id", "12347"),
        ("labeltap-signature", &signature),
        ("user-agent", USER_AGENT),
    ];
    expected.sort_unstable();
    let mut headers = post.headers.clone();
    headers.sort_unstable();
    let came: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(came, expected);
    assert_eq!(USER_AGENT, format!("labeltap/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn without_password_and_secret_there_is_neither() {
    let receiver = Receiver::start().await;
    poster().post(&hook(&receiver.url()), 1, 1, "{}".into()).await.unwrap();
    let names = |name: &str| ["authorization", "labeltap-signature", "cookie"].contains(&name);
    assert!(!receiver.posts()[0].headers.iter().any(|(name, _)| names(name)));
}

#[tokio::test]
async fn a_user_in_the_url_is_sent_unless_there_is_a_password() {
    let receiver = Receiver::start().await;
    let url = receiver.url().replace("http://", "http://us%20er:p%C3%A4ss@");
    let mut hook = hook(&url);
    let poster = poster();
    poster.post(&hook, 1, 1, "{}".into()).await.unwrap();
    hook.password = Some("ours".to_owned());
    poster.post(&hook, 1, 1, "{}".into()).await.unwrap();
    for (post, user) in receiver.posts().iter().zip(["us er:p\u{e4}ss", "admin:ours"]) {
        let basic = format!("Basic {}", STANDARD.encode(user));
        assert_eq!(post.header("authorization"), Some(basic.as_str()));
    }
}

#[tokio::test]
async fn any_success_is_one_and_its_connection_is_used_again() {
    let receiver = Receiver::start().await;
    let long = Answer::new(200, "x".repeat(READ));
    receiver.reply_next([Reply::status(204), Reply::status(299), Reply::Says(long)]);
    let (poster, hook) = (poster(), hook(&receiver.url()));
    for _ in 0..4 {
        poster.clone().post(&hook, 1, 1, "{}".into()).await.unwrap();
    }
    assert_eq!((receiver.count(), receiver.connections()), (4, 1));
    receiver.reply(Reply::Says(Answer::new(500, "no")));
    fails(&poster, &hook).await;
    assert_eq!(receiver.connections(), 1, "after a failure too");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_are_allowed_at_once_need_few_connections() {
    let receiver = Receiver::start().await;
    let (poster, hook) = (poster(), hook(&receiver.url()));
    let mut posts: JoinSet<Result<(), Failure>> = JoinSet::new();
    for id in 1..=2_000 {
        if posts.len() == super::super::MOST {
            posts.join_next().await.unwrap().unwrap().unwrap();
        }
        let (poster, hook) = (poster.clone(), hook.clone());
        posts.spawn(async move { poster.post(&hook, id, 1, "{}".into()).await });
    }
    posts.join_all().await.into_iter().for_each(|posted| posted.unwrap());
    let connections = receiver.connections();
    eprintln!("{connections} connections");
    assert!(receiver.count() == 2_000 && connections <= 300, "{connections} connections");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    for status in [301, 302, 303, 307, 308] {
        receiver.reply(Reply::redirect(status, &elsewhere.url()));
        let failure = fails(&poster(), &hook(&receiver.url())).await;
        assert_eq!(failure.error, format!("answered {status}, and redirects are not followed"));
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_status_is_told_with_the_rest_that_is_asked_for() {
    let receiver = Receiver::start().await;
    let (poster, hook) = (poster(), hook(&receiver.url()));
    for (status, after, rest) in [(429, "7", 7), (503, "120", 120), (500, "99999", 3600)] {
        receiver.reply(Reply::Says(Answer::new(status, "").header("retry-after", after)));
        let failure = fails(&poster, &hook).await;
        assert_eq!(failure.error, format!("answered {status}"));
        assert_eq!(failure.retry_after, Some(Duration::from_secs(rest)));
    }
    let soon = Timestamp::now() + jiff::SignedDuration::from_secs(100);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon);
    receiver.reply(Reply::too_many(&date.unwrap()));
    let rest = fails(&poster, &hook).await.retry_after.unwrap();
    assert!((90..=100).contains(&rest.as_secs()), "{rest:?}");
    receiver.reply(Reply::status(400));
    let failure = fails(&poster, &hook).await;
    assert_eq!((failure.error.as_str(), failure.retry_after), ("answered 400", None));
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let receiver = Receiver::start().await;
    receiver.reply(Reply::Hangs);
    let failure = fails(&impatient(), &hook(&receiver.url())).await;
    assert_eq!(failure.error, "timed out after 300 ms");
    // Neither the head nor a connection is waited for longer.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let drips = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _head = stream.read(&mut [0; 1024]).await;
        loop {
            let _either_way = stream.write_all(b"HTTP/1.1 103 \r\nx: y\r\n\r\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (poster, hook) = (impatient(), hook(&url));
    tokio::select! {
        failure = fails(&poster, &hook) => assert_eq!(failure.error, "timed out after 300 ms"),
        () = drips => {}
    }
}

#[tokio::test]
async fn a_body_without_end_does_not_hold_us() {
    let receiver = Receiver::start().await;
    let (poster, hook) = (poster(), hook(&receiver.url()));
    let start = Instant::now();
    receiver.reply(Reply::NeverEnds(200));
    poster.post(&hook, 1, 1, "{}".into()).await.unwrap();
    receiver.reply(Reply::NeverEnds(500));
    assert_eq!(fails(&poster, &hook).await.error, "answered 500");
    // One that announces more than it sends.
    let liar = Answer::new(200, "").header("content-length", "10");
    receiver.reply(Reply::Says(liar));
    let longer = Answer::new(200, "x".repeat(READ + 1));
    receiver.reply_next([Reply::Says(longer)]);
    poster.post(&hook, 1, 1, "{}".into()).await.unwrap();
    assert!(start.elapsed() < READ_FOR, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_trickles_is_waited_for_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let trickles = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _head = stream.read(&mut [0; 1024]).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        loop {
            let _either_way = stream.write_all(b"x").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (poster, hook) = (poster(), hook(&url));
    let start = Instant::now();
    tokio::select! {
        posted = poster.post(&hook, 1, 1, "{}".into()) => posted.unwrap(),
        () = trickles => {}
    }
    assert!(start.elapsed() < READ_FOR * 3);
}

#[tokio::test]
async fn connections_that_break_are_told_and_tried_no_second_time() {
    let mut receiver = Receiver::start().await;
    let (poster, hook) = (poster(), hook(&receiver.url()));
    for reply in [Reply::HangsUp, Reply::BreaksOff(200)] {
        receiver.reply(reply);
        let failure = fails(&poster, &hook).await;
        assert!(failure.error.contains("connection"), "{failure:?}");
        assert_eq!(failure.retry_after, None);
    }
    assert_eq!(receiver.count(), 2);
    receiver.stop().await;
    assert_eq!(fails(&poster, &hook).await.error, "connection refused");
    receiver.reply(Reply::status(200));
    receiver.resume().await;
    poster.post(&hook, 1, 2, "{}".into()).await.unwrap();
}

/// Asks a server that greets everybody with this.
async fn greeted(scheme: &str, greeting: &str) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (poster, hook) =
        (poster(), hook(&format!("{scheme}://{}/", listener.local_addr().unwrap())));
    let greets = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(greeting.as_bytes()).await.unwrap();
        std::future::pending().await
    };
    tokio::select! {
        failure = fails(&poster, &hook) => failure,
        failure = greets => failure,
    }
}

#[tokio::test]
async fn what_speaks_no_tls_or_no_http_is_an_error() {
    let plain = greeted("https", "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let foreign = greeted("http", "SSH-2.0-OpenSSH_9.9\r\n").await;
    assert!(plain.error.contains("corrupt message"), "{plain:?}");
    assert!(foreign.error.contains("unexpected message"), "{foreign:?}");
}

#[tokio::test]
async fn nothing_secret_is_in_errors_or_in_debug() {
    let mut receiver = Receiver::start().await;
    receiver.stop().await;
    let at = receiver.url().replace("http://", "");
    let mut said = String::new();
    for scheme in ["http://", "https://", "ftp://"] {
        for at in [at.as_str(), "nowhere.invalid/hook"] {
            let mut hook = hook(&format!("{scheme}ursula:pa55word@{at}"));
            hook.secret = Some("s3cret".to_owned());
            said += &format!("{:?} {hook:?}\n", fails(&impatient(), &hook).await);
            hook.password = Some("pa55word".to_owned());
            said += &format!("{:?} {hook:?}\n", fails(&impatient(), &hook).await);
        }
    }
    assert!(said.contains("/hook") && said.contains("connection refused"), "{said}");
    for secret in ["pa55word", "ursula", "s3cret"] {
        assert!(!said.contains(secret), "{said}");
    }
}
