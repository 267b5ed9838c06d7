//! How far the table is, kept beside it: so rows and position change together, and a table that
//! is not the one we filled is noticed.
//!
//! Two tables of our own in the AppView's schema. `labeltap_sink` has one row: which of our
//! databases fills the table, up to which event, and which incarnation of the table it was.
//! `labeltap_sources` has a row for each labeler: which of its lives the rows are from, and
//! whether what else was in the table under its name was looked through.

use crate::table::Table;
use crate::trouble::Trouble;
use label::EventId;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement, Transaction};

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// [`store::Store::name`].
    pub(crate) database: String,
    /// Every event up to here is in the table.
    pub(crate) position: EventId,
    /// Whether the table is still the one that was filled.
    pub(crate) same_table: bool,
}

/// The two tables.
pub(crate) struct Marks {
    names: Names,
    advance: Statement,
    has_rows: Statement,
}

/// How they are called, in SQL.
struct Names {
    sink: String,
    sources: String,
    incarnation: String,
}

impl Marks {
    /// Makes the tables where they are missing; so a role that may not create any can do with
    /// those that somebody else made.
    pub(crate) async fn open(client: &Client, table: &Table) -> Result<Self, Trouble> {
        let schema = &table.schema;
        let names = Names {
            sink: format!("{schema}.labeltap_sink"),
            sources: format!("{schema}.labeltap_sources"),
            incarnation: table.incarnation(),
        };
        let there = client
            .query_one(
                "SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL",
                &[&names.sink, &names.sources],
            )
            .await?;
        if !there.try_get::<_, bool>(0)? {
            client.batch_execute(&names.schema()).await?;
        }
        let advance = client.prepare(&names.advance()).await?;
        let has_rows = client.prepare(&names.has_rows(&table.name)).await?;
        Ok(Self { names, advance, has_rows })
    }

    /// The name of the table of sources, in SQL.
    pub(crate) fn sources(&self) -> &str {
        &self.names.sources
    }

    /// What the row says, if there is one.
    pub(crate) async fn read(&self, client: &Client) -> Result<Option<Marker>, Trouble> {
        let Names { sink, incarnation, .. } = &self.names;
        let select = format!("SELECT database, position, label_table = {incarnation} FROM {sink}");
        let Some(row) = client.query_opt(&select, &[]).await? else { return Ok(None) };
        // A number that is none of ours counts as the beginning.
        let position = EventId::new(row.try_get(1)?).unwrap_or(EventId::START);
        Ok(Some(Marker { database: row.try_get(0)?, position, same_table: row.try_get(2)? }))
    }

    /// Whether the label table has a row of any of the sources.
    pub(crate) async fn has_rows(&self, client: &Client) -> Result<bool, Trouble> {
        Ok(client.query_one(&self.has_rows, &[]).await?.try_get(0)?)
    }

    /// Begins at the beginning: nothing is known of any row.
    pub(crate) async fn begin(&self, client: &mut Client, database: &str) -> Result<(), Trouble> {
        let Names { sink, sources, incarnation } = &self.names;
        let upsert = format!(
            "INSERT INTO {sink} (database, position, label_table) VALUES ($1, 0, {incarnation})
             ON CONFLICT (one) DO UPDATE SET database = excluded.database, position = 0,
                 label_table = excluded.label_table, updated_at = now()"
        );
        let transaction = client.transaction().await?;
        transaction.execute(&upsert, &[&database]).await?;
        transaction.execute(&format!("DELETE FROM {sources}"), &[]).await?;
        Ok(transaction.commit().await?)
    }

    /// Moves the position, if it is where we left it in a table that is what it was.
    pub(crate) async fn advance(
        &self,
        transaction: &Transaction<'_>,
        database: &str,
        from: EventId,
        to: EventId,
    ) -> Result<(), Trouble> {
        let values: [&(dyn ToSql + Sync); 3] = [&database, &from.get(), &to.get()];
        let moved = transaction.execute(&self.advance, &values).await?;
        if moved == 1 { Ok(()) } else { Err(Trouble::Moved) }
    }
}

impl Names {
    fn schema(&self) -> String {
        let Self { sink, sources, .. } = self;
        format!(
            "CREATE TABLE IF NOT EXISTS {sink} (
                 one         boolean PRIMARY KEY DEFAULT true CHECK (one),
                 database    text NOT NULL,
                 position    bigint NOT NULL,
                 label_table text NOT NULL,
                 updated_at  timestamptz NOT NULL DEFAULT now()
             );
             CREATE TABLE IF NOT EXISTS {sources} (
                 src     text PRIMARY KEY,
                 life    bigint NOT NULL,
                 checked boolean NOT NULL
             )"
        )
    }

    fn has_rows(&self, label: &str) -> String {
        let Self { sources, .. } = self;
        format!("SELECT EXISTS (SELECT FROM {sources} JOIN {label} AS label USING (src))")
    }

    fn advance(&self) -> String {
        let Self { sink, incarnation, .. } = self;
        format!(
            "UPDATE {sink} SET position = $3, updated_at = now()
             WHERE database = $1 AND position = $2 AND label_table = {incarnation}"
        )
    }
}
