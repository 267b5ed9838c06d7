//! A Postgres of a test's own, on loopback, gone with it.
//!
//! Made with the `initdb` and `postgres` that are on the path or where Debian keeps them. Which
//! tests run at all is said by [`Postgres::wanted`].

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// It was seen to take 0.2 s.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Who may connect.
const USER: &str = "keeper";

/// A server with an empty database. Dropping it stops it and removes all data; so does the end of
/// this process.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    home: TempDir,
    /// Postgres refuses to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    more: Vec<String>,
    running: Option<Child>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Postgres {
    /// Whether there is one to be had. With `CI=true` it is a failure if not; otherwise it is
    /// printed that the test does not run.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a test that does not run has to say so")]
    #[expect(clippy::panic, reason = "in CI every test runs")]
    pub fn wanted() -> bool {
        let found = programs().is_some();
        if !found && std::env::var_os("CI").as_deref() == Some(OsStr::new("true")) {
            panic!("no Postgres is installed: tests/network/setup.sh does that");
        }
        if !found {
            eprintln!("not run: no Postgres is installed (Debian: postgresql)");
        }
        found
    }

    /// Makes a database and starts its server.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings, such as `ssl=on`.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub fn start_with(more: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory for Postgres");
        let mut server = Self {
            programs: programs().expect("Postgres is installed"),
            user: unprivileged(),
            home,
            port: free_port(),
            more: more.iter().map(|setting| (*setting).to_owned()).collect(),
            running: None,
        };
        let data = server.data();
        fs::create_dir(&data).expect("a directory for data");
        fs::set_permissions(&data, Permissions::from_mode(0o700)).expect("only its own");
        if let Some((user, group)) = server.user {
            chown(&data, Some(user), Some(group)).expect("only its own");
            fs::set_permissions(server.home.path(), Permissions::from_mode(0o711)).expect("a way");
        }
        let mut made = server.command("initdb");
        made.arg("-D").arg(&data).args(["-U", USER, "-A", "trust", "--no-sync"]);
        let made = made.stdout(Stdio::null()).status().expect("initdb runs");
        assert!(made.success(), "initdb: {made}");
        server.start_again();
        server
    }

    /// A file beside the data that the server can read, such as a key.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub fn keep(&self, name: &str, content: &[u8]) {
        let path = self.data().join(name);
        fs::write(&path, content).expect("a file for Postgres");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("only its own");
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group)).expect("only its own");
        }
    }

    /// From the next start on with these settings, too.
    pub fn set(&mut self, settings: &[&str]) {
        self.more.extend(settings.iter().map(|setting| (*setting).to_owned()));
    }

    /// Starts it, or does so again after [`Postgres::stop`], at the same port with its data.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub fn start_again(&mut self) {
        self.stop();
        // The shell waits for its standard input to end, which it does even when this process is
        // killed outright.
        let script = "\"$@\" </dev/null 2>>log & cat >/dev/null; kill -INT $!; wait $!";
        let mut shell = self.command("/bin/sh");
        shell.args(["-c", script, "sh"]).arg(self.programs.join("postgres"));
        shell.arg("-D").arg(self.data());
        let own = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.data().display()),
            "fsync=off".to_owned(),
        ];
        for setting in own.iter().chain(&self.more) {
            shell.args(["-c", setting]);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(shell.spawn().expect("a shell"));
        let begun = Instant::now();
        while !self.is_ready() {
            let log = || fs::read_to_string(self.data().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < STARTS_WITHIN, "Postgres does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last line of its lock file says so; one that listens may still be starting.
    fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        lock.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    }

    /// Stops it at once: connections are cut, transactions rolled back.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.running.take() {
            drop(shell.stdin.take());
            let _reaped = shell.wait();
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its Unix socket.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A URL of its database, for the user that may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.data()).env_clear().env("LC_ALL", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Where `initdb` and `postgres` are.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|version| Some(version.ok()?.path().join("bin")));
    debian.chain(on_path).find(|folder| has_both(folder))
}

fn has_both(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).exists())
}

/// Somebody else, if we are root.
fn unprivileged() -> Option<(u32, u32)> {
    let me = fs::metadata("/proc/self").ok()?;
    if std::os::unix::fs::MetadataExt::uid(&me) != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    of("postgres").or_else(|| of("nobody"))
}

#[expect(clippy::expect_used, reason = "a test without its peers should stop")]
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a free port").port()
}
