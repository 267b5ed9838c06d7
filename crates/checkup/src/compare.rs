//! `queryLabels` against the stream: whether what applies according to the one is given by
//! the other, and whether it is signed.

use crate::code::Code;
use crate::history::{Holds, Keys};
use crate::listen::Heard;
use crate::means::Means;
use crate::query::{Answer, NoAnswer, ask};
use crate::report::Check;
use crate::said;
use crate::tally::Tally;
use label::{Did, Millis, syntax::instant};
use std::collections::BTreeMap;
use url::Url;
use wire::Claim;

/// How many labels are looked for.
const MOST: usize = 20;
/// How many in one question, so that its URL stays short enough for everybody.
const TOGETHER: usize = 5;
/// A longer subject is not asked for.
const LONGEST_URI: usize = 1_000;

/// Compares; signatures only where the labeler has a key. The first question is one without
/// an answer, which shows how an empty list is written.
pub(crate) async fn look(
    means: Means<'_>,
    service: &Url,
    did: &Did,
    heard: Option<&Heard>,
    keys: Option<&Keys<'_>>,
) -> Check {
    let mut check = Check::new("query");
    let expected = heard.map(|heard| applying(heard, did, means.settings.now)).unwrap_or_default();
    let complete = heard.is_some_and(Heard::is_all);
    let mut seen = Seen::default();
    let nothing = format!("at://{did}/com.example.nothing/self");
    let answer = ask(means, service, did, &[&nothing]).await;
    if !seen.take(&mut check, answer) {
        return check;
    }
    for some in expected.chunks(TOGETHER) {
        let patterns: Vec<&str> = some.iter().map(|claim| claim.uri.as_str()).collect();
        let answer = ask(means, service, did, &patterns).await;
        if !seen.take(&mut check, answer) {
            return check;
        }
    }
    let mut tally = Tally::default();
    for claim in &expected {
        if let Some(why) = disagreement(claim, &seen.labels, complete) {
            tally.add(Code::QueryDisagrees, || format!("{:?} on {} {why}", claim.val, claim.uri));
        }
    }
    tally.tell(&mut check, expected.len());
    if let Some(keys) = keys {
        signatures(&mut check, &seen.labels, did, keys).await;
    }
    let count = expected.len();
    check.remark(format!("{count} labels of the stream looked for"))
}

/// Whether `queryLabels` knows any label, for a stream that has none.
pub(crate) async fn has_any(means: Means<'_>, service: &Url, did: &Did) -> bool {
    let answer = ask(means, service, did, &["*"]).await;
    answer.is_ok_and(|answer| !answer.labels.is_empty())
}

/// What was answered so far.
#[derive(Default)]
struct Seen {
    labels: Vec<Claim>,
    null_told: bool,
}

impl Seen {
    /// Takes in one answer; `false`: there was none, and the check says so.
    fn take(&mut self, check: &mut Check, answer: Result<Answer, NoAnswer>) -> bool {
        match answer {
            Ok(answer) => {
                if answer.null && !self.null_told {
                    self.null_told = true;
                    check.find(Code::QueryLabelsNull, "An answer has labels: null.");
                }
                self.labels.extend(answer.labels);
                true
            }
            Err(none) => {
                check.find(none.code, format!("{}.", none.message));
                false
            }
        }
    }
}

/// Labels of the stream that apply now, as far as it was heard: the newest on each subject
/// and value, neither negated nor expired. A few of them, from all over the stream.
fn applying(heard: &Heard, did: &Did, now: Millis) -> Vec<Claim> {
    let mut newest = BTreeMap::new();
    for (place, claim) in said::claims(heard).enumerate() {
        if claim.src == did.as_str() && claim.uri.len() <= LONGEST_URI {
            newest.insert((claim.uri.clone(), claim.val.clone()), (place, claim));
        }
    }
    let mut standing: Vec<(usize, Claim)> = newest.into_values().collect();
    standing.retain(|(_, claim)| claim.neg != Some(true) && !is_over(claim, now));
    standing.sort_unstable_by_key(|(place, _)| *place);
    let step = standing.len().div_ceil(MOST).max(1);
    standing.into_iter().step_by(step).map(|(_, claim)| claim).collect()
}

fn is_over(claim: &Claim, now: Millis) -> bool {
    let end = claim.exp.as_deref().and_then(instant);
    end.is_some_and(|end| end / 1_000 <= now.0)
}

/// How the answers differ from a label that applies, if they do. Where the stream was not
/// heard to its end, or said more since, a newer label is no difference, nor is none.
fn disagreement(claim: &Claim, answers: &[Claim], complete: bool) -> Option<&'static str> {
    let of_key = |other: &&Claim| {
        (&other.src, &other.uri, &other.val) == (&claim.src, &claim.uri, &claim.val)
    };
    let answers: Vec<&Claim> = answers.iter().filter(of_key).collect();
    let same = |other: &&Claim| {
        let flags = |claim: &Claim| claim.neg.unwrap_or(false);
        (&other.cid, &other.cts, &other.exp) == (&claim.cid, &claim.cts, &claim.exp)
            && flags(other) == flags(claim)
    };
    let newer = |other: &&Claim| instant(&other.cts) > instant(&claim.cts);
    match answers.as_slice() {
        [] if complete => Some("is not given"),
        [] => None,
        some if some.iter().copied().any(|other| same(&other) || newer(&other)) => None,
        _ => Some("is given with other fields"),
    }
}

async fn signatures(check: &mut Check, labels: &[Claim], did: &Did, keys: &Keys<'_>) {
    let mut tally = Tally::default();
    let own = || labels.iter().filter(|claim| claim.src == did.as_str());
    for claim in own() {
        let code = match keys.of_claim(claim).await {
            Holds::Now => continue,
            Holds::Before => Code::SignatureOldKey,
            Holds::Never => Code::QuerySignatureBad,
            Holds::Unknown(_) => Code::HistoryUnreachable,
        };
        tally.add(code, || format!("{:?} on {}, from queryLabels", claim.val, claim.uri));
    }
    tally.tell(check, own().count());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(cts: &str, neg: Option<bool>) -> Claim {
        Claim {
            src: "did:plc:a".into(),
            uri: "at://b".into(),
            val: "c".into(),
            cts: cts.into(),
            neg,
            ..Claim::default()
        }
    }

    #[test]
    fn only_what_applies_for_sure_is_missed() {
        let (old, new) = ("2024-10-07T12:00:00Z", "2024-10-08T12:00:00Z");
        let said = claim(new, None);
        assert!(disagreement(&said, &[], true).is_some());
        assert!(disagreement(&said, &[], false).is_none());
        assert!(disagreement(&said, &[claim(new, Some(false))], true).is_none());
        assert!(disagreement(&said, &[claim(old, None), claim(new, None)], true).is_none());
        assert!(disagreement(&said, &[claim(old, None)], true).is_some());
        assert!(disagreement(&said, &[claim(new, Some(true))], false).is_some());
        let newer = claim("2024-10-09T12:00:00Z", Some(true));
        assert!(disagreement(&said, &[newer], true).is_none());
        let other = Claim { exp: Some(new.into()), ..claim(new, None) };
        assert!(disagreement(&said, &[other], true).is_some());
    }
}
