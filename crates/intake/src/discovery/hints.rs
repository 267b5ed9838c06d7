//! What an event of the firehose hints at, and hints that are not on disk yet. Pure.

use label::Did;
use std::collections::{BTreeMap, BTreeSet};
use store::{Hints, Place, Source};
use wire::{Happening, LabelerOp};

/// Hints that may be in memory; then they are saved at once.
const MOST: usize = 10_000;

/// What an event is to somebody who looks for labelers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Nothing,
    /// This document may have changed.
    Identity(Did),
    /// This account was deleted, or is there.
    Account { did: Did, deleted: bool },
    /// This declaration is said to have changed.
    Declaration(Box<LabelerOp>),
}

/// What happened, and what it means. An account that is merely hidden or asleep is not deleted.
pub(super) fn meaning(what: Happening) -> (&'static str, Meaning) {
    match what {
        Happening::Commit(Some(op)) => ("commit", Meaning::Declaration(op)),
        Happening::Commit(None) => ("commit", Meaning::Nothing),
        Happening::Sync => ("sync", Meaning::Nothing),
        Happening::Identity(did) => ("identity", Meaning::Identity(did)),
        // What else may ail an account takes nothing from what it was.
        Happening::Account { did, active, status } => match (active, status.as_deref()) {
            (true, _) => ("account", Meaning::Account { did, deleted: false }),
            (false, Some("deleted")) => ("account", Meaning::Account { did, deleted: true }),
            (false, _) => ("account", Meaning::Nothing),
        },
        Happening::Unknown => ("unknown", Meaning::Nothing),
        Happening::Malformed(_) => ("malformed", Meaning::Nothing),
    }
}

/// Hints that wait to be saved, each once.
#[derive(Debug, Default)]
pub(super) struct Collected {
    dids: BTreeSet<(Did, Source)>,
    /// What was said last counts.
    accounts: BTreeMap<Did, bool>,
}

impl Collected {
    pub(super) fn hint(&mut self, did: Did, source: Source) {
        self.dids.insert((did, source));
    }

    pub(super) fn account(&mut self, did: Did, deleted: bool) {
        self.accounts.insert(did, deleted);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.dids.is_empty() && self.accounts.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.dids.len() + self.accounts.len() >= MOST
    }

    /// All of them, with how far the firehose was read. They stay here until the store has
    /// taken them and this is cleared.
    pub(super) fn hints(&self, strangers: bool, place: Option<Place>) -> Hints {
        Hints {
            dids: self.dids.iter().cloned().collect(),
            accounts: self.accounts.iter().map(|(did, deleted)| (did.clone(), *deleted)).collect(),
            strangers,
            place,
        }
    }

    pub(super) fn clear(&mut self) {
        self.dids.clear();
        self.accounts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(number: usize) -> Did {
        Did::parse(&format!("did:web:a{number}.test")).unwrap()
    }

    #[test]
    fn only_a_deleted_account_is_deleted_and_only_an_active_one_is_back() {
        for (active, status, deleted) in [
            (true, None, Some(false)),
            (false, Some("deleted"), Some(true)),
            (true, Some("deleted"), Some(false)),
            (false, Some("takendown"), None),
            (false, Some("deactivated"), None),
            (false, None, None),
        ] {
            let status = status.map(str::to_owned);
            let (kind, meant) = meaning(Happening::Account { did: did(1), active, status });
            let expected = match deleted {
                Some(deleted) => Meaning::Account { did: did(1), deleted },
                None => Meaning::Nothing,
            };
            assert_eq!((kind, meant), ("account", expected));
        }
    }

    #[test]
    fn events_about_other_things_mean_nothing() {
        for what in [
            Happening::Commit(None),
            Happening::Sync,
            Happening::Unknown,
            Happening::Malformed("did is missing"),
        ] {
            assert_eq!(meaning(what).1, Meaning::Nothing);
        }
    }

    #[test]
    fn a_hint_is_collected_once_and_of_an_account_the_last_word_counts() {
        let mut collected = Collected::default();
        for _ in 0..3 {
            collected.hint(did(1), Source::Identity);
            collected.hint(did(1), Source::Record);
        }
        collected.account(did(2), true);
        collected.account(did(2), false);
        let hints = collected.hints(true, None);
        assert_eq!(hints.dids, [(did(1), Source::Identity), (did(1), Source::Record)]);
        assert_eq!(hints.accounts, [(did(2), false)]);
        assert!(!collected.is_empty() && hints.strangers);
        collected.clear();
        assert!(collected.is_empty());
    }

    #[test]
    fn it_is_full_at_its_bound() {
        let mut collected = Collected::default();
        for number in 0..MOST {
            assert!(!collected.is_full());
            collected.hint(did(number), Source::Identity);
        }
        assert!(collected.is_full());
    }
}
