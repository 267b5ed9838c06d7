//! Webhooks: events by `POST` (contract section 4).
//!
//! A [`Poster`] makes one request and says how it went; [`Health`] decides how hard a
//! receiver may be tried, and [`wait`] when an event's turn comes again. Which events
//! those are, and in which order, is the desk's business as for any connection.

mod failure;
mod health;
mod post;
mod run;
mod sign;

pub(crate) use failure::Failure;
pub(crate) use health::{Health, MOST, wait};
pub(crate) use post::{Hook, Limits, Poster};
pub(crate) use run::run;
