//! Labels to order: what they say, how they are signed, and what is wrong with them.
//!
//! A [`LabelSpec`] describes one label; [`LabelSpec::sign`] makes its CBOR. The signature
//! covers the eight known fields that are present, and not null, at that moment. What
//! comes after (`replace_signed`, `extra`, `null`, …) changes only what goes over the wire.

use crate::SigningKey;
use crate::cbor::{self, Item};

/// A time of creation in the form that Ozone and Skyware use: so many ms after midnight of
/// 1 October 2024. It counts days as if that month never ended on the 31st.
#[must_use]
pub fn cts(ms: u64) -> String {
    let (day, hour, minute) = (ms / 86_400_000 % 31, ms / 3_600_000 % 24, ms / 60_000 % 60);
    let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
    format!("2024-10-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", day + 1)
}

/// What to put into `sig`.
#[derive(Debug, Clone, PartialEq)]
pub enum Sig {
    /// A good signature.
    Good,
    /// No field `sig` at all.
    Absent,
    /// The good signature with the other `s`.
    HighS,
    /// The good signature as ASN.1 DER.
    Der,
    /// The good signature without its last byte.
    Short,
    /// Anything: other bytes, text, null.
    Item(Item),
}

/// How the label's map is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As DAG-CBOR wants it.
    Canonical,
    /// Keys in the order z to a.
    UnsortedKeys,
    /// The first key twice.
    DuplicateKey,
    /// A map of indefinite length.
    IndefiniteMap,
    /// `ver` in two bytes where one would do.
    LongInteger,
    /// A byte that is no UTF-8 in `val`.
    BrokenText,
}

/// One label to be made.
#[derive(Debug, Clone)]
pub struct LabelSpec {
    /// Who speaks; the signing labeler unless set.
    pub src: Option<String>,
    /// The subject.
    pub uri: String,
    /// What is said of it.
    pub val: String,
    /// The version of the record.
    pub cid: Option<String>,
    /// `false` present is not the same as absent: it is signed.
    pub neg: Option<bool>,
    /// Time of creation, signed as the text it is.
    pub cts: String,
    /// When it ends.
    pub exp: Option<String>,
    /// 1, unless something is to be wrong with it.
    pub ver: Option<i64>,
    sig: Sig,
    spelling: Spelling,
    changes: Vec<(String, Option<Item>)>,
}

/// A label as it goes over the wire, and what was signed.
#[derive(Debug, Clone)]
pub struct SignedLabel {
    /// Its CBOR, `sig` included.
    pub bytes: Vec<u8>,
    /// What the signature covers.
    pub signed: Vec<u8>,
    /// The good signature of that, even if another one or none was sent.
    pub sig: [u8; 64],
    /// What it was made from, with `src` filled in.
    pub spec: LabelSpec,
}

impl AsRef<[u8]> for SignedLabel {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl LabelSpec {
    /// A good label: version 1, no `cid`, no `exp`, no `neg`, created on 1 October 2024.
    #[must_use]
    pub fn new(uri: impl Into<String>, val: impl Into<String>) -> Self {
        Self {
            src: None,
            uri: uri.into(),
            val: val.into(),
            cid: None,
            neg: None,
            cts: cts(0),
            exp: None,
            ver: Some(1),
            sig: Sig::Good,
            spelling: Spelling::Canonical,
            changes: Vec::new(),
        }
    }

    /// The label number `n` of a plain backlog: each of another post, one ms after the
    /// one before.
    #[must_use]
    pub fn numbered(n: u64) -> Self {
        let uri = format!("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/{n}");
        Self::new(uri, "spam").cts(cts(n))
    }

    /// Speaks in another's name, though signed by this labeler's key.
    #[must_use]
    pub fn src(mut self, did: &str) -> Self {
        self.src = Some(did.to_owned());
        self
    }

    /// Of one version of the record only.
    #[must_use]
    pub fn cid(mut self, cid: &str) -> Self {
        self.cid = Some(cid.to_owned());
        self
    }

    /// With `neg` present: `true` takes the label back, `false` is what Skyware always writes.
    #[must_use]
    pub fn neg(mut self, neg: bool) -> Self {
        self.neg = Some(neg);
        self
    }

    /// Created at.
    #[must_use]
    pub fn cts(mut self, cts: impl Into<String>) -> Self {
        self.cts = cts.into();
        self
    }

    /// Ends at.
    #[must_use]
    pub fn exp(mut self, exp: &str) -> Self {
        self.exp = Some(exp.to_owned());
        self
    }

