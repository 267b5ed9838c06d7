//! The Dockerfile, held against the repository: what it copies is there and sent, its compiler
//! is new enough, its recipe for the layer of dependencies makes a workspace that Cargo takes,
//! and what it starts starts. That it is built by an engine is left to whoever has one.

use super::{content, installed, read, root, variables, wanted};
use crate::tap::{Tap, command};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Instructions of one stage, in their order.
#[derive(Debug, Default)]
struct Stage {
    base: String,
    name: String,
    instructions: Vec<(String, String)>,
}

impl Stage {
    fn all(&self, keyword: &str) -> impl Iterator<Item = &str> {
        let named = self.instructions.iter().filter(move |(found, _)| found == keyword);
        named.map(|(_, rest)| rest.as_str())
    }

    fn one(&self, keyword: &str) -> &str {
        let mut all = self.all(keyword);
        let one = all.next().unwrap_or_else(|| panic!("no {keyword} in {self:?}"));
        assert!(all.next().is_none(), "more than one {keyword}");
        one
    }

    /// An array of words, as exec forms are.
    fn words(&self, keyword: &str) -> Vec<String> {
        let rest = self.one(keyword);
        let array = rest.find('[').map(|at| &rest[at..]).expect("the exec form");
        serde_json::from_str(array).expect("an array of words")
    }
}

fn stages() -> Vec<Stage> {
    let text = read("Dockerfile");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stages: Vec<Stage> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (keyword, rest) = line.split_once(' ').unwrap();
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        if keyword == "FROM" {
            let (base, name) = rest.split_once(" AS ").unwrap_or((&rest, ""));
            let (base, name) = (base.to_owned(), name.to_owned());
            stages.push(Stage { base, name, ..Stage::default() });
        } else {
            let stage = stages.last_mut().expect("a stage");
            stage.instructions.push((keyword.to_owned(), rest));
        }
    }
    assert_eq!(stages.len(), 4);
    stages
}

fn stage(name: &str) -> Stage {
    stages().into_iter().find(|stage| stage.name == name).expect("a stage of that name")
}

/// Whether `.dockerignore` lets this file through: the last pattern that fits decides.
fn is_sent(file: &Path, patterns: &[String]) -> bool {
    let mut sent = true;
    for pattern in patterns {
        let (excepts, pattern) =
            pattern.strip_prefix('!').map_or((false, pattern.as_str()), |rest| (true, rest));
        let fits = |part: &Path| {
            let text = part.to_str().unwrap();
            match pattern.strip_prefix("**/") {
                Some(name) => glob(name, part.file_name().unwrap().to_str().unwrap()),
                None => glob(pattern, text),
            }
        };
        // What fits a folder fits all that is in it.
        if file.ancestors().filter(|part| !part.as_os_str().is_empty()).any(fits) {
            sent = excepts;
        }
    }
    sent
}

/// `*` stands for anything but a slash.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            let rest = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            rest.is_some_and(|rest| !rest.contains('/'))
        }
    }
}

fn patterns() -> Vec<String> {
    let text = read(".dockerignore");
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Every file of the repository, from its root on; not what was built or installed.
fn kept() -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_file() {
                files.push(path.strip_prefix(root()).unwrap().to_owned());
            } else if !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
                folders.push(path);
            }
        }
    }
    files
}

#[test]
fn the_compiler_of_the_image_is_not_older_than_the_manifest_asks_for() {
    let version = |text: &str| -> (u32, u32) {
        let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
        (parts.next().unwrap(), parts.next().unwrap())
    };
    let manifest = read("Cargo.toml");
    let wanted = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""));
    let base = stage("rust").base;
    let (tag, _) = base.strip_prefix("rust:").unwrap().split_once('-').unwrap();
    assert!(version(tag) >= version(wanted.unwrap().trim_end_matches('"')), "{base}");
    // The C library of the one is that of the other.
    let debian = base.rsplit('-').next().unwrap();
    assert_eq!(stages()[3].base, format!("debian:{debian}-slim"));
}

