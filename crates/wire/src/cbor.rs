//! Reads CBOR item by item, within limits, and tells what is broken from what is merely
//! not canonical.
//!
//! A frame that is broken cannot be cut into labels, so its connection is dropped. A label
//! that is whole but not canonical (DRISL, the DAG-CBOR profile of the atproto data model
//! spec) is one malformed label in a frame whose others may be fine. That difference is
//! why this reader exists; encoding is left to `serde_ipld_dagcbor`.

/// How deep items may nest (guide "data validation": 32).
const MAX_DEPTH: u32 = 32;

/// How many elements one map or array may have (guide "data validation").
pub(crate) const MAX_ELEMENTS: u64 = 131_072;

/// What is wrong with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// The bytes end inside an item.
    #[error("ends in the middle of an item")]
    Truncated,
    /// A reserved initial byte, or a stop code where none belongs.
    #[error("not CBOR")]
    Reserved,
    /// Nested deeper than 32.
    #[error("nested deeper than 32 levels")]
    TooDeep,
    /// More than 131,072 elements in one map or array.
    #[error("more than 131072 elements in one container")]
    TooMany,
    /// A length that is left open.
    #[error("indefinite length")]
    Indefinite,
    /// Another type than the place asks for.
    #[error("wrong type")]
    WrongType,
    /// A number or length not in its shortest form.
    #[error("number not in its shortest form")]
    NotShortest,
    /// A map key that is no text.
    #[error("map key that is not text")]
    KeyType,
    /// Keys out of order, or one twice.
    #[error("map keys out of order or repeated")]
    KeyOrder,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A tag, simple value or float that the data model does not have.
    #[error("a tag, simple value or float outside the data model")]
    OutsideModel,
}

/// Major types (RFC 8949, 3.1).
pub(crate) mod major {
    pub(crate) const UNSIGNED: u8 = 0;
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const BYTES: u8 = 2;
    pub(crate) const TEXT: u8 = 3;
    pub(crate) const ARRAY: u8 = 4;
    pub(crate) const MAP: u8 = 5;
    pub(crate) const TAG: u8 = 6;
    pub(crate) const SIMPLE: u8 = 7;
}

/// The tag of a CID link.
const LINK: u64 = 42;
const FALSE: u64 = 20;
const TRUE: u64 = 21;
const NULL: u64 = 22;
/// Ends an item whose length was left open.
const STOP: u8 = 0xff;

/// The start of an item.
#[derive(Debug, Clone, Copy)]
struct Head {
    major: u8,
    /// Whether the length is left open until a stop code.
    open: bool,
    /// The low five bits of the first byte.
    info: u8,
    /// The number, length, tag or bits that belong to it.
    value: u64,
}

impl Head {
    const fn is_shortest(self) -> bool {
        match self.info {
            24 => self.value >= 24,
            25 => self.value > 0xff,
            26 => self.value > 0xffff,
            27 => self.value > 0xffff_ffff,
            _ => true,
        }
    }
}

