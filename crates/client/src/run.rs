//! Events to a handler, one at a time, each acked once it is done.

use crate::waiting::Waiting;
use crate::{Client, ClientError, Received};
use std::convert::Infallible;
use std::fmt::Display;
use std::pin::pin;
use tokio::time::{Instant, sleep_until};

impl Client {
    /// Calls `handler` for one event after another, and acks an event once its handler has
    /// returned `Ok`. Reconnects as often as it takes, so it ends only with an error.
    ///
    /// After an error of the handler the event is not acked; it comes again after the
    /// server's `--retry-timeout`, and what is behind it in its lane waits so long. Events may
    /// come more than once also after a connection was lost.
    ///
    /// While the handler is at work the connection is kept alive, and acks of what is done
    /// are sent, several in one message when they come together. A handler that needs more than
    /// `--retry-timeout` for a whole window (`--window`) makes the server send events again
    /// for nothing: make the one longer or the other smaller.
    ///
    /// Dropping the future stops it. What was not handled to its end is not acked and comes
    /// again, at once if the client is dropped too; acks not sent yet go out with its next use.
    ///
    /// # Errors
    /// What trying again would not mend: see [`ClientError`].
    pub async fn run<H, F, E>(&mut self, mut handler: H) -> Result<Infallible, ClientError>
    where
        H: FnMut(Received) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let mut waiting = Waiting::new(self.losses());
        loop {
            let trouble = self.take_what_is_there(&mut waiting).await.err();
            if trouble.is_some()
                || waiting.is_empty()
                || self.acks_due().is_some_and(|due| due <= Instant::now())
            {
                self.flush().await;
            }
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            waiting.keep_up(self.losses());
            let Some(received) = waiting.pop() else {
                let received = self.next().await?;
                waiting.keep_up(self.losses());
                waiting.push(received);
                continue;
            };
            let id = received.id;
            let (outcome, trouble) = self.attend(handler(received), &mut waiting).await;
            waiting.done();
            match outcome {
                Ok(()) => self.record(id),
                Err(error) => tracing::warn!(id, %error, "an event's handler failed"),
            }
            if let Some(trouble) = trouble {
                self.flush().await;
                return Err(trouble);
            }
        }
    }

    /// Takes what can be had without waiting.
    async fn take_what_is_there(&mut self, waiting: &mut Waiting) -> Result<(), ClientError> {
        while waiting.has_room() {
            tokio::select! {
                biased;
                came = self.read() => match came? {
                    Some(received) => waiting.push(received),
                    None => break,
                },
                () = std::future::ready(()) => break,
            }
        }
        Ok(())
    }

    /// Waits for the handler, and serves the connection meanwhile. An error of the connection
    /// is told when the handler is done, and if it is lost, there is time to reconnect then.
    async fn attend<E>(
        &mut self,
        work: impl Future<Output = Result<(), E>>,
        waiting: &mut Waiting,
    ) -> (Result<(), E>, Option<ClientError>) {
        let mut work = pin!(work);
        let mut trouble = None;
        loop {
            let due = self.acks_due();
            let reads = trouble.is_none() && self.is_connected() && waiting.has_room();
            tokio::select! {
                biased;
                outcome = &mut work => return (outcome, trouble),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.flush().await;
                }
                came = self.read(), if reads => match came {
                    Ok(received) => received.into_iter().for_each(|one| waiting.push(one)),
                    Err(error) => trouble = Some(error),
                },
            }
        }
    }
}
