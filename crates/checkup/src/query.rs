//! Questions to `com.atproto.label.queryLabels`.

use crate::code::Code;
use crate::means::{Means, at};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use label::Did;
use serde_json::Value;
use url::Url;
use wire::Claim;

const PATH: &str = "/xrpc/com.atproto.label.queryLabels";
/// The most that one page may have (lexicon).
const LIMIT: &str = "250";
/// Pages of one question. Some servers give a cursor for ever (facts 1.3).
const MAX_PAGES: usize = 4;

/// One answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) labels: Vec<Claim>,
    /// Whether `labels` was null.
    pub(crate) null: bool,
    cursor: Option<String>,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// Asks for these patterns, page by page.
pub(crate) async fn ask(
    means: Means<'_>,
    service: &Url,
    did: &Did,
    patterns: &[&str],
) -> Result<Answer, NoAnswer> {
    let mut all = Answer::default();
    for _ in 0..MAX_PAGES {
        let page = page(means, service, did, patterns, all.cursor.as_deref()).await?;
        let ended = page.labels.is_empty() || page.cursor.is_none() || page.cursor == all.cursor;
        all.null |= page.null;
        all.labels.extend(page.labels);
        all.cursor = page.cursor;
        if ended {
            break;
        }
    }
    Ok(all)
}

async fn page(
    means: Means<'_>,
    service: &Url,
    did: &Did,
    patterns: &[&str],
    cursor: Option<&str>,
) -> Result<Answer, NoAnswer> {
    let mut query: Vec<(&str, &str)> =
        patterns.iter().map(|pattern| ("uriPatterns", *pattern)).collect();
    query.extend([("sources", did.as_str()), ("limit", LIMIT)]);
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let unavailable = |message: String| NoAnswer { code: Code::QueryUnavailable, message };
    let fetched = means.fetch(&at(service, PATH, &query)).await;
    let fetched = fetched.map_err(|error| unavailable(error.to_string()))?;
    match fetched.status {
        200..=299 => read(&fetched.body).map_err(|why| unavailable(why.to_owned())),
        401 | 403 => Err(NoAnswer {
            code: Code::QueryAuth,
            message: format!("queryLabels answered HTTP {}", fetched.status),
        }),
        other => Err(unavailable(format!("queryLabels answered HTTP {other}"))),
    }
}

fn read(body: &[u8]) -> Result<Answer, &'static str> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?;
    let labels = answer.get("labels").ok_or("the answer has no labels")?;
    // Some servers write it as a number (facts 1.3).
    let cursor = match answer.get("cursor") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    match labels {
        Value::Null => Ok(Answer { null: true, cursor, ..Answer::default() }),
        Value::Array(labels) => {
            let labels = labels.iter().filter_map(claim).collect();
            Ok(Answer { labels, null: false, cursor })
        }
        _ => Err("labels is not a list"),
    }
}

/// A label in JSON, with the fields that are signed. `None`: one of those that must be
/// there is not.
fn claim(label: &Value) -> Option<Claim> {
    let text = |field: &str| label.get(field)?.as_str().map(str::to_owned);
    let sig = label.get("sig").and_then(|sig| sig.get("$bytes")?.as_str());
    Some(Claim {
        ver: label.get("ver").and_then(Value::as_i64),
        src: text("src")?,
        uri: text("uri")?,
        cid: text("cid"),
        val: text("val")?,
        neg: label.get("neg").and_then(Value::as_bool),
        cts: text("cts")?,
        exp: text("exp"),
        sig: sig.and_then(|text| STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()),
        plain: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_label_is_read_with_and_without_padding_and_odd_ones_are_left_out() {
        let label = |sig: &str| {
            json!({"ver": 1, "src": "did:plc:a", "uri": "at://b", "val": "c", "cts": "d",
                "cid": null, "neg": false, "id": 7, "sig": {"$bytes": sig}})
        };
        let body = json!({"labels": [label("/w"), label("/w=="), {"src": "x"}, 7], "cursor": 3});
        let answer = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.labels.len(), 2);
        assert_eq!(answer.labels[0], answer.labels[1]);
        assert_eq!(answer.labels[0].sig.as_deref(), Some(&[0xff][..]));
        assert_eq!((answer.labels[0].neg, &answer.labels[0].cid), (Some(false), &None));
        assert_eq!(answer.cursor.as_deref(), Some("3"));
        assert!(read(br#"{"labels":null}"#).unwrap().null);
        for body in ["", "{}", "<html>", r#"{"labels":{}}"#] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
