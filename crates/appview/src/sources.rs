//! The labelers whose rows are in the table, and what becomes of those rows.
//!
//! A labeler that was purged has begun a new life: another number in our store. What is from the
//! one before goes, all of it, before anything of the new one is written.

use crate::patience::patiently;
use crate::session::Session;
use crate::trouble::Trouble;
use label::EventId;
use std::collections::BTreeMap;
use store::{LabelerRow, Store};
use tokio_postgres::types::ToSql;

/// Rows taken away by one statement: well below a second.
const AT_ONCE: i64 = 10_000;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Which life of the labeler its rows are from: [`LabelerRow::row`].
    pub(crate) life: i64,
    /// Whether nothing else is in the table under its name.
    pub(crate) checked: bool,
    /// Everything that it said is stored, and was in the log up to here when we looked; `None`:
    /// not yet.
    pub(crate) whole_at: Option<EventId>,
    /// How far the check has come: `uri`, `cid`, `val`.
    pub(crate) walked: (String, String, String),
}

/// All of them, by DID.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, Source>);

impl Sources {
    /// As they are kept beside the table. With `anew` all have to be checked again.
    pub(crate) async fn open(session: &Session, anew: bool) -> Result<Self, Trouble> {
        let sources = session.marks.sources();
        if anew {
            let update = format!("UPDATE {sources} SET checked = false");
            session.execute("reading sources", &update, &[]).await?;
        }
        let select = format!("SELECT src, life, checked FROM {sources}");
        let mut all = BTreeMap::new();
        for row in session.query("reading sources", &select, &[]).await? {
            let (life, checked) = (row.try_get(1)?, row.try_get(2)?);
            all.insert(row.try_get(0)?, Source::new(life, checked));
        }
        Ok(Self(all))
    }

    /// Which life of a labeler is in the table.
    pub(crate) fn life(&self, src: &str) -> Option<i64> {
        self.0.get(src).map(|source| source.life)
    }

    /// Whether somebody's rows are still to be looked through.
    pub(crate) fn are_unchecked(&self) -> bool {
        self.0.values().any(|source| !source.checked)
    }

    /// One whose rows can be looked through now, the log being in the table up to here.
    pub(crate) fn next_to_check(&mut self, position: EventId) -> Option<(&str, &mut Source)> {
        let ready = |source: &Source| {
            !source.checked && source.whole_at.is_some_and(|whole_at| whole_at <= position)
        };
        self.0.iter_mut().find(|(_, source)| ready(source)).map(|(src, source)| (&**src, source))
    }

    /// That has been done.
    pub(crate) async fn checked(&mut self, session: &Session, src: &str) -> Result<(), Trouble> {
        let update =
            format!("UPDATE {} SET checked = true WHERE src = $1", session.marks.sources());
        session.execute("writing sources", &update, &[&src]).await?;
        if let Some(source) = self.0.get_mut(src) {
            source.checked = true;
        }
        Ok(())
    }

    /// Compares with who is followed: new ones are taken in, and what purged ones have left goes.
    pub(crate) async fn settle(&mut self, session: &Session, store: &Store) -> Result<(), Trouble> {
        let rows = patiently(|| store.known_labelers()).await?;
        // Read after the rows: whatever they say is stored, is in the log up to here.
        let head = store.head().borrow().last;
        for row in rows {
            let src = row.did.as_str();
            match self.0.get(src).map(|source| source.life) {
                Some(life) if life != row.row => self.begin_again(session, &row).await?,
                Some(_) => {}
                None if row.tracked || row.labels > 0 => self.take_in(session, &row).await?,
                None => continue,
            }
            if let Some(source) = self.0.get_mut(src) {
                let whole = row.caught_up || !row.tracked;
                source.whole_at = source.whole_at.or(whole.then_some(head));
            }
        }
        Ok(())
    }

    /// There may be rows under its name already, which somebody else wrote or we did long ago.
    async fn take_in(&mut self, session: &Session, row: &LabelerRow) -> Result<(), Trouble> {
        let src = row.did.as_str();
        let walk = &session.statements.walk;
        let values: [&(dyn ToSql + Sync); 5] = [&src, &"", &"", &"", &1i64];
        let found = session.query("looking for rows", walk, &values).await?;
        self.keep(session, src, Source::new(row.row, found.is_empty())).await
    }

    async fn begin_again(&mut self, session: &Session, row: &LabelerRow) -> Result<(), Trouble> {
        let src = row.did.as_str();
        let mut gone = 0;
        loop {
            let forget = &session.statements.forget;
            let some = session.execute("taking rows away", forget, &[&src, &AT_ONCE]).await?;
            if some == 0 {
                break;
            }
            gone += some;
        }
        metrics::counter!("labeltap_appview_rows_removed_total").increment(gone);
        tracing::info!(labeler = src, rows = gone, "purged from the AppView's labels");
        self.keep(session, src, Source::new(row.row, true)).await
    }

    async fn keep(&mut self, session: &Session, src: &str, source: Source) -> Result<(), Trouble> {
        let upsert = format!(
            "INSERT INTO {} (src, life, checked) VALUES ($1, $2, $3)
             ON CONFLICT (src) DO UPDATE SET life = excluded.life, checked = excluded.checked",
            session.marks.sources()
        );
        let values: [&(dyn ToSql + Sync); 3] = [&src, &source.life, &source.checked];
        session.execute("writing sources", &upsert, &values).await?;
        self.0.insert(src.to_owned(), source);
        Ok(())
    }
}

impl Source {
    fn new(life: i64, checked: bool) -> Self {
        Self { life, checked, whole_at: None, walked: Default::default() }
    }
}
