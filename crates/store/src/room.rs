//! Whether there is room for more: how much can still be written where the database lies.
//! Below the limit whatever makes the database grow is turned away, long before the disk is
//! full, and what makes room goes on.
//!
//! Pages inside the file that are free count as room too, since they are written to before the
//! file grows: so a purge helps, although it does not make the file smaller.

use crate::StoreError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often to look at most, while jobs come or the room is short.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often to look while nothing happens: others write to the same disk.
const LOOK_AT_REST: Duration = Duration::from_secs(5);

/// There is room again from this part above the limit on, and at most so many bytes above it:
/// what comes and goes by itself must not send labelers away and back all the time.
const ABOVE: u64 = 16;
const ABOVE_AT_MOST: u64 = 64 << 20;

/// Says how many bytes are free where the database lies.
pub(crate) type Probe = Box<dyn Fn() -> io::Result<u64> + Send>;

/// What the store may take, besides what it is told to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes that are to stay free on the file system of the database; 0: it does not matter.
    pub min_free: u64,
}

/// What the database takes, and what there is for more, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    /// Its file and what SQLite keeps beside it.
    pub file: u64,
    /// Free where it lies, and inside its file, at the last look; `None` before that.
    pub free: Option<u64>,
    /// Below this nothing more is accepted; 0: there is no such limit.
    pub min_free: u64,
}

/// What was free at the last look, for whoever asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Option<u64>>>);

impl Seen {
    pub(crate) fn get(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, free: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(free);
    }
}

/// The bytes of a database's files.
pub(crate) fn size(path: &Path) -> u64 {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::fs::metadata(name).map_or(0, |found| found.len())
    };
    ["", "-wal", "-shm"].into_iter().map(beside).sum()
}

/// What is known of the room.
pub(crate) struct Room {
    min_free: u64,
    seen: Seen,
    probe: Probe,
    looked_at: Option<Instant>,
    /// What was free when it was last found to be too little.
    short: Option<u64>,
    /// The last look failed.
    blind: bool,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { min_free, short, .. } = self;
        f.debug_struct("Room").field("min_free", min_free).field("short", short).finish()
    }
}

/// Asks the file system that holds this file. What only root may use does not count.
pub(crate) fn of_file(path: PathBuf) -> Probe {
    Box::new(move || {
        let found = rustix::fs::statvfs(&path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    })
}

impl Room {
    pub(crate) fn new(limits: Limits, probe: Probe) -> Self {
        let min_free = limits.min_free;
        let seen = Seen::default();
        Self { min_free, seen, probe, looked_at: None, short: None, blind: false }
    }

    /// What it has seen, for others.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Whether it is time for a look.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.looked_at.is_none_or(|at| now.saturating_duration_since(at) >= LOOK_EVERY)
    }

    /// How long the next look can wait while nothing happens; `None`: as long as that lasts.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        let every = if self.short.is_some() { LOOK_EVERY } else { LOOK_AT_REST };
        let since = self.looked_at.map(|at| now.saturating_duration_since(at));
        (self.min_free > 0).then(|| since.map_or(Duration::ZERO, |past| every.saturating_sub(past)))
    }

    /// Looks. `inside` is what is free inside the file. If it cannot be found out, all stays as
    /// it was.
    pub(crate) fn look(&mut self, now: Instant, inside: u64) {
        self.looked_at = Some(now);
        match (self.probe)() {
            Ok(outside) => {
                self.blind = false;
                self.judge(outside.saturating_add(inside));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(%error, "how much room is left cannot be found out");
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn forget_the_last_look(&mut self) {
        self.looked_at = None;
    }

    fn judge(&mut self, free: u64) {
        self.seen.set(free);
        metrics::gauge!("labeltap_store_free_bytes").set(free as f64);
        let above = (self.min_free / ABOVE).min(ABOVE_AT_MOST);
        let wanted = if self.short.is_some() { self.min_free + above } else { self.min_free };
        let before = self.short;
        self.short = (free < wanted).then_some(free);
        match (before, self.refusal()) {
            (None, Some(error)) => tracing::warn!(%error, "the store accepts nothing more"),
            (Some(_), None) => tracing::info!(free, "there is room again"),
            _ => {}
        }
    }

    /// What to answer to whatever makes the database grow, if there is no room for it.
    pub(crate) fn refusal(&self) -> Option<StoreError> {
        let min_free = self.min_free;
        self.short.map(|free| StoreError::NoRoom { free, min_free })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    const MIB: u64 = 1 << 20;

    fn room(min_free: u64) -> (Room, Arc<AtomicU64>) {
        let free = Arc::new(AtomicU64::new(0));
        let told = free.clone();
        let probe = Box::new(move || match told.load(Ordering::Relaxed) {
            u64::MAX => Err(io::ErrorKind::NotFound.into()),
            free => Ok(free),
        });
        (Room::new(Limits { min_free }, probe), free)
    }

    #[test]
    fn there_is_no_room_below_the_limit_until_well_above_it() {
        let (mut room, free) = room(160 * MIB);
        for (outside, inside, short) in [
            (160, 0, false),
            (159, 0, true),
            (165, 0, true), // a sixteenth above
            (170, 0, false),
            (160, 0, false),
            (0, 160, false), // inside the file is room as well
            (0, 159, true),
            (100, 70, false),
        ] {
            free.store(outside * MIB, Ordering::Relaxed);
            room.look(Instant::now(), inside * MIB);
            assert_eq!(room.refusal().is_some(), short, "{outside} MiB outside, {inside} inside");
        }
    }

    #[test]
    fn without_a_limit_there_is_always_room() {
        let (mut room, _nothing_free) = room(0);
        room.look(Instant::now(), 0);
        assert!(room.refusal().is_none());
        assert_eq!(room.patience(Instant::now()), None);
    }

    #[test]
    fn what_cannot_be_found_out_changes_nothing() {
        let (mut room, free) = room(MIB);
        for outside in [2 * MIB, u64::MAX, 0, u64::MAX] {
            free.store(outside, Ordering::Relaxed);
            room.look(Instant::now(), 0);
            if outside == 0 {
                assert!(room.refusal().is_some());
            }
        }
        assert!(room.refusal().is_some());
    }

    #[test]
    fn it_is_looked_at_once_a_second_and_more_seldom_at_rest() {
        let (mut room, free) = room(MIB);
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        free.store(2 * MIB, Ordering::Relaxed);
        assert!(room.is_due(at(0)));
        room.look(at(0), 0);
        assert!(!room.is_due(at(999)) && room.is_due(at(1000)));
        assert_eq!(room.patience(at(1000)), Some(Duration::from_secs(4)));
        free.store(0, Ordering::Relaxed);
        room.look(at(1000), 0);
        assert_eq!(room.patience(at(1000)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_file_system_says_what_is_free() {
        let dir = tempfile::tempdir().unwrap();
        assert!(of_file(dir.path().to_owned())().unwrap() > 0);
        assert!(of_file(dir.path().join("nothing"))().is_err());
    }
}
