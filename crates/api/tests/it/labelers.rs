//! Adding, removing, listing and showing labelers.

use crate::house::{ANN, BOB, CAT, House, NOW, OK, did};
use fleet::{State, Status};
use label::Millis;
use serde_json::json;
use store::{Conclusion, Declared, Lookup, Noted, Source};

#[tokio::test]
async fn labelers_are_added_once_and_removed() {
    let house = House::plain();
    house.add(&[BOB, ANN, BOB, CAT]).await;
    house.add(&[ANN]).await;
    house.add(&[]).await;
    assert_eq!(house.tracked().await, [ANN, BOB, CAT]);

    let gone = "did:plc:zzzzzzzzzzzzzzzzzzzzzzzz";
    let body = json!({ "dids": [ANN, gone, ANN], "unknown": 1 }).to_string();
    let answer = house.post("/labelers/remove", &body).await;
    assert_eq!((answer.status, answer.text.as_str()), (OK, ""));
    assert_eq!(house.tracked().await, [BOB, CAT]);
    house.get(&format!("/labelers/{ANN}")).await.refusal(404, "NotFound");
    assert_eq!(house.post("/labelers/remove", r#"{"dids":[]}"#).await.status, OK);
}

#[tokio::test]
async fn a_removed_labeler_keeps_its_cursor_unless_it_is_purged() {
    let house = House::plain();
    for (purge, cursor) in [(json!(false), 3), (json!(true), 0)] {
        house.add(&[ANN]).await;
        if house.store.labeler(did(ANN)).await.unwrap().unwrap().cursor.get() == 0 {
            house.reject(ANN, 3).await;
        }
        let body = json!({ "dids": [ANN], "purge": purge }).to_string();
        assert_eq!(house.post("/labelers/remove", &body).await.status, OK);
        house.add(&[ANN]).await;
        let shown = house.get(&format!("/labelers/{ANN}")).await.json();
        assert_eq!(shown["cursor"], cursor, "purge {purge}");
    }
}

#[tokio::test]
async fn what_a_labeler_declares_is_shown_where_one_labeler_is() {
    let house = House::plain();
    house.add(&[ANN]).await;
    let record = json!({ "policies": { "labelValues": ["spam"] }, "n": 9_007_199_254_740_993_i64 });
    let declared = |declared| async {
        let (sources, declared) = (Vec::new(), Some(declared));
        let lookup =
            Lookup { did: did(ANN), sources, declared: true, tries: 0, again: false, hints: 0 };
        let conclusion = Conclusion { declared, ..Conclusion::default() };
        house.store.conclude(lookup, conclusion, NOW).await.unwrap();
        house.get(&format!("/labelers/{ANN}")).await.json().get("declaration").cloned()
    };
    let rev = "3lmxjza3nva27".to_owned();
    let present = Declared::Present { rev: rev.clone(), record: record.to_string() };
    assert_eq!(declared(present).await, Some(record.clone()));
    let listed = house.get("/labelers").await.json();
    assert_eq!(listed["labelers"][0].get("declaration"), None);
    assert_eq!(declared(Declared::Unknown).await, Some(record));
    assert_eq!(declared(Declared::Absent { rev }).await, None);
}

#[tokio::test]
async fn one_malformed_did_spoils_the_whole_request_and_is_named() {
    let house = House::plain();
    house.add(&[CAT]).await;
    for bad in [
        "did:plc:short",
        "did:plc:AR7C4BY46QJDYDHDEVVRNDAC",
        "did:web:nodots",
        "did:web:a.example:path",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "labeler.example.com",
        "",
    ] {
        for path in ["/labelers/add", "/labelers/remove"] {
            let body = json!({ "dids": [ANN, bad, CAT] }).to_string();
            let message = house.post(path, &body).await.refusal(400, "InvalidRequest");
            assert!(message.contains(bad), "{message}");
        }
        assert_eq!(house.tracked().await, [CAT]);
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_with_a_sentence() {
    let house = House::plain();
    for (body, part) in [
        ("", "missing"),
        ("{}", "dids is missing"),
        (r#"{"dids":null}"#, "dids"),
        (r#"{"dids":"did:web:a.example"}"#, "dids"),
        (r#"{"dids":[1]}"#, "dids"),
        (r#"{"dids":{}}"#, "dids"),
        (r#"{"dids":["#, "JSON"),
        (r#"{"dids":[]}{}"#, "JSON"),
        ("[]", "object"),
        ("null", "object"),
        ("\"\\ud800\"", "JSON"),
    ] {
        for path in ["/labelers/add", "/labelers/remove"] {
            let message = house.post(path, body).await.refusal(400, "InvalidRequest");
            assert!(message.contains(part), "{body}: {message}");
        }
    }
    for purge in ["null", "1", "\"true\""] {
        let body = format!(r#"{{"dids":["{ANN}"],"purge":{purge}}}"#);
        let message = house.post("/labelers/remove", &body).await.refusal(400, "InvalidRequest");
        assert!(message.contains("purge"), "{message}");
    }
}

#[tokio::test]
async fn a_new_labeler_shows_what_is_always_there_and_nothing_else() {
    let house = House::plain();
    house.add(&[ANN]).await;
    let expected = json!({
        "did": ANN, "state": "pending", "cursor": 0, "epoch": 1, "caught_up": false,
        "labels": 0, "rejected": 0, "retry_count": 0, "sources": ["api"],
    });
    assert_eq!(house.get(&format!("/labelers/{ANN}")).await.json(), expected);
    let encoded = ANN.replace(':', "%3A");
    assert_eq!(house.get(&format!("/labelers/{encoded}")).await.json(), expected);
    assert_eq!(house.get("/labelers").await.json(), json!({ "labelers": [expected] }));
}

#[tokio::test]
async fn a_labeler_shows_all_that_is_known_of_it() {
    let house = House::plain();
    house.add(&[CAT]).await;
    house.store.add_labelers(vec![did(CAT)], Source::Config, NOW).await.unwrap();
    house.reject(CAT, 2).await;
    house.store.caught_up(did(CAT), "live", NOW).await.unwrap();
    let noted = Noted {
        handle: Some("cat.example.com".into()),
        service_url: Some("http://localhost:8080".into()),
        key: Some("did:key:zabc".into()),
    };
    house.store.note(did(CAT), noted, "live", Millis(1)).await.unwrap();
    let status = Status {
        state: State::Waiting,
        error: Some("connection refused".into()),
        connected_since: Some(NOW),
        retry_count: 4,
        retry_after: Some(Millis(NOW.0 + 1_950)),
    };
    house.board.set(did(CAT), status);

    let encoded = CAT.replace('%', "%25");
    for path in [CAT, &encoded] {
        let shown = house.get(&format!("/labelers/{path}")).await.json();
        let expected = json!({
            "did": CAT, "handle": "cat.example.com", "state": "waiting",
            "service_url": "http://localhost:8080", "key": "did:key:zabc",
            "cursor": 2, "epoch": 1, "caught_up": true, "labels": 0, "rejected": 2,
            "connected_since": "2024-10-07T12:00:00.050Z", "error": "connection refused",
            "retry_count": 4, "retry_after": "2024-10-07T12:00:02.000Z",
            "sources": ["api", "config"],
        });
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn pages_hold_every_labeler_once_and_end() {
    let house = House::plain();
    let letters = "abcdefg".chars();
    let all: Vec<String> =
        letters.map(|c| format!("did:plc:{}", c.to_string().repeat(24))).collect();
    house.add(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let live = Status { state: State::Live, ..Status::default() };
    house.board.set(did(&all[1]), live.clone());
    house.board.set(did(&all[4]), live.clone());
    house.board.set(did(&all[6]), live);

    for (filter, limit, pages) in [("", 3, 3), ("", 7, 1), ("", 1, 7), ("&state=live", 2, 2)] {
        let mut found = Vec::new();
        let mut cursor = String::new();
        for page in 1..=pages {
            let path = format!("/labelers?limit={limit}{filter}{cursor}");
            let json = house.get(&path).await.json();
            let labelers = json["labelers"].as_array().unwrap().clone();
            found.extend(labelers.iter().map(|l| l["did"].as_str().unwrap().to_owned()));
            assert_eq!(json["cursor"].is_string(), page < pages, "{path}");
            assert_eq!(json.get("cursor").is_some(), page < pages, "{path}");
            cursor = format!("&cursor={}", json["cursor"].as_str().unwrap_or_default());
        }
        if filter.is_empty() {
            assert_eq!(found, all);
        } else {
            assert_eq!(found, [all[1].clone(), all[4].clone(), all[6].clone()]);
        }
    }
    let live = house.get("/labelers?state=gone&unknown=x").await.json();
    assert_eq!(live, json!({ "labelers": [] }));
}

#[tokio::test]
async fn questions_that_do_not_fit_are_refused() {
    let house = House::plain();
    house.add(&[ANN]).await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=",
        "limit=many",
        "limit=1&limit=2",
        "cursor=",
        "cursor=nonsense",
        "cursor=cmVqZWN0ZWQgMQ",
    ] {
        house.get(&format!("/labelers?{query}")).await.refusal(400, "InvalidRequest");
    }
    for state in ["state=asleep", "state=", "state=Live", "state=live&state=gone"] {
        let message = house.get(&format!("/labelers?{state}")).await.refusal(400, "InvalidRequest");
        assert!(message.contains("state"), "{message}");
    }
    for path in ["did:plc:short", "nonsense", "did%3Aplc%3Ashort", "%ff", "did:key:z6Mk"] {
        house.get(&format!("/labelers/{path}")).await.refusal(400, "InvalidRequest");
        house.get(&format!("/labelers/{path}/rejected")).await.refusal(400, "InvalidRequest");
    }
    house.get(&format!("/labelers/{BOB}")).await.refusal(404, "NotFound");
}