/// A position in some CBOR.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The major type of the next item, without reading it.
    pub(crate) fn peek(&self) -> Result<u8, CborError> {
        self.bytes.get(self.at).map(|byte| byte >> 5).ok_or(CborError::Truncated)
    }

    /// Reads a map's or array's head and answers how many entries follow.
    pub(crate) fn container(&mut self, major: u8) -> Result<u64, CborError> {
        let head = self.expect(major)?;
        if head.value > MAX_ELEMENTS { Err(CborError::TooMany) } else { Ok(head.value) }
    }

    /// Reads a text.
    pub(crate) fn text(&mut self) -> Result<&'a str, CborError> {
        let head = self.expect(major::TEXT)?;
        let bytes = self.take(head.value)?;
        std::str::from_utf8(bytes).map_err(|_| CborError::NotUtf8)
    }

    /// Reads a byte string.
    pub(crate) fn byte_string(&mut self) -> Result<&'a [u8], CborError> {
        let head = self.expect(major::BYTES)?;
        self.take(head.value)
    }

    /// Reads an integer. One beyond 64 bits with sign is the wrong type for us.
    pub(crate) fn integer(&mut self) -> Result<i64, CborError> {
        let negative = self.peek()? == major::NEGATIVE;
        let head = self.expect(if negative { major::NEGATIVE } else { major::UNSIGNED })?;
        let number = i64::try_from(head.value).map_err(|_| CborError::WrongType)?;
        Ok(if negative { -1 - number } else { number })
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool, CborError> {
        let head = self.expect(major::SIMPLE)?;
        match head.value {
            FALSE if head.info == 20 => Ok(false),
            TRUE if head.info == 21 => Ok(true),
            _ => Err(CborError::WrongType),
        }
    }

    /// Reads a CID link, and answers the bytes of the CID. The data model puts a zero in
    /// front of them.
    pub(crate) fn link(&mut self) -> Result<&'a [u8], CborError> {
        if self.expect(major::TAG)?.value != LINK {
            return Err(CborError::OutsideModel);
        }
        self.byte_string()?.strip_prefix(&[0]).ok_or(CborError::OutsideModel)
    }

    /// Reads a null if that is what comes next.
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.bytes.get(self.at) == Some(&0xf6);
        if is_null {
            self.at += 1;
        }
        is_null
    }

    /// Passes over one item. `Err` when it has no end within the limits; otherwise the
    /// first thing in it that is not canonical.
    pub(crate) fn skip(&mut self) -> Result<Option<CborError>, CborError> {
        let mut fault = None;
        self.skip_within(MAX_DEPTH, &mut fault)?;
        Ok(fault)
    }

    fn skip_within(&mut self, depth: u32, fault: &mut Option<CborError>) -> Result<(), CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError::TooDeep)?;
        let head = self.head()?;
        if head.open {
            fault.get_or_insert(CborError::Indefinite);
            return self.skip_open(head.major, depth, fault);
        }
        if head.major != major::SIMPLE && !head.is_shortest() {
            fault.get_or_insert(CborError::NotShortest);
        }
        match head.major {
            major::UNSIGNED | major::NEGATIVE => Ok(()),
            major::BYTES => self.take(head.value).map(drop),
            major::TEXT => {
                let bytes = self.take(head.value)?;
                if std::str::from_utf8(bytes).is_err() {
                    fault.get_or_insert(CborError::NotUtf8);
                }
                Ok(())
            }
            major::ARRAY => self.skip_array(head.value, depth, fault),
            major::MAP => self.skip_map(head.value, depth, fault),
            major::TAG => {
                if head.value != LINK || self.peek()? != major::BYTES {
                    fault.get_or_insert(CborError::OutsideModel);
                }
                self.skip_within(depth, fault)
            }
            _ => {
                // The data model has integers only; floats are as foreign as `undefined`.
                if head.info > 23 || !(FALSE..=NULL).contains(&head.value) {
                    fault.get_or_insert(CborError::OutsideModel);
                }
                Ok(())
            }
        }
    }

    /// Passes over what was begun without a length, up to its stop code.
    fn skip_open(
        &mut self,
        major: u8,
        depth: u32,
        fault: &mut Option<CborError>,
    ) -> Result<(), CborError> {
        for count in 0..=2 * MAX_ELEMENTS {
            if self.bytes.get(self.at) == Some(&STOP) {
                self.at += 1;
                // A map's keys and values come in pairs.
                let odd = major == major::MAP && count % 2 == 1;
                return if odd { Err(CborError::Reserved) } else { Ok(()) };
            }
            if major <= major::TEXT {
                let chunk = self.expect(major)?;
                self.take(chunk.value)?;
            } else {
                self.skip_within(depth, fault)?;
            }
        }
        Err(CborError::TooMany)
    }

    fn skip_array(
        &mut self,
        length: u64,
        depth: u32,
        fault: &mut Option<CborError>,
    ) -> Result<(), CborError> {
        if length > MAX_ELEMENTS {
            return Err(CborError::TooMany);
        }
        (0..length).try_for_each(|_| self.skip_within(depth, fault))
    }

    fn skip_map(
        &mut self,
        length: u64,
        depth: u32,
        fault: &mut Option<CborError>,
    ) -> Result<(), CborError> {
        if length > MAX_ELEMENTS {
            return Err(CborError::TooMany);
        }
        let mut before: Option<&[u8]> = None;
        for _ in 0..length {
            if self.peek()? != major::TEXT {
                fault.get_or_insert(CborError::KeyType);
            }
            let start = self.at;
            self.skip_within(depth, fault)?;
            let key = self.bytes.get(start..self.at).unwrap_or_default();
            // Shorter first, then bytewise: with shortest heads that is the order of the
            // encoded keys themselves.
            if before.is_some_and(|before| (before.len(), before) >= (key.len(), key)) {
                fault.get_or_insert(CborError::KeyOrder);
            }
            before = Some(key);
            self.skip_within(depth, fault)?;
        }
        Ok(())
    }

    /// Reads the head of an item of this type, which must say how long it is.
    fn expect(&mut self, major: u8) -> Result<Head, CborError> {
        if self.peek()? != major {
            return Err(CborError::WrongType);
        }
        let head = self.head()?;
        if head.open { Err(CborError::Indefinite) } else { Ok(head) }
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let first = *self.bytes.get(self.at).ok_or(CborError::Truncated)?;
        self.at += 1;
        let (major, info) = (first >> 5, first & 0x1f);
        let open = info == 31 && (major::BYTES..=major::MAP).contains(&major);
        let value = match info {
            _ if open => 0,
            0..=23 => u64::from(info),
            24..=27 => self.number(1 << (info - 24))?,
            _ => return Err(CborError::Reserved),
        };
        // Simple values below 32 in two bytes do not exist (RFC 8949, 3.3).
        if major == major::SIMPLE && info == 24 && value < 32 {
            return Err(CborError::Reserved);
        }
        Ok(Head { major, open, info, value })
    }

    fn number(&mut self, length: u64) -> Result<u64, CborError> {
        let bytes = self.take(length)?;
        Ok(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
        let end = self.at.checked_add(length).ok_or(CborError::Truncated)?;
        let bytes = self.bytes.get(self.at..end).ok_or(CborError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skip(bytes: &[u8]) -> Result<Option<CborError>, CborError> {
        Reader::new(bytes).skip()
    }

    #[test]
    fn what_is_canonical_has_no_fault() {
        let items: [&[u8]; 8] = [
            b"\x00",
            b"\x18\x18",
            b"\x20",
            b"\x43abc",
            b"\x63abc",
            b"\x82\x01\xf6",
            b"\xa2\x61a\x01\x62aa\xf5",
            b"\xd8\x2a\x43abc",
        ];
        for item in items {
            assert_eq!(skip(item), Ok(None), "{item:x?}");
        }
    }

    #[test]
    fn what_is_whole_but_not_canonical_is_named() {
        let items: [(&[u8], CborError); 12] = [
            (b"\x18\x17", CborError::NotShortest),
            (b"\x58\x01a", CborError::NotShortest),
            (b"\xa2\x62aa\x01\x61a\x01", CborError::KeyOrder),
            (b"\xa2\x61a\x01\x61a\x01", CborError::KeyOrder),
            (b"\xa1\x01\x01", CborError::KeyType),
            (b"\x61\xff", CborError::NotUtf8),
            (b"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00", CborError::OutsideModel),
            (b"\xf7", CborError::OutsideModel),
            (b"\xc1\x01", CborError::OutsideModel),
            (b"\x5f\x41a\xff", CborError::Indefinite),
            (b"\x9f\x01\xff", CborError::Indefinite),
            (b"\xbf\x61a\x01\xff", CborError::Indefinite),
        ];
        for (item, fault) in items {
            assert_eq!(skip(item), Ok(Some(fault)), "{item:x?}");
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        let mut deep = vec![0x81; 40];
        deep.push(0);
        let items: [(&[u8], CborError); 11] = [
            (b"", CborError::Truncated),
            (b"\x19\x01", CborError::Truncated),
            (b"\x65abc", CborError::Truncated),
            (b"\x1c", CborError::Reserved),
            (b"\xff", CborError::Reserved),
            (b"\xf8\x14", CborError::Reserved),
            (b"\x5f\x41a", CborError::Truncated),
            (b"\x5f\x61a\xff", CborError::WrongType),
            (b"\xbf\x61a\xff", CborError::Reserved),
            (b"\x9a\xff\xff\xff\xff", CborError::TooMany),
            (&deep, CborError::TooDeep),
        ];
        for (item, error) in items {
            assert_eq!(skip(item), Err(error), "{item:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(&bytes);
            let _answer = reader.skip();
            prop_assert!(reader.position() <= bytes.len());
        }

        #[test]
        fn without_a_fault_the_strict_library_reads_it_too(
            bytes in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let mut reader = Reader::new(&bytes);
            let links = bytes.windows(2).any(|pair| pair == [0xd8, 0x2a]);
            if reader.skip() == Ok(None) && !links {
                let item = &bytes[..reader.position()];
                let read = serde_ipld_dagcbor::from_slice::<ipld_core::ipld::Ipld>(item);
                prop_assert!(read.is_ok(), "{item:x?}: {read:?}");
            }
        }
    }
}
