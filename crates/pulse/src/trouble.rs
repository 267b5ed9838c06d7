//! Which labelers need somebody to look at them, and which of them first. Pure.

use fleet::{State, Status};

/// What kind of trouble it is; the first is looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// It sends what does not hold.
    Rejects,
    /// Its document has no key that can be used.
    NoKey,
    /// It does not let us in.
    Auth,
    /// It cannot be reached.
    Waits,
    /// Something is wrong with its stream, which is open.
    Ails,
    /// It has stored as much as it may.
    Over,
    /// Its document has no service that can be used.
    NoService,
    /// There is no such account any more.
    Gone,
}

/// The trouble a labeler is in. `rejects`: whether something of it was rejected in the last
/// minute. One failure is none yet: connections break all the time, and most are open again
/// after a second.
pub(crate) fn trouble(status: &Status, rejects: bool) -> Option<Trouble> {
    if rejects {
        return Some(Trouble::Rejects);
    }
    match status.state {
        State::NoKey => Some(Trouble::NoKey),
        State::AuthRequired => Some(Trouble::Auth),
        State::Waiting => (status.retry_count != 1).then_some(Trouble::Waits),
        State::OverLimit => Some(Trouble::Over),
        State::NoService => Some(Trouble::NoService),
        State::Gone => Some(Trouble::Gone),
        State::Connecting => (status.retry_count > 1).then_some(Trouble::Waits),
        State::Live | State::Backfilling => status.error.as_ref().map(|_| Trouble::Ails),
        State::Pending | State::Paused => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, retry_count: u32, error: Option<&str>) -> Status {
        let error = error.map(str::to_owned);
        Status { state, retry_count, error, ..Status::default() }
    }

    #[test]
    fn one_failure_is_no_trouble_yet() {
        for (state, failures, expected) in [
            (State::Waiting, 1, None),
            (State::Waiting, 2, Some(Trouble::Waits)),
            (State::Connecting, 1, None),
            (State::Connecting, 2, Some(Trouble::Waits)),
            (State::Pending, 0, None),
            (State::Paused, 0, None),
        ] {
            assert_eq!(trouble(&status(state, failures, None), false), expected, "{state:?}");
        }
        // The store is full, say: nothing has failed, and it waits all the same.
        assert_eq!(trouble(&status(State::Waiting, 0, None), false), Some(Trouble::Waits));
    }

    #[test]
    fn whoever_sends_what_does_not_hold_comes_first() {
        let live = status(State::Live, 0, None);
        assert_eq!(trouble(&live, false), None);
        assert_eq!(trouble(&live, true), Some(Trouble::Rejects));
        assert!(Trouble::Rejects < Trouble::NoKey && Trouble::NoService < Trouble::Gone);
        let said = status(State::Live, 0, Some("a frame was left out"));
        assert_eq!(trouble(&said, false), Some(Trouble::Ails));
    }
}
