//! What the DID document says about the labeler: endpoint, key, and the account's PDS.

use crate::code::Code;
use crate::means::Means;
use crate::report::{Check, Report};
use crate::subject::Subject;
use crate::who::Who;
use identity::{Found, Resolved};
use label::{Did, Hosts};
use serde_json::Value;
use url::Url;

/// Looks at the service; answers the endpoint to examine, if there is one.
pub(crate) fn service(
    means: Means<'_>,
    subject: &Subject,
    who: &Who,
    report: &mut Report,
) -> Option<Url> {
    let check = Check::new("service");
    let (check, found) = match &who.document.service {
        Found::Present(url) => (check.remark(url), Some(url.clone())),
        Found::Absent => {
            let message = format!("The document of {} has no #atproto_labeler.", who.did);
            (check.found(Code::NoService, message), None)
        }
        Found::Unusable(why) => (check.found(unusable(means, who), format!("{why}.")), None),
    };
    report.service.clone_from(&found);
    let Subject::Url(given) = subject else {
        report.add([check]);
        return found;
    };
    let elsewhere = found.filter(|found| found.origin() != given.origin());
    report.add([match elsewhere {
        Some(found) => check.found(
            Code::ServiceElsewhere,
            format!("The document of {} names {found}; what is examined is {given}.", who.did),
        ),
        None => check,
    }]);
    Some(given.clone())
}

/// Which rule an endpoint breaks. Whether it would do where private hosts are allowed tells
/// an odd URL from one that only leads to the wrong place.
fn unusable(means: Means<'_>, who: &Who) -> Code {
    let kind = entry(&who.document.document, &who.did, "atproto_labeler")
        .and_then(|entry| entry.get("type")?.as_str());
    if kind != Some("AtprotoLabeler") {
        return Code::ServiceWrongType;
    }
    let document = who.document.document.clone();
    let in_private = Resolved::read(&who.did, document, Hosts::Private).ok();
    let in_private = in_private.as_ref().and_then(|read| read.service.present());
    match in_private {
        Some(url) if means.settings.hosts == Hosts::Public && url.scheme() == "http" => {
            Code::EndpointPlainHttp
        }
        Some(_) => Code::EndpointPrivateAddress,
        None => Code::ServiceUnusable,
    }
}

/// Looks at the key.
pub(crate) fn key(who: &Who, report: &mut Report) {
    let check = Check::new("key");
    report.key = who.document.label_key.present().cloned();
    report.add([match &who.document.label_key {
        Found::Present(key) => check.remark(key.did_key()),
        Found::Absent => {
            let message = format!("The document of {} has no #atproto_label.", who.did);
            check.found(Code::NoKey, message)
        }
        Found::Unusable(why) => check.found(Code::KeyUnusable, format!("{why}.")),
    }]);
}

/// The account's PDS.
pub(crate) fn pds(who: &Who) -> Option<Url> {
    let entry = entry(&who.document.document, &who.did, "atproto_pds")?;
    Url::parse(entry.get("serviceEndpoint")?.as_str()?).ok()
}

/// The first service whose id is `#name` or `did#name`.
fn entry<'a>(document: &'a Value, did: &Did, name: &str) -> Option<&'a Value> {
    let is_it = |entry: &&Value| {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        id.strip_prefix(did.as_str()).unwrap_or(id).strip_prefix('#') == Some(name)
    };
    document.get("service")?.as_array()?.iter().find(is_it)
}
