//! Hints at labelers, and who is still to be looked up because of one: the rows of `lookups`.
//! What a hint is worth is decided elsewhere; here none gets lost.

use crate::convert::small;
use crate::desk::Desk;
use crate::places::{self, Place};
use crate::{Declared, Source, StoreError, declarations, labelers};
use label::{Did, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Whom a look-up asks. Each kind waits in a lane of its own, so that hosts that never answer
/// do not hold up the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The directory, and nobody else.
    Directory,
    /// The directory, and then the account's server, where its declaration is kept.
    Declared,
    /// The host of a did:web, and perhaps such a server.
    Web,
}

impl Lane {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Directory, Self::Declared, Self::Web];

    const fn number(self) -> i64 {
        match self {
            Self::Directory => 0,
            Self::Declared => 1,
            Self::Web => 2,
        }
    }

    fn of(did: &Did, declared: bool) -> Self {
        match (did.web_host(), declared) {
            (Some(_), _) => Self::Web,
            (None, true) => Self::Declared,
            (None, false) => Self::Directory,
        }
    }
}

/// What was heard somewhere, and how far that place was read by hearing it.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Who was hinted at, and by what.
    pub dids: Vec<(Did, Source)>,
    /// Accounts that were deleted (true) or are there (false).
    pub accounts: Vec<(Did, bool)>,
    /// Whether those count who are not tracked.
    pub strangers: bool,
    /// How far the place was read.
    pub place: Option<Place>,
}

/// What became of hints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Look-ups that were not waiting before.
    pub added: u64,
    /// Tracked labelers about whom something may have changed.
    pub changed: Vec<Did>,
}

/// A look-up that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Whose.
    pub did: Did,
    /// Who hinted, in order.
    pub sources: Vec<Source>,
    /// Whether its declaration is to be read.
    pub declared: bool,
    /// How often it failed since it last did not.
    pub tries: u32,
    /// Whether nothing was found before and this is the second look.
    pub again: bool,
    /// Another number after each hint.
    pub hints: i64,
}

/// What came of a look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// By which of the hints this is a labeler. None: it is not, or not known to be.
    pub found_by: Vec<Source>,
    /// What it declares, where that was to be read and became known.
    pub declared: Option<Declared>,
    /// When to look again; `None`: never, unless somebody hints at it.
    pub next: Option<Next>,
}

/// When a look-up is to be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Not before this.
    pub due_at: Millis,
    /// How often it has failed.
    pub tries: u32,
    /// Whether that will be the second look.
    pub again: bool,
}

/// What a conclusion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concluded {
    /// Whether it is tracked because of this.
    pub found: bool,
    /// Whether it is tracked.
    pub tracked: bool,
    /// Whether the look-up no longer waits.
    pub settled: bool,
}

/// Keeps hints, and how far the place was read, both or neither. Of somebody who was removed
/// nothing is kept.
pub(crate) fn keep(desk: &mut Desk<'_>, hints: &Hints, now: Millis) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    for (did, source) in &hints.dids {
        match (labelers::tracking(desk.db, did)?, source) {
            (Some(false), _) => {}
            (None, _) if !hints.strangers => {}
            (None, _) => kept.added += u64::from(hint(desk.db, did, Some(*source), now)?),
            (Some(true), Source::Record) => {
                let source = hints.strangers.then_some(*source);
                kept.added += u64::from(refresh(desk.db, did, source, now)?);
            }
            (Some(true), Source::Identity | Source::Plc) => kept.changed.push(did.clone()),
            (Some(true), _) => drop(labelers::add(desk, std::slice::from_ref(did), *source, now)?),
        }
    }
    for (did, deleted) in &hints.accounts {
        if labelers::account_is(desk.db, did, *deleted)? {
            kept.changed.push(did.clone());
        }
    }
    if let Some(place) = &hints.place {
        places::keep(desk.db, place)?;
    }
    Ok(kept)
}

/// Has declarations read that were last asked for at `before` or earlier, of at most `most`
/// labelers whose document is known. Answers how many look-ups were not waiting before.
pub(crate) fn want_declarations(
    desk: &mut Desk<'_>,
    before: Millis,
    most: usize,
    now: Millis,
) -> Result<u64, StoreError> {
    let mut added = 0;
    for did in declarations::outdated(desk.db, before, most)? {
        added += u64::from(refresh(desk.db, &did, None, now)?);
    }
    Ok(added)
}

fn hint(db: &Connection, did: &Did, source: Option<Source>, now: Millis) -> rusqlite::Result<bool> {
    let declared = source == Some(Source::Record);
    wait(db, did, source, declared, now)
}

fn refresh(
    db: &Connection,
    did: &Did,
    source: Option<Source>,
    now: Millis,
) -> rusqlite::Result<bool> {
    wait(db, did, source, true, now)
}

