//! Whether the DID document and its handle agree, both ways (atproto handle spec).

use crate::code::Code;
use crate::means::Means;
use crate::report::{Check, Report};
use crate::subject::Subject;
use crate::who::Who;
use label::Hosts;

/// Looks at the handle that the document claims.
pub(crate) async fn look(means: Means<'_>, subject: &Subject, who: &Who, report: &mut Report) {
    let check = Check::new("handle");
    let claimed = who.document.claimed_handle.as_deref();
    let check = match (claimed, subject) {
        // That it leads to the DID is how the DID was found.
        (Some(claimed), Subject::Handle(asked)) if claimed == asked => {
            report.handle = Some(asked.clone());
            check.remark(asked)
        }
        (claimed, Subject::Handle(asked)) => {
            let claims = claimed.unwrap_or("no handle");
            let message = format!("{asked} leads to {}, which claims {claims}.", who.did);
            check.found(Code::HandleMismatch, message)
        }
        (None, _) => check.found(Code::NoHandle, "alsoKnownAs has no handle."),
        (Some(claimed), _) => confirm(means, who, claimed, check, report).await,
    };
    report.add([check]);
}

async fn confirm(
    means: Means<'_>,
    who: &Who,
    claimed: &str,
    check: Check,
    report: &mut Report,
) -> Check {
    let why = match means.resolver.did_of_handle(claimed).await {
        Ok(did) if did == who.did => {
            report.handle = Some(claimed.to_owned());
            return check.remark(claimed);
        }
        Ok(other) => format!("{claimed} leads to {other}"),
        Err(error) => error.to_string(),
    };
    // Where private hosts are allowed, it is a network for development.
    let local = means.settings.hosts == Hosts::Private && claimed.ends_with(".test");
    let code = if local { Code::HandleLocal } else { Code::HandleUnconfirmed };
    check.found(code, format!("{why}."))
}
