//! Where `labeltap tail` and `labeltap status` look for the service: where they are told, else where
//! the environment that they share with it, as in a container, has it listen.

use super::given::Given;
use super::table::{RUN, Setting};
use super::usage::UsageError;
use super::values::{self, Bind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::Url;

/// Where it listens without any setting.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2480);

/// The service's address.
pub(super) fn url(given: &Given<'_>) -> Result<Url, UsageError> {
    if let Some(url) = given.optional("url", values::web)? {
        return Ok(url);
    }
    let setting: Option<&'static Setting> = RUN.iter().find(|setting| setting.name == "bind");
    let bind = match setting {
        Some(setting) => given.around(setting, values::bind)?,
        None => None,
    };
    let address = bind.and_then(reached).unwrap_or(USUAL);
    let url = format!("http://{address}");
    url.parse().map_err(|_| UsageError::new(format!("{url} is no address")))
}

/// By which address somebody on the same machine reaches it; `None` where the system chose the port,
/// which nobody can know.
fn reached(bind: Bind) -> Option<SocketAddr> {
    let address = match bind {
        Bind::Everywhere(port) => (Ipv4Addr::LOCALHOST, port).into(),
        Bind::Address(SocketAddr::V4(at)) if at.ip().is_unspecified() => {
            (Ipv4Addr::LOCALHOST, at.port()).into()
        }
        Bind::Address(SocketAddr::V6(at)) if at.ip().is_unspecified() => {
            (Ipv6Addr::LOCALHOST, at.port()).into()
        }
        Bind::Address(address) => address,
    };
    Some(address).filter(|address: &SocketAddr| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use std::ffi::OsString;

    fn url(args: &[&str], vars: &[(&str, &str)]) -> Result<String, String> {
        let args = std::iter::once("labeltap").chain(args.iter().copied()).map(OsString::from);
        let var = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).into());
        match parse(args, &var) {
            Ok(Command::Status(status)) => Ok(status.url.to_string()),
            Ok(Command::Tail(tail)) => Ok(tail.url.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_service_is_looked_for_where_its_own_variables_have_it_listen() {
        for command in ["status", "tail"] {
            for (vars, expected) in [
                (vec![], "http://127.0.0.1:2480/"),
                (vec![("LABELTAP_BIND", ":8080")], "http://127.0.0.1:8080/"),
                (vec![("TAP_BIND", ":8080")], "http://127.0.0.1:8080/"),
                (vec![("LABELTAP_BIND", ":1"), ("TAP_BIND", ":2")], "http://127.0.0.1:1/"),
                (vec![("LABELTAP_BIND", "0.0.0.0:3")], "http://127.0.0.1:3/"),
                (vec![("LABELTAP_BIND", "[::]:3")], "http://[::1]:3/"),
                (vec![("LABELTAP_BIND", "localhost:3")], "http://127.0.0.1:3/"),
                (vec![("LABELTAP_BIND", "10.0.0.7:3")], "http://10.0.0.7:3/"),
                (vec![("LABELTAP_BIND", "127.0.0.1:0")], "http://127.0.0.1:2480/"),
                (vec![("LABELTAP_BIND", ":1"), ("LABELTAP_URL", "http://a:2")], "http://a:2/"),
            ] {
                assert_eq!(url(&[command], &vars).as_deref(), Ok(expected), "{vars:?}");
            }
            let bind = [("LABELTAP_BIND", ":1")];
            assert_eq!(url(&[command, "--url=http://b:3"], &bind).unwrap(), "http://b:3/");
            let error = url(&[command], &[("TAP_BIND", "here")]).unwrap_err();
            assert!(error.contains("TAP_BIND (for --bind)"), "{error}");
        }
    }
}
