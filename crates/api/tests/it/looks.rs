//! What people look at: how the service is doing, the end of the log, and a labeler's own story.

use crate::house::{ANN, BOB, House, NOW, Wishes, did};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use fleet::{State, Status};
use label::{Change, Millis, Seq};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The events of an answer, each as its id.
fn ids(answer: &Value) -> Vec<i64> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn status_tells_what_is_stored_who_reads_and_who_is_in_trouble() {
    let house = House::with_consumers().await;
    house.add(&[ANN, BOB]).await;
    house.say(ANN, &[("at://x", "spam"), ("at://y", "rude")]).await;
    house.reject(BOB, 3).await;
    let waiting = Status {
        state: State::Waiting,
        error: Some("connection refused".to_owned()),
        retry_count: 4,
        retry_after: Some(Millis(NOW.0 + 1000)),
        ..Status::default()
    };
    house.board.set(did(BOB), waiting);
    house.board.set(did(ANN), Status { state: State::Backfilling, ..Status::default() });
    house.board.reaches(&did(ANN), Seq::new(900).unwrap());

    let shown = house.get("/status").await.json();
    assert_eq!(shown["version"], "0.0.0");
    assert_eq!(shown["now"], "2024-10-07T12:00:00.050Z");
    assert_eq!(
        (&shown["store"]["labels"], &shown["store"]["accepts_writes"]),
        (&json!(2), &json!(true))
    );
    assert!(shown["store"]["file_bytes"].as_u64().unwrap() > 4096);
    assert_eq!(shown["labelers"]["total"], 2);
    assert_eq!(shown["labelers"]["by_state"].as_object().unwrap().len(), State::ALL.len());
    assert_eq!(shown["labelers"]["by_state"]["waiting"], 1);
    assert_eq!(shown["rejected"], json!({ "unsigned": 3 }));
    assert_eq!((&shown["backfilling"], &shown["backfills"][0]["head"]), (&json!(1), &json!(900)));
    assert_eq!(shown["troubled_total"], 1);
    let troubled = &shown["troubled"][0];
    assert_eq!((&troubled["did"], &troubled["rejected"]), (&json!(BOB), &json!(3)));
    assert_eq!(
        (&troubled["error"], &troubled["retry_count"]),
        (&json!("connection refused"), &json!(4))
    );
    assert_eq!(shown["consumers"][0]["name"], "default");
    assert_eq!(shown["consumers"][0]["lag"], 2);
    assert!(shown.get("firehose").is_none(), "nobody reads it");

    house.board.hears(|firehose| firehose.lag = Some(1500));
    let shown = house.get("/status").await.json();
    assert_eq!(shown["firehose"]["lag_seconds"], 1.5);
}

#[tokio::test]
async fn the_tail_shows_the_last_events_and_then_those_that_come() {
    let house = House::plain();
    house.add(&[ANN, BOB]).await;
    let first = house.get("/tail").await.json();
    assert_eq!((ids(&first), &first["left_out"]), (vec![], &json!(0)));
    house.say(ANN, &[("at://x", "spam"), ("at://y", "rude"), (ANN, "spam")]).await;

    let all = house.get("/tail?limit=2").await.json();
    assert_eq!(all["events"][1]["label"]["uri"], ANN);
    assert_eq!(all["events"].as_array().unwrap().len(), 2, "the last two");
    let next = all["next"].as_i64().unwrap();
    assert_eq!(next, *ids(&all).last().unwrap());
    let nothing = house.get(&format!("/tail?after={next}")).await.json();
    assert_eq!((ids(&nothing), &nothing["next"]), (vec![], &json!(next)));

    house.reject(BOB, 3).await;
    let rest = house.get(&format!("/tail?after={next}")).await.json();
    assert_eq!(ids(&rest), [0; 0], "rejected ones only for who names their verdict");
    let path = format!("/tail?after={next}&limit=2&verdict=unsigned");
    let rejected = house.get(&path).await.json();
    assert_eq!((ids(&rejected), &rejected["left_out"]), (vec![next + 2, next + 3], &json!(1)));
    assert_eq!(rejected["events"][0]["label"]["reason"], "no signature in frame 2");

    let spam = house.get("/tail?val=sp*&subject=account").await.json();
    assert_eq!(ids(&spam).len(), 1);
    assert!(house.get("/consumers").await.json()["consumers"].as_array().unwrap().len() <= 1);
    for wrong in ["limit=0", "limit=1001", "after=-1", "after=x", "val=a*b*", "types=x", "src=ann"]
    {
        house.get(&format!("/tail?{wrong}")).await.refusal(400, "InvalidRequest");
    }
}

