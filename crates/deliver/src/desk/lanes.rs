//! Maps by lane. A lane is a hash already, under a key that nobody else knows, so it is not
//! hashed once more.

use super::Lane;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// By lane.
pub(super) type LaneMap<T> = HashMap<Lane, T, BuildHasherDefault<Hashed>>;
/// Lanes.
pub(super) type LaneSet = HashSet<Lane, BuildHasherDefault<Hashed>>;

/// Takes a number as the hash that it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write_u64(&mut self, lane: u64) {
        self.0 = lane;
    }

    /// For anything else, which no lane is: slow, and still a hash.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
