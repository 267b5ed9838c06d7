//! The real network of `tests/network`, for tests: PLC directory, PDS, Skyware and Ozone.
//!
//! It takes some seconds to start, so tests share one ([`Network::shared`]) and make
//! labelers of their own in it. Which tests run at all is said by [`Network::wanted`].
//! What the commands do is written in `tests/network/README.md`.

use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, oneshot};

/// How long the network may take to start; it was seen to take 3 to 10 s.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// Another process may take a port in the moment before it is bound.
const TRIES: usize = 3;
/// How long a command may take: 100,000 labels take Ozone 10 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(300);
/// How long it may take to remove its data before it is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Which server a labeler runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `@skyware/labeler`: signs `neg:false`, keeps every label.
    Skyware,
    /// `@atproto/ozone`: leaves `neg` out, keeps the latest of each.
    Ozone,
}

/// A labeler as the network describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Labeler {
    /// Its name in commands.
    pub name: String,
    /// `skyware` or `ozone`.
    pub kind: String,
    /// Its DID.
    pub did: String,
    /// Where it listens.
    pub url: String,
    /// Whether it listens.
    pub running: bool,
    /// The did:key it signs with.
    pub key: String,
    /// The last `seq`; absent while it is stopped.
    pub seq: Option<i64>,
}

/// Where the parts of the network are.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Urls {
    /// Takes the commands.
    pub control: String,
    /// The directory, with documents as plc.directory writes them today.
    pub plc: String,
    /// The same with documents of 2023.
    pub plc_legacy: String,
    /// The PDS.
    pub pds: String,
    /// The firehose, `ws://…`.
    pub firehose: String,
}

/// The running network. Dropping it stops everything and removes all data; so does the
/// end of this process.
#[derive(Debug)]
pub struct Network {
    urls: Urls,
    http: reqwest::Client,
    child: Child,
    /// The network runs until this is closed.
    stdin: Option<ChildStdin>,
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let start = Instant::now();
        while start.elapsed() < STOPS_WITHIN && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Network {
    /// Whether the tests on the real network are to run: with `LABELTAP_NETWORK=1`, which
    /// `./test` sets, and always with `CI=true`. Otherwise it prints that they do not.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a test that does not run has to say so")]
    pub fn wanted() -> bool {
        let is = |name, value| std::env::var_os(name).as_deref() == Some(OsStr::new(value));
        let wanted = is("LABELTAP_NETWORK", "1") || is("CI", "true");
        if !wanted {
            eprintln!("not run: LABELTAP_NETWORK=1 runs the tests on the real network");
        }
        wanted
    }

    /// The network of this test binary, started when first asked for. It ends with the
    /// process.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Network> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a network of its own.
    ///
    /// # Panics
    ///
    /// When it was not set up, or does not start within two minutes.
    #[expect(clippy::panic, reason = "a test without its peers should stop")]
    pub async fn start() -> Self {
        let mut last = String::new();
        for _ in 0..TRIES {
            match launch(&home()).await {
                Ok(network) => return network,
                Err(error) => last = error,
            }
        }
        panic!("the real network did not start: {last}");
    }

    /// Where its parts are.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The directory, as `--plc-url` wants it.
    #[must_use]
    pub fn plc_url(&self) -> &str {
        &self.urls.plc
    }

    /// Carries out a command.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(self.http.post(self.at(path)).json(body), path).await
    }

    /// Everything there is: URLs, accounts, labelers, requests to the directory.
    ///
    /// # Panics
    ///
    /// When the network is gone.
    pub async fn state(&self) -> Value {
        self.send(self.http.get(self.at("/state")), "/state").await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.urls.control)
    }

    #[expect(clippy::panic, reason = "a test whose network fails should stop")]
    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Value {
        let answer = async {
            let answer = request.send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.json::<Value>().await?))
        };
        match answer.await {
            Ok((status, value)) if status.is_success() => value,
            Ok((status, value)) => panic!("{path}: {status} {value}"),
            Err(error) => panic!("{path}: {error:?}"),
        }
    }

    /// Creates an account with a running labeler, in the directory and on the firehose.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn labeler(&self, kind: Kind) -> Labeler {
        let kind = match kind {
            Kind::Skyware => "skyware",
            Kind::Ozone => "ozone",
        };
        read(self.post("/labelers", &json!({ "kind": kind })).await)
    }

    /// Does something with a labeler, and answers its state after it: `rotate-key`,
    /// `move`, `did`, `unpublish`, `stop`, `start`, `drop` and so on.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn order(&self, labeler: &Labeler, what: &str, body: &Value) -> Labeler {
        read(self.post(&format!("/labelers/{}/{what}", labeler.name), body).await)
    }

    /// Makes so many labels with good signatures. `live: false` (Skyware only): into the
    /// database, for the next backfill, which is six times as fast.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn bulk(&self, labeler: &Labeler, count: u64, live: bool) -> Labeler {
        self.order(labeler, "bulk", &json!({ "count": count, "live": live })).await
    }

    /// Says these labels (`uri`, `val`, `cid`, `neg`, `exp`, `cts`), and answers them with
    /// `seq` and `sig`.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn emit(&self, labeler: &Labeler, labels: &Value) -> Vec<Value> {
        self.say(labeler, "emit", labels).await
    }

    /// Takes these labels back.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn negate(&self, labeler: &Labeler, labels: &Value) -> Vec<Value> {
        self.say(labeler, "negate", labels).await
    }

    async fn say(&self, labeler: &Labeler, what: &str, labels: &Value) -> Vec<Value> {
        let path = format!("/labelers/{}/{what}", labeler.name);
        let mut answer = self.post(&path, &json!({ "labels": labels })).await;
        read(answer.get_mut("labels").map(Value::take).unwrap_or_default())
    }
}

#[expect(clippy::panic, reason = "a test whose network fails should stop")]
fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    let text = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/network")
}

/// Starts the process and waits for the line that says where everything is.
async fn launch(home: &Path) -> Result<Network, String> {
    if !home.join("node_modules/.setup-lock").exists() {
        return Err("it was not set up: run tests/network/setup.sh".to_owned());
    }
    // Tests share it from runtimes of their own, and a connection ends with its runtime.
    let http = reqwest::Client::builder().no_proxy().timeout(ANSWERS_WITHIN);
    let http = http.pool_max_idle_per_host(0).build().map_err(|error| error.to_string())?;
    let mut child = Command::new(home.join("node_modules/.bin/node"))
        .args(["src/network.js", "--until-stdin-ends"])
        .current_dir(home)
        .env("NODE_NO_WARNINGS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("node: {error}"))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // From here on a failure drops the network, which ends the process.
    let mut network = Network { urls: Urls::default(), http, child, stdin };
    let line = tokio::time::timeout(STARTS_WITHIN, first_line(stdout)).await;
    let line = line.map_err(|_| "it was not ready within two minutes".to_owned())?;
    let line = line.ok_or("it ended before it was ready; its errors are above")?;
    network.urls = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
    Ok(network)
}

/// The first line of the process. A thread reads it and all that follows, so that the
/// process never waits for a reader; the thread ends with the process.
pub(crate) async fn first_line(stdout: Option<ChildStdout>) -> Option<String> {
    let (to, line) = oneshot::channel();
    let mut lines = BufReader::new(stdout?).lines();
    std::thread::spawn(move || {
        if let Some(Ok(line)) = lines.next() {
            let _waiter_may_have_given_up = to.send(line);
        }
        while let Some(Ok(_)) = lines.next() {}
    });
    line.await.ok()
}
