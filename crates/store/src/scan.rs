//! Reading the log with a filter next to the rows: of what nobody takes only a few columns
//! are looked at and nothing is made.
//!
//! First a walk over those columns, which decides; then what was taken is read, with one
//! query for each stretch of rows that follow on one another.

use crate::convert::{epoch, event_id, seq};
use crate::labelers::{self, Interned};
use crate::log::{self, LARGE};
use crate::rows::{self, Names};
use crate::{StoreError, happenings, states};
use label::{
    Did, Epoch, Event, EventId, LabelEvent, LabelerEvent, RejectedEvent, Seq, StateEvent, Verdict,
};
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows, Transaction};

/// How many rows one read looks at or passes over at most, so that it stays short.
const ROWS: usize = 20_000;

/// How many bytes it looks at, for the same reason: rejected labels may have 16 KiB each.
const BYTES: usize = 16 << 20;

/// About what the columns that the walk does not look at take in memory.
const UNSEEN: usize = 256;

/// Which part of the log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Begin above this.
    pub after: EventId,
    /// Look no further than this one. May lie beyond the end of the log.
    pub until: EventId,
    /// Look at so many rows at most; 0 looks at none.
    pub rows: usize,
    /// Take so many events at most; 0 looks at no row.
    pub events: usize,
    /// Whether rejected labels are looked at too.
    pub rejected: bool,
    /// Whether events of labelers are looked at too.
    pub labelers: bool,
    /// Whether events of labels' states are looked at too.
    pub states: bool,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A label, and what was found when it was judged.
    Label(Verdict),
    /// Something that happened to a labeler.
    Labeler,
    /// What became of a label, and what was found when that was judged.
    State(Verdict),
}

/// What a scan shows of a row.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'a> {
    /// Its place in the log.
    pub id: EventId,
    /// Whose stream it came from.
    pub labeler: &'a Did,
    /// What it is about.
    pub topic: Topic,
    /// Whom the label is about; `None` for a rejected one.
    pub uri: Option<&'a str>,
    /// What the label says; `None` for a rejected one.
    pub val: Option<&'a str>,
    /// A rejected label's CBOR, where it was kept; `None` for a label that holds.
    pub raw: Option<&'a [u8]>,
    /// A label that holds.
    label: Option<&'a Row<'a>>,
}

impl RowView<'_> {
    /// The frame in which a label that holds stands now; `None` for anything else. While that
    /// is the same the row says the same: only a later epoch moves it, and signs it anew.
    #[must_use]
    pub fn frame(&self) -> Option<(Epoch, Seq)> {
        let row = self.label?;
        epoch(row, 6).ok().zip(seq(row, 7).ok())
    }
}

/// What is to be done with a row. `true` takes it, `false` passes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is passed over.
    Pass,
    /// Its event is taken.
    Take,
    /// Its event is at hand already: it counts like one that is taken, and is not read.
    Have,
}