#[tokio::test]
async fn a_tail_that_is_far_behind_jumps_and_says_so() {
    let house = House::plain();
    house.add(&[ANN]).await;
    let many: Vec<(String, &str)> = (0..30_000).map(|n| (format!("at://x/{n}"), "spam")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(uri, val)| (uri.as_str(), *val)).collect();
    for some in many.chunks(5000) {
        house.say(ANN, some).await;
    }
    let far = house.get("/tail?after=0&limit=10").await.json();
    assert_eq!(ids(&far).len(), 10);
    assert_eq!(far["left_out"], 20_000 - 10, "of those that were looked at");
    assert_eq!(far["passed_over"], far["next"].as_i64().unwrap() - 20_000);
    // Whoever knows of more than there is has seen another log.
    let other = house.get("/tail?after=999999&limit=10").await.json();
    assert_eq!((&other["next"], &other["events"]), (&far["next"], &far["events"]));
    assert_eq!((&other["left_out"], &other["passed_over"]), (&json!(0), &json!(0)));
    // What a filter seldom takes is looked for some way back.
    house.say(ANN, &[("at://y", "rude")]).await;
    house.say(ANN, &many[..25_000]).await;
    assert_eq!(ids(&house.get("/tail?val=rude").await.json()).len(), 1);
}

#[tokio::test]
async fn what_happened_to_a_labeler_comes_newest_first_in_pages() {
    let house = House::plain();
    house.add(&[ANN, BOB]).await;
    house.store.announce(NOW).await.unwrap();
    for change in [Change::Connected, Change::KeyChanged] {
        house.store.happened(did(ANN), change, "live", NOW).await.unwrap();
    }
    let path = format!("/labelers/{ANN}/events");
    let all = house.get(&path).await.json();
    let changes: Vec<&str> =
        all["events"].as_array().unwrap().iter().map(|e| e["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["key-changed", "connected", "added"]);
    assert_eq!(all["events"][0]["at"], "2024-10-07T12:00:00.050Z");
    let first = house.get(&format!("{path}?limit=2")).await.json();
    let cursor = first["cursor"].as_str().unwrap();
    let rest = house.get(&format!("{path}?limit=2&cursor={cursor}")).await.json();
    assert_eq!(rest["events"][0]["change"], "added");
    assert!(rest.get("cursor").is_none());
    house.get(&format!("/labelers/{ANN}/events?cursor=x")).await.refusal(400, "InvalidRequest");
    house.get("/labelers/did:plc:cccccccccccccccccccccccc/events").await.refusal(404, "NotFound");
}

#[tokio::test]
async fn rejected_labels_are_counted_by_verdict_for_ever() {
    let house = House::plain();
    house.add(&[ANN, BOB]).await;
    let path = format!("/labelers/{ANN}/verdicts");
    assert_eq!(house.get(&path).await.json(), json!({ "verdicts": {} }));
    house.reject(ANN, 4).await;
    assert_eq!(house.get(&path).await.json(), json!({ "verdicts": { "unsigned": 4 } }));
    let of_bob = house.get(&format!("/labelers/{BOB}/verdicts")).await.json();
    assert_eq!(of_bob, json!({ "verdicts": {} }));
    let purge = json!({ "dids": [ANN], "purge": true }).to_string();
    assert_eq!(house.post("/labelers/remove", &purge).await.status, 200);
    house.add(&[ANN]).await;
    assert_eq!(house.get(&path).await.json(), json!({ "verdicts": {} }), "forgotten with it");
}

#[tokio::test]
async fn values_are_counted_by_time() {
    let house = House::plain();
    house.add(&[ANN]).await;
    let path = format!("/labelers/{ANN}/values");
    let nothing = house.get(&path).await.json();
    assert_eq!((&nothing["periods"], &nothing["labels"]), (&json!([]), &json!(0)));
    house.say(ANN, &[("at://x", "spam"), ("at://y", "spam"), ("at://y", "rude")]).await;
    // Handed out for twenty times as long as it took.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    let shown = loop {
        let shown = house.get(&path).await.json();
        if shown["labels"] == 3 {
            break shown;
        }
        assert!(std::time::Instant::now() < deadline, "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(shown["step"], "day");
    assert_eq!(shown["periods"], json!(["2024-10-07"]));
    let spam = json!({ "val": "spam", "labels": 2, "negations": 0, "counts": [2] });
    assert_eq!(shown["values"][0], spam);
    assert_eq!(shown["others"]["values"], 0);
}

/// A directory whose audit log has two keys of Ann.
async fn directory() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let operation = |key: &str, at: &str| {
        json!({
            "did": ANN, "cid": "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
            "nullified": false, "createdAt": at,
            "operation": { "type": "plc_operation", "verificationMethods": { "atproto_label": key } },
        })
    };
    let log = json!([
        operation(
            "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
            "2024-01-01T00:00:00.000Z"
        ),
        operation(
            "did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo",
            "2024-06-01T00:00:00.000Z"
        ),
    ]);
    let routes = Router::new()
        .route(&format!("/{ANN}/log/audit"), get(|| async { axum::Json(log) }))
        .fallback(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "broken") });
    drop(tokio::spawn(async move { axum::serve(listener, routes).await }));
    url
}

