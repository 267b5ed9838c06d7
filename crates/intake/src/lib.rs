//! Sockets in: every labeler's stream, read, judged and stored.
//!
//! The whole life of a label on its way in is [`mod@line`]; it reads from top to bottom. What
//! surrounds it: the [`manager`] keeps one `subscription` for each tracked labeler; a
//! subscription obeys a [`fleet::Link`], which decides when to look up, dial, read and
//! rest; `dial` and `socket` hold the network, `judges` the processors. `discovery` finds
//! labelers and hears of changes; it moves the roster and calls subscriptions, no more.
//!
//! Memory is bounded (contract G7, G8). Whole frames share [`Settings::memory`], `gate`
//! lets only a few large ones be on their way in, and a frame is read from a socket only
//! when the frames before it have been taken in. So a labeler that is faster than the disk
//! waits in its own TCP connection and nowhere else.

mod bench;
mod bundle;
mod calls;
mod clock;
mod confirm;
mod dial;
mod discovery;
mod gate;
mod invite;
mod judges;
mod life;
pub mod line;
pub mod manager;
mod places;
mod reading;
mod rejudge;
mod repeats;
mod shared;
mod socket;
mod subscription;

pub use clock::wall_clock;
pub use discovery::{Discovery, Times};
pub use manager::{IntakeError, Settings, run};
