//! A service that has everything to do shows the metrics that are listed, as they are listed,
//! and the values that queries ask for.

use super::listed::{Metric, metrics};
use super::queries::Query;
use super::{content, installed, read, wanted};
use crate::tap::{LIMIT, Tap, take};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{
    Answer, FakeLabeler, FakeRelay, LabelSpec, Plc, Postgres, Receiver, Reply, Sig, SigningKey,
    cts, plc_did,
};

/// A metric as it is shown: its type, its meaning, and its series' labels.
#[derive(Debug, Default)]
struct Shown {
    kind: String,
    help: String,
    series: Vec<BTreeMap<String, String>>,
}

/// Reads the text format of Prometheus.
fn shown(text: &str) -> BTreeMap<String, Shown> {
    let mut all: BTreeMap<String, Shown> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            help.clone_into(&mut all.entry(name.to_owned()).or_default().help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            kind.clone_into(&mut all.entry(name.to_owned()).or_default().kind);
        } else {
            let series = line.rsplit_once(' ').expect("a value").0;
            let found = Query::read(series).selectors.remove(0);
            let parts = ["_bucket", "_sum", "_count"];
            let base = parts.iter().find_map(|part| found.metric.strip_suffix(part));
            let base =
                base.filter(|base| all.get(*base).is_some_and(|one| one.kind == "histogram"));
            let name = base.unwrap_or(&found.metric);
            let labels = found.matchers.into_iter().map(|(label, _, value)| (label, value));
            all.entry(name.to_owned()).or_default().series.push(labels.collect());
        }
    }
    all
}

/// Directory, relay, receiver, database, labelers good and bad, and a service that has to do
/// with all of them.
struct Scene {
    tap: Tap,
    _dir: tempfile::TempDir,
    _plc: Plc,
    _relay: FakeRelay,
    _receiver: Receiver,
    _labelers: Vec<FakeLabeler>,
    _postgres: Option<Postgres>,
}

impl Scene {
    async fn set() -> Self {
        let (plc, relay, receiver) =
            (Plc::start().await, FakeRelay::start().await, Receiver::start().await);
        let dir = tempfile::tempdir().unwrap();
        let postgres = Postgres::wanted().then(Postgres::start);
        // Where nothing listens it is at least tried.
        let appview = postgres.as_ref().map_or_else(
            || "postgres://labeltap:secret@127.0.0.1:9/bsky".to_owned(),
            Postgres::url,
        );
        let good = FakeLabeler::start(&plc_did("good"), SigningKey::k256(140), &plc).await;
        good.emit_each((0..50).map(LabelSpec::numbered));
        let bad = FakeLabeler::start(&plc_did("bad"), SigningKey::k256(141), &plc).await;
        bad.emit_each((0..5).map(|n| LabelSpec::numbered(n).sig(Sig::HighS)));
        bad.emit_each([LabelSpec::numbered(9).sig(Sig::Absent).cts(cts(9))]);
        let away = plc_did("away");
        plc.set_answer(&away, Answer::new(500, "no"));
        receiver.reply_next([Reply::status(500), Reply::status(500)]);
        let url = relay.url();
        let args = ["--discover-labelers", "--relay-url", &url, "--appview-database-url", &appview];
        let tap = Tap::start(&plc, &dir.path().join("tap.db"), &args);
        let hook = json!({ "webhook": receiver.url() });
        let put = tap.ask(Method::PUT, "/consumers/hooked", Some(hook)).await;
        assert_eq!(put.0, StatusCode::OK, "{}", put.1);
        tap.add(&[good.did(), bad.did(), &away]).await;
        let labelers = vec![good, bad];
        Self {
            tap,
            _dir: dir,
            _plc: plc,
            _relay: relay,
            _receiver: receiver,
            _labelers: labelers,
            _postgres: postgres,
        }
    }

