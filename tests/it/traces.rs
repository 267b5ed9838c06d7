//! The export of traces: a collector that is there, one that is away, and one that hangs.

use crate::tap::{LIMIT, Tap, take, within};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value::{IntValue, StringValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{FakeLabeler, Plc, Receiver, SigningKey, plc_did};
use tokio::net::TcpListener;

/// What a collector was sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::clone(&self.0);
        let take = move |body: Bytes| async move {
            sent.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
        };
        let routes = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }

    fn spans(&self) -> Vec<Span> {
        let sent = self.0.lock().unwrap();
        let scopes = sent.iter().flat_map(|sent| &sent.resource_spans);
        let scopes = scopes.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// What is said of the program.
    fn resource(&self) -> BTreeMap<String, String> {
        let sent = self.0.lock().unwrap();
        read(&sent[0].resource_spans[0].resource.as_ref().unwrap().attributes)
    }
}

fn read(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone().and_then(|any| any.value) {
        Some(StringValue(text)) => text,
        Some(IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_labels_and_webhooks_are_traced_from_end_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::default();
    let url = collector.start().await;
    let plc = Plc::start().await;
    let did = plc_did("traced");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(61), &plc).await;
    labeler.preload(3);
    let receiver = Receiver::start().await;
    let hook = receiver.url();
    let more = ["--otlp-endpoint", &url, "--webhook-url", &hook, "--admin-password", "pass-hush"];
    let tap = Tap::start(&plc, &dir.path().join("tap.db"), &more).with_password("pass-hush");
    tap.add(&[&did]).await;
    within(receiver.wait_for(3)).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = reqwest::Client::new().get(format!("{}/labelers?limit=7", tap.url));
    let request = request.basic_auth("admin", Some("pass-hush"));
    let request = request.header("traceparent", parent).header("x-request-id", "traced-1");
    assert!(request.send().await.unwrap().status().is_success());
    let stopped = tap.stop();
    assert!(
        stopped.status.success() && stopped.took < Duration::from_secs(5),
        "{:?}",
        stopped.took
    );

    // What was not exported before was exported at the stop.
    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let of_program = collector.resource();
    assert_eq!(of_program["service.name"], "labeltap");
    assert_eq!(of_program["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(of_program["service.instance.id"].len(), 16);

    let ours = |span: &&&Span| hex(&span.trace_id) == "4bf92f3577b34da6a3ce929d0e0e4736";
    let requests = named("request");
    let request = requests.iter().find(ours).expect("the request in the client's trace");
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(request.kind, SpanKind::Server as i32);
    let said = read(&request.attributes);
    assert_eq!((said["request_id"].as_str(), said["route"].as_str()), ("traced-1", "/labelers"));
    assert_eq!((said["method"].as_str(), said["status"].as_str()), ("GET", "200"));

    let carried = named("carry");
    let labels = |span: &&Span| read(&span.attributes)["labels"].parse::<u64>().unwrap();
    assert_eq!(carried.iter().map(labels).sum::<u64>(), 3);
    for step in ["verify", "commit"] {
        let parts = named(step);
        assert!(!parts.is_empty(), "{step}");
        let within = |part: &&Span| carried.iter().any(|all| all.span_id == part.parent_span_id);
        assert!(parts.iter().all(within), "{step}");
    }
    assert!(read(&named("resolve")[0].attributes)["labeler"] == did && !named("dial").is_empty());

    let posted = named("webhook");
    assert_eq!(posted.len(), 3);
    for post in receiver.posts() {
        let parent = post.header("traceparent").expect("a traceparent").to_owned();
        let of = |span: &&&Span| {
            parent == format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
        };
        let span = posted.iter().find(of).expect("the span that it names");
        assert_eq!(span.kind, SpanKind::Client as i32);
        assert!(post.header("tracestate").is_none());
    }
    let everything = format!("{:?}", collector.0.lock().unwrap());
    assert!(!everything.contains("hush") && !everything.contains("limit=7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_hangs_costs_spans_and_nothing_else() {
    let plc = Plc::start().await;
    let did = plc_did("untraced");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(62), &plc).await;
    labeler.preload(100);
    // It accepts connections, as the kernel does, and never says a word.
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hung = format!("http://{}", hangs.local_addr().unwrap());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    for (url, tells) in [(closed, true), (hung, false)] {
        let dir = tempfile::tempdir().unwrap();
        let tap = Tap::start(&plc, &dir.path().join("tap.db"), &["--otlp-endpoint", &url]);
        tap.add(&[&did]).await;
        assert_eq!(take(&mut tap.client(&[]), 100).await.len(), 100);
        if tells {
            let dropped = async {
                while tap.metric("labeltap_spans_dropped_total").await < 1.0 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(LIMIT, dropped).await.expect("what is lost is counted");
        }
        let stopped = tap.stop();
        assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{url}");
        let told = stopped.log.iter().filter(|line| line.contains("the collector gets no traces"));
        assert_eq!(told.count(), usize::from(tells), "{url}");
    }
}
