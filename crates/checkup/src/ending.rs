//! How a stream ended, as a finding.

use crate::code::Code;
use crate::listen::{Ending, Heard};
use crate::report::Check;
use label::Seq;

/// Adds to `check` what is wrong with how the stream ended, and with its numbers; `asked` is
/// the cursor it was asked for.
pub(crate) fn judge(check: &mut Check, heard: &Heard, asked: Seq) {
    numbers(check, heard);
    let place = match heard.seqs.last() {
        Some(seq) => format!("after seq {seq}, read from cursor {asked}"),
        None => format!("before the first frame, read from cursor {asked}"),
    };
    match &heard.ending {
        Ending::Enough | Ending::Quiet => {}
        Ending::Closed(words) => {
            let code =
                if heard.seqs.is_empty() { Code::StreamClosedAtOnce } else { Code::StreamClosed };
            let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
            check.find(code, format!("The stream ended {place}{words}."));
        }
        Ending::Error(error, message) => {
            let code = match error.as_str() {
                "ConsumerTooSlow" => Code::ConsumerTooSlow,
                _ => Code::StreamError,
            };
            let more = message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
            check.find(code, format!("Error {error}{more} {place}."));
        }
        Ending::Broken(why) => check.find(Code::FramingBroken, format!("{why}; {place}.")),
        Ending::Text => check.find(Code::TextFrame, format!("A text frame came {place}.")),
    }
}

/// `seq` has to grow from frame to frame (event-stream spec, "Sequence Numbers").
fn numbers(check: &mut Check, heard: &Heard) {
    let mut backwards = heard.seqs.windows(2).filter_map(|pair| match pair {
        [before, after] if after <= before => Some((before, after)),
        _ => None,
    });
    if let Some((before, after)) = backwards.next() {
        let more = backwards.count();
        let again = if more == 0 { String::new() } else { format!(", and {more} times more") };
        check.find(Code::SeqNotGrowing, format!("seq {after} came after seq {before}{again}."));
    }
}
