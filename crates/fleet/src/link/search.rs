//! Looks for the frame behind the ones at which a stream breaks off.
//!
//! Some servers end the stream with an error at one row for ever, since they cannot encode it
//! (facts 8, case 15). Asking from behind that row goes on, but numbers have gaps, so nobody
//! knows how far behind. First each distance is tried, since broken rows often lie close together
//! with good ones between them; then the distance is doubled until the stream goes on, and the
//! shortest such distance is found by halving.

/// Up to here each distance is tried.
const CLOSE: i64 = 16;

/// No gap between two rows is wider.
const WIDEST: i64 = 1 << 40;

/// What is known of the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// So far behind it breaks off as well.
    fails: i64,
    /// So far behind it goes on.
    goes_on: Option<i64>,
}

/// What to do after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// Try this distance.
    Next(i64),
    /// This is the shortest distance that goes on.
    Found(i64),
    /// It breaks off wherever it is asked.
    InVain,
}

impl Search {
    /// Begins behind a distance that is known to break off; 0 is none. Answers what to try.
    pub(super) fn begin(fails: i64) -> (Self, i64) {
        (Self { fails, goes_on: None }, fails + 1)
    }

    /// Takes in how a try went.
    pub(super) fn heard(&mut self, tried: i64, goes_on: bool) -> Tried {
        if goes_on {
            self.goes_on = Some(tried);
        } else {
            self.fails = self.fails.max(tried);
        }
        match self.goes_on {
            Some(found) if found - self.fails <= 1 => Tried::Found(found),
            Some(found) => Tried::Next(self.fails + (found - self.fails) / 2),
            None if self.fails >= WIDEST => Tried::InVain,
            None if self.fails < CLOSE => Tried::Next(self.fails + 1),
            None => Tried::Next(self.fails * 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Searches in a stream that goes on from `first` on. Answers the distance and the tries.
    fn search(begin: i64, first: i64) -> (Option<i64>, u32) {
        let (mut search, mut next) = Search::begin(begin);
        for tries in 1.. {
            match search.heard(next, next >= first) {
                Tried::Next(beyond) => next = beyond,
                Tried::Found(beyond) => return (Some(beyond), tries),
                Tried::InVain => return (None, tries),
            }
        }
        unreachable!()
    }

    #[test]
    fn usually_the_next_number_goes_on() {
        assert_eq!(search(0, 1), (Some(1), 1));
        assert_eq!(search(7, 8), (Some(8), 1));
    }

    #[test]
    fn a_stream_that_goes_on_nowhere_is_given_up() {
        assert_eq!(search(0, i64::MAX), (None, 52));
    }

    proptest! {
        #[test]
        fn the_shortest_distance_is_found(begin in 0i64..1000, further in 1i64..1_000_000) {
            let (found, tries) = search(begin, begin + further);
            prop_assert_eq!(found, Some(begin + further));
            prop_assert!(tries <= 64);
        }
    }
}
