//! What an account says of its declaration, with proof: from a commit that was heard of, or
//! from the account's server.

use super::hub::Hub;
use super::verdict::Told;
use identity::Resolved;
use label::Did;
use repo::{ProofError, Proven, Statement};
use store::{Declared, StoreError};
use url::Url;
use verify::Key;
use wire::{LABELER_PATH, LabelerOp};

/// The longest proof, in bytes (sync spec: the blocks of a commit).
const MOST: usize = 2_000_000;

/// What came of reading a declaration.
pub(super) enum Read {
    /// This.
    Told(Told),
    /// The signature is not by this key; the account may have a newer one.
    OtherKey,
}

/// Reads it. `commits` are those that were heard of, newest first. One that is forged is
/// counted and not believed; then, or where there is none, the server is asked. A document
/// that is only `remembered` accuses nobody.
pub(super) async fn read(
    hub: &Hub,
    did: &Did,
    resolved: &Resolved,
    commits: &[LabelerOp],
    remembered: bool,
) -> Result<Read, StoreError> {
    let Some(key) = resolved.signing_key.present() else {
        return Ok(Read::Told(Told::Nothing));
    };
    for op in commits {
        match proven_by_commit(op.clone(), key.clone()).await {
            Ok(proven) => return Ok(Read::Told(from_commit(hub, did, proven).await?)),
            Err(error) if error.wants_fresh_key() && remembered => return Ok(Read::OtherKey),
            Err(error) => forged(did, "firehose", &error),
        }
    }
    Ok(at_server(hub, did, resolved, key).await)
}

async fn proven_by_commit(op: LabelerOp, key: Key) -> Result<Proven, ProofError> {
    let said = move || {
        let said = Statement::about(&op.did, LABELER_PATH)
            .in_commit(&op.commit, &op.rev)
            .with(op.cid.as_ref());
        repo::prove(&op.blocks, &said, &key)
    };
    aside(said).await
}

/// Hashing some megabytes takes a while, so it is done where nobody waits for a turn.
async fn aside(
    work: impl FnOnce() -> Result<Proven, ProofError> + Send + 'static,
) -> Result<Proven, ProofError> {
    let stopped = |_| Err(ProofError::Car("proving it did not end".to_owned()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopped)
}

/// A replay shows commits again that are older than what is known.
async fn from_commit(hub: &Hub, did: &Did, proven: Proven) -> Result<Told, StoreError> {
    let known = hub.shared.store.declaration(did.clone()).await?;
    let is_older = known.and_then(|row| row.rev).is_some_and(|rev| proven.rev <= rev);
    let told = told(proven);
    Ok(match told {
        Told::Proven { present, .. } if is_older => Told::Proven { present, news: None },
        told => told,
    })
}

/// What was proven, in words. A record that cannot be shown as JSON is there all the same.
fn told(proven: Proven) -> Told {
    let Proven { rev, record, .. } = proven;
    let present = record.is_some();
    let news = match record.map(|record| repo::record_json(&record)) {
        None => Declared::Absent { rev },
        Some(Some(json)) => Declared::Present { rev, record: json.to_string() },
        Some(None) => Declared::Unknown,
    };
    Told::Proven { present, news: Some(news) }
}

async fn at_server(hub: &Hub, did: &Did, resolved: &Resolved, key: &Key) -> Read {
    let Some(url) = resolved.pds.present().and_then(|pds| question(pds, did)) else {
        return Read::Told(Told::Nothing);
    };
    let reply = match hub.shared.resolver.fetch(&url, MOST).await {
        Ok(reply) if reply.is_success() => reply,
        // Too many questions, or a fault of its own. What else it says is an answer: there is
        // no such account, or it is not shown.
        Ok(reply) if reply.status == 429 || reply.status >= 500 => {
            return Read::Told(Told::Unreachable { retry_after: reply.retry_after });
        }
        Ok(reply) => {
            tracing::debug!(%did, status = reply.status, "no declaration to be had");
            return Read::Told(Told::Nothing);
        }
        Err(error) => {
            tracing::debug!(%did, %error, "the account's server cannot be asked");
            return Read::Told(Told::Unreachable { retry_after: None });
        }
    };
    let (whose, signer) = (did.clone(), key.clone());
    let proving =
        move || repo::prove(&reply.body, &Statement::about(&whose, LABELER_PATH), &signer);
    match aside(proving).await {
        Ok(proven) => Read::Told(told(proven)),
        Err(error) if error.wants_fresh_key() => Read::OtherKey,
        Err(error) => {
            forged(did, "server", &error);
            Read::Told(Told::Nothing)
        }
    }
}

fn question(pds: &Url, did: &Did) -> Option<Url> {
    let (collection, key) = LABELER_PATH.split_once('/')?;
    let mut url = pds.join("/xrpc/com.atproto.sync.getRecord").ok()?;
    url.query_pairs_mut()
        .append_pair("did", did.as_str())
        .append_pair("collection", collection)
        .append_pair("rkey", key);
    Some(url)
}

pub(super) fn forged(did: &Did, place: &'static str, error: &ProofError) {
    metrics::counter!("labeltap_discovery_forged_total", "place" => place).increment(1);
    tracing::debug!(%did, place, %error, "a declaration is not proven");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_asked_for_the_one_record() {
        let pds = Url::parse("https://pds.test/").unwrap();
        let did = Did::parse("did:web:mod.test").unwrap();
        let expected = "https://pds.test/xrpc/com.atproto.sync.getRecord?did=did%3Aweb%3Amod.test&collection=app.bsky.labeler.service&rkey=self";
        assert_eq!(question(&pds, &did).unwrap().as_str(), expected);
    }
}
