//! The directory's log of all operations (`/export`): read right after the start and hourly,
//! from the time of the first start on. It shows labelers that no firehose ever announced, and
//! changes of tracked ones for which the same is true.

use super::hub::Hub;
use super::operations::{Page, Step, written};
use crate::clock::wall_clock;
use fleet::growing;
use label::{Did, Millis};
use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;
use store::{DirectoryRow, Place, Source, StoreError};
use url::Url;

/// The largest page, in bytes: a thousand operations of the largest kind, and their frames.
const MOST: usize = 16 << 20;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between pages; who was away for a month has some ten thousand to read.
const BREATH: Duration = Duration::from_secs(1);

/// An operation may appear later than one that bears a later time. So each look begins so
/// long before the end of the last; what is seen twice does no harm.
const OVERLAP: i64 = 60_000;

/// Waits after a failure.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);

/// Why a look ended early.
struct Failed {
    why: String,
    retry_after: Option<Duration>,
}

/// Reads the log when it is time, for ever.
///
/// # Errors
/// When the store gives up.
pub(super) async fn work(hub: Hub) -> Result<Infallible, StoreError> {
    let (mut failures, mut wait) = (0, Duration::ZERO);
    loop {
        tokio::time::sleep(wait).await;
        wait = match look(&hub).await? {
            Ok(()) => {
                failures = 0;
                hub.settings.times.export_every
            }
            Err(Failed { why, retry_after }) => {
                failures += 1;
                tracing::info!(why, "the directory's export cannot be read; trying again");
                growing(SHORTEST, LONGEST, 0, failures).max(retry_after.unwrap_or_default())
            }
        };
    }
}

/// Reads pages to the end of the log.
async fn look(hub: &Hub) -> Result<Result<(), Failed>, StoreError> {
    let directory = hub.settings.directory_name();
    let mut after = begin(hub.directory().await?);
    loop {
        hub.backlog.room().await;
        let page = match ask(hub, &directory, after).await {
            Ok(page) => page,
            Err(failed) => return Ok(Err(failed)),
        };
        // A time that has not come yet must not hide what comes before it.
        let until = page.until(after).min(wall_clock());
        let place = Place::Export { directory: directory.clone(), until };
        let step = page.step(after);
        let hints = hints(page, &tracked(hub).await?);
        hub.keep_listed(hints, place).await?;
        match step {
            Step::End => return Ok(Ok(())),
            Step::More { after: next } => after = next,
        }
        tokio::time::sleep(BREATH).await;
    }
}

fn begin(row: DirectoryRow) -> Millis {
    Millis(row.exported.0.saturating_sub(OVERLAP)).max(row.begun)
}

async fn tracked(hub: &Hub) -> Result<HashSet<Did>, StoreError> {
    let rows = hub.patiently(|| hub.shared.store.labelers()).await?;
    Ok(rows.into_iter().map(|row| row.did).collect())
}

/// Operations of labelers, as they say, and any of those who are tracked.
fn hints(page: Page, tracked: &HashSet<Did>) -> Vec<(Did, Source)> {
    let matters = |did: &Did, of_a_labeler| of_a_labeler || tracked.contains(did);
    let operations = page.operations.into_iter();
    operations
        .filter(|operation| matters(&operation.did, operation.of_a_labeler))
        .map(|operation| (operation.did, Source::Plc))
        .collect()
}

async fn ask(hub: &Hub, directory: &str, after: Millis) -> Result<Page, Failed> {
    let failed = |why: String| Failed { why, retry_after: None };
    let url = question(directory, after)
        .ok_or_else(|| failed("the time it was left at is no time".to_owned()))?;
    let resolver = &hub.shared.resolver;
    let asked = resolver.fetch_of_operator(&url, MOST, PATIENCE).await;
    let reply = asked.map_err(|error| failed(error.to_string()))?;
    if reply.is_success() {
        return Ok(Page::read(&reply.body));
    }
    Err(Failed { why: format!("it answered {}", reply.status), retry_after: reply.retry_after })
}

fn question(directory: &str, after: Millis) -> Option<Url> {
    let mut url = Url::parse(&format!("{directory}/export")).ok()?;
    let count = super::operations::PAGE.to_string();
    url.query_pairs_mut().append_pair("count", &count).append_pair("after", &written(after)?);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_begins_a_little_before_the_last_and_never_before_the_first_start() {
        let row =
            |begun, exported| DirectoryRow { begun: Millis(begun), exported: Millis(exported) };
        assert_eq!(begin(row(1_000_000, 1_000_000)), Millis(1_000_000));
        assert_eq!(begin(row(1_000_000, 1_030_000)), Millis(1_000_000));
        assert_eq!(begin(row(1_000_000, 2_000_000)), Millis(1_940_000));
    }

    #[test]
    fn the_directory_is_asked_by_time() {
        let url = question("https://plc.test/base", Millis(1_792_567_650_007)).unwrap();
        let expected = "https://plc.test/base/export?count=1000&after=2026-10-21T07%3A27%3A30.007Z";
        assert_eq!(url.as_str(), expected);
    }
}
