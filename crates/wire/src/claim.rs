//! What one received label says, before anybody believes it, and its CBOR made again.
//!
//! Only types are looked at here; whether a DID is a DID is for `verify` to say.

use crate::cbor::{CborError, Reader, major};
use crate::frame::RawLabel;
use label::Parts;
use serde::Serialize;
use serde_ipld_dagcbor::ser::{BufWriter, Serializer};
use std::fmt;

/// The known fields of one label as received (`com.atproto.label.defs#label`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// Format version.
    pub ver: Option<i64>,
    /// Who says it.
    pub src: String,
    /// What it is said about.
    pub uri: String,
    /// The version of the record; null counts as absent.
    pub cid: Option<String>,
    /// The value.
    pub val: String,
    /// Whether it takes an earlier label back; absent is not the same bytes as `false`.
    pub neg: Option<bool>,
    /// When it was made.
    pub cts: String,
    /// When it ends; null counts as absent.
    pub exp: Option<String>,
    /// The signature.
    pub sig: Option<Vec<u8>>,
    /// Whether there was nothing but these fields, none of them null, so that
    /// [`label_cbor`] gives back the received bytes.
    pub plain: bool,
}

/// Why received bytes are not a label at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The CBOR is not canonical.
    NotCanonical(CborError),
    /// It is not a map.
    NotAMap,
    /// A field of the wrong type.
    Type(&'static str),
    /// A field that must be there is not.
    Missing(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCanonical(fault) => write!(f, "CBOR that is not canonical: {fault}"),
            Self::NotAMap => f.write_str("not a map"),
            Self::Type(field) => write!(f, "{field} is of the wrong type"),
            Self::Missing(field) => write!(f, "{field} is missing"),
        }
    }
}

impl std::error::Error for Malformed {}

impl Claim {
    /// Reads a received label.
    ///
    /// # Errors
    /// [`Malformed`] when it is not canonical, not a map, or a field is missing or of the
    /// wrong type. Unknown fields are passed over.
    pub fn read(raw: &RawLabel) -> Result<Self, Malformed> {
        if let Some(fault) = raw.fault {
            return Err(Malformed::NotCanonical(fault));
        }
        let mut reader = Reader::new(&raw.bytes);
        let count = reader.container(major::MAP).map_err(|_| Malformed::NotAMap)?;
        let mut fields = Fields { plain: true, ..Fields::default() };
        for _ in 0..count {
            let key = reader.text().map_err(Malformed::NotCanonical)?;
            fields.take(key, &mut reader)?;
        }
        fields.finish()
    }
}

/// The fields as far as they have been read.
#[derive(Default)]
struct Fields {
    ver: Option<i64>,
    src: Option<String>,
    uri: Option<String>,
    cid: Option<String>,
    val: Option<String>,
    neg: Option<bool>,
    cts: Option<String>,
    exp: Option<String>,
    sig: Option<Vec<u8>>,
    plain: bool,
}

