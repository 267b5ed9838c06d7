//! What a resolver makes of the answers of real servers: the directory, and did:web hosts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use common::{ANN, limits, resolver, resolver_with, serve};
use identity::{Found, ResolveError, Want};
use label::Did;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::Semaphore;

const KEY: &str = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";

fn ann() -> Did {
    Did::parse(ANN).unwrap()
}

fn labeler(did: &str, endpoint: &str) -> Value {
    json!({
        "id": did,
        "alsoKnownAs": ["at://mod.social"],
        "verificationMethod": [{
            "id": format!("{did}#atproto_label"), "type": "Multikey",
            "controller": did, "publicKeyMultibase": KEY,
        }],
        "service": [{
            "id": "#atproto_labeler", "type": "AtprotoLabeler", "serviceEndpoint": endpoint,
        }],
    })
}

/// A directory that gives everybody the same answer.
async fn directory(
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> identity::Resolver {
    let routes = Router::new().route("/{did}", get(move || std::future::ready(answer())));
    resolver(&serve(routes).await)
}

fn unreachable(
    outcome: Result<Arc<identity::Resolved>, ResolveError>,
) -> (String, Option<Duration>) {
    match outcome {
        Err(ResolveError::Unreachable { reason, retry_after }) => (reason, retry_after),
        other => panic!("expected an outage, got {other:?}"),
    }
}

#[tokio::test]
async fn a_labeler_is_found_with_its_endpoint_key_and_handle() {
    let document = labeler(ANN, "https://mod.social");
    let served = document.clone();
    let routes = Router::new().route(
        "/base/{did}",
        get(async move |Path(did): Path<String>, headers: HeaderMap| {
            let agent = headers[header::USER_AGENT].to_str().unwrap();
            assert_eq!(agent, concat!("labeltap/", env!("CARGO_PKG_VERSION")));
            if did == ANN {
                axum::Json(served).into_response()
            } else {
                StatusCode::IM_A_TEAPOT.into_response()
            }
        }),
    );
    // A directory below a path, written with a slash at the end.
    let resolver = resolver(&format!("{}/base/", serve(routes).await));
    let found = resolver.resolve(&ann(), Want::Cached).await.unwrap();
    assert_eq!(found.document, document);
    assert_eq!(found.service.present().unwrap().as_str(), "https://mod.social/");
    assert_eq!(found.label_key.present().unwrap().did_key(), format!("did:key:{KEY}"));
    assert_eq!(found.claimed_handle.as_deref(), Some("mod.social"));
}

#[tokio::test]
async fn not_found_and_gone_are_definitive() {
    for status in [StatusCode::NOT_FOUND, StatusCode::GONE] {
        let resolver = directory(move || (status, "DID not available").into_response()).await;
        let outcome = resolver.resolve(&ann(), Want::Cached).await;
        assert!(matches!(outcome, Err(ResolveError::NotFound(_))), "{status}: {outcome:?}");
    }
}

#[tokio::test]
async fn every_other_status_is_an_outage() {
    for status in [400, 401, 403, 451, 500, 502, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let resolver = directory(move || status.into_response()).await;
        let (reason, rest) = unreachable(resolver.resolve(&ann(), Want::Cached).await);
        assert!(reason.contains(status.as_str()), "{reason}");
        assert_eq!(rest, None);
    }
}

#[tokio::test]
async fn a_busy_directory_says_when_to_come_back() {
    let busy = || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "17")]).into_response();
    let resolver = directory(busy).await;
    let (_, rest) = unreachable(resolver.resolve(&ann(), Want::Cached).await);
    assert_eq!(rest, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn what_is_no_document_of_this_did_is_an_outage() {
    let other = labeler("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "https://mod.social").to_string();
    let deep = "[".repeat(100_000);
    for body in ["", "<html>", "{", "[]", "null", "{}", &other, &deep] {
        let body = body.to_owned();
        let resolver = directory(move || body.clone().into_response()).await;
        unreachable(resolver.resolve(&ann(), Want::Cached).await);
    }
}

#[tokio::test]
async fn a_document_that_is_too_large_is_an_outage_however_it_is_sent() {
    let filler = "x".repeat(300_000);
    let large = json!({"id": ANN, "filler": filler}).to_string();
    let whole = large.clone();
    let resolver = directory(move || whole.clone().into_response()).await;
    let (reason, _) = unreachable(resolver.resolve(&ann(), Want::Cached).await);
    assert!(reason.contains("too large"), "{reason}");

    // Without a length, and without an end.
    let resolver = directory(move || {
        let piece = large.clone();
        let endless =
            futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
        Body::from_stream(endless).into_response()
    })
    .await;
    let (reason, _) = unreachable(resolver.resolve(&ann(), Want::Cached).await);
    assert!(reason.contains("too large"), "{reason}");
}

#[tokio::test]
async fn a_directory_that_redirects_is_not_followed() {
    let resolver = directory(|| Redirect::temporary("/elsewhere").into_response()).await;
    let (reason, _) = unreachable(resolver.resolve(&ann(), Want::Cached).await);
    assert!(reason.contains("307"), "{reason}");
}

#[tokio::test]
async fn a_directory_that_does_not_answer_is_an_outage() {
    let silent = get(async || std::future::pending::<()>().await);
    let silent = resolver(&serve(Router::new().route("/{did}", silent)).await);
    let (reason, _) = unreachable(silent.resolve(&ann(), Want::Cached).await);
    assert!(reason.contains("no answer in time"), "{reason}");

    let drip = || {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
        let rest = futures_util::stream::pending();
        Body::from_stream(futures_util::StreamExt::chain(first, rest)).into_response()
    };
    let (reason, _) = unreachable(directory(drip).await.resolve(&ann(), Want::Cached).await);
    assert!(reason.contains("no answer in time"), "{reason}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_outage() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (reason, _) = unreachable(resolver(&url).resolve(&ann(), Want::Cached).await);
    assert!(reason.starts_with("the PLC directory: "), "{reason}");
}

/// A directory that counts its questions and answers each only when the gate lets it.
async fn gated() -> (identity::Resolver, Arc<AtomicUsize>, Arc<Semaphore>) {
    type Shared = (Arc<AtomicUsize>, Arc<Semaphore>);
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let answer = get(async |State((asked, gate)): State<Shared>, Path(did): Path<String>| {
        asked.fetch_add(1, SeqCst);
        gate.acquire().await.unwrap().forget();
        axum::Json(labeler(&did, "https://mod.social"))
    });
    let routes = Router::new().route("/{did}", answer).with_state((asked.clone(), gate.clone()));
    (resolver(&serve(routes).await), asked, gate)
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_make_one_request() {
    let (resolver, asked, gate) = gated().await;
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..100 {
        let resolver = resolver.clone();
        let want = if number % 2 == 0 { Want::Cached } else { Want::Fresh };
        crowd.spawn(async move { resolver.resolve(&ann(), want).await });
    }
    let first = async {
        while asked.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), first).await.unwrap();
    // Every one of them has had its turn by now: this runtime has one thread.
    gate.add_permits(1);
    while let Some(outcome) = crowd.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn an_answer_is_kept_and_fresh_asks_again() {
    let (resolver, asked, gate) = gated().await;
    gate.add_permits(10);
    for want in [Want::Cached, Want::Cached, Want::Fresh, Want::Cached] {
        resolver.resolve(&ann(), want).await.unwrap();
    }
    assert_eq!(asked.load(SeqCst), 2);
}

#[tokio::test]
async fn an_outage_is_asked_again_and_a_good_answer_outlives_it() {
    let turns = Arc::new(AtomicUsize::new(0));
    let turn = turns.clone();
    // Down, up, down, down, …
    let resolver = directory(move || match turn.fetch_add(1, SeqCst) {
        1 => axum::Json(labeler(ANN, "https://mod.social")).into_response(),
        _ => StatusCode::BAD_GATEWAY.into_response(),
    })
    .await;
    unreachable(resolver.resolve(&ann(), Want::Cached).await);
    assert!(resolver.resolve(&ann(), Want::Cached).await.is_ok());
    unreachable(resolver.resolve(&ann(), Want::Fresh).await);
    assert!(resolver.resolve(&ann(), Want::Cached).await.is_ok());
    assert_eq!(turns.load(SeqCst), 3);
}

#[tokio::test]
async fn one_slow_did_does_not_hold_up_another() {
    let routes = Router::new().route(
        "/{did}",
        get(async |Path(did): Path<String>| {
            if did == ANN {
                std::future::pending::<()>().await;
            }
            axum::Json(labeler(&did, "https://mod.social"))
        }),
    );
    let resolver = resolver_with(
        &serve(routes).await,
        identity::Limits { request: Duration::from_secs(60), ..limits() },
    );
    let stuck = tokio::spawn({
        let resolver = resolver.clone();
        async move { resolver.resolve(&ann(), Want::Fresh).await }
    });
    let other = Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    assert!(resolver.resolve(&other, Want::Fresh).await.is_ok());
    assert!(!stuck.is_finished());
    stuck.abort();
}

#[tokio::test]
async fn a_did_that_cannot_have_a_document_is_not_asked_for() {
    let (resolver, asked, _gate) = gated().await;
    for text in [
        "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF",
        "did:plc:short",
        "did:web:a.social:path",
    ] {
        let outcome = resolver.resolve(&Did::parse(text).unwrap(), Want::Fresh).await;
        assert!(matches!(outcome, Err(ResolveError::NotFound(_))), "{text}: {outcome:?}");
    }
    assert_eq!(asked.load(SeqCst), 0);
}

/// A did:web host on localhost that gives this answer.
async fn web(
    answer: impl Fn(&Did) -> Response + Clone + Send + Sync + 'static,
) -> (identity::Resolver, Did) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let did = Did::parse(&format!("did:web:localhost%3A{port}")).unwrap();
    let about = did.clone();
    let answer = get(move || std::future::ready(answer(&about)));
    let routes = Router::new().route("/.well-known/did.json", answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (resolver("http://127.0.0.1:9"), did)
}

#[tokio::test]
async fn a_did_web_is_asked_at_its_host() {
    let (resolver, did) =
        web(|did| axum::Json(labeler(did.as_str(), "http://localhost:1")).into_response()).await;
    let found = resolver.resolve(&did, Want::Cached).await.unwrap();
    assert_eq!(found.service.present().unwrap().as_str(), "http://localhost:1/");
}

#[tokio::test]
async fn a_did_web_without_document_is_not_found_and_one_that_redirects_is_an_outage() {
    let (resolver, did) = web(|_| StatusCode::NOT_FOUND.into_response()).await;
    let outcome = resolver.resolve(&did, Want::Cached).await;
    assert!(matches!(outcome, Err(ResolveError::NotFound(_))), "{outcome:?}");

    let (resolver, did) = web(|_| Redirect::temporary("/x").into_response()).await;
    unreachable(resolver.resolve(&did, Want::Cached).await);
    let (resolver, did) =
        web(|_| axum::Json(labeler(ANN, "https://a.social")).into_response()).await;
    unreachable(resolver.resolve(&did, Want::Cached).await);
}

#[tokio::test]
async fn a_did_web_whose_domain_does_not_exist_is_not_found_and_a_broken_dns_is_an_outage() {
    let resolver = resolver("http://127.0.0.1:9");
    let outcome = async |text| resolver.resolve(&Did::parse(text).unwrap(), Want::Fresh).await;
    let gone = outcome("did:web:unknown.social").await;
    assert!(matches!(gone, Err(ResolveError::NotFound(_))), "{gone:?}");
    let (reason, _) = unreachable(outcome("did:web:broken.social").await);
    assert!(reason.contains("SERVFAIL"), "{reason}");
    let (reason, _) = unreachable(outcome("did:web:empty.social").await);
    assert!(reason.contains("no address"), "{reason}");
}

#[tokio::test]
async fn without_allow_private_hosts_a_did_web_at_a_private_address_is_refused() {
    let visited = Arc::new(AtomicUsize::new(0));
    let counter = visited.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, SeqCst);
        }
    });
    let resolver = common::strict("http://127.0.0.1:9");
    let private = resolver.resolve(&Did::parse("did:web:inner.social").unwrap(), Want::Fresh).await;
    let (reason, _) = unreachable(private);
    assert!(reason.contains("not a public address"), "{reason}");
    for text in ["did:web:localhost".to_owned(), format!("did:web:localhost%3A{port}")] {
        let outcome = resolver.resolve(&Did::parse(&text).unwrap(), Want::Fresh).await;
        assert!(matches!(outcome, Err(ResolveError::NotFound(_))), "{text}: {outcome:?}");
    }
    let limit = Duration::from_secs(1);
    for text in [
        format!("wss://inner.social:{port}"),
        format!("wss://127.0.0.1:{port}"),
        format!("ws://inner.social:{port}"),
    ] {
        let refused = resolver.guard().connect(&text.parse().unwrap(), limit).await;
        assert!(refused.is_err(), "{text}");
    }
    assert_eq!(visited.load(SeqCst), 0);
}

#[tokio::test]
async fn the_configured_directory_is_exempt_from_the_guard() {
    let document = axum::Json(labeler(ANN, "https://mod.social"));
    let routes = Router::new().route("/{did}", get(async move || document.clone()));
    let resolver = common::strict(&serve(routes).await);
    assert!(resolver.resolve(&ann(), Want::Cached).await.is_ok());
}

#[tokio::test]
async fn an_unusable_key_or_endpoint_leaves_the_rest_of_the_document_readable() {
    let mut document = labeler(ANN, "https://mod.social/with/path");
    document["verificationMethod"][0]["type"] = json!("Ed25519VerificationKey2020");
    let resolver = directory(move || axum::Json(document.clone()).into_response()).await;
    let found = resolver.resolve(&ann(), Want::Cached).await.unwrap();
    assert!(matches!(found.service, Found::Unusable(_)));
    assert!(matches!(found.label_key, Found::Unusable(_)));
    assert_eq!(found.claimed_handle.as_deref(), Some("mod.social"));
}
