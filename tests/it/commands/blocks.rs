//! The pages with commands, and the blocks on them. A block is what stands between ```` ```sh ````
//! and the end of the fence.
//!
//! `# needs …` says what a test has not: alone on the first line it holds for the whole block, at
//! the end of a command for that command.

use super::root;

/// What a line begins or ends with that is not run.
const NEEDS: &str = "# needs ";

/// Other languages than the shell's. One that is not here is a mistake, so that no command hides
/// behind another word for the same.
const OTHERS: &[&str] = &[
    "dockerfile",
    "ini",
    "json",
    "python",
    "rust",
    "rust,no_run",
    "sql",
    "text",
    "toml",
    "typescript",
    "yaml",
];

/// Some commands that belong together.
#[derive(Debug)]
pub(crate) struct Block {
    page: String,
    /// Of its first command.
    line: usize,
    /// A command each, with the lines it is continued on.
    commands: Vec<String>,
}

/// The pages, from the root of the repository.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/decisions", "docs/ops"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                pages.push(format!("{folder}/{name}"));
            }
        }
    }
    pages.sort();
    pages
}

/// The blocks of a page.
pub(crate) fn of(page: &str) -> Vec<Block> {
    read(page, &std::fs::read_to_string(root().join(page)).unwrap())
}

fn read(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    let mut after_nothing = true;
    while let Some((line, begin)) = lines.next() {
        // The other two ways to write a block, which nobody would run.
        assert!(!begin.trim_start().starts_with("~~~"), "{page}:{line}: write ``` and not ~~~");
        let indented = after_nothing && (begin.starts_with("    ") || begin.starts_with('\t'));
        after_nothing = begin.trim().is_empty();
        assert!(!indented || after_nothing, "{page}:{line}: a block without a fence");
        let Some(language) = begin.trim_start().strip_prefix("```") else { continue };
        let inner: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line.trim_start())
            .take_while(|line| !line.starts_with("```"))
            .collect();
        if language == "sh" {
            blocks.push(Block {
                page: page.to_owned(),
                line: line + 1,
                commands: commands(&inner),
            });
        } else {
            assert!(OTHERS.contains(&language), "{page}:{line}: what language is {language:?}?");
        }
    }
    blocks
}

/// A command and what it is continued with.
fn commands(lines: &[&str]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in lines {
        match commands.last_mut() {
            Some(last) if goes_on => {
                last.push('\n');
                last.push_str(line);
            }
            _ => commands.push((*line).to_owned()),
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

impl Block {
    /// Where it is.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// What is run of it.
    pub(crate) fn script(&self) -> String {
        let whole = self.commands.first().is_some_and(|first| first.starts_with(NEEDS));
        let run = |command: &&String| !whole && !command.contains(&format!(" {NEEDS}"));
        self.commands.iter().filter(run).fold(String::new(), |text, line| text + line + "\n")
    }

    /// Whether anything is.
    pub(crate) fn is_run(&self) -> bool {
        self.script().lines().any(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// All of it, what is not run included.
    pub(crate) fn text(&self) -> String {
        self.commands.join("\n")
    }
}

#[test]
fn what_is_marked_is_not_run_and_everything_else_is() {
    let page = "```sh\na\nb \\\n  c   # needs root\nd # why\n```\n```json\n{}\n```\n\
                - ```sh\n  # needs the internet\n  e\n  ```\n  ```sh\n  # f\n  f\n  ```\n";
    let page = page.replace("- ```", "  ```");
    let blocks = read("page.md", &page);
    let places: Vec<String> = blocks.iter().map(Block::place).collect();
    assert_eq!(places, ["page.md:2", "page.md:11", "page.md:15"]);
    let scripts: Vec<String> = blocks.iter().map(Block::script).collect();
    assert_eq!(scripts, ["a\nd # why\n", "", "# f\nf\n"]);
    assert_eq!(blocks.iter().map(Block::is_run).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
#[should_panic(expected = "page.md:3: write ``` and not ~~~")]
fn another_fence_is_a_mistake() {
    read("page.md", "# A\n\n~~~sh\nlabeltap walk\n~~~\n");
}

#[test]
#[should_panic(expected = "page.md:3: a block without a fence")]
fn no_fence_is_a_mistake() {
    read("page.md", "# A\n\n    labeltap walk\n");
}

#[test]
#[should_panic(expected = "page.md:1: what language is \"bash\"?")]
fn another_word_for_the_shell_is_a_mistake() {
    read("page.md", "```bash\nrm -r /\n```\n");
}