    /// Another version, or none. It is signed like that.
    #[must_use]
    pub fn ver(mut self, ver: Option<i64>) -> Self {
        self.ver = ver;
        self
    }

    /// Another signature, or none.
    #[must_use]
    pub fn sig(mut self, sig: Sig) -> Self {
        self.sig = sig;
        self
    }

    /// Another spelling. What is signed stays canonical.
    #[must_use]
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self
    }

    /// A field nobody knows, which is not signed.
    #[must_use]
    pub fn extra(self, name: &str, item: impl Into<Item>) -> Self {
        self.change(name, Some(item.into()))
    }

    /// A field that was changed after signing, to any value of any type.
    #[must_use]
    pub fn replace_signed(self, name: &str, item: impl Into<Item>) -> Self {
        self.change(name, Some(item.into()))
    }

    /// A field that is null on the wire, as Skyware 0.1.5 wrote `cid` and `exp`.
    #[must_use]
    pub fn null(self, name: &str) -> Self {
        self.change(name, Some(Item::Null))
    }

    /// A field that was taken out after signing.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        self.change(name, None)
    }

    fn change(mut self, name: &str, item: Option<Item>) -> Self {
        self.changes.push((name.to_owned(), item));
        self
    }

    /// Signs it in the name of `did` and writes it.
    #[must_use]
    pub fn sign(self, did: &str, key: &SigningKey) -> SignedLabel {
        let (spec, signed) = self.prepare(did);
        let sig = key.sign(&signed);
        spec.finish(signed, sig, key)
    }

    /// Fills in `src` and writes what is to be signed.
    pub(crate) fn prepare(mut self, did: &str) -> (Self, Vec<u8>) {
        self.src.get_or_insert_with(|| did.to_owned());
        let mut out = Vec::with_capacity(256);
        let fields = self.fields();
        cbor::head(&mut out, 5, fields.len() as u64);
        fields.iter().for_each(|(name, item)| write_field(&mut out, name, item));
        (self, out)
    }

    /// Writes the label, once the good signature is known.
    pub(crate) fn finish(self, signed: Vec<u8>, sig: [u8; 64], key: &SigningKey) -> SignedLabel {
        let mut fields: Vec<(String, Item)> =
            self.fields().into_iter().map(|(name, item)| (name.to_owned(), item)).collect();
        let put = match &self.sig {
            Sig::Good => Some(Item::Bytes(sig.to_vec())),
            Sig::Absent => None,
            Sig::HighS => Some(Item::Bytes(key.sign_high_s(&signed).to_vec())),
            Sig::Der => Some(Item::Bytes(key.sign_der(&signed))),
            Sig::Short => Some(Item::Bytes(sig.iter().take(63).copied().collect())),
            Sig::Item(item) => Some(item.clone()),
        };
        fields.extend(put.map(|item| ("sig".to_owned(), item)));
        for (name, item) in &self.changes {
            fields.retain(|(present, _)| present != name);
            fields.extend(item.clone().map(|item| (name.clone(), item)));
        }
        let bytes = spell(fields, self.spelling);
        SignedLabel { bytes, signed, sig, spec: self }
    }

    /// The known fields that are present, in DAG-CBOR order.
    fn fields(&self) -> Vec<(&'static str, Item)> {
        let text = |text: &Option<String>| text.clone().map(Item::Text);
        let all = [
            ("cid", text(&self.cid)),
            ("cts", Some(Item::Text(self.cts.clone()))),
            ("exp", text(&self.exp)),
            ("neg", self.neg.map(Item::Bool)),
            ("src", text(&self.src)),
            ("uri", Some(Item::Text(self.uri.clone()))),
            ("val", Some(Item::Text(self.val.clone()))),
            ("ver", self.ver.map(Item::Int)),
        ];
        all.into_iter().filter_map(|(name, item)| Some((name, item?))).collect()
    }
}

