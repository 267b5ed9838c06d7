//! The released program as a child process: what an operator starts, asks and kills.

use client::{Client, Received};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::Plc;

/// How long anything in a story may take before it has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How often a story looks whether something has become true.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running labeltap. Killed on drop.
pub(crate) struct Tap {
    child: Child,
    pub(crate) url: String,
    http: reqwest::Client,
    password: Option<String>,
    /// Collects what it prints, to its end.
    log: Option<JoinHandle<Vec<String>>>,
}

/// How a service that was asked to stop did so.
pub(crate) struct Stopped {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    /// Everything it printed, line by line.
    pub(crate) log: Vec<String>,
}

/// What a program that did not start said.
pub(crate) struct Failed {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// The program with these arguments and nothing in its environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labeltap"));
    command.args(args).env_clear();
    command
}

impl Tap {
    /// Starts the service on `database`, with `plc` as its directory, and waits until it
    /// listens.
    pub(crate) fn start(plc: &Plc, database: &Path, more: &[&str]) -> Self {
        Self::start_at(&plc.url(), database, more)
    }

    /// The same with any directory.
    pub(crate) fn start_at(plc: &str, database: &Path, more: &[&str]) -> Self {
        let database = format!("sqlite://{}", database.display());
        let mut args = vec!["run", "--bind", "127.0.0.1:0", "--allow-private-hosts"];
        args.extend(["--plc-url", plc, "--database-url", &database]);
        args.extend(more);
        Self::launch(command(&args))
    }

    /// Starts any command line of `labeltap run`, and waits until it listens.
    pub(crate) fn launch(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("labeltap starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (say, said) = mpsc::channel();
        // Reads on until the program ends, so that it never waits for a full pipe.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            for line in output.lines().map_while(Result::ok) {
                if std::env::var_os("LABELTAP_STORY_LOG").is_some() {
                    eprintln!("{line}");
                }
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["message"] == "listening" {
                    let _nobody_waits_twice =
                        say.send(event["address"].as_str().map(str::to_owned));
                }
                log.push(line);
            }
            log
        });
        let address =
            said.recv_timeout(LIMIT).ok().flatten().expect("labeltap says where it listens");
        let (url, http) = (format!("http://{address}"), reqwest::Client::new());
        Self { child, url, http, password: None, log: Some(log) }
    }

    /// Asks with this password from now on.
    pub(crate) fn with_password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Starts something that cannot start, and answers how it ended.
    pub(crate) fn fails(args: &[&str]) -> Failed {
        Self::fails_as(&mut command(args))
    }

    /// The same with any environment.
    pub(crate) fn fails_as(command: &mut Command) -> Failed {
        let output = command.output().expect("labeltap starts");
        Failed {
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asks, with a JSON body if there is one.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(LIMIT);
        if let Some(password) = &self.password {
            request = request.basic_auth("admin", Some(password));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("labeltap answers");
        let status = answer.status();
        let text = answer.text().await.expect("the answer is whole");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn add(&self, dids: &[&str]) {
        let body = serde_json::json!({ "dids": dids });
        let (status, body) = self.ask(Method::POST, "/labelers/add", Some(body)).await;
        assert_eq!((status, body), (StatusCode::OK, Value::String(String::new())));
    }

    pub(crate) async fn labeler(&self, did: &str) -> Value {
        self.get(&format!("/labelers/{did}")).await
    }

    /// Waits until the labeler object is as wanted.
    pub(crate) async fn labeler_until(&self, did: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let labeler = self.labeler(did).await;
            if wanted(&labeler) {
                return labeler;
            }
            assert!(begun.elapsed() < LIMIT, "still {labeler}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a labeler is in this state.
    pub(crate) async fn state(&self, did: &str, state: &str) -> Value {
        self.labeler_until(did, |labeler| labeler["state"] == state).await
    }

    /// The same for one that is about to be tracked.
    pub(crate) async fn state_when_tracked(&self, did: &str, state: &str) -> Value {
        let begun = Instant::now();
        while self.ask(Method::GET, &format!("/labelers/{did}"), None).await.0 != StatusCode::OK {
            assert!(begun.elapsed() < LIMIT, "{did} is not tracked");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.state(did, state).await
    }

    /// A client of `/channel`.
    pub(crate) fn client(&self, query: &[(&str, &str)]) -> Client {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings = client::Settings {
            url: self.url.parse().expect("a URL"),
            password: self.password.clone(),
            query: query.iter().map(own).collect(),
        };
        Client::new(settings).expect("a client")
    }

    /// Stops following these, and forgets what they said if `purge`.
    pub(crate) async fn remove(&self, dids: &[&str], purge: bool) {
        let body = serde_json::json!({ "dids": dids, "purge": purge });
        let (status, body) = self.ask(Method::POST, "/labelers/remove", Some(body)).await;
        assert_eq!((status, body), (StatusCode::OK, Value::String(String::new())));
    }

    /// The value of a metric, 0 while nobody has touched it.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let body = self.get("/metrics").await;
        let text = body.as_str().unwrap_or_default().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, as a supervisor does, and waits for its end.
    pub(crate) fn stop(mut self) -> Stopped {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        assert!(sent.success());
        let status = self.child.wait().expect("it ends");
        let took = begun.elapsed();
        let log = self.log.take().map(|log| log.join().expect("its output is read"));
        Stopped { status, took, log: log.unwrap_or_default() }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The next event within the limit, as JSON.
pub(crate) async fn next(client: &mut Client) -> Value {
    let received = within(client.next()).await.expect("an event");
    event(&received)
}

/// An event's JSON.
pub(crate) fn event(received: &Received) -> Value {
    serde_json::from_str(&received.text).expect("an event is JSON")
}

/// Waits no longer than a story may.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

/// The next `count` events, acked as they come.
pub(crate) async fn take(client: &mut Client, count: usize) -> Vec<Value> {
    let mut events = Vec::with_capacity(count);
    for before in 0..count {
        let received = tokio::time::timeout(LIMIT, client.next()).await;
        let received = received.unwrap_or_else(|_| panic!("event {before} of {count} in time"));
        let event = event(&received.expect("an event"));
        client.ack(&[event["id"].as_i64().expect("an id")]).await;
        events.push(event);
    }
    events
}

/// The sequence numbers of label events, in the order they came.
pub(crate) fn seqs(events: &[Value]) -> Vec<i64> {
    events.iter().filter_map(|event| event["label"]["seq"].as_i64()).collect()
}
