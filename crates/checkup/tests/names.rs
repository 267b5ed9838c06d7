//! What takes names of its own: handles, hosts, and hosts whose addresses are nobody's
//! business. Also labelers that would like to keep us for ever.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use checkup::{Code, Report, Settings, Severity, Subject, check};
use identity::{Answer, Limits, LookupError, Names, Resolver};
use label::{Hosts, Millis};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{
    Deed, Document, FakeLabeler, Faults, LabelSpec, Page, Plc, SigningKey, When, frame, plc_did,
};

/// Names by heart; others do not exist.
#[derive(Default, Clone)]
struct Table {
    hosts: HashMap<String, IpAddr>,
    texts: HashMap<String, String>,
}

impl Names for Table {
    fn addresses<'a>(&'a self, host: &'a str) -> Answer<'a, IpAddr> {
        let found = self.hosts.get(host).map(|ip| vec![*ip]).ok_or(LookupError::NoSuchName);
        Box::pin(std::future::ready(found))
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, String> {
        let found = self.texts.get(name).map(|text| vec![text.clone()]);
        Box::pin(std::future::ready(found.ok_or(LookupError::NoSuchName)))
    }
}

const TIMEOUT: Duration = Duration::from_secs(2);

async fn examine(plc: &Plc, names: Table, hosts: Hosts, subject: &str) -> Report {
    let settings = identity::Settings {
        plc_url: plc.url().parse().unwrap(),
        allow_private_hosts: hosts == Hosts::Private,
    };
    let limits = Limits { connect: TIMEOUT, request: TIMEOUT, turn: TIMEOUT };
    let resolver = Resolver::with(settings, Arc::new(names), limits).unwrap();
    let settings =
        Settings { sample: 100, timeout: TIMEOUT, hosts, now: Millis(1_792_567_650_000) };
    check(&resolver, &Subject::parse(subject, hosts).unwrap(), &settings).await
}

fn codes(report: &Report, severity: Severity) -> Vec<Code> {
    let codes = report.findings().map(|finding| finding.code);
    codes.filter(|code| code.severity() == severity).collect()
}

fn problems(report: &Report) -> Vec<Code> {
    codes(report, Severity::Problem)
}

/// A labeler whose document claims this handle.
async fn labeler(plc: &Plc, name: &str, handle: &str) -> FakeLabeler {
    let did = plc_did(name);
    let labeler = FakeLabeler::start_unlisted(&did, SigningKey::k256(1)).await;
    let document = Document::labeler(&did, &labeler.key(), &labeler.url()).handle(handle);
    plc.set(&did, &document.json());
    labeler.preload(3);
    labeler
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_counts_if_it_leads_back() {
    let plc = Plc::start().await;
    let labeler = labeler(&plc, "handled", "mod.social").await;
    let did = labeler.did().to_owned();
    let names = |handle: &str, did: &str| Table {
        texts: [(format!("_atproto.{handle}"), format!("did={did}"))].into(),
        ..Table::default()
    };
    let good = names("mod.social", &did);
    for subject in [did.as_str(), "mod.social", "@Mod.Social"] {
        let report = examine(&plc, good.clone(), Hosts::Private, subject).await;
        assert_eq!(problems(&report), []);
        assert_eq!(report.handle.as_deref(), Some("mod.social"));
        assert_eq!(report.did.as_ref().unwrap().as_str(), did);
    }
    for table in [Table::default(), names("mod.social", &plc_did("somebody else"))] {
        let report = examine(&plc, table, Hosts::Private, &did).await;
        assert_eq!(problems(&report), [Code::HandleUnconfirmed]);
        assert_eq!(report.handle, None);
    }
    let other = names("other.social", &did);
    let report = examine(&plc, other.clone(), Hosts::Private, "other.social").await;
    assert_eq!(problems(&report), [Code::HandleMismatch]);
    assert!(report.checks.iter().any(|check| check.name == "stream"), "the rest is looked at");
    let report = examine(&plc, other, Hosts::Private, "lost.social").await;
    assert_eq!(problems(&report), [Code::HandleNotFound]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_for_development_leads_nowhere_in_public() {
    let plc = Plc::start().await;
    let labeler = labeler(&plc, "local", "mod.test").await;
    let report = examine(&plc, Table::default(), Hosts::Public, labeler.did()).await;
    assert_eq!(problems(&report), [Code::HandleUnconfirmed, Code::EndpointPlainHttp]);
    let report = examine(&plc, Table::default(), Hosts::Private, labeler.did()).await;
    assert_eq!(problems(&report), []);
    assert!(codes(&report, Severity::Note).contains(&Code::HandleLocal));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_to_a_private_address_because_a_document_says_so() {
    let plc = Plc::start().await;
    let trap = FakeLabeler::start_unlisted(&plc_did("trap"), SigningKey::k256(2)).await;
    trap.preload(3);
    let port = trap.url().rsplit(':').next().unwrap().to_owned();
    let names = Table {
        hosts: [("inner.social".to_owned(), IpAddr::from([127, 0, 0, 1]))].into(),
        ..Table::default()
    };
    let did = plc_did("inner");
    let document = |host: &str| {
        let pds = serde_json::json!(format!("https://{host}"));
        Document::labeler(&did, &trap.key(), &format!("https://{host}"))
            .service("#atproto_pds", "AtprotoPersonalDataServer", &pds)
            .json()
    };
    for (host, code) in [
        (format!("inner.social:{port}"), Code::EndpointPrivateAddress),
        (format!("127.0.0.1:{port}"), Code::EndpointPrivateAddress),
        ("nowhere.social".to_owned(), Code::NameUnresolvable),
    ] {
        plc.set(&did, &document(&host));
        let report = examine(&plc, names.clone(), Hosts::Public, &did).await;
        assert_eq!(problems(&report), [code, Code::DeclarationUnreachable], "{report}");
    }
    let by_url = format!("https://inner.social:{port}");
    let report = examine(&plc, names, Hosts::Public, &by_url).await;
    assert_eq!(problems(&report), [Code::EndpointPrivateAddress, Code::NoDid]);
    assert!(trap.upgrades().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_us_for_ever() {
    let plc = Plc::start().await;
    let labeler = labeler(&plc, "endless", "mod.test").await;
    let flood = |frame: Vec<u8>| Faults::rule(When::Open, vec![Deed::Send(frame); 20_000]);
    let drip = (0..1_000).flat_map(|_| {
        [Deed::Raw(vec![0x89, 0]), Deed::Pause(Duration::from_millis(20))] // a ping
    });
    for faults in [
        flood(frame::unknown_type()),
        flood(frame::info("Hello", None)),
        flood(frame::labels(1, &[] as &[Vec<u8>])),
        Faults::rule(When::Open, vec![Deed::Send(frame::huge(1, 4_900_000)); 50]),
        Faults::rule(When::Open, drip.collect()),
        Faults::stall_mid_frame_after(1),
        Faults { ignore_pings: true, pace: Duration::from_millis(300), ..Faults::none() },
    ] {
        labeler.faults(faults);
        let begun = Instant::now();
        examine(&plc, Table::default(), Hosts::Private, labeler.did()).await;
        assert!(begun.elapsed() < 6 * TIMEOUT, "{:?}", begun.elapsed());
    }
    // Pages without end.
    labeler.faults(Faults::none());
    let label = LabelSpec::numbered(0);
    let page = serde_json::json!({ "cursor": "again", "labels": [{
        "src": labeler.did(), "uri": label.uri, "val": label.val, "cts": label.cts, "ver": 1 }] });
    labeler.serve_page("/xrpc/com.atproto.label.queryLabels", Page::new(200, page.to_string()));
    let report = examine(&plc, Table::default(), Hosts::Private, labeler.did()).await;
    assert!(problems(&report).contains(&Code::QuerySignatureBad), "{report}");
    labeler.serve_page("/xrpc/com.atproto.label.queryLabels", Page::new(200, " ".repeat(5 << 20)));
    let report = examine(&plc, Table::default(), Hosts::Private, labeler.did()).await;
    assert_eq!(problems(&report), [Code::QueryUnavailable]);
}

#[test]
fn every_code_is_found_by_a_test() {
    let story = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/it/check.rs");
    let tests = [include_str!("names.rs"), &std::fs::read_to_string(story).unwrap()].concat();
    for code in Code::ALL {
        let (name, variant) = (format!("\"{}\"", code.as_str()), format!("Code::{code:?}"));
        assert!(tests.contains(&name) || tests.contains(&variant), "{}", code.as_str());
    }
}
