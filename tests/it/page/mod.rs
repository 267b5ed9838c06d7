//! The page at `/` in a browser, over the whole service and fake labelers.
//!
//! Each story here has its other half in `tests/page/stories`, which looks and clicks. That half asks for what has to
//! happen elsewhere, and this one does it. What they need is set up by `tests/page/setup.sh`; `play.js` fails a story
//! whenever the browser complains or a request goes to anybody else.

mod living;
mod looking;
mod looks;
mod managing;
mod markup;
mod password;
mod restart;

use crate::tap::{LIMIT, Tap, command};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::Plc;
use tokio::sync::mpsc;

/// How long a story may be silent before it has failed.
const SILENCE: Duration = Duration::from_secs(90);

/// Whether there is a browser: with `LABELTAP_PAGE=1`, which `./test` sets, and always with `CI=true`.
fn wanted() -> bool {
    let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    let wanted = is("LABELTAP_PAGE", "1") || is("CI", "true");
    if !wanted {
        eprintln!("not run: LABELTAP_PAGE=1 runs the stories of the page in a browser");
    }
    wanted
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A browser at work. Killed on drop.
struct Player(Child);

impl Drop for Player {
    fn drop(&mut self) {
        // It ends the browser when nobody answers any more; only then itself.
        drop(self.0.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where the browser's pictures are left.
fn screenshots() -> PathBuf {
    root().join("target/page-screenshots")
}

/// Plays a story to its end. `act` is told what is to be done, and answers what came of it.
async fn play(story: &str, url: &str, mut act: impl AsyncFnMut(&str, &Value) -> Value) {
    let folder = root().join("tests/page");
    let home = tempfile::tempdir().unwrap();
    let mut node = Command::new(folder.join("node_modules/.node"));
    node.arg(folder.join("play.js")).arg(story).env_clear();
    // Chromium wants a home to write to.
    node.env("HOME", home.path()).env("LABELTAP_URL", url).env("SCREENSHOTS", screenshots());
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut player = Player(node.spawn().expect("tests/page/setup.sh has been run"));
    let (say, mut said) = mpsc::unbounded_channel();
    let output = BufReader::new(player.0.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            drop(say.send(line));
        }
    });
    let errors = BufReader::new(player.0.stderr.take().unwrap());
    let complaints =
        std::thread::spawn(move || errors.lines().map_while(Result::ok).collect::<Vec<_>>());

    while let Some(line) =
        tokio::time::timeout(SILENCE, said.recv()).await.expect("the story goes on")
    {
        let asked: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let done = act(asked["do"].as_str().unwrap(), &asked).await;
        // Whoever is not there any more says why below.
        drop(writeln!(player.0.stdin.as_mut().unwrap(), "{done}"));
    }
    let status = player.0.wait().unwrap();
    let complaints = complaints.join().unwrap().join("\n");
    assert!(status.success(), "the story {story} ended badly: {status}\n{complaints}");
}

/// Starts the service again where it was.
fn start_at(url: &str, plc: &Plc, database: &Path, more: &[&str]) -> Tap {
    let address = url.trim_start_matches("http://");
    let database = format!("sqlite://{}", database.display());
    let plc = plc.url();
    let args = ["run", "--bind", address, "--allow-private-hosts", "--plc-url", &plc];
    Tap::launch(command(&[args.as_slice(), &["--database-url", &database], more].concat()))
}

/// Waits until something is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
