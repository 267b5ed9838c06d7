//! One frame of `com.atproto.label.subscribeLabels`: a header and a body (event-stream
//! spec, "Framing"), cut into labels whose bytes stay as they came.
//!
//! The envelope is not signed and nothing depends on its bytes, so its keys may stand in
//! any order; what a label itself may be is decided by [`crate::Claim::read`] and `verify`.

use crate::cbor::{CborError, Reader, major};
use bytes::Bytes;
use label::Seq;

/// The largest frame that is read, in bytes (sync spec: 5 MB).
pub const MAX_FRAME: usize = 5_000_000;

/// A frame may have this many labels however short it is; beyond, [`LEAST_LABEL`] decides.
const FEW_LABELS: usize = 1024;

/// Bytes below which nothing can be a label: its signature alone has 64. Labels in a longer
/// frame may not be shorter than this on average, since each costs us more than its bytes.
const LEAST_LABEL: usize = 64;

/// Characters kept of what a labeler says in a notice or an error.
const LONGEST_TEXT: usize = 200;

const METHOD: &str = "com.atproto.label.subscribeLabels";

/// What a labeler said in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Labels; there may be none.
    Labels {
        /// The frame's number.
        seq: Seq,
        /// The labels in it, in order.
        labels: Vec<RawLabel>,
    },
    /// A notice that has no number, such as `OutdatedCursor`.
    Info {
        /// Which notice.
        name: String,
        /// More about it.
        message: Option<String>,
    },
    /// The labeler gives up on this connection, for instance with `FutureCursor`.
    Error {
        /// Which error.
        error: String,
        /// More about it.
        message: Option<String>,
    },
    /// A kind of frame that we do not know, to be passed over.
    Other,
}

/// One label's CBOR as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLabel {
    /// The bytes, a window into the frame.
    pub bytes: Bytes,
    /// The first thing in them that is not canonical.
    pub fault: Option<CborError>,
}

/// Why a frame cannot be read. The connection it came by is to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Over [`MAX_FRAME`].
    #[error("frame of {0} bytes, over the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// Header or body is not what CBOR allows.
    #[error("frame {part} cannot be read: {cause}")]
    Cbor {
        /// `header` or `body`.
        part: &'static str,
        /// What is wrong with it.
        cause: CborError,
    },
    /// Something follows the body.
    #[error("{0} bytes after the end of the frame body")]
    Trailing(usize),
    /// A field that the frame's kind needs is missing, or is there twice.
    #[error("frame {part} {what}")]
    Shape {
        /// `header` or `body`.
        part: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More labels than bytes that labels could be made of.
    #[error("{0} labels in one frame, which is too short for them")]
    TooManyLabels(u64),
    /// `seq` below 1 or above 2^53 - 1.
    #[error("seq {0} is out of range")]
    Seq(i64),
}

/// Reads one frame.
///
/// # Errors
/// [`FrameError`] when the framing rules are broken. A frame that keeps them but is of a
/// kind we do not know is [`Frame::Other`].
pub fn decode(frame: &Bytes) -> Result<Frame, FrameError> {
    if frame.len() > MAX_FRAME {
        return Err(FrameError::TooLong(frame.len()));
    }
    let mut reader = Reader::new(frame);
    let header = Header::read(&mut reader)?;
    let body = Body::read(&mut reader, frame)?;
    ends_here(&reader, frame)?;
    match header.op {
        -1 => Ok(Frame::Error { error: body.error.unwrap_or_default(), message: body.message }),
        1 => body.of_kind(header.kind),
        _ => Ok(Frame::Other),
    }
}

/// Refuses what follows the body.
pub(crate) fn ends_here(reader: &Reader<'_>, frame: &[u8]) -> Result<(), FrameError> {
    match frame.len() - reader.position() {
        0 => Ok(()),
        rest => Err(FrameError::Trailing(rest)),
    }
}

/// Puts the part's name to what went wrong in it.
pub(crate) fn in_part<T>(
    part: &'static str,
    result: Result<T, CborError>,
) -> Result<T, FrameError> {
    result.map_err(|cause| FrameError::Cbor { part, cause })
}

/// Fills a field that must come once only.
pub(crate) fn once<T>(
    part: &'static str,
    field: &mut Option<T>,
    value: T,
) -> Result<(), FrameError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(FrameError::Shape { part, what: "has a field twice" }),
    }
}

/// The first object of a frame.
pub(crate) struct Header<'a> {
    pub(crate) op: i64,
    /// `t`.
    pub(crate) kind: Option<&'a str>,
}

