//! What becomes of a look-up, given what was seen. Pure.

use fleet::growing;
use label::{Did, Millis};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;
use store::{Conclusion, Declared, Lookup, Next, Source};

/// The shortest and the longest wait before somebody who could not be asked is asked again.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What the DID document showed, and the proof where one was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// There is no such DID.
    Nobody,
    /// The document has no labeler service.
    NoLabeler {
        /// What is declared all the same, if that was asked.
        told: Option<Told>,
    },
    /// It has one, of whatever quality.
    Labeler {
        /// What is declared, if that was asked.
        told: Option<Told>,
    },
    /// The document could not be asked for.
    Unreachable {
        /// How long the host wants to be left alone.
        retry_after: Option<Duration>,
    },
}

/// What the account says of its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// This, and the account has signed it. `None`: it is what was known before, or older.
    Proven {
        /// Whether there is a declaration.
        present: bool,
        /// What is new in it.
        news: Option<Declared>,
    },
    /// Nothing that could be believed.
    Nothing,
    /// Its server could not be asked.
    Unreachable {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Decides. `second_look` is how long to wait for the directory's copies.
pub(super) fn verdict(
    lookup: &Lookup,
    seen: &Seen,
    now: Millis,
    second_look: Duration,
) -> Conclusion {
    let put_off = |retry_after: Option<Duration>| {
        let tries = lookup.tries.saturating_add(1);
        let wait = growing(SHORTEST, LONGEST, salt(&lookup.did), tries);
        let wait = wait.max(retry_after.unwrap_or_default());
        Some(Next { due_at: later(now, wait), tries, again: lookup.again })
    };
    let (told, is_labeler) = match seen {
        Seen::Unreachable { retry_after } => {
            return Conclusion { next: put_off(*retry_after), ..Conclusion::default() };
        }
        Seen::Nobody => (None, false),
        Seen::NoLabeler { told } => (told.as_ref(), false),
        Seen::Labeler { told } => (told.as_ref(), true),
    };
    let proven = matches!(told, Some(Told::Proven { present: true, .. }));
    let holds = |source: &Source| is_labeler && (*source != Source::Record || proven);
    let found_by: Vec<Source> = lookup.sources.iter().copied().filter(holds).collect();
    let unproven = matches!(told, Some(Told::Nothing));
    let next = match told {
        Some(Told::Unreachable { retry_after }) => put_off(*retry_after),
        _ if (found_by.is_empty() || unproven) && may_lag(lookup) => {
            Some(Next { due_at: later(now, second_look), tries: 0, again: true })
        }
        _ => None,
    };
    let declared = match told {
        Some(Told::Proven { news, .. }) => news.clone(),
        Some(Told::Unreachable { .. }) => None,
        Some(Told::Nothing) | None => {
            (lookup.declared && next.is_none()).then_some(Declared::Unknown)
        }
    };
    Conclusion { found_by, declared, next }
}

/// Whether the directory may not have shown yet what the hint was about.
fn may_lag(lookup: &Lookup) -> bool {
    let lately = |source| matches!(source, &Source::Identity | &Source::Record | &Source::Plc);
    !lookup.again && lookup.did.web_host().is_none() && lookup.sources.iter().any(lately)
}

fn later(now: Millis, wait: Duration) -> Millis {
    Millis(now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
}

/// Tells accounts apart, the same in every run.
fn salt(did: &Did) -> u64 {
    let mut hasher = DefaultHasher::new();
    did.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Source::{Identity, Plc, Record, RelayList};

    const NOW: Millis = Millis(1_000_000);
    const LAG: Duration = Duration::from_secs(45);

    fn lookup(sources: &[Source], declared: bool) -> Lookup {
        let did = Did::parse("did:plc:ar7c4by46qjdydhdevvrndac").unwrap();
        let sources = sources.to_vec();
        Lookup { did, sources, declared, tries: 0, again: false, hints: 1 }
    }

    fn decide(lookup: &Lookup, seen: &Seen) -> Conclusion {
        verdict(lookup, seen, NOW, LAG)
    }

    fn second_look() -> Option<Next> {
        Some(Next { due_at: Millis(NOW.0 + 45_000), tries: 0, again: true })
    }

    fn labeler(told: Option<Told>) -> Seen {
        Seen::Labeler { told }
    }

    fn proven(present: bool) -> Told {
        let rev = "3k".to_owned();
        let news = match present {
            true => Declared::Present { rev, record: "{}".into() },
            false => Declared::Absent { rev },
        };
        Told::Proven { present, news: Some(news) }
    }

    #[test]
    fn a_labeler_is_found_by_every_hint_that_needs_no_proof() {
        let seen = labeler(None);
        let found = decide(&lookup(&[Identity, RelayList, Plc], false), &seen);
        let expected =
            Conclusion { found_by: vec![Identity, RelayList, Plc], ..Conclusion::default() };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_record_counts_only_when_it_is_proven_and_the_document_agrees() {
        let by_record = lookup(&[Record], true);
        let found = decide(&by_record, &labeler(Some(proven(true))));
        assert_eq!((found.found_by, found.next), (vec![Record], None));
        assert!(matches!(found.declared, Some(Declared::Present { .. })));
        for told in [Told::Nothing, proven(false)] {
            let refused = decide(&by_record, &labeler(Some(told)));
            assert_eq!((refused.found_by, refused.next), (vec![], second_look()));
        }
        let no_service = decide(&by_record, &Seen::NoLabeler { told: Some(proven(true)) });
        assert_eq!(no_service.found_by, []);
        // Other hints hold whatever became of the proof.
        let both = lookup(&[Identity, Record], true);
        let found = decide(&both, &labeler(Some(Told::Unreachable { retry_after: None })));
        assert_eq!((found.found_by, found.declared), (vec![Identity], None));
        assert_eq!(found.next.unwrap().tries, 1);
    }

    #[test]
    fn where_nothing_was_found_there_is_one_second_look() {
        for seen in [Seen::Nobody, Seen::NoLabeler { told: None }] {
            for source in [Identity, Record, Plc] {
                let mut lookup = lookup(&[source], source == Record);
                assert_eq!(decide(&lookup, &seen).next, second_look());
                lookup.again = true;
                assert_eq!(decide(&lookup, &seen).next, None);
            }
            assert_eq!(decide(&lookup(&[RelayList], false), &seen).next, None);
            let mut web = lookup(&[Identity], false);
            web.did = Did::parse("did:web:mod.test").unwrap();
            assert_eq!(decide(&web, &seen).next, None, "nobody copies that");
        }
    }

    #[test]
    fn who_cannot_be_asked_is_asked_ever_later_and_never_forgotten() {
        let mut lookup = lookup(&[Identity], false);
        let mut before = 0;
        for tries in 1..40 {
            let seen = Seen::Unreachable { retry_after: None };
            let conclusion = decide(&lookup, &seen);
            let next = conclusion.next.unwrap();
            let wait = next.due_at.0 - NOW.0;
            assert!(wait > before || wait >= 17_280_000, "{tries}: {wait}");
            assert!((4_000..=21_600_000).contains(&wait), "{tries}: {wait}");
            assert_eq!((next.tries, conclusion.found_by), (tries, vec![]));
            (lookup.tries, before) = (next.tries, wait);
        }
        let asked = Seen::Unreachable { retry_after: Some(Duration::from_secs(90_000)) };
        assert_eq!(decide(&lookup, &asked).next.unwrap().due_at.0 - NOW.0, 90_000_000);
    }

    #[test]
    fn a_declaration_that_cannot_be_had_leaves_what_is_known() {
        let refresh = lookup(&[], true);
        for seen in [Seen::Nobody, labeler(Some(Told::Nothing))] {
            let conclusion = decide(&refresh, &seen);
            assert_eq!(conclusion.declared, Some(Declared::Unknown));
            assert_eq!((conclusion.found_by, conclusion.next), (vec![], None));
        }
        let known = Told::Proven { present: true, news: None };
        assert_eq!(decide(&refresh, &labeler(Some(known))).declared, None);
    }
}
