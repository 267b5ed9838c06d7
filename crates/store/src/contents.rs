//! What a labeler that started over has said before, so that it is not told again.
//!
//! When a new epoch begins, all that is held of the labeler is gathered in the table
//! `contents`, by a hash of what is said, a stretch at a time. While the new epoch is read, a
//! label whose content is held moves to its new frame under its old event id (contract
//! section 6: it is not delivered again). After a week the sweep takes the table's rows away.
//!
//! With one exception: what is newer than something new that was said of the same key is told
//! again. The new one was taken away when it no longer applied (`retire`), and is sent again. Who
//! is told of it has to hear again what came after it, too.

use crate::convert::event_id;
use crate::desk::Desk;
use crate::labelers::Interned;
use crate::log::Arrival;
use crate::rows;
use crate::{StoreError, made};
use label::syntax::instant;
use label::{Did, EventId, Label, Seq, Verdict};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

/// Labels gathered at once: some 20 ms of the writer.
const STRETCH: i64 = 2000;

/// Rows taken away at once.
const SWEPT: i64 = 2000;

/// How far the gathering has come: the last row looked at.
pub type Gathered = (u32, i64, i64);

/// Of what a label says, whoever signed it and however: `neg: false` says nothing. Not kept
/// beyond one re-reading, and what is found by it is compared in full.
fn hash(label: &Label) -> i64 {
    let mut hasher = Sha256::new();
    let texts = [Some(&label.uri), Some(&label.val), Some(&label.cts)];
    for text in texts.into_iter().chain([label.cid.as_ref(), label.exp.as_ref()]) {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hasher.update(length.to_be_bytes());
        hasher.update(text.map(String::as_bytes).unwrap_or_default());
    }
    hasher.update([u8::from(label.negates())]);
    first_bytes(hasher)
}

/// Of the key of a label, as a mark in the same table.
fn hash_of_key(label: &Label) -> i64 {
    let mut hasher = Sha256::new();
    for text in [&label.uri, &label.val] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    first_bytes(hasher)
}

