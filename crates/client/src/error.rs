//! What a client cannot mend by trying again, and events it cannot read.

use http::StatusCode;

/// Why there are no more events. What a later try may mend is not here: the client tries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("{url} is not a server's address: {reason}")]
    Url {
        /// What was given, without what may be secret.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No password was given, or a wrong one.
    #[error("the server wants a password (user admin), and not this one")]
    Unauthorized,
    /// The server understood and said no.
    #[error("the server refused with {status}: {message}")]
    Refused {
        /// Its answer.
        status: StatusCode,
        /// Its reason, or what could be read of it.
        message: String,
    },
    /// What came is no event of labeltap's.
    #[error("the server sent something that is no event: {0}")]
    NoEvent(String),
}

/// An event of a known type that lacks what makes it one.
#[derive(Debug, thiserror::Error)]
#[error("cannot read event {id}, a {kind}: {source}")]
#[non_exhaustive]
pub struct EventError {
    /// Its id.
    pub id: i64,
    /// Its `type`.
    pub kind: String,
    /// What is wrong with it.
    pub source: serde_json::Error,
}
