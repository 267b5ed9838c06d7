//! The labels of the stream: their form, then their signatures (contract section 8).

use crate::code::Code;
use crate::history::{Holds, Keys};
use crate::listen::{Heard, Spoken};
use crate::report::Check;
use crate::said::shown;
use crate::tally::Tally;
use label::{Did, Verdict};
use verify::{Judged, Key, SignatureFault, judge};
use wire::{Claim, unsigned_cbor};

/// Looks at every label that was heard.
pub(crate) async fn look(heard: &Heard, did: &Did, key: &Key, keys: &Keys<'_>) -> [Check; 2] {
    let (mut form, mut signatures) = (Tally::default(), Tally::default());
    let mut signed = 0;
    for spoken in &heard.labels {
        let (verdict, reason) = match judge(&spoken.raw, did, key) {
            Judged::Label { .. } => (Verdict::Verified, String::new()),
            Judged::Refused { verdict, reason } => (verdict, reason),
        };
        let told = |reason: &str| format!("{} ({reason})", shown(spoken));
        signed += usize::from(matches!(verdict, Verdict::Verified | Verdict::BadSignature));
        match verdict {
            Verdict::Malformed => form.add(Code::LabelMalformed, || told(&reason)),
            Verdict::UnsupportedVersion => form.add(Code::LabelVersion, || told(&reason)),
            Verdict::ForeignSrc => form.add(Code::LabelForeignSrc, || told(&reason)),
            Verdict::Unsigned => form.add(Code::LabelUnsigned, || told(&reason)),
            Verdict::BadSignature => {
                if let Some((code, why)) = fault(spoken, key, keys).await {
                    signatures.add(code, || told(why.as_ref().unwrap_or(&reason)));
                }
            }
            Verdict::Verified | Verdict::VerifiedOldKey => {}
        }
    }
    let count = heard.labels.len();
    let mut of_form = Check::new("labels").remark(format!("{count} looked at"));
    form.tell(&mut of_form, count);
    let mut of_signatures = Check::new("signatures").remark(format!("{signed} looked at"));
    signatures.tell(&mut of_signatures, signed);
    [of_form, of_signatures]
}

/// What is wrong with a signature that does not hold under the present key. `None`: the
/// document changed between two looks, and all is well. With it comes a better reason, if
/// there is one.
async fn fault(spoken: &Spoken, key: &Key, keys: &Keys<'_>) -> Option<(Code, Option<String>)> {
    let claim = Claim::read(&spoken.raw).ok()?;
    let sig = claim.sig.as_deref().unwrap_or_default();
    let code = match key.check(&unsigned_cbor(&claim), sig) {
        // Two integers in a sequence: ASN.1 (SEC 1, C.8).
        Err(SignatureFault::Length(_)) if sig.first() == Some(&0x30) => Code::SignatureDer,
        Err(SignatureFault::HighS) => Code::SignatureHighS,
        Err(SignatureFault::Length(_)) => Code::SignatureBad,
        Ok(()) | Err(_) => match keys.of_received(&spoken.raw).await {
            Holds::Now => return None,
            Holds::Before => Code::SignatureOldKey,
            Holds::Never => Code::SignatureBad,
            Holds::Unknown(why) => return Some((Code::HistoryUnreachable, Some(why))),
        },
    };
    Some((code, None))
}
