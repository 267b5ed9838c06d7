//! The stream of a consumer's events, asked for by a program that has the service in it. What
//! goes to whom and when is `deliver`'s business, as for sockets and webhooks.

use deliver::{AskError, Change, Deliver, Kind, Reader, Start, Wants};
use label::Filter;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

/// A stream of events that is about to be opened; `.await` opens it.
#[derive(Debug, Clone)]
#[must_use = "it is opened by `.await`"]
pub struct Events {
    deliver: Deliver,
    wants: Wants,
    start: Option<Start>,
}

impl Events {
    pub(crate) fn new(deliver: Deliver, consumer: String) -> Self {
        let wants = Wants { consumer, kinds: vec![Kind::Label], filter: Filter::default() };
        Self { deliver, wants, start: None }
    }

    /// Only these types of events. If this is not said: labels.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.wants.kinds = kinds.into_iter().collect();
        self
    }

    /// Only what this takes. It narrows this stream: what it leaves out stays owed to the
    /// consumer.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.wants.filter = filter;
        self
    }

    /// Where the consumer begins, if it is not known yet. If this is not said: with the first
    /// event there is.
    pub fn start(mut self, start: Start) -> Self {
        self.start = Some(start);
        self
    }

    /// Opens it.
    async fn open(self) -> Result<Reader, AskError> {
        let Self { deliver, wants, start } = self;
        if start.is_some() {
            deliver.ready().await;
            if deliver.consumer(&wants.consumer).is_none() {
                deliver.put(&wants.consumer, Change { start, ..Change::default() }).await?;
            }
        }
        deliver.read(&wants).await
    }
}

impl IntoFuture for Events {
    type Output = Result<Reader, AskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}
