//! The metrics of each consumer.

use crate::rig::{Rig, settings, until};
use deliver::{Limits, Settings};
use label::Millis;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// What a metric of this consumer shows; `None` when there is no such line.
fn shown(page: &PrometheusHandle, metric: &str, consumer: &str) -> Option<f64> {
    let begin = format!("{metric}{{consumer=\"{consumer}\"}} ");
    let page = page.render();
    page.lines().find_map(|line| line.strip_prefix(&begin)?.parse().ok())
}

#[tokio::test]
async fn each_consumer_has_gauges_and_counts_of_its_own() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    // These tests run on one thread, so this hears everything.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let retry_timeout = Duration::from_millis(300);
    let settings = Settings { retry_timeout, ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/2", "at://a/3"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(3).await, [1, 2, 4]);
    peer.ack(1).await;
    rig.position("c", 1).await;
    // Each of the others once more.
    let mut again = peer.ids(2).await;
    again.sort_unstable();
    assert_eq!(again, [2, 4]);
    until(|| {
        rig.deliver.gauge(Millis(5_001));
        shown(&page, "labeltap_consumer_oldest_unacked_seconds", "c") == Some(5.0)
    })
    .await;
    let of = |metric: &str, consumer: &str| shown(&page, metric, consumer);
    assert_eq!(of("labeltap_consumer_lag_events", "c"), Some(3.0));
    assert_eq!(of("labeltap_consumer_in_flight", "c"), Some(2.0));
    assert_eq!(of("labeltap_consumer_connections", "c"), Some(1.0));
    assert!(of("labeltap_consumer_redelivered_total", "c") >= Some(2.0));
    assert_eq!(of("labeltap_consumer_lag_events", "default"), Some(4.0));
    assert_eq!(of("labeltap_consumer_in_flight", "default"), Some(0.0));
    assert_eq!(of("labeltap_consumer_redelivered_total", "default"), Some(0.0));

    peer.acks(&[2, 4]).await;
    while peer.id().await != 3 {}
    peer.ack(3).await;
    rig.position("c", 4).await;
    rig.deliver.gauge(Millis(9_001));
    for metric in ["lag_events", "in_flight", "oldest_unacked_seconds"] {
        let metric = format!("labeltap_consumer_{metric}");
        assert_eq!(of(&metric, "c"), Some(0.0), "{metric}");
    }
}

#[tokio::test]
async fn a_removed_consumer_leaves_no_lag_behind() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(2).await, [1, 2]);
    until(|| {
        rig.deliver.gauge(Millis(5_001));
        shown(&page, "labeltap_consumer_oldest_unacked_seconds", "c") == Some(5.0)
    })
    .await;
    rig.remove("c").await.unwrap();
    rig.deliver.gauge(Millis(6_001));
    for metric in ["lag_events", "in_flight", "oldest_unacked_seconds", "connections"] {
        let metric = format!("labeltap_consumer_{metric}");
        assert_eq!(shown(&page, &metric, "c"), Some(0.0), "{metric}");
    }
}
