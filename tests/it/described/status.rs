//! How a service is doing takes minutes to have everything in it. So one that has is made up here,
//! of the type that is written, and held against the document.

use super::document::Document;
use super::fields::{fields, fields_of};
use pulse::{
    Backfill, Busy, Consumer, Firehose, History, Labelers, Limits, Rates, Snapshot, Store, Troubled,
};
use serde_json::{Value, json};

const TIME: &str = "2026-11-26T16:00:00.000Z";

fn everything() -> Snapshot {
    let did = || testkit::plc_did("busy");
    let handle = || Some("mod.test".to_owned());
    Snapshot {
        version: "1.2.3".to_owned(),
        now: TIME.to_owned(),
        started_at: TIME.to_owned(),
        store: Store {
            accepts_writes: false,
            refusal: Some("the disk is full".to_owned()),
            labels: 1,
            last_id: 2,
            file_bytes: 3,
            free_bytes: Some(4),
            min_free_bytes: 5,
        },
        limits: Limits { labelers: 1000, labels_per_labeler: Some(1) },
        labelers: Labelers { total: 1, by_state: [("live".to_owned(), 1)].into() },
        rejected: [("unsigned".to_owned(), 1)].into(),
        rates: Rates { labels: 0.5, rejected: 0.0, delivered: 1.5 },
        history: History {
            step_seconds: 5,
            labels: vec![1],
            rejected: vec![0],
            delivered: vec![2],
        },
        backfills: vec![Backfill {
            did: did(),
            handle: handle(),
            state: "backfilling".to_owned(),
            cursor: 1,
            head: Some(2),
            labels: 1,
            labels_per_second: 0.5,
            seconds_left: Some(2),
        }],
        backfilling: 1,
        busiest: vec![Busy { did: did(), handle: handle(), labels_per_second: 0.5, labels: 1 }],
        troubled: vec![Troubled {
            did: did(),
            handle: handle(),
            state: "waiting".to_owned(),
            error: Some("connection refused".to_owned()),
            rejected: 1,
            rejected_per_minute: 0.5,
            retry_count: 2,
            retry_after: Some(TIME.to_owned()),
        }],
        troubled_total: 1,
        firehose: Some(Firehose {
            connected: false,
            error: Some("HTTP 502".to_owned()),
            lag_seconds: Some(-0.1),
            silent_seconds: Some(1.0),
            events: 1,
            cursor: 1,
        }),
        consumers: vec![Consumer {
            name: "hook".to_owned(),
            lag: 1,
            in_flight: 1,
            connections: 0,
            oldest_unacked_seconds: Some(1.0),
            webhook: true,
            reserved: true,
            last_error: Some("HTTP 500".to_owned()),
        }],
        consumers_total: 1,
    }
}

#[test]
fn a_status_with_everything_in_it_is_as_described() {
    let document: Value =
        serde_json::from_str(include_str!("../../../schema/openapi.json")).unwrap();
    let document = Document(document);
    let schema = json!({ "$ref": "#/components/schemas/Status" });
    let value = serde_json::to_value(everything()).unwrap();
    assert_eq!(document.faults(&schema, &value), None);
    let (described, there) = (fields(&document, &schema), fields_of(&document, &schema, &value));
    let never: Vec<&String> = described.difference(&there).collect();
    assert!(never.is_empty(), "described, never there: {never:?}");
    // And what is not known is left out, not null.
    let read: Snapshot = serde_json::from_value(value).unwrap();
    assert_eq!(read, everything());
}
