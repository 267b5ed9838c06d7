//! The consumers there are, and those that somebody may be about to connect to: by name,
//! where each one stands and how to speak to it. Shared by the API, the channel and the hall.

use crate::consumer::Word;
use crate::standing::Standing;
use crate::taste::Taste;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Head;
use tokio::sync::{SetOnce, mpsc, watch};

/// The names, and what is behind each.
#[derive(Debug)]
pub(crate) struct Names {
    names: Mutex<BTreeMap<String, Name>>,
    head: watch::Receiver<Head>,
    most: usize,
    /// Most different filters for each.
    filters: usize,
    /// Those that were kept are all here.
    complete: SetOnce<()>,
    /// Events written since the start, to whomever.
    delivered: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Name {
    standing: Arc<Standing>,
    /// Once it runs. The hall alone decides how long that is.
    inbox: Option<mpsc::WeakSender<Word>>,
    places: usize,
}

/// Why a place cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    TooManyConsumers,
    TooManyFilters,
}

/// A name that stays while somebody is about to use it.
#[derive(Debug)]
pub(crate) struct Held {
    names: Arc<Names>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) taste: Option<Taste>,
}

impl Names {
    pub(crate) fn new(head: watch::Receiver<Head>, most: usize, filters: usize) -> Self {
        Self {
            names: Mutex::default(),
            head,
            most,
            filters,
            complete: SetOnce::new(),
            delivered: Arc::default(),
        }
    }

    /// A panic while holding the lock cannot leave the map half written.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events written since the start, to whomever; also to those who are no more.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// All that were kept are here.
    pub(crate) fn are_complete(&self) {
        let _more_than_once = self.complete.set(());
    }

    /// Returns once they are.
    pub(crate) async fn complete(&self) {
        self.complete.wait().await;
    }

    /// Takes the name, and a place for the filter, unless that would be one too many.
    pub(crate) fn hold(self: &Arc<Self>, name: &str, taste: Option<&Taste>) -> Result<Held, Taken> {
        let mut names = self.lock();
        if !names.contains_key(name) && names.len() >= self.most {
            return Err(Taken::TooManyConsumers);
        }
        let entry = self.entry(&mut names, name);
        if taste.is_some_and(|taste| !entry.standing.take_filter(taste, self.filters)) {
            return Err(Taken::TooManyFilters);
        }
        entry.places += 1;
        let standing = Arc::clone(&entry.standing);
        Ok(Held { names: Arc::clone(self), standing, taste: taste.cloned() })
    }

    fn entry<'a>(&self, names: &'a mut BTreeMap<String, Name>, name: &str) -> &'a mut Name {
        names.entry(name.to_owned()).or_insert_with(|| Name {
            standing: Arc::new(Standing::new(
                name.to_owned(),
                self.head.clone(),
                self.delivered.clone(),
            )),
            inbox: None,
            places: 0,
        })
    }

    /// The consumer runs, or is about to. One that was kept is never one too many.
    pub(crate) fn runs(&self, name: &str, inbox: &mpsc::Sender<Word>) -> Arc<Standing> {
        let mut names = self.lock();
        let entry = self.entry(&mut names, name);
        entry.inbox = Some(inbox.downgrade());
        Arc::clone(&entry.standing)
    }

    /// There is no such consumer any more.
    pub(crate) fn gone(&self, name: &str) {
        let mut names = self.lock();
        let Some(entry) = names.get_mut(name) else { return };
        entry.inbox = None;
        // What comes under this name is another one.
        entry.standing =
            Arc::new(Standing::new(name.to_owned(), self.head.clone(), self.delivered.clone()));
        if entry.places == 0 {
            names.remove(name);
        }
    }

    /// Where it stands, whether it runs or not.
    pub(crate) fn standing(&self, name: &str) -> Option<Arc<Standing>> {
        self.lock().get(name).map(|entry| Arc::clone(&entry.standing))
    }

    /// A consumer that runs, and the way to it.
    pub(crate) fn running(&self, name: &str) -> Option<(Arc<Standing>, mpsc::Sender<Word>)> {
        let names = self.lock();
        let entry = names.get(name)?;
        Some((Arc::clone(&entry.standing), entry.inbox.as_ref()?.upgrade()?))
    }

    /// All that run, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Standing>> {
        let names = self.lock();
        let running = names.values().filter(|entry| entry.inbox.is_some());
        running.map(|entry| Arc::clone(&entry.standing)).collect()
    }

    /// A name under which nobody arrived is forgotten with its last place.
    fn leave(&self, name: &str) {
        let mut names = self.lock();
        let Some(entry) = names.get_mut(name) else { return };
        entry.places = entry.places.saturating_sub(1);
        if entry.places == 0 && entry.inbox.is_none() {
            names.remove(name);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(taste) = &self.taste {
            self.standing.leave_filter(taste);
        }
        self.names.leave(&self.standing.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(most: usize) -> Arc<Names> {
        let (_, head) = watch::channel(Head::default());
        Arc::new(Names::new(head, most, 2))
    }

    #[test]
    fn a_name_nobody_arrived_under_is_free_again() {
        let names = names(2);
        let (inbox, _heard) = mpsc::channel(1);
        names.runs("default", &inbox);
        let one = (names.hold("one", None).unwrap(), names.hold("one", None).unwrap());
        assert!(names.hold("default", None).is_ok());
        assert_eq!(names.hold("two", None).err(), Some(Taken::TooManyConsumers));
        drop(one.0);
        assert!(names.hold("two", None).is_err(), "somebody may still come");
        drop(one.1);
        let two = names.hold("two", None).unwrap();
        names.runs("two", &inbox);
        drop(two);
        assert!(names.hold("three", None).is_err(), "its consumer runs");
        names.gone("two");
        assert!(names.hold("three", None).is_ok());
        assert_eq!(names.all().len(), 1);
    }

    #[test]
    fn filters_are_counted_and_come_free() {
        let read = |text| label::Filter::read([("val", vec![text])], label::Hosts::Public);
        let val = |text| Taste::labels(read(text).unwrap());
        let names = names(9);
        let held = [val("a"), val("b"), val("a")].map(|filter| names.hold("x", Some(&filter)));
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(names.hold("x", Some(&val("c"))).err(), Some(Taken::TooManyFilters));
        assert!(names.hold("y", Some(&val("c"))).is_ok());
        drop(held);
        assert!(names.hold("x", Some(&val("c"))).is_ok());
    }

    #[test]
    fn an_inbox_is_not_kept_open() {
        let names = names(9);
        let (inbox, _heard) = mpsc::channel(1);
        names.runs("x", &inbox);
        assert!(names.running("x").is_some());
        drop(inbox);
        assert!(names.running("x").is_none());
    }
}
