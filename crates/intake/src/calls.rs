//! Asks a subscription to read its labeler's DID document now, because somebody heard that it
//! may have changed.

use label::Did;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Who can be called. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<Did, Arc<Notify>>>>);

/// The one who is called. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Listener {
    calls: Calls,
    did: Did,
    bell: Arc<Notify>,
}

impl Calls {
    /// Rings. Several calls before anybody hears them are one. False when nobody follows this
    /// labeler.
    pub(crate) fn call(&self, did: &Did) -> bool {
        let bell = self.lock().get(did).cloned();
        bell.inspect(|bell| bell.notify_one()).is_some()
    }

    /// Listens for calls from now on, in place of whoever did so before.
    pub(crate) fn listen(&self, did: Did) -> Listener {
        let bell = Arc::new(Notify::new());
        self.lock().insert(did.clone(), Arc::clone(&bell));
        Listener { calls: self.clone(), did, bell }
    }

    /// A panic while holding the lock cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Did, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Returns when it was called. A call that came while nobody waited is heard at once.
    pub(crate) async fn called(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        // A successor may listen already.
        if calls.get(&self.did).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            calls.remove(&self.did);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_call_waits_for_whoever_listens_and_for_nobody_else() {
        let (calls, did) = (Calls::default(), Did::parse("did:web:l.test").unwrap());
        assert!(!calls.call(&did));
        let first = calls.listen(did.clone());
        assert!(first.called().now_or_never().is_none());
        assert!(calls.call(&did) && calls.call(&did));
        assert!(first.called().now_or_never().is_some());
        assert!(first.called().now_or_never().is_none());
        let second = calls.listen(did.clone());
        drop(first);
        assert!(calls.call(&did));
        assert!(second.called().now_or_never().is_some());
        drop(second);
        assert!(!calls.call(&did));
    }
}
