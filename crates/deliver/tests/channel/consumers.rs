//! Consumers beside one another, begun again, and removed.

use crate::rig::{Peer, Rig, settings, soon, until};
use crate::said::said;
use deliver::{AskError, Change, Limits, Settings, Start};
use label::EventId;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn id(number: i64) -> EventId {
    EventId::new(number).unwrap()
}

/// So many labels, spread over so many lanes: event `n` is in lane `n % lanes`.
async fn spread(rig: &mut Rig, count: i64, lanes: i64) {
    rig.log((1..=count).map(|n| said(&format!("at://a/{}", n % lanes)))).await;
}

#[tokio::test]
async fn each_consumer_reads_everything_at_its_own_pace() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 300, 30).await;
    let mut quick = rig.connect("?consumer=quick").await;
    let mut slow = rig.connect("?consumer=slow").await;
    rig.put("late", Change::default()).await;
    assert_eq!(slow.take(10).await, (1..=10).collect::<Vec<_>>());
    let mut all = quick.take(300).await;
    all.sort_unstable();
    assert_eq!(all, (1..=300).collect::<Vec<_>>());
    rig.position("quick", 300).await;
    until(|| rig.told("slow").lag == 290).await;
    let (quick, slow_told, late) = (rig.told("quick"), rig.told("slow"), rig.told("late"));
    assert_eq!((quick.lag, quick.in_flight, quick.connections), (0, 0, 1));
    assert_eq!((slow_told.position, slow_told.in_flight), (10, 30), "the head of each lane");
    assert_eq!((late.position, late.lag, late.connections), (0, 300, 0));
    let mut late = rig.connect("?consumer=late").await;
    assert_eq!(late.take(300).await.len(), 300);
    let mut rest = slow.take(290).await;
    rest.sort_unstable();
    assert_eq!(rest, (11..=300).collect::<Vec<_>>());
    for name in ["slow", "late"] {
        rig.position(name, 300).await;
    }
}

#[tokio::test]
async fn connections_of_one_consumer_share_the_work_and_keep_its_lanes() {
    let settings = Settings { window: 5, ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    spread(&mut rig, 600, 20).await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut workers = Vec::new();
    for worker in 0..3 {
        let mut peer = rig.connect("").await;
        let log = Arc::clone(&log);
        workers.push(tokio::spawn(async move {
            loop {
                let id = peer.id().await;
                // Before the ack, so that what follows it in its lane is noted later.
                log.lock().unwrap().push((worker, id));
                peer.ack(id).await;
            }
        }));
    }
    rig.position("default", 600).await;
    let log = log.lock().unwrap().clone();
    assert_eq!(log.len(), 600, "each event once");
    let mut last = HashMap::new();
    for (_, id) in &log {
        let before = last.insert(id % 20, *id).unwrap_or_default();
        assert!(before < *id, "{id} came after {before}");
    }
    assert_eq!(last.into_values().sum::<i64>(), (581..=600).sum::<i64>());
    for worker in 0..3 {
        assert!(log.iter().any(|(who, _)| *who == worker), "{worker} had nothing to do");
    }
    for worker in workers {
        assert!(!worker.is_finished());
        worker.abort();
    }
}

#[tokio::test]
async fn a_replay_brings_an_open_connection_everything_again() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 6, 100).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.take(4).await, [1, 2, 3, 4]);
    rig.position("default", 4).await;
    // 5 and 6 are in flight.
    let told = rig.begin("default", Start::Beginning).await;
    assert_eq!((told.position, told.lag), (0, 6));
    assert_eq!(peer.ids(8).await, [5, 6, 1, 2, 3, 4, 5, 6]);
    peer.acks(&[1, 2, 3, 4, 5, 6]).await;
    rig.position("default", 6).await;
    assert_eq!(rig.told("default").lag, 0);
    let told = rig.begin("default", Start::After(id(4))).await;
    assert_eq!((told.position, told.lag), (4, 2));
    assert_eq!(peer.take(2).await, [5, 6]);
    rig.position("default", 6).await;
    // Kept: also over a restart in the middle of it.
    rig.begin("default", Start::After(id(3))).await;
    assert_eq!(peer.ids(3).await, [4, 5, 6]);
    let rig = rig.restart(settings()).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.take(3).await, [4, 5, 6]);
    rig.position("default", 6).await;
    peer.assert_quiet().await;
}

