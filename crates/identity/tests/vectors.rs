//! The official DID documents, read by our eyes. They lie beside the project, not in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use identity::{Found, Resolved};
use label::{Did, Hosts};
use std::path::Path;

/// `None` where the vectors are not at hand; in CI that is a failure.
fn vector(name: &str) -> Option<serde_json::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/indigo/identity")
        .join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(!in_ci(), "CI=true, but there is no {}", path.display());
        eprintln!("skipped: there is no {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "only CI may not skip, and it says so there")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn read(document: serde_json::Value) -> Resolved {
    let did = Did::parse(document.get("id").unwrap().as_str().unwrap()).unwrap();
    Resolved::read(&did, document, Hosts::Public).unwrap()
}

#[test]
fn accounts_that_are_no_labelers_have_a_handle_and_nothing_else() {
    for name in ["did_plc_doc.json", "did_plc_doc_legacy.json"] {
        let Some(document) = vector(name) else { continue };
        let found = read(document);
        assert_eq!(found.claimed_handle.as_deref(), Some("atproto.com"), "{name}");
        assert_eq!(found.service, Found::Absent, "{name}");
        assert!(matches!(found.label_key, Found::Absent), "{name}: #atproto is not a label key");
    }
}

#[test]
fn their_keys_would_serve_for_labels_in_the_new_and_the_legacy_form() {
    for (name, id) in [
        ("did_plc_doc.json", "did:plc:ewvi7nxzyoun6zhxrhs64oiz#atproto_label"),
        ("did_plc_doc_legacy.json", "#atproto_label"),
    ] {
        let Some(mut document) = vector(name) else { continue };
        document["verificationMethod"][0]["id"] = id.into();
        let found = read(document);
        let key = found.label_key.present().unwrap().did_key();
        assert_eq!(key, "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF", "{name}");
    }
}

#[test]
fn a_did_web_document_with_null_and_empty_lists_is_readable() {
    let Some(document) = vector("did_web_doc.json") else { return };
    let found = read(document);
    assert_eq!(found.claimed_handle, None);
    assert_eq!(found.service, Found::Absent);
    assert!(matches!(found.label_key, Found::Absent));
}
