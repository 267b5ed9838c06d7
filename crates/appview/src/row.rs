//! What is to be in the table for one key, and what cannot be.

use label::{Label, syntax};
use store::Standing;

/// Bytes of the four columns of the table's key, at most: an entry of a Postgres index takes
/// 2,704, of which some are its own. A URI may have 8 KB.
const LONGEST: usize = 2600;

/// The first year of Postgres is 1: `0000-…` is no timestamp to it.
const YEAR_ZERO: &str = "0000-";

/// A key, and the row that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Whose label it is.
    pub(crate) src: String,
    /// What it is about.
    pub(crate) uri: String,
    /// What it says.
    pub(crate) val: String,
    /// `None`: nothing stands there, rows of this key go.
    pub(crate) put: Option<Put>,
    /// Which life of the labeler it is from.
    pub(crate) life: i64,
}

/// The columns besides the key's. `neg` is never true: what is taken back has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put {
    /// Empty if the label is about every version.
    pub(crate) cid: String,
    /// As its labeler wrote it.
    pub(crate) cts: String,
    /// In UTC, see [`Row::of`].
    pub(crate) exp: Option<String>,
}

/// Why a label is not in the table although it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// Postgres takes no NUL in a text.
    Nul,
    /// Too long for the index of the table's key.
    Long,
    /// Its end is before time, as Postgres counts it.
    Expiry,
    /// Postgres refused it, for a reason of its own.
    Refused,
}

impl Skipped {
    /// The name used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Nul => "nul",
            Self::Long => "long",
            Self::Expiry => "expiry",
            Self::Refused => "refused",
        }
    }

    /// Counts it.
    pub(crate) fn count(self) {
        metrics::counter!("labeltap_appview_skipped_total", "reason" => self.as_str()).increment(1);
    }
}

impl Row {
    /// What stands for the current label of a key; `None` when the key itself cannot be written,
    /// so that there cannot be a row either.
    ///
    /// The AppView casts `exp` to a timestamp without time zone in the query that it reads labels
    /// with. The offset is lost on that, and a text that is no timestamp to Postgres fails the
    /// whole request, whomever else it is about. So that column gets the instant that was meant,
    /// in UTC.
    pub(crate) fn of(standing: Standing) -> (Option<Self>, Option<Skipped>) {
        let life = standing.life;
        let label = standing.event.label;
        let (put, skipped) = put(&label);
        let parts = label.into_parts();
        if parts.uri.contains('\0') || parts.val.contains('\0') {
            return (None, Some(Skipped::Nul));
        }
        let src = parts.src.as_str().to_owned();
        (Some(Self { src, uri: parts.uri, val: parts.val, put, life }), skipped)
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let put = self.put.as_ref().map_or(0, |put| {
            put.cid.len() + put.cts.len() + put.exp.as_ref().map_or(0, String::len)
        });
        size_of::<Self>() + self.src.len() + self.uri.len() + self.val.len() + put
    }
}

fn put(label: &Label) -> (Option<Put>, Option<Skipped>) {
    if label.negates() {
        return (None, None);
    }
    let cid = label.cid.clone().unwrap_or_default();
    if label.src.as_str().len() + label.uri.len() + label.val.len() + cid.len() > LONGEST {
        return (None, Some(Skipped::Long));
    }
    let exp = match &label.exp {
        None => None,
        Some(exp) => match in_utc(exp) {
            Some(exp) => Some(exp),
            None => return (None, Some(Skipped::Expiry)),
        },
    };
    let put = Put { cid, cts: label.cts.clone(), exp };
    if put.cid.contains('\0') || put.cts.contains('\0') {
        return (None, Some(Skipped::Nul));
    }
    (Some(put), None)
}

/// The same instant, as most write it; `None` if it lies where Postgres has no timestamps.
fn in_utc(exp: &str) -> Option<String> {
    let millis = syntax::instant(exp)?.div_euclid(1000);
    syntax::written(millis).filter(|text| !text.starts_with(YEAR_ZERO))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use label::{Did, Epoch, EventId, LabelEvent, Millis, Parts, Seq, Verdict};

    /// A label that is current.
    pub(crate) fn standing(change: impl FnOnce(&mut Parts)) -> Standing {
        let src = Did::parse("did:web:ann.test").unwrap();
        let mut parts = Parts {
            src: src.clone(),
            uri: "at://did:plc:subject/app.bsky.feed.post/1".into(),
            cid: None,
            val: "spam".into(),
            neg: None,
            cts: "2026-01-01T00:00:00.000Z".into(),
            exp: None,
            sig: vec![7; 64],
        };
        change(&mut parts);
        let event = LabelEvent {
            id: EventId::new(1).unwrap(),
            labeler: src,
            epoch: Epoch::FIRST,
            seq: Seq::cursor(1).unwrap(),
            place: 0,
            received_at: Millis(1),
            live: true,
            verdict: Verdict::Verified,
            label: Label::vouched(parts),
            raw: None,
        };
        Standing { event, life: 3 }
    }

    fn row(change: impl FnOnce(&mut Parts)) -> (Option<Row>, Option<Skipped>) {
        Row::of(standing(change))
    }

    fn put(change: impl FnOnce(&mut Parts)) -> Option<Put> {
        row(change).0.unwrap().put
    }

    #[test]
    fn a_label_stands_as_it_was_said() {
        let (row, skipped) = row(|parts| parts.neg = Some(false));
        let row = row.unwrap();
        assert_eq!((row.src.as_str(), row.val.as_str(), row.life), ("did:web:ann.test", "spam", 3));
        assert_eq!(skipped, None);
        let cts = "2026-01-01T00:00:00.000Z".to_owned();
        assert_eq!(row.put, Some(Put { cid: String::new(), cts, exp: None }));
    }

    #[test]
    fn what_is_taken_back_has_no_row() {
        assert_eq!(put(|parts| parts.neg = Some(true)), None);
    }

    #[test]
    fn an_end_is_the_same_instant_in_utc() {
        let end = |exp: &str| put(|parts| parts.exp = Some(exp.into())).unwrap().exp.unwrap();
        assert_eq!(end("2030-01-01T00:00:00.000Z"), "2030-01-01T00:00:00.000Z");
        assert_eq!(end("2030-01-01T02:30:00+02:30"), "2030-01-01T00:00:00.000Z");
        assert_eq!(end("2030-01-01T00:00:00.123456789Z"), "2030-01-01T00:00:00.123Z");
        assert_eq!(end("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn an_end_that_is_none_to_postgres_is_no_row() {
        for exp in ["0000-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"] {
            let (row, skipped) = row(|parts| parts.exp = Some(exp.into()));
            assert_eq!((row.unwrap().put, skipped), (None, Some(Skipped::Expiry)), "{exp}");
        }
    }

    #[test]
    fn what_the_table_cannot_hold_is_left_out() {
        assert_eq!(row(|parts| parts.uri.push('\0')), (None, Some(Skipped::Nul)));
        assert_eq!(row(|parts| parts.val.push('\0')), (None, Some(Skipped::Nul)));
        let (row, skipped) = row(|parts| parts.uri = "x".repeat(LONGEST));
        assert_eq!((row.unwrap().put, skipped), (None, Some(Skipped::Long)));
    }
}
