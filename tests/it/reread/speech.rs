//! What the fake labelers say: labels with every field there is, present and absent, in every
//! form that is allowed, again and again about the same subjects; and between them some that
//! nobody may ever see again.

use super::said::Said;
use testkit::{FakeLabeler, LabelSpec, Sig, SignedLabel, Spelling, cts, plc_did};

const CID: &str = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
const DAY_MS: u64 = 86_400_000;

/// So many keys: of each there are several labels in a long speech.
const KEYS: u64 = 307;

/// One frame: what goes over the wire, and what of it is to be read again.
#[derive(Default)]
pub(super) struct Spoken {
    labels: Vec<SignedLabel>,
    kept: Vec<Said>,
}

/// Has a labeler say the frames of these numbers, and answers what is to be read again.
pub(super) fn speak(labeler: &FakeLabeler, numbers: impl Iterator<Item = u64>) -> Vec<Said> {
    let frames = numbers.map(|number| Spoken::number(labeler, number));
    frames.flat_map(|frame| frame.emit(labeler)).collect()
}

impl Spoken {
    fn number(labeler: &FakeLabeler, n: u64) -> Self {
        let mut frame = Self::default();
        let (cts, made) = time(n);
        let spec = about(n % KEYS).cts(&cts);
        let spec = if n % 5 == 2 { spec.cid(CID) } else { spec };
        let (spec, has_run_out) = match n % 7 {
            3 => (spec.exp("2040-01-01T00:00:00.000Z"), false),
            5 => (spec.exp("2024-12-01T00:00:00Z"), true),
            _ => (spec, false),
        };
        let spec = match n % 4 {
            1 => spec.neg(false),
            3 => spec.neg(true),
            _ => spec,
        };
        frame.say(labeler, spec.clone(), &dressed(n, spec.clone()), &made, has_run_out);
        if n.is_multiple_of(13) {
            // At the very same time: what comes later is newer.
            let takes_back = spec.neg != Some(true);
            let spec = spec.neg(takes_back);
            frame.say(labeler, spec.clone(), &spec, &made, has_run_out);
        }
        if n % 9 == 4 {
            frame.labels.push(labeler.sign(refused(n, about(n % KEYS).cts(cts))));
        }
        frame
    }

    /// Adds a label that is sent as `dressed`, which is `spec` with more to it that nobody signs.
    pub(super) fn say(
        &mut self,
        labeler: &FakeLabeler,
        spec: LabelSpec,
        dressed: &LabelSpec,
        made: &str,
        has_run_out: bool,
    ) {
        let sent = labeler.sign(dressed.clone());
        let bare = labeler.sign(spec);
        let has_null = |field: &[u8]| sent.bytes.windows(field.len()).any(|bytes| bytes == field);
        let valid = !has_null(b"\x63cid\xf6") && !has_null(b"\x63exp\xf6");
        let spec = bare.spec;
        self.kept.push(Said {
            sent: sent.bytes.clone(),
            bare: bare.bytes,
            src: labeler.did().to_owned(),
            uri: spec.uri,
            val: spec.val,
            made: made.to_owned(),
            negates: spec.neg == Some(true),
            has_run_out,
            valid,
        });
        self.labels.push(sent);
    }

    pub(super) fn emit(self, labeler: &FakeLabeler) -> Vec<Said> {
        labeler.emit_signed(&self.labels);
        self.kept
    }
}

/// The subject and the value of a key.
fn about(key: u64) -> LabelSpec {
    let did = plc_did(&format!("subject {key}"));
    let uri = match key % 4 {
        0 => did,
        1 => format!("at://{did}/app.bsky.feed.post/3l3qo2vuowo2b"),
        2 => format!("at://{did}/app.bsky.actor.profile/self"),
        _ => format!("https://example.com/{key}?of=%C3%BC"),
    };
    let val = ["spam", "!warn", "größe", "sexual-figurative"][key as usize / 4 % 4];
    LabelSpec::new(uri, val)
}

/// A `cts`, written in one of many ways, and the instant as text that sorts: later numbers are
/// not always later, and some lie ahead of all clocks, so that the time of receipt counts.
fn time(n: u64) -> (String, String) {
    if n % 97 == 41 {
        return ("2031-05-01T00:00:00.000Z".to_owned(), "received".to_owned());
    }
    let ms = DAY_MS + 1000 * (n ^ 512);
    let plain = cts(ms);
    let written = match n % 6 {
        0 => cts(ms + 2 * 3_600_000).replace('Z', "+02:00"),
        1 => cts(ms - 5 * 3_600_000 - 1_800_000).replace('Z', "-05:30"),
        2 => plain.replace(".000Z", "Z"),
        3 => plain.replace(".000Z", ".0000009Z"),
        _ => plain.clone(),
    };
    (written, plain)
}

/// With fields that nobody signs: an unknown one, or a null as Skyware 0.1.5 wrote it.
fn dressed(n: u64, spec: LabelSpec) -> LabelSpec {
    match n % 50 {
        7 | 17 => spec.extra("id", 7),
        19 if spec.exp.is_none() => spec.null("exp"),
        29 if spec.cid.is_none() => spec.null("cid"),
        _ => spec,
    }
}

/// One that is no label, in one way or another.
fn refused(n: u64, mut spec: LabelSpec) -> LabelSpec {
    match n % 11 {
        0 => spec.sig(Sig::HighS),
        1 => spec.sig(Sig::Absent),
        2 => spec.sig(Sig::Der),
        3 => spec.sig(Sig::Short),
        4 => spec.src(&plc_did("somebody else")),
        5 => spec.ver(Some(2)),
        6 => spec.replace_signed("val", "other"),
        7 => spec.spelling(Spelling::DuplicateKey),
        8 => spec.spelling(Spelling::UnsortedKeys),
        9 => spec.without("cts"),
        _ => {
            spec.val = "x".repeat(129);
            spec
        }
    }
}
