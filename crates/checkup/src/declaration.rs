//! The account's declaration: the record `app.bsky.labeler.service/self` on its PDS.

use crate::code::Code;
use crate::entries;
use crate::means::{Means, at};
use crate::report::Check;
use crate::who::Who;
use serde_json::Value;

const COLLECTION: &str = "app.bsky.labeler.service";
/// Values of a declaration that are read; nobody declares so many.
const MOST: usize = 1_000;

/// Looks at the declaration; answers the values that it lists, if there is one.
pub(crate) async fn look(means: Means<'_>, who: &Who) -> (Check, Option<Vec<String>>) {
    let check = Check::new("declaration");
    let Some(pds) = entries::pds(who) else {
        let message = format!("The document of {} names no PDS.", who.did);
        return (check.found(Code::NoDeclaration, message), None);
    };
    let query = [("repo", who.did.as_str()), ("collection", COLLECTION), ("rkey", "self")];
    let url = at(&pds, "/xrpc/com.atproto.repo.getRecord", &query);
    let fetched = match means.fetch(&url).await {
        Ok(fetched) => fetched,
        Err(error) => {
            return (check.found(Code::DeclarationUnreachable, format!("{pds}: {error}.")), None);
        }
    };
    match fetched.status {
        200..=299 => {}
        // What a PDS answers for a record that it does not have.
        400 | 404 => {
            let message = format!("{pds} answered HTTP {}.", fetched.status);
            return (check.found(Code::NoDeclaration, message), None);
        }
        other => {
            let message = format!("{pds} answered HTTP {other}.");
            return (check.found(Code::DeclarationUnreachable, message), None);
        }
    }
    match values(&fetched.body) {
        Some(values) => (check.remark(format!("{} values", values.len())), Some(values)),
        None => {
            let message = "There is no list value.policies.labelValues.";
            (check.found(Code::DeclarationMalformed, message), None)
        }
    }
}

fn values(body: &[u8]) -> Option<Vec<String>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let list = answer.get("value")?.get("policies")?.get("labelValues")?.as_array()?;
    let texts = list.iter().filter_map(Value::as_str).take(MOST);
    Some(texts.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_the_lexicon_puts_them() {
        let body = br#"{"value":{"policies":{"labelValues":["a",7,"b"]}}}"#;
        assert_eq!(values(body).unwrap(), ["a", "b"]);
        for body in ["{}", "[]", "<html>", r#"{"value":{"policies":{}}}"#] {
            assert_eq!(values(body.as_bytes()), None, "{body}");
        }
    }
}
