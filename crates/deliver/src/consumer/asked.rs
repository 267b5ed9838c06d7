//! What the API asks of a consumer: other settings, dead letters again, to be no more.
//!
//! Each is first kept in the store and then done, one after the other, so what was answered
//! with success outlasts a crash.

use super::jobs::Done;
use super::{Ask, AskError, Change, Consumer, Start};
use crate::patience::patiently;
use label::{EventId, Filter};
use std::collections::VecDeque;
use std::sync::Arc;
use store::ConsumerRow;
use tokio::sync::oneshot;

/// Requests that may wait; there are few people who change settings.
const WAITING: usize = 16;

/// What is asked and not done yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    waiting: VecDeque<Ask>,
    /// Grows when the consumer begins somewhere else.
    pub(super) life: u64,
    /// What was done; whoever asked for it is to be told.
    done: Vec<oneshot::Sender<Result<(), AskError>>>,
    removing: Option<oneshot::Sender<()>>,
    removed: bool,
}

impl Asked {
    pub(super) fn is_removed(&self) -> bool {
        self.removed
    }

    pub(super) fn removed(&mut self) {
        self.removed = true;
    }

    pub(super) fn who_removed(&mut self) -> Option<oneshot::Sender<()>> {
        self.removing.take()
    }
}

impl Consumer {
    pub(super) fn ask(&mut self, ask: Ask) {
        if self.asked.waiting.len() >= WAITING {
            refuse(ask, AskError::Busy("too many changes at once; try again"));
            return;
        }
        self.asked.waiting.push_back(ask);
        self.do_next();
    }

    /// One thing at a time, and after whatever is being kept: that is older.
    pub(super) fn do_next(&mut self) {
        while !self.busy.keeps() {
            match self.asked.waiting.pop_front() {
                None => return,
                Some(Ask::Change(change, answer)) => self.change(*change, answer),
                Some(Ask::Retry(ids, answer)) => self.retry(ids, answer),
                Some(Ask::Remove(answer)) => self.remove(answer),
            }
        }
    }

    fn change(&mut self, change: Change, answer: oneshot::Sender<Result<(), AskError>>) {
        let head = self.head.borrow().last;
        let position = match change.start {
            None => EventId::new(self.desk.position()).unwrap_or_default(),
            Some(Start::Beginning) => EventId::START,
            Some(Start::Now) => head,
            Some(Start::After(id)) => id,
        };
        if self.hook.is_fixed() && change.webhook.is_some() {
            let refusal = "webhook: that of this consumer is set by --webhook-url".to_owned();
            let _nobody_waits = answer.send(Err(AskError::Invalid(refusal)));
            return;
        }
        self.busy.changing = true;
        let filter = change.filter.clone().unwrap_or_else(|| self.standing.shown().filter);
        let webhook = match &change.webhook {
            Some(webhook) => webhook.as_ref().map(ToString::to_string),
            None => self.hook.own_url(),
        };
        let row = ConsumerRow {
            name: self.name.clone(),
            position,
            ahead: if change.start.is_some() { Vec::new() } else { self.desk.ahead() },
            filter: filter.map(|filter| crate::filter::json(&filter).to_string()),
            webhook,
        };
        if change.start.is_some() {
            // What nobody who is here takes is not owed any more.
            self.types = self.filters.types();
        }
        let types = change.start.is_some().then(|| self.types.text());
        let store = self.store.clone();
        self.jobs.spawn(async move {
            patiently(|| store.set_consumer(row.clone(), types.clone())).await?;
            Ok(Done::Changed(Box::new(change), position, answer))
        });
    }

    /// The change is kept; now it holds.
    pub(super) fn changed(
        &mut self,
        change: Change,
        position: EventId,
        answer: oneshot::Sender<Result<(), AskError>>,
    ) {
        self.busy.changing = false;
        if let Some(filter) = change.filter {
            self.set_filter(filter);
            self.desk.refilter();
        }
        if change.start.is_some() {
            self.desk.begin_after(position.get());
            self.packer.clear(&mut self.desk);
            self.asked.life += 1;
            self.oldest_at = None;
            self.standing.begins_after(position.get());
            self.count();
        }
        // Requests under way are for what was owed before: they would meet their successors.
        let anew = change.start.is_some() && self.hook.is_open();
        if change.webhook.is_some() || anew {
            let own = change.webhook.unwrap_or_else(|| self.hook.own());
            self.set_webhook(own);
        }
        tracing::info!(consumer = self.name, position = position.get(), "consumer changed");
        self.asked.done.push(answer);
        self.answer();
        self.do_next();
    }

    /// Answers who asked for a change, once the numbers that they will look at are right.
    pub(super) fn answer(&mut self) {
        if self.anchor.is_some() {
            self.tell();
            for answer in self.asked.done.drain(..) {
                let _nobody_waits = answer.send(Ok(()));
            }
        }
    }

    pub(super) fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = Arc::new(filter.clone().unwrap_or_default());
        self.standing.show(|shown| shown.filter = filter);
    }

    fn retry(
        &mut self,
        ids: Vec<EventId>,
        answer: oneshot::Sender<Result<Vec<EventId>, AskError>>,
    ) {
        self.busy.changing = true;
        let (store, name) = (self.store.clone(), self.name.clone());
        self.jobs.spawn(async move {
            let dead = patiently(|| store.dead_among(name.clone(), ids.clone())).await?;
            Ok(Done::Dead(dead, answer))
        });
    }

    /// These are there: they are owed again, and no dead letters any more.
    pub(super) fn revive(
        &mut self,
        ids: Vec<EventId>,
        answer: oneshot::Sender<Result<Vec<EventId>, AskError>>,
    ) {
        if !ids.is_empty() {
            self.desk.owe_again(ids.iter().map(|id| id.get()));
        }
        let (position, ahead) = self.progress();
        let (store, name) = (self.store.clone(), self.name.clone());
        self.jobs.spawn(async move {
            let revive = || store.retry_dead(name.clone(), position, ahead.clone(), ids.clone());
            patiently(revive).await?;
            Ok(Done::Revived(ids, answer))
        });
    }

    pub(super) fn revived(
        &mut self,
        ids: Vec<EventId>,
        answer: oneshot::Sender<Result<Vec<EventId>, AskError>>,
    ) {
        self.busy.changing = false;
        let _nobody_waits = answer.send(Ok(ids));
        self.do_next();
    }

    /// Drops every connection; then the consumer is forgotten, and this ends.
    fn remove(&mut self, answer: oneshot::Sender<()>) {
        self.busy.changing = true;
        self.busy.removing = true;
        self.asked.removing = Some(answer);
        for conn in self.queues.keys().copied().collect::<Vec<_>>() {
            self.close(conn);
        }
        self.set_webhook(None);
        let (store, name) = (self.store.clone(), self.name.clone());
        self.jobs.spawn(async move {
            patiently(|| store.remove_consumer(name.clone())).await?;
            Ok(Done::Removed)
        });
    }
}

fn refuse(ask: Ask, error: AskError) {
    match ask {
        Ask::Change(_, answer) => drop(answer.send(Err(error))),
        Ask::Retry(_, answer) => drop(answer.send(Err(error))),
        // Dropped: whoever waits for it hears that.
        Ask::Remove(_) => {}
    }
}
