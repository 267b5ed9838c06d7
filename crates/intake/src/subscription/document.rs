//! What the DID document says, and what becomes of the labeler by it.

use super::watch::Outcome;
use super::{Known, Subscription, asked_to_wait};
use crate::bench::{Bench, KeyRead, LineError};
use crate::clock::wall_clock;
use crate::life;
use crate::rejudge::rejudge;
use crate::shared::Shared;
use fleet::{Heard, State};
use identity::{Found, ResolveError, Resolved, Want};
use label::{Change, Did};
use std::sync::Arc;
use store::{LabelerRow, Noted, Remedy, StoreError};
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;
use verify::Key;

const NO_SERVICE: &str = "the DID document has no #atproto_labeler service";
const NO_KEY: &str = "the DID document has no #atproto_label key";

/// What is missing in a document, and the state that puts a labeler in.
struct Lack(State, String);

/// What is needed of a document.
fn needed(resolved: &Resolved) -> Result<(Url, Key), Lack> {
    let lack = |state, why: &str| Err(Lack(state, why.to_owned()));
    let service = match &resolved.service {
        Found::Present(service) => service.clone(),
        Found::Absent => return lack(State::NoService, NO_SERVICE),
        Found::Unusable(why) => return lack(State::NoService, why),
    };
    match &resolved.label_key {
        Found::Present(key) => Ok((service, key.clone())),
        Found::Absent => lack(State::NoKey, NO_KEY),
        Found::Unusable(why) => lack(State::NoKey, why),
    }
}

/// Notes a confirmed handle beside what is known by now: the key may have changed.
async fn note_handle(shared: &Shared, did: Did, handle: Option<String>) -> Result<(), StoreError> {
    let Some(row) = shared.store.labeler(did.clone()).await? else { return Ok(()) };
    if handle.is_none() || handle == row.noted.handle {
        return Ok(());
    }
    let state = shared.board.get(&did).state.as_str();
    let told = shared.store.note(did, Noted { handle, ..row.noted }, state, wall_clock()).await?;
    life::tell_all(&told);
    Ok(())
}

impl Subscription {
    /// Reads the document before a connection is opened.
    pub(super) async fn look(&mut self, fresh: bool) -> Result<Heard, StoreError> {
        if self.status.error.is_none() {
            self.show(State::Connecting);
        }
        let want = if fresh { Want::Fresh } else { Want::Cached };
        if fresh {
            self.watch.asks(&self.shared);
        }
        let span = tracing::debug_span!("resolve", labeler = %self.labeler, fresh);
        let outcome = self.shared.resolver.resolve(&self.labeler, want).instrument(span).await;
        let row = self.row().await?;
        match outcome {
            Ok(_) if self.is_deleted(&row) => self.gone("its account was deleted".into()).await,
            Ok(resolved) => self.understand(&resolved, &row, fresh).await,
            Err(ResolveError::NotFound(why)) => self.gone(why).await,
            Err(error) => {
                self.trouble(State::Waiting, format!("DID document cannot be read: {error}"));
                Ok(Heard::Unasked { retry_after: asked_to_wait(&error) })
            }
        }
    }

    /// Whether its account is known to be deleted.
    fn is_deleted(&self, row: &LabelerRow) -> bool {
        row.account_deleted && self.shared.hears_accounts
    }

    async fn gone(&mut self, why: String) -> Result<Heard, StoreError> {
        self.note_trouble(State::Gone, why);
        self.happened(Change::Gone).await?;
        Ok(Heard::Gone)
    }

    /// Decides from the document whether there is anything to read.
    async fn understand(
        &mut self,
        resolved: &Arc<Resolved>,
        row: &LabelerRow,
        fresh: bool,
    ) -> Result<Heard, StoreError> {
        let (service, key) = match needed(resolved) {
            Ok(needed) => needed,
            Err(Lack(state, why)) => {
                self.note(resolved, row).await?;
                self.trouble(state, why);
                return Ok(Heard::Lacking);
            }
        };
        if matches!(self.status.state, State::NoService | State::NoKey | State::Gone) {
            self.status.error = None;
            self.show(State::Connecting);
        }
        self.watch.looked(&self.shared, self.salt);
        if !fresh && self.known.is_some() {
            // The stream has ended, and the directory was not asked since it was lately.
            self.watch.look_soon(&self.shared, self.salt);
        }
        let changed = self.note(resolved, row).await?;
        // A remembered document takes nothing away from what was read lately.
        let before = self.known.take().and_then(|known| known.key.at);
        let key = KeyRead { key, at: if fresh { Some(Instant::now()) } else { before } };
        self.known = Some(Known { service, key });
        if changed || row.rejudge {
            self.judge_again().await?;
        }
        Ok(Heard::Found)
    }