#[tokio::test]
async fn a_consumer_that_begins_now_gets_only_what_is_new() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 200, 1).await;
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.id().await, 1, "and the rest waits behind it");
    let told = rig.begin("c", Start::Now).await;
    assert_eq!((told.position, told.lag, told.in_flight), (200, 0, 0));
    peer.ack(1).await;
    spread(&mut rig, 1, 1).await;
    assert_eq!(peer.take(1).await, [201]);
    rig.position("c", 201).await;
    let told = rig.begin("new", Start::Now).await;
    assert_eq!((told.position, told.lag), (201, 0));
    let mut peer = rig.connect("?consumer=new").await;
    spread(&mut rig, 1, 1).await;
    assert_eq!(peer.take(1).await, [202]);
}

#[tokio::test]
async fn a_label_that_comes_while_the_log_is_read_again_is_not_forgotten() {
    let mut rig = Rig::start().await;
    // One page, which takes longer to look through than a label takes to be stored.
    rig.log((0..19_000).map(|n| said(&format!("at://a/{n}")))).await;
    rig.filter("c", json!({ "val": ["rare"] })).await;
    let mut peer = rig.connect("?consumer=c").await;
    rig.position("c", 19_000).await;
    for round in 1..=20 {
        rig.begin("c", Start::Beginning).await;
        rig.log([said(&format!("at://b/{round}")).val("rare")]).await;
        assert_eq!(peer.take(round).await, (19_001..).take(round).collect::<Vec<_>>());
        rig.position("c", 19_000 + round as i64).await;
    }
}

#[tokio::test]
async fn an_ack_of_what_was_sent_before_a_replay_does_not_count() {
    let settings = Settings { window: 1, ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    spread(&mut rig, 4, 100).await;
    let mut peer = rig.connect("").await;
    assert_eq!(peer.take(2).await, [1, 2]);
    assert_eq!(peer.id().await, 3);
    rig.begin("default", Start::Beginning).await;
    // The window is full with 1 now, so 2 and 3 have not been sent again.
    assert_eq!(peer.id().await, 1);
    peer.acks(&[3, 2, 4, 1]).await;
    assert_eq!(peer.take(3).await, [2, 3, 4]);
    rig.position("default", 4).await;
}

#[tokio::test]
async fn replays_while_events_flow_lose_nothing() {
    let settings = Settings { window: 20, ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    spread(&mut rig, 500, 50).await;
    let mut one = rig.connect("").await;
    let mut two = rig.connect("").await;
    for round in 0..10_i64 {
        let start = Start::After(id(round * 40));
        let (told, _, _) = tokio::join!(rig.begin("default", start), one.take(30), two.take(30));
        assert!(told.position >= round * 40);
    }
    // With both gone nothing is on its way that could be taken for an ack of what follows.
    drop((one, two));
    until(|| rig.told("default").connections == 0).await;
    rig.begin("default", Start::Beginning).await;
    let mut peer = rig.connect("").await;
    let mut all = peer.take(500).await;
    all.sort_unstable();
    assert_eq!(all, (1..=500).collect::<Vec<_>>());
    rig.position("default", 500).await;
    assert_eq!(rig.told("default").lag, 0);
}

#[tokio::test]
async fn a_removed_consumer_is_forgotten_and_its_name_begins_anew() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 5, 100).await;
    let mut peer = rig.connect("?consumer=c").await;
    let mut other = rig.connect("?consumer=c&types=labeler").await;
    rig.filter("c", json!({ "val": ["spam"] })).await;
    assert_eq!(peer.take(3).await, [1, 2, 3]);
    rig.position("c", 3).await;
    rig.remove("c").await.unwrap();
    assert_eq!((peer.end().await, other.end().await), (None, None), "without a close frame");
    assert_eq!(rig.deliver.consumer("c"), None);
    assert!(matches!(rig.remove("c").await, Err(AskError::NotFound(_))));
    let names: Vec<String> = rig.deliver.consumers().into_iter().map(|told| told.name).collect();
    assert_eq!(names, ["default"]);
    let mut peer = rig.connect("?consumer=c").await;
    assert_eq!(peer.ids(5).await, [1, 2, 3, 4, 5]);
    assert_eq!(rig.told("c").filter, None);
    assert!(matches!(rig.remove("default").await, Err(AskError::Invalid(_))));
}

#[tokio::test]
async fn a_late_save_does_not_bring_a_removed_consumer_back() {
    let limits = Limits { save_every: Duration::from_millis(1), ..Limits::default() };
    let mut rig = Rig::start_with(settings(), limits).await;
    spread(&mut rig, 50, 100).await;
    for round in 0..30 {
        let name = format!("c{round}");
        let mut peer = rig.connect(&format!("?consumer={name}")).await;
        for id in 1..=20 {
            assert_eq!(peer.id().await, id);
            peer.ack(id).await;
        }
        tokio::time::sleep(Duration::from_micros(200 * round)).await;
        rig.remove(&name).await.unwrap();
        assert_eq!(rig.store.find_consumer(name).await.unwrap(), None);
    }
    // The default one is saved after them, by the same writer.
    let mut peer = rig.connect("").await;
    peer.take(50).await;
    rig.position("default", 50).await;
    rig.stop().await.unwrap();
    let rows = rig.store.consumers().await.unwrap();
    let kept: Vec<_> = rows.into_iter().map(|row| (row.name, row.position.get())).collect();
    assert_eq!(kept, [("default".to_owned(), 50)]);
}

