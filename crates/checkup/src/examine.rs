//! The examination from beginning to end, in the order in which a subscriber depends on
//! things. What cannot be looked at because of something before is left out.

use crate::code::Code;
use crate::dial::dial;
use crate::history::Keys;
use crate::listen::{Heard, listen};
use crate::means::{Means, Settings};
use crate::report::{Check, Report};
use crate::subject::Subject;
use crate::who::{self, Who};
use crate::{compare, declaration, ending, entries, future, handle, labels, replay, values};
use identity::Resolver;
use label::Seq;
use url::Url;

/// Examines a labeler. Takes as long as the labeler needs for its answers, each within its
/// limit.
pub async fn check(resolver: &Resolver, subject: &Subject, settings: &Settings) -> Report {
    let means = Means { resolver, settings };
    let mut report = Report::new(subject.to_string());
    let Some(who) = who::find(means, subject, &mut report).await else { return report };
    handle::look(means, subject, &who, &mut report).await;
    let service = entries::service(means, subject, &who, &mut report);
    entries::key(&who, &mut report);
    let heard = match &service {
        Some(service) => serving(means, service, &who, &mut report).await,
        None => None,
    };
    let (check, declared) = declaration::look(means, &who).await;
    let values = values::look(heard.as_ref(), &who.did, declared.as_deref());
    report.add([check, values]);
    report
}

/// What the endpoint serves; answers what was heard from the beginning of the stream.
async fn serving(means: Means<'_>, service: &Url, who: &Who, report: &mut Report) -> Option<Heard> {
    let key = report.key.clone();
    let keys = key.as_ref().map(|key| Keys::new(means, &who.did, key));
    let heard = match dial(means, service, Seq::START).await {
        Ok(socket) => {
            report.add([Check::new("connection")]);
            Some(listen(means, socket, means.settings.sample, means.first()).await)
        }
        Err(not) => {
            report.add([Check::new("connection").found(not.code, format!("{}.", not.message))]);
            if !not.answered {
                return None;
            }
            None
        }
    };
    if let Some(heard) = &heard {
        report.add(stream(means, service, who, heard).await);
        if let (Some(key), Some(keys)) = (&key, &keys) {
            report.add(labels::look(heard, &who.did, key, keys).await);
        }
    }
    report.add([compare::look(means, service, &who.did, heard.as_ref(), keys.as_ref()).await]);
    heard
}

/// The stream itself, and what it makes of cursors.
async fn stream(means: Means<'_>, service: &Url, who: &Who, heard: &Heard) -> Vec<Check> {
    let (labels, frames) = (heard.labels.len(), heard.seqs.len());
    let mut check =
        Check::new("stream").remark(format!("{labels} labels in {frames} frames from cursor 0"));
    ending::judge(&mut check, heard, Seq::START);
    if let Some(words) = &heard.outdated {
        check.find(Code::OutdatedCursor, format!("Asked for cursor 0: {words}."));
    }
    if !heard.seqs.is_empty() {
        let replayed = replay::look(means, service, heard).await;
        let future = future::look(means, service).await;
        return [check].into_iter().chain(replayed).chain([future]).collect();
    }
    if heard.is_all() {
        if compare::has_any(means, service, &who.did).await {
            let message = "Asked for cursor 0, nothing came, though queryLabels gives labels.";
            check.find(Code::CursorIgnored, message);
        } else {
            check.find(Code::EmptyStream, "Nothing came from cursor 0 on.");
        }
    }
    vec![check]
}
