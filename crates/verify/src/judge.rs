//! The verdict on one received label (contract section 8).

use crate::form::{Formed, form};
use crate::{Key, KeyTables, KeyTerm, SignatureFault, Signed};
use label::{Did, Label, Millis, Verdict, syntax};
use wire::RawLabel;

/// What came of judging one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It holds.
    Label {
        /// [`Verdict::Verified`] or [`Verdict::VerifiedOldKey`].
        verdict: Verdict,
        /// What was said.
        label: Label,
        /// The CBOR as received, only where it cannot be made again from `label`.
        raw: Option<Vec<u8>>,
    },
    /// It does not.
    Refused {
        /// The first rule it breaks.
        verdict: Verdict,
        /// For people: how it breaks it.
        reason: String,
    },
}

/// A verdict against a label.
pub(crate) struct Refusal {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Malformed, reason: reason.into() }
    }
}

/// Judges one label that `labeler` sent, by the key its DID document shows now.
///
/// Never gives [`Verdict::VerifiedOldKey`]: see [`judge_by_old_keys`].
#[must_use]
pub fn judge(raw: &RawLabel, labeler: &Did, key: &Key) -> Judged {
    let check = |formed: &Formed| key.check(&formed.message, &formed.parts.sig);
    judged(form(raw, labeler), raw, check)
}

/// Judges many labels that one labeler sent, as [`judge`] judges each, in their order. Their
/// signatures are checked together.
#[must_use]
pub fn judge_all(raw: &[RawLabel], labeler: &Did, key: &Key, tables: &KeyTables) -> Vec<Judged> {
    let formed: Vec<Result<Formed, Refusal>> = raw.iter().map(|raw| form(raw, labeler)).collect();
    let asked: Vec<Signed<'_>> = formed.iter().flatten().map(Formed::signed).collect();
    let mut checked = key.check_all(&asked, tables).into_iter();
    let mut check = |_: &Formed| checked.next().unwrap_or(Err(SignatureFault::Wrong));
    formed.into_iter().zip(raw).map(|(formed, raw)| judged(formed, raw, &mut check)).collect()
}

/// Judges a label whose signature does not hold under the present key by those of the past.
/// `None` when none of them makes it hold: then what [`judge`] said stands.
///
/// A key counts only for labels whose `cts` lies in its time, both ends included. `cts` is the
/// labeler's own word, so this tells apart what was said before a rotation from what is said
/// after it by whoever has the old key and does not lie about the time; no more can be told.
#[must_use]
pub fn judge_by_old_keys(raw: &RawLabel, labeler: &Did, terms: &[KeyTerm]) -> Option<Judged> {
    let mut doubtful = Doubtful::read(raw, labeler)?;
    for term in terms {
        doubtful.holds |= doubtful.is_of(term) && {
            let Signed { message, sig } = doubtful.formed.signed();
            term.key.holds(message, sig)
        };
    }
    doubtful.judged(raw)
}

/// The same for many labels of one labeler, in their order.
#[must_use]
pub fn judge_all_by_old_keys(
    raw: &[RawLabel],
    labeler: &Did,
    terms: &[KeyTerm],
    tables: &KeyTables,
) -> Vec<Option<Judged>> {
    let mut doubtful: Vec<_> = raw.iter().map(|raw| Doubtful::read(raw, labeler)).collect();
    for term in terms {
        let mut tried: Vec<&mut Doubtful> =
            doubtful.iter_mut().flatten().filter(|one| one.is_of(term)).collect();
        let asked: Vec<Signed<'_>> = tried.iter().map(|one| one.formed.signed()).collect();
        let checked = term.key.check_all(&asked, tables);
        for (one, checked) in tried.iter_mut().zip(checked) {
            one.holds = checked.is_ok();
        }
    }
    doubtful.into_iter().zip(raw).map(|(doubtful, raw)| doubtful?.judged(raw)).collect()
}

/// A label that keys of the past are tried on.
struct Doubtful {
    formed: Formed,
    /// Its `cts`.
    said: Millis,
    holds: bool,
}

