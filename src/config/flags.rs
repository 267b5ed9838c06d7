//! The flags and their help, made from the table.

use super::paper;
use super::table::{CHECK, EXPORT, RUN, STATS, STATUS, Setting, TAIL, Takes};
use clap::{Arg, ArgAction, Command};

/// The name of the argument that says what to examine.
pub(super) const SUBJECT: &str = "subject";

/// `labeltap` with its commands.
pub(super) fn command() -> Command {
    Command::new("labeltap")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(subcommand("run", "Start the service", RUN).after_help(
            "Each setting can be given as the variable named with it; a flag wins over \
             variables, and of several variables the first that is not empty counts.",
        ))
        .subcommand(subcommand("tail", "Print what arrives, one event per line, and ack it", TAIL))
        .subcommand(subcommand("status", "Show how a running service is doing", STATUS).after_help(
            "Exit code 0: it accepts what comes. 1: it does not, or cannot be reached.",
        ))
        .subcommand(
            subcommand("check", "Examine a labeler and say what is wrong with it", CHECK)
                .arg(
                    Arg::new(SUBJECT)
                        .value_name("DID|HANDLE|URL")
                        .required(true)
                        .help("The labeler: its DID, its handle, or the URL where it serves"),
                )
                .after_help(
                    "Exit code 0: all is well, there may be notes. 1: there is a problem. \
                     docs/check.md lists every finding.",
                ),
        )
        .subcommand(
            subcommand("export", "Write stored labels to a file or standard output", EXPORT)
                .after_help(
                    "Without --history: the labels that apply now. docs/export.md describes the \
                     columns.",
                ),
        )
        .subcommand(
            subcommand("stats", "Print tables of what is stored", STATS)
                .after_help("docs/export.md says what each number means."),
        )
        .subcommands(paper::commands())
}

pub(super) fn subcommand(name: &'static str, about: &'static str, settings: &[Setting]) -> Command {
    Command::new(name).about(about).args(settings.iter().map(flag))
}

fn flag(setting: &Setting) -> Arg {
    let arg = Arg::new(setting.name).long(setting.name).action(ArgAction::Set).help(help(setting));
    match setting.takes {
        Takes::Value(shown) => arg.value_name(shown),
        // A password may begin with a dash.
        Takes::Secret(shown) => arg.value_name(shown).allow_hyphen_values(true),
        Takes::Switch => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

fn help(setting: &Setting) -> String {
    let default = setting.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
    let names = setting.variables.join(", ");
    let env = if names.is_empty() { names } else { format!(" [env: {names}]") };
    format!("{}{default}{env}", setting.help)
}
