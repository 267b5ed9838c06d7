//! A service within another program, while it runs. How it is put together is left to
//! [`Service`], and so is how it stops.

use crate::config::Builder;
use crate::crew::Ended;
use crate::events::Events;
use crate::service::{Parts, Service, StartError};
use deliver::AskError;
use label::Did;
use std::net::SocketAddr;
use store::Source;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

impl Builder {
    /// Starts the service on the current Tokio runtime, which has to have its clock and I/O
    /// enabled. It runs until [`Running`] is dropped or stopped.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Running, StartError> {
        let service = Service::bind(self.read()?).await?;
        let (address, metrics_address) = (service.address(), service.metrics_address());
        let parts = service.parts();
        let stop = CancellationToken::new();
        let (tell, ended) = watch::channel(None);
        let stopped = stop.clone().cancelled_owned();
        // Whoever wants to hears of its end, a panic included: then `tell` is gone.
        tokio::spawn(async move {
            let how = service.run(stopped).await;
            tell.send_replace(Some(how));
        });
        Ok(Running { parts, address, metrics_address, ended, stop: stop.drop_guard() })
    }
}

/// A service that runs. Dropping it stops the service, as [`stop`](Self::stop) does, but waits
/// for nothing: stop it where its database is to be opened again, or the runtime to end.
#[derive(Debug)]
#[must_use = "dropping it stops the service"]
pub struct Running {
    parts: Parts,
    address: Option<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    ended: watch::Receiver<Option<Result<(), Ended>>>,
    stop: DropGuard,
}

impl Running {
    /// Where the HTTP API listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where `/metrics` is, if apart.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Follows these labelers, as `POST /labelers/add` does: known ones are left alone, those
    /// removed before are followed again. Durable when this returns.
    ///
    /// # Errors
    /// `Invalid`: one is no DID that can be followed, and nothing was added. `Store`.
    pub async fn add(
        &self,
        dids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), AskError> {
        let dids = self.dids(dids)?;
        self.parts.store.add_labelers(dids, Source::Api, intake::wall_clock()).await?;
        Ok(())
    }

    /// Stops following these. Their labels and cursors stay, and they are not found again.
    ///
    /// # Errors
    /// See [`add`](Self::add).
    pub async fn remove(
        &self,
        dids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), AskError> {
        Ok(self.parts.store.remove_labelers(self.dids(dids)?, false).await?)
    }

    /// Stops following these, and forgets what they said.
    ///
    /// # Errors
    /// See [`add`](Self::add).
    pub async fn purge(
        &self,
        dids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), AskError> {
        Ok(self.parts.store.remove_labelers(self.dids(dids)?, true).await?)
    }

    /// The events of this consumer, as a stream: `running.events("mine").await?` for all its
    /// labels; [`Events`] has what else can be asked for. A consumer that is not known is made,
    /// and begins with the first event there is.
    pub fn events(&self, consumer: impl Into<String>) -> Events {
        Events::new(self.parts.deliver.clone(), consumer.into())
    }

    /// Returns when the service has ended: with an error if it ended by itself.
    ///
    /// # Errors
    /// [`Ended`]: a part failed, or did not stop in time.
    pub async fn ended(&self) -> Result<(), Ended> {
        heard(self.ended.clone()).await
    }

    /// Stops: nothing more is read, the transaction in hand is finished, acks are saved, the
    /// database is closed. Streams end. Returns when all that is done, within 10 s.
    ///
    /// # Errors
    /// [`Ended`]: a part failed before, or did not stop in time. What was stored is safe in any
    /// case.
    pub async fn stop(self) -> Result<(), Ended> {
        drop(self.stop);
        heard(self.ended).await
    }

    /// Those DIDs, or why there is one that cannot be followed.
    fn dids(&self, dids: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Vec<Did>, AskError> {
        let followable = |text: &str| Did::parse_followable(text, self.parts.hosts);
        let dids: Result<Vec<Did>, _> =
            dids.into_iter().map(|text| followable(text.as_ref())).collect();
        let mut dids = dids.map_err(|error| AskError::Invalid(error.to_string()))?;
        dids.sort();
        dids.dedup();
        Ok(dids)
    }
}

async fn heard(mut ended: watch::Receiver<Option<Result<(), Ended>>>) -> Result<(), Ended> {
    let told = ended.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
    let panicked = || Err(Ended::Lost { name: "service", why: "it panicked".to_owned() });
    told.unwrap_or_else(panicked)
}
