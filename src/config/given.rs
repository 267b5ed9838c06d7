//! What was given for a setting, and where: the flag, else the first variable that is not
//! empty, else the default. Whoever embeds the service gives neither, but texts, which are read
//! by the same rules.

use super::secret::Secret;
use super::table::{Setting, Takes};
use super::usage::UsageError;
use super::values::Wrong;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Texts by the names of their settings.
pub(super) type Texts = BTreeMap<&'static str, String>;

/// What one call was given.
pub(super) struct Given<'a> {
    settings: &'static [Setting],
    from: From<'a>,
}

enum From<'a> {
    /// Flags and variables.
    Process { flags: &'a ArgMatches, var: &'a dyn Fn(&str) -> Option<OsString> },
    /// The program around us.
    Program(&'a Texts),
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
        Self { settings, from: From::Process { flags, var } }
    }

    /// What a program gives.
    pub(super) fn by_program(settings: &'static [Setting], texts: &'a Texts) -> Self {
        Self { settings, from: From::Program(texts) }
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

    /// What the environment says about a setting of another command, which is no flag of this one.
    pub(super) fn around<T>(
        &self,
        setting: &'static Setting,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Result<Option<T>, UsageError> {
        let From::Process { var, .. } = &self.from else { return Ok(None) };
        let Some(given) = from_environment(setting, var)? else { return Ok(None) };
        read(&given.text).map(Some).map_err(|wrong| given.refuse(wrong))
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
        let given = match &self.from {
            From::Process { flags, var } => from_process(setting, flags, var)?,
            From::Program(texts) => texts.get(name).map(|text| Text {
                setting,
                from: name.to_owned(),
                text: text.clone(),
            }),
        };
        let default = setting.default.map(str::to_owned);
        Ok(given.or(default.map(|text| Text { setting, from: String::new(), text })))
    }
}

fn from_process(
    setting: &'static Setting,
    flags: &ArgMatches,
    var: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Text>, UsageError> {
    let name = setting.name;
    if let Some(text) = flags.get_one::<String>(name) {
        let from = format!("--{name}");
        return Ok(Some(Text { setting, from, text: text.clone() }));
    }
    from_environment(setting, var)
}

fn from_environment(
    setting: &'static Setting,
    var: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Text>, UsageError> {
    let name = setting.name;
    for variable in setting.variables {
        let Some(value) = var(variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let from = format!("{variable} (for --{name})");
        let text = value
            .into_string()
            .map_err(|_| UsageError::wrong(&from, "bytes that are no text", setting.allowed))?;
        return Ok(Some(Text { setting, from, text }));
    }
    Ok(None)
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
