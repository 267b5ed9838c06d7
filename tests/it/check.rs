//! `labeltap check` against labelers with one fault each: the right code every time, and the
//! exit code with it. Every finding that a fake can have is here or, where it takes names of
//! its own, in `crates/checkup/tests`.

use crate::tap::command;
use serde_json::{Value, json};
use testkit::network::{Kind, Labeler, Network};
use testkit::{
    Answer, Cursors, Deed, Document, Ending, FakeLabeler, Faults, LabelSpec, Page, Plc, Sig,
    SigningKey, Spelling, Trouble, When, frame, plc_did,
};

const GET_RECORD: &str = "/xrpc/com.atproto.repo.getRecord";
const QUERY: &str = "/xrpc/com.atproto.label.queryLabels";
/// Labels that every labeler here has, beside those with a fault.
const GOOD: u64 = 5;

/// What `labeltap check --json` printed, and how it ended.
struct Checked {
    code: Option<i32>,
    report: Value,
}

impl Checked {
    /// The codes of a severity, in the order found.
    fn codes(&self, severity: &str) -> Vec<&str> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        let such = findings.filter(|finding| finding["severity"] == severity);
        such.map(|finding| finding["code"].as_str().unwrap()).collect()
    }

    /// The message of a finding.
    fn message(&self, code: &str) -> &str {
        let mut findings = self.report["findings"].as_array().unwrap().iter();
        let finding = findings.find(|finding| finding["code"] == code);
        finding.unwrap_or_else(|| panic!("no {code}: {}", self.report))["message"].as_str().unwrap()
    }

    /// Only these problems, these notes among others, and the exit code that fits.
    #[track_caller]
    fn assert(&self, problems: &[&str], notes: &[&str]) {
        assert_eq!(self.codes("problem"), problems, "{:#}", self.report);
        let noted = self.codes("note");
        assert!(notes.iter().all(|note| noted.contains(note)), "{notes:?}: {:#}", self.report);
        assert_eq!(self.report["ok"], problems.is_empty());
        assert_eq!(self.code, Some(i32::from(!problems.is_empty())));
        let checks = self.report["checks"].as_array().unwrap();
        assert_eq!(checks.iter().all(|check| check["ok"] == true), problems.is_empty());
    }
}

/// Runs the program without stopping the peers, which live in this process.
async fn run(args: Vec<String>) -> (Option<i32>, String, String) {
    let ran = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        command(&args).output().expect("labeltap starts")
    });
    let output = ran.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn check_at(plc: &str, subject: &str, more: &[&str]) -> Checked {
    let mut args = vec!["check", "--json", "--plc-url", plc, subject];
    args.extend(more);
    let (code, out, error) = run(args.into_iter().map(str::to_owned).collect()).await;
    assert_eq!((error.as_str(), out.lines().count()), ("", 1), "{out}");
    Checked { code, report: serde_json::from_str(&out).unwrap() }
}

async fn check(plc: &Plc, subject: &str) -> Checked {
    check_at(&plc.url(), subject, &["--allow-private-hosts", "--timeout=3s"]).await
}

/// A labeler of whom there is nothing to say but that its handle is one for development.
async fn healthy(plc: &Plc, name: &str) -> FakeLabeler {
    let did = plc_did(name);
    let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(90)).await;
    plc.set(&did, &document(&labeler).json());
    labeler.serve_page(GET_RECORD, Page::declaration(&did, &["spam"]));
    labeler.preload(GOOD);
    labeler
}

/// The document of a labeler that is its own PDS.
fn document(labeler: &FakeLabeler) -> Document {
    accounted(Document::labeler(labeler.did(), &labeler.key(), &labeler.url()), labeler)
}

