//! What is counted under each heading.

use serde::Serialize;
use std::ops::AddAssign;

/// What is counted under each heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sums {
    /// Labels that were stored and still are, those that take back included.
    pub labels: u64,
    /// Those of them that take back.
    pub negations: u64,
    /// What they are about: different URIs.
    pub subjects: u64,
    /// Labels that apply now.
    pub current: u64,
    /// Keys (labeler, subject, value) of which the newest label takes back.
    pub rescinded: u64,
    /// Keys of which the newest label has run out.
    pub expired: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.labels += other.labels;
        self.negations += other.negations;
        self.subjects += other.subjects;
        self.current += other.current;
        self.rescinded += other.rescinded;
        self.expired += other.expired;
    }
}
