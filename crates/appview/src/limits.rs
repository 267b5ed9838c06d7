//! What is fixed.

use std::time::Duration;

/// What is fixed. Tests bring other numbers, nobody else should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows in one transaction.
    pub rows: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// The pause after the first failure; it doubles.
    pub shortest_pause: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
    /// How often the table is looked at when there is nothing to do.
    pub look_every: Duration,
    /// How often the position is kept in the store.
    pub save_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 8 << 20,
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            look_every: Duration::from_secs(20),
            save_every: Duration::from_secs(1),
        }
    }
}