fn accounted(document: Document, labeler: &FakeLabeler) -> Document {
    let pds = json!(labeler.url());
    document.handle("mod.test").service("#atproto_pds", "AtprotoPersonalDataServer", &pds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_labeler_is_well_by_whatever_name_it_is_called() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "well").await;
    let url = labeler.url();
    for subject in [labeler.did(), &url] {
        let checked = check(&plc, subject).await;
        checked.assert(&[], &[]);
        assert_eq!(checked.codes("note"), ["handle-local"]);
        let report = &checked.report;
        assert_eq!(report["subject"], subject);
        assert_eq!((&report["did"], &report["service_url"]), (&json!(labeler.did()), &json!(url)));
        assert_eq!(report["key"], labeler.key().did_key());
        let checks = report["checks"].as_array().unwrap().iter();
        let names: Vec<&str> = checks.map(|check| check["name"].as_str().unwrap()).collect();
        let all = "identity handle service key connection stream cursor future-cursor labels \
                   signatures query declaration values";
        assert_eq!(names, all.split_whitespace().collect::<Vec<_>>());
    }
    labeler.serve_page("/.well-known/atproto-did", Page::new(200, format!("{}\n", labeler.did())));
    check(&plc, &url).await.assert(&[], &[]);
    let web = FakeLabeler::start_web(SigningKey::p256(91)).await;
    web.preload(GOOD);
    for subject in [web.did(), &web.url()] {
        let checked = check(&plc, subject).await;
        checked.assert(&[], &["no-handle", "no-declaration"]);
        assert_eq!(checked.report["did"], web.did());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_lines_with_a_code_and_what_to_do() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "told").await;
    let args = |subject: &str| {
        let args = ["check", "--plc-url", &plc.url(), "--allow-private-hosts", subject];
        args.map(str::to_owned).to_vec()
    };
    let (code, out, error) = run(args(labeler.did())).await;
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        out.starts_with("ok       identity") && out.ends_with("All is well. Notes: 1.\n"),
        "{out}"
    );
    labeler.emit([LabelSpec::numbered(9).sig(Sig::Absent)]);
    let (code, out, error) = run(args(labeler.did())).await;
    assert_eq!((code, error.as_str()), (Some(1), ""));
    let line = out.lines().find(|line| line.starts_with("problem")).unwrap();
    assert!(
        line.contains("label-unsigned: 1 of 6 labels; the first: seq 6, \"spam\" on at://"),
        "{out}"
    );
    assert!(out.contains("→ Sign every label."), "{out}");
    assert!(out.contains("\nok       connection"), "{out}");
    let (code, _, error) = run(args("nodots")).await;
    assert_eq!(code, Some(2));
    assert!(error.lines().count() == 1 && error.contains("\"nodots\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_identity() {
    let plc = Plc::start().await;
    let nobody = plc_did("nobody");
    check(&plc, &nobody).await.assert(&["did-not-found"], &[]);
    plc.tombstone(&nobody);
    check(&plc, &nobody).await.assert(&["did-not-found"], &[]);
    plc.trouble(Trouble::Says(Answer::new(503, "")));
    check(&plc, &nobody).await.assert(&["directory-unreachable"], &[]);
    plc.trouble(Trouble::None);
    plc.set_answer(&nobody, Answer::new(200, "<html>"));
    check(&plc, &nobody).await.assert(&["directory-unreachable"], &[]);
    check(&plc, "did:web:localhost%3A9").await.assert(&["document-unreachable"], &[]);
    check(&plc, "nobody.invalid").await.assert(&["handle-not-found"], &[]);
    let labeler = FakeLabeler::start_unlisted(&nobody, SigningKey::k256(92)).await;
    check(&plc, &labeler.url()).await.assert(&["no-did"], &[]);
    let checked = check(&plc, "http://127.0.0.1:9").await;
    checked.assert(&["endpoint-unreachable", "no-did"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_document() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "document").await;
    let (did, key, url) = (labeler.did(), labeler.key(), labeler.url());
    let with = |document: Document| accounted(document, &labeler).json();
    let keyed = || Document::new(did).label_key(&key);
    let service =
        |kind: &str, endpoint: Value| with(keyed().service("#atproto_labeler", kind, &endpoint));
    let ed25519 = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let unusable =
        Document::new(did).key_of_type("#atproto_label", "Multikey", ed25519).labeler_service(&url);
    for (document, code) in [
        (with(keyed()), "no-service"),
        (service("AtprotoFeedGenerator", json!(url)), "service-wrong-type"),
        (service("AtprotoLabeler", json!(format!("{url}/path"))), "service-unusable"),
        (service("AtprotoLabeler", json!({ "uri": url })), "service-unusable"),
        (with(Document::new(did).labeler_service(&url)), "no-key"),
        (with(unusable), "key-unusable"),
        (with(keyed().labeler_service("http://127.0.0.1:9")), "endpoint-unreachable"),
        (with(keyed().labeler_service("http://no-such-host.invalid")), "name-unresolvable"),
        (with(keyed().labeler_service(&plc.url().replace("http:", "https:"))), "tls-failed"),
    ] {
        plc.set(did, &document);
        check(&plc, did).await.assert(&[code], &[]);
    }
    // The rules of the public internet.
    for (endpoint, code) in [
        ("http://mod.example.com", "endpoint-plain-http"),
        ("https://127.0.0.1:9", "endpoint-private-address"),
    ] {
        let document = keyed().labeler_service(endpoint).json();
        plc.set(did, &document);
        let checked = check_at(&plc.url(), did, &[]).await;
        checked.assert(&[code], &["no-handle", "no-declaration"]);
    }
    plc.set(did, &with(keyed().labeler_service("http://127.0.0.1:9")));
    check(&plc, &url).await.assert(&["service-elsewhere"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_handshake() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "handshake").await;
    let slow = Faults { accept_delay: std::time::Duration::from_secs(20), ..Faults::none() };
    for (faults, code, says) in [
        (Faults::status(404), "handshake-refused", "404"),
        (Faults::status(501), "handshake-refused", "501"),
        (Faults::too_many(5), "handshake-refused", "429"),
        (Faults::status(401), "auth-required", "401"),
        (Faults::status(403), "auth-required", "403"),
        (Faults::status(301).header("location", "https://new.test/"), "redirected", "new.test"),
        (slow, "handshake-failed", "no answer"),
    ] {
        labeler.faults(faults);
        let checked = check(&plc, labeler.did()).await;
        checked.assert(&[code], &[]);
        assert!(checked.message(code).contains(says), "{:#}", checked.report);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_stream() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "stream").await;
    let end = |when| Faults::rule(when, vec![Deed::End(Ending::Close(1011))]);
    let text = Faults::rule(When::Frames(2), vec![Deed::Text("{}".into())]);
    let raw = Faults::rule(When::Frames(2), vec![Deed::Raw(b"HTTP/1.1 200".to_vec())]);
    let trailing = frame::with_trailing_bytes(&frame::info("Hello", None));
    for (faults, code, says) in [
        (end(When::Open), "stream-closed-at-once", "1011"),
        (Faults::rule(When::Open, vec![Deed::End(Ending::Fin)]), "stream-closed-at-once", ""),
        (end(When::Frames(2)), "stream-closed", "after seq 2"),
        (Faults::error_at(4, "InternalServerError"), "stream-error", "after seq 3"),
        (Faults::error_after(2, "ConsumerTooSlow"), "consumer-too-slow", "after seq 2"),
        (Faults::message_after(2, frame::garbage()), "framing-broken", "after seq 2"),
        (Faults::message_after(1, trailing), "framing-broken", "after the end"),
        (Faults::message_after(2, vec![0; 5_000_001]), "framing-broken", "5000001"),
        (raw, "framing-broken", ""),
        (text, "text-frame", "after seq 2"),
        (Faults::cursors(Cursors::Everything), "cursor-ignored", "began at seq 1"),
    ] {
        labeler.faults(faults.clone());
        let checked = check(&plc, labeler.did()).await;
        let problems = checked.codes("problem");
        assert!(problems.iter().all(|found| *found == code), "{faults:?}: {:#}", checked.report);
        assert!(checked.message(code).contains(says), "{:#}", checked.report);
        assert_eq!(checked.code, Some(1));
    }
    labeler.faults(Faults::cursors(Cursors::LiveOnly));
    let checked = check(&plc, labeler.did()).await;
    checked.assert(&["cursor-ignored"], &[]);
    assert!(checked.message("cursor-ignored").contains("queryLabels"), "{:#}", checked.report);
    labeler.faults(Faults::cursors(Cursors::NoFuture));
    check(&plc, labeler.did()).await.assert(&[], &["future-cursor-not-refused"]);
    let outdated = vec![Deed::Send(frame::info("OutdatedCursor", None))];
    labeler.faults(Faults::rule(When::Open, outdated));
    check(&plc, labeler.did()).await.assert(&[], &["outdated-cursor"]);
    labeler.faults(Faults::none());
    labeler.insert(3, &frame::labels(3, &[labeler.sign(LabelSpec::numbered(30))]));
    check(&plc, labeler.did()).await.assert(&["seq-not-growing"], &[]);
    labeler.reset();
    check(&plc, labeler.did()).await.assert(&[], &["empty-stream"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_labels_and_signatures() {
    let plc = Plc::start().await;
    let honest = || LabelSpec::numbered(100);
    let foreign = plc_did("somebody-else");
    let bad = "signature-bad";
    let cases = [
        (honest().without("val"), "label-malformed"),
        (honest().spelling(Spelling::UnsortedKeys), "label-malformed"),
        (honest().ver(Some(2)), "label-version"),
        (honest().ver(None), "label-version"),
        (honest().src(&foreign), "label-foreign-src"),
        (honest().sig(Sig::Absent), "label-unsigned"),
        (honest().sig(Sig::Der), "signature-der"),
        (honest().sig(Sig::HighS), "signature-high-s"),
        (honest().sig(Sig::Short), bad),
        (honest().replace_signed("neg", false), bad),
    ];
    for (number, (fault, code)) in cases.into_iter().enumerate() {
        let labeler = healthy(&plc, &format!("labels {number}")).await;
        labeler.emit([fault, LabelSpec::numbered(1).neg(true)]);
        // What is wrong in the stream is the only thing that is wrong.
        let standing = (0..GOOD).filter(|n| *n != 1).map(LabelSpec::numbered);
        let mut labels: Vec<Value> = standing.map(|spec| shown(&labeler, spec)).collect();
        labels.push(shown(&labeler, honest()));
        labeler.serve_page(QUERY, Page::new(200, json!({ "labels": labels }).to_string()));
        let checked = check(&plc, labeler.did()).await;
        checked.assert(&[code], &[]);
        let said = checked.message(code);
        assert!(said.contains(" labels; the first: seq 6, "), "{said}");
    }
}

/// A label as `queryLabels` gives it.
fn shown(labeler: &FakeLabeler, spec: LabelSpec) -> Value {
    wire::rejected_label_json(&labeler.sign(spec).bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_under_an_earlier_key_are_told_from_bad_ones() {
    // A labeler that is its own directory, with a log.
    let did = plc_did("rotated");
    let (old, new) = (SigningKey::k256(93), SigningKey::k256(94));
    let labeler = FakeLabeler::start_unlisted(&did, old.clone()).await;
    labeler.emit_each((0..3).map(LabelSpec::numbered));
    labeler.rotate(new.clone());
    let operation = |key: &SigningKey, at: &str| {
        json!({ "did": did, "cid": "x", "nullified": false, "createdAt": at, "operation": {
            "type": "plc_operation", "verificationMethods": { "atproto_label": key.did_key() },
            "rotationKeys": [], "alsoKnownAs": [], "services": {}, "prev": null, "sig": "x",
        }})
    };
    let log = |key: &SigningKey| {
        json!([
            operation(key, "2024-09-01T00:00:00.000Z"),
            operation(&new, "2025-01-01T00:00:00.000Z"),
        ])
    };
    labeler.serve_page(&format!("/{did}"), Page::new(200, document(&labeler).json().to_string()));
    labeler.serve_page(GET_RECORD, Page::declaration(&did, &["spam"]));
    let path = format!("/{did}/log/audit");
    let checked = async || check_at(&labeler.url(), &did, &["--allow-private-hosts"]).await;
    labeler.serve_page(&path, Page::new(200, log(&old).to_string()));
    let told = checked().await;
    told.assert(&[], &["signature-old-key"]);
    assert!(told.message("signature-old-key").starts_with("3 of 3"), "{:#}", told.report);
    labeler.serve_page(&path, Page::new(200, log(&SigningKey::k256(95)).to_string()));
    checked().await.assert(&["signature-bad", "query-signature-bad"], &[]);
    labeler.serve_page(&path, Page::new(503, ""));
    checked().await.assert(&["history-unreachable", "history-unreachable"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_query() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "query").await;
    let other =
        shown(&labeler, LabelSpec::numbered(0).replace_signed("exp", "2040-01-01T00:00:00Z"));
    let page = |body: Value| Page::new(200, body.to_string());
    let missing = ["query-disagrees"];
    for (page, problems, notes) in [
        (Page::new(404, ""), &["query-unavailable"][..], &[][..]),
        (Page::new(302, ""), &["query-unavailable"], &[]),
        (Page::new(200, "<html>"), &["query-unavailable"], &[]),
        (page(json!({})), &["query-unavailable"], &[]),
        (Page::new(401, ""), &["query-auth"], &[]),
        (page(json!({ "labels": [] })), &missing, &[]),
        (page(json!({ "labels": null })), &missing, &["query-labels-null"]),
        (page(json!({ "labels": [other] })), &["query-disagrees", "query-signature-bad"], &[]),
    ] {
        labeler.serve_page(QUERY, page);
        check(&plc, labeler.did()).await.assert(problems, notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_declaration() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "declaration").await;
    let did = labeler.did();
    let missing = Page::new(400, r#"{"error":"RecordNotFound"}"#);
    for (page, problems, notes) in [
        (missing, &[][..], &["no-declaration"][..]),
        (Page::new(502, ""), &["declaration-unreachable"], &[]),
        (Page::new(200, r#"{"value":{}}"#), &["declaration-malformed"], &[]),
        (Page::declaration(did, &["rude"]), &["value-undeclared"], &["value-unused"]),
        (Page::declaration(did, &["spam", "rude"]), &[], &["value-unused"]),
        (Page::declaration(did, &["spam", "Very Rude"]), &[], &["value-not-kebab"]),
    ] {
        labeler.serve_page(GET_RECORD, page);
        check(&plc, did).await.assert(problems, notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_not_taken_for_everything() {
    let plc = Plc::start().await;
    let labeler = healthy(&plc, "sampled").await;
    labeler.emit_each((10..60).map(|n| LabelSpec::numbered(n).neg(false)));
    // Taken back where the sample does not reach, and no more given.
    let taken_back = LabelSpec::numbered(1).neg(true).cts(testkit::cts(1_000));
    labeler.emit([taken_back]);
    labeler.serve_page(QUERY, Page::new(200, r#"{"labels":[]}"#));
    labeler.serve_page(GET_RECORD, Page::declaration(labeler.did(), &["spam", "later"]));
    let args = ["--allow-private-hosts", "--sample=10"];
    let checked = check_at(&plc.url(), labeler.did(), &args).await;
    checked.assert(&[], &[]);
    assert_eq!(checked.codes("note"), ["handle-local"]);
}

async fn real(network: &Network, labeler: &Labeler) -> Checked {
    check_at(network.plc_url(), &labeler.did, &["--allow-private-hosts"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_real_labelers_are_well_until_something_is_wrong_with_them() {
    if !Network::wanted() {
        return;
    }
    let network = Network::start().await;
    for kind in [Kind::Skyware, Kind::Ozone] {
        let labeler = network.labeler(kind).await;
        let record = async |what: &str| {
            let path = format!("/labelers/{}/{what}", labeler.name);
            network.post(&path, &json!({ "values": ["spam", "rude"] })).await
        };
        record("publish").await;
        // The times of creation of a bulk reach back a millisecond for each label; all of them
        // are to lie in the time of the key.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        network.bulk(&labeler, 200, true).await;
        let rude = json!([{ "uri": labeler.did, "val": "rude" }]);
        network.emit(&labeler, &rude).await;
        let checked = real(&network, &labeler).await;
        checked.assert(&[], &[]);
        assert_eq!(checked.report["key"], labeler.key, "{kind:?}");
        check_at(network.plc_url(), &labeler.url, &["--allow-private-hosts"])
            .await
            .assert(&[], &[]);

        record("unpublish").await;
        real(&network, &labeler).await.assert(&[], &["no-declaration"]);
        let rotated = network.order(&labeler, "rotate-key", &json!({})).await;
        let checked = real(&network, &rotated).await;
        checked.assert(&[], &[]);
        // Skyware keeps old signatures; Ozone signs again what it serves.
        let old = checked.codes("note").contains(&"signature-old-key");
        assert_eq!(old, kind == Kind::Skyware, "{:#}", checked.report);
        network.order(&labeler, "did", &json!({ "key": null })).await;
        real(&network, &labeler).await.assert(&["no-key"], &[]);
        network.order(&labeler, "did", &json!({ "key": rotated.key })).await;
        network.order(&labeler, "stop", &json!({})).await;
        real(&network, &labeler).await.assert(&["endpoint-unreachable"], &[]);
    }
}
