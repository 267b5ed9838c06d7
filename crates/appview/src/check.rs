//! Looks through what is in the table under a labeler's name, once: rows that are not current
//! with us go, or become what they should be. What is missing is not looked for: the log brings
//! it.

use crate::patience::patiently;
use crate::row::{Put, Row};
use crate::session::Session;
use crate::sources::Source;
use crate::trouble::Trouble;
use std::collections::{BTreeMap, BTreeSet};
use store::{Standing, Store};
use tokio_postgres::types::ToSql;

/// Rows looked at together; each costs a look into the index.
const TOGETHER: i64 = 500;

/// A row as it is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    neg: bool,
    put: Put,
}

/// Looks at some rows. `None` when that were the last; else what is to be written.
pub(crate) async fn some(
    session: &Session,
    store: &Store,
    src: &str,
    source: &mut Source,
) -> Result<Option<Vec<Row>>, Trouble> {
    let mut held: BTreeMap<(String, String), Vec<Held>> = BTreeMap::new();
    let (uri, cid, val) = &source.walked;
    let walk = &session.statements.walk;
    let values: [&(dyn ToSql + Sync); 5] = [&src, uri, cid, val, &TOGETHER];
    for row in session.query("looking through rows", walk, &values).await? {
        let place: (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let put = Put { cid: place.1.clone(), cts: row.try_get(4)?, exp: row.try_get(5)? };
        let key = (place.0.clone(), place.2.clone());
        held.entry(key).or_default().push(Held { neg: row.try_get(3)?, put });
        source.walked = place;
    }
    if held.is_empty() {
        return Ok(None);
    }
    let mut wanted = wanted(store, src, &held).await?;
    let mut rows = Vec::new();
    for ((uri, val), held) in held {
        let put = wanted.remove(&(uri.clone(), val.clone()));
        let right = put.clone().map(|put| Held { neg: false, put });
        // A page may begin or end between two rows of a key; then it is written once more.
        if held.iter().eq(right.iter()) {
            continue;
        }
        rows.push(Row { src: src.to_owned(), uri, val, put, life: source.life });
    }
    Ok(Some(rows))
}

/// What stands for these keys with us.
async fn wanted(
    store: &Store,
    src: &str,
    held: &BTreeMap<(String, String), Vec<Held>>,
) -> Result<BTreeMap<(String, String), Put>, Trouble> {
    let uris: BTreeSet<&String> = held.keys().map(|(uri, _)| uri).collect();
    let uris: Vec<String> = uris.into_iter().cloned().collect();
    let mut wanted = BTreeMap::new();
    for event in patiently(|| store.current(uris.clone(), None)).await? {
        if event.labeler.as_str() != src {
            continue;
        }
        let (row, _) = Row::of(Standing { event, life: 0 });
        if let Some(Row { uri, val, put: Some(put), .. }) = row {
            wanted.insert((uri, val), put);
        }
    }
    Ok(wanted)
}
