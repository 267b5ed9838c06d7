//! The open-source AppView, of `tests/appview`, on a Postgres and a real network of the test's.

use crate::network::{Network, first_line};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// It was seen to take 5 s.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// The running AppView. Dropping it ends it; so does the end of this process.
#[derive(Debug)]
pub struct AppView {
    url: String,
    child: Child,
    http: reqwest::Client,
}

impl Drop for AppView {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl AppView {
    /// Whether it is to be run: with `LABELTAP_APPVIEW=1`, which `./test --appview` sets.
    /// Otherwise it prints that it is not.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a test that does not run has to say so")]
    pub fn wanted() -> bool {
        let wanted = std::env::var_os("LABELTAP_APPVIEW").as_deref() == Some(OsStr::new("1"));
        if !wanted {
            eprintln!("not run: ./test --appview runs the test on the real AppView");
        }
        wanted
    }

    /// Starts it on this database, which it migrates, and has it read the network's firehose.
    ///
    /// # Panics
    ///
    /// When it was not set up, or does not start within two minutes.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn start(postgres: &str, schema: &str, network: &Network) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let home = tests.join("appview");
        assert!(home.join("node_modules/.setup-lock").exists(), "run tests/appview/setup.sh");
        let mut child = Command::new(tests.join("network/node_modules/.bin/node"))
            .arg("src/appview.js")
            .current_dir(&home)
            .env("NODE_NO_WARNINGS", "1")
            .env("LOG_ENABLED", "false")
            .envs([("POSTGRES_URL", postgres), ("SCHEMA", schema)])
            .envs([("PLC_URL", network.plc_url()), ("FIREHOSE", &network.urls().firehose)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let stdout = child.stdout.take();
        let http = reqwest::Client::builder().no_proxy().timeout(STARTS_WITHIN);
        let http = http.build().expect("a client");
        let mut appview = Self { url: String::new(), child, http };
        let line = tokio::time::timeout(STARTS_WITHIN, first_line(stdout)).await;
        let line = line.expect("it is ready within two minutes").expect("it says where it is");
        let said: Value = serde_json::from_str(&line).expect("it says it in JSON");
        appview.url = said.get("url").and_then(Value::as_str).expect("a URL").to_owned();
        appview
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks it, as a client with these labelers; `None` unless it answers 200.
    ///
    /// # Panics
    ///
    /// When it does not answer at all.
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub async fn ask(
        &self,
        method: &str,
        query: &[(&str, &str)],
        labelers: Option<&str>,
    ) -> Option<Value> {
        let query = query.iter().map(|(name, value)| {
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        });
        let query = query.collect::<Vec<_>>().join("&");
        let mut request = self.http.get(format!("{}/xrpc/{method}?{query}", self.url));
        if let Some(labelers) = labelers {
            request = request.header("atproto-accept-labelers", labelers);
        }
        let answer = request.send().await.expect("the AppView answers");
        if !answer.status().is_success() {
            return None;
        }
        answer.json().await.ok()
    }
}