impl Doubtful {
    fn read(raw: &RawLabel, labeler: &Did) -> Option<Self> {
        let formed = form(raw, labeler).ok()?;
        let said = Millis(syntax::instant(&formed.parts.cts)?.div_euclid(1000));
        Some(Self { formed, said, holds: false })
    }

    /// Whether the key of that term is to be tried on it.
    fn is_of(&self, term: &KeyTerm) -> bool {
        !self.holds && term.has(self.said)
    }

    fn judged(self, raw: &RawLabel) -> Option<Judged> {
        self.holds.then(|| holds(self.formed, raw, Verdict::VerifiedOldKey))
    }
}

/// The verdict, given what was found of the form, and a look at the signature if that is good.
fn judged(
    formed: Result<Formed, Refusal>,
    raw: &RawLabel,
    check: impl FnOnce(&Formed) -> Result<(), SignatureFault>,
) -> Judged {
    let signed = |formed: Formed| match check(&formed) {
        Ok(()) => Ok(formed),
        Err(fault) => Err(Refusal { verdict: Verdict::BadSignature, reason: fault.to_string() }),
    };
    match formed.and_then(signed) {
        Ok(formed) => holds(formed, raw, Verdict::Verified),
        Err(Refusal { verdict, reason }) => Judged::Refused { verdict, reason },
    }
}