impl<'a> Header<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        const PART: &str = "header";
        let (mut op, mut kind) = (None, None);
        for _ in 0..in_part(PART, reader.container(major::MAP))? {
            match in_part(PART, reader.text())? {
                "op" => once(PART, &mut op, in_part(PART, reader.integer())?)?,
                "t" => once(PART, &mut kind, in_part(PART, reader.text())?)?,
                _ => drop(in_part(PART, reader.skip())?),
            }
        }
        let op = op.ok_or(FrameError::Shape { part: PART, what: "has no op" })?;
        Ok(Self { op, kind })
    }
}

/// The fields of every kind of body; which of them count, the header says.
#[derive(Default)]
struct Body {
    seq: Option<i64>,
    labels: Option<Vec<RawLabel>>,
    name: Option<String>,
    error: Option<String>,
    message: Option<String>,
}

impl Body {
    fn read(reader: &mut Reader<'_>, frame: &Bytes) -> Result<Self, FrameError> {
        const PART: &str = "body";
        let mut body = Self::default();
        for _ in 0..in_part(PART, reader.container(major::MAP))? {
            let key = in_part(PART, reader.text())?;
            match (key, in_part(PART, reader.peek())?) {
                ("seq", major::UNSIGNED | major::NEGATIVE) => {
                    once(PART, &mut body.seq, in_part(PART, reader.integer())?)?;
                }
                ("labels", major::ARRAY) => {
                    let labels = cut(reader, frame)?;
                    once(PART, &mut body.labels, labels)?;
                }
                ("name" | "error" | "message", major::TEXT) => {
                    let text = short(in_part(PART, reader.text())?);
                    match key {
                        "name" => once(PART, &mut body.name, text)?,
                        "error" => once(PART, &mut body.error, text)?,
                        _ => once(PART, &mut body.message, text)?,
                    }
                }
                _ => drop(in_part(PART, reader.skip())?),
            }
        }
        Ok(body)
    }

    /// Reads the body as what the header's `t` says it is. Early servers wrote the full
    /// name, or none at all (facts 3: Ozone until March 2024).
    fn of_kind(self, kind: Option<&str>) -> Result<Frame, FrameError> {
        let kind = kind.map(|kind| kind.strip_prefix(METHOD).unwrap_or(kind));
        match kind {
            Some("#labels") => self.labels(),
            None if self.seq.is_some() && self.labels.is_some() => self.labels(),
            Some("#info") => match self.name {
                Some(name) => Ok(Frame::Info { name, message: self.message }),
                None => Err(FrameError::Shape { part: "body", what: "of #info has no name" }),
            },
            None => Err(FrameError::Shape { part: "header", what: "has no t" }),
            Some(_) => Ok(Frame::Other),
        }
    }

    fn labels(self) -> Result<Frame, FrameError> {
        let missing = |what| FrameError::Shape { part: "body", what };
        let seq = self.seq.ok_or(missing("of #labels has no seq"))?;
        let labels = self.labels.ok_or(missing("of #labels has no labels"))?;
        let seq = Seq::new(seq).ok_or(FrameError::Seq(seq))?;
        Ok(Frame::Labels { seq, labels })
    }
}

