//! A set of labels, by their ids, in some bits for each.

use label::EventId;
use std::collections::HashMap;

/// Ids that share a chunk, in bits: 8 KiB each.
const CHUNK: u32 = 16;

/// Words of a chunk.
const WORDS: usize = 1 << (CHUNK - 6);

/// A set of labels. Takes a bit for each id, as long as ids lie close together.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    chunks: HashMap<i64, Box<[u64]>>,
}

impl Marks {
    pub(crate) fn insert(&mut self, id: i64) {
        let (chunk, word, bit) = place(id);
        let words = self.chunks.entry(chunk).or_insert_with(|| vec![0; WORDS].into());
        if let Some(word) = words.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether this one is in it.
    #[must_use]
    pub fn has(&self, id: EventId) -> bool {
        let (chunk, word, bit) = place(id.get());
        let word = self.chunks.get(&chunk).and_then(|words| words.get(word));
        word.is_some_and(|word| word & bit != 0)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.chunks.values().flatten().map(|word| u64::from(word.count_ones())).sum()
    }
}

fn place(id: i64) -> (i64, usize, u64) {
    let within = id & ((1 << CHUNK) - 1);
    (id >> CHUNK, usize::try_from(within >> 6).unwrap_or_default(), 1 << (within & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::MAX_NUMBER;
    use std::collections::BTreeSet;

    #[test]
    fn what_was_marked_is_and_nothing_else() {
        let ids = [0, 1, 63, 64, 65_535, 65_536, 65_600, MAX_NUMBER];
        let mut marks = Marks::default();
        ids.iter().for_each(|id| marks.insert(*id));
        marks.insert(64);
        let near: BTreeSet<i64> = ids.iter().flat_map(|id| id - 2..=id + 2).collect();
        for id in near.into_iter().filter_map(EventId::new) {
            assert_eq!(marks.has(id), ids.contains(&id.get()), "{id}");
        }
        assert_eq!(marks.count(), ids.len() as u64);
    }
}
