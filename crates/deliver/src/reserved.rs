//! Consumers that are not for clients: another part of the process reads the log under that name.

use crate::handle::Told;
use std::fmt;
use std::sync::Arc;

/// A name that no client may connect to or change.
#[derive(Clone)]
pub struct Reserved {
    /// The name.
    pub name: &'static str,
    /// How far the part is that reads under it; `None` while none does. Then what was kept can
    /// be looked at and removed like any other consumer, so that nothing is kept for it for ever.
    pub read_by: Option<Arc<dyn Fn() -> Elsewhere + Send + Sync>>,
}

/// How far somebody is who reads by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Every event up to here is done with.
    pub position: i64,
    /// How many label events are not.
    pub lag: u64,
    /// What they wait for, if they do.
    pub trouble: Option<String>,
}

impl Reserved {
    /// Whether somebody reads under it.
    pub(crate) const fn is_read(&self) -> bool {
        self.read_by.is_some()
    }

    /// As it can be shown, if somebody does.
    pub(crate) fn told(&self) -> Option<Told> {
        let Elsewhere { position, lag, trouble } = self.read_by.as_ref()?();
        Some(Told {
            name: self.name.to_owned(),
            position,
            lag,
            in_flight: 0,
            connections: 0,
            delivered: 0,
            redelivered: 0,
            dead: 0,
            reserved: true,
            oldest: None,
            filter: None,
            webhook: None,
            last_error: trouble,
        })
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved")
            .field("name", &self.name)
            .field("is_read", &self.is_read())
            .finish()
    }
}