    /// Has the usual things happen, and answers the text once it shows them.
    async fn play(&self) -> String {
        let mut client = self.tap.client(&[]);
        assert_eq!(take(&mut client, 50).await.len(), 50);
        assert_eq!(self.tap.ask(Method::GET, "/nowhere", None).await.0, StatusCode::NOT_FOUND);
        let signs = [
            "labeltap_labels_judged_total{verdict=\"bad-signature\"} 5\n",
            "labeltap_webhook_requests_total{outcome=\"success\"} 50\n",
            "labeltap_webhook_requests_total{outcome=\"failure\"} ",
            "outcome=\"unreachable\"} ",
            "labeltap_labelers_by_state{state=\"live\"} ",
            "labeltap_acked_total ",
            "labeltap_firehose_connected 1\n",
        ];
        let begun = Instant::now();
        loop {
            let page = self.tap.get("/metrics").await;
            let text = page.as_str().unwrap();
            if signs.iter().all(|sign| text.contains(sign)) {
                return text.to_owned();
            }
            let missing = signs.iter().find(|sign| !text.contains(**sign));
            assert!(begun.elapsed() < LIMIT, "{missing:?} is not in {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn is_as_listed(shown: &BTreeMap<String, Shown>, listed: &BTreeMap<String, Metric>) {
    for (name, one) in shown {
        let metric = listed.get(name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert!(!one.help.is_empty(), "{name} does not say what it means");
        assert_eq!(one.kind, metric.kind, "{name}; left: as shown");
        for series in &one.series {
            let labels = series.keys().filter(|label| *label != "le" || metric.kind != "histogram");
            assert_eq!(labels.cloned().collect::<BTreeSet<_>>(), metric.labels, "{name}");
        }
        if metric.labels.contains("labeler") {
            assert!(one.series.len() <= 20, "{name} has {} series", one.series.len());
        }
    }
    let usual = listed.iter().filter(|(_, metric)| metric.when.is_empty());
    let missing: Vec<_> = usual.filter(|(name, _)| !shown.contains_key(*name)).collect();
    assert!(missing.is_empty(), "listed as always there, and missing: {missing:#?}");
}

/// Every query of dashboard and alerts, as text.
fn queries() -> Vec<String> {
    let board: serde_json::Value = serde_json::from_str(&read("docs/ops/grafana.json")).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut queries: Vec<String> =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let rules = read("docs/ops/alerts.yaml");
    let rules = yaml_rust2::YamlLoader::load_from_str(&rules).unwrap().remove(0);
    for group in rules["groups"].as_vec().unwrap() {
        let exprs = group["rules"].as_vec().unwrap().iter().map(|rule| rule["expr"].as_str());
        queries.extend(exprs.map(|expr| expr.unwrap().to_owned()));
    }
    queries
}

/// A misspelt value would be a query that never answers. Such a value as these is there only
/// at times that the scene does not have.
const AT_OTHER_TIMES: &[&str] = &["5.."];

fn has_the_values_that_are_asked_for(shown: &BTreeMap<String, Shown>) {
    let mut compared = 0;
    for text in queries() {
        for selector in Query::read(&text).selectors {
            let Some(one) = shown.get(&selector.metric) else { continue };
            for (label, _, value) in &selector.matchers {
                if value.starts_with('$') || AT_OTHER_TIMES.contains(&value.as_str()) {
                    continue;
                }
                for value in value.split('|') {
                    let mut seen = one.series.iter().filter_map(|series| series.get(label));
                    assert!(seen.any(|seen| seen == value), "no series has {value}: {text}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 8, "only {compared} values were compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_shows_the_metrics_that_are_listed_and_queries_find_them() {
    let scene = Scene::set().await;
    let text = scene.play().await;
    let shown = shown(&text);
    is_as_listed(&shown, &metrics());
    has_the_values_that_are_asked_for(&shown);
    if wanted() {
        let mut promtool = Command::new(installed(".bin/promtool"));
        let given = tempfile::NamedTempFile::new().unwrap();
        given.as_file().write_all(text.as_bytes()).unwrap();
        content(promtool.args(["check", "metrics"]).stdin(Stdio::from(given.reopen().unwrap())));
    }
    assert!(scene.tap.stop().status.success());
}