impl From<bool> for Choice {
    fn from(takes: bool) -> Self {
        if takes { Self::Take } else { Self::Pass }
    }
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned<S> {
    /// What was handed in, after the last look.
    pub state: S,
    /// What was taken, in order.
    pub events: Vec<Event>,
    /// Everything up to here was looked at: the last row seen; or, if there are no more rows
    /// up to there, the end of the log or `until`, whichever comes first.
    pub read: EventId,
    /// How many labels that hold were looked at.
    pub looked: u64,
}

/// Whether a row is taken.
type Look<S, C> = fn(&mut S, &RowView<'_>) -> C;

/// Reads a part of the log in one short read.
pub(crate) fn scan<S, C: Into<Choice>>(
    db: &mut Connection,
    scan: &Scan,
    state: S,
    look: Look<S, C>,
) -> Result<Scanned<S>, StoreError> {
    let snapshot = db.transaction()?;
    let mut names = Names::default();
    let walk = Walk {
        scan: Scan { until: scan.until.min(log::last(&snapshot)?), ..*scan },
        state,
        look,
        read: scan.after,
        looked: 0,
        rows: 0,
        bytes: 0,
        taken: Taken::default(),
    };
    let Walk { state, read, looked, taken, .. } = walk.go(&snapshot, &mut names)?;
    Ok(Scanned { state, events: taken.fetch(&snapshot, &mut names)?, read, looked })
}

struct Walk<S, C> {
    scan: Scan,
    state: S,
    look: Look<S, C>,
    read: EventId,
    looked: u64,
    /// Rows seen, those of purged labelers included.
    rows: usize,
    /// Bytes of text and CBOR seen.
    bytes: usize,
    taken: Taken,
}

impl<S, C: Into<Choice>> Walk<S, C> {
    fn go(mut self, db: &Transaction<'_>, names: &mut Names) -> Result<Self, StoreError> {
        let Scan { after, until, rejected: wants_rejected, labelers: wants_labelers, .. } =
            self.scan;
        let wants_states = self.scan.states;
        let mut select = db.prepare_cached(
            "SELECT id, labeler, flags, uri, val, length(raw), epoch, seq FROM labels
             WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let mut labels = select.query([after.get(), until.get()])?;
        let mut select = db.prepare_cached(
            "SELECT id, labeler, verdict, raw, length(reason) FROM rejected
             WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let from = |wanted: bool| if wanted { after.get() } else { until.get() };
        let mut rejected = select.query([from(wants_rejected), until.get()])?;
        let mut select = db.prepare_cached(
            "SELECT id, did FROM happenings WHERE id > ?1 AND id <= ?2 ORDER BY id",
        )?;
        let mut happened = select.query([from(wants_labelers), until.get()])?;
        let mut select = db.prepare_cached(
            "SELECT id, labeler, flags, uri, val FROM states
             WHERE id > ?1 AND id <= ?2 AND id > (SELECT states_from FROM meta) ORDER BY id",
        )?;
        let mut became = select.query([from(wants_states), until.get()])?;
        labels.advance()?;
        rejected.advance()?;
        happened.advance()?;
        became.advance()?;
        while self.goes_on() {
            let next = [front(&labels)?, front(&rejected)?, front(&happened)?, front(&became)?];
            let Some(first) = next.iter().flatten().min().copied() else {
                self.read = self.read.max(until);
                break;
            };
            let [label, refused, happening, _] = next.map(|id| id == Some(first));
            if label {
                self.see_label(first, labels.get(), db, names)?;
                labels.advance()?;
            } else if refused {
                self.see_rejected(first, rejected.get(), db, names)?;
                rejected.advance()?;
            } else if happening {
                self.see_labeler(first, happened.get())?;
                happened.advance()?;
            } else {
                self.see_state(first, became.get(), db, names)?;
                became.advance()?;
            }
        }
        Ok(self)
    }

    fn goes_on(&self) -> bool {
        self.rows < self.scan.rows.min(ROWS)
            && self.bytes < BYTES
            && self.taken.count < self.scan.events
            && self.taken.weight < LARGE
    }

    fn see_label(
        &mut self,
        id: EventId,
        row: Option<&Row<'_>>,
        db: &Connection,
        names: &mut Names,
    ) -> rusqlite::Result<()> {
        let Some(row) = row else { return Ok(()) };
        self.rows += 1;
        self.read = id;
        let Some(labeler) = names.of(db, Interned(row.get(1)?))? else {
            self.taken.end_run();
            return Ok(());
        };
        let (uri, val) = (row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
        let view = RowView {
            id,
            labeler,
            topic: Topic::Label(rows::verdict_of(row.get(2)?)),
            uri: Some(uri),
            val: Some(val),
            raw: None,
            label: Some(row),
        };
        let seen = uri.len() + val.len();
        self.looked += 1;
        self.bytes += seen;
        let choice = (self.look)(&mut self.state, &view).into();
        if choice != Choice::Take {
            self.taken.end_run();
        }
        if choice != Choice::Pass {
            let weight = size_of::<LabelEvent>() + UNSEEN + seen + length(row, 5)?;
            self.taken.count(weight);
        }
        if choice == Choice::Take {
            self.taken.label(id);
        }
        Ok(())
    }

    fn see_rejected(
        &mut self,
        id: EventId,
        row: Option<&Row<'_>>,
        db: &Connection,
        names: &mut Names,
    ) -> rusqlite::Result<()> {
        let Some(row) = row else { return Ok(()) };
        self.rows += 1;
        self.read = id;
        let Some(labeler) = names.of(db, Interned(row.get(1)?))? else { return Ok(()) };
        let raw = match row.get_ref(3)? {
            ValueRef::Null => None,
            raw => Some(raw.as_blob()?),
        };
        let topic = Topic::Label(rows::verdict(row, 2)?);
        let view = RowView { id, labeler, topic, uri: None, val: None, raw, label: None };
        let seen = raw.map_or(0, <[u8]>::len);
        self.bytes += seen;
        let weight = size_of::<RejectedEvent>() + length(row, 4)? + seen;
        let choice = (self.look)(&mut self.state, &view).into();
        if choice != Choice::Pass {
            self.taken.count(weight);
        }
        if choice == Choice::Take {
            self.taken.rejected.push(id);
        }
        Ok(())
    }

    fn see_labeler(&mut self, id: EventId, row: Option<&Row<'_>>) -> rusqlite::Result<()> {
        let Some(row) = row else { return Ok(()) };
        self.rows += 1;
        self.read = id;
        let labeler = labelers::did(row, 1)?;
        let view = RowView {
            id,
            labeler: &labeler,
            topic: Topic::Labeler,
            uri: None,
            val: None,
            raw: None,
            label: None,
        };
        let weight = size_of::<LabelerEvent>() + UNSEEN;
        let choice = (self.look)(&mut self.state, &view).into();
        if choice != Choice::Pass {
            self.taken.count(weight);
        }
        if choice == Choice::Take {
            self.taken.happened.push(id);
        }
        Ok(())
    }

    fn see_state(
        &mut self,
        id: EventId,
        row: Option<&Row<'_>>,
        db: &Connection,
        names: &mut Names,
    ) -> rusqlite::Result<()> {
        let Some(row) = row else { return Ok(()) };
        self.rows += 1;
        self.read = id;
        let Some(labeler) = names.of(db, Interned(row.get(1)?))? else { return Ok(()) };
        let (uri, val) = (row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
        let topic = Topic::State(rows::verdict_of(row.get(2)?));
        let (uri, val) = (Some(uri), Some(val));
        let view = RowView { id, labeler, topic, uri, val, raw: None, label: None };
        let seen = uri.map_or(0, str::len) + val.map_or(0, str::len);
        self.bytes += seen;
        let choice = (self.look)(&mut self.state, &view).into();
        if choice != Choice::Pass {
            self.taken.count(size_of::<StateEvent>() + seen);
        }
        if choice == Choice::Take {
            self.taken.became.push(id);
        }
        Ok(())
    }
}

/// The id of the row in front.
fn front(rows: &Rows<'_>) -> rusqlite::Result<Option<EventId>> {
    rows.get().map(|row| event_id(row, 0)).transpose()
}

/// A length as SQLite tells it; nothing has none.
fn length(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let length: Option<i64> = row.get(column)?;
    Ok(length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0))
}

/// What was taken, before it is read.
#[derive(Default)]
struct Taken {
    /// First and last of labels that follow on one another in their table.
    runs: Vec<(EventId, EventId)>,
    /// Whether the next label follows on the last run.
    open: bool,
    rejected: Vec<EventId>,
    happened: Vec<EventId>,
    became: Vec<EventId>,
    count: usize,
    weight: usize,
}

impl Taken {
    fn label(&mut self, id: EventId) {
        match self.runs.last_mut() {
            Some((_, last)) if self.open => *last = id,
            _ => self.runs.push((id, id)),
        }
        self.open = true;
    }

    const fn count(&mut self, weight: usize) {
        self.count += 1;
        self.weight += weight;
    }

    const fn end_run(&mut self) {
        self.open = false;
    }

    fn fetch(&self, db: &Transaction<'_>, names: &mut Names) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::with_capacity(self.count);
        let mut select = db.prepare_cached(&format!(
            "SELECT {} FROM labels WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            rows::LABEL
        ))?;
        for (first, last) in &self.runs {
            let mut found = select.query([first.get(), last.get()])?;
            while let Some(row) = found.next()? {
                if let Some(labeler) = names.of(db, Interned(row.get(1)?))? {
                    events.push(Event::Label(rows::label(row, labeler.clone())?));
                }
            }
        }
        for id in &self.rejected {
            events.extend(log::rejected_event(db, names, *id)?.map(Event::Rejected));
        }
        for id in &self.happened {
            events.extend(happenings::one(db, *id)?.map(Event::Labeler));
        }
        for id in &self.became {
            events.extend(states::one(db, names, *id)?.map(Event::State));
        }
        // Ascending lists behind one another, which this sort merges.
        events.sort_by_key(Event::id);
        Ok(events)
    }
}