#[tokio::test]
async fn keys_are_shown_with_their_times() {
    let house = House::with(Wishes { plc: Some(directory().await), ..Wishes::default() });
    house.add(&[ANN, BOB]).await;
    let keys = house.get(&format!("/labelers/{ANN}/keys")).await.json();
    assert_eq!(
        keys,
        json!({ "keys": [
            { "key": "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
              "from": "2024-01-01T00:00:00.000Z", "until": "2024-06-01T00:00:00.000Z" },
            { "key": "did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo",
              "from": "2024-06-01T00:00:00.000Z" },
        ] })
    );
    house.get(&format!("/labelers/{BOB}/keys")).await.refusal(502, "UpstreamFailure");
}

#[tokio::test]
async fn a_handle_leads_to_its_did() {
    let handles = Some(&[("ann.example.com", ANN)][..]);
    let house = House::with(Wishes { handles, ..Wishes::default() });
    for typed in ["ann.example.com", "Ann.Example.com", "@ann.example.com"] {
        assert_eq!(house.get(&format!("/handles/{typed}")).await.json(), json!({ "did": ANN }));
    }
    house.get("/handles/bob.example.com").await.refusal(404, "NotFound");
    house.get("/handles/broken.example.com").await.refusal(502, "UpstreamFailure");
}

#[tokio::test]
async fn a_handle_that_is_none_is_refused() {
    let house = House::plain();
    for wrong in ["nobody", "a..b", "-a.test", "%3Cimg%3E", "%ff"] {
        house.get(&format!("/handles/{wrong}")).await.refusal(400, "InvalidRequest");
    }
}

/// Each label moves the end of the log, which whoever looks reads more than once.
async fn look_while_much_is_said() {
    let house = House::with_consumers().await;
    house.add(&[ANN]).await;
    let done = AtomicBool::new(false);
    let looks = async {
        while !done.load(Ordering::Relaxed) {
            assert_eq!(house.get("/status").await.status, 200);
        }
    };
    let says = async {
        for _ in 0..400 {
            house.say(ANN, &[("at://x", "spam")]).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(looks, says);
}

/// On a thread of its own: where somebody waits for ever, the runtime's clock stands still too.
#[test]
fn looking_at_the_status_stops_nobody() {
    let (tell, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(look_while_much_is_said());
        tell.send(()).unwrap();
    });
    let ended = heard.recv_timeout(Duration::from_secs(60));
    assert_eq!(ended, Ok(()), "somebody waits for ever, or has panicked");
}
