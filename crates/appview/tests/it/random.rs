//! Random lives of labelers, sinks killed and started in between: in the end the table has what
//! stands, and nothing else.

use crate::rig::{CID, OTHER_CID, QUICK, Rig, did, post, said, start};
use appview::Limits;
use label::{Millis, Parts};
use std::collections::BTreeSet;
use store::Source;

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn label(dice: &mut Dice) -> Parts {
    let mut parts = said(&post(dice.roll(12) as usize), ["spam", "rude"][dice.roll(2) as usize]);
    parts.neg = [None, Some(false), Some(true)][dice.roll(3) as usize];
    parts.cid = [None, Some(CID), Some(OTHER_CID)][dice.roll(3) as usize].map(Into::into);
    parts.cts = format!("2026-01-01T00:00:0{}.000Z", dice.roll(4));
    let ends = [None, None, Some("2020-01-01T00:00:00.000Z"), Some("2090-01-01T00:00:00.000Z")];
    parts.exp = ends[dice.roll(4) as usize].map(Into::into);
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_table_ends_with_what_stands() {
    let Some(rig) = Rig::new().await else { return };
    let seed = 0x5eed_1234_5678_9abc;
    let mut dice = Dice(seed);
    let limits = Limits { rows: 7, ..QUICK };
    let mut sink = Some(start(&rig.store, &rig.postgres.url(), limits));
    for step in 0..250 {
        let who = ["ann", "bob"][dice.roll(2) as usize];
        match dice.roll(20) {
            0 => sink = None,
            1..=3 => sink = Some(start(&rig.store, &rig.postgres.url(), limits)),
            4 => {
                rig.store.remove_labelers(vec![did(who)], true).await.unwrap();
                rig.store.add_labelers(vec![did(who)], Source::Api, Millis(1)).await.unwrap();
            }
            5 => rig.db.batch_execute("TRUNCATE label").await.unwrap(),
            6 => rig.caught_up(who).await,
            7 => {
                rig.store.retire(Millis(1_900_000_000_000)).await.unwrap();
            }
            8 => tokio::time::sleep(std::time::Duration::from_millis(dice.roll(40))).await,
            _ => {
                let count = 1 + dice.roll(30);
                let labels: Vec<Parts> = (0..count).map(|_| label(&mut dice)).collect();
                rig.say(who, labels).await;
            }
        }
        if step % 50 == 49 {
            let running = sink.take();
            drop(running);
            let running = start(&rig.store, &rig.postgres.url(), limits);
            for name in ["ann", "bob"] {
                rig.caught_up(name).await;
            }
            running.in_step().await;
            rig.becomes(standing(&rig).await).await;
            sink = Some(running);
        }
    }
}

/// What stands, asked of the index in another way.
async fn standing(rig: &Rig) -> BTreeSet<crate::rig::Row> {
    let uris = (0..12).map(post).collect();
    let current = rig.store.current(uris, None).await.unwrap();
    let standing = current.into_iter().filter(|event| !event.label.negates());
    let row = |event: label::LabelEvent| {
        let parts = event.label.into_parts();
        let src = parts.src.as_str().to_owned();
        (src, parts.uri, parts.cid.unwrap_or_default(), parts.val, parts.exp)
    };
    standing.map(row).collect()
}
