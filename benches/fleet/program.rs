//! The released program as a child, and what the system says of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The running program. Killed on drop.
pub(crate) struct Program {
    child: Child,
    url: String,
}

impl Program {
    pub(crate) fn start(plc: &str, database: &Path) -> Self {
        let database = format!("sqlite://{}", database.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_labeltap"));
        command.env_clear().args(["run", "--bind", "127.0.0.1:0", "--allow-private-hosts"]);
        command.args(["--plc-url", plc, "--database-url", &database]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "it ended");
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "listening" {
                break format!("http://{}", event["address"].as_str().unwrap());
            }
        };
        // Read on, so that it never waits for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, url }
    }

    pub(crate) async fn add(&self, dids: &[String]) {
        let body = serde_json::json!({ "dids": dids }).to_string();
        let url = format!("{}/labelers/add", self.url);
        let request = reqwest::Client::new().post(url).header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Processor time so far, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name in parentheses; utime and stime are fields 14 and 15, in ticks of 10 ms.
        let after = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<u64> =
            after.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        Duration::from_millis((fields[11] + fields[12]) * 10)
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
