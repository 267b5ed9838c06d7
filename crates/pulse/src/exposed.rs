//! Metrics of single labelers and consumers, and of verdicts, as Prometheus text: series that come and go, which
//! a recorder would keep for ever. Of labelers only those that are worth a series: the busiest and
//! the troubled, some dozens at most.

use crate::Snapshot;
use deliver::Told;
use label::Millis;
use std::fmt::{Display, Write as _};

/// The text of `/metrics` that a snapshot is good for, each metric with its help.
#[must_use]
pub fn exposed(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    page.metric(
        "labeltap_labels_rejected",
        "gauge",
        "labels rejected, ever, of the labelers that are tracked, by verdict",
        snapshot.rejected.iter().map(|(verdict, count)| (vec![("verdict", verdict)], count)),
    );
    page.metric(
        "labeltap_labeler_labels_per_second",
        "gauge",
        "labels stored in the last minute, of the busiest labelers",
        snapshot.busiest.iter().map(|one| (vec![("labeler", &one.did)], one.labels_per_second)),
    );
    let rejecting = snapshot.troubled.iter().filter(|one| one.rejected_per_minute > 0.0);
    page.metric(
        "labeltap_labeler_rejected_per_second",
        "gauge",
        "labels rejected in the last minute, of the labelers that send such",
        rejecting.map(|one| (vec![("labeler", &one.did)], one.rejected_per_minute / 60.0)),
    );
    page.metric(
        "labeltap_labeler_troubled",
        "gauge",
        "1 for labelers that need somebody to look at them, the worst",
        snapshot.troubled.iter().map(|one| (vec![("labeler", &one.did), ("state", &one.state)], 1)),
    );
    let known = snapshot.backfills.iter().filter_map(|one| Some((one, one.seconds_left?)));
    page.metric(
        "labeltap_labeler_backfill_left_seconds",
        "gauge",
        "how long reading a labeler's past will take, where that is known",
        known.take(20).map(|(one, left)| (vec![("labeler", &one.did)], left)),
    );
    page.text
}

/// The numbers of each consumer there is; of one that is a part of labeltap only how far it is
/// behind.
#[must_use]
pub fn consumers(all: &[Told], now: Millis) -> String {
    let mut page = Page::default();
    let of = |told: &'_ Told| vec![("consumer", told.name.clone())];
    let own = || all.iter().filter(|told| !told.reserved);
    let oldest = |told: &Told| {
        told.oldest.map_or(0.0, |at| now.0.saturating_sub(at.0).max(0) as f64 / 1000.0)
    };
    page.metric(
        "labeltap_consumer_lag_events",
        "gauge",
        "label events a consumer has not acked",
        all.iter().map(|told| (of(told), told.lag)),
    );
    page.metric(
        "labeltap_consumer_in_flight",
        "gauge",
        "events sent to a consumer and not acked",
        own().map(|told| (of(told), told.in_flight)),
    );
    page.metric(
        "labeltap_consumer_connections",
        "gauge",
        "sockets of a consumer",
        own().map(|told| (of(told), told.connections)),
    );
    page.metric(
        "labeltap_consumer_oldest_unacked_seconds",
        "gauge",
        "since the oldest event that a consumer has not acked was received",
        own().map(|told| (of(told), oldest(told))),
    );
    page.metric(
        "labeltap_consumer_redelivered_total",
        "counter",
        "events sent again",
        own().map(|told| (of(told), told.redelivered)),
    );
    page.metric(
        "labeltap_consumer_dead_letters_total",
        "counter",
        "events set aside",
        own().map(|told| (of(told), told.dead)),
    );
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn metric<V: Display, T: AsRef<str>>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        series: impl Iterator<Item = (Vec<(&'static str, T)>, V)>,
    ) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        for (labels, value) in series {
            let labels: Vec<String> = labels
                .iter()
                .map(|(key, text)| format!("{key}=\"{}\"", escaped(text.as_ref())))
                .collect();
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _writing_to_a_text_cannot_fail = writeln!(self.text, "{line}");
    }
}

/// As the format asks for it, whatever is in the text.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