impl Fields {
    fn take(&mut self, key: &str, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        match key {
            "ver" => self.ver = Some(typed("ver", reader.integer())?),
            "src" => self.src = Some(text("src", reader)?),
            "uri" => self.uri = Some(text("uri", reader)?),
            "val" => self.val = Some(text("val", reader)?),
            "cts" => self.cts = Some(text("cts", reader)?),
            "neg" => self.neg = Some(typed("neg", reader.boolean())?),
            "sig" => self.sig = Some(typed("sig", reader.byte_string())?.to_vec()),
            "cid" | "exp" if reader.null() => self.plain = false,
            "cid" => self.cid = Some(text("cid", reader)?),
            "exp" => self.exp = Some(text("exp", reader)?),
            _ => {
                self.plain = false;
                reader.skip().map_err(Malformed::NotCanonical)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Claim, Malformed> {
        Ok(Claim {
            ver: self.ver,
            src: self.src.ok_or(Malformed::Missing("src"))?,
            uri: self.uri.ok_or(Malformed::Missing("uri"))?,
            cid: self.cid,
            val: self.val.ok_or(Malformed::Missing("val"))?,
            neg: self.neg,
            cts: self.cts.ok_or(Malformed::Missing("cts"))?,
            exp: self.exp,
            sig: self.sig,
            plain: self.plain,
        })
    }
}

fn typed<T>(field: &'static str, read: Result<T, CborError>) -> Result<T, Malformed> {
    read.map_err(|_| Malformed::Type(field))
}

fn text(field: &'static str, reader: &mut Reader<'_>) -> Result<String, Malformed> {
    typed(field, reader.text()).map(str::to_owned)
}

/// A label in the order of its encoded keys, which all have three letters.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    cts: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    neg: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<&'a serde_bytes::Bytes>,
    src: &'a str,
    uri: &'a str,
    val: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ver: Option<i64>,
}

impl Wire<'_> {
    fn encode(&self) -> Vec<u8> {
        let mut serializer = Serializer::new(BufWriter::new(Vec::with_capacity(self.room())));
        // Writing to memory and with these types, encoding has no way to fail; an empty
        // answer would make the signature fail, never pass.
        match self.serialize(&mut serializer) {
            Ok(()) => serializer.into_inner().into_inner(),
            Err(_) => Vec::new(),
        }
    }

    /// A little more than it takes: nine keys of four bytes, and no head of a value is longer
    /// than nine. One allocation instead of one at each doubling.
    fn room(&self) -> usize {
        let optional = [self.cid, self.exp].map(|text| text.map_or(0, str::len));
        let texts = [self.cts, self.src, self.uri, self.val].map(str::len);
        let sig = self.sig.map_or(0, |sig| sig.len());
        1 + 9 * (4 + 9) + optional.iter().chain(&texts).sum::<usize>() + sig
    }
}

/// The bytes a labeler signs: the known fields as received, without `sig` (label spec,
/// "Signatures"). Nothing is added, dropped or rewritten.
#[must_use]
pub fn unsigned_cbor(claim: &Claim) -> Vec<u8> {
    Wire {
        cid: claim.cid.as_deref(),
        cts: &claim.cts,
        exp: claim.exp.as_deref(),
        neg: claim.neg,
        sig: None,
        src: &claim.src,
        uri: &claim.uri,
        val: &claim.val,
        ver: claim.ver,
    }
    .encode()
}

/// A label's CBOR with its signature, as a service sends it on.
#[must_use]
pub fn label_cbor(parts: &Parts) -> Vec<u8> {
    Wire {
        cid: parts.cid.as_deref(),
        cts: &parts.cts,
        exp: parts.exp.as_deref(),
        neg: parts.neg,
        sig: Some(serde_bytes::Bytes::new(&parts.sig)),
        src: parts.src.as_str(),
        uri: &parts.uri,
        val: &parts.val,
        ver: Some(1),
    }
    .encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::Did;

    fn parts() -> Parts {
        Parts {
            src: Did::parse("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
            uri: "at://did:plc:b/c/d".into(),
            cid: None,
            val: "spam".into(),
            neg: Some(false),
            cts: "2024-01-01T00:00:00Z".into(),
            exp: None,
            sig: vec![7; 64],
        }
    }

    fn raw(bytes: Vec<u8>) -> RawLabel {
        let fault = Reader::new(&bytes).skip().unwrap();
        RawLabel { bytes: bytes.into(), fault }
    }

    #[test]
    fn a_plain_label_is_made_again_byte_for_byte() {
        for (cid, neg, exp) in [
            (None, None, None),
            (Some("bafy"), Some(false), None),
            (Some("bafy"), Some(true), Some("2030-01-01T00:00:00Z")),
        ] {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let parts = Parts { cid: own(cid), neg, exp: own(exp), ..parts() };
            let bytes = label_cbor(&parts);
            let claim = Claim::read(&raw(bytes.clone())).unwrap();
            assert!(claim.plain);
            assert_eq!((claim.neg, claim.cid, claim.exp), (neg, own(cid), own(exp)));
            assert_eq!(label_cbor(&parts), bytes);
        }
    }

    #[test]
    fn neg_false_is_signed_when_it_came_and_only_then() {
        let with = Claim::read(&raw(label_cbor(&parts()))).unwrap();
        let without = Claim { neg: None, ..with.clone() };
        assert_eq!(unsigned_cbor(&with).len(), unsigned_cbor(&without).len() + 5);
    }

    /// A map with these entries, which must be given in order.
    fn map(entries: &[(&str, &[u8])]) -> RawLabel {
        let mut bytes = vec![0xa0 + u8::try_from(entries.len()).unwrap()];
        for (key, value) in entries {
            bytes.push(0x60 + u8::try_from(key.len()).unwrap());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(value);
        }
        raw(bytes)
    }

    #[test]
    fn nulls_and_unknown_fields_are_read_but_not_plain() {
        let entries: [(&str, &[u8]); 6] = [
            ("cid", b"\xf6"),
            ("cts", b"\x61t"),
            ("src", b"\x61s"),
            ("uri", b"\x61u"),
            ("val", b"\x61v"),
            ("zzzz", b"\x82\x01\x02"),
        ];
        let claim = Claim::read(&map(&entries)).unwrap();
        assert_eq!((claim.cid, claim.plain), (None, false));
        let known = Claim::read(&map(&entries[1..5])).unwrap();
        assert!(known.plain);
        assert_eq!(unsigned_cbor(&known), map(&entries[1..5]).bytes);
    }

    #[test]
    fn what_is_missing_or_of_the_wrong_type_is_named() {
        let entries: [(&str, &[u8]); 4] =
            [("cts", b"\x61t"), ("src", b"\x61s"), ("uri", b"\x61u"), ("val", b"\x61v")];
        for (place, (field, _)) in entries.iter().enumerate() {
            let mut fewer = entries.to_vec();
            fewer.remove(place);
            assert_eq!(Claim::read(&map(&fewer)), Err(Malformed::Missing(field)));
            let mut wrong = entries.to_vec();
            wrong[place].1 = b"\x01";
            assert_eq!(Claim::read(&map(&wrong)), Err(Malformed::Type(field)));
        }
        let neg: [(&str, &[u8]); 1] = [("neg", b"\xf6")];
        assert_eq!(Claim::read(&map(&neg)), Err(Malformed::Type("neg")));
        assert_eq!(Claim::read(&raw(vec![0x01])), Err(Malformed::NotAMap));
        assert!(matches!(Claim::read(&raw(vec![0x18, 1])), Err(Malformed::NotCanonical(_))));
    }
}
