//! Writes the corpus that the fuzz targets start from into `fuzz/corpus`, a file for each
//! seed: `cargo run -p testkit --example corpus`. Finds worth keeping are put beside them
//! by hand, under a name that says what they were.

use serde_json::{Value, json};
use std::path::Path;
use testkit::cbor::Item;
use testkit::repo::{self, Account, Commit, Forgery, LABELER_PATH, Spoil, Write};
use testkit::{Document, LabelSpec, Sig, SigningKey, Spelling, firehose, frame};

const CID: &str = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq";

const TIME: &str = "2024-10-01T00:00:00.000Z";

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let targets = [
        ("frame", frames()),
        ("label", labels()),
        ("document", documents()),
        ("channel", says()),
        ("firehose", events()),
        ("proof", proofs()),
    ];
    for (target, seeds) in targets {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

/// Whom the fuzz targets take for the labeler.
fn labeler() -> String {
    testkit::plc_did("fuzz")
}

fn sign(spec: LabelSpec) -> Vec<u8> {
    spec.sign(&labeler(), &SigningKey::k256(1)).bytes
}

fn spec() -> LabelSpec {
    LabelSpec::numbered(1)
}

fn labels() -> Seeds {
    let full = || spec().cid(CID).neg(true).exp("2030-01-01T00:00:00Z");
    vec![
        ("good", sign(spec())),
        ("good-p256", spec().sign(&labeler(), &SigningKey::p256(1)).bytes),
        ("all-fields", sign(full())),
        ("neg-false", sign(spec().neg(false))),
        ("about-a-did", sign(LabelSpec::new(testkit::plc_did("ann"), "!warn"))),
        ("many-scripts", sign(LabelSpec::new("https://x.example/%20", "\u{1f51e}\u{e9}"))),
        ("unknown-field", sign(spec().extra("$type", "com.atproto.label.defs#label"))),
        (
            "unknown-link",
            sign(spec().extra("x", Item::Tag(42, Box::new(Item::Bytes(vec![0; 37]))))),
        ),
        ("unknown-float", sign(spec().extra("x", Item::Float(1.5)))),
        ("null-cid-exp", sign(spec().null("cid").null("exp"))),
        ("null-neg", sign(spec().null("neg"))),
        ("changed", sign(full().replace_signed("val", "other"))),
        ("no-val", sign(spec().without("val"))),
        ("ver-2", sign(spec().ver(Some(2)))),
        ("ver-missing", sign(spec().ver(None))),
        ("foreign", sign(spec().src("did:web:other.example"))),
        ("src-no-did", sign(spec().src("alice.example"))),
        ("unsigned", sign(spec().sig(Sig::Absent))),
        ("sig-empty", sign(spec().sig(Sig::Item(Item::Bytes(Vec::new()))))),
        ("sig-high-s", sign(spec().sig(Sig::HighS))),
        ("sig-der", sign(spec().sig(Sig::Der))),
        ("sig-short", sign(spec().sig(Sig::Short))),
        ("sig-text", sign(spec().sig(Sig::Item("x".into())))),
        ("keys-unsorted", sign(spec().spelling(Spelling::UnsortedKeys))),
        ("key-twice", sign(spec().spelling(Spelling::DuplicateKey))),
        ("map-open", sign(spec().spelling(Spelling::IndefiniteMap))),
        ("integer-long", sign(spec().spelling(Spelling::LongInteger))),
        ("text-broken", sign(spec().spelling(Spelling::BrokenText))),
        ("cts-offset", sign(spec().cts("2024-10-01T02:00:00.123456+02:00"))),
        ("cts-nonsense", sign(spec().cts("yesterday"))),
        ("no-map", Item::List(vec![Item::Int(-1), Item::Null]).encode()),
    ]
}

fn frames() -> Seeds {
    let good = frame::labels(1, &[sign(spec())]);
    let mixed = [sign(spec()), sign(spec().spelling(Spelling::LongInteger)), vec![0xa0]];
    vec![
        ("one-label", good.clone()),
        ("several-labels", frame::labels(77, &mixed)),
        ("no-labels", frame::labels(2, &[] as &[Vec<u8>])),
        ("seq-largest", frame::labels((1 << 53) - 1, &[[0xa0]])),
        ("seq-too-large", frame::labels(1 << 53, &[[0xa0]])),
        ("seq-zero", frame::labels(0, &[[0xa0]])),
        ("seq-negative", frame::labels(-5, &[[0xa0]])),
        ("t-missing", frame::labels_without_t(3, &[[0xa0]])),
        ("t-long", frame::labels_with_long_t(4, &[[0xa0]])),
        ("info", frame::info("OutdatedCursor", Some("gone"))),
        ("error", frame::error("ConsumerTooSlow", None)),
        ("error-message", frame::error("FutureCursor", Some("Cursor in the future."))),
        ("unknown-type", frame::unknown_type()),
        ("unknown-op", frame::unknown_op()),
        ("trailing", frame::with_trailing_bytes(&good)),
        ("truncated", frame::truncated(&good)),
        ("deep-within", frame::deep(5, 30)),
        ("deep-beyond", frame::deep(5, 200)),
        ("long-value", frame::huge(6, 2_000)),
        ("huge-length", frame::with_huge_length()),
        ("body-missing", frame::LABELS_HEADER.to_vec()),
        ("garbage", frame::garbage()),
        ("empty", Vec::new()),
    ]
}

fn documents() -> Seeds {
    let did = labeler();
    let (k256, p256) = (SigningKey::k256(1), SigningKey::p256(1));
    let at = |endpoint: &str| Document::labeler(&did, &k256, endpoint);
    let key = |kind: &str, text: &str| {
        Document::new(&did).key_of_type("#atproto_label", kind, text).json()
    };
    let odd = json!({"id": did, "alsoKnownAs": [null, 7, "https://x.example", "at://Mod.Example"],
        "service": [null, [], {"id": 1}], "verificationMethod": {"id": "#atproto_label"}});
    let service = |endpoint: Value| {
        Document::new(&did).service("#atproto_labeler", "AtprotoLabeler", &endpoint).json()
    };
    let seeds = [
        ("labeler", at("https://mod.example").handle("mod.example").json()),
        ("p256", Document::labeler(&did, &p256, "https://mod.example:8443/").json()),
        ("legacy-33", Document::new(&did).legacy_label_key(&k256, true).json()),
        ("legacy-65", Document::new(&did).legacy_label_key(&p256, false).json()),
        ("web", Document::labeler("did:web:mod.example", &k256, "https://mod.example").json()),
        ("key-ed25519", key("Multikey", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")),
        ("key-unknown-type", key("JsonWebKey2020", &k256.multikey())),
        ("key-no-multibase", key("Multikey", "uAAAA")),
        ("endpoint-http", at("http://127.0.0.1:2583").json()),
        ("endpoint-path", at("https://mod.example/xrpc?x#y").json()),
        ("endpoint-user", at("https://me:pw@mod.example").json()),
        ("endpoint-loopback", at("https://[::ffff:127.0.0.1]:1").json()),
        ("endpoint-octal", at("https://0x7f.1").json()),
        ("endpoint-idn", at("https://b\u{fc}cher.example").json()),
        ("endpoint-object", service(json!({"uri": "https://mod.example"}))),
        ("endpoint-list", service(json!(["https://mod.example"]))),
        ("entries-odd", odd),
        ("lists-null", json!({"id": did, "alsoKnownAs": null, "service": null})),
        ("other-id", json!({"id": "did:plc:other"})),
        ("id-number", json!({"id": 5})),
        ("account", Document::account(&did, &p256, "https://pds.example").json()),
        ("bare", Document::new(&did).json()),
        ("list", json!([])),
    ];
    seeds.into_iter().map(|(name, value)| (name, value.to_string().into_bytes())).collect()
}

fn says() -> Seeds {
    let texts = [
        ("ack-one", r#"{"type":"ack","id":7}"#),
        ("ack-many", r#"{"type":"ack","ids":[1,2,3,9007199254740991]}"#),
        ("ack-both", r#"{"ids":[1,2],"id":3,"type":"ack"}"#),
        ("ack-none", r#"{"type":"ack"}"#),
        ("ack-empty", r#"{"type":"ack","ids":[]}"#),
        ("ack-null", r#"{"type":"ack","id":null,"ids":[3],"x":{}}"#),
        ("ack-escaped", r#"{"\u0074ype":"\u0061ck","id":7}"#),
        ("ack-negative", r#"{"type":"ack","id":-1}"#),
        ("ack-fraction", r#"{"type":"ack","id":1.0}"#),
        ("ack-exponent", r#"{"type":"ack","id":1e3}"#),
        ("ack-too-large", r#"{"type":"ack","id":99999999999999999999}"#),
        ("ack-text", r#"{"type":"ack","ids":[1,"2"]}"#),
        ("type-twice", r#"{"type":"ack","type":"ack","id":1}"#),
        ("type-unknown", r#"{"type":"hello","id":"x"}"#),
        ("type-number", r#"{"type":7}"#),
        ("two-messages", r#"{"type":"ack","id":1} {"type":"ack","id":2}"#),
        ("spaces", " \r\n\t{ \"type\" : \"ack\" , \"id\" : 1 } "),
        ("surrogate", r#"{"type":"\ud800"}"#),
        ("list", r#"["ack",1]"#),
        ("nested", "{\"type\":\"ack\",\"x\":[[[[[[[[{}]]]]]]]],\"id\":1}"),
        ("empty", ""),
    ];
    let mut seeds: Seeds =
        texts.into_iter().map(|(name, text)| (name, text.as_bytes().to_vec())).collect();
    seeds.push(("not-utf8", b"{\"type\":\"\xff\"}".to_vec()));
    seeds
}

/// A repository; with posts, one whose tree has some levels.
fn account(posts: u64) -> Account {
    Account::new(&labeler(), SigningKey::k256(1)).with_posts(posts)
}

/// Commits about the declaration, good ones and one of each forgery.
fn commits() -> Vec<(&'static str, Commit)> {
    let mut changing = account(0);
    let mut p256 = Account::new(&labeler(), SigningKey::p256(1)).with_posts(3);
    let mut commits = vec![
        ("create", changing.declare(&["spam"])),
        ("update", changing.declare(&["spam", "rude"])),
        ("delete", changing.undeclare()),
        ("p256", p256.declare(&["spam"])),
        ("levels", account(40).declare(&["spam"])),
        ("post", account(3).post("hello")),
    ];
    let with_others = [
        Write::Put("app.bsky.feed.post/x".to_owned(), b"\xa0".to_vec()),
        Write::Put(LABELER_PATH.to_owned(), repo::declaration(&[])),
        Write::Delete("app.bsky.feed.post/y".to_owned()),
    ];
    commits.push(("several-ops", account(3).write(&with_others)));
    let forgeries = Forgery::ALL.into_iter().map(|forgery| {
        let posts = if matches!(forgery, Forgery::Tree(_)) { 100 } else { 3 };
        (name(forgery), account(posts).forge(forgery))
    });
    commits.extend(forgeries);
    commits
}

const fn name(forgery: Forgery) -> &'static str {
    match forgery {
        Forgery::WrongSignature => "signature-wrong",
        Forgery::HighS => "signature-high-s",
        Forgery::NotInTree => "not-in-tree",
        Forgery::SwappedRecord => "record-swapped",
        Forgery::WrongHash => "hash-wrong",
        Forgery::OtherDid => "did-other",
        Forgery::OtherRev => "rev-other",
        Forgery::OtherCommit => "commit-other",
        Forgery::MissingRecord => "record-missing",
        Forgery::MissingNode => "node-missing",
        Forgery::MissingCommit => "commit-missing",
        Forgery::Cut => "car-cut",
        Forgery::NoCar => "car-none",
        Forgery::Tree(Spoil::Nothing | Spoil::Order) => "keys-unordered",
        Forgery::Tree(Spoil::Prefix) => "keys-repeated",
        Forgery::Tree(Spoil::Height) => "keys-flat",
        Forgery::Tree(Spoil::Field) => "node-field",
        Forgery::StillThere => "still-there",
    }
}

fn events() -> Seeds {
    let did = labeler();
    let identity = firehose::identity(1, TIME, &did);
    let of = |kind: &str, fields: &[(&str, Item)]| firehose::event(kind, 5, TIME, fields);
    let mut seeds: Seeds =
        commits().into_iter().map(|(name, commit)| (name, commit.frame(9, TIME))).collect();
    seeds.extend([
        ("identity", identity.clone()),
        ("identity-no-did", firehose::identity(2, "never", "x")),
        ("identity-seq-zero", firehose::identity(0, TIME, &did)),
        ("account", firehose::account(3, TIME, &did, false, Some("takendown"))),
        ("account-odd", of("#account", &[("did", did.as_str().into()), ("active", Item::Null)])),
        ("sync", firehose::sync(4, TIME, &did, &account(0).rev(), account(0).head())),
        ("tombstone", of("#tombstone", &[("did", did.as_str().into())])),
        ("t-long", of("com.atproto.sync.subscribeRepos#identity", &[("did", did.into())])),
        ("ops-odd", of("#commit", &[("ops", Item::List(vec![Item::Null, Item::Map(Vec::new())]))])),
        ("info", frame::info("OutdatedCursor", Some("gone"))),
        ("error", frame::error("ConsumerTooSlow", None)),
        ("trailing", frame::with_trailing_bytes(&identity)),
        ("truncated", frame::truncated(&identity)),
        ("huge-length", frame::with_huge_length()),
        ("garbage", frame::garbage()),
        ("empty", Vec::new()),
    ]);
    seeds
}

fn proofs() -> Seeds {
    let mut seeds: Seeds =
        commits().into_iter().map(|(name, commit)| (name, commit.car())).collect();
    seeds.extend([
        ("absent", account(20).proof(LABELER_PATH)),
        ("empty-tree", account(0).proof(LABELER_PATH)),
        ("everything", account(10).export()),
        ("garbage", frame::garbage()),
    ]);
    seeds
}
