//! The vectors for keys, signatures and labels, read where they lie. Where they are absent
//! this says so and passes, except in CI. Labels take the whole way from a frame's bytes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use k256::ecdsa::SigningKey;
use label::{Did, Verdict};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use verify::{Judged, Key, KeyTables, Signed};

/// Enough for a key to get a table.
const MANY: usize = 512;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::disallowed_methods, reason = "how strict a test is depends on where it runs")]
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "../shared/vectors is absent");
    eprintln!("not run: ../shared/vectors is absent");
    None
}

fn json(path: &str) -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(folder()?.join(path)).unwrap()).unwrap())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config).decode(text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The CBOR of a label given as JSON: text, integers, booleans and bytes, keys in order.
/// Written here again, so that it is no mirror of the code under test.
fn cbor(label: &Value) -> Vec<u8> {
    let head = |major: u8, length: usize| match u8::try_from(length).unwrap() {
        short @ 0..24 => vec![major << 5 | short],
        long => vec![major << 5 | 24, long],
    };
    let with_head = |major: u8, bytes: &[u8]| [&head(major, bytes.len()), bytes].concat();
    let mut fields: Vec<_> = label.as_object().unwrap().iter().collect();
    fields.sort_by_key(|(key, _)| (key.len(), key.to_owned()));
    let mut bytes = head(5, fields.len());
    for (key, value) in fields {
        bytes.extend(with_head(3, key.as_bytes()));
        bytes.extend(match value {
            Value::String(text) => with_head(3, text.as_bytes()),
            Value::Bool(it) => vec![0xf4 + u8::from(*it)],
            Value::Number(number) => head(0, usize::try_from(number.as_u64().unwrap()).unwrap()),
            bytes => with_head(2, &base64(text(bytes, "$bytes"))),
        });
    }
    bytes
}

/// Judges the label as `labeler` sent it, from the frame on: alone, and among so many that
/// there is a table for them.
fn judge(label: &[u8], labeler: &str, key: &Key) -> Judged {
    let mut frame = b"\xa2\x61t\x67#labels\x62op\x01\xa2\x63seq\x01\x66labels\x81".to_vec();
    frame.extend_from_slice(label);
    let wire::Frame::Labels { labels, .. } = wire::decode(&frame.into()).unwrap() else {
        panic!("no frame of labels")
    };
    let labeler = Did::parse(labeler).unwrap();
    let judged = verify::judge(&labels[0], &labeler, key);
    for tables in [KeyTables::new(1), KeyTables::new(1 << 20)] {
        let many = vec![labels[0].clone(); MANY];
        let all = verify::judge_all(&many, &labeler, key, &tables);
        assert_eq!(all, vec![judged.clone(); MANY]);
    }
    judged
}

/// Whether the signature holds: alone, and among so many that there is a table for them.
fn holds(key: &Key, message: &[u8], sig: &[u8]) -> bool {
    let checked = key.check(message, sig);
    for tables in [KeyTables::new(1), KeyTables::new(1 << 20)] {
        let all = key.check_all(&[Signed { message, sig }; MANY], &tables);
        assert_eq!(all, vec![checked; MANY]);
    }
    checked.is_ok()
}

fn verdict(judged: &Judged) -> Verdict {
    match judged {
        Judged::Label { .. } => Verdict::Verified,
        Judged::Refused { verdict, .. } => *verdict,
    }
}

#[test]
fn a_private_key_of_the_w3c_list_has_the_public_key_given() {
    let Some(cases) = json("atproto-interop-tests/crypto/w3c_didkey_K256.json") else { return };
    assert!(list(&cases).len() >= 5);
    for case in list(&cases) {
        let secret = SigningKey::from_slice(&hex(text(case, "privateKeyBytesHex"))).unwrap();
        same_key(secret.verifying_key().to_sec1_point(false).as_bytes(), "k1", case);
    }
    let cases = json("atproto-interop-tests/crypto/w3c_didkey_P256.json").unwrap();
    assert!(!list(&cases).is_empty());
    for case in list(&cases) {
        let secret = bs58::decode(text(case, "privateKeyBytesBase58")).into_vec().unwrap();
        let secret = p256::ecdsa::SigningKey::from_slice(&secret).unwrap();
        same_key(secret.verifying_key().to_sec1_point(false).as_bytes(), "r1", case);
    }
}

fn same_key(point: &[u8], curve: &str, case: &Value) {
    let did_key = text(case, "publicDidKey");
    let key = Key::from_did_key(did_key).unwrap();
    assert_eq!(key.did_key(), did_key);
    let kind = format!("EcdsaSecp256{curve}VerificationKey2019");
    let multibase = format!("z{}", bs58::encode(point).into_string());
    assert_eq!(Key::from_method(&kind, &multibase), Ok(key));
}

#[test]
fn signatures_are_told_as_the_official_fixtures_do() {
    let Some(cases) = json("atproto-interop-tests/crypto/signature-fixtures.json") else { return };
    assert!(list(&cases).len() >= 6);
    for case in list(&cases) {
        let key = Key::from_did_key(text(case, "publicKeyDid")).unwrap();
        let legacy = Key::from_method(text(case, "didDocSuite"), text(case, "publicKeyMultibase"));
        assert_eq!(legacy.as_ref(), Ok(&key), "{case}");
        let message = base64(text(case, "messageBase64"));
        let holds = holds(&key, &message, &base64(text(case, "signatureBase64")));
        assert_eq!(Some(holds), case["validSignature"].as_bool(), "{case}");
    }
}

#[test]
fn the_keys_of_real_did_documents_are_read() {
    let names = ["did_plc_doc.json", "did_plc_doc_legacy.json"];
    let keys = names.map(|name| {
        let document = json(&format!("indigo/identity/{name}"))?;
        let method = &document["verificationMethod"][0];
        let key = Key::from_method(text(method, "type"), text(method, "publicKeyMultibase"));
        Some(key.unwrap().did_key())
    });
    // Both documents are of one account, before and after the key was written differently.
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn the_one_official_label_is_verified_and_its_mutations_are_not() {
    let Some(vector) = json("indigo/labeling/label_vector.json") else { return };
    let key = Key::from_method("Multikey", text(&vector, "publicKeyMultibase")).unwrap();
    let label = &vector["label"];
    let src = text(label, "src");
    let Judged::Label { label: judged, raw: None, .. } = judge(&cbor(label), src, &key) else {
        panic!("refused")
    };
    assert_eq!(wire::label_cbor(&judged), cbor(label));
    assert_eq!(hex(text(&vector, "sha256OfUnsignedCbor")), signed_digest(label));

    let mutate = |field: &str, value: Option<Value>| {
        let mut mutated = label.clone();
        let fields = mutated.as_object_mut().unwrap();
        match value {
            Some(value) => fields.insert(field.into(), value),
            None => fields.remove(field),
        };
        verdict(&judge(&cbor(&mutated), src, &key))
    };
    assert_eq!(mutate("val", Some("wrong".into())), Verdict::BadSignature);
    assert_eq!(mutate("neg", Some(false.into())), Verdict::BadSignature);
    assert_eq!(mutate("ver", None), Verdict::UnsupportedVersion);
    assert_eq!(mutate("sig", None), Verdict::Unsigned);
}

/// SHA-256 over the label without its signature.
fn signed_digest(label: &Value) -> Vec<u8> {
    let mut unsigned = label.clone();
    unsigned.as_object_mut().unwrap().remove("sig");
    Sha256::digest(cbor(&unsigned)).to_vec()
}

#[test]
fn every_label_of_the_cairn_corpus_is_verified() {
    let Some(folder) = folder().map(|folder| folder.join("cairn-mod/signature-corpus")) else {
        return;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let key: Value = serde_json::from_slice(&read("KEY.json")).unwrap();
    let key = Key::from_did_key(text(&key, "did")).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".cbor") else { continue };
        let mut label: Value = serde_json::from_slice(&read(&format!("{name}.json"))).unwrap();
        let (bytes, sig) = (read(&format!("{name}.cbor")), read(&format!("{name}.sig")));
        assert_eq!(cbor(&label), bytes, "{name}");
        assert!(holds(&key, &bytes, &sig), "{name}");

        let encoded = base64::engine::general_purpose::STANDARD.encode(&sig);
        label["sig"] = serde_json::json!({ "$bytes": encoded });
        let src = text(&label, "src").to_owned();
        assert_eq!(verdict(&judge(&cbor(&label), &src, &key)), Verdict::Verified, "{name}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

/// What the contract says of a quirk, given whether its signature holds over the known
/// fields as received.
fn expected(name: &str, holds: bool) -> Verdict {
    match name {
        "ver-signed-not-sent" | "ver-neither" | "ver-2" => Verdict::UnsupportedVersion,
        "cid-empty-string" => Verdict::Malformed,
        "unsigned" => Verdict::Unsigned,
        _ if holds => Verdict::Verified,
        _ => Verdict::BadSignature,
    }
}

#[test]
fn quirks_of_labels_get_the_verdict_of_the_contract() {
    let Some(file) = json("synthetic/label-signature-quirks.json") else { return };
    let vectors = list(&file["vectors"]);
    assert!(vectors.len() >= 25);
    for vector in vectors {
        let (name, label) = (text(vector, "name"), &vector["wireLabel"]);
        let key = &file["keys"][text(vector, "key")];
        let key = Key::from_method("Multikey", text(key, "publicKeyMultikey")).unwrap();
        let bytes = hex(text(vector, "wireLabelCborHex"));
        assert_eq!(cbor(label), bytes, "{name}");
        let judged = judge(&bytes, text(label, "src"), &key);
        let holds = vector["expected"]["asReceivedKnownFields"].as_bool().unwrap();
        assert_eq!(verdict(&judged), expected(name, holds), "{name}: {judged:?}");
    }
}

#[test]
fn every_form_of_the_synthetic_keys_is_read() {
    let Some(file) = json("synthetic/label-signature-quirks.json") else { return };
    for (curve, letter) in [("k256", "k"), ("p256", "r")] {
        let forms = &file["keys"][curve];
        let key = Key::from_method("Multikey", text(forms, "publicKeyMultikey"));
        let kind = format!("EcdsaSecp256{letter}1VerificationKey2019");
        for form in ["legacyMultibaseUncompressed65", "legacyMultibaseCompressed33"] {
            assert_eq!(Key::from_method(&kind, text(forms, form)), key, "{curve} {form}");
        }
        assert!(key.is_ok());
    }
}
