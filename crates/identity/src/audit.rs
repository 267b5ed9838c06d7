//! Asks the directory for the keys of the past, and remembers them: one question for a labeler
//! an hour, whatever it sends (contract section 8).

use crate::error::ResolveError;
use crate::history::terms;
use crate::resolver::{Inner, Resolver, words};
use http::StatusCode;
use label::Did;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use verify::{Key, KeyTerm};

/// The longest log read: some thousand operations. One of a labeler has a few.
const MAX_LOG: usize = 4 << 20;

/// The most labelers whose keys are remembered, and the most keys of one.
const REMEMBERED: usize = 10_000;
const MAX_TERMS: usize = 100;

/// A log that ends with the present key is believed for so long;
const FRESH: Duration = Duration::from_secs(3600);

/// one that does not, since the directory's answers may lag behind each other, for so long.
const FRESH_IF_BEHIND: Duration = Duration::from_secs(60);

/// The keys of the past that are known.
#[derive(Default)]
pub(crate) struct Histories(Mutex<HashMap<Did, Known>>);

struct Known {
    terms: Arc<Vec<KeyTerm>>,
    read: Instant,
}

impl Histories {
    fn lock(&self) -> MutexGuard<'_, HashMap<Did, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a labeler whose present key is this one.
    fn get(&self, did: &Did, present: Option<&Key>, now: Instant) -> Option<Arc<Vec<KeyTerm>>> {
        let histories = self.lock();
        let known = histories.get(did)?;
        let last = known.terms.last().filter(|term| term.until.is_none()).map(|term| &term.key);
        let fresh = if last == present { FRESH } else { FRESH_IF_BEHIND };
        (now.saturating_duration_since(known.read) < fresh).then(|| Arc::clone(&known.terms))
    }

    fn put(&self, did: &Did, terms: Arc<Vec<KeyTerm>>, now: Instant) {
        let mut histories = self.lock();
        if histories.len() >= REMEMBERED {
            histories.retain(|_, known| now.saturating_duration_since(known.read) < FRESH);
        }
        if histories.len() < REMEMBERED || histories.contains_key(did) {
            histories.insert(did.clone(), Known { terms, read: now });
        }
    }
}

impl Resolver {
    /// The label keys that this DID has had, in order of time, the present one included. Empty
    /// for other methods than did:plc, which keep no log. `present` is the key that its document
    /// shows: a remembered log is believed for an hour if it ends with that one.
    ///
    /// # Errors
    /// [`ResolveError::Unreachable`]: it could not be asked; what depends on it has to wait.
    pub async fn key_history(
        &self,
        did: &Did,
        present: Option<&Key>,
    ) -> Result<Arc<Vec<KeyTerm>>, ResolveError> {
        if did.web_host().is_some() {
            return Ok(Arc::default());
        }
        if let Some(known) = self.inner().histories.get(did, present, Instant::now()) {
            return Ok(known);
        }
        let terms = Arc::new(self.inner().ask_history(did).await?);
        self.inner().histories.put(did, Arc::clone(&terms), Instant::now());
        Ok(terms)
    }
}

impl Inner {
    async fn ask_history(&self, did: &Did) -> Result<Vec<KeyTerm>, ResolveError> {
        let outcome = self.read_history(did).await;
        let said = if outcome.is_ok() { "found" } else { "unreachable" };
        metrics::counter!("labeltap_identity_histories_total", "outcome" => said).increment(1);
        outcome
    }

    async fn read_history(&self, did: &Did) -> Result<Vec<KeyTerm>, ResolveError> {
        let unreachable = |why: String| {
            ResolveError::unreachable(format!("the PLC directory's audit log: {why}"))
        };
        let page = match self.ask_audit_log(did, MAX_LOG).await {
            Ok(page) => page,
            Err(error) => return Err(unreachable(words(error))),
        };
        match page.status {
            status if status.is_success() => {
                let mut terms = terms(&page.body).map_err(unreachable)?;
                let over = terms.len().saturating_sub(MAX_TERMS);
                Ok(terms.split_off(over))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Vec::new()),
            status => Err(ResolveError::Unreachable {
                reason: format!("the PLC directory's audit log: HTTP {}", status.as_u16()),
                retry_after: page.retry_after,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::Millis;

    fn key(text: &str) -> Key {
        Key::from_did_key(text).unwrap()
    }

    #[test]
    fn a_log_is_believed_for_an_hour_unless_it_is_behind_the_document() {
        let old = key("did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF");
        let new = key("did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo");
        let did = Did::parse("did:plc:ar7c4by46qjdydhdevvrndac").unwrap();
        let (histories, now) = (Histories::default(), Instant::now());
        assert!(histories.get(&did, Some(&old), now).is_none());
        let terms = vec![KeyTerm { key: old.clone(), from: Millis(1), until: None }];
        histories.put(&did, Arc::new(terms), now);
        let (soon, late) = (now + Duration::from_secs(59), now + Duration::from_secs(3599));
        assert!(histories.get(&did, Some(&old), late).is_some());
        assert!(histories.get(&did, Some(&old), late + Duration::from_secs(1)).is_none());
        assert!(histories.get(&did, Some(&new), soon).is_some());
        assert!(histories.get(&did, Some(&new), soon + Duration::from_secs(1)).is_none());
    }
}