#[tokio::test]
async fn whoever_comes_while_a_consumer_is_removed_gets_a_new_one() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 3, 100).await;
    let query = "?consumer=c";
    drop(rig.connect(query).await);
    for _ in 0..30 {
        let comes = async {
            let mut peer = rig.connect(query).await;
            // Dropped when it came too early, as any client has to expect.
            match next_id(&mut peer).await {
                Some(first) => assert_eq!(first, 1),
                None => assert_eq!(first_id(&rig, query).await, 1),
            }
        };
        let goes = async {
            tokio::task::yield_now().await;
            match rig.remove("c").await {
                Ok(()) | Err(AskError::NotFound(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        tokio::join!(comes, goes);
    }
    let mut peer = rig.connect(query).await;
    assert_eq!(peer.ids(3).await, [1, 2, 3]);
}

/// The first id that comes, on as many connections as it takes.
async fn first_id(rig: &Rig, query: &str) -> i64 {
    let first = async {
        loop {
            let mut peer = rig.connect(query).await;
            if let Some(id) = next_id(&mut peer).await {
                return id;
            }
        }
    };
    soon(first).await
}

/// The next id, or `None` when the connection ends before.
async fn next_id(peer: &mut Peer) -> Option<i64> {
    use futures_util::StreamExt as _;
    loop {
        let message = soon(peer.socket.next()).await?.ok()?;
        if let Ok(text) = message.to_text()
            && let Ok(event) = serde_json::from_str::<serde_json::Value>(text)
        {
            return event["id"].as_i64();
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_filters_webhooks_and_positions() {
    let mut rig = Rig::start().await;
    spread(&mut rig, 10, 100).await;
    rig.filter("a", json!({ "val": ["s*"], "subject": ["other"] })).await;
    let webhook = Some(Some("http://user:hush@127.0.0.1:1/hook".parse().unwrap()));
    rig.put("b", Change { webhook, start: Some(Start::Now), ..Change::default() }).await;
    rig.begin("c", Start::After(id(7))).await;
    let mut peer = rig.connect("?consumer=a").await;
    assert_eq!(peer.ids(10).await.len(), 10);
    peer.acks(&[1, 2, 5]).await;
    rig.position("a", 2).await;
    let filter = rig.told("a").filter.unwrap();
    let rig = rig.restart(settings()).await;
    until(|| rig.deliver.consumers().len() == 4).await;
    until(|| rig.told("b").webhook.is_some()).await;
    until(|| rig.told("a").lag == 7 && rig.told("c").lag == 3).await;
    let (a, b, c) = (rig.told("a"), rig.told("b"), rig.told("c"));
    assert_eq!((a.position, a.filter, a.webhook), (2, Some(filter), None));
    assert_eq!((b.position, b.lag), (10, 0));
    assert_eq!(b.webhook.as_deref(), Some("http://127.0.0.1:1/hook"));
    assert_eq!((c.position, c.filter), (7, None));
    let mut peer = rig.connect("?consumer=a").await;
    assert_eq!(peer.take(7).await, [3, 4, 6, 7, 8, 9, 10]);
    let (status, body) = rig.refused("?consumer=b").await;
    assert_eq!((status.as_u16(), &body["error"]), (400, &"InvalidRequest".into()));
    // Without its webhook it is open to connections.
    rig.put("b", Change { webhook: Some(None), ..Change::default() }).await;
    rig.connect("?consumer=b").await;
}

#[tokio::test]
async fn the_webhook_of_the_operator_is_not_to_be_changed() {
    let webhook = Some("http://127.0.0.1:1/hook".parse().unwrap());
    let rig = Rig::start_with(Settings { webhook, ..settings() }, Limits::default()).await;
    for webhook in [None, Some("http://127.0.0.1:2/".parse().unwrap())] {
        let change = Change { webhook: Some(webhook), start: Some(Start::Now), filter: None };
        let refused = soon(rig.deliver.put("default", change)).await.unwrap_err();
        assert!(matches!(&refused, AskError::Invalid(why) if why.contains("webhook")), "{refused}");
    }
    assert_eq!(rig.told("default").webhook.as_deref(), Some("http://127.0.0.1:1/hook"));
}
