//! CBOR written by hand, so that a test can write what no encoder would.
//!
//! An [`Item`] is written in the order and spelling it has. [`Item::sorted`] brings maps
//! into the order of DAG-CBOR; everything else is canonical unless it was built otherwise
//! ([`Item::Raw`]).

/// One CBOR data item.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An integer, in its shortest form.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// A list of definite length.
    List(Vec<Item>),
    /// A map of definite length, in the order given; keys may repeat.
    Map(Vec<(String, Item)>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A float of 64 bits.
    Float(f64),
    /// A tagged item. Tag 42 is a CID link.
    Tag(u64, Box<Item>),
    /// Bytes that are written as they are.
    Raw(Vec<u8>),
}

impl Item {
    /// The same with the keys of every map in DAG-CBOR order: shorter first, then bytewise.
    #[must_use]
    pub fn sorted(self) -> Self {
        match self {
            Self::Map(entries) => {
                let mut entries: Vec<_> =
                    entries.into_iter().map(|(key, item)| (key, item.sorted())).collect();
                entries.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
                Self::Map(entries)
            }
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Tag(tag, item) => Self::Tag(tag, Box::new(item.sorted())),
            other => other,
        }
    }

    /// The bytes of it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    /// Appends the bytes of it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(number) if *number >= 0 => head(out, 0, number.unsigned_abs()),
            Self::Int(number) => head(out, 1, number.unsigned_abs() - 1),
            Self::Bytes(bytes) => {
                head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(entries) => {
                head(out, 5, entries.len() as u64);
                for (key, item) in entries {
                    write_text(out, key);
                    item.write(out);
                }
            }
            Self::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Self::Null => out.push(0xf6),
            Self::Float(value) => {
                out.push(0xfb);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::Tag(tag, item) => {
                head(out, 6, *tag);
                item.write(out);
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends the head of an item: its major type (0 to 7) and its number, in the shortest form.
pub fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let major = major << 5;
    let bytes = number.to_be_bytes();
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xff => out.extend([major | 24, number as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend(number.to_be_bytes().into_iter().skip(6));
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend(bytes.into_iter().skip(4));
        }
        _ => {
            out.push(major | 27);
            out.extend(bytes);
        }
    }
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Item {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Item {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn stock(value: &impl serde::Serialize) -> Vec<u8> {
        serde_ipld_dagcbor::to_vec(value).unwrap()
    }

    #[test]
    fn numbers_are_as_short_as_a_stock_encoder_makes_them() {
        let edges = [0, 23, 24, 255, 256, 65_535, 65_536, u32::MAX.into(), 1 << 32, i64::MAX];
        for edge in edges {
            for number in [edge, edge.wrapping_neg(), edge.wrapping_neg().wrapping_sub(1)] {
                assert_eq!(Item::Int(number).encode(), stock(&number), "{number}");
            }
        }
    }

    #[test]
    fn a_sorted_map_is_what_a_stock_encoder_writes() {
        let keys = ["labels", "seq", "b", "aa", "a", "sig", "neg"];
        let map: BTreeMap<&str, (Option<bool>, &str)> =
            keys.iter().map(|key| (*key, (None, *key))).collect();
        let entry = |key: &&str| {
            ((*key).to_owned(), Item::List(vec![Item::Null, Item::Text((*key).to_owned())]))
        };
        let item = Item::Map(keys.iter().map(entry).collect());
        assert_ne!(item.encode(), stock(&map));
        assert_eq!(item.sorted().encode(), stock(&map));
    }
}
