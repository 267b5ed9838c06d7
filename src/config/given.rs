//! What was given for a setting, and where: the flag, else the first variable that is not
//! empty, else the default.

use super::secret::Secret;
use super::table::{Setting, Takes};
use super::usage::UsageError;
use super::values::Wrong;
use clap::ArgMatches;
use std::ffi::OsString;

/// The flags and variables of one call.
pub(super) struct Given<'a> {
    settings: &'static [Setting],
    flags: &'a ArgMatches,
    var: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A setting's text and where it is from.
struct Text {
    setting: &'static Setting,
    from: String,
    text: String,
}

impl<'a> Given<'a> {
    pub(super) fn new(
        settings: &'static [Setting],
        flags: &'a ArgMatches,
        var: &'a dyn Fn(&str) -> Option<OsString>,
    ) -> Self {
        Self { settings, flags, var }
    }

    /// The value of a setting; `None` when nothing was given and there is no default.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Result<Option<T>, UsageError> {
        let Some(given) = self.text(name)? else { return Ok(None) };
        read(&given.text).map(Some).map_err(|wrong| given.refuse(wrong))
    }

    /// The value of a setting that has a default.
    pub(super) fn value<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Result<T, UsageError> {
        let missing = || UsageError::new(format!("--{name} is missing"));
        self.optional(name, read)?.ok_or_else(missing)
    }

    /// A text that nobody is shown.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, UsageError> {
        self.optional(name, |text| match text {
            "" => Err(Wrong::value()),
            _ => Ok(Secret::new(text.to_owned())),
        })
    }

    fn text(&self, name: &str) -> Result<Option<Text>, UsageError> {
        let Some(setting) = self.settings.iter().find(|setting| setting.name == name) else {
            debug_assert!(false, "{name} is not in the table");
            return Ok(None);
        };
        if let Some(text) = self.flags.get_one::<String>(name) {
            let from = format!("--{name}");
            return Ok(Some(Text { setting, from, text: text.clone() }));
        }
        for variable in setting.variables {
            let Some(value) = (self.var)(variable).filter(|value| !value.is_empty()) else {
                continue;
            };
            let from = format!("{variable} (for --{name})");
            let text = value
                .into_string()
                .map_err(|_| UsageError::wrong(&from, "bytes that are no text", setting.allowed))?;
            return Ok(Some(Text { setting, from, text }));
        }
        let text = setting.default.map(str::to_owned);
        Ok(text.map(|text| Text { setting, from: String::new(), text }))
    }
}

impl Text {
    fn refuse(&self, wrong: Wrong) -> UsageError {
        let found = match (self.setting.takes, wrong.found) {
            _ if self.text.is_empty() => "nothing".to_owned(),
            (_, Some(found)) => found,
            (Takes::Secret(_), _) => "something else (not shown)".to_owned(),
            (_, None) => shown(&self.text),
        };
        UsageError::wrong(&self.from, &found, self.setting.allowed)
    }
}

/// Quoted, not too long, and without the password a URL may carry.
fn shown(text: &str) -> String {
    let safe = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => text.to_owned(),
    };
    let mut short: String = safe.chars().take(100).collect();
    if short.len() < safe.len() {
        short.push('…');
    }
    format!("{short:?}")
}
