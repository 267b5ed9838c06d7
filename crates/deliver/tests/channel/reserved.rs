//! A consumer that another part of the process reads as.

use crate::rig::{Rig, settings};
use axum::http::StatusCode;
use deliver::{AskError, Change, Elsewhere, Limits, Reserved, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const NAME: &str = "appview";

fn read_by(position: &Arc<AtomicI64>) -> Settings {
    let position = Arc::clone(position);
    let elsewhere = move || {
        let position = position.load(Ordering::Relaxed);
        Elsewhere { position, lag: 7, trouble: (position == 3).then(|| "no Postgres".to_owned()) }
    };
    let reserved = Reserved { name: NAME, read_by: Some(Arc::new(elsewhere)) };
    Settings { reserved: vec![reserved], ..settings() }
}

#[tokio::test]
async fn it_is_shown_as_it_says_and_cannot_be_used_changed_or_removed() {
    let position = Arc::new(AtomicI64::new(2));
    let rig = Rig::start_with(read_by(&position), Limits::default()).await;
    rig.put("zoe", Change::default()).await;
    let names = |rig: &Rig| -> Vec<String> {
        rig.deliver.consumers().into_iter().map(|told| told.name).collect()
    };
    assert_eq!(names(&rig), [NAME, "default", "zoe"]);
    let told = rig.told(NAME);
    assert_eq!((told.position, told.lag, told.last_error), (2, 7, None));
    position.store(3, Ordering::Relaxed);
    assert_eq!(rig.told(NAME).last_error.as_deref(), Some("no Postgres"));

    let (status, body) = rig.refused("?consumer=appview").await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &"InvalidRequest".into()));
    let put = rig.deliver.put(NAME, Change::default()).await;
    assert!(matches!(put, Err(AskError::Invalid(_))), "{put:?}");
    let removed = rig.remove(NAME).await;
    assert!(matches!(removed, Err(AskError::Invalid(_))), "{removed:?}");
    assert_eq!(rig.deliver.dead(NAME, None, 10).await.unwrap(), []);
    let position = label::EventId::new(9).unwrap();
    rig.store.consumer(NAME.into()).await.unwrap();
    rig.store.save_progress(NAME.into(), position, vec![]).await.unwrap();

    // What was kept is left alone by those who deliver.
    let mut rig = rig.restart(read_by(&Arc::default())).await;
    rig.labels(&["at://a/1"]).await;
    assert_eq!(names(&rig), [NAME, "default", "zoe"]);
    rig.stop().await.unwrap();
    let kept = rig.store.find_consumer(NAME.into()).await.unwrap().unwrap();
    assert_eq!(kept.position, position);
}

#[tokio::test]
async fn while_nobody_reads_as_it_it_can_be_looked_at_and_removed_but_not_used() {
    let reserved = vec![Reserved { name: NAME, read_by: None }];
    let settings = Settings { reserved, ..settings() };
    let rig = Rig::start_with(settings.clone(), Limits::default()).await;
    assert!(rig.deliver.consumer(NAME).is_none());
    rig.store.consumer(NAME.into()).await.unwrap();
    let rig = rig.restart(settings).await;
    // Those that were kept are read first.
    rig.deliver.ready().await;
    assert_eq!(rig.told(NAME).position, 0);
    assert_eq!(rig.refused("?consumer=appview").await.0, StatusCode::BAD_REQUEST);
    assert!(rig.deliver.put(NAME, Change::default()).await.is_err());
    rig.remove(NAME).await.unwrap();
    assert!(rig.store.find_consumer(NAME.into()).await.unwrap().is_none());
}
