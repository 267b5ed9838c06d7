//! A page of the log, as rows: what one transaction writes.

use crate::limits::Limits;
use crate::row::Row;
use label::EventId;
use std::collections::HashMap;
use store::{Standing, Store, StoreError};

/// Rows, and how far they bring the table.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// One for each key.
    pub(crate) rows: Vec<Row>,
    /// Everything up to here is in them.
    pub(crate) read: EventId,
    /// How many labels that was.
    pub(crate) looked: u64,
    /// Whether there was more.
    pub(crate) full: bool,
}

/// Labels looked at for a page, for each row that it may have: where hardly any is current the
/// position is to move all the same.
const LOOKS: u64 = 10;

/// Reads a page above `after`, in short reads.
pub(crate) async fn read(
    store: &Store,
    after: EventId,
    limits: &Limits,
) -> Result<Page, StoreError> {
    let mut gathered = Gathered::default();
    let (mut read, mut looked) = (after, 0);
    loop {
        let stretch = store.stretch(read, limits.rows).await?;
        let stands = stretch.read == read;
        looked += stretch.looked;
        read = stretch.read;
        stretch.current.into_iter().for_each(|standing| gathered.add(standing));
        let full = gathered.rows.len() >= limits.rows
            || gathered.weight >= limits.bytes
            || looked >= limits.rows as u64 * LOOKS;
        let ends = stands || read >= store.head().borrow().last;
        if full || ends {
            return Ok(Page { rows: gathered.rows, read, looked, full: !ends });
        }
    }
}

/// Rows of several reads. What was current in one may not be any more in the next.
#[derive(Default)]
struct Gathered {
    rows: Vec<Row>,
    places: HashMap<(String, String, String), usize>,
    weight: usize,
}

impl Gathered {
    fn add(&mut self, standing: Standing) {
        let (row, skipped) = Row::of(standing);
        if let Some(skipped) = skipped {
            skipped.count();
        }
        let Some(row) = row else { return };
        self.weight += row.weight();
        let key = (row.src.clone(), row.uri.clone(), row.val.clone());
        let place = *self.places.entry(key).or_insert(self.rows.len());
        match self.rows.get_mut(place) {
            Some(before) => *before = row,
            None => self.rows.push(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::standing;

    #[test]
    fn of_a_key_that_is_met_again_the_later_label_stands() {
        let mut gathered = Gathered::default();
        gathered.add(standing(|parts| parts.cid = Some("first".into())));
        gathered.add(standing(|parts| parts.val = "rude".into()));
        gathered.add(standing(|parts| parts.neg = Some(true)));
        let rows: Vec<(&str, bool)> =
            gathered.rows.iter().map(|row| (&*row.val, row.put.is_some())).collect();
        assert_eq!(rows, [("spam", false), ("rude", true)]);
        gathered.add(standing(|parts| parts.uri.push('\0')));
        assert_eq!(gathered.rows.len(), 2);
    }
}