/// Enough of a text for people to know what is meant; it goes into logs and answers.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// Cuts the labels out of the frame.
fn cut(reader: &mut Reader<'_>, frame: &Bytes) -> Result<Vec<RawLabel>, FrameError> {
    const PART: &str = "body";
    let count = in_part(PART, reader.container(major::ARRAY))?;
    let most = FEW_LABELS.max(frame.len() / LEAST_LABEL);
    let length = usize::try_from(count).ok().filter(|length| *length <= most);
    let mut labels = Vec::with_capacity(length.ok_or(FrameError::TooManyLabels(count))?);
    for _ in 0..count {
        let start = reader.position();
        let fault = in_part(PART, reader.skip())?;
        labels.push(RawLabel { bytes: frame.slice(start..reader.position()), fault });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `{"t":"#labels","op":1}` as both real servers write it.
    const HEADER: &[u8] = b"\xa2\x61t\x67#labels\x62op\x01";

    fn frame(header: &[u8], body: &[u8]) -> Bytes {
        [header, body].concat().into()
    }

    fn read(header: &[u8], body: &[u8]) -> Result<Frame, FrameError> {
        decode(&frame(header, body))
    }

    #[test]
    fn labels_are_cut_out_byte_for_byte() {
        let body = b"\xa2\x63seq\x05\x66labels\x82\xa1\x61a\x01\x63abc";
        let Ok(Frame::Labels { seq, labels }) = read(HEADER, body) else { panic!("no labels") };
        assert_eq!(seq.get(), 5);
        let bytes: Vec<&[u8]> = labels.iter().map(|label| label.bytes.as_ref()).collect();
        assert_eq!(bytes, [b"\xa1\x61a\x01".as_slice(), b"\x63abc"]);
        assert!(labels.iter().all(|label| label.fault.is_none()));
    }

    #[test]
    fn a_label_that_is_not_canonical_does_not_spoil_the_frame() {
        let body = b"\xa2\x63seq\x05\x66labels\x82\xa2\x62bb\x01\x61a\x01\xa0";
        let Ok(Frame::Labels { labels, .. }) = read(HEADER, body) else { panic!("no labels") };
        assert_eq!(labels[0].fault, Some(CborError::KeyOrder));
        assert_eq!(labels[1].fault, None);
    }

    #[test]
    fn labels_without_bytes_to_be_made_of_are_refused() {
        let body = |count: u16, each: &[u8]| {
            let mut body = b"\xa2\x63seq\x05\x66labels\x99".to_vec();
            body.extend(count.to_be_bytes());
            body.extend((0..count).flat_map(|_| each.to_vec()));
            body
        };
        assert!(read(HEADER, &body(1024, b"\x00")).is_ok());
        assert_eq!(read(HEADER, &body(1025, b"\x00")), Err(FrameError::TooManyLabels(1025)));
        let long = [b"\x58\x3f".as_slice(), &[0; 63]].concat();
        assert!(read(HEADER, &body(9000, &long)).is_ok());
    }

    #[test]
    fn a_long_message_is_cut_short() {
        let long = [b"\xa1\x65error\x79\x01\x2c".as_slice(), &[b'x'; 300]].concat();
        let error = read(b"\xa1\x62op\x20", &long);
        assert_eq!(error, Ok(Frame::Error { error: "x".repeat(200), message: None }));
    }

    #[test]
    fn the_kind_may_be_long_or_missing() {
        let body = b"\xa2\x63seq\x05\x66labels\x80";
        let long = [b"\xa2\x61t\x78\x28", METHOD.as_bytes(), b"#labels\x62op\x01"].concat();
        for header in [long.as_slice(), b"\xa1\x62op\x01"] {
            assert!(matches!(read(header, body), Ok(Frame::Labels { .. })), "{header:x?}");
        }
        let without_seq = read(b"\xa1\x62op\x01", b"\xa1\x66labels\x80");
        assert_eq!(without_seq, Err(FrameError::Shape { part: "header", what: "has no t" }));
    }

    #[test]
    fn notices_and_errors_are_read() {
        let info = read(b"\xa2\x61t\x65#info\x62op\x01", b"\xa1\x64name\x6eOutdatedCursor");
        let name = "OutdatedCursor".to_owned();
        assert_eq!(info, Ok(Frame::Info { name, message: None }));
        let error = read(b"\xa1\x62op\x20", b"\xa2\x65error\x64Slow\x67message\x62no");
        let (error_name, message) = ("Slow".to_owned(), Some("no".to_owned()));
        assert_eq!(error, Ok(Frame::Error { error: error_name, message }));
    }

    #[test]
    fn what_we_do_not_know_is_passed_over() {
        for header in [b"\xa2\x61t\x64#new\x62op\x01".as_slice(), b"\xa1\x62op\x07"] {
            assert_eq!(read(header, b"\xa1\x61x\x01"), Ok(Frame::Other), "{header:x?}");
        }
    }

    #[test]
    fn broken_framing_is_refused() {
        let body = b"\xa2\x63seq\x05\x66labels\x80".as_slice();
        assert_eq!(read(HEADER, &[body, b"\x00"].concat()), Err(FrameError::Trailing(1)));
        assert!(matches!(read(HEADER, b""), Err(FrameError::Cbor { part: "body", .. })));
        assert!(matches!(read(b"{\"a\":1}", b""), Err(FrameError::Cbor { part: "header", .. })));
        assert!(matches!(read(b"\xa0", body), Err(FrameError::Shape { part: "header", .. })));
        for (seq, number) in
            [(b"\x00".as_slice(), 0), (b"\x20", -1), (b"\x1b\0\x20\0\0\0\0\0\0", 1 << 53)]
        {
            let body = [b"\xa2\x63seq", seq, b"\x66labels\x80"].concat();
            assert_eq!(read(HEADER, &body), Err(FrameError::Seq(number)));
        }
        let twice = b"\xa3\x63seq\x05\x63seq\x06\x66labels\x80";
        assert!(matches!(read(HEADER, twice), Err(FrameError::Shape { part: "body", .. })));
        let long = Bytes::from(vec![0; MAX_FRAME + 1]);
        assert_eq!(decode(&long), Err(FrameError::TooLong(MAX_FRAME + 1)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _answer = decode(&bytes.into());
        }

        #[test]
        fn any_body_ends_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _answer = read(HEADER, &bytes);
        }
    }
}
