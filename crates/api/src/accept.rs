//! `atproto-accept-labelers`: whose labels somebody wants, and `atproto-content-labelers`: whose
//! they got (label spec, "Labeler hydration").

use crate::error::ApiError;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use label::Did;
use sfv::{BareItem, List, ListEntry, Parser};

/// The header of requests.
pub(crate) const ACCEPT: HeaderName = HeaderName::from_static("atproto-accept-labelers");

/// The header of answers.
pub(crate) const CONTENT: HeaderName = HeaderName::from_static("atproto-content-labelers");

/// Contract section 7.
const MOST: usize = 100;

/// A labeler that somebody wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) did: Did,
    /// Its `!takedown` and `!suspend` take the content away instead of labelling it.
    pub(crate) redact: bool,
}

/// Reads the header; `None` if there is none. Given several times it counts as one list, and a
/// labeler that is in it several times counts once, with `redact` if one of them has it.
pub(crate) fn accepted(headers: &HeaderMap) -> Result<Option<Vec<Accepted>>, ApiError> {
    let mut lines = Vec::new();
    for value in headers.get_all(ACCEPT) {
        let line = value.to_str().map_err(|_| invalid("not ASCII"))?.trim();
        if !line.is_empty() {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return Ok(headers.contains_key(ACCEPT).then(Vec::new));
    }
    let list: List =
        Parser::new(&lines.join(", ")).parse().map_err(|error| invalid(&error.to_string()))?;
    if list.len() > 10 * MOST {
        return Err(invalid(&format!("more than {MOST} labelers")));
    }
    let mut all: Vec<Accepted> = Vec::new();
    for entry in &list {
        let accepted = one(entry)?;
        match all.iter_mut().find(|known| known.did == accepted.did) {
            Some(known) => known.redact |= accepted.redact,
            None => all.push(accepted),
        }
    }
    if all.len() > MOST {
        return Err(invalid(&format!("more than {MOST} labelers")));
    }
    Ok(Some(all))
}

fn one(entry: &ListEntry) -> Result<Accepted, ApiError> {
    let ListEntry::Item(item) = entry else { return Err(invalid("a list in the list")) };
    let BareItem::Token(token) = &item.bare_item else {
        return Err(invalid("an item that is no token"));
    };
    let did = Did::parse(token.as_str());
    let did = did.map_err(|_| invalid(&format!("{:?} is no DID", token.as_str())))?;
    match item.params.get("redact") {
        None => Ok(Accepted { did, redact: false }),
        Some(BareItem::Boolean(redact)) => Ok(Accepted { did, redact: *redact }),
        Some(_) => Err(invalid("redact is a flag and takes no value")),
    }
}

fn invalid(what: &str) -> ApiError {
    ApiError::invalid(format!("atproto-accept-labelers is not a list of labelers: {what}"))
}

/// The header of an answer.
pub(crate) fn content(labelers: &[Accepted]) -> HeaderValue {
    let text: Vec<String> = labelers
        .iter()
        .map(|one| format!("{}{}", one.did, if one.redact { ";redact" } else { "" }))
        .collect();
    // A DID has nothing but visible ASCII.
    HeaderValue::from_str(&text.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "did:plc:ar7c4by46qjdydhdevvrndac";
    const WEB: &str = "did:web:localhost%3A8080";

    fn read(lines: &[&str]) -> Result<Option<Vec<(String, bool)>>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let read = accepted(&headers).map_err(|error| format!("{error:?}"))?;
        let plain = |one: Accepted| (one.did.as_str().to_owned(), one.redact);
        Ok(read.map(|all| all.into_iter().map(plain).collect()))
    }

    #[test]
    fn a_list_of_dids_with_and_without_redact_is_read() {
        let pair = |did: &str, redact| (did.to_owned(), redact);
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[""]).unwrap(), Some(vec![]));
        assert_eq!(read(&["  ", ""]).unwrap(), Some(vec![]));
        assert_eq!(read(&[ANN]).unwrap(), Some(vec![pair(ANN, false)]));
        let both = format!("{ANN};redact,{WEB} ,\t{ANN}");
        assert_eq!(read(&[&both]).unwrap(), Some(vec![pair(ANN, true), pair(WEB, false)]));
        let lines = [ANN, "", &format!("{WEB};redact=?1;x=1"), &format!("{ANN}; redact")];
        assert_eq!(read(&lines).unwrap(), Some(vec![pair(ANN, true), pair(WEB, true)]));
        assert_eq!(read(&[&format!("{ANN};redact=?0")]).unwrap(), Some(vec![pair(ANN, false)]));
    }

    #[test]
    fn anything_else_is_refused() {
        let string = format!("\"{ANN}\"");
        let inner = format!("({ANN})");
        let value = format!("{ANN};redact=1");
        let open = format!("{ANN},");
        let spaced = format!("{ANN} {WEB}");
        for line in ["nobody", "did:plc", "17", &string, &inner, &value, &open, &spaced, "\u{e9}"] {
            assert!(read(&[line]).is_err(), "{line}");
        }
        let many = |count: usize| {
            let dids: Vec<String> = (0..count).map(|n| format!("did:web:l{n}.test")).collect();
            dids.join(",")
        };
        assert_eq!(read(&[&many(100)]).unwrap().map(|all| all.len()), Some(100));
        assert!(read(&[&many(101)]).is_err());
    }

    #[test]
    fn the_answer_names_them_in_the_same_way() {
        let one = |did: &str, redact| Accepted { did: Did::parse(did).unwrap(), redact };
        let header = content(&[one(ANN, true), one(WEB, false)]);
        assert_eq!(header, format!("{ANN};redact, {WEB}"));
        assert_eq!(content(&[]), "");
    }
}
