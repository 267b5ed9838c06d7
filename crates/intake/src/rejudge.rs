//! Judges again what was rejected in the last hour for its signature, once the key has changed
//! (contract section 8): it may have been signed with the new key before the document showed it.

use crate::bench::{Bench, LineError};
use crate::clock::wall_clock;
use crate::shared::Shared;
use label::{Did, EventId, Millis};
use store::Readmitted;
use verify::Judged;
use wire::RawLabel;

/// How far back, in milliseconds.
const HOUR: i64 = 3_600_000;

/// Labels judged at once.
const PAGE: usize = 256;

/// Puts what holds now into the log. Begins anew if it is stopped half way, and then finds less.
///
/// # Errors
/// [`LineError`]; the store remembers that it is still to be done.
pub(crate) async fn rejudge(
    shared: &Shared,
    labeler: &Did,
    bench: &mut Bench,
) -> Result<u64, LineError> {
    let since = Millis(wall_clock().0 - HOUR);
    let (mut after, mut readmitted) = (EventId::START, 0);
    loop {
        let page = shared.store.doubtful(labeler.clone(), since, after, PAGE).await?;
        let Some(last) = page.last().map(|doubtful| doubtful.id) else { break };
        after = last;
        let raw = |bytes: &Vec<u8>| RawLabel { bytes: bytes.clone().into(), fault: None };
        let labels: Vec<RawLabel> = page.iter().map(|doubtful| raw(&doubtful.raw)).collect();
        let judged = bench.judge(&labels).await?;
        let holding = page.iter().zip(judged).filter_map(|(doubtful, judged)| match judged {
            Judged::Label { verdict, label, raw } => {
                Some(Readmitted { id: doubtful.id, label, verdict, raw })
            }
            Judged::Refused { .. } => None,
        });
        let holding: Vec<Readmitted> = holding.collect();
        if !holding.is_empty() {
            readmitted += shared.store.readmit(labeler.clone(), holding).await?;
        }
    }
    shared.store.rejudged(labeler.clone(), bench.key().key.did_key()).await?;
    if readmitted > 0 {
        tracing::info!(%labeler, readmitted, "labels hold under the new key after all");
    }
    Ok(readmitted)
}
