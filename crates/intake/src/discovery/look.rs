//! One look-up: asks the directory or host for the document, and for a proof of the
//! declaration where one is wanted. What becomes of it is decided in `verdict`.

use super::declaration::{self, Read};
use super::hub::Hub;
use super::verdict::{Seen, Told};
use identity::{Found, ResolveError, Resolved, Want};
use store::{Lookup, StoreError};

/// Looks.
///
/// # Errors
/// The store's, when it was asked what is known.
pub(super) async fn look(hub: &Hub, lookup: &Lookup) -> Result<Seen, StoreError> {
    // Nobody said that anything has changed: it is just time to read the declaration.
    let routine = lookup.sources.is_empty();
    let want = if routine { Want::Cached } else { Want::Passing };
    let resolved = match hub.shared.resolver.resolve(&lookup.did, want).await {
        Ok(resolved) => resolved,
        Err(error) => return Ok(unseen(lookup, error)),
    };
    let is_labeler = resolved.service != Found::Absent;
    let told = match lookup.declared && (is_labeler || routine) {
        true => Some(declared(hub, lookup, &resolved, routine).await?),
        false => None,
    };
    Ok(if is_labeler { Seen::Labeler { told } } else { Seen::NoLabeler { told } })
}

fn unseen(lookup: &Lookup, error: ResolveError) -> Seen {
    tracing::debug!(did = %lookup.did, %error, "no DID document");
    match error {
        ResolveError::Unreachable { retry_after, .. } => Seen::Unreachable { retry_after },
        _ => Seen::Nobody,
    }
}

/// What is declared. When the key that is remembered did not sign it, the document is read
/// afresh once.
async fn declared(
    hub: &Hub,
    lookup: &Lookup,
    resolved: &Resolved,
    remembered: bool,
) -> Result<Told, StoreError> {
    let commits = hub.commits.take(&lookup.did);
    match declaration::read(hub, &lookup.did, resolved, &commits, remembered).await? {
        Read::Told(told) => return Ok(told),
        Read::OtherKey if remembered => {}
        Read::OtherKey => return Ok(nothing(lookup)),
    }
    let fresh = match hub.shared.resolver.resolve(&lookup.did, Want::Fresh).await {
        Ok(fresh) => fresh,
        Err(ResolveError::Unreachable { retry_after, .. }) => {
            return Ok(Told::Unreachable { retry_after });
        }
        Err(_) => return Ok(Told::Nothing),
    };
    match declaration::read(hub, &lookup.did, &fresh, &commits, false).await? {
        Read::Told(told) => Ok(told),
        Read::OtherKey => Ok(nothing(lookup)),
    }
}

fn nothing(lookup: &Lookup) -> Told {
    let wrong = repo::ProofError::Signature(verify::SignatureFault::Wrong);
    declaration::forged(&lookup.did, "server", &wrong);
    Told::Nothing
}
