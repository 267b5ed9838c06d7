//! A connection that holds the table: nobody else of us writes there meanwhile.

use crate::marker::Marks;
use crate::patience::within;
use crate::row::Row;
use crate::table::{Statements, Table};
use crate::target::Target;
use crate::trouble::{Trouble, is_of_the_data};
use crate::write::{Wrote, put, put_with_care};
use label::EventId;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Socket, ToStatement};
use tracing::Instrument as _;

/// What the server is told. A statement is given up by it before we give up the connection, a
/// connection that broke lets go of the lock soon, and plans are made for few rows: with many it
/// might take to reading the whole table.
const SETTINGS: &str = "SET statement_timeout = '60s'; SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_encoding = 'UTF8';
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
    SET plan_cache_mode = force_generic_plan";

/// Held as long as the connection lasts. One for each label table of a database.
const LOCK: &str = "SELECT pg_try_advisory_lock(
    hashtextextended('labeltap', to_regclass($1)::oid::bigint))";

/// A connection that holds the table.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) marks: Marks,
    pub(crate) statements: Statements,
    /// [`store::Store::name`].
    pub(crate) database: String,
}

/// The other end of a client, which has to be polled for anything to happen.
pub(crate) type Wire = Connection<Socket, crate::tls::Encrypted<Socket>>;

/// Connects.
pub(crate) async fn connect(target: &Target) -> Result<(Client, Wire), Trouble> {
    within("connecting", target.config().connect(target.tls().clone())).await
}

impl Session {
    /// Takes the table, unless somebody else has it.
    pub(crate) async fn open(
        client: Client,
        schema: Option<&str>,
        database: String,
    ) -> Result<Self, Trouble> {
        let opening = async {
            client.batch_execute(SETTINGS).await?;
            let table = Table::find(&client, schema).await?;
            let taken: bool = client.query_one(LOCK, &[&table.name]).await?.try_get(0)?;
            if !taken {
                return Err(Trouble::Busy);
            }
            let marks = Marks::open(&client, &table).await?;
            let statements = Statements::prepare(&client, &table).await?;
            Ok((marks, statements))
        };
        let (marks, statements) = within("looking for the table", opening).await?;
        Ok(Self { client, marks, statements, database })
    }

    /// Does something, within limits. Answers how many rows it was done to.
    pub(crate) async fn execute(
        &self,
        what: &str,
        statement: &(impl ToStatement + ?Sized),
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Trouble> {
        within(what, self.client.execute(statement, values)).await
    }

    /// Asks for rows, within limits.
    pub(crate) async fn query(
        &self,
        what: &str,
        statement: &(impl ToStatement + ?Sized),
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Trouble> {
        within(what, self.client.query(statement, values)).await
    }

    /// Has these rows stand, and the position with them, in one transaction.
    pub(crate) async fn write(
        &mut self,
        rows: &[Row],
        from: EventId,
        to: EventId,
    ) -> Result<Wrote, Trouble> {
        let span = tracing::debug_span!("appview write", rows = rows.len(), to = to.get());
        let writing = async {
            match within("writing", self.try_to_write(rows, from, to)).await? {
                Some(wrote) => Ok(wrote),
                None => within("writing with care", self.write_with_care(rows, from, to)).await,
            }
        };
        let wrote = writing.instrument(span).await?;
        metrics::counter!("labeltap_appview_rows_written_total").increment(wrote.written);
        metrics::counter!("labeltap_appview_rows_removed_total").increment(wrote.removed);
        Ok(wrote)
    }

    /// `None` if there is something among the rows that Postgres refuses.
    async fn try_to_write(
        &mut self,
        rows: &[Row],
        from: EventId,
        to: EventId,
    ) -> Result<Option<Wrote>, Trouble> {
        let transaction = self.client.transaction().await?;
        self.marks.advance(&transaction, &self.database, from, to).await?;
        match put(&transaction, &self.statements, rows).await {
            Ok(wrote) => {
                transaction.commit().await?;
                Ok(Some(wrote))
            }
            Err(error) if is_of_the_data(&error) => {
                transaction.rollback().await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn write_with_care(
        &mut self,
        rows: &[Row],
        from: EventId,
        to: EventId,
    ) -> Result<Wrote, Trouble> {
        let mut transaction = self.client.transaction().await?;
        self.marks.advance(&transaction, &self.database, from, to).await?;
        let wrote = put_with_care(&mut transaction, &self.statements, rows).await?;
        transaction.commit().await?;
        Ok(wrote)
    }
}
