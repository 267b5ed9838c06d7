//! Takes look-ups from the store, the oldest first, as fast as the pace allows and a few at
//! once, and has the store do what each came to.
//!
//! What is not finished when the process ends is still on disk, so nothing here has to be
//! stopped in order.

use super::hub::Hub;
use super::look::look;
use super::pace::{Health, Pace};
use super::verdict::{Seen, verdict};
use crate::clock::wall_clock;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use store::{Conclusion, Lane, Lookup, Next, Remedy, Source, StoreError};
use tokio::task::{Id, JoinError, JoinSet};

/// Look-ups of a lane that are under way at once. Each asks one host at a time; of the turns that
/// the resolver has for the directory, the rest is for subscriptions.
const fn at_once(lane: Lane) -> usize {
    match lane {
        Lane::Directory => 6,
        Lane::Declared => 4,
        Lane::Web => 8,
    }
}

/// Rows that are read at once: those under way are still among them.
const ROWS: usize = 24;

/// How often to see whether something has become due.
const GLANCE: Duration = Duration::from_secs(1);

/// The same while nothing waits; whoever adds something calls.
const NAP: Duration = Duration::from_secs(60);

/// How long somebody is left alone whose look-up panicked.
const AFTER_A_PANIC: i64 = 3_600_000;

/// What a look-up ended with.
type Ended = Result<(Id, Result<Seen, StoreError>), JoinError>;

struct Worker {
    hub: Hub,
    tasks: JoinSet<Result<Seen, StoreError>>,
    looking: HashMap<Id, (Lane, Lookup)>,
    paces: HashMap<Lane, Pace>,
    directory: Health,
}

/// Looks up for ever.
///
/// # Errors
/// When the store gives up.
pub(super) async fn work(hub: Hub) -> Result<Infallible, StoreError> {
    let now = hub.shared.clock.now();
    let pace = |lane| (lane, Pace::new(hub.settings.times.lookups_per_second, now));
    let worker = Worker {
        paces: Lane::ALL.into_iter().map(pace).collect(),
        hub,
        tasks: JoinSet::new(),
        looking: HashMap::new(),
        directory: Health::default(),
    };
    worker.run().await
}

impl Worker {
    async fn run(mut self) -> Result<Infallible, StoreError> {
        loop {
            let wait = match self.fill().await {
                Err(error) if error.remedy() == Remedy::GiveUp => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "look-ups cannot be read; trying again");
                    GLANCE
                }
                Ok(wait) => wait,
            };
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await?,
                () = self.hub.backlog.called() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Starts what may be started, and says when to look again.
    async fn fill(&mut self) -> Result<Duration, StoreError> {
        // What cannot be settled need not be looked up.
        if !self.hub.shared.store.accepts_writes() {
            return Ok(GLANCE);
        }
        let mut wait = if self.hub.backlog.waiting() == 0 { NAP } else { GLANCE };
        for lane in Lane::ALL {
            if let Some(sooner) = self.fill_lane(lane).await? {
                wait = wait.min(sooner);
            }
        }
        Ok(wait)
    }

    async fn fill_lane(&mut self, lane: Lane) -> Result<Option<Duration>, StoreError> {
        let now = self.hub.shared.clock.now();
        let busy = self.looking.values().filter(|(theirs, _)| *theirs == lane).count();
        let most = match lane {
            Lane::Directory => self.directory.at_once(now, at_once(lane)),
            Lane::Declared | Lane::Web => at_once(lane),
        };
        if most == 0 {
            return Ok(Some(self.directory.rest(now)));
        }
        if most <= busy || self.hub.backlog.waiting() <= self.looking.len() as u64 {
            return Ok(None);
        }
        let (store, strangers) = (&self.hub.shared.store, self.hub.settings.discover);
        let due = store.due_lookups(strangers, lane, wall_clock(), ROWS).await?;
        let is_new =
            |lookup: &Lookup| self.looking.values().all(|(_, looking)| looking.did != lookup.did);
        let due: Vec<Lookup> = due.into_iter().filter(is_new).take(most - busy).collect();
        for lookup in due {
            let Some(pace) = self.paces.get_mut(&lane) else { continue };
            if !pace.take(now) {
                return Ok(Some(pace.wait()));
            }
            self.start(lane, lookup);
        }
        Ok(None)
    }

    fn start(&mut self, lane: Lane, lookup: Lookup) {
        let (hub, asked) = (self.hub.clone(), lookup.clone());
        let task = self.tasks.spawn(async move { look(&hub, &asked).await });
        self.looking.insert(task.id(), (lane, lookup));
    }

    /// Has the store do what a look-up came to.
    async fn ended(&mut self, ended: Ended) -> Result<(), StoreError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some((_, lookup)) = self.looking.remove(&id) else { return Ok(()) };
        let seen = match ended {
            Ok((_, Ok(seen))) => seen,
            Ok((_, Err(error))) if error.remedy() == Remedy::GiveUp => return Err(error),
            // The store could not be asked; it stays due.
            Ok((_, Err(_))) => return Ok(()),
            Err(error) => {
                tracing::error!(did = %lookup.did, %error, "a look-up panicked");
                let due_at = label::Millis(wall_clock().0 + AFTER_A_PANIC);
                let next = Some(Next { due_at, tries: lookup.tries + 1, again: lookup.again });
                return self.conclude(lookup, Conclusion { next, ..Conclusion::default() }).await;
            }
        };
        self.note(&lookup, &seen);
        let second_look = self.hub.settings.times.second_look;
        let conclusion = verdict(&lookup, &seen, wall_clock(), second_look);
        self.conclude(lookup, conclusion).await
    }

    /// Notes how the directory is doing, and counts.
    fn note(&mut self, lookup: &Lookup, seen: &Seen) {
        let outcome = match seen {
            Seen::Nobody => "nobody",
            Seen::NoLabeler { .. } => "no-labeler",
            Seen::Labeler { .. } => "labeler",
            Seen::Unreachable { .. } => "unreachable",
        };
        metrics::counter!("labeltap_discovery_lookups_total", "outcome" => outcome).increment(1);
        if lookup.did.web_host().is_some() {
            return;
        }
        match seen {
            Seen::Unreachable { retry_after } => {
                self.directory.failed(self.hub.shared.clock.now(), *retry_after);
            }
            _ => self.directory.answered(),
        }
    }

    /// If the store cannot do it now, the look-up stays due and is done again.
    async fn conclude(&mut self, lookup: Lookup, conclusion: Conclusion) -> Result<(), StoreError> {
        let found_by = conclusion.found_by.clone();
        let did = lookup.did.clone();
        // A declaration says nothing of the document.
        let of_document = |source| matches!(source, &Source::Identity | &Source::Plc);
        let may_have_changed = lookup.sources.iter().any(of_document);
        let concluded = match self.hub.shared.store.conclude(lookup, conclusion, wall_clock()).await
        {
            Ok(concluded) => concluded,
            Err(error) if error.remedy() == Remedy::GiveUp => return Err(error),
            Err(_) => return Ok(()),
        };
        if concluded.settled {
            self.hub.backlog.settled();
        }
        if concluded.found {
            let names: Vec<&str> = found_by.iter().map(|source| source.as_str()).collect();
            tracing::info!(labeler = %did, sources = names.join(","), "labeler found");
            for name in names {
                metrics::counter!("labeltap_discovery_found_total", "source" => name).increment(1);
            }
        } else if concluded.tracked && may_have_changed {
            self.hub.shared.calls.call(&did);
        }
        Ok(())
    }
}
