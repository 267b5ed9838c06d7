//! When what becomes of labels is recorded. What there is to be recorded, the store knows.

use label::Millis;
use std::time::{Duration, Instant};
use store::{Remedy, Store, StoreError, Telling};
use tokio_util::sync::CancellationToken;

/// After an error, and while the index is not whole.
const LATER: Duration = Duration::from_secs(1);

/// Who asks what applies waits for the same reads: after each look that is not the last one it
/// rests for as long as the look took, within this.
const REST: Duration = Duration::from_millis(100);

/// Clocks are set, and machines sleep: a label's end is looked for at least so often.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Records it while a consumer asks for it, until told to stop. `now` is the clock.
///
/// # Errors
/// When the store gives up.
pub(crate) async fn keep(
    store: Store,
    now: fn() -> Millis,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    stop.run_until_cancelled(tell_for_ever(store, now)).await.unwrap_or(Ok(()))
}

async fn tell_for_ever(store: Store, now: fn() -> Millis) -> Result<(), StoreError> {
    let (mut asked, mut head) = (store.tells_states(), store.head());
    let mut is_late = false;
    // The store says elsewhere that it has ended.
    while asked.wait_for(|asked| *asked).await.is_ok() {
        head.mark_unchanged();
        let begun = Instant::now();
        let told = store.tell_states(now()).await;
        is_late &= told.is_err();
        match told {
            Ok(Telling { more: true, .. }) => tokio::time::sleep(begun.elapsed().min(REST)).await,
            Ok(Telling { due, .. }) => {
                let wait = due.map_or(LOOK_AGAIN, |due| until(due, now()));
                tokio::select! {
                    changed = head.changed() => if changed.is_err() { return Ok(()) },
                    changed = asked.changed() => if changed.is_err() { return Ok(()) },
                    () = tokio::time::sleep(wait) => {}
                }
            }
            Err(error) if error.remedy() == Remedy::GiveUp => return Err(error),
            Err(error) => {
                // Said once, however long it lasts.
                if !std::mem::replace(&mut is_late, true) {
                    tracing::warn!(%error, "what becomes of labels is told later");
                }
                tokio::time::sleep(LATER).await;
            }
        }
    }
    Ok(())
}

fn until(due: Millis, now: Millis) -> Duration {
    let wait = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0);
    Duration::from_millis(wait).min(LOOK_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_waited_for_but_not_blindly() {
        assert_eq!(until(Millis(7_000), Millis(5_000)), Duration::from_secs(2));
        assert_eq!(until(Millis(5_000), Millis(7_000)), Duration::ZERO);
        assert_eq!(until(Millis(i64::MAX), Millis(0)), LOOK_AGAIN);
    }
}
