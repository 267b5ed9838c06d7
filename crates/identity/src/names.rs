//! Names into addresses and texts: the seam at which a test puts its own table.
//!
//! Whoever needs an address that somebody else named asks the guard, not this file: what
//! comes out here has not been checked.

use crate::error::SetupError;
use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long one question to one name server may take.
const QUESTION: Duration = Duration::from_secs(2);
/// How long an answer of "no such name" is believed, whatever its zone says: a name that
/// has just been set up should not be missing for a day.
const LONGEST_NO: Duration = Duration::from_secs(60);
/// How long an address is believed, whatever its zone says.
const LONGEST_YES: Duration = Duration::from_secs(3600);

/// Why a name gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// DNS says that the name does not exist (NXDOMAIN). Definitive.
    #[error("no such name")]
    NoSuchName,
    /// The name exists, but not with a record of this kind.
    #[error("the name has no such record")]
    NoRecord,
    /// It could not be asked.
    #[error("{0}")]
    Failed(String),
}

/// What a lookup gives, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<Vec<T>, LookupError>>;

/// Somebody who knows names.
pub trait Names: Send + Sync + 'static {
    /// The addresses of a host.
    fn addresses<'a>(&'a self, host: &'a str) -> Answer<'a, IpAddr>;
    /// The TXT records of a name, each with its parts joined.
    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, String>;
}

/// The DNS that this system is set up for, hosts file included.
///
/// Asked by ourselves and not through libc, because only then can "does not exist" be told
/// from "could not be asked".
#[derive(Clone)]
pub struct SystemNames(TokioResolver);

impl SystemNames {
    /// Reads the settings of the system, once.
    ///
    /// # Errors
    /// [`SetupError::Dns`] when they cannot be used.
    pub fn new() -> Result<Self, SetupError> {
        let mut builder = match TokioResolver::builder_tokio() {
            Ok(builder) => builder,
            Err(error) => {
                tracing::warn!(%error, "cannot read resolv.conf, asking DNS at 127.0.0.1");
                let here = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
                let config = ResolverConfig::from_name_servers(vec![here]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = QUESTION;
        options.negative_max_ttl = Some(LONGEST_NO);
        options.positive_max_ttl = Some(LONGEST_YES);
        builder.build().map(Self).map_err(|error| SetupError::Dns(error.to_string()))
    }

    /// Asks one name server, and no hosts file. For tests.
    #[cfg(test)]
    fn at(server: std::net::SocketAddr) -> Self {
        let mut config = NameServerConfig::udp(server.ip());
        config.connections[0].port = server.port();
        let config = ResolverConfig::from_name_servers(vec![config]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        builder.options_mut().timeout = Duration::from_millis(300);
        builder.options_mut().attempts = 0;
        Self(builder.build().unwrap())
    }
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, host: &'a str) -> Answer<'a, IpAddr> {
        Box::pin(async move {
            let found = self.0.lookup_ip(absolute(host)).await.map_err(failure)?;
            Ok(found.iter().collect())
        })
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            let found = self.0.txt_lookup(absolute(name)).await.map_err(failure)?;
            let text = |record: &RData| match record {
                RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into()),
                _ => None,
            };
            Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect())
        })
    }
}

/// A name with a dot in it is complete. With search domains, a name that could not be asked
/// for would end as "no such name" of the last domain tried, and an outage would look like
/// a definitive answer. A single word (a neighbour in a compose file) may be completed.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

fn failure(error: NetError) -> LookupError {
    if error.is_nx_domain() {
        LookupError::NoSuchName
    } else if is_empty(&error) {
        LookupError::NoRecord
    } else {
        LookupError::Failed(error.to_string())
    }
}

/// Whether the server said that there is nothing, and not that it has trouble (SERVFAIL is
/// an answer without records, too).
fn is_empty(error: &NetError) -> bool {
    use hickory_resolver::net::DnsError;
    use hickory_resolver::proto::op::ResponseCode;
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            none.response_code == ResponseCode::NoError
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, TXT};
    use hickory_resolver::proto::rr::{Name, Record, RecordType};
    use tokio::net::UdpSocket;

    /// A name server that knows a few names; about `silent.social` it says nothing.
    async fn name_server() -> SystemNames {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let names = SystemNames::at(socket.local_addr().unwrap());
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((size, asker)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..size]).unwrap();
                if let Some(answer) = answer(&question) {
                    socket.send_to(&answer.to_vec().unwrap(), asker).await.unwrap();
                }
            }
        });
        names
    }

    fn answer(question: &Message) -> Option<Message> {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.id, question.op_code);
        let name = query.name().to_ascii().to_ascii_lowercase();
        let record = |data| Record::from_rdata(query.name().clone(), 60, data);
        let text = |parts: &[&str]| {
            RData::TXT(TXT::new(parts.iter().map(|part| (*part).to_owned()).collect()))
        };
        match (name.as_str(), query.query_type()) {
            ("mod.social.", RecordType::A) => {
                answer.add_answer(record(RData::A(A::new(192, 0, 2, 7))));
            }
            ("_atproto.mod.social.", RecordType::TXT) => {
                answer.add_answer(record(text(&["did=did:plc:", "ann"])));
                answer.add_answer(record(text(&["v=spf1"])));
            }
            ("mod.social." | "_atproto.mod.social." | "empty.social.", _) => {}
            ("broken.social.", _) => answer.metadata.response_code = ResponseCode::ServFail,
            ("refused.social.", _) => answer.metadata.response_code = ResponseCode::Refused,
            ("silent.social.", _) => return None,
            _ => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer.add_query(query);
        Some(answer)
    }

    #[tokio::test]
    async fn addresses_and_texts_come_from_dns_with_their_parts_joined() {
        let names = name_server().await;
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(names.addresses("mod.social").await, Ok(vec![ip]));
        let texts = names.texts("_atproto.mod.social").await.unwrap();
        assert_eq!(texts, ["did=did:plc:ann", "v=spf1"]);
    }

    #[tokio::test]
    async fn does_not_exist_is_told_from_could_not_be_asked() {
        let names = name_server().await;
        assert_eq!(names.addresses("unknown.social").await, Err(LookupError::NoSuchName));
        assert_eq!(names.texts("unknown.social").await, Err(LookupError::NoSuchName));
        assert_eq!(names.addresses("empty.social").await, Err(LookupError::NoRecord));
        assert_eq!(names.texts("empty.social").await, Err(LookupError::NoRecord));
        for name in ["broken.social", "refused.social", "silent.social"] {
            let asked = names.addresses(name).await;
            assert!(matches!(asked, Err(LookupError::Failed(_))), "{name}: {asked:?}");
            let asked = names.texts(name).await;
            assert!(matches!(asked, Err(LookupError::Failed(_))), "{name}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn localhost_needs_no_name_server() {
        let found = SystemNames::new().unwrap().addresses("localhost").await.unwrap();
        assert!(found.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{found:?}");
    }

    #[test]
    fn a_name_with_a_dot_is_not_completed_by_search_domains() {
        for (name, asked) in [("a.b", "a.b."), ("a.b.", "a.b."), ("labeler", "labeler")] {
            assert_eq!(absolute(name), asked);
        }
        assert!(Name::from_ascii(absolute("a.b")).unwrap().is_fqdn());
    }
}
