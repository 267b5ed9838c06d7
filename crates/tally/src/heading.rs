//! By what labels are counted.

/// By what labels are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Who said it.
    Labeler,
    /// What was said.
    Value,
    /// What kind of thing it is about.
    Target,
    /// The month in which it was made.
    Month,
}

impl By {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Labeler, Self::Value, Self::Target, Self::Month];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Labeler => "labeler",
            Self::Value => "value",
            Self::Target => "target",
            Self::Month => "month",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == name)
    }
}
