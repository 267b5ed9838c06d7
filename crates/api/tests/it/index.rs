//! Hydration, subjects and `queryLabels`.

use crate::house::{ANN, Answer, BOB, House, NOW, Wishes, did};
use axum::body::Body;
use axum::http::Request;
use label::{Epoch, Label, Parts, Seq, Verdict};
use serde_json::{Value, json};
use store::{Batch, Conclusion, Declared, Entry, Lookup, Source};

const WHO: &str = "did:plc:cccccccccccccccccccccccc";
const POST: &str = "at://did:plc:cccccccccccccccccccccccc/app.bsky.feed.post/3k";
const PROFILE: &str = "at://did:plc:cccccccccccccccccccccccc/app.bsky.actor.profile/self";

/// A label with a signature that is none: nobody here checks it.
fn said(uri: &str, val: &str, second: u8, change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = Parts {
        src: did(ANN),
        uri: uri.to_owned(),
        cid: None,
        val: val.to_owned(),
        neg: None,
        cts: format!("2024-10-07T11:59:{second:02}.000Z"),
        exp: None,
        sig: vec![7; 64],
    };
    change(&mut parts);
    parts
}

fn plain(uri: &str, val: &str, second: u8) -> Parts {
    said(uri, val, second, |_| ())
}

/// Has a labeler say these, one frame each.
async fn say(house: &House, labeler: &str, labels: Vec<Parts>) {
    let after = house.store.labeler(did(labeler)).await.unwrap().unwrap().cursor;
    let entry = |(seq, mut parts): (i64, Parts)| {
        parts.src = did(labeler);
        let (label, verdict) = (Label::vouched(parts), Verdict::Verified);
        Entry::Label { seq: Seq::new(seq).unwrap(), place: 0, label, verdict, raw: None }
    };
    let entries: Vec<Entry> = (after.get() + 1..).zip(labels).map(entry).collect();
    let cursor = Seq::new(after.get() + entries.len() as i64).unwrap();
    let (labeler, epoch) = (did(labeler), Epoch::FIRST);
    let batch = Batch { labeler, epoch, after, cursor, received_at: NOW, entries };
    house.store.commit(batch).await.unwrap();
}

async fn house() -> House {
    let house = House::plain();
    house.add(&[ANN, BOB]).await;
    house
}

async fn hydrate(house: &House, header: Option<&str>, uris: &[&str]) -> Answer {
    let mut request = Request::post("/labels/hydrate").header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("atproto-accept-labelers", header);
    }
    house.ask(request.body(Body::from(json!({ "uris": uris }).to_string())).unwrap()).await
}

/// The values of a subject's labels.
fn vals(answer: &Answer, uri: &str) -> Vec<String> {
    let labels = answer.json()["subjects"][uri]["labels"].as_array().unwrap().clone();
    labels.iter().map(|label| label["val"].as_str().unwrap().to_owned()).collect()
}

fn named(answer: &Answer) -> &str {
    answer.headers["atproto-content-labelers"].to_str().unwrap()
}

