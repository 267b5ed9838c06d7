//! One request in flight per key: whoever asks meanwhile waits for the same answer.
//!
//! The request belongs to those who wait. The last one who stops waiting drops it; nothing
//! runs in the background.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

type Flight<V> = Shared<BoxFuture<'static, V>>;
type Board<K, V> = Arc<Mutex<Table<K, V>>>;

struct Table<K, V: Clone> {
    flights: HashMap<K, (u64, WeakShared<BoxFuture<'static, V>>)>,
    started: u64,
}

/// The requests under way. As many as there are callers, so whoever bounds those bounds it.
pub(crate) struct Flights<K, V: Clone>(Board<K, V>);

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Table { flights: HashMap::new(), started: 0 })))
    }

    /// Joins the request for `key` if there is one, or starts `request`.
    pub(crate) async fn join(
        &self,
        key: &K,
        request: impl Future<Output = V> + Send + 'static,
    ) -> V {
        // The lock is let go before anybody waits.
        let flight = self.board(key, request);
        flight.await
    }

    fn board(&self, key: &K, request: impl Future<Output = V> + Send + 'static) -> Flight<V> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = table.flights.get(key).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        table.started += 1;
        let number = table.started;
        let landing = Landing { board: self.0.clone(), key: key.clone(), number };
        let flight = async move {
            let _landing = landing;
            request.await
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            table.flights.insert(key.clone(), (number, weak));
        }
        flight
    }

    #[cfg(test)]
    fn under_way(&self) -> usize {
        self.0.lock().unwrap().flights.len()
    }
}

/// Takes a flight off the board when it has ended or was given up.
struct Landing<K: Eq + Hash, V: Clone> {
    board: Board<K, V>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut table = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have started the next one already.
        if table.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            table.flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use tokio::sync::Semaphore;

    /// A request that counts its starts and waits for the gate.
    fn request(starts: &Arc<AtomicUsize>, gate: &Arc<Semaphore>) -> BoxFuture<'static, usize> {
        let (starts, gate) = (starts.clone(), gate.clone());
        async move {
            let number = starts.fetch_add(1, SeqCst) + 1;
            gate.acquire().await.unwrap().forget();
            number
        }
        .boxed()
    }

    /// A request that nobody lets through should fail the test, not hold it up.
    async fn soon(flight: impl Future<Output = usize>) -> usize {
        tokio::time::timeout(std::time::Duration::from_secs(5), flight).await.unwrap()
    }

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_one_request() {
        let (flights, starts, gate) = (Flights::new(), Arc::default(), Arc::new(Semaphore::new(0)));
        let mut first = Box::pin(flights.join(&"a", request(&starts, &gate)));
        let mut second = Box::pin(flights.join(&"a", request(&starts, &gate)));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        gate.add_permits(1);
        assert_eq!((soon(first).await, soon(second).await), (1, 1));
        assert_eq!(flights.under_way(), 0);

        gate.add_permits(1);
        assert_eq!(soon(flights.join(&"a", request(&starts, &gate))).await, 2);
    }

    #[tokio::test]
    async fn different_keys_do_not_wait_for_each_other() {
        let (flights, starts, gate) = (Flights::new(), Arc::default(), Arc::new(Semaphore::new(0)));
        let mut first = Box::pin(flights.join(&"a", request(&starts, &gate)));
        assert!(poll!(&mut first).is_pending());
        assert_eq!(soon(flights.join(&"b", std::future::ready(7))).await, 7);
    }

    #[tokio::test]
    async fn the_request_survives_the_one_who_started_it_but_not_the_last_one_waiting() {
        let (flights, starts, gate) = (Flights::new(), Arc::default(), Arc::new(Semaphore::new(0)));
        let mut first = Box::pin(flights.join(&"a", request(&starts, &gate)));
        let mut second = Box::pin(flights.join(&"a", request(&starts, &gate)));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        drop(first);
        gate.add_permits(1);
        assert_eq!(soon(second).await, 1);

        let mut third = Box::pin(flights.join(&"a", request(&starts, &gate)));
        assert!(poll!(&mut third).is_pending());
        drop(third);
        assert_eq!(flights.under_way(), 0);
        gate.add_permits(1);
        assert_eq!(soon(flights.join(&"a", request(&starts, &gate))).await, 3);
    }
}
