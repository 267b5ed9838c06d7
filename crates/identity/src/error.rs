//! What can go wrong when somebody else is asked, sorted by what it means for the caller.

use crate::names::LookupError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Why there is no document.
///
/// # What is definitive
///
/// Only answers that the one entitled to give them gave on purpose: 404 and 410 of the PLC
/// directory (its specification says 410 for a tombstone, its code says 404), 404 and 410 of
/// a did:web host, a domain of which DNS says that it does not exist, and a DID that by its
/// form cannot have a document. Everything else may be different tomorrow, so it is an
/// outage and the labeler waits (contract G6): other statuses, redirects, time limits, TLS,
/// refused addresses, names without address records, bodies that are too large or no JSON,
/// and documents that are about somebody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no such DID. The text says who said so.
    #[error("{0}")]
    NotFound(String),
    /// It could not be asked. Try again later.
    #[error("{reason}")]
    Unreachable {
        /// What happened.
        reason: String,
        /// How long the host wants to be left alone (at most an hour).
        retry_after: Option<Duration>,
    },
}

impl ResolveError {
    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self::Unreachable { reason: reason.into(), retry_after: None }
    }
}

/// Why a handle did not lead to a DID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// Not a handle, or one under a name that is reserved (`.local`, `.onion`, …).
    #[error("{0:?} is not a handle that can be looked up")]
    Invalid(String),
    /// It was asked, and leads to no DID or to several.
    #[error("{0}")]
    NotFound(String),
    /// It could not be asked. Try again later.
    #[error("{0}")]
    Unreachable(String),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL itself: another scheme, plain text where that is not allowed, no host.
    #[error("{0}")]
    Url(String),
    /// Every address of the host is private or reserved. Nothing was sent.
    #[error("{host} is at {ip}, which is not a public address")]
    Refused {
        /// The host as the URL names it.
        host: String,
        /// One of its addresses.
        ip: IpAddr,
    },
    /// The name led to no address.
    #[error("cannot look up {host}: {error}")]
    Lookup {
        /// The host as the URL names it.
        host: String,
        /// Whether it does not exist or could not be asked for.
        error: LookupError,
    },
    /// No address took the connection.
    #[error("cannot connect to {address}: {error}")]
    Tcp {
        /// The last address tried.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The handshake failed, the certificate among other reasons.
    #[error("cannot speak TLS with {host}: {error}")]
    Tls {
        /// The host as the URL names it.
        host: String,
        /// What the TLS library said.
        error: io::Error,
    },
    /// The limit passed.
    #[error("{host} did not answer within {limit:?}")]
    Timeout {
        /// The host as the URL names it.
        host: String,
        /// The limit that was given.
        limit: Duration,
    },
}

/// Why a [`Resolver`](crate::Resolver) could not be set up. A sentence for the operator.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The system offers no certificates to check servers with.
    #[error(
        "No CA certificates to check TLS servers with ({0}): install the package \
         ca-certificates, or set SSL_CERT_FILE to a file of them."
    )]
    Certificates(String),
    /// The DNS settings of the system cannot be used.
    #[error("The DNS settings of this system cannot be used: {0}.")]
    Dns(String),
    /// The HTTP client could not be built.
    #[error("The HTTP client cannot be set up: {0}.")]
    Http(String),
}
