//! `docs/ops/labeltap.service`: systemd takes it, it is locked down, and the program starts as
//! it says.

use super::{content, read, variables, wanted};
use crate::tap::{Tap, command};
use std::process::Command;

const UNIT: &str = "docs/ops/labeltap.service";

/// Exposure as systemd reckons it, times ten; lower is better. Another labeltap would have 96.
const EXPOSURE: &str = "15";

/// The values of a setting, in their order.
fn values(name: &str) -> Vec<String> {
    let unit = read(UNIT);
    let lines = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_unit_starts_what_there_is_and_gives_it_time_to_end() {
    assert_eq!(values("ExecStart"), ["/usr/local/bin/labeltap run"]);
    let dir = tempfile::tempdir().unwrap();
    let mut run = command(&["run", "--bind", "127.0.0.1:0"]);
    for line in values("Environment") {
        let (name, value) = line.split_once('=').unwrap();
        assert!(variables().contains(name), "{name} is no setting");
        let state = format!("/var/lib/{}", values("StateDirectory")[0]);
        assert!(value.contains(&state), "{value} is not in {state}");
        run.env(name, value.replace(&state, dir.path().to_str().unwrap()));
    }
    let stopped = Tap::launch(run).stop();
    assert!(stopped.status.success());
    assert!(dir.path().join("labeltap.db").exists());
    // Contract section 2: it ends within 10 s.
    let seconds = values("TimeoutStopSec")[0].trim_end_matches('s').parse::<u64>().unwrap();
    assert!(seconds > 10 && stopped.took.as_secs() < seconds);
    // A wrong command line is not tried again.
    assert_eq!(values("RestartPreventExitStatus"), ["2"]);
    assert_eq!(Tap::fails(&["run", "--no-such-flag"]).code, Some(2));
    // Each labeler may be a connection, and there are clients.
    let files = values("LimitNOFILE")[0].parse::<u64>().unwrap();
    assert!(files >= 10_000);
}

/// As an ordinary user who may never become more, with no capability. Only root can become one and
/// drop what is left; whoever is one already has no capability to begin with.
#[test]
fn the_program_needs_no_privilege() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The build's folder may be closed to others.
    let program = dir.path().join("labeltap");
    std::fs::copy(env!("CARGO_BIN_EXE_labeltap"), &program).unwrap();
    let mut run = Command::new("setpriv");
    run.arg("--no-new-privs");
    if status.contains("\nUid:\t0\t0") {
        std::os::unix::fs::chown(dir.path(), Some(65_534), Some(65_534)).unwrap();
        run.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        run.args(["--bounding-set=-all", "--inh-caps=-all"]);
    } else {
        assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    }
    run.arg(&program);
    let database = format!("sqlite://{}/tap.db", dir.path().display());
    run.args(["run", "--bind", "127.0.0.1:0", "--database-url", &database]).env_clear();
    run.env("PATH", std::env::var_os("PATH").unwrap());
    assert!(Tap::launch(run).stop().status.success());
}

#[test]
fn systemd_takes_the_unit_and_finds_it_locked_down() {
    if !wanted() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labeltap.service");
    // Whether the program is where the unit says is the operator's.
    let unit = read(UNIT).replace("/usr/local/bin/labeltap", env!("CARGO_BIN_EXE_labeltap"));
    std::fs::write(&path, unit).unwrap();
    let output = content(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path));
    // What it does not know it only warns about.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("labeltap.service"), "{said}");
    let threshold = format!("--threshold={EXPOSURE}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--no-pager", "--offline=true", &threshold]);
    content(security.arg(&path));
}

/// Everything but what needs a running systemd, with another root.
#[test]
fn the_manual_puts_program_and_unit_where_systemd_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let block = super::manual("sh", "systemctl enable");
    std::fs::create_dir_all(dir.path().join("usr/local/bin")).unwrap();
    std::fs::create_dir_all(dir.path().join("etc/systemd/system")).unwrap();
    for line in block.lines().filter(|line| line.starts_with("install ")) {
        let line = line.replace("~/.cargo/bin/labeltap", env!("CARGO_BIN_EXE_labeltap"));
        let line = line.replace(" /usr/", &format!(" {root}/usr/"));
        let line = line.replace(" /etc/", &format!(" {root}/etc/"));
        content(Command::new("sh").args(["-euc", &line]).current_dir(super::root()));
    }
    let program = values("ExecStart")[0].split(' ').next().unwrap().to_owned();
    let settings = values("EnvironmentFile")[0].trim_start_matches('-').to_owned();
    for path in [program, settings, "/etc/systemd/system/labeltap.service".to_owned()] {
        assert!(dir.path().join(&path[1..]).exists(), "{path}: {block}");
    }
}
