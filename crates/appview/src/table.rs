//! The AppView's table: where it is, and what it is asked.
//!
//! Its key is (src, uri, cid, val), ours (src, uri, val): rows of every `cid` belong to one
//! label of ours, of which one stands (contract section 7).

use crate::trouble::Trouble;
use tokio_postgres::{Client, Statement};

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its name in SQL, with its schema.
    pub(crate) name: String,
    /// Its schema's name in SQL.
    pub(crate) schema: String,
}

impl Table {
    /// Finds it, in this schema or where the search path has it, and sees that it has the
    /// columns.
    pub(crate) async fn find(client: &Client, schema: Option<&str>) -> Result<Self, Trouble> {
        let name = schema.map_or("label".to_owned(), |schema| format!("{}.label", quoted(schema)));
        let found = client
            .query_opt(
                "SELECT quote_ident(space.nspname) FROM pg_class AS class
                     JOIN pg_namespace AS space ON space.oid = class.relnamespace
                 WHERE class.oid = to_regclass($1)",
                &[&name],
            )
            .await?;
        let Some(found) = found else { return Err(Trouble::NoTable(format!("no {name}"))) };
        let schema: String = found.try_get(0)?;
        let name = format!("{schema}.label");
        client
            .batch_execute(&format!("SELECT src, uri, cid, val, neg, cts, exp FROM {name} LIMIT 0"))
            .await?;
        Ok(Self { name, schema })
    }

    /// What the table is at the moment, in SQL: another text after it was emptied by `TRUNCATE`
    /// or made anew.
    pub(crate) fn incarnation(&self) -> String {
        let name = self.name.replace('\'', "''");
        format!(
            "('{name}'::regclass::oid::text || '/' ||
                coalesce(pg_relation_filenode('{name}'::regclass)::text, ''))"
        )
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What is asked again and again.
pub(crate) struct Statements {
    /// Rows of these keys go, but for the one with this cid.
    pub(crate) delete: Statement,
    /// These rows stand.
    pub(crate) upsert: Statement,
    /// Rows of a source from a place on, in order.
    pub(crate) walk: Statement,
    /// Some rows of a source go.
    pub(crate) forget: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: &Client, table: &Table) -> Result<Self, Trouble> {
        let name = &table.name;
        let delete = format!(
            "DELETE FROM {name} AS label
             USING unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS key (src, uri, val, cid)
             WHERE label.src = key.src AND label.uri = key.uri AND label.val = key.val
                 AND label.cid IS DISTINCT FROM key.cid"
        );
        // A row that is the same already is not written again.
        let upsert = format!(
            "INSERT INTO {name} AS label (src, uri, cid, val, neg, cts, exp)
             SELECT src, uri, cid, val, false, cts, exp
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                 AS row (src, uri, val, cid, cts, exp)
             ON CONFLICT (src, uri, cid, val) DO UPDATE
             SET neg = excluded.neg, cts = excluded.cts, exp = excluded.exp
             WHERE (label.neg, label.cts, label.exp)
                 IS DISTINCT FROM (excluded.neg, excluded.cts, excluded.exp)"
        );
        let walk = format!(
            "SELECT uri, cid, val, neg, cts, exp FROM {name}
             WHERE src = $1 AND (uri, cid, val) > ($2, $3, $4)
             ORDER BY uri, cid, val LIMIT $5"
        );
        let forget = format!(
            "DELETE FROM {name} WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM {name} WHERE src = $1 LIMIT $2))"
        );
        Ok(Self {
            delete: client.prepare(&delete).await?,
            upsert: client.prepare(&upsert).await?,
            walk: client.prepare(&walk).await?,
            forget: client.prepare(&forget).await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("bsky"), "\"bsky\"");
        assert_eq!(quoted("a\"b; DROP"), "\"a\"\"b; DROP\"");
    }
}
