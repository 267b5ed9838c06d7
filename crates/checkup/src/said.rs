//! What a stream says, as far as it can be read. Whether it holds is another matter.

use crate::listen::{Heard, Spoken};
use wire::Claim;

/// The labels of a stream that can be read, in order.
pub(crate) fn claims(heard: &Heard) -> impl Iterator<Item = Claim> {
    heard.labels.iter().filter_map(|spoken| Claim::read(&spoken.raw).ok())
}

/// A label as people can find it again.
pub(crate) fn shown(spoken: &Spoken) -> String {
    let facts = wire::rejected_facts(&spoken.raw.bytes);
    let (val, uri) = (facts.val.unwrap_or("?"), facts.uri.unwrap_or("?"));
    let short = |text: &str| text.chars().take(200).collect::<String>();
    format!("seq {}, {:?} on {}", spoken.seq, short(val), short(uri))
}
