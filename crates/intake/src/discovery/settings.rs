//! What discovery needs to know.

use std::time::Duration;
use url::Url;

/// Where labelers are looked for, and whether.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// The relay, `http(s)` or `ws(s)`. Exempt from the guard.
    pub relay: Url,
    /// The DID PLC directory. Exempt from the guard.
    pub directory: Url,
    /// Whether those who are found are tracked.
    pub discover: bool,
    /// Whether the firehose is read.
    pub firehose: bool,
    /// Whether it goes on where it was when the process begins.
    pub replay: bool,
    /// How often its cursor is saved.
    pub save_every: Duration,
    /// How often and how fast.
    pub times: Times,
}

impl Discovery {
    /// The name under which a relay is remembered: one relay has one, whatever its scheme is
    /// called and whether a slash follows.
    #[must_use]
    pub fn relay_name(&self) -> String {
        let text = self.relay.as_str();
        let http = match self.relay.scheme() {
            "ws" => text.replacen("ws", "http", 1),
            "wss" => text.replacen("wss", "https", 1),
            _ => text.to_owned(),
        };
        http.trim_end_matches('/').to_owned()
    }

    /// The same for the directory.
    #[must_use]
    pub fn directory_name(&self) -> String {
        self.directory.as_str().trim_end_matches('/').to_owned()
    }
}

/// How often and how fast things are done.
#[derive(Debug, Clone)]
pub struct Times {
    /// How often the relay's list is read.
    pub list_every: Duration,
    /// How often the directory's export is.
    pub export_every: Duration,
    /// How often a labeler's declaration is.
    pub declarations_every: Duration,
    /// The directory's copies may lag behind what was announced (facts 5.1): where nothing was
    /// found, there is a second look after this.
    pub second_look: Duration,
    /// A relay from which nothing came for so long, not even a pong, is gone.
    pub silence: Duration,
    /// Most look-ups a second in each lane.
    pub lookups_per_second: u32,
}

impl Times {
    /// As in the contract.
    pub const CONTRACT: Self = Self {
        list_every: Duration::from_secs(24 * 3600),
        export_every: Duration::from_secs(3600),
        declarations_every: Duration::from_secs(24 * 3600),
        second_look: Duration::from_secs(45),
        silence: Duration::from_secs(60),
        lookups_per_second: 10,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(relay: &str) -> String {
        let directory = Url::parse("https://plc.test/").unwrap();
        let times = Times::CONTRACT;
        let (discover, firehose, replay) = (true, true, true);
        let relay = Url::parse(relay).unwrap();
        let save_every = Duration::from_secs(1);
        let settings =
            Discovery { relay, directory, discover, firehose, replay, save_every, times };
        assert_eq!(settings.directory_name(), "https://plc.test");
        settings.relay_name()
    }

    #[test]
    fn a_relay_has_one_name_however_it_is_written() {
        for relay in ["wss://r.test", "https://r.test/", "https://R.test"] {
            assert_eq!(names(relay), "https://r.test");
        }
        assert_eq!(names("ws://127.0.0.1:8080/wss"), "http://127.0.0.1:8080/wss");
        assert_eq!(names("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
