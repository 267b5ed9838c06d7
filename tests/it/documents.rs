//! DID documents as people write them: full of odd entries, with something missing, or pointing
//! to where nobody may connect (contract G9).

use crate::tap::Tap;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use testkit::{Document, FakeLabeler, Plc, SigningKey, plc_did};

#[tokio::test(flavor = "multi_thread")]
async fn odd_entries_do_not_spoil_the_good_ones() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let did = plc_did("odd");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(91), &plc).await;
    labeler.preload(3);
    let plain = Document::labeler(&did, &labeler.key(), &labeler.url()).json();
    let entry = |list: &str| plain[list][0].clone();
    let document = json!({
        "@context": 7, "id": did, "authentication": null, "assertionMethod": [[]],
        "alsoKnownAs": [null, 5, "https://somebody.test", "at://"],
        "verificationMethod": [
            null, "text", { "id": 5 }, { "id": "#atproto", "type": null }, entry("verificationMethod"),
            { "id": "#atproto_label", "type": "Multikey", "publicKeyMultibase": "zNothing" },
        ],
        "service": [
            "text", {}, { "id": "#atproto_pds", "serviceEndpoint": { "uri": [1] } }, entry("service"),
            { "id": "#atproto_labeler", "type": "AtprotoLabeler", "serviceEndpoint": "http://127.0.0.1:9" },
        ],
    });
    plc.set(&did, &document);
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    tap.add(&[&did]).await;
    let shown = tap.state(&did, "live").await;
    assert_eq!((&shown["labels"], &shown["service_url"]), (&json!(3), &json!(labeler.url())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_has_a_state_and_a_reason_and_nothing_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let key = SigningKey::k256(92);
    let service = |did: &str, change: Value| {
        let mut document = Document::labeler(did, &key, "http://127.0.0.1:9").json();
        for (field, value) in change.as_object().unwrap() {
            document["service"][0][field] = value.clone();
        }
        document
    };
    let method = |did: &str, change: Value| {
        let mut document = Document::labeler(did, &key, "http://127.0.0.1:9").json();
        for (field, value) in change.as_object().unwrap() {
            document["verificationMethod"][0][field] = value.clone();
        }
        document
    };
    type Make<'a> = Box<dyn Fn(&str) -> Value + 'a>;
    let cases: Vec<(&str, &str, Make<'_>)> = vec![
        (
            "no-service",
            "no #atproto_labeler",
            Box::new(|did| service(did, json!({ "id": "#other" }))),
        ),
        ("no-service", "type", Box::new(|did| service(did, json!({ "type": "Other" })))),
        (
            "no-service",
            "not a string",
            Box::new(|did| service(did, json!({ "serviceEndpoint": {} }))),
        ),
        (
            "no-service",
            "is not a URL",
            Box::new(|did| service(did, json!({ "serviceEndpoint": "here" }))),
        ),
        (
            "no-service",
            "user name",
            Box::new(|did| service(did, json!({ "serviceEndpoint": "https://a:b@l.test" }))),
        ),
        ("no-key", "no #atproto_label", Box::new(|did| method(did, json!({ "id": "#atproto" })))),
        (
            "no-key",
            "label key",
            Box::new(|did| method(did, json!({ "type": "Ed25519VerificationKey2020" }))),
        ),
        (
            "no-key",
            "label key",
            Box::new(|did| {
                method(
                    did,
                    json!({ "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK" }),
                )
            }),
        ),
        ("no-key", "label key", Box::new(|did| method(did, json!({ "publicKeyMultibase": [] })))),
    ];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &[]);
    for (number, (state, reason, document)) in cases.iter().enumerate() {
        let did = plc_did(&format!("missing-{number}"));
        plc.set(&did, &document(&did));
        tap.add(&[&did]).await;
        let shown = tap.state(&did, state).await;
        let error = shown["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{number}: {shown}");
    }
}

/// Listens at an address, so that a connection would be noticed.
fn trap(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_connected_to_in_private_because_a_document_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let plc = Plc::start().await;
    let (v4, at4) = trap("127.0.0.1:0");
    let (v4b, at4b) = trap("127.0.0.2:0");
    let port = at4.port();
    let cases = [
        (format!("https://127.0.0.1:{port}"), "no-service"),
        (format!("https://2130706433:{port}"), "no-service"),
        (format!("https://0x7f.1:{port}"), "no-service"),
        (format!("https://[::1]:{port}"), "no-service"),
        (format!("https://[::ffff:127.0.0.1]:{port}"), "no-service"),
        (format!("https://{at4b}"), "no-service"),
        ("https://10.0.0.1".to_owned(), "no-service"),
        ("https://169.254.169.254".to_owned(), "no-service"),
        (format!("http://127.0.0.1:{port}"), "no-service"),
        // A name that leads there is found out when it is looked up.
        (format!("https://localhost:{port}"), "waiting"),
    ];
    let database = format!("sqlite://{}", dir.path().join("tap.db").display());
    let url = plc.url();
    let tap = Tap::launch(crate::tap::command(&[
        "run",
        "--bind",
        "127.0.0.1:0",
        "--plc-url",
        &url,
        "--database-url",
        &database,
    ]));
    for (number, (endpoint, state)) in cases.iter().enumerate() {
        let did = plc_did(&format!("private-{number}"));
        plc.set_labeler(&did, &SigningKey::k256(93), endpoint);
        tap.add(&[&did]).await;
        let shown = tap.state(&did, state).await;
        assert!(shown["error"].is_string(), "{endpoint}: {shown}");
    }
    // did:web asks the host itself, and that is nobody's business either.
    let (status, _) = tap
        .ask(
            reqwest::Method::POST,
            "/labelers/add",
            Some(json!({ "dids": [format!("did:web:localhost%3A{port}")] })),
        )
        .await;
    assert_eq!(status, reqwest::StatusCode::BAD_REQUEST);
    for listener in [v4, v4b] {
        let heard = listener.accept();
        assert!(heard.is_err(), "somebody came: {heard:?}");
    }
}
