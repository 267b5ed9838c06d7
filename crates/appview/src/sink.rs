//! The sink itself: connects, finds out where it stands, and carries page after page.

use crate::condition::Condition;
use crate::limits::Limits;
use crate::page::{self, Page};
use crate::patience::patiently;
use crate::progress::{Progress, describe};
use crate::row::Row;
use crate::session::{Session, connect};
use crate::sources::Sources;
use crate::target::Target;
use crate::trouble::Trouble;
use crate::watch::Watch;
use crate::{check, patience};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use label::EventId;
use std::convert::Infallible;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

/// The consumer's name in the store, for retention and for people.
pub const CONSUMER: &str = "appview";

/// A transaction that takes longer makes the next one smaller, and one that takes a quarter of
/// that makes it larger again, within the limits.
const TOO_LONG: Duration = Duration::from_secs(20);

/// The fewest rows in one.
const FEW: usize = 100;

/// For the position to be kept in the store when we stop; Postgres has it anyway.
const FAREWELL: Duration = Duration::from_secs(1);

/// A handle on how far it is, and the future that does the work. The future ends only after
/// `stop`, or when the store gives up; it may be stopped between any two awaits.
pub fn start(
    store: Store,
    target: Target,
    limits: Limits,
    stop: CancellationToken,
) -> (Progress, impl Future<Output = Result<(), StoreError>> + Send) {
    describe();
    let progress = Progress::new(store.head());
    let sink = Sink {
        reach: store.head().borrow().last,
        condition: Condition::new(target.clone(), progress.clone()),
        progress: progress.clone(),
        saved: None,
        saved_at: Instant::now(),
        has_rows: true,
        begun: false,
        was_well: false,
        rows: limits.rows,
        store,
        target,
        limits,
    };
    (progress, sink.run(stop))
}

struct Sink {
    store: Store,
    target: Target,
    limits: Limits,
    /// Rows in one transaction, at the moment.
    rows: usize,
    progress: Progress,
    condition: Condition,
    /// No position above this is ours: the end of the log when we began, and what we wrote.
    reach: EventId,
    /// The position that the store has.
    saved: Option<EventId>,
    saved_at: Instant,
    /// Whether rows of ours are to be expected in the table, if the position says that there was
    /// something.
    has_rows: bool,
    /// Whether it was said that all is well.
    begun: bool,
    /// Whether all was well since the last trouble.
    was_well: bool,
}

