//! Names by heart, and a guard to go with them. For the tests of this crate.

use crate::guard::{Guard, Rules};
use crate::names::{Answer, LookupError, Names};
use crate::resolver::{Limits, Resolver, Settings};
use crate::tls;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers each name from its script; the last answer stays. Unknown names do not exist,
/// and `hangs.example` never answers.
#[derive(Clone, Default)]
pub(crate) struct Table {
    scripts: HashMap<String, Vec<Vec<IpAddr>>>,
    texts: HashMap<String, Result<Vec<String>, LookupError>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Table {
    pub(crate) fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        self.scripts.insert(name.to_owned(), answers.iter().map(parse).collect());
        self
    }

    pub(crate) fn with_texts(mut self, name: &str, texts: Result<&[&str], LookupError>) -> Self {
        let texts = texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        self.texts.insert(name.to_owned(), texts);
        self
    }

    /// How often a name was asked for its addresses.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Names for Table {
    fn addresses<'a>(&'a self, host: &'a str) -> Answer<'a, IpAddr> {
        Box::pin(async move {
            if host == "hangs.example" {
                std::future::pending::<()>().await;
            }
            let script = self.scripts.get(host).ok_or(LookupError::NoSuchName)?;
            let turn = {
                let mut asked = self.asked.lock().unwrap();
                let times = asked.entry(host.to_owned()).or_default();
                *times += 1;
                *times
            };
            Ok(script[turn.min(script.len()) - 1].clone())
        })
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, String> {
        let known = self.texts.get(name).cloned();
        Box::pin(std::future::ready(known.unwrap_or(Err(LookupError::NoSuchName))))
    }
}

/// Short ones: nothing in these tests is far away.
pub(crate) fn limits() -> Limits {
    let request = Duration::from_secs(5);
    Limits { connect: Duration::from_millis(500), request, turn: request }
}

/// The rules of the public internet, but 127.0.0.1 counts as public and TLS is not asked
/// for: so a test can serve "in public" while 127.0.0.2 and the rest stay private.
pub(crate) fn rules() -> Rules {
    let public = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Rules { private: false, plain: true, public }
}

pub(crate) fn guard(names: Table) -> Guard {
    let tls = Arc::new(tls::client_config().unwrap());
    Guard::new(rules(), Arc::new(names), limits().connect, tls)
}

/// A resolver under [`rules`], whose directory nobody asks.
pub(crate) fn resolver(names: Table) -> Resolver {
    let settings = Settings {
        plc_url: url::Url::parse("http://127.0.0.1:9").unwrap(),
        allow_private_hosts: false,
    };
    Resolver::with_rules(settings, rules(), Arc::new(names), limits()).unwrap()
}
