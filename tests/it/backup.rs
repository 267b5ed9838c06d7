//! A copy of a database in use, and a service that goes on with it, by the commands of
//! `docs/backup.md`.

use crate::clients::wanted;
use crate::commands::blocks::{self, Block};
use crate::tap::{LIMIT, Tap, take};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};
use tokio::task::spawn_blocking;

/// The one block of the page with this in it, run in a folder.
async fn run(what: &str, folder: &Path) {
    let mut found =
        blocks::of("docs/backup.md").into_iter().filter(|block| block.text().contains(what));
    let block: Block = found.next().expect("a block of the page");
    assert!(found.next().is_none(), "two blocks with {what}");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &block.text()]).current_dir(folder);
    let output = spawn_blocking(move || shell.output().expect("a shell")).await.unwrap();
    assert!(output.status.success(), "{}: {output:?}", block.place());
}

/// Which frame each event is.
fn seqs(events: &[serde_json::Value]) -> BTreeMap<i64, i64> {
    let number = |event: &serde_json::Value| {
        (event["id"].as_i64().unwrap(), event["label"]["seq"].as_i64().unwrap())
    };
    events.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_busy_database_is_whole_and_no_id_means_two_labels() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("labeltap.db");
    let plc = Plc::start().await;
    let did = plc_did("copied");
    let labeler = Arc::new(FakeLabeler::start(&did, SigningKey::k256(78), &plc).await);
    labeler.preload(2_000);
    let tap = Tap::start(&plc, &database, &["--labelers", &did]);
    let mut before = tap.client(&[]);
    let acked = seqs(&take(&mut before, 2_000).await);

    // Acks are on disk within a second.
    tokio::time::sleep(Duration::from_secs(2)).await;

    // A busy one: something is stored all the time.
    let talking = tokio::spawn({
        let labeler = labeler.clone();
        async move {
            for number in 10_000.. {
                labeler.emit([LabelSpec::numbered(number)]);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    run("VACUUM INTO 'new.db'", dir.path()).await;
    let copied = labeler.head();
    let begun = Instant::now();
    while labeler.head() < copied + 50 {
        assert!(begun.elapsed() < LIMIT, "the labeler has stopped");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    talking.abort();
    assert!(talking.await.unwrap_err().is_cancelled());
    let head = labeler.head();
    let more = usize::try_from(head - 2_000).unwrap();
    let seen: BTreeMap<i64, i64> =
        acked.into_iter().chain(seqs(&take(&mut before, more).await)).collect();
    assert_eq!(seen.len(), 2_000 + more);
    tap.labeler_until(&did, |labeler| labeler["cursor"] == head).await;
    drop(before);
    assert!(tap.stop().status.success());

    run("cp backup.db restored.db", dir.path()).await;
    let tap = Tap::start(&plc, &database, &[]);
    let shown = tap.labeler_until(&did, |labeler| labeler["cursor"] == head).await;
    assert_eq!((&shown["labels"], &shown["epoch"]), (&head.into(), &1.into()), "{shown}");
    // What was acked before the copy does not come again, what was stored after it does, and an id
    // that was seen is the same label.
    let mut client = tap.client(&[]);
    let owed = tap.get("/stats/outbox-buffer").await["outbox_buffer"].as_u64().unwrap();
    assert!((50..=more as u64).contains(&owed), "{owed} of {more}");
    let again = seqs(&take(&mut client, usize::try_from(owed).unwrap()).await);
    let (mut old, mut new) = (0, 0);
    for (id, seq) in again {
        match seen.get(&id) {
            Some(same) => {
                assert_eq!(seq, *same, "event {id}");
                old += 1;
            }
            None => new += 1,
        }
    }
    assert!(new >= 50, "{new} under new ids, {old} under those they had");
    let everything = tap.get("/stats/label-count").await;
    assert_eq!(everything["label_count"], head);
}
