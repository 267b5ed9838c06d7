//! From what was asked for to a DID and its document.

use crate::code::Code;
use crate::dial::dial;
use crate::listen::listen;
use crate::means::{Means, at};
use crate::report::{Check, Report};
use crate::said;
use crate::subject::Subject;
use identity::{HandleError, ResolveError, Resolved, Want};
use label::{Did, Seq};
use std::sync::Arc;
use url::Url;

/// Labels that are read to see whose a stream is: one could be odd.
const A_FEW: usize = 10;

/// A labeler that was found.
pub(crate) struct Who {
    pub(crate) did: Did,
    pub(crate) document: Arc<Resolved>,
}

/// Finds the DID and its document. `None`: the report says why not.
pub(crate) async fn find(means: Means<'_>, subject: &Subject, report: &mut Report) -> Option<Who> {
    let found = match subject {
        Subject::Did(did) => Ok(did.clone()),
        Subject::Handle(handle) => of_handle(means, handle).await,
        Subject::Url(url) => at_url(means, url).await,
    };
    let did = match found {
        Ok(did) => did,
        Err(checks) => {
            report.add(checks);
            return None;
        }
    };
    report.did = Some(did.clone());
    let check = Check::new("identity").remark(&did);
    match means.resolver.resolve(&did, Want::Fresh).await {
        Ok(document) => {
            report.add([check]);
            Some(Who { did, document })
        }
        Err(error) => {
            report.add([check.found(no_document(&did, &error), format!("{did}: {error}."))]);
            None
        }
    }
}

fn no_document(did: &Did, error: &ResolveError) -> Code {
    match error {
        ResolveError::NotFound(_) => Code::DidNotFound,
        _ if did.web_host().is_some() => Code::DocumentUnreachable,
        _ => Code::DirectoryUnreachable,
    }
}

async fn of_handle(means: Means<'_>, handle: &str) -> Result<Did, Vec<Check>> {
    let found = means.resolver.did_of_handle(handle).await;
    let found = found.and_then(|did| match did.check_followable(means.settings.hosts) {
        Ok(()) => Ok(did),
        Err(error) => Err(HandleError::NotFound(error.to_string())),
    });
    found.map_err(|error| {
        vec![Check::new("identity").found(Code::HandleNotFound, format!("{error}."))]
    })
}

/// Whose labeler answers at `url`: its own document says so, or a handle's page, or the
/// labels in its stream.
async fn at_url(means: Means<'_>, url: &Url) -> Result<Did, Vec<Check>> {
    if let Some(did) = by_pages(means, url).await {
        return Ok(did);
    }
    let unknown = |checks: Vec<Check>, why: &str| {
        let message = format!("{url} has no /.well-known/did.json or atproto-did, and {why}.");
        let check = Check::new("identity").found(Code::NoDid, message);
        Err(checks.into_iter().chain([check]).collect())
    };
    let socket = match dial(means, url, Seq::START).await {
        Ok(socket) => socket,
        Err(not) => {
            let check = Check::new("connection").found(not.code, format!("{}.", not.message));
            return unknown(vec![check], "its stream cannot be read");
        }
    };
    let heard = listen(means, socket, A_FEW, means.first()).await;
    let src = |claim: wire::Claim| Did::parse_followable(&claim.src, means.settings.hosts).ok();
    match said::claims(&heard).filter_map(src).next() {
        Some(did) => Ok(did),
        None => unknown(Vec::new(), "no label came that would say it"),
    }
}

async fn by_pages(means: Means<'_>, url: &Url) -> Option<Did> {
    let read = |text: &str| Did::parse_followable(text.trim(), means.settings.hosts).ok();
    let document = means.json(&at(url, "/.well-known/did.json", &[])).await;
    let id = document.as_ref().and_then(|document| document.get("id")?.as_str());
    if let Some(did) = id.and_then(read) {
        return Some(did);
    }
    let page = means.fetch(&at(url, "/.well-known/atproto-did", &[])).await.ok()?;
    std::str::from_utf8(&page.body).ok().and_then(read)
}
