//! The released program as a child, as its operator starts it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program as a child. Killed on drop.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Program {
    pub(crate) fn start(plc: &str, database: &Path) -> Self {
        let database = format!("sqlite://{}", database.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_labeltap"));
        command.args(["run", "--bind", "127.0.0.1:0", "--allow-private-hosts", "--log-format"]);
        command.args(["json", "--plc-url", plc, "--database-url", &database]).env_clear();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listens = |line: String| {
            let event: Value = serde_json::from_str(&line).ok()?;
            let listens = event.get("message")? == "listening";
            listens.then(|| event.get("address")?.as_str().map(str::to_owned)).flatten()
        };
        let address = lines.by_ref().find_map(listens).expect("labeltap says where it listens");
        // Read on until it ends, so that it never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}"), http: reqwest::Client::new() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// One number of an answer.
    pub(crate) async fn number(&self, path: &str, name: &str) -> u64 {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let body: Value = answer.error_for_status().unwrap().json().await.unwrap();
        body.get(name).and_then(Value::as_u64).unwrap()
    }

    /// The high-water mark of its resident memory, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// Asks it to stop, as a supervisor does, and waits.
    pub(crate) fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.unwrap().success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
