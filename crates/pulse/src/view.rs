//! From what is known to what is shown. Pure.

use crate::pulse::Parts;
use crate::snapshot::{
    Backfill, Busy, Consumer, Firehose, Labelers, Limits, Snapshot, Store, Troubled,
};
use crate::track::{Mark, Pace, Totals, Track};
use crate::trouble::{Trouble, trouble};
use deliver::Told;
use fleet::{State, Status};
use label::{Millis, Verdict, syntax};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Counts, Disk, Head, LabelerRow, StoreError};

/// How many of a kind are shown.
const BACKFILLS: usize = 50;
const BUSIEST: usize = 20;
const TROUBLED: usize = 20;
const CONSUMERS: usize = 50;

/// Everything that was looked at.
pub(crate) struct Seen {
    pub(crate) now: Millis,
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) rows: Vec<LabelerRow>,
    pub(crate) verdicts: Vec<(Verdict, u64)>,
    pub(crate) counts: Counts,
    pub(crate) head: Head,
    pub(crate) disk: Disk,
    pub(crate) refusal: Option<StoreError>,
    pub(crate) accepts_writes: bool,
    pub(crate) consumers: Vec<Told>,
    /// Numbers that never get less, whoever is removed.
    pub(crate) totals: Totals,
}

/// A labeler, what it does, and how fast.
struct One<'a> {
    row: &'a LabelerRow,
    status: Status,
    pace: Pace,
}

/// Puts it together.
pub(crate) fn snapshot(parts: &Parts, seen: &Seen, track: &Track) -> Snapshot {
    let all: Vec<One<'_>> = seen
        .rows
        .iter()
        .map(|row| One {
            row,
            status: parts.board.get(&row.did),
            pace: track.pace(seen.at, &row.did, mark(parts, row)),
        })
        .collect();
    let (backfills, backfilling) = backfills(parts, &all);
    let (troubled, troubled_total) = troubled(&all);
    let mut consumers: Vec<&Told> = seen.consumers.iter().collect();
    consumers.sort_by_key(|told| Reverse(told.lag));
    Snapshot {
        version: parts.version.to_owned(),
        now: written(seen.now),
        started_at: written(parts.started_at),
        store: Store {
            accepts_writes: seen.accepts_writes,
            refusal: seen.refusal.as_ref().map(ToString::to_string),
            labels: seen.counts.labels,
            last_id: seen.head.last.get(),
            file_bytes: seen.disk.file,
            free_bytes: seen.disk.free,
            min_free_bytes: seen.disk.min_free,
        },
        limits: Limits {
            labelers: parts.parallelism as u64,
            labels_per_labeler: parts.most_labels,
        },
        labelers: labelers(&all),
        rejected: seen.verdicts.iter().map(|(v, n)| (v.as_str().to_owned(), *n)).collect(),
        rates: track.rates(seen.at, seen.totals),
        history: track.history(),
        backfills,
        backfilling,
        busiest: busiest(&all),
        troubled,
        troubled_total,
        firehose: parts.board.firehose().map(|firehose| heard(firehose, seen.now)),
        consumers_total: consumers.len() as u64,
        consumers: consumers.iter().take(CONSUMERS).map(|t| consumer(t, seen.now)).collect(),
    }
}

/// Where a labeler is at this moment.
pub(crate) fn mark(parts: &Parts, row: &LabelerRow) -> Mark {
    Mark { came: parts.board.has_come(&row.did), cursor: row.cursor.get() }
}

