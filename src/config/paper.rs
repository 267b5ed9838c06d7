//! What packagers ask for: completions of shells and man pages, both made from the same
//! commands that are read. Where a page is written is left to [`crate::man`].

use super::flags;
use super::table;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;

/// The name of the argument that says which shell.
pub(super) const SHELL: &str = "shell";

/// `completions` and `man`.
pub(super) fn commands() -> [Command; 2] {
    let shell = Arg::new(SHELL)
        .value_name("SHELL")
        .required(true)
        .value_parser(PossibleValuesParser::new(SHELLS.map(|(name, _)| name)))
        .help("The shell that is to complete");
    [
        Command::new("completions").about("Print completions for a shell").arg(shell),
        flags::subcommand("man", "Print the man page", table::MAN).after_help(
            "With --dir every command's page is written: labeltap.1, labeltap-run.1, …",
        ),
    ]
}

/// The shells there are completions for.
pub(super) const SHELLS: [(&str, Shell); 5] = [
    ("bash", Shell::Bash),
    ("zsh", Shell::Zsh),
    ("fish", Shell::Fish),
    ("elvish", Shell::Elvish),
    ("powershell", Shell::PowerShell),
];

/// The completions for a shell of that name.
pub(super) fn completions(shell: &str) -> Option<String> {
    let (_, shell) = SHELLS.into_iter().find(|(name, _)| *name == shell)?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::command(), "labeltap", &mut script);
    String::from_utf8(script).ok()
}

/// A man page, as troff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its file: `labeltap-run.1`.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// The page of `labeltap`, and one for each command.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut whole = flags::command();
    // So that each command knows its whole name.
    whole.build();
    let commands = whole.get_subcommands().filter(|command| command.get_name() != "help");
    let named = commands.map(|command| {
        let name = format!("labeltap-{}", command.get_name());
        command.clone().display_name(name).version(env!("CARGO_PKG_VERSION"))
    });
    let all: Vec<Command> = std::iter::once(whole.clone()).chain(named).collect();
    all.into_iter().filter_map(page).collect()
}

fn page(command: Command) -> Option<Page> {
    // No date: it would be that of the build, and no two builds the same.
    let man = Man::new(command)
        .date(" ")
        .manual("labeltap")
        .source(concat!("labeltap ", env!("CARGO_PKG_VERSION")));
    let (file, mut text) = (man.get_filename(), Vec::new());
    // Into memory, where nothing fails.
    man.render(&mut text).ok()?;
    Some(Page { file, text: String::from_utf8(text).ok()? })
}
