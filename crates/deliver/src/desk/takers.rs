//! Which filters of a consumer's connections take an event: a bit for each filter.
//!
//! Connections that ask for the same thing share a bit, so a consumer whose connections
//! all want everything has one, however many they are.

/// Most different filters that the connections of one consumer may have at once.
pub(crate) const MOST_FILTERS: usize = 64;

/// A set of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Takers(u64);

impl Takers {
    /// No filter at all.
    pub(crate) const NOBODY: Self = Self(0);

    /// The filter with this number, below [`MOST_FILTERS`].
    pub(crate) const fn one(number: u8) -> Self {
        Self(1 << (number % MOST_FILTERS as u8))
    }

    /// Whether there is one that is in both.
    pub(crate) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn is_nobody(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them alone.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        (0..MOST_FILTERS as u8).map(Self::one).filter(move |one| self.meet(*one))
    }
}
