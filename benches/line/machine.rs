//! Where and with what was measured: two lines at the top of every run.

use std::fs::read_to_string;
use std::process::Command;

/// The parts whose speed is seen in the figures.
const PARTS: &[&str] = &[
    "k256",
    "p256",
    "aws-lc-rs",
    "sha2",
    "rusqlite",
    "libsqlite3-sys",
    "tokio",
    "axum",
    "tokio-tungstenite",
    "serde_json",
];

/// Machine and versions.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let (busy, rustc) = (read("/proc/loadavg"), said("rustc", &["--version"]));
    let load = busy.split(' ').next().unwrap_or("?").to_owned();
    let commit = said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]);
    let parts: Vec<String> = PARTS.iter().map(|name| format!("{name} {}", locked(name))).collect();
    format!(
        "machine   {}, {cores} cores, Linux {kernel}, {rustc}, load {load}\n\
         versions  labeltap {} ({commit}), {}",
        processor(),
        env!("CARGO_PKG_VERSION"),
        parts.join(", "),
    )
}

/// How busy the machine was, by whom; in hundredths of a second since it started.
pub(crate) struct Busy {
    all: u64,
    idle: u64,
    ours: u64,
}

impl Busy {
    /// `None` where there is no `/proc`.
    pub(crate) fn now() -> Option<Self> {
        let text = read("/proc/stat");
        // user nice system idle iowait irq softirq steal; what follows is in them already.
        let times: Vec<u64> = numbers(text.lines().next()?).take(8).collect();
        let idle = times.get(3)? + times.get(4)?;
        let own = read("/proc/self/stat");
        // Time of our own and of children that have ended: fields 14 to 17.
        let ours = numbers(own.rsplit_once(')')?.1).skip(10).take(4).sum();
        Some(Self { all: times.iter().sum(), idle, ours })
    }

    /// What part of the machine others had since then, in percent.
    pub(crate) fn others(&self) -> Option<f64> {
        let now = Self::now()?;
        let all = (now.all - self.all).max(1) as f64;
        let others = (now.all - self.all) as f64
            - (now.idle.saturating_sub(self.idle)) as f64
            - (now.ours - self.ours) as f64;
        Some((others / all * 100.0).max(0.0))
    }
}

/// The numbers of a line, without the word or letter before them.
fn numbers(line: &str) -> impl Iterator<Item = u64> + '_ {
    line.split_whitespace().skip(1).map(|field| field.parse().unwrap_or_default())
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or(std::env::consts::ARCH, |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// The first version of a crate in `Cargo.lock`.
fn locked(name: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    package.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?")
}

fn read(path: &str) -> String {
    read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "?".to_owned())
}
