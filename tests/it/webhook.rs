//! Events by `POST`, to receivers that behave well and badly: everything arrives, in the
//! order of its lane, and nobody is hammered (contract section 4, "Webhook").

use crate::tap::{LIMIT, Tap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use testkit::{
    Answer, FakeLabeler, LabelSpec, Plc, Post, Receiver, Reply, SigningKey, cts, plc_did,
};

/// Requests under way at once, at most.
const MOST: usize = 64;

/// A directory, a labeler and a receiver, before labeltap is started.
struct Scene {
    dir: tempfile::TempDir,
    plc: Plc,
    labeler: FakeLabeler,
    did: String,
    receiver: Receiver,
}

impl Scene {
    async fn set() -> Self {
        let (plc, did) = (Plc::start().await, plc_did("posted"));
        let labeler = FakeLabeler::start(&did, SigningKey::k256(120), &plc).await;
        let (dir, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
        Self { dir, plc, labeler, did, receiver }
    }

    /// Says so many labels, which are spread over so many lanes.
    fn say(&self, count: u64, lanes: u64) {
        let first = self.labeler.head().cast_unsigned() + 1;
        self.labeler.emit_each((first..first + count).map(|n| {
            let uri =
                format!("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/{}", n % lanes);
            LabelSpec::new(uri, "spam").cts(cts(n))
        }));
    }

    /// Starts labeltap with this receiver as its webhook.
    async fn start(&self, more: &[&str]) -> Tap {
        let url = self.receiver.url();
        let args = [&["--webhook-url", &url], more].concat();
        let tap = Tap::start(&self.plc, &self.dir.path().join("tap.db"), &args);
        // The password, if there is one, follows its flag.
        let password = more.iter().skip_while(|flag| **flag != "--admin-password").nth(1);
        let tap = match password {
            Some(password) => tap.with_password(password),
            None => tap,
        };
        tap.add(&[&self.did]).await;
        tap
    }

    /// Waits until the receiver has accepted every label up to this.
    async fn all_arrive(&self, last: i64) {
        all_arrive(&self.receiver, last).await;
    }
}

async fn all_arrive(receiver: &Receiver, last: i64) {
    let whole = |posts: &[Post]| {
        // Looking into each is for when there may be enough of them.
        let count = posts.iter().filter(|post| post.accepted()).count() as i64;
        count >= last && accepted(posts).len() as i64 >= last
    };
    receiver.wait_until(&format!("every label up to {last}"), whole).await;
    assert!(accepted(&receiver.posts()).into_iter().eq(1..=last));
}

fn accepted(posts: &[Post]) -> BTreeSet<i64> {
    posts.iter().filter(|post| post.accepted()).map(seq).collect()
}

fn seq(post: &Post) -> i64 {
    post.json()["label"]["seq"].as_i64().expect("a label with a seq")
}

fn attempt(post: &Post) -> u32 {
    let attempt = post.header("labeltap-attempt").expect("an attempt");
    attempt.parse().expect("a number")
}

/// Each request is as it should be, none came before its predecessor in the lane was
/// accepted, and there were never too many under way.
fn assert_proper(posts: &[Post]) {
    let mut lanes: BTreeMap<String, BTreeMap<i64, Option<Instant>>> = BTreeMap::new();
    for post in posts {
        let event = post.json();
        assert_eq!((post.method.as_str(), &event["type"]), ("POST", &json!("label")));
        assert_eq!(post.header("content-type"), Some("application/json"));
        assert_eq!(post.header("labeltap-event-id"), Some(event["id"].to_string().as_str()));
        let uri = event["label"]["uri"].as_str().expect("a URI").to_owned();
        let taken = lanes.entry(uri).or_default().entry(seq(post)).or_default();
        if post.accepted() && taken.is_none() {
            *taken = post.ended;
        }
    }
    for post in posts {
        let lane = &lanes[post.json()["label"]["uri"].as_str().unwrap()];
        for (before, taken) in lane.range(..seq(post)) {
            let in_order = taken.is_some_and(|taken| taken <= post.at);
            assert!(in_order, "{} was posted before {before} was accepted", seq(post));
        }
    }
    let mut turns: Vec<(Instant, isize)> = posts.iter().map(|post| (post.at, 1)).collect();
    turns.extend(posts.iter().filter_map(|post| Some((post.ended?, -1))));
    turns.sort_unstable();
    let under_way = turns.iter().scan(0, |sum, (_, turn)| {
        *sum += turn;
        Some(*sum)
    });
    assert!(under_way.max() <= Some(MOST as isize));
}

/// In one life of the service: attempts are counted from 1, and an event is not tried
/// again while a request for it is under way, nor after it was accepted.
fn assert_counted(posts: &[Post]) {
    let mut events: BTreeMap<i64, Vec<&Post>> = BTreeMap::new();
    for post in posts {
        events.entry(seq(post)).or_default().push(post);
    }
    for (seq, posts) in events {
        let attempts: Vec<u32> = posts.iter().map(|post| attempt(post)).collect();
        assert_eq!(attempts, (1..=posts.len() as u32).collect::<Vec<_>>(), "of {seq}");
        for pair in posts.windows(2) {
            let ended = pair[0].ended.expect("ended before the next");
            assert!(!pair[0].accepted(), "{seq} was accepted, and came again");
            let wait = pair[1].at.saturating_duration_since(ended);
            assert!(wait >= Duration::from_millis(700), "{seq} came again after {wait:?}");
        }
    }
}

/// HMAC-SHA256 as RFC 2104 spells it out, for short secrets.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut key = [0; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let padded = |pad: u8| key.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    let hex: String = outer.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Waits until the consumer's object is as wanted.
async fn consumer_until(tap: &Tap, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let list = tap.get("/consumers").await;
        let consumers = list["consumers"].as_array().expect("a list");
        let found = consumers.iter().find(|consumer| consumer["name"] == name);
        if let Some(consumer) = found.filter(|consumer| wanted(consumer)) {
            return consumer.clone();
        }
        assert!(begun.elapsed() < LIMIT, "still {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn failing_with(tap: &Tap, name: &str, words: &str) -> Value {
    let says = |consumer: &Value| {
        consumer["last_error"].as_str().is_some_and(|error| error.contains(words))
    };
    consumer_until(tap, name, says).await
}

async fn settled(tap: &Tap) {
    let begun = Instant::now();
    while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 0 {
        assert!(begun.elapsed() < LIMIT, "never settled");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_answers_gets_each_event_once_and_in_order() {
    let scene = Scene::set().await;
    scene.say(2_000, 100);
    let tap = scene.start(&[]).await;
    scene.all_arrive(2_000).await;
    settled(&tap).await;
    scene.say(10, 1);
    scene.all_arrive(2_010).await;
    let posts = scene.receiver.posts();
    assert_proper(&posts);
    assert_counted(&posts);
    assert_eq!(posts.len(), 2_010, "each of them once");
    let connections = scene.receiver.connections();
    assert!(connections <= 2 * MOST as u64, "{connections} connections for so many requests");
    let consumer = consumer_until(&tap, "default", |shown| shown["lag"] == 0).await;
    assert_eq!(consumer.get("last_error"), None, "{consumer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_receiver_does_everything_arrives_in_the_order_of_its_lane() {
    let scene = Scene::set().await;
    let elsewhere = Receiver::start().await;
    scene.say(75, 25);
    let away = elsewhere.url();
    scene.receiver.reply_by(move |post| match (attempt(post), seq(post) % 6) {
        (1, 0) => Reply::status(500),
        (1, 1) => Reply::HangsUp,
        (1, 2) => Reply::redirect(307, &away),
        (1, 3) => Reply::BreaksOff(200),
        (1, 4) => Reply::NeverEnds(404),
        (2, 4) => Reply::redirect(303, &away),
        _ => Reply::status(202),
    });
    let tap = scene.start(&[]).await;
    scene.all_arrive(75).await;
    settled(&tap).await;
    let posts = scene.receiver.posts();
    assert_proper(&posts);
    assert_counted(&posts);
    for post in posts.iter().filter(|post| post.accepted()) {
        let expected = match seq(post) % 6 {
            5 => 1,
            4 => 3,
            _ => 2,
        };
        assert_eq!(attempt(post), expected, "of {}", seq(post));
    }
    assert_eq!(elsewhere.connections(), 0, "redirects are not followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_rest_gets_it() {
    let scene = Scene::set().await;
    let tap = scene.start(&[]).await;
    scene.say(5, 5);
    scene.all_arrive(5).await;
    scene.receiver.reply_next([Reply::too_many("3")]);
    scene.say(1, 100);
    scene.receiver.wait_until("a 429", |posts| posts.len() == 6 && posts[5].ended.is_some()).await;
    failing_with(&tap, "default", "429").await;
    scene.say(20, 100);
    scene.all_arrive(26).await;
    let posts = scene.receiver.posts();
    let asked = posts[5].ended.unwrap();
    let next = posts[6].at - asked;
    assert!(next >= Duration::from_millis(2_950), "a request after {next:?}");
    assert!(next < Duration::from_secs(10), "the next request after {next:?} only");
    assert_proper(&posts);
    assert_counted(&posts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hangs_is_given_up_after_30_s_while_other_lanes_flow() {
    let scene = Scene::set().await;
    scene.receiver.reply_by(|post| match (seq(post), attempt(post)) {
        (3, 1) => Reply::Hangs,
        _ => Reply::status(200),
    });
    scene.say(30, 10);
    // Shorter than the request takes, and without any meaning here.
    let tap = scene.start(&["--retry-timeout", "1s"]).await;
    // 3, and 13 and 23 behind it.
    let flowing = |posts: &[Post]| accepted(posts).len() == 27;
    scene.receiver.wait_until("the other lanes", flowing).await;
    assert_eq!((scene.receiver.count(), scene.receiver.open()), (28, 1));
    failing_with(&tap, "default", "timed out after 30 s").await;
    scene.all_arrive(30).await;
    let posts = scene.receiver.posts();
    let hung = posts.iter().find(|post| seq(post) == 3).unwrap();
    let hung = hung.ended.unwrap() - hung.at;
    assert!((29..32).contains(&hung.as_secs()), "given up after {hung:?}");
    assert_proper(&posts);
    assert_counted(&posts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_is_not_asked_twice_whatever_the_retry_timeout() {
    let scene = Scene::set().await;
    scene.receiver.delay(Duration::from_secs(3));
    scene.say(20, 10);
    let tap = scene.start(&["--retry-timeout", "1s"]).await;
    scene.all_arrive(20).await;
    settled(&tap).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let posts = scene.receiver.posts();
    assert_eq!(posts.len(), 20);
    assert_proper(&posts);
    assert_counted(&posts);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_goes_to_the_operators_webhook_and_to_no_other() {
    let scene = Scene::set().await;
    let own = Receiver::start().await;
    let secrets = ["--admin-password", "hush", "--webhook-secret", "s3cret"];
    let tap = scene.start(&secrets).await;
    let webhook = json!({ "webhook": own.url() });
    let (status, shown) = tap.ask(Method::PUT, "/consumers/own", Some(webhook)).await;
    assert_eq!((status, &shown["webhook"]), (StatusCode::OK, &json!(own.url())), "{shown}");
    scene.say(50, 10);
    scene.all_arrive(50).await;
    all_arrive(&own, 50).await;
    for post in scene.receiver.posts() {
        assert_eq!(post.header("authorization"), Some("Basic YWRtaW46aHVzaA=="));
        let signed = signature("s3cret", &post.body);
        assert_eq!(post.header("labeltap-signature"), Some(signed.as_str()));
    }
    let posts = own.posts();
    assert_proper(&posts);
    for post in &posts {
        assert!(!post.headers.iter().any(|(name, _)| name == "authorization"), "{post:?}");
    }
    // One that fails does not slow the other.
    own.reply(Reply::status(503));
    scene.say(50, 10);
    scene.all_arrive(100).await;
    let shown = failing_with(&tap, "own", "503").await;
    assert!(shown["lag"].as_i64() >= Some(50), "{shown}");
    assert!(!tap.get("/consumers").await.to_string().contains("hush"));
    own.reply(Reply::status(200));
    all_arrive(&own, 100).await;
    assert_proper(&own.posts());
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_with_requests_under_way_loses_nothing() {
    let scene = Scene::set().await;
    scene.receiver.delay(Duration::from_millis(40));
    scene.say(3_000, 300);
    for round in 1..=4 {
        let before = scene.receiver.count();
        let tap = scene.start(&[]).await;
        scene.receiver.wait_for(before + 200).await;
        let begun = Instant::now();
        while scene.receiver.open() == 0 {
            assert!(begun.elapsed() < LIMIT, "round {round}: nothing is under way");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tap.kill();
    }
    let tap = scene.start(&[]).await;
    scene.all_arrive(3_000).await;
    settled(&tap).await;
    let posts = scene.receiver.posts();
    assert_proper(&posts);
    let ids: BTreeSet<_> =
        posts.iter().map(|post| (seq(post), post.json()["id"].as_i64())).collect();
    assert_eq!(ids.len(), 3_000, "each label under one id, through all lives");
    let repeated = posts.iter().filter(|post| post.accepted()).count() - 3_000;
    // What was acked in the last second of each life, at most.
    assert!(repeated <= 4 * 64 * 25, "{repeated} came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_receiver_that_hangs() {
    let scene = Scene::set().await;
    scene.receiver.reply(Reply::Hangs);
    scene.say(200, 100);
    let tap = scene.start(&[]).await;
    scene.receiver.wait_for(MOST).await;
    let stopped = tap.stop();
    assert_eq!(stopped.status.code(), Some(0), "{:?}", stopped.log.last());
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    assert_eq!(scene.receiver.count(), MOST, "so many at once, and no more");
    scene.receiver.reply(Reply::status(200));
    let tap = scene.start(&[]).await;
    scene.all_arrive(200).await;
    settled(&tap).await;
    assert_proper(&scene.receiver.posts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_is_not_hammered_and_gets_everything_afterwards() {
    let scene = Scene::set().await;
    scene.receiver.slam(true);
    scene.say(2_000, 2_000);
    let tap = scene.start(&[]).await;
    let shown = failing_with(&tap, "default", "connection").await;
    assert!(shown["lag"].as_i64() > Some(0), "{shown}");
    tap.labeler_until(&scene.did, |labeler| labeler["cursor"] == 2_000).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let tries = scene.receiver.connections();
    assert!(tries <= MOST as u64 + 16, "{tries} connections within some 12 s");
    assert_eq!(tap.get("/stats/outbox-buffer").await["outbox_buffer"], 2_000);
    scene.receiver.slam(false);
    scene.all_arrive(2_000).await;
    settled(&tap).await;
    assert_proper(&scene.receiver.posts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_restarted_goes_on_where_it_was() {
    let mut scene = Scene::set().await;
    let tap = scene.start(&[]).await;
    scene.say(100, 20);
    scene.all_arrive(100).await;
    scene.receiver.stop().await;
    scene.say(100, 20);
    failing_with(&tap, "default", "connection refused").await;
    tap.labeler_until(&scene.did, |labeler| labeler["cursor"] == 200).await;
    scene.receiver.resume().await;
    scene.all_arrive(200).await;
    settled(&tap).await;
    assert_proper(&scene.receiver.posts());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_nobody_takes_is_set_aside_and_its_lane_goes_on() {
    let scene = Scene::set().await;
    let refusal = Reply::Says(Answer::new(422, "no such thing"));
    scene.receiver.reply_by(move |post| match seq(post) {
        3 => refusal.clone(),
        _ => Reply::status(200),
    });
    scene.say(8, 2);
    let tap = scene.start(&["--max-deliveries", "3"]).await;
    let others = |posts: &[Post]| accepted(posts).len() == 7;
    scene.receiver.wait_until("all but one", others).await;
    settled(&tap).await;
    let posts = scene.receiver.posts();
    assert_counted(&posts);
    let refused: Vec<&Post> = posts.iter().filter(|post| seq(post) == 3).collect();
    assert_eq!(refused.len(), 3);
    let id = refused[0].json()["id"].clone();
    let listed = tap.get("/consumers/default/dead").await;
    let expected = json!([{ "id": id, "deliveries": 3, "last_error": "answered 422" }]);
    assert_eq!(listed["dead"], expected);

    scene.receiver.reply(Reply::status(200));
    let again = json!({ "ids": [id] });
    let (status, body) = tap.ask(Method::POST, "/consumers/default/dead/retry", Some(again)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    scene.all_arrive(8).await;
    settled(&tap).await;
    assert_eq!(tap.get("/consumers/default/dead").await["dead"], json!([]));
}
