//! Answers that were given not long ago. Pure: it is told the time.
//!
//! Bounded twice: by number, and by the bytes of the documents, since a did:web host may
//! write what it likes. The oldest answer leaves first.

use crate::document::Resolved;
use crate::error::ResolveError;
use label::Did;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) type Outcome = Result<Arc<Resolved>, ResolveError>;

/// How much the cache may hold, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    /// Sum of the documents' sizes as they came over the wire.
    pub(crate) bytes: usize,
    pub(crate) fresh: Duration,
    /// For "there is no such DID". Outages are not kept at all.
    pub(crate) fresh_negative: Duration,
}

pub(crate) struct Cache {
    bounds: Bounds,
    entries: HashMap<Did, Entry>,
    /// By order of arrival. Holds exactly the keys of `entries`.
    order: BTreeMap<u64, Did>,
    arrivals: u64,
    bytes: usize,
}

struct Entry {
    arrival: u64,
    until: Instant,
    bytes: usize,
    outcome: Outcome,
}

impl Cache {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Self { bounds, entries, order, arrivals: 0, bytes: 0 }
    }

    /// What is known, if it is fresh.
    pub(crate) fn get(&self, did: &Did, now: Instant) -> Option<Outcome> {
        let entry = self.entries.get(did)?;
        (now < entry.until).then(|| entry.outcome.clone())
    }

    /// Whether an answer is kept, fresh or not.
    pub(crate) fn holds(&self, did: &Did) -> bool {
        self.entries.contains_key(did)
    }

    /// Keeps an answer. One that could not be had leaves what is there untouched: a
    /// directory that is down makes no document wrong.
    pub(crate) fn put(&mut self, did: &Did, outcome: &Outcome, bytes: usize, now: Instant) {
        let fresh = match outcome {
            Ok(_) => self.bounds.fresh,
            Err(ResolveError::NotFound(_)) => self.bounds.fresh_negative,
            Err(ResolveError::Unreachable { .. }) => return,
        };
        self.remove(did);
        self.arrivals += 1;
        let outcome = outcome.clone();
        let entry = Entry { arrival: self.arrivals, until: now + fresh, bytes, outcome };
        self.order.insert(entry.arrival, did.clone());
        self.entries.insert(did.clone(), entry);
        self.bytes += bytes;
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.bounds.entries || self.bytes > self.bounds.bytes {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, did: &Did) {
        if let Some(entry) = self.entries.remove(did) {
            self.order.remove(&entry.arrival);
            self.bytes -= entry.bytes;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::Hosts;

    const HOUR: Duration = Duration::from_secs(3600);

    fn cache() -> Cache {
        Cache::new(Bounds {
            entries: 3,
            bytes: 100,
            fresh: HOUR,
            fresh_negative: Duration::from_secs(5),
        })
    }

    fn did(name: &str) -> Did {
        Did::parse(&format!("did:web:{name}.example")).unwrap()
    }

    fn good(did: &Did) -> Outcome {
        let document = serde_json::json!({"id": did.as_str()});
        Ok(Arc::new(Resolved::read(did, document, Hosts::Public).unwrap()))
    }

    fn absent() -> Outcome {
        Err(ResolveError::NotFound("404".into()))
    }

    #[test]
    fn an_answer_is_known_for_an_hour_and_a_no_for_seconds() {
        let (mut cache, now) = (cache(), Instant::now());
        cache.put(&did("yes"), &good(&did("yes")), 10, now);
        cache.put(&did("no"), &absent(), 0, now);
        let just_before = |span: Duration| now + span - Duration::from_millis(1);
        assert!(cache.get(&did("yes"), just_before(HOUR)).is_some());
        assert!(cache.get(&did("yes"), now + HOUR).is_none());
        assert!(cache.get(&did("no"), just_before(Duration::from_secs(5))).is_some());
        assert!(cache.get(&did("no"), now + Duration::from_secs(5)).is_none());
    }

    #[test]
    fn an_outage_does_not_replace_what_is_known() {
        let (mut cache, now, ann) = (cache(), Instant::now(), did("ann"));
        cache.put(&ann, &good(&ann), 10, now);
        cache.put(&ann, &Err(ResolveError::unreachable("down")), 0, now);
        assert!(matches!(cache.get(&ann, now), Some(Ok(_))));
        cache.put(&ann, &absent(), 0, now);
        assert!(matches!(cache.get(&ann, now), Some(Err(ResolveError::NotFound(_)))));
    }

    #[test]
    fn the_oldest_leave_when_there_are_too_many() {
        let (mut cache, now) = (cache(), Instant::now());
        for name in ["a", "b", "c", "a", "d"] {
            cache.put(&did(name), &good(&did(name)), 10, now);
        }
        assert!(cache.get(&did("b"), now).is_none());
        for name in ["a", "c", "d"] {
            assert!(cache.get(&did(name), now).is_some(), "{name} is gone");
        }
        assert_eq!((cache.len(), cache.order.len(), cache.bytes), (3, 3, 30));
    }

    #[test]
    fn the_oldest_leave_when_they_are_too_large() {
        let (mut cache, now) = (cache(), Instant::now());
        cache.put(&did("a"), &good(&did("a")), 60, now);
        cache.put(&did("b"), &good(&did("b")), 60, now);
        assert!(cache.get(&did("a"), now).is_none());
        assert!(cache.get(&did("b"), now).is_some());
        cache.put(&did("huge"), &good(&did("huge")), 101, now);
        assert_eq!((cache.len(), cache.order.len(), cache.bytes), (0, 0, 0));
    }
}
