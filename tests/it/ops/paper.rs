//! Completions and man pages, as packagers make them.

use super::{content, wanted};
use crate::tap::{Tap, command};
use std::process::Command;

/// What the program prints.
fn printed(args: &[&str]) -> String {
    String::from_utf8(content(&mut command(args)).stdout).expect("text")
}

/// What bash would offer for the last of these words.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let program = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={last}; \
         _labeltap labeltap '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words[last],
        words[last - 1]
    );
    let output = content(Command::new("bash").args(["-c", &program]));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_shells() {
    let script = printed(&["completions", "bash"]);
    content(Command::new("bash").args(["-n", "-c", &script]));
    assert_eq!(offered(&script, &["labeltap", "expo"]), ["export"]);
    assert_eq!(offered(&script, &["labeltap", "run", "--data"]), ["--database-url"]);
    for flag in super::settings().keys() {
        assert!(offered(&script, &["labeltap", "run", flag]).contains(flag), "{flag}");
    }
    assert!(offered(&script, &["labeltap", "completions", "z"]).contains(&"zsh".to_owned()));
}

#[test]
fn every_shell_gets_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["run", "export", "database-url", "completions"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let wrong = Tap::fails(&["completions", "tcsh"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("\"tcsh\", allowed: bash, zsh"), "{}", wrong.stderr);
    // Whoever has read enough may go.
    let head = "\"$0\" completions bash | head -n 1";
    let output = content(Command::new("sh").args(["-c", head, env!("CARGO_BIN_EXE_labeltap")]));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn there_is_a_man_page_for_every_command_and_every_setting_is_on_it() {
    let dir = tempfile::tempdir().unwrap();
    // It is made if it is missing.
    let man = dir.path().join("share/man1");
    content(&mut command(&["man", "--dir", man.to_str().unwrap()]));
    let page = |name: &str| std::fs::read_to_string(man.join(name)).expect("a page");
    assert_eq!(printed(&["man"]), page("labeltap.1"));
    let mut files: Vec<String> = std::fs::read_dir(&man)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let help = printed(&["--help"]);
    let commands = help.split("Commands:\n").nth(1).unwrap().lines();
    let commands = commands.take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| !line.starts_with("   "));
    let mut expected: Vec<String> = commands
        .map(|line| format!("labeltap-{}.1", line.split_whitespace().next().unwrap()))
        .collect();
    expected.push("labeltap.1".to_owned());
    expected.sort();
    assert_eq!(files, expected, "left: written, right: the commands of --help");
    let run = page("labeltap-run.1").replace('\\', "");
    for (flag, variables) in super::settings() {
        assert!(run.contains(&flag), "{flag}");
        assert!(variables.iter().all(|variable| run.contains(variable)), "{variables:?}");
    }
    let failed = Tap::fails(&["man", "--dir", "/dev/null/man1"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("/dev/null/man1"), "{}", failed.stderr);
    if wanted() {
        for file in files {
            let lint = ["-T", "lint", "-W", "error"];
            content(Command::new("mandoc").args(lint).arg(man.join(&file)));
            let shown = content(Command::new("mandoc").args(["-T", "html"]).arg(man.join(&file)));
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.contains("DESCRIPTION"), "{file}: {shown}");
        }
    }
}

#[test]
fn what_the_manual_says_of_them_works() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let block = super::manual("sh", "labeltap completions").replace("/usr/", &format!("{root}/"));
    let program = env!("CARGO_BIN_EXE_labeltap");
    let mut made = 0;
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        // Folders that packages of the shells bring along.
        if let Some((_, file)) = line.split_once(" > ") {
            std::fs::create_dir_all(std::path::Path::new(file).parent().unwrap()).unwrap();
        }
        let line = line.replacen("labeltap", program, 1);
        content(Command::new("sh").args(["-euc", &line]));
        made += 1;
    }
    assert_eq!(made, 4);
    let page = dir.path().join("local/share/man/man1/labeltap-run.1");
    assert!(page.exists(), "{block}");
}
