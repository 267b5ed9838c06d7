//! What a path names: the DID of `/labelers/:did`, `/labelers/:did/rejected`,
//! `/resolve/:did`; the consumer of `/consumers/:name`.

use crate::error::ApiError;
use crate::router::Shared;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use label::{Did, Hosts};
use percent_encoding::percent_decode_str;

/// A DID that can be looked up, from the path's second segment.
#[derive(Debug)]
pub(crate) struct PathDid(pub(crate) Did);

impl FromRequestParts<Shared> for PathDid {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        let segment = parts.uri.path().split('/').nth(2).unwrap_or_default();
        read(segment, state.hosts).map(Self)
    }
}

/// A consumer's name, from the path's second segment. Whether it can be one is said by
/// whoever is asked to make it.
#[derive(Debug)]
pub(crate) struct PathName(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for PathName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let segment = parts.uri.path().split('/').nth(2).unwrap_or_default();
        let decoded = percent_decode_str(segment).decode_utf8();
        let name = decoded.map_err(|_| ApiError::invalid("the path is not UTF-8"))?;
        Ok(Self(name.into_owned()))
    }
}

/// A did:web with a port has a `%3A` of its own. Sent as it is, it loses that to decoding;
/// so what does not read decoded is read once more as it came.
fn read(segment: &str, hosts: Hosts) -> Result<Did, ApiError> {
    let decoded = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| ApiError::invalid("the path is not UTF-8"))?;
    Did::parse_followable(&decoded, hosts)
        .or_else(|error| Did::parse_followable(segment, hosts).map_err(|_| error))
        .map_err(|error| ApiError::invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_did_reads_plain_encoded_and_with_its_own_escapes() {
        let plc = "did:plc:ar7c4by46qjdydhdevvrndac";
        let web = "did:web:localhost%3A8080";
        for (segment, expected) in [
            (plc, Some(plc)),
            ("did%3Aplc%3Aar7c4by46qjdydhdevvrndac", Some(plc)),
            ("did%3aplc%3aar7c4by46qjdydhdevvrndac", Some(plc)),
            (web, Some(web)),
            ("did%3Aweb%3Alocalhost%253A8080", Some(web)),
            ("did:plc:short", None),
            ("did:key:zabc", None),
            ("did:web:localhost%3A8080%3Auser", None),
            ("%ff", None),
            ("", None),
        ] {
            let read = read(segment, Hosts::Private).ok();
            assert_eq!(read.as_ref().map(Did::as_str), expected, "{segment}");
        }
    }

    #[test]
    fn a_port_needs_private_hosts() {
        assert!(read("did:web:localhost%3A8080", Hosts::Public).is_err());
    }
}
