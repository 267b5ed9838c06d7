//! What a fake labeler or relay does wrong, to order.
//!
//! [`Faults`] are changed while the server runs, and its open connections obey at once.
//! A [`Rule`] says when something happens on a connection and what; it happens once on
//! each connection. Default is a server without fault.

use crate::frame;
use std::time::Duration;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A close frame with this code, then the end of TCP.
    Close(u16),
    /// A close frame without a code, as Skyware does when it stops.
    CloseWithoutCode,
    /// The end of TCP (FIN) without a close frame.
    Fin,
    /// A TCP reset, which also destroys what was not read yet.
    Reset,
}

/// One thing that is done to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Sends this as a binary message.
    Send(Vec<u8>),
    /// Sends this as a text message.
    Text(String),
    /// Writes bytes that need not be websocket at all.
    Raw(Vec<u8>),
    /// Sends the first half of a binary message, then nothing, not even pongs.
    Half(Vec<u8>),
    /// Waits; pings are answered later.
    Pause(Duration),
    /// Sends no more frames. Pings are answered unless `ignore_pings`.
    Stall,
    /// Ends the connection.
    End(Ending),
}

/// When something is done to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Right after the upgrade.
    Open,
    /// Once so many frames of the log were sent on it, since it was opened or the faults
    /// were set.
    Frames(u64),
    /// Instead of the first frame with this `seq` or a higher one. If the connection
    /// survives, that frame follows.
    Before(i64),
    /// Instead of a frame with a `seq` from the first to the second of these.
    Within(i64, i64),
}

/// What is done to a connection, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// When.
    pub when: When,
    /// What, one after the other.
    pub deeds: Vec<Deed>,
}

/// An HTTP answer in place of the upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// The body. Real ones are often HTML.
    pub body: String,
}

/// What a server makes of the cursor that it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cursors {
    /// What it means.
    #[default]
    Honoured,
    /// Everything is sent, whatever it says.
    Everything,
    /// Only what is new is sent, whatever it says.
    LiveOnly,
    /// One in the future is taken for none.
    NoFuture,
}

impl Cursors {
    /// The cursor that it is taken for.
    pub(super) fn taken(self, asked: Option<i64>, head: i64) -> Option<i64> {
        match self {
            Self::Honoured => asked,
            Self::Everything => Some(0),
            Self::LiveOnly => None,
            Self::NoFuture => asked.filter(|cursor| *cursor <= head),
        }
    }
}

/// What a fake labeler or relay does wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Answers upgrades like this.
    pub refusal: Option<Refusal>,
    /// Waits so long before it answers an upgrade.
    pub accept_delay: Duration,
    /// What happens on each connection.
    pub rules: Vec<Rule>,
    /// Reads pings and does not answer.
    pub ignore_pings: bool,
    /// Waits so long after each frame.
    pub pace: Duration,
    /// What it makes of cursors.
    pub cursors: Cursors,
    /// Only the first so many upgrades from now on are treated like this.
    pub only_first: Option<u64>,
}

impl Faults {
    /// A server without fault.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Answers upgrades with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let refusal = Refusal {
            status,
            headers: Vec::new(),
            body: format!("<html><body>{status}</body></html>"),
        };
        Self { refusal: Some(refusal), ..Self::default() }
    }

    /// Answers upgrades with 429 and a `Retry-After` in seconds.
    #[must_use]
    pub fn too_many(retry_after_s: u64) -> Self {
        Self::status(429).header("retry-after", &retry_after_s.to_string())
    }

    /// Ends each connection after so many frames, cleanly as far as TCP goes.
    #[must_use]
    pub fn drop_after(frames: u64) -> Self {
        Self::rule(When::Frames(frames), vec![Deed::End(Ending::Fin)])
    }

    /// Sends so many frames on each connection, then nothing more.
    #[must_use]
    pub fn stall_after(frames: u64) -> Self {
        Self::rule(When::Frames(frames), vec![Deed::Stall])
    }

    /// Upgrades, and then does nothing at all: no frames, no pongs.
    #[must_use]
    pub fn zombie() -> Self {
        Self { ignore_pings: true, ..Self::stall_after(0) }
    }

    /// Sends so many frames on each connection, then half of one.
    #[must_use]
    pub fn stall_mid_frame_after(frames: u64) -> Self {
        Self::rule(When::Frames(frames), vec![Deed::Half(vec![0x55; 10_000])])
    }

    /// Sends so many frames on each connection, then this message, and goes on.
    #[must_use]
    pub fn message_after(frames: u64, message: Vec<u8>) -> Self {
        Self::rule(When::Frames(frames), vec![Deed::Send(message)])
    }

    /// Sends so many frames on each connection, then an error frame, then closes it.
    #[must_use]
    pub fn error_after(frames: u64, error: &str) -> Self {
        Self::rule(When::Frames(frames), end_with_error(error))
    }

    /// Never gets past a sequence number: an error frame in its place, each time.
    #[must_use]
    pub fn error_at(seq: i64, error: &str) -> Self {
        Self::rule(When::Before(seq), end_with_error(error))
    }

    /// Does this with cursors.
    #[must_use]
    pub fn cursors(cursors: Cursors) -> Self {
        Self { cursors, ..Self::default() }
    }

    /// Some rows cannot be served: an error frame in their place, each time.
    #[must_use]
    pub fn error_within(first: i64, last: i64, error: &str) -> Self {
        Self::rule(When::Within(first, last), end_with_error(error))
    }

    /// One rule and nothing else.
    #[must_use]
    pub fn rule(when: When, deeds: Vec<Deed>) -> Self {
        Self::default().and(when, deeds)
    }

    /// One more rule.
    #[must_use]
    pub fn and(mut self, when: When, deeds: Vec<Deed>) -> Self {
        self.rules.push(Rule { when, deeds });
        self
    }

    /// With a header on the refusal, if there is one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Only the first so many upgrades from now on.
    #[must_use]
    pub fn only_first(mut self, upgrades: u64) -> Self {
        self.only_first = Some(upgrades);
        self
    }
}

fn end_with_error(error: &str) -> Vec<Deed> {
    let message = frame::error(error, Some("told to fail"));
    vec![Deed::Send(message), Deed::End(Ending::Close(1008))]
}