fn first_bytes(hasher: Sha256) -> i64 {
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// Gathers some of what is held from before the present epoch, above `after`. Answers where to
/// go on; `None` when that was all, and from then on what comes is compared.
pub(crate) fn gather(
    desk: &mut Desk<'_>,
    did: &Did,
    after: Option<Gathered>,
) -> Result<Option<Gathered>, StoreError> {
    let (labeler, epoch): (i64, u32) = desk
        .db
        .prepare_cached("SELECT id, epoch FROM labelers WHERE did = ?1 AND tracked")?
        .query_row([did.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| StoreError::NotTracked(did.clone()))?;
    let (from_epoch, from_seq, from_id) = after.unwrap_or((0, 0, 0));
    let mut select = desk.db.prepare_cached(&format!(
        "SELECT {} FROM labels WHERE labeler = ?1 AND epoch < ?2
             AND (epoch, seq, id) > (?3, ?4, ?5) ORDER BY epoch, seq, id LIMIT ?6",
        rows::LABEL
    ))?;
    let mut found =
        select.query(params![labeler, epoch, from_epoch, from_seq, from_id, STRETCH])?;
    let mut insert = desk
        .db
        .prepare_cached("INSERT OR IGNORE INTO contents (labeler, hash, id) VALUES (?1, ?2, ?3)")?;
    let (mut last, mut count) = (None, 0);
    while let Some(row) = found.next()? {
        let event = rows::label(row, did.clone())?;
        insert.execute(params![labeler, hash(&event.label), event.id.get()])?;
        last = Some((event.epoch.0, event.seq.get(), event.id.get()));
        count += 1;
    }
    if count < STRETCH {
        let mut update = desk
            .db
            .prepare_cached("UPDATE labelers SET comparing = 2 WHERE id = ?1 AND comparing = 1")?;
        update.execute([labeler])?;
        return Ok(None);
    }
    Ok(last)
}

/// Looks for what this label says among what was gathered, and moves the row that is found to
/// the new frame, with its new signature. False when it is new.
pub(crate) fn is_known(
    desk: &mut Desk<'_>,
    arrival: &Arrival,
    (seq, place): (Seq, u32),
    label: &Label,
    verdict: Verdict,
    raw: Option<&[u8]>,
) -> Result<bool, StoreError> {
    let Some(id) = find(desk.db, arrival.labeler, label)? else {
        mark(desk.db, arrival.labeler, label)?;
        return Ok(false);
    };
    if is_marked(desk.db, arrival.labeler, label)? {
        return Ok(false);
    }
    let mut update = desk.db.prepare_cached(
        "UPDATE labels SET epoch = ?2, seq = ?3, place = ?4, sig = ?5, raw = ?6,
             flags = (flags & 1) | ?7 WHERE id = ?1",
    )?;
    update.execute(params![
        id.get(),
        arrival.epoch.0,
        seq.get(),
        place,
        label.sig,
        raw,
        rows::flags(false, label.neg, verdict),
    ])?;
    // What is said twice in the new epoch is said twice.
    let mut delete = desk
        .db
        .prepare_cached("DELETE FROM contents WHERE labeler = ?1 AND hash = ?2 AND id = ?3")?;
    delete.execute(params![arrival.labeler.0, hash(label), id.get()])?;
    Ok(true)
}

/// Remembers that something new was said of the label's key, and when it was made: below 0, where
/// no label has its id.
fn mark(db: &Connection, labeler: Interned, label: &Label) -> Result<(), StoreError> {
    let mut insert = db
        .prepare_cached("INSERT OR IGNORE INTO contents (labeler, hash, id) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![labeler.0, hash_of_key(label), -made::said(instant(&label.cts))])?;
    Ok(())
}

/// From here on what this labeler says is not compared any more.
pub(crate) fn forget(desk: &mut Desk<'_>, labeler: Interned) -> Result<(), StoreError> {
    let mut update = desk.db.prepare_cached("UPDATE labelers SET comparing = 0 WHERE id = ?1")?;
    update.execute([labeler.0])?;
    desk.ledger.sweeping = true;
    Ok(())
}

fn is_marked(db: &Connection, labeler: Interned, label: &Label) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT 1 FROM contents WHERE labeler = ?1 AND hash = ?2 AND id < 0 AND id >= ?3",
    )?;
    Ok(select.exists(params![labeler.0, hash_of_key(label), -made::said(instant(&label.cts))])?)
}

fn find(db: &Connection, labeler: Interned, label: &Label) -> Result<Option<EventId>, StoreError> {
    let mut candidates = db.prepare_cached(
        "SELECT id FROM contents WHERE labeler = ?1 AND hash = ?2 AND id > 0 ORDER BY id",
    )?;
    let mut row = db.prepare_cached(&format!(
        "SELECT {} FROM labels WHERE id = ?1 AND labeler = ?2",
        rows::LABEL
    ))?;
    let mut found = candidates.query(params![labeler.0, hash(label)])?;
    while let Some(candidate) = found.next()? {
        let id = event_id(candidate, 0)?;
        let read = |row: &rusqlite::Row<'_>| rows::label(row, label.src.clone());
        let held = row.query_row(params![id.get(), labeler.0], read).optional()?;
        if held.is_some_and(|held| held.label.says_the_same(label)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Takes away some rows of labelers that compare no longer. False when there were none.
pub(crate) fn sweep(db: &Connection) -> Result<bool, StoreError> {
    let mut next = db.prepare_cached("SELECT min(labeler) FROM contents WHERE labeler > ?1")?;
    let mut compares = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM labelers WHERE id = ?1 AND comparing != 0)",
    )?;
    let mut last = i64::MIN;
    while let Some(labeler) = next.query_row([last], |row| row.get::<_, Option<i64>>(0))? {
        if !compares.query_row([labeler], |row| row.get(0))? {
            let mut delete = db.prepare_cached(
                "DELETE FROM contents WHERE labeler = ?1 AND (labeler, hash, id) IN
                     (SELECT labeler, hash, id FROM contents WHERE labeler = ?1 LIMIT ?2)",
            )?;
            delete.execute([labeler, SWEPT])?;
            return Ok(true);
        }
        last = labeler;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::Parts;

    fn label(change: impl FnOnce(&mut Parts)) -> Label {
        let mut parts = Parts {
            src: Did::parse("did:web:l.test").unwrap(),
            uri: "did:web:s.test".into(),
            cid: None,
            val: "spam".into(),
            neg: None,
            cts: "2026-01-01T00:00:00Z".into(),
            exp: None,
            sig: vec![1; 64],
        };
        change(&mut parts);
        Label::vouched(parts)
    }

    #[test]
    fn the_hash_is_of_what_is_said_and_of_nothing_else() {
        let plain = hash(&label(|_| ()));
        assert_eq!(plain, hash(&label(|parts| parts.sig = vec![2; 64])));
        assert_eq!(plain, hash(&label(|parts| parts.neg = Some(false))));
        for other in [
            label(|parts| parts.neg = Some(true)),
            label(|parts| parts.uri.push('x')),
            label(|parts| parts.val.push('x')),
            label(|parts| parts.cts = "2026-01-01T00:00:01Z".into()),
            label(|parts| parts.cid = Some(String::new())),
            label(|parts| parts.exp = Some(String::new())),
            label(|parts| (parts.uri, parts.val) = ("did:web:s.tests".into(), "pam".into())),
        ] {
            assert_ne!(plain, hash(&other), "{other:?}");
        }
    }
}