#[test]
fn what_is_copied_and_what_the_sources_include_is_sent_and_no_database_is() {
    let patterns = patterns();
    for stage in stages() {
        for copy in stage.all("COPY").filter(|copy| !copy.starts_with("--from=")) {
            let mut words: Vec<&str> = copy.split(' ').collect();
            words.pop();
            for source in words.into_iter().filter(|source| *source != ".") {
                assert!(root().join(source).exists(), "COPY {copy}");
                assert!(is_sent(Path::new(source), &patterns), "{source} is not sent");
            }
        }
        for copy in stage.all("COPY").filter_map(|copy| copy.strip_prefix("--from=")) {
            assert!(stages().iter().any(|other| copy.starts_with(&format!("{} ", other.name))));
        }
    }
    let mut included = 0;
    for file in kept().into_iter().filter(|file| {
        let product = file.starts_with("src") || file.starts_with("crates");
        product && file.extension().is_some_and(|extension| extension == "rs")
    }) {
        assert!(is_sent(&file, &patterns), "{} is not sent", file.display());
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        for word in ["include_str!(\"", "include_bytes!(\""] {
            for (at, _) in text.match_indices(word) {
                let path = text[at + word.len()..].split('"').next().unwrap();
                let path = root().join(file.parent().unwrap()).join(path);
                let within = path.canonicalize().expect("an included file");
                let within = within.strip_prefix(root().canonicalize().unwrap()).unwrap();
                // Tests are not built there.
                if !file.components().any(|part| part.as_os_str() == "tests") {
                    assert!(is_sent(within, &patterns), "{} is not sent", within.display());
                    included += 1;
                }
            }
        }
    }
    assert!(included > 5, "{included}");
    for manifest in kept().iter().filter(|file| file.ends_with("Cargo.toml")) {
        let ours = manifest.starts_with("crates") || manifest.parent() == Some(Path::new(""));
        assert_eq!(is_sent(manifest, &patterns), ours, "{}", manifest.display());
    }
    for file in ["labeltap.db", "crates/store/x.db-wal", "target/release/labeltap", ".git/HEAD"] {
        assert!(!is_sent(Path::new(file), &patterns), "{file}");
    }
    for file in
        ["docs/ops/.env", "tests/it/main.rs", "README.md", "crates/page/node_modules/x/index.js"]
    {
        assert!(!is_sent(Path::new(file), &patterns), "{file}");
    }
}

/// The layer of dependencies is built from manifests with empty sources. Here they are made by
/// the same command from the same files, and Cargo reads them.
#[test]
fn the_manifests_alone_are_a_workspace_with_the_same_lock() {
    let (dir, patterns) = (tempfile::tempdir().unwrap(), patterns());
    for file in kept().iter().filter(|file| is_sent(file, &patterns)) {
        let copy = dir.path().join(file);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(root().join(file), copy).unwrap();
    }
    let manifests = stage("manifests");
    content(Command::new("sh").args(["-euc", manifests.one("RUN")]).current_dir(dir.path()));
    assert!(!dir.path().join("src/service.rs").exists());
    // Each package, with what it uses; but not where it lies.
    let tree = |folder: &Path| {
        let args = ["tree", "--quiet", "--locked", "--offline", "--workspace", "--prefix=none"];
        let output = content(Command::new(env!("CARGO")).args(args).current_dir(folder));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| line.split(" (/").next().unwrap().to_owned());
        lines.collect::<BTreeSet<_>>()
    };
    let whole = tree(root());
    assert!(whole.len() > 100, "{whole:?}");
    assert_eq!(tree(dir.path()), whole);
    // Every target that a manifest names or Cargo finds by itself, but tests and examples.
    let targets = |folder: &Path| {
        let args = ["metadata", "--quiet", "--offline", "--no-deps", "--format-version=1"];
        let output = content(Command::new(env!("CARGO")).args(args).current_dir(folder));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap().iter();
        let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
        let targets = targets.filter(|target| {
            let kind = target["kind"][0].as_str().unwrap();
            !["test", "example"].contains(&kind)
        });
        let there = |target: &serde_json::Value| {
            let path = Path::new(target["src_path"].as_str().unwrap());
            let within = path.strip_prefix(folder).unwrap().to_owned();
            assert!(path.exists(), "{} is missing in {}", within.display(), folder.display());
            within
        };
        targets.map(there).collect::<BTreeSet<_>>()
    };
    let folder = dir.path().canonicalize().unwrap();
    let (built, sent) = (targets(&folder), targets(&root().canonicalize().unwrap()));
    let sent = sent.into_iter().filter(|target| is_sent(target, &patterns)).collect();
    assert_eq!(built, sent);
}

