//! From what somebody wrote to a filter, and back.

use super::Filter;
use super::error::{FilterError, shown};
use super::subject::Subject;
use super::texts::Texts;
use crate::{Did, Hosts, Verdict};
use std::collections::HashSet;

/// The fields, in the order in which they are written.
pub(super) const FIELDS: [&str; 5] = ["src", "val", "uri", "subject", "verdict"];

impl Filter {
    /// Reads a filter: names of fields, each with its values.
    ///
    /// # Errors
    /// [`FilterError`] for an unknown or repeated field, one without values, a value that
    /// is not allowed there, and a `*` anywhere but at the end of `val` or `uri`.
    pub fn read<'a>(
        fields: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
        hosts: Hosts,
    ) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (name, values) in fields {
            let field = FIELDS.into_iter().find(|field| *field == name);
            let field = field.ok_or_else(|| FilterError::Field(shown(name)))?;
            if values.is_empty() {
                return Err(FilterError::Empty(field));
            }
            if values.contains(&"") {
                return Err(FilterError::EmptyValue(field));
            }
            let is_new = match field {
                "src" => filter.src.replace(dids(&values, hosts)?).is_none(),
                "val" => filter.val.replace(texts(field, &values)?).is_none(),
                "uri" => filter.uri.replace(texts(field, &values)?).is_none(),
                "subject" => {
                    let unknown = |name| FilterError::Subject(name);
                    filter.subject.replace(names(&values, Subject::from_name, unknown)?).is_none()
                }
                _ => {
                    let unknown = |name| FilterError::Verdict(name);
                    filter.verdict.replace(names(&values, Verdict::from_name, unknown)?).is_none()
                }
            };
            if !is_new {
                return Err(FilterError::Twice(field));
            }
        }
        Ok(filter)
    }

    /// The filter as it is written: the fields that are there, always in the same order,
    /// with each value once. [`Filter::read`] makes the same filter of it.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let src = self.src.as_ref().map(|dids| {
            let mut texts: Vec<String> = dids.iter().map(Did::to_string).collect();
            texts.sort_unstable();
            texts
        });
        let own = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
        let subject = self.subject.as_ref().map(|all| all.iter().map(|it| it.as_str()).collect());
        let verdict = self.verdict.as_ref().map(|all| all.iter().map(|it| it.as_str()).collect());
        let values = [
            src,
            self.val.as_ref().map(Texts::values),
            self.uri.as_ref().map(Texts::values),
            subject.map(own),
            verdict.map(own),
        ];
        let fields = FIELDS.into_iter().zip(values);
        fields.filter_map(|(field, values)| values.map(|values| (field, values))).collect()
    }
}

fn dids(values: &[&str], hosts: Hosts) -> Result<HashSet<Did>, FilterError> {
    let did = |value: &&str| Did::parse_followable(value, hosts).map_err(FilterError::Src);
    values.iter().map(did).collect()
}

fn texts(field: &'static str, values: &[&str]) -> Result<Texts, FilterError> {
    Texts::read(values).map_err(|value| FilterError::Star { field, value: shown(value) })
}

/// Values of which only some are allowed, sorted and each once.
fn names<T: Ord>(
    values: &[&str],
    known: fn(&str) -> Option<T>,
    unknown: fn(String) -> FilterError,
) -> Result<Vec<T>, FilterError> {
    let name = |value: &&str| known(value).ok_or_else(|| unknown(shown(value)));
    let mut found: Vec<T> = values.iter().map(name).collect::<Result<_, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
