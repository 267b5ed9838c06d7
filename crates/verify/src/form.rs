//! Is a received label one that could be signed by this labeler at all? Everything that can
//! be told without looking at the signature, in the order of contract section 8.

use crate::Signed;
use crate::judge::Refusal;
use label::{Did, Parts, Verdict, syntax};
use wire::{Claim, RawLabel};

/// The longest label value, in bytes (`com.atproto.label.defs`).
const MAX_VAL: usize = 128;

/// The longest label, in bytes of CBOR. The known fields at their limits take about 11 KB;
/// the rest is room for fields that nobody signed. Such a label is kept as it came, so
/// without a limit one labeler could fill the memory of whoever reads the log.
const MAX_LABEL: usize = 64 << 10;

/// A claim that lacks nothing but a look at its signature.
pub(crate) struct Formed {
    /// What is said, with the signature.
    pub(crate) parts: Parts,
    /// The bytes that must have been signed.
    pub(crate) message: Vec<u8>,
    /// Whether the received bytes can be made again from `parts`.
    pub(crate) plain: bool,
}

impl Formed {
    /// What its signature is to be checked with.
    pub(crate) fn signed(&self) -> Signed<'_> {
        Signed { message: &self.message, sig: &self.parts.sig }
    }
}

/// Checks all but the signature.
pub(crate) fn form(raw: &RawLabel, labeler: &Did) -> Result<Formed, Refusal> {
    if raw.bytes.len() > MAX_LABEL {
        return Err(Refusal::malformed("the label is longer than 65536 bytes"));
    }
    let claim = Claim::read(raw).map_err(|fault| Refusal::malformed(fault.to_string()))?;
    let src = well_formed(&claim).map_err(Refusal::malformed)?;
    match claim.ver {
        Some(1) => {}
        Some(other) => return Err(unsupported(format!("ver is {other}"))),
        None => return Err(unsupported("ver is missing".into())),
    }
    if src != *labeler {
        let reason = format!("src is {src}, not the labeler that sent it");
        return Err(Refusal { verdict: Verdict::ForeignSrc, reason });
    }
    if claim.sig.as_ref().is_none_or(Vec::is_empty) {
        return Err(Refusal { verdict: Verdict::Unsigned, reason: "there is no sig".into() });
    }
    Ok(Formed {
        message: wire::unsigned_cbor(&claim),
        plain: claim.plain,
        parts: parts(claim, src),
    })
}

fn unsupported(reason: String) -> Refusal {
    Refusal { verdict: Verdict::UnsupportedVersion, reason }
}

/// Whether every field has the form and the size that the lexicon gives it.
fn well_formed(claim: &Claim) -> Result<Did, &'static str> {
    let src = Did::parse(&claim.src).map_err(|_| "src is not a DID")?;
    if !syntax::is_uri(&claim.uri) {
        return Err("uri is not a URI of at most 8192 bytes");
    }
    if claim.val.is_empty() {
        return Err("val is empty");
    }
    if claim.val.len() > MAX_VAL {
        return Err("val is longer than 128 bytes");
    }
    if claim.cid.as_deref().is_some_and(|cid| !syntax::is_cid(cid)) {
        return Err("cid is not a CID");
    }
    // Datetimes are asked for their instant, not only for their form: without one, a label
    // could neither be ordered nor expire.
    if syntax::instant(&claim.cts).is_none() {
        return Err("cts is not a datetime");
    }
    if claim.exp.as_deref().is_some_and(|exp| syntax::instant(exp).is_none()) {
        return Err("exp is not a datetime");
    }
    Ok(src)
}

fn parts(claim: Claim, src: Did) -> Parts {
    Parts {
        src,
        uri: claim.uri,
        cid: claim.cid,
        val: claim.val,
        neg: claim.neg,
        cts: claim.cts,
        exp: claim.exp,
        sig: claim.sig.unwrap_or_default(),
    }
}