#[test]
fn what_is_compiled_as_c_gets_a_compiler_and_tls_gets_its_roots() {
    let lock = read("Cargo.lock");
    let run = stage("rust").one("RUN").to_owned();
    for package in ["aws-lc-sys", "libsqlite3-sys"] {
        assert!(lock.contains(&format!("name = \"{package}\"")), "{package}");
    }
    assert!(run.contains(" gcc ") && run.contains(" libc6-dev "), "{run}");
    // bindgen would need libclang. What is built on this system is asked; others are in the lock.
    let args = ["tree", "--quiet", "--locked", "--offline", "--package=labeltap", "--prefix=none"];
    let mut tree = Command::new(env!("CARGO"));
    let output = content(tree.args(args).arg("--edges=normal,build").current_dir(root()));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("\naws-lc-sys v") && !tree.contains("\nbindgen v"), "{tree}");
    assert!(lock.contains("name = \"rustls-platform-verifier\""));
    assert!(stages()[3].one("RUN").contains(" ca-certificates "));
}

#[test]
fn the_program_links_to_nothing_that_a_bare_debian_lacks() {
    let output = content(Command::new("ldd").arg(env!("CARGO_BIN_EXE_labeltap")));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.map(|name| name.rsplit('/').next().unwrap()).collect();
    assert!(names.len() > 2, "{text}");
    // The C library's own, and the compiler's, which apt itself needs.
    let there = ["linux-vdso.", "ld-linux", "libc.", "libm.", "libgcc_s.", "libdl.", "libpthread."];
    for name in names {
        assert!(there.iter().any(|start| name.starts_with(start)), "{name}: {text}");
    }
}

#[test]
fn the_image_is_of_an_ordinary_user_and_keeps_its_data_apart() {
    let last = &stages()[3];
    let (user, group) = last.one("USER").split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 999 && user == group);
    assert!(last.one("RUN").contains(&format!("--uid {user} ")));
    // The volume takes over the owner of what is there when it is made.
    assert!(last.one("RUN").contains("install -d -o labeltap -g labeltap -m 0700 /data"));
    assert_eq!((last.one("VOLUME"), last.one("STOPSIGNAL")), ("/data", "SIGTERM"));
    assert!(last.one("LABEL").contains("org.opencontainers.image.licenses=\"MIT OR Apache-2.0\""));
    assert!(read("Cargo.toml").contains("license = \"MIT OR Apache-2.0\""));
}

#[test]
fn what_the_image_starts_starts_and_its_health_can_be_asked() {
    let last = &stages()[3];
    assert_eq!(last.words("ENTRYPOINT"), ["labeltap"]);
    let dir = tempfile::tempdir().unwrap();
    let args = last.words("CMD");
    let mut run = command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut given = 0;
    for pair in last.one("ENV").split(' ') {
        let (name, value) = pair.split_once('=').unwrap();
        assert!(variables().contains(name), "{name} is no setting");
        let value = match name {
            "LABELTAP_BIND" => {
                assert_eq!(value, format!(":{}", last.one("EXPOSE")));
                ":0".to_owned()
            }
            "LABELTAP_DATABASE_URL" => {
                assert!(value.starts_with(&format!("sqlite://{}/", last.one("VOLUME"))));
                value.replace("/data", dir.path().to_str().unwrap())
            }
            _ => value.to_owned(),
        };
        run.env(name, value);
        given += 1;
    }
    assert_eq!(given, 2);
    let tap = Tap::launch(run);
    let health = last.words("HEALTHCHECK");
    assert_eq!(health[0], "labeltap");
    let args: Vec<&str> = health[1..].iter().map(String::as_str).collect();
    let port = tap.url.rsplit(':').next().unwrap().to_owned();
    // In the container it is told by the service's own variable, whatever port that has.
    let ask = |port: &str| {
        let mut ask = command(&args);
        ask.env("LABELTAP_BIND", format!(":{port}")).output().unwrap()
    };
    let well = ask(&port);
    assert!(well.status.success(), "{well:?}");
    assert!(tap.stop().status.success());
    assert_eq!(ask(&port).status.code(), Some(1), "nobody is there any more");
}

#[test]
fn a_linter_finds_nothing_in_the_dockerfile() {
    if !wanted() {
        return;
    }
    let mut hadolint = Command::new(installed(".venv/bin/hadolint"));
    content(
        hadolint.args(["--no-color", "--failure-threshold=info"]).arg(root().join("Dockerfile")),
    );
}
