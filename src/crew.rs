//! The tasks the service cannot live without, and how they stop together.
//!
//! A crew member that ends early, for any reason, ends the service: the supervisor outside
//! (systemd, Kubernetes) starts a clean process, and the cursors do the rest. Tasks that
//! may come and go, such as one labeler's subscription, are not crew; the actor that owns
//! them looks after them.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Why the service ended.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Ended {
    /// A member failed, panicked or simply returned.
    #[error("{name} ended early: {why}")]
    Lost {
        /// Who.
        name: &'static str,
        /// What it said.
        why: String,
    },
    /// Some member was still busy when the grace ran out.
    #[error("did not stop in time")]
    Late,
}

/// A set of named tasks that live and stop together.
#[derive(Debug, Default)]
pub struct Crew {
    tasks: JoinSet<(&'static str, String)>,
    stop: CancellationToken,
}

impl Crew {
    /// Tells members to stop taking new work, finish what they hold, and return.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a member.
    pub fn add<E: Display + Send + 'static>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let work = tokio::spawn(task);
        self.tasks.spawn(async move {
            let why = match work.await {
                Ok(Ok(())) => "it stopped".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic.to_string(),
            };
            (name, why)
        });
    }

    /// Runs until the signal or the first loss, then stops everyone within `grace`.
    ///
    /// # Errors
    /// [`Ended`], unless the signal came and everybody stopped in time.
    pub async fn run(
        mut self,
        signal: impl Future<Output = ()>,
        grace: Duration,
    ) -> Result<(), Ended> {
        let lost = tokio::select! {
            () = signal => None,
            Some(Ok(lost)) = self.tasks.join_next() => Some(lost),
        };
        self.stop.cancel();
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(grace, rest).await.is_ok();
        match lost {
            Some((name, why)) => Err(Ended::Lost { name, why }),
            None if in_time => Ok(()),
            None => Err(Ended::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const GRACE: Duration = Duration::from_secs(5);

    async fn until(stop: CancellationToken) -> Result<(), String> {
        stop.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn the_signal_stops_everybody() {
        let mut crew = Crew::default();
        crew.add("one", until(crew.stop()));
        crew.add("two", until(crew.stop()));
        assert_eq!(crew.run(ready(()), GRACE).await, Ok(()));
    }

    #[tokio::test]
    async fn a_member_that_fails_panics_or_returns_ends_the_service() {
        let lost = |name, why: &str| Err(Ended::Lost { name, why: why.to_owned() });
        let mut crew = Crew::default();
        crew.add("steady", until(crew.stop()));
        crew.add("failing", ready(Err::<(), _>("no disk")));
        assert_eq!(crew.run(pending(), GRACE).await, lost("failing", "no disk"));

        let mut crew = Crew::default();
        crew.add("returning", ready(Ok::<(), String>(())));
        assert_eq!(crew.run(pending(), GRACE).await, lost("returning", "it stopped"));

        let mut crew = Crew::default();
        crew.add("panicking", async { Err::<(), String>(panic_now()) });
        let ended = crew.run(pending(), GRACE).await;
        assert!(matches!(ended, Err(Ended::Lost { name: "panicking", .. })), "{ended:?}");
    }

    fn panic_now() -> String {
        panic!("on purpose")
    }

    #[tokio::test]
    async fn who_does_not_stop_in_time_is_reported() {
        let mut crew = Crew::default();
        crew.add("deaf", pending::<Result<(), String>>());
        assert_eq!(crew.run(ready(()), Duration::from_millis(20)).await, Err(Ended::Late));
    }
}