fn labelers(all: &[One<'_>]) -> Labelers {
    let mut by_state: BTreeMap<String, u64> =
        State::ALL.iter().map(|state| (state.as_str().to_owned(), 0)).collect();
    for one in all {
        *by_state.entry(one.status.state.as_str().to_owned()).or_default() += 1;
    }
    Labelers { total: all.len() as u64, by_state }
}

fn backfills(parts: &Parts, all: &[One<'_>]) -> (Vec<Backfill>, u64) {
    let reads = |one: &&One<'_>| one.status.state == State::Backfilling;
    let mut reading: Vec<&One<'_>> = all.iter().filter(reads).collect();
    reading.sort_by(|one, other| other.pace.labels.total_cmp(&one.pace.labels));
    let count = reading.len() as u64;
    let shown = reading.into_iter().take(BACKFILLS).map(|one| {
        let cursor = one.row.cursor.get();
        let head = parts.board.head(&one.row.did).map(label::Seq::get).filter(|h| *h >= cursor);
        Backfill {
            did: one.row.did.as_str().to_owned(),
            handle: one.row.noted.handle.clone(),
            state: one.status.state.as_str().to_owned(),
            cursor,
            head,
            labels: one.row.labels,
            labels_per_second: one.pace.labels,
            seconds_left: head.and_then(|head| left(head - cursor, one.pace.cursor)),
        }
    });
    (shown.collect(), count)
}

/// How long so many numbers take. Whole seconds; nothing is known of what stands still.
fn left(numbers: i64, per_second: f64) -> Option<u64> {
    let seconds = numbers as f64 / per_second;
    let fits = per_second > 0.0 && seconds.is_finite();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is above 0, and far beyond a life `as` ends at the largest"
    )]
    fits.then(|| seconds.ceil() as u64)
}

fn busiest(all: &[One<'_>]) -> Vec<Busy> {
    let mut busy: Vec<&One<'_>> = all.iter().filter(|one| one.pace.labels > 0.0).collect();
    busy.sort_by(|one, other| other.pace.labels.total_cmp(&one.pace.labels));
    let shown = busy.into_iter().take(BUSIEST).map(|one| Busy {
        did: one.row.did.as_str().to_owned(),
        handle: one.row.noted.handle.clone(),
        labels_per_second: one.pace.labels,
        labels: one.row.labels,
    });
    shown.collect()
}

fn troubled(all: &[One<'_>]) -> (Vec<Troubled>, u64) {
    let kind = |one: &One<'_>| trouble(&one.status, one.pace.rejected > 0.0);
    let mut found: Vec<(Trouble, &One<'_>)> =
        all.iter().filter_map(|one| Some((kind(one)?, one))).collect();
    // Of the same kind those first of whom most is missed.
    found.sort_by(|(one, a), (other, b)| {
        let rejected = b.pace.rejected.total_cmp(&a.pace.rejected);
        one.cmp(other).then(rejected).then(b.row.labels.cmp(&a.row.labels))
    });
    let count = found.len() as u64;
    let shown = found.into_iter().take(TROUBLED).map(|(_, one)| Troubled {
        did: one.row.did.as_str().to_owned(),
        handle: one.row.noted.handle.clone(),
        state: one.status.state.as_str().to_owned(),
        error: one.status.error.clone(),
        rejected: one.row.rejected,
        rejected_per_minute: one.pace.rejected * 60.0,
        retry_count: one.status.retry_count,
        retry_after: one.status.retry_after.map(written),
    });
    (shown.collect(), count)
}

fn heard(firehose: fleet::Firehose, now: Millis) -> Firehose {
    let since = |at: Millis| now.0.saturating_sub(at.0).max(0) as f64 / 1000.0;
    Firehose {
        connected: firehose.connected,
        error: firehose.error,
        lag_seconds: firehose.lag.map(|lag| lag as f64 / 1000.0),
        silent_seconds: firehose.event_at.map(since),
        events: firehose.events,
        cursor: firehose.cursor.map_or(0, label::Seq::get),
    }
}

fn consumer(told: &Told, now: Millis) -> Consumer {
    let since = |at: Millis| now.0.saturating_sub(at.0).max(0) as f64 / 1000.0;
    Consumer {
        name: told.name.clone(),
        lag: told.lag,
        in_flight: told.in_flight as u64,
        connections: told.connections as u64,
        oldest_unacked_seconds: told.oldest.map(since),
        webhook: told.webhook.is_some(),
        reserved: told.reserved,
        last_error: told.last_error.clone(),
    }
}

/// As every time of the API. Clocks beyond the calendar show its end.
fn written(time: Millis) -> String {
    syntax::written(time.0).unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
}