    /// Takes in a look at the document while the stream is open. Answers what is to be done
    /// about the stream; `None`: nothing, it goes on.
    pub(super) async fn looked_aside(
        &mut self,
        outcome: Outcome,
    ) -> Result<Option<Heard>, StoreError> {
        let row = self.row().await?;
        let resolved = match outcome {
            Ok(_) if self.is_deleted(&row) => {
                return self.close(State::Gone, "its account was deleted".into()).await;
            }
            Ok(resolved) => resolved,
            Err(ResolveError::NotFound(why)) => return self.close(State::Gone, why).await,
            Err(error) => {
                tracing::debug!(labeler = %self.labeler, %error, "no look at the DID document");
                self.watch.failed(&self.shared, self.salt, asked_to_wait(&error));
                return Ok(None);
            }
        };
        self.watch.looked(&self.shared, self.salt);
        let (service, key) = match needed(&resolved) {
            Ok(needed) => needed,
            Err(Lack(state, why)) => {
                self.note(&resolved, &row).await?;
                return self.close(state, why).await;
            }
        };
        let changed = self.note(&resolved, &row).await?;
        let key = KeyRead { key, at: Some(Instant::now()) };
        let before = self.known.replace(Known { service: service.clone(), key: key.clone() });
        if let Some(reading) = &mut self.reading {
            reading.use_key(key);
        }
        let moved = before.is_some_and(|before| before.service != service);
        if changed || row.rejudge {
            self.judge_again().await?;
        }
        if moved {
            self.watch.changed();
            self.status.connected_since = None;
            self.hang_up();
            self.happened(Change::Disconnected).await?;
            return Ok(Some(Heard::Anew));
        }
        if changed {
            self.watch.changed();
        } else {
            self.watch.unchanged(&self.shared);
        }
        Ok(None)
    }

    /// Ends the stream, since the document no longer allows for it.
    async fn close(&mut self, state: State, why: String) -> Result<Option<Heard>, StoreError> {
        self.hang_up();
        self.trouble(state, why);
        self.happened(Change::Disconnected).await?;
        if state == State::Gone {
            self.happened(Change::Gone).await?;
            return Ok(Some(Heard::Gone));
        }
        Ok(Some(Heard::Lacking))
    }

    /// Remembers what the document says; the handle follows when it has been confirmed.
    /// Answers whether that is another key or endpoint than before.
    async fn note(
        &mut self,
        resolved: &Arc<Resolved>,
        row: &LabelerRow,
    ) -> Result<bool, StoreError> {
        let service = resolved.service.present();
        let noted = Noted {
            handle: row.noted.handle.clone(),
            service_url: service.map(|service| service.as_str().trim_end_matches('/').to_owned()),
            key: resolved.label_key.present().map(Key::did_key),
        };
        let changed = noted != row.noted;
        if changed {
            let (did, state) = (self.labeler.clone(), self.status.state.as_str());
            life::tell_all(&self.shared.store.note(did, noted, state, wall_clock()).await?);
        }
        self.aside.shutdown().await;
        let (shared, labeler, resolved) =
            (self.shared.clone(), self.labeler.clone(), Arc::clone(resolved));
        self.aside.spawn(async move {
            let handle = shared.resolver.confirmed_handle(&labeler, &resolved).await;
            if let Err(error) = note_handle(&shared, labeler, handle).await {
                tracing::debug!(%error, "handle not noted");
            }
        });
        Ok(changed)
    }

    /// Judges again what was rejected lately, under the key that is known now. If it cannot be
    /// done, the store remembers, and the next look tries again.
    pub(super) async fn judge_again(&mut self) -> Result<(), StoreError> {
        let Some(known) = &self.known else { return Ok(()) };
        let mut bench = Bench::new(self.shared.clone(), self.labeler.clone(), known.key.clone());
        match rejudge(&self.shared, &self.labeler, &mut bench).await {
            Ok(_) => Ok(()),
            Err(LineError::Store(error)) if error.remedy() != Remedy::Retry => Err(error),
            Err(error) => {
                tracing::info!(labeler = %self.labeler, %error, "rejected labels not judged again");
                Ok(())
            }
        }
    }
}
