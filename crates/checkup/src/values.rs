//! The values of labels against those that are declared.

use crate::code::Code;
use crate::listen::Heard;
use crate::report::Check;
use crate::said;
use label::Did;
use std::collections::BTreeSet;

/// How many values of a kind are named.
const NAMED: usize = 10;

/// Compares what was heard with what is declared, if there is a declaration.
pub(crate) fn look(heard: Option<&Heard>, did: &Did, declared: Option<&[String]>) -> Check {
    let own = heard.into_iter().flat_map(said::claims).filter(|claim| claim.src == did.as_str());
    let used: BTreeSet<String> =
        own.filter(|claim| claim.neg != Some(true)).map(|claim| claim.val).collect();
    let is_all = heard.is_some_and(Heard::is_all);
    judge(&used, declared, is_all)
}

fn judge(used: &BTreeSet<String>, declared: Option<&[String]>, is_all: bool) -> Check {
    let mut check = Check::new("values").remark(format!("{} in use", used.len()));
    let declared: Option<BTreeSet<&str>> =
        declared.map(|list| list.iter().map(String::as_str).collect());
    let used: BTreeSet<&str> = used.iter().map(String::as_str).collect();
    let mut tell = |code: Code, what: &str, values: Vec<&str>| {
        if !values.is_empty() {
            check.find(code, format!("{what}: {}.", names(&values)));
        }
    };
    if let Some(declared) = &declared {
        let undeclared = used.difference(declared).copied().collect();
        tell(Code::ValueUndeclared, "Used and not declared", undeclared);
        // There may be a label with it that was not read.
        if is_all && !used.is_empty() {
            let unused = declared.difference(&used).copied().collect();
            tell(Code::ValueUnused, "Declared and not used", unused);
        }
    }
    let all: BTreeSet<&str> = declared.unwrap_or_default().union(&used).copied().collect();
    let odd = all.into_iter().filter(|value| !is_kebab(value)).collect();
    tell(Code::ValueNotKebab, "Not kebab-case", odd);
    check
}

/// What can be defined for apps (`labelValueDefinition`, "identifier"), and the global
/// values that begin with `!`.
fn is_kebab(value: &str) -> bool {
    let name = value.strip_prefix('!').unwrap_or(value);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn names(values: &[&str]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(NAMED)
        .map(|value| format!("{:?}", value.chars().take(64).collect::<String>()))
        .collect();
    let more = values.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(used: &[&str], declared: Option<&[&str]>, is_all: bool) -> Vec<Code> {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let declared = declared.map(own);
        let check = judge(&own(used).into_iter().collect(), declared.as_deref(), is_all);
        check.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn used_and_declared_are_compared_as_far_as_they_are_known() {
        let both: &[&str] = &["spam", "!warn"];
        assert_eq!(codes(both, Some(both), true), []);
        assert_eq!(codes(&["spam"], Some(both), true), [Code::ValueUnused]);
        assert_eq!(codes(&["spam"], Some(both), false), []);
        assert_eq!(codes(&[], Some(both), true), []);
        assert_eq!(codes(&["rude"], Some(&["rude", "x"]), false), []);
        assert_eq!(codes(both, Some(&["spam"]), false), [Code::ValueUndeclared]);
        assert_eq!(codes(&["Very Rude"], None, true), [Code::ValueNotKebab]);
        assert_eq!(codes(&["v2", "!"], None, true), [Code::ValueNotKebab]);
        assert_eq!(codes(both, None, true), []);
    }
}
