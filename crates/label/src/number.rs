//! The numbers that must not be mistaken for each other.

use std::fmt;

/// The largest integer every JSON client reads exactly: 2^53 - 1.
pub const MAX_NUMBER: i64 = (1 << 53) - 1;

/// Where a frame stands in one labeler's stream; compared only within one labeler and
/// one [`Epoch`]. A relay's stream is numbered in the same way.
///
/// From 1 to [`MAX_NUMBER`] on the wire (event-stream spec, "sequence numbers");
/// [`Seq::START`] is the cursor of a labeler that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(i64);

impl Seq {
    /// Before the first frame. As a cursor it asks for everything.
    pub const START: Self = Self(0);

    /// A sequence number as it came on the wire. `None` below 1 or above 2^53 - 1.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        (1..=MAX_NUMBER).contains(&number).then_some(Self(number))
    }

    /// A stored cursor, where 0 means "never read". `None` when negative or too large.
    #[must_use]
    pub fn cursor(number: i64) -> Option<Self> {
        (0..=MAX_NUMBER).contains(&number).then_some(Self(number))
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's place in our log: positive, strictly growing, never reused (contract G2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId(i64);

impl EventId {
    /// Before the first event. As a position it means that nothing has been taken.
    pub const START: Self = Self(0);

    /// `None` when negative or above 2^53 - 1.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        (0..=MAX_NUMBER).contains(&number).then_some(Self(number))
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The id after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of a labeler's numberings a [`Seq`] belongs to; starts at 1 and grows when the
/// labeler is known to have started over (contract section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The numbering a labeler is first met with.
    pub const FIRST: Self = Self(1);
}

/// Wall-clock time in milliseconds since 1970 UTC. Whoever needs "now" is handed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);