#[tokio::test]
async fn what_applies_is_hydrated_and_what_was_taken_back_or_has_run_out_is_not() {
    let house = house().await;
    let labels = vec![
        plain(POST, "spam", 1),
        said(POST, "rude", 2, |parts| parts.exp = Some("2024-10-07T12:00:00.050Z".into())),
        said(POST, "late", 3, |parts| parts.exp = Some("2024-10-07T12:00:00.051Z".into())),
        plain(POST, "gone", 4),
        said(POST, "gone", 5, |parts| parts.neg = Some(true)),
        said(WHO, "kind", 6, |parts| parts.neg = Some(false)),
        plain("at://did:plc:cccccccccccccccccccccccc/app.bsky.feed.post/other", "x", 7),
    ];
    say(&house, ANN, labels).await;
    say(&house, BOB, vec![plain(POST, "spam", 9)]).await;
    let answer = hydrate(&house, None, &[POST, WHO, PROFILE, POST]).await;
    assert_eq!(vals(&answer, POST), ["spam", "late", "spam"]);
    assert_eq!(named(&answer), format!("{ANN}, {BOB}"));
    let json = answer.json();
    assert_eq!(json["subjects"].as_object().unwrap().len(), 3);
    assert_eq!(json["subjects"][PROFILE], json!({ "labels": [], "redacted": false }));
    let sig = json!({ "$bytes": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw" });
    let kind = json!({ "ver": 1, "src": ANN, "uri": WHO, "val": "kind", "neg": false,
        "cts": "2024-10-07T11:59:06.000Z", "sig": sig });
    assert_eq!(json["subjects"][WHO]["labels"], json!([kind]));
}

#[tokio::test]
async fn the_header_chooses_labelers_and_what_they_may_take_away() {
    let house = house().await;
    say(&house, ANN, vec![plain(WHO, "!takedown", 1), plain(POST, "spam", 2)]).await;
    say(&house, BOB, vec![plain(POST, "!suspend", 3)]).await;
    let uris = [WHO, POST];
    let redacted =
        |answer: &Answer| uris.map(|uri| answer.json()["subjects"][uri]["redacted"] == true);
    for (header, labels, takes, names) in [
        (None, [1, 2], [false, false], format!("{ANN}, {BOB}")),
        (Some(String::new()), [0, 0], [false, false], String::new()),
        (Some(format!("{ANN};redact")), [1, 1], [true, false], format!("{ANN};redact")),
        (
            Some(format!("{BOB}, {ANN};redact")),
            [1, 2],
            [true, false],
            format!("{BOB}, {ANN};redact"),
        ),
        (
            Some(format!("{BOB};redact,did:web:nobody.test")),
            [0, 1],
            [false, true],
            format!("{BOB};redact"),
        ),
    ] {
        let answer = hydrate(&house, header.as_deref(), &uris).await;
        assert_eq!(uris.map(|uri| vals(&answer, uri).len()), labels, "{header:?}");
        assert_eq!((redacted(&answer), named(&answer)), (takes, names.as_str()), "{header:?}");
    }
    // Removed ones are not heard, though what they said is kept.
    let body = json!({ "dids": [BOB] }).to_string();
    house.post("/labelers/remove", &body).await;
    for header in [None, Some(BOB)] {
        assert!(!vals(&hydrate(&house, header, &uris).await, POST).contains(&"!suspend".into()));
    }
}

#[tokio::test]
async fn hydration_refuses_what_it_cannot_understand() {
    let house = house().await;
    for header in ["nobody", "\"did:plc:x\"", "did:plc:x;redact=1", ","] {
        let refusal = hydrate(&house, Some(header), &[WHO]).await;
        assert!(refusal.refusal(400, "InvalidRequest").contains("atproto-accept-labelers"));
    }
    let many: Vec<String> = (0..501).map(|n| format!("did:web:s{n}.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(hydrate(&house, None, &many[..500]).await.status, 200);
    for uris in [&many[..], &[], &["https://example.com"], &[WHO, "did:"], &["at://"]] {
        hydrate(&house, None, uris).await.refusal(400, "InvalidRequest");
    }
    house
        .post("/labels/hydrate", r#"{"uris":"did:web:x.test"}"#)
        .await
        .refusal(400, "InvalidRequest");
    house.post("/labels/hydrate", "{}").await.refusal(400, "InvalidRequest");
}

#[tokio::test]
async fn a_subject_shows_what_applies_and_what_was_ever_said_in_the_labelers_own_words() {
    let house = house().await;
    let taken_back = said(POST, "spam", 2, |parts| parts.neg = Some(true));
    say(&house, ANN, vec![plain(POST, "spam", 1), taken_back, plain(POST, "rude", 3)]).await;
    say(&house, BOB, vec![plain(POST, "spam", 4), plain(WHO, "spam", 5)]).await;
    let words = json!({ "identifier": "rude", "severity": "inform", "blurs": "none",
        "locales": [{ "lang": "en", "name": "Rude", "description": "Not nice." }] });
    let other =
        json!({ "identifier": "kind", "severity": "inform", "blurs": "none", "locales": [] });
    let record = json!({ "policies": { "labelValueDefinitions": [words, other] } }).to_string();
    let declared = Declared::Present { rev: "3k".into(), record };
    let lookup = Lookup {
        did: did(ANN),
        sources: vec![Source::Record],
        declared: true,
        tries: 0,
        again: false,
        hints: 1,
    };
    let conclusion = Conclusion { declared: Some(declared), ..Conclusion::default() };
    house.store.conclude(lookup, conclusion, NOW).await.unwrap();
    let path = format!("/subjects/{}", POST.replace('/', "%2F").replace(':', "%3A"));
    let first = house.get(&format!("{path}?limit=3")).await.json();
    let pairs = |list: &Value| -> Vec<(String, String)> {
        let pair = |label: &Value| {
            (label["src"].as_str().unwrap().to_owned(), label["val"].as_str().unwrap().to_owned())
        };
        list.as_array().unwrap().iter().map(pair).collect()
    };
    let pair = |src: &str, val: &str| (src.to_owned(), val.to_owned());
    assert_eq!(first["subject"], POST);
    assert_eq!(pairs(&first["labels"]), [pair(ANN, "rude"), pair(BOB, "spam")]);
    let history = first["history"].as_array().unwrap();
    let ids: Vec<_> = history.iter().map(|said| said["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!((&history[1]["label"]["neg"], &history[1]["seq"]), (&json!(true), &json!(2)));
    assert_eq!(history[1]["received_at"], "2024-10-07T12:00:00.050Z");
    let labelers =
        json!([{ "did": ANN, "values": { "rude": words } }, { "did": BOB, "values": {} }]);
    assert_eq!(first["labelers"], labelers);
    let cursor = first["cursor"].as_str().unwrap();
    let second = house.get(&format!("{path}?limit=3&cursor={cursor}")).await.json();
    assert_eq!(second["history"].as_array().unwrap().len(), 1);
    assert_eq!((&second["cursor"], &second["labels"]), (&Value::Null, &first["labels"]));
    assert_eq!(house.get(&format!("/subjects/{POST}")).await.json()["history"][3]["id"], 4);
    for path in ["/subjects/https%3A%2F%2Fx.test", "/subjects/did%3Aplc", "/subjects/%ff"] {
        house.get(path).await.refusal(400, "InvalidRequest");
    }
    let nobody = house.get("/subjects/did:web:nobody.test").await.json();
    assert_eq!(
        nobody,
        json!({ "subject": "did:web:nobody.test", "labels": [], "history": [], "labelers": [] })
    );
}

const QUERY: &str = "/xrpc/com.atproto.label.queryLabels";

/// All pages of a query: the uri and value of each label.
async fn all(house: &House, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = house.get(&format!("{QUERY}?limit={limit}&{query}{cursor}")).await;
        let json = answer.json();
        let labels = json["labels"].as_array().unwrap();
        assert!(labels.len() <= limit);
        for label in labels {
            let (uri, val) = (label["uri"].as_str().unwrap(), label["val"].as_str().unwrap());
            found.push(format!("{} {val}", uri.rsplit(['/', ':']).next().unwrap()));
        }
        let Some(next) = json["cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn labels_are_queried_by_patterns_and_sources_page_by_page() {
    let house = house().await;
    let base = "at://did:plc:cccccccccccccccccccccccc/app.bsky.feed.post";
    let uri = |n: u8| format!("{base}/{n}");
    let mut labels: Vec<Parts> = (1..=7).map(|n| plain(&uri(n), "spam", n)).collect();
    labels.push(said(&uri(3), "spam", 30, |parts| parts.neg = Some(true)));
    labels.push(said(&uri(4), "spam", 31, |parts| parts.exp = Some("2024-10-07T12:00:00Z".into())));
    labels.push(plain("https://example.com/x", "odd", 32));
    say(&house, ANN, labels).await;
    say(&house, BOB, vec![plain(WHO, "bob", 33), plain(&uri(1), "bob", 34)]).await;
    let every = ["1 spam", "2 spam", "5 spam", "6 spam", "7 spam", "x odd", "c bob", "1 bob"];
    let every = every.map(|text| text.replace("c bob", "cccccccccccccccccccccccc bob"));
    for limit in [1, 2, 250] {
        assert_eq!(all(&house, "uriPatterns=*", limit).await, every);
        let exact = format!("uriPatterns={}&uriPatterns={}", uri(2), uri(1));
        assert_eq!(all(&house, &exact, limit).await, ["1 spam", "2 spam", "1 bob"]);
        let prefix = format!("uriPatterns={base}/*&sources={ANN}");
        assert_eq!(all(&house, &prefix, limit).await, every[..5]);
        let both =
            format!("uriPatterns={base}/*&sources={ANN}&includeNegated=true&includeExpired=true");
        let expected = ["1 spam", "2 spam", "5 spam", "6 spam", "7 spam", "3 spam", "4 spam"];
        assert_eq!(all(&house, &both, limit).await, expected);
    }
    assert!(all(&house, "uriPatterns=did:web:nobody.test", 50).await.is_empty());
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let house = house().await;
    for query in [
        "",
        "uriPatterns=",
        "uriPatterns=a*b",
        "uriPatterns=**",
        "uriPatterns=*&sources=nobody",
        "uriPatterns=*&limit=0",
        "uriPatterns=*&limit=251",
        "uriPatterns=*&cursor=7",
        "uriPatterns=*&includeNegated=yes",
        &"uriPatterns=*&".repeat(101),
    ] {
        house.get(&format!("{QUERY}?{query}")).await.refusal(400, "InvalidRequest");
    }
    let elsewhere = house.get("/xrpc/com.atproto.label.other").await;
    elsewhere.refusal(501, "MethodNotImplemented");
}

#[tokio::test]
async fn xrpc_can_be_open_to_everybody_while_the_rest_is_not() {
    for public_xrpc in [false, true] {
        let wishes = Wishes { password: Some("pw"), public_xrpc, ..Wishes::default() };
        let house = House::with(wishes);
        let status = house.get(&format!("{QUERY}?uriPatterns=*")).await.status;
        assert_eq!(status, if public_xrpc { 200 } else { 401 });
        house.get("/labelers").await.refusal(401, "AuthRequired");
        house.get("/xrpcs").await.refusal(401, "AuthRequired");
    }
}

#[tokio::test]
async fn what_is_stored_is_counted() {
    let house = house().await;
    let nothing = house.get("/stats/labels").await.json();
    assert_eq!((&nothing["by"], &nothing["rows"]), (&json!("labeler"), &json!([])));
    say(&house, ANN, vec![plain(POST, "spam", 1), plain(WHO, "rude", 2)]).await;
    say(&house, BOB, vec![plain(POST, "spam", 3), said(POST, "spam", 4, |it| it.neg = Some(true))])
        .await;
    // A count may be handed out for some time; that of nothing, for a short one.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let answer = house.get("/stats/labels?by=value").await.json();
    let row = |row: &Value| json!([row["key"], row["labels"], row["negations"], row["subjects"]]);
    let rows: Vec<Value> = answer["rows"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(rows, [json!(["spam", 3, 1, 1]), json!(["rude", 1, 0, 1])]);
    assert_eq!(answer["subjects_with_several_labelers"], 1);
    for by in ["labeler", "target", "month"] {
        let answer = house.get(&format!("/stats/labels?by={by}")).await.json();
        let labels = answer["rows"].as_array().unwrap().iter().map(|row| row["labels"].as_u64());
        assert_eq!((&answer["by"], labels.flatten().sum::<u64>()), (&json!(by), 4));
    }
    for query in ["by=colour", "by=", "by=value&by=value", "by=Value"] {
        house.get(&format!("/stats/labels?{query}")).await.refusal(400, "InvalidRequest");
    }
    house.store.close().await;
    house.get("/labelers").await.refusal(500, "InternalServerError");
}
