//! Which label keys a did:plc had, and when (did:plc specification, "Audit Logs"). Pure.
//!
//! The directory keeps every operation. One that was nullified counts as if it had never been:
//! its signer was outvoted by a higher rotation key.

use label::{Millis, syntax};
use serde::Deserialize;
use verify::{Key, KeyTerm};

/// One entry of the log, as far as it matters here.
#[derive(Deserialize)]
struct Entry {
    operation: Operation,
    #[serde(default)]
    nullified: bool,
    #[serde(rename = "createdAt")]
    created_at: String,
}

/// Neither a tombstone nor an operation in the format of 2022 has a label key.
#[derive(Deserialize)]
struct Operation {
    #[serde(default, rename = "verificationMethods")]
    methods: Methods,
}

#[derive(Deserialize, Default)]
struct Methods {
    atproto_label: Option<String>,
}

/// The terms of all label keys, in order. Keys of a kind that is not known here are left out;
/// nothing could be checked with them.
///
/// # Errors
/// When it is not such a log.
pub(crate) fn terms(body: &[u8]) -> Result<Vec<KeyTerm>, String> {
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut terms: Vec<KeyTerm> = Vec::new();
    let mut shown: Option<String> = None;
    for entry in entries.into_iter().filter(|entry| !entry.nullified) {
        let now = entry.operation.methods.atproto_label;
        if now == shown {
            continue;
        }
        let at = syntax::instant(&entry.created_at).ok_or("an entry has no time")?;
        let at = Millis(at.div_euclid(1000));
        if let Some(last) = terms.last_mut() {
            last.until.get_or_insert(at);
        }
        if let Some(key) = now.as_deref().and_then(|text| Key::from_did_key(text).ok()) {
            terms.push(KeyTerm { key, from: at, until: None });
        }
        shown = now;
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const OLD: &str = "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
    const NEW: &str = "did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo";

    fn entry(key: Option<&str>, second: u8) -> Value {
        let methods = key.map_or(json!({}), |key| json!({ "atproto_label": key }));
        json!({
            "did": "did:plc:x", "cid": "x", "nullified": false,
            "operation": { "type": "plc_operation", "verificationMethods": methods },
            "createdAt": format!("2026-01-01T00:00:0{second}.000Z"),
        })
    }

    fn read(entries: &[Value]) -> Vec<(String, i64, Option<i64>)> {
        let start = 1_767_225_600_000;
        let terms = terms(&serde_json::to_vec(entries).unwrap()).unwrap();
        let plain = |term: KeyTerm| {
            let until = term.until.map(|until| (until.0 - start) / 1000);
            (term.key.did_key(), (term.from.0 - start) / 1000, until)
        };
        terms.into_iter().map(plain).collect()
    }

    #[test]
    fn a_term_lasts_from_its_operation_to_the_one_that_replaces_it() {
        let log = [
            entry(None, 0),
            entry(Some(OLD), 1),
            entry(Some(OLD), 2),
            entry(Some(NEW), 3),
            entry(None, 4),
            entry(Some(OLD), 5),
        ];
        let expected =
            [(OLD.to_owned(), 1, Some(3)), (NEW.to_owned(), 3, Some(4)), (OLD.to_owned(), 5, None)];
        assert_eq!(read(&log), expected);
    }

    #[test]
    fn what_was_nullified_never_was() {
        let mut outvoted = entry(Some(NEW), 2);
        outvoted["nullified"] = json!(true);
        let log = [entry(Some(OLD), 1), outvoted, entry(Some(OLD), 3)];
        assert_eq!(read(&log), [(OLD.to_owned(), 1, None)]);
    }

    #[test]
    fn a_key_of_an_unknown_kind_ends_the_term_before_it() {
        let log = [entry(Some(OLD), 1), entry(Some("did:key:z6MkunknownX"), 2)];
        assert_eq!(read(&log), [(OLD.to_owned(), 1, Some(2))]);
    }

    #[test]
    fn tombstones_and_the_format_of_2022_are_read() {
        let old = json!({
            "operation": { "type": "create", "signingKey": OLD, "handle": "a.test" },
            "createdAt": "2022-11-17T00:35:16.391Z",
        });
        let tombstone = json!({
            "operation": { "type": "plc_tombstone", "prev": "x", "sig": "x" },
            "createdAt": "2026-01-01T00:00:03.000Z", "nullified": false,
        });
        assert_eq!(read(&[old, entry(Some(OLD), 2), tombstone]), [(OLD.to_owned(), 2, Some(3))]);
    }

    #[test]
    fn what_is_no_log_is_an_error() {
        for body in [
            "",
            "{}",
            "[1]",
            r#"[{"operation":{"verificationMethods":{"atproto_label":"x"}},"createdAt":"soon"}]"#,
        ] {
            assert!(terms(body.as_bytes()).is_err(), "{body}");
        }
    }
}
