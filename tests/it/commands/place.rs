//! Where commands are run: a folder with the database of a running service in it, and before the
//! usual programs some of our own, so that nothing on the page has to be changed.
//!
//! - `cargo run --release --` is the program, and so is `labeltap`; any other cargo is refused.
//! - What goes on until it is stopped (`run`, `tail`, `status --watch`) is stopped once it has
//!   done something, and must do something. `run` has any port, and a folder of its own with two
//!   labelers, one of which is gone, so that there is something in its log; but where the page gives it
//!   a database it has that.
//! - `jq` must print something, since a name that does not exist is no mistake to it. `grep` fails by
//!   itself where it finds nothing.
//! - `curl` reaches the service whatever port it has, and fails on a status from 400 on.

use super::blocks::Block;
use crate::tap::{self, Tap, command};
use reqwest::Method;
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::Plc;

/// The labeler of the examples.
pub(super) const EXAMPLE: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

/// One that the directory does not know.
const GONE: &str = "did:plc:goneaaaaaaaaaaaaaaaaaaaa";

/// How long a block may take, in seconds.
const LIMIT: &str = "60";

/// Keeps what goes wrong where a pipe would swallow it.
const LABELTAP: &str = r#"#!/bin/sh
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for_a_while() { # SIGN COMMAND...: until it has printed the sign, and a moment longer
  sign=$1 waited=0
  shift
  "$@" >"$out" &
  until grep -q "$sign" "$out" || test $waited = 300 || ! kill -0 $! 2>/dev/null; do
    waited=$((waited + 1))
    sleep 0.1
  done
  grep -q "$sign" "$out" || trouble "printed no $sign"
  sleep 0.3
  kill -TERM $! && wait $!
}
trouble() { echo "labeltap $all: $1" >>"$TROUBLE"; }
all=$*
case " $* " in
  *' --help '* | *' --version '*) exec "$PROGRAM" "$@" ;;
esac
case $1 in
  run)
    last='' left=$#
    while test $left -gt 0; do # 2481 and its like may be taken
      word=$1 left=$((left - 1))
      shift
      case $last in --bind) word=127.0.0.1:0 ;; esac
      case $word in --bind=*) word=--bind=127.0.0.1:0 ;; esac
      set -- "$@" "$word"
      last=$word
    done
    sign='"message":"listening"'
    case $all in
      *--database-url*) ;;
      *)
        cd "$(mktemp -d -p "$ROOM")" || exit 1
        case $all in
          *--labelers*) ;;
          *)
            export LABELTAP_LABELERS="$FOLLOWED"
            sign='"labeler gone"'
            ;;
        esac
        ;;
    esac
    for_a_while "$sign" "$PROGRAM" "$@" || trouble "exit code $?"
    ;;
  tail)
    for_a_while '"type":"label"' "$PROGRAM" "$@" || trouble "exit code $?"
    ;;
  status)
    case " $* " in
      *' --watch '*) for_a_while . "$PROGRAM" "$@" || trouble "exit code $?" ;;
      *) "$PROGRAM" "$@" >"$out" || trouble "exit code $?" ;;
    esac
    ;;
  *)
    "$PROGRAM" "$@"
    code=$?
    test $code = 0 || trouble "exit code $code"
    exit $code
    ;;
esac
cat "$out"
"#;

const CARGO: &str = r#"#!/bin/sh
test "$1 $2 $3" = 'run --release --' || { echo "cargo $*" >>"$TROUBLE"; exit 1; }
shift 3
exec labeltap "$@"
"#;

const JQ: &str = r#"#!/bin/sh
PATH=${PATH#*:}
out=$(jq "$@")
code=$?
test $code = 0 || echo "jq $*: exit code $code" >>"$TROUBLE"
test -n "$out" || echo "jq $* printed nothing" >>"$TROUBLE"
printf '%s\n' "$out"
exit $code
"#;

const CURL: &str = r#"#!/bin/sh
PATH=${PATH#*:}
case " $* " in
  *' --fail '*) ;;
  *) set -- --fail-with-body "$@" ;; # it takes one of the two
esac
curl --max-time 30 --connect-to "localhost:2480:127.0.0.1:$PORT" \
  --connect-to "127.0.0.1:2480:127.0.0.1:$PORT" "$@"
code=$?
test $code = 0 || echo "curl $*: exit code $code" >>"$TROUBLE"
exit $code
"#;

/// A service and its folder.
pub(super) struct Place {
    dir: TempDir,
    tap: Tap,
    plc: String,
}

impl Place {
    /// With a service that has everything that the labeler of the examples has said, and a
    /// consumer `search`.
    pub(super) async fn set_up(plc: &Plc) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["bin", "desk", "room"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let programs = [("labeltap", LABELTAP), ("cargo", CARGO), ("curl", CURL), ("jq", JQ)];
        for (name, text) in programs {
            let path = dir.path().join("bin").join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        let database = dir.path().join("desk/labeltap.db");
        let tap = Tap::start(plc, &database, &["--labelers", EXAMPLE]);
        // It never falls silent, so it is not waited for as caught up.
        let begun = Instant::now();
        while tap.get("/stats/label-count").await["label_count"].as_i64() < Some(50) {
            assert!(begun.elapsed() < tap::LIMIT, "the labeler does not arrive");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { dir, tap, plc: plc.url() }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a block in a shell that ends at the first command that fails.
    pub(super) async fn run(&self, block: &Block) -> Result<String, String> {
        // Pages speak of it as of something that is there.
        let body = Some(json!({}));
        self.tap.ask(Method::PUT, "/consumers/search", body).await;
        let trouble = self.folder("trouble");
        std::fs::write(&trouble, "").unwrap();
        let mut shell = self.shell(&block.script(), &trouble);
        let ran = tokio::task::spawn_blocking(move || shell.output().expect("a shell")).await;
        let output = ran.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        let trouble = std::fs::read_to_string(trouble).unwrap();
        if output.status.success() && trouble.is_empty() {
            return Ok(printed);
        }
        let end: String = printed.chars().take(2_000).collect();
        Err(format!("{} {trouble}\n{}\n{end}\n{said}", output.status, block.script()))
    }

    fn shell(&self, script: &str, trouble: &Path) -> Command {
        let mut shell = Command::new("timeout");
        shell.args(["--kill-after", "5", LIMIT, "sh", "-e", "-c", script]);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder("bin").display());
        shell.current_dir(self.folder("desk")).env_clear().env("PATH", path);
        shell.env("PROGRAM", command(&[]).get_program()).env("TROUBLE", trouble);
        shell.env("HOME", self.folder("room")).env("ROOM", self.folder("room"));
        shell.env("TMPDIR", self.folder("room")).env("FOLLOWED", format!("{GONE},{EXAMPLE}"));
        let port = self.tap.url.rsplit(':').next().unwrap();
        shell.env("PORT", port).env("LABELTAP_URL", &self.tap.url);
        // What `labeltap run` and `check` would otherwise ask the internet.
        shell.env("LABELTAP_PLC_URL", &self.plc).env("LABELTAP_ALLOW_PRIVATE_HOSTS", "true");
        shell.env("LABELTAP_RELAY_URL", "http://127.0.0.1:9").env("LABELTAP_BIND", "127.0.0.1:0");
        shell
    }
}
