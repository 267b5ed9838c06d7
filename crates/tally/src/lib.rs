//! What has been said, counted: by whom, which value, about what, when, and how soon.
//!
//! [`count()`] looks once at the index of an archive and once at its log, and answers a
//! [`Tally`]: every table at once, since the look is what costs. It holds some bits for each
//! label and a row for each heading, of which labelers cannot invent more than a bound.
//!
//! The tables are those of the paper "Looking AT the Blue Skies of Bluesky" (Balduf and others,
//! IMC 2024), section on content moderation; `docs/export.md` says what each number means.

mod answer;
mod count;
mod delays;
mod heading;
mod sums;
mod table;
mod target;
mod values;

pub use answer::{Answer, Labelers, Reaction};
pub use count::{Tally, count};
pub use heading::By;
pub use sums::Sums;
pub use table::{Row, Table};
pub use values::{Value, Values, values};
