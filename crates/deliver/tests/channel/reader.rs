//! Connections in this process: what is true of a socket is true of them.

use crate::rig::{Rig, settings, soon, until};
use deliver::{AskError, Change, Delivered, Kind, Limits, Reader, Settings, Wants};
use futures_util::StreamExt as _;
use label::{Event, Filter, Hosts};
use std::time::Duration;

fn wants(consumer: &str) -> Wants {
    let (consumer, filter) = (consumer.to_owned(), Filter::default());
    Wants { consumer, kinds: vec![Kind::Label], filter }
}

async fn read(rig: &Rig, consumer: &str) -> Reader {
    soon(rig.deliver.read(&wants(consumer))).await.unwrap()
}

async fn take(reader: &mut Reader, count: usize) -> Vec<Delivered> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(soon(reader.next()).await.unwrap());
    }
    taken
}

fn ids(taken: &[Delivered]) -> Vec<i64> {
    taken.iter().map(|one| one.id().get()).collect()
}

async fn nothing_comes(reader: &mut Reader) {
    let waited = tokio::time::timeout(Duration::from_millis(200), reader.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_lane_goes_on_when_the_one_before_is_acked() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/1", "at://a/2"]).await;
    let mut reader = read(&rig, "default").await;
    let mut taken = take(&mut reader, 2).await;
    assert_eq!(ids(&taken), [1, 3]);
    nothing_comes(&mut reader).await;
    let Event::Label(label) = taken[0].event() else { panic!("{:?}", taken[0]) };
    assert_eq!((label.label.uri.as_str(), taken[0].attempt()), ("at://a/1", 1));
    taken.remove(0).ack();
    assert_eq!(ids(&take(&mut reader, 1).await), [2]);
}

#[tokio::test]
async fn what_was_acked_before_the_stop_does_not_come_again_and_the_rest_does() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3", "at://a/4"]).await;
    let mut reader = read(&rig, "default").await;
    for one in take(&mut reader, 4).await {
        if one.id().get() != 2 {
            one.ack();
        }
    }
    // No time to be saved but that of stopping.
    let rig = rig.restart(settings()).await;
    assert!(soon(reader.next()).await.is_none(), "it ends with the service");
    let mut reader = read(&rig, "default").await;
    assert_eq!(ids(&take(&mut reader, 1).await), [2]);
    nothing_comes(&mut reader).await;
}

#[tokio::test]
async fn a_reader_that_is_dropped_gives_back_at_once_what_it_has_not_acked() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3"]).await;
    let mut first = read(&rig, "default").await;
    let taken = take(&mut first, 2).await;
    let mut second = read(&rig, "default").await;
    drop(first);
    // The retry timeout is a minute.
    let again = take(&mut second, 3).await;
    assert_eq!(ids(&again), [1, 2, 3]);
    assert_eq!(again[0].attempt(), 2);
    // Its reader is gone, so this says nothing.
    taken.into_iter().for_each(Delivered::ack);
    let deliver = rig.deliver.clone();
    again.into_iter().for_each(Delivered::ack);
    until(|| deliver.unacked() == 0).await;
    assert_eq!(deliver.consumer("default").unwrap().connections, 1);
}

#[tokio::test]
async fn what_is_not_acked_in_time_comes_again_and_no_more_than_a_window_is_out() {
    let settings = Settings { window: 2, retry_timeout: Duration::from_millis(300), ..settings() };
    let mut rig = Rig::start_with(settings, Limits::default()).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3"]).await;
    let mut reader = read(&rig, "default").await;
    let first = take(&mut reader, 2).await;
    assert_eq!(ids(&first), [1, 2]);
    nothing_comes(&mut reader).await;
    let again = take(&mut reader, 2).await;
    assert_eq!(again.iter().map(Delivered::attempt).collect::<Vec<_>>(), [2, 2]);
    first.into_iter().for_each(Delivered::ack);
    assert_eq!(ids(&take(&mut reader, 1).await), [3], "an ack of the first time counts");
}

#[tokio::test]
async fn a_filter_narrows_one_reader_and_the_rest_stays_owed() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://b/1", "at://a/2"]).await;
    let filter = Filter::read([("uri", vec!["at://b/*"])], Hosts::Public).unwrap();
    let asked = Wants { filter, ..wants("default") };
    let mut reader = soon(rig.deliver.read(&asked)).await.unwrap();
    let mut taken = take(&mut reader, 1).await;
    assert_eq!(ids(&taken), [2]);
    taken.remove(0).ack();
    nothing_comes(&mut reader).await;
    drop(reader);
    assert_eq!(ids(&take(&mut read(&rig, "default").await, 2).await), [1, 3]);
}

#[tokio::test]
async fn a_socket_and_a_reader_share_the_work() {
    let mut rig = Rig::start_with(Settings { window: 2, ..settings() }, Limits::default()).await;
    let mut peer = rig.connect("").await;
    let mut reader = read(&rig, "default").await;
    let deliver = rig.deliver.clone();
    until(|| deliver.consumer("default").unwrap().connections == 2).await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3", "at://a/4"]).await;
    let mut all = ids(&take(&mut reader, 2).await);
    all.extend(peer.ids(2).await);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
}

#[tokio::test]
async fn it_is_a_stream_and_ends_when_its_consumer_is_removed() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2"]).await;
    let reader = read(&rig, "mine").await;
    let taken = soon(reader.take(2).collect::<Vec<_>>()).await;
    assert_eq!(ids(&taken), [1, 2]);
    let mut reader = read(&rig, "mine").await;
    take(&mut reader, 2).await;
    soon(rig.deliver.remove("mine")).await.unwrap();
    assert!(soon(reader.next()).await.is_none());
}

#[tokio::test]
async fn who_may_not_read_is_told_why() {
    let rig = Rig::start_with(settings(), Limits { connections: 1, ..Limits::default() }).await;
    let refused = soon(rig.deliver.read(&wants(""))).await.unwrap_err();
    assert!(matches!(&refused, AskError::Invalid(why) if why.contains("name")), "{refused:?}");
    let held = read(&rig, "default").await;
    let refused = soon(rig.deliver.read(&wants("default"))).await.unwrap_err();
    assert!(matches!(refused, AskError::Busy("too many connections")), "{refused:?}");
    drop(held);
    let deliver = rig.deliver.clone();
    until(|| deliver.consumer("default").unwrap().connections == 0).await;
    let hook = Some(Some("http://127.0.0.1:9/".parse().unwrap()));
    rig.put("hooked", Change { webhook: hook, ..Change::default() }).await;
    let refused = soon(rig.deliver.read(&wants("hooked"))).await.unwrap_err();
    assert!(matches!(refused, AskError::Invalid(_)), "{refused:?}");
}

#[tokio::test]
async fn beginning_anew_takes_back_what_waits_for_the_reader() {
    let mut rig = Rig::start().await;
    rig.labels(&["at://a/1", "at://a/2", "at://a/3"]).await;
    let mut reader = read(&rig, "default").await;
    take(&mut reader, 1).await.remove(0).ack();
    rig.begin("default", deliver::Start::Now).await;
    nothing_comes(&mut reader).await;
    rig.labels(&["at://a/4"]).await;
    assert_eq!(ids(&take(&mut reader, 1).await), [4]);
}
