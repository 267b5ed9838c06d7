//! What came of an examination, as text for people and as JSON for scripts.

use crate::code::{Code, Severity};
use label::Did;
use serde_json::{Value, json};
use std::fmt;
use url::Url;
use verify::Key;

/// Characters kept of one message. Part of it was said by the labeler.
const LONGEST: usize = 600;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// What exactly, in a sentence. One line, whatever the labeler said.
    pub message: String,
}

/// One thing that was looked at, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What was seen, if there is something to say.
    pub remark: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Everything that was looked at. What could not be, because of something else that was
/// found, is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was asked for, as it was written.
    pub subject: String,
    /// Whose labeler it is.
    pub did: Option<Did>,
    /// The handle, if it leads back.
    pub handle: Option<String>,
    /// Where it serves.
    pub service: Option<Url>,
    /// The key in the DID document.
    pub key: Option<Key>,
    /// What was looked at, in this order.
    pub checks: Vec<Check>,
}

impl Check {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, remark: String::new(), findings: Vec::new() }
    }

    /// The same with something to say about it.
    pub(crate) fn remark(mut self, remark: impl AsRef<str>) -> Self {
        self.remark = plain(remark.as_ref());
        self
    }

    /// The same with a finding.
    pub(crate) fn found(mut self, code: Code, message: impl AsRef<str>) -> Self {
        self.find(code, message);
        self
    }

    pub(crate) fn find(&mut self, code: Code, message: impl AsRef<str>) {
        self.findings.push(Finding { code, message: plain(message.as_ref()) });
    }

    /// Whether there is no problem in it; notes do not count.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.code.severity() == Severity::Note)
    }
}

/// One line that does nothing to a terminal, and not a long one.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().take(LONGEST).map(shown).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

impl Report {
    pub(crate) fn new(subject: String) -> Self {
        Self { subject, did: None, handle: None, service: None, key: None, checks: Vec::new() }
    }

    pub(crate) fn add(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// Whether all is well: no problem anywhere.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.checks.iter().all(Check::ok)
    }

    /// Everything that was found, in the order in which it was.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().flat_map(|check| &check.findings)
    }

    /// The whole of it as one object. What is not known is null.
    #[must_use]
    pub fn json(&self) -> Value {
        let check = |check: &Check| json!({ "name": check.name, "ok": check.ok() });
        let finding = |finding: &Finding| {
            json!({
                "code": finding.code.as_str(),
                "severity": finding.code.severity().as_str(),
                "message": finding.message,
                "advice": finding.code.advice(),
            })
        };
        json!({
            "subject": self.subject,
            "did": self.did.as_ref().map(Did::as_str),
            "handle": self.handle,
            "service_url": self.service_url(),
            "key": self.key.as_ref().map(Key::did_key),
            "ok": self.ok(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
        })
    }

    fn service_url(&self) -> Option<&str> {
        self.service.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|finding| finding.code.severity() == severity).count()
    }
}

/// For people: a line for each check and each finding, then how many there are.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            if check.ok() {
                writeln!(f, "ok       {:<14} {}", check.name, check.remark)?;
            }
            for Finding { code, message } in &check.findings {
                let (severity, name) = (code.severity().as_str(), code.as_str());
                writeln!(f, "{severity:<8} {:<14} {name}: {message}", check.name)?;
                writeln!(f, "{:<23} → {}", "", code.advice())?;
            }
        }
        match (self.count(Severity::Problem), self.count(Severity::Note)) {
            (0, 0) => write!(f, "All is well."),
            (0, notes) => write!(f, "All is well. Notes: {notes}."),
            (problems, notes) => write!(f, "Problems: {problems}. Notes: {notes}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("mod.example".into());
        report.add([Check::new("stream").remark("5 labels")]);
        report.add([Check::new("values").found(Code::ValueUnused, "\"rude\" is\nunused\u{1b}[2J")]);
        report
    }

    #[test]
    fn notes_leave_it_well_and_a_problem_does_not() {
        let mut report = report();
        assert!(report.ok() && report.checks[1].ok());
        report.add([Check::new("key").found(Code::NoKey, "none")]);
        assert!(!report.ok());
        let object = report.json();
        assert_eq!(object["ok"], false);
        assert_eq!(object["checks"][2], json!({ "name": "key", "ok": false }));
        assert_eq!(object["findings"][1]["code"], "no-key");
        assert_eq!(object["did"], Value::Null);
        assert!(report.to_string().ends_with("Problems: 1. Notes: 1."), "{report}");
    }

    #[test]
    fn what_the_labeler_said_cannot_move_the_cursor_or_fill_the_screen() {
        let text = report().to_string();
        assert!(!text.contains('\u{1b}') && text.contains("\"rude\" is unused [2J"), "{text}");
        let long = Check::new("x").found(Code::NoKey, "x".repeat(10_000));
        assert_eq!(long.findings[0].message.chars().count(), LONGEST + 1);
    }
}