impl Sink {
    async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        let work = stop.run_until_cancelled(self.keep_in_step()).await;
        if let Some(Err(error)) = work {
            return Err(error);
        }
        let position = EventId::new(self.progress.position());
        if let Some(position) =
            position.filter(|position| self.saved.is_some_and(|saved| saved != *position))
        {
            let _saved_later =
                timeout(FAREWELL, self.store.save_progress(CONSUMER.into(), position, vec![]))
                    .await;
        }
        Ok(())
    }

    async fn keep_in_step(&mut self) -> Result<Infallible, StoreError> {
        // From here on retention waits for us.
        let row = patiently(|| self.store.consumer(CONSUMER.into())).await?;
        self.saved = Some(row.position);
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.limits.shortest_pause)
            .with_max_delay(self.limits.longest_pause)
            .without_max_times();
        let mut pauses = waits.build();
        loop {
            let trouble = match self.session().await {
                Ok(never) => match never {},
                Err(Trouble::Store(error)) if error.remedy() != store::Remedy::Retry => {
                    return Err(error);
                }
                Err(trouble) => trouble,
            };
            self.condition.bad(&trouble);
            if matches!(trouble, Trouble::Slow(_)) {
                self.pace(TOO_LONG);
            }
            if std::mem::take(&mut self.was_well) {
                pauses = waits.build();
            }
            tokio::time::sleep(pauses.next().unwrap_or(self.limits.longest_pause)).await;
        }
    }

    /// One connection, to its end.
    async fn session(&mut self) -> Result<Infallible, Trouble> {
        let (client, wire) = connect(&self.target).await?;
        tokio::select! {
            biased;
            ended = wire => match ended {
                Ok(()) => Err(Trouble::Away("the connection was closed".to_owned())),
                Err(error) => Err(error.into()),
            },
            never = self.work(client) => never,
        }
    }

    async fn work(&mut self, client: Client) -> Result<Infallible, Trouble> {
        let name = patiently(|| self.store.name()).await?;
        let mut session = Session::open(client, self.target.schema(), name).await?;
        let (mut position, again) = self.stand(&mut session).await?;
        let mut sources = Sources::open(&session, again).await?;
        let owed = patiently(|| self.store.count_after(position)).await?;
        self.progress.stands(position, owed);
        self.save(position).await?;
        let mut watch = Watch::new(&self.store);
        sources.settle(&session, &self.store).await?;
        self.condition.good(position.get(), !self.begun);
        (self.begun, self.was_well) = (true, true);
        let mut ahead = None;
        loop {
            if watch.roster_has_changed() {
                sources.settle(&session, &self.store).await?;
            }
            let page = match ahead.take() {
                Some(page) => page,
                None => self.read(position).await?,
            };
            if page.read == position {
                if !self.check(&mut session, &mut sources, position).await? {
                    self.rest(&session, &sources, &mut watch, position).await?;
                }
                continue;
            }
            let rows = self.of_this_life(&mut sources, &session, page.rows).await?;
            let next =
                async { if page.full { self.read(page.read).await.map(Some) } else { Ok(None) } };
            let begun = Instant::now();
            let (wrote, next) = tokio::join!(session.write(&rows, position, page.read), next);
            self.has_rows |= wrote?.written > 0;
            self.pace(begun.elapsed());
            position = page.read;
            self.reach = self.reach.max(position);
            self.progress.came(position, page.looked);
            if self.saved_at.elapsed() >= self.limits.save_every {
                self.save(position).await?;
            }
            ahead = next?;
            if ahead.is_none() {
                self.check(&mut session, &mut sources, position).await?;
            }
        }
    }

    async fn read(&self, after: EventId) -> Result<Page, StoreError> {
        let limits = Limits { rows: self.rows, ..self.limits };
        patiently(|| page::read(&self.store, after, &limits)).await
    }

    /// Takes more or fewer rows together from here on, by what writing some took.
    fn pace(&mut self, took: Duration) {
        if took >= TOO_LONG {
            self.rows = (self.rows / 2).max(FEW).min(self.limits.rows);
        } else if took < TOO_LONG / 4 {
            self.rows = (self.rows * 2).min(self.limits.rows);
        }
    }

    /// Where the table stands, and whether all that is in it has to be looked through again.
    async fn stand(&mut self, session: &mut Session) -> Result<(EventId, bool), Trouble> {
        let read = session.marks.read(&session.client);
        let marker = patience::within("reading the position", read).await?;
        let why = match marker {
            None => "nothing was written there before",
            Some(marker) if marker.database != session.database => {
                "it was filled from another database"
            }
            Some(marker) if !marker.same_table => "the table is not the one that was filled",
            Some(marker) if marker.position > self.reach => "our own database was set back",
            Some(marker) if self.lacks_rows(session, marker.position).await? => "it is empty",
            Some(marker) => {
                let set_back = self.saved.is_some_and(|saved| marker.position < saved);
                return Ok((marker.position, set_back));
            }
        };
        tracing::info!(database = %self.target, "the AppView's labels are loaded from the beginning: {why}");
        self.has_rows = false;
        let begin = session.marks.begin(&mut session.client, &session.database);
        patience::within("beginning", begin).await?;
        Ok((EventId::START, false))
    }

    /// Whether nothing of ours is in the table although something should be.
    async fn lacks_rows(&self, session: &Session, position: EventId) -> Result<bool, Trouble> {
        if position == EventId::START || !self.has_rows {
            return Ok(false);
        }
        let has_rows = session.marks.has_rows(&session.client);
        Ok(!patience::within("looking for rows", has_rows).await?)
    }

    /// What labelers said in the life that is in the table. One that has begun a new life is
    /// settled first; what is from a life before is gone.
    async fn of_this_life(
        &self,
        sources: &mut Sources,
        session: &Session,
        mut rows: Vec<Row>,
    ) -> Result<Vec<Row>, Trouble> {
        if rows.iter().any(|row| sources.life(&row.src).is_none_or(|life| life < row.life)) {
            sources.settle(session, &self.store).await?;
        }
        rows.retain(|row| sources.life(&row.src) == Some(row.life));
        Ok(rows)
    }

    /// Looks through some rows of somebody, if that is to be done. Whether it was.
    async fn check(
        &self,
        session: &mut Session,
        sources: &mut Sources,
        position: EventId,
    ) -> Result<bool, Trouble> {
        let Some((src, source)) = sources.next_to_check(position) else { return Ok(false) };
        let src = src.to_owned();
        match check::some(session, &self.store, &src, source).await? {
            Some(rows) if rows.is_empty() => {}
            Some(rows) => {
                session.write(&rows, position, position).await?;
            }
            None => sources.checked(session, &src).await?,
        }
        Ok(true)
    }

    /// Nothing is to be done until something changes, or it is time to look whether the table is
    /// still there.
    async fn rest(
        &mut self,
        session: &Session,
        sources: &Sources,
        watch: &mut Watch,
        position: EventId,
    ) -> Result<(), Trouble> {
        let saved = self.saved == Some(position);
        let pause = if saved { self.limits.look_every } else { self.limits.save_every };
        // Labels from before there was an index come into it without the log growing, and
        // labelers are caught up with at some time.
        let busy = sources.are_unchecked() || position < self.store.head().borrow().last;
        let pause = if busy { pause.min(Duration::from_secs(1)) } else { pause };
        if timeout(pause, watch.changed()).await.is_ok() {
            return Ok(());
        }
        self.save(position).await?;
        watch.look_again = busy;
        let read = session.marks.read(&session.client);
        let marker = patience::within("reading the position", read).await?;
        let same = marker.is_some_and(|marker| {
            marker.same_table && marker.position == position && marker.database == session.database
        });
        if same && !self.lacks_rows(session, position).await? {
            Ok(())
        } else {
            Err(Trouble::Moved)
        }
    }

    /// Keeps the position where retention and people find it.
    async fn save(&mut self, position: EventId) -> Result<(), StoreError> {
        if self.saved != Some(position) {
            patiently(|| self.store.save_progress(CONSUMER.into(), position, vec![])).await?;
        }
        self.saved = Some(position);
        self.saved_at = Instant::now();
        Ok(())
    }
}