fn holds(formed: Formed, raw: &RawLabel, verdict: Verdict) -> Judged {
    let Formed { parts, plain, .. } = formed;
    let raw = (!plain).then(|| raw.bytes.to_vec());
    Judged::Label { verdict, label: Label::vouched(parts), raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::SigningKey;
    use k256::ecdsa::signature::hazmat::PrehashSigner;
    use sha2::{Digest, Sha256};
    use std::collections::BTreeMap;

    const LABELER: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    const OTHER: &str = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";

    /// A label as CBOR fields, to be bent into any shape. Keys sort by length, then bytes.
    #[derive(Clone)]
    struct Draft(BTreeMap<(usize, &'static str), Vec<u8>>);

    fn text(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        let mut bytes = match length {
            0..=23 => vec![0x60 + u8::try_from(length).unwrap()],
            24..=255 => vec![0x78, u8::try_from(length).unwrap()],
            _ => [&[0x79], &length.to_be_bytes()[..]].concat(),
        };
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    impl Draft {
        fn new() -> Self {
            Self(BTreeMap::new())
                .with("cts", text("2024-10-07T12:00:00.000Z"))
                .with("src", text(LABELER))
                .with("uri", text("at://did:plc:abc/app.bsky.feed.post/xyz"))
                .with("val", text("spam"))
                .with("ver", vec![1])
        }

        fn with(mut self, key: &'static str, value: Vec<u8>) -> Self {
            self.0.insert((key.len(), key), value);
            self
        }

        fn without(mut self, key: &'static str) -> Self {
            self.0.remove(&(key.len(), key));
            self
        }

        fn cbor(&self) -> Vec<u8> {
            let mut bytes = vec![0xa0 + u8::try_from(self.0.len()).unwrap()];
            for ((_, key), value) in &self.0 {
                bytes.extend(text(key));
                bytes.extend_from_slice(value);
            }
            bytes
        }

        /// Signs what stands there now.
        fn signed(self) -> Self {
            let digest = Sha256::digest(self.cbor());
            let sig: k256::ecdsa::Signature = signer().sign_prehash(&digest).unwrap();
            let sig = [&[0x58, 64], &sig.normalize_s().to_bytes()[..]].concat();
            self.with("sig", sig)
        }

        /// The same alone and among others.
        fn judge(&self) -> Judged {
            let (raw, labeler) = (received(self.cbor()), Did::parse(LABELER).unwrap());
            let judged = judge(&raw, &labeler, &key());
            let other = received(Draft::new().cbor());
            let many = [vec![other; 40], vec![raw; 40]].concat();
            let all = judge_all(&many, &labeler, &key(), &KeyTables::new(1));
            assert_eq!(all.len(), many.len());
            assert!(all[..40].iter().all(|other| verdict(other) == Verdict::Unsigned));
            assert!(all[40..].iter().all(|same| *same == judged));
            judged
        }

        fn verdict(&self) -> Verdict {
            verdict(&self.judge())
        }
    }

    fn verdict(judged: &Judged) -> Verdict {
        let (Judged::Label { verdict, .. } | Judged::Refused { verdict, .. }) = judged;
        *verdict
    }

    /// The label as it comes out of a frame.
    fn received(label: Vec<u8>) -> RawLabel {
        let mut frame = b"\xa2\x61t\x67#labels\x62op\x01\xa2\x63seq\x01\x66labels\x81".to_vec();
        frame.extend(label);
        match wire::decode(&frame.into()).unwrap() {
            wire::Frame::Labels { labels, .. } => labels.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn signer() -> SigningKey {
        SigningKey::from_slice(&[7; 32]).unwrap()
    }

    fn key() -> Key {
        let point = signer().verifying_key().to_sec1_point(false);
        let text = format!("z{}", bs58::encode(point.as_bytes()).into_string());
        Key::from_method("EcdsaSecp256k1VerificationKey2019", &text).unwrap()
    }

    #[test]
    fn a_signed_label_comes_out_as_it_went_in() {
        let draft = Draft::new()
            .with("cid", text("bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"))
            .with("exp", text("2025-10-07T12:00:00+02:00"))
            .with("neg", vec![0xf4])
            .signed();
        let Judged::Label { label, raw, .. } = draft.judge() else { panic!("{:?}", draft.judge()) };
        assert_eq!(raw, None, "it can be made again");
        assert_eq!(wire::label_cbor(&label), draft.cbor());
        assert_eq!((label.src.as_str(), label.neg), (LABELER, Some(false)));
        assert_eq!(label.exp.as_deref(), Some("2025-10-07T12:00:00+02:00"));
    }

    #[test]
    fn fields_that_are_unknown_are_not_signed_and_keep_the_received_bytes() {
        let draft = Draft::new().signed().with("$type", text("com.atproto.label.defs#label"));
        let Judged::Label { raw, .. } = draft.judge() else { panic!("{:?}", draft.judge()) };
        assert_eq!(raw, Some(draft.cbor()));
        let signed_too = Draft::new().with("note", text("x")).signed();
        assert_eq!(signed_too.verdict(), Verdict::BadSignature);
    }

    #[test]
    fn a_label_that_brings_too_much_along_is_malformed() {
        let with = |bytes: usize| {
            let length = u16::try_from(bytes).unwrap().to_be_bytes();
            let long = [&[0x59], length.as_slice(), &vec![0; bytes]].concat();
            Draft::new().signed().with("note", long).verdict()
        };
        assert_eq!(with(65_000), Verdict::Verified);
        assert_eq!(with(65_500), Verdict::Malformed);
    }

    #[test]
    fn a_null_cid_or_exp_counts_as_absent() {
        let draft = Draft::new().signed().with("cid", vec![0xf6]).with("exp", vec![0xf6]);
        let Judged::Label { label, raw, .. } = draft.judge() else { panic!("{:?}", draft.judge()) };
        assert_eq!((&label.cid, &label.exp, raw), (&None, &None, Some(draft.cbor())));
        assert_eq!(Draft::new().signed().with("neg", vec![0xf6]).verdict(), Verdict::Malformed);
    }

    #[test]
    fn every_field_can_be_malformed() {
        let long_did = format!("did:web:{}", "a".repeat(2041));
        let long_uri = format!("at:{}", "a".repeat(8190));
        let cases: [(&str, &[&str]); 6] = [
            ("src", &["", "alice.example", "did:PLC:x", &long_did]),
            ("uri", &["", "no scheme", "at:", "at://a b", &long_uri]),
            ("val", &["", &"v".repeat(129)]),
            ("cid", &["", "bafyreinope", "not a cid"]),
            (
                "cts",
                &["", "yesterday", "2024-10-07", "2024-10-07T12:00:00", "2024-02-30T12:00:00Z"],
            ),
            ("exp", &["", "never", "2024-10-07t12:00:00z", "9999-12-31T23:59:59-01:00"]),
        ];
        for (field, values) in cases {
            for value in values {
                let Judged::Refused { verdict, reason } =
                    Draft::new().with(field, text(value)).signed().judge()
                else {
                    panic!("{field} may be {value:?}")
                };
                assert_eq!(verdict, Verdict::Malformed, "{field} {value:?}");
                assert!(reason.starts_with(field), "{reason}");
            }
        }
    }

    #[test]
    fn the_longest_of_everything_is_a_label() {
        let emoji = "\u{1f51e}".repeat(32);
        for val in ["v".repeat(128), emoji] {
            assert_eq!(Draft::new().with("val", text(&val)).signed().verdict(), Verdict::Verified);
        }
        let uri = format!("at:{}", "a".repeat(8189));
        assert_eq!(Draft::new().with("uri", text(&uri)).signed().verdict(), Verdict::Verified);
    }

    #[test]
    fn a_field_of_the_wrong_type_or_missing_is_malformed() {
        for field in ["src", "uri", "val", "cts"] {
            assert_eq!(Draft::new().without(field).signed().verdict(), Verdict::Malformed);
            assert_eq!(Draft::new().with(field, vec![0xf6]).signed().verdict(), Verdict::Malformed);
        }
        for (field, value) in [("ver", text("1")), ("neg", vec![1]), ("sig", text("x"))] {
            assert_eq!(Draft::new().signed().with(field, value).verdict(), Verdict::Malformed);
        }
        for field in ["cid", "exp"] {
            assert_eq!(Draft::new().with(field, vec![1]).signed().verdict(), Verdict::Malformed);
        }
    }

    #[test]
    fn cbor_that_is_not_canonical_is_malformed() {
        let draft = Draft::new().signed().with("ver", vec![0x18, 1]);
        assert_eq!(draft.verdict(), Verdict::Malformed);
        let unknown = Draft::new().signed().with("x", b"\xfb\x3f\xf8\0\0\0\0\0\0".to_vec());
        assert_eq!(unknown.verdict(), Verdict::Malformed);
    }

    #[test]
    fn only_version_1_is_supported() {
        assert_eq!(
            Draft::new().with("ver", vec![2]).signed().verdict(),
            Verdict::UnsupportedVersion
        );
        assert_eq!(
            Draft::new().with("ver", vec![0x20]).signed().verdict(),
            Verdict::UnsupportedVersion
        );
        assert_eq!(Draft::new().without("ver").signed().verdict(), Verdict::UnsupportedVersion);
    }

    #[test]
    fn a_label_in_another_name_is_foreign_even_when_the_key_holds() {
        assert_eq!(Draft::new().with("src", text(OTHER)).signed().verdict(), Verdict::ForeignSrc);
    }

    #[test]
    fn without_a_signature_it_is_unsigned() {
        assert_eq!(Draft::new().verdict(), Verdict::Unsigned);
        assert_eq!(Draft::new().with("sig", vec![0x40]).verdict(), Verdict::Unsigned);
    }

    #[test]
    fn whatever_is_changed_after_signing_shows() {
        let changes = [
            ("val", text("scam")),
            ("uri", text("did:plc:abc")),
            ("cts", text("2024-10-07T12:00:00Z")),
            ("neg", vec![0xf5]),
            ("neg", vec![0xf4]),
            ("exp", text("2025-10-07T12:00:00Z")),
            ("sig", [&[0x58, 63], &[1; 63][..]].concat()),
        ];
        for (field, value) in changes {
            let draft = Draft::new().signed().with(field, value);
            assert_eq!(draft.verdict(), Verdict::BadSignature, "{field}");
        }
    }

    #[test]
    fn the_first_verdict_in_the_order_is_given() {
        // Begins with everything wrong and mends one thing after the other.
        let steps: [(&'static str, Vec<u8>, Verdict); 5] = [
            ("val", text(""), Verdict::Malformed),
            ("val", text("spam"), Verdict::UnsupportedVersion),
            ("ver", vec![1], Verdict::ForeignSrc),
            ("src", text(LABELER), Verdict::Unsigned),
            ("sig", vec![0x41, 0], Verdict::BadSignature),
        ];
        let mut draft = Draft::new().with("ver", vec![2]).with("src", text(OTHER));
        for (field, value, verdict) in steps {
            draft = draft.with(field, value);
            assert_eq!(draft.verdict(), verdict);
        }
        assert_eq!(draft.without("sig").signed().verdict(), Verdict::Verified);
    }

    /// Signed by [`signer`], whose key had these terms, in seconds of 7 October 2024, 12:00.
    fn by_old_key(cts: &str, terms: &[(i64, Option<i64>)]) -> Option<Verdict> {
        let at = |second: i64| Millis(1_728_302_400_000 + second * 1000);
        let term = |(from, until): &(i64, Option<i64>)| KeyTerm {
            key: key(),
            from: at(*from),
            until: until.map(at),
        };
        let terms: Vec<KeyTerm> = terms.iter().map(term).collect();
        let raw = received(Draft::new().with("cts", text(cts)).signed().cbor());
        old_keys(&raw, &terms).as_ref().map(verdict)
    }

    /// The same alone and among others.
    fn old_keys(raw: &RawLabel, terms: &[KeyTerm]) -> Option<Judged> {
        let labeler = Did::parse(LABELER).unwrap();
        let judged = judge_by_old_keys(raw, &labeler, terms);
        let other = received(Draft::new().cbor());
        let many = [vec![other; 40], vec![raw.clone(); 40]].concat();
        let all = judge_all_by_old_keys(&many, &labeler, terms, &KeyTables::new(1));
        assert_eq!(all, [vec![None; 40], vec![judged.clone(); 40]].concat());
        judged
    }

    #[test]
    fn an_old_key_counts_in_its_time_only() {
        let cts = "2024-10-07T12:00:05.500Z";
        let holds = Some(Verdict::VerifiedOldKey);
        assert_eq!(by_old_key(cts, &[(0, Some(10))]), holds);
        assert_eq!(by_old_key(cts, &[(0, Some(1)), (5, Some(6))]), holds);
        assert_eq!(by_old_key("2024-10-07T14:00:05+02:00", &[(5, Some(6))]), holds);
        assert_eq!(by_old_key("2024-10-07T12:00:06Z", &[(5, Some(6))]), holds);
        for terms in [&[][..], &[(6, Some(10))], &[(0, Some(5))]] {
            assert_eq!(by_old_key(cts, terms), None, "{terms:?}");
        }
    }

    #[test]
    fn old_keys_make_nothing_hold_but_their_own_signatures() {
        let terms = [KeyTerm { key: key(), from: Millis(0), until: Some(Millis(i64::MAX)) }];
        let judged = |draft: Draft| old_keys(&received(draft.cbor()), &terms);
        assert!(judged(Draft::new().signed()).is_some());
        assert_eq!(judged(Draft::new().signed().with("val", text("scam"))), None);
        assert_eq!(judged(Draft::new().with("src", text(OTHER)).signed()), None);
        assert_eq!(judged(Draft::new().with("ver", vec![2]).signed()), None);
        assert_eq!(judged(Draft::new()), None);
    }

    #[test]
    fn labels_of_many_keys_each_hold_under_their_own() {
        let other = Key::from_did_key("did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N");
        let term = |key, from| KeyTerm { key, from: Millis(from), until: Some(Millis(from + 9)) };
        let terms = [term(other.unwrap(), 0), term(key(), 0), term(key(), 20)];
        let said = |millis: u8| {
            let cts = format!("1970-01-01T00:00:00.{millis:03}Z");
            received(Draft::new().with("cts", text(&cts)).signed().cbor())
        };
        let labels: Vec<RawLabel> = (0..100).map(said).collect();
        let labeler = Did::parse(LABELER).unwrap();
        let all = judge_all_by_old_keys(&labels, &labeler, &terms, &KeyTables::new(1));
        let one = |raw| judge_by_old_keys(raw, &labeler, &terms);
        assert_eq!(all, labels.iter().map(one).collect::<Vec<_>>());
        assert_eq!(all.iter().flatten().count(), 20);
    }
}
