//! The relay's list of accounts that have, or had, a labeler's declaration
//! (`com.atproto.sync.listReposByCollection`): read at start and daily, page by page, and after
//! a restart from the page it was at. The list only ever grows (facts 4.2), so it is hints.

use super::hub::Hub;
use crate::clock::wall_clock;
use fleet::growing;
use label::{Did, Millis};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use store::{Place, Source, StoreError};
use url::Url;

/// Accounts on a page. Relays allow 2000, but others have less patience.
const PAGE: &str = "1000";

/// The largest page, in bytes; a thousand DIDs have about 50 KB.
const MOST: usize = 4 << 20;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between pages.
const BREATH: Duration = Duration::from_millis(500);

/// More pages than this nobody has; a relay that goes on is read again tomorrow.
const MOST_PAGES: u32 = 1000;

/// Waits after a failure.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);

/// How long to wait for the next page or list.
enum Then {
    /// The list was read to its end.
    Done,
    /// The relay has no such list.
    Never,
    /// It could not be asked.
    Failed { why: String, retry_after: Option<Duration> },
}

/// Reads the list when it is time, for ever.
///
/// # Errors
/// When the store gives up.
pub(super) async fn work(hub: Hub) -> Result<Infallible, StoreError> {
    let every = hub.settings.times.list_every;
    let (mut failures, mut wait) = (0, first_wait(&hub, every).await?);
    loop {
        tokio::time::sleep(wait).await;
        wait = match list(&hub).await? {
            Then::Done => {
                failures = 0;
                every
            }
            Then::Never => {
                tracing::info!("the relay does not list labelers; it is asked again tomorrow");
                every
            }
            Then::Failed { why, retry_after } => {
                failures += 1;
                tracing::info!(why, "the relay's list cannot be read; trying again");
                growing(SHORTEST, LONGEST, 0, failures).max(retry_after.unwrap_or_default())
            }
        };
    }
}

/// Nothing when it was never read to its end, or long ago.
async fn first_wait(hub: &Hub, every: Duration) -> Result<Duration, StoreError> {
    let row = hub.relay().await?;
    Ok(until_due(row.listed_at.filter(|_| !row.listing), wall_clock(), every))
}

fn until_due(listed_at: Option<Millis>, now: Millis, every: Duration) -> Duration {
    let Some(listed_at) = listed_at else { return Duration::ZERO };
    // A clock that was set back makes nobody wait longer than usual.
    let since = u64::try_from(now.0.saturating_sub(listed_at.0)).unwrap_or(0);
    every.saturating_sub(Duration::from_millis(since))
}

/// Reads pages to the end of the list.
async fn list(hub: &Hub) -> Result<Then, StoreError> {
    let relay = hub.settings.relay_name();
    let row = hub.relay().await?;
    let mut page = row.listing.then_some(row.list_page);
    for _ in 0..MOST_PAGES {
        hub.backlog.room().await;
        let read = match ask(hub, &relay, page.as_deref()).await {
            Ok(read) => read,
            // A page that was left long ago may be no page any more.
            Err(Refusal::Page) if page.is_some() => {
                page = None;
                continue;
            }
            Err(Refusal::Page | Refusal::List) => return Ok(Then::Never),
            Err(Refusal::Failed { why, retry_after }) => {
                return Ok(Then::Failed { why, retry_after });
            }
        };
        let next = read.next.filter(|next| Some(next) != page.as_ref());
        let place = Place::List { relay: relay.clone(), page: next.clone(), at: wall_clock() };
        let dids = read.dids.into_iter().map(|did| (did, Source::RelayList)).collect();
        hub.keep_listed(dids, place).await?;
        if next.is_none() {
            return Ok(Then::Done);
        }
        page = next;
        tokio::time::sleep(BREATH).await;
    }
    Ok(Then::Done)
}

/// Why there is no page.
enum Refusal {
    /// Not this one.
    Page,
    /// There is no such list.
    List,
    /// It could not be asked.
    Failed { why: String, retry_after: Option<Duration> },
}

async fn ask(hub: &Hub, relay: &str, page: Option<&str>) -> Result<Page, Refusal> {
    let failed = |why: String| Refusal::Failed { why, retry_after: None };
    let url = question(relay, page).ok_or_else(|| failed("its URL cannot be used".to_owned()))?;
    let resolver = &hub.shared.resolver;
    let asked = resolver.fetch_of_operator(&url, MOST, PATIENCE).await;
    let reply = asked.map_err(|error| failed(error.to_string()))?;
    match reply.status {
        200..=299 => Page::read(&reply.body).ok_or_else(|| failed("not a list".to_owned())),
        400 => Err(Refusal::Page),
        404 | 405 | 501 => Err(Refusal::List),
        status => {
            let retry_after = reply.retry_after;
            Err(Refusal::Failed { why: format!("it answered {status}"), retry_after })
        }
    }
}

fn question(relay: &str, page: Option<&str>) -> Option<Url> {
    let (collection, _) = wire::LABELER_PATH.split_once('/')?;
    let mut url =
        Url::parse(&format!("{relay}/xrpc/com.atproto.sync.listReposByCollection")).ok()?;
    url.query_pairs_mut().append_pair("collection", collection).append_pair("limit", PAGE);
    if let Some(page) = page {
        url.query_pairs_mut().append_pair("cursor", page);
    }
    Some(url)
}

/// A page of the list.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    dids: Vec<Did>,
    next: Option<String>,
}

impl Page {
    /// Reads a page. Entries without a DID are passed over.
    fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let repos = value.get("repos")?.as_array()?;
        let did = |repo: &Value| Did::parse(repo.get("did")?.as_str()?).ok();
        let next = value.get("cursor").and_then(Value::as_str).filter(|next| !next.is_empty());
        Some(Self { dids: repos.iter().filter_map(did).collect(), next: next.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_list_is_read_at_once_if_it_never_was_and_else_a_day_after_the_last() {
        let hour = 3_600_000;
        assert_eq!(until_due(None, Millis(hour), DAY), Duration::ZERO);
        assert_eq!(until_due(Some(Millis(0)), Millis(hour), DAY), 23 * DAY / 24);
        assert_eq!(until_due(Some(Millis(0)), Millis(25 * hour), DAY), Duration::ZERO);
        assert_eq!(until_due(Some(Millis(9 * hour)), Millis(hour), DAY), DAY);
    }

    #[test]
    fn a_page_is_asked_for_with_its_cursor() {
        let base = "https://r.test/xrpc/com.atproto.sync.listReposByCollection\
                    ?collection=app.bsky.labeler.service&limit=1000";
        assert_eq!(question("https://r.test", None).unwrap().as_str(), base);
        let second = question("https://r.test", Some("a b&c")).unwrap();
        assert_eq!(second.as_str(), format!("{base}&cursor=a+b%26c"));
    }

    #[test]
    fn a_page_is_read_as_far_as_it_makes_sense() {
        let did = Did::parse("did:web:mod.test").unwrap();
        let body =
            br#"{"repos":[{"did":"did:web:mod.test"},{"did":7},{},{"did":"x"}],"cursor":"n"}"#;
        let page = Page { dids: vec![did], next: Some("n".into()) };
        assert_eq!(Page::read(body), Some(page));
        let last = Page { dids: vec![], next: None };
        assert_eq!(Page::read(br#"{"repos":[]}"#), Some(last));
        for odd in ["", "[]", "{}", r#"{"repos":1}"#, "<html>"] {
            assert_eq!(Page::read(odd.as_bytes()), None);
        }
    }
}
