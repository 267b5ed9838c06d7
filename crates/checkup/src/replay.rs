//! The stream from a cursor in the middle of what was seen.

use crate::code::Code;
use crate::dial::dial;
use crate::ending;
use crate::listen::{Heard, listen};
use crate::means::Means;
use crate::report::Check;
use label::Seq;
use url::Url;

/// Asks for a place in the middle; there has to be something after it. `None`: too little
/// was heard for that.
pub(crate) async fn look(means: Means<'_>, service: &Url, before: &Heard) -> Option<Check> {
    let mut seqs = before.seqs.clone();
    seqs.sort_unstable();
    seqs.dedup();
    let cursor = *seqs.get(seqs.len().checked_sub(1)? / 2)?;
    if seqs.last() == Some(&cursor) {
        return None;
    }
    let mut check = Check::new("cursor").remark(format!("asked for {cursor}"));
    let socket = match dial(means, service, cursor).await {
        Ok(socket) => socket,
        Err(not) => return Some(check.found(not.code, format!("{}.", not.message))),
    };
    let heard = listen(means, socket, 1, means.first()).await;
    judge(&mut check, &heard, cursor);
    Some(check)
}

/// A cursor itself may come again or not; servers do both.
fn judge(check: &mut Check, heard: &Heard, cursor: Seq) {
    ending::judge(check, heard, cursor);
    match heard.seqs.first() {
        Some(first) if *first < cursor => {
            let message = format!("Asked for cursor {cursor}, the stream began at seq {first}.");
            check.find(Code::CursorIgnored, message);
        }
        None if heard.is_all() => {
            let message =
                format!("Asked for cursor {cursor}, nothing came, though there is more after it.");
            check.find(Code::CursorIgnored, message);
        }
        _ => {}
    }
}