fn write_field(out: &mut Vec<u8>, name: &str, item: &Item) {
    cbor::head(out, 3, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    item.write(out);
}

fn spell(mut fields: Vec<(String, Item)>, spelling: Spelling) -> Vec<u8> {
    match spelling {
        Spelling::Canonical => return Item::Map(fields).sorted().encode(),
        Spelling::UnsortedKeys => {
            fields.sort_by(|(a, _), (b, _)| b.cmp(a));
        }
        Spelling::DuplicateKey => {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let first = fields.first().cloned();
            fields.extend(first);
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Spelling::IndefiniteMap => {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let mut out = vec![0xbf];
            fields.iter().for_each(|(name, item)| write_field(&mut out, name, item));
            out.push(0xff);
            return out;
        }
        Spelling::LongInteger => put(&mut fields, "ver", Item::Raw(vec![0x18, 0x01])),
        Spelling::BrokenText => put(&mut fields, "val", Item::Raw(vec![0x62, 0xc3, 0x28])),
    }
    Item::Map(fields).encode()
}

fn put(fields: &mut Vec<(String, Item)>, name: &str, item: Item) {
    fields.retain(|(present, _)| present != name);
    fields.push((name.to_owned(), item));
    fields.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::signature::hazmat::PrehashVerifier;
    use serde_ipld_dagcbor::from_slice;
    use sha2::{Digest, Sha256};
    use std::collections::BTreeMap;

    type Fields = BTreeMap<String, ipld::Ipld>;
    use ipld_core::ipld;

    const DID: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

    fn make(spec: LabelSpec) -> SignedLabel {
        spec.sign(DID, &SigningKey::k256(1))
    }

    /// What a reader with stock crates finds: re-encodes what came, without `sig`.
    fn verifies(label: &SignedLabel) -> bool {
        let Ok(mut fields) = from_slice::<Fields>(&label.bytes) else { return false };
        let Some(ipld::Ipld::Bytes(sig)) = fields.remove("sig") else { return false };
        let Ok(sig) = k256::ecdsa::Signature::from_slice(&sig) else { return false };
        let message = serde_ipld_dagcbor::to_vec(&fields).unwrap();
        let point = SigningKey::k256(1).point(true);
        let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
        key.verify_prehash(&Sha256::digest(message), &sig).is_ok()
    }

    fn plain() -> LabelSpec {
        LabelSpec::new("at://did:plc:x/app.bsky.feed.post/1", "spam")
    }

    #[test]
    fn a_good_label_verifies_with_stock_crates_whatever_it_carries() {
        for spec in [
            plain(),
            plain().neg(false),
            plain().neg(true).cts("2024-01-01T00:00:00+02:00"),
            plain().cid("bafyreib").exp("2030-01-01T00:00:00.000Z").neg(false),
        ] {
            let label = make(spec);
            assert!(verifies(&label), "{:?}", label.spec);
            assert_eq!(label.spec.src.as_deref(), Some(DID));
        }
    }

    #[test]
    fn a_label_is_as_long_as_the_ones_that_were_seen() {
        // Skyware, with a DID for a subject: 225 bytes a frame, of which 31 frame the label.
        let seen = make(LabelSpec::new(DID, "spam").neg(false));
        assert_eq!(crate::frame::labels(1, &[&seen]).len(), 225);
    }

    #[test]
    fn each_way_to_break_the_signature_breaks_it() {
        for spec in [
            plain().sig(Sig::Absent),
            plain().sig(Sig::HighS),
            plain().sig(Sig::Der),
            plain().sig(Sig::Short),
            plain().sig(Sig::Item(Item::Null)),
            plain().replace_signed("val", "rude"),
            plain().replace_signed("neg", true),
            plain().without("ver"),
            plain().extra("id", 7),
            plain().null("cid"),
        ] {
            assert!(!verifies(&make(spec.clone())), "{spec:?}");
        }
    }

    #[test]
    fn an_unknown_or_null_field_is_there_but_not_signed() {
        let label = make(plain().extra("id", 7).null("exp"));
        let fields: Fields = from_slice(&label.bytes).unwrap();
        assert_eq!(fields["id"], ipld::Ipld::Integer(7));
        assert_eq!(fields["exp"], ipld::Ipld::Null);
        assert_eq!(label.signed, make(plain()).signed);
    }

    #[test]
    fn each_bad_spelling_is_refused_by_a_strict_reader() {
        use Spelling::{BrokenText, DuplicateKey, IndefiniteMap, LongInteger, UnsortedKeys};
        for spelling in [DuplicateKey, IndefiniteMap, LongInteger, UnsortedKeys, BrokenText] {
            let label = make(plain().spelling(spelling));
            let read = from_slice::<Fields>(&label.bytes);
            let canonical = read
                .is_ok_and(|fields| serde_ipld_dagcbor::to_vec(&fields).unwrap() == label.bytes);
            assert!(!canonical, "{spelling:?}");
        }
    }

    #[test]
    fn times_are_well_formed_and_grow() {
        assert_eq!(cts(0), "2024-10-01T00:00:00.000Z");
        assert_eq!(cts(86_400_000 + 3_661_001), "2024-10-02T01:01:01.001Z");
        assert!(cts(999_999) < cts(1_000_000));
    }
}
