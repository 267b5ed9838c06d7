//! What can be wrong with Postgres. All of it is waited for; the kinds are for people.

use std::error::Error as _;
use store::StoreError;
use tokio_postgres::error::SqlState;

/// Why nothing can be written now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It is not there, or went away.
    #[error("Postgres cannot be reached: {0}")]
    Away(String),
    /// It does not let us in.
    #[error("Postgres does not let us in: {0}")]
    Refused(String),
    /// The AppView has not made its table yet, or it is another one.
    #[error("there is no label table as an AppView makes it: {0}")]
    NoTable(String),
    /// The role may not do what it has to.
    #[error("the role may not do what is needed: {0}")]
    Denied(String),
    /// A standby, say.
    #[error("the database takes no writes: {0}")]
    ReadOnly(String),
    /// Somebody else keeps this table.
    #[error("another labeltap keeps this table")]
    Busy,
    /// It did not answer in time, or waited too long for a lock.
    #[error("Postgres is too slow: {0}")]
    Slow(String),
    /// The position is not where we left it, or the table is not the one it was.
    #[error("the table is not as it was left")]
    Moved,
    /// Something else.
    #[error("Postgres: {0}")]
    Other(String),
    /// Our own database. It alone can end the sink.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Trouble {
    /// One word for metrics, and for what counts as the same trouble.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Refused(_) => "refused",
            Self::NoTable(_) => "no-table",
            Self::Denied(_) => "denied",
            Self::ReadOnly(_) => "read-only",
            Self::Busy => "busy",
            Self::Slow(_) => "slow",
            Self::Moved => "moved",
            Self::Other(_) => "other",
            Self::Store(_) => "store",
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let words = words(&error);
        let Some(code) = error.code() else {
            return if error.is_closed() || is_of_the_connection(&error) {
                Self::Away(words)
            } else {
                Self::Other(words)
            };
        };
        match code {
            &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::INVALID_SCHEMA_NAME
            | &SqlState::UNDEFINED_OBJECT => Self::NoTable(words),
            &SqlState::INSUFFICIENT_PRIVILEGE => Self::Denied(words),
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(words),
            &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => Self::Slow(words),
            &SqlState::INVALID_CATALOG_NAME => Self::Refused(words),
            code => match code.code().get(..2) {
                Some("28") => Self::Refused(words),
                // Connections, and a server that shuts down or is starting.
                Some("08" | "57") => Self::Away(words),
                _ => Self::Other(words),
            },
        }
    }
}

/// Whether it is about a row and what is in it, not about the server.
pub(crate) fn is_of_the_data(error: &tokio_postgres::Error) -> bool {
    let class = error.code().and_then(|code| code.code().get(..2));
    // Data exceptions, constraints, and limits such as the longest entry of an index.
    matches!(class, Some("22" | "23" | "54"))
}

fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    // The library's own words for what has no cause of that kind.
    matches!(
        error.to_string().as_str(),
        "timeout waiting for server" | "error performing TLS handshake"
    )
}

/// All that is said on the way down, in one line. What a server says of a row's content is not
/// repeated.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