/// Has somebody wait to be looked up. True if nobody did before. A hint makes no host answer
/// that did not: who is in back-off stays so.
fn wait(
    db: &Connection,
    did: &Did,
    source: Option<Source>,
    declared: bool,
    now: Millis,
) -> rusqlite::Result<bool> {
    let mut select = db.prepare_cached("SELECT sources FROM lookups WHERE did = ?1")?;
    let before: Option<String> = select.query_row([did.as_str()], |row| row.get(0)).optional()?;
    let sources = with(before.as_deref().unwrap_or_default(), source);
    let lane = Lane::of(did, declared).number();
    let mut upsert = db.prepare_cached(
        "INSERT INTO lookups (did, lane, sources, declared, due_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (did) DO UPDATE SET
             lane = max(lane, excluded.lane),
             sources = excluded.sources,
             declared = max(declared, excluded.declared),
             due_at = iif(tries > 0, due_at, min(due_at, excluded.due_at)),
             again = 0,
             hints = hints + 1",
    )?;
    upsert.execute(params![did.as_str(), lane, sources, declared, now.0])?;
    Ok(before.is_none())
}

/// A list of sources with one more.
fn with(sources: &str, source: Option<Source>) -> String {
    let Some(source) = source.map(Source::as_str) else { return sources.to_owned() };
    let mut names: Vec<&str> = sources.split(',').filter(|name| !name.is_empty()).collect();
    if !names.contains(&source) {
        names.push(source);
    }
    names.join(",")
}

/// Up to `most` look-ups that are due, the oldest first; without `strangers` only of those who
/// are tracked.
pub(crate) fn due(
    db: &Connection,
    strangers: bool,
    lane: Lane,
    now: Millis,
    most: usize,
) -> Result<Vec<Lookup>, StoreError> {
    // Strangers may be left from before, by the million; labelers are few. CROSS: SQLite is to
    // begin with those.
    let mut select = db.prepare_cached(if strangers {
        "SELECT did, sources, declared, tries, again, hints FROM lookups
         WHERE lane = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3"
    } else {
        "SELECT lookups.did, lookups.sources, declared, tries, again, hints
         FROM labelers CROSS JOIN lookups ON lookups.did = labelers.did
         WHERE labelers.tracked AND lane = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3"
    })?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = select.query_map(params![lane.number(), now.0, most], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Lookup> {
    let sources: String = row.get(1)?;
    Ok(Lookup {
        did: labelers::did(row, 0)?,
        sources: sources.split(',').filter_map(Source::from_name).collect(),
        declared: row.get(2)?,
        tries: small(row, 3)?,
        again: row.get(4)?,
        hints: row.get(5)?,
    })
}

/// How many wait.
pub(crate) fn count(db: &Connection) -> Result<u64, StoreError> {
    let mut select = db.prepare_cached("SELECT count(*) FROM lookups")?;
    Ok(select.query_row([], |row| crate::convert::count(row, 0))?)
}

/// Does what a look-up came to: tracks, keeps the declaration, and takes the look-up off the
/// list or puts it off. Hinted at meanwhile, it stays on the list, and what comes next is a
/// first look.
pub(crate) fn conclude(
    desk: &mut Desk<'_>,
    lookup: &Lookup,
    conclusion: &Conclusion,
    now: Millis,
) -> Result<Concluded, StoreError> {
    let mut found = false;
    for source in &conclusion.found_by {
        let did = std::slice::from_ref(&lookup.did);
        found |= !labelers::add(desk, did, *source, now)?.is_empty();
    }
    let tracking = labelers::tracking(desk.db, &lookup.did)?;
    let tracked = tracking == Some(true);
    if let (true, Some(declared)) = (tracked, &conclusion.declared) {
        declarations::keep(desk.db, &lookup.did, declared, now)?;
    }
    // Nobody waits for those who were removed, nor for what strangers declare.
    let matters = tracked || (tracking.is_none() && !lookup.sources.is_empty());
    let settled = match conclusion.next.filter(|_| matters) {
        None => take_off(desk.db, lookup, now)?,
        Some(next) => {
            put_off(desk.db, lookup, next)?;
            false
        }
    };
    Ok(Concluded { found, tracked, settled })
}

fn take_off(db: &Connection, lookup: &Lookup, now: Millis) -> rusqlite::Result<bool> {
    let mut delete = db.prepare_cached("DELETE FROM lookups WHERE did = ?1 AND hints = ?2")?;
    if delete.execute(params![lookup.did.as_str(), lookup.hints])? > 0 {
        return Ok(true);
    }
    // Hinted at meanwhile it is looked up once more, behind those who wait already.
    let mut update =
        db.prepare_cached("UPDATE lookups SET due_at = ?2, tries = 0 WHERE did = ?1")?;
    update.execute(params![lookup.did.as_str(), now.0])?;
    Ok(false)
}

/// Whoever has failed waits, however often it is hinted at; else a few that never answer would
/// always be the first in line.
fn put_off(db: &Connection, lookup: &Lookup, next: Next) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE lookups SET due_at = ?3, tries = ?4, again = (?5 AND hints = ?2) WHERE did = ?1",
    )?;
    let Next { due_at, tries, again } = next;
    update.execute(params![lookup.did.as_str(), lookup.hints, due_at.0, tries, again])?;
    Ok(())
}
