//! Which database: the URL of `--appview-database-url`, read as the AppView reads its own.

use crate::tls::{self, Tls};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use url::Url;

/// For one address to answer; names may have several.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A connection on which nothing comes back for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// A database and the schema in it. Shows itself without the password.
#[derive(Clone)]
pub struct Target {
    config: Config,
    schema: Option<String>,
    tls: Tls,
    /// Host, port and database, for logs.
    name: String,
}

/// What a URL says about encryption.
#[derive(Debug, Default)]
struct Encryption {
    wanted: bool,
    authority: Option<PathBuf>,
}

impl Target {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE` with these parameters:
    ///
    /// * `schema`, as the AppView's `DB_POSTGRES_SCHEMA`; without it the table is where the
    ///   role's search path has it,
    /// * `options`, for the server, such as `-c search_path=bsky`,
    /// * `sslmode`: `disable`, or `require`, `verify-ca` and `verify-full`, which mean the same
    ///   here as to the AppView's driver: the server's certificate is checked, its name included,
    /// * `sslrootcert`, a PEM file of authorities instead of the system's,
    /// * `host`, a name or the directory of a Unix socket, and `hostaddr`, an address to be used
    ///   instead of asking for the name.
    ///
    /// # Errors
    /// One sentence, without the password. A certificate file that cannot be read is one.
    pub fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("it does not begin with postgres://".to_owned());
        }
        let mut config = Config::new();
        let mut asked = Encryption::default();
        let mut schema = None;
        let mut host = url.host_str().map(decoded).transpose()?.unwrap_or_default();
        for (name, value) in url.query_pairs() {
            match &*name {
                "schema" => schema = Some(value.into_owned()),
                "options" => {
                    config.options(value);
                }
                "application_name" => {
                    config.application_name(value);
                }
                "host" => host = value.into_owned(),
                "hostaddr" => {
                    let address = value.parse().map_err(|_| "hostaddr is no address")?;
                    config.hostaddr(address);
                }
                "sslmode" => asked.wanted = is_encrypted(&value)?,
                "sslrootcert" => asked.authority = Some(PathBuf::from(value.as_ref())),
                name => return Err(format!("the parameter {name} is not known here")),
            }
        }
        if host.is_empty() {
            return Err("it names no host".to_owned());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        config.host(host).port(url.port().unwrap_or(5432));
        sign_in(&mut config, &url)?;
        if schema.as_deref() == Some("") {
            schema = None;
        }
        Self::complete(config, schema, &asked, host)
    }

    fn complete(
        mut config: Config,
        schema: Option<String>,
        asked: &Encryption,
        host: &str,
    ) -> Result<Self, String> {
        let encrypts = asked.wanted || asked.authority.is_some();
        config
            .ssl_mode(if encrypts { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(ANSWERS_WITHIN)
            .keepalives_idle(SILENCE)
            .tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("labeltap");
        }
        let port = config.get_ports().first().copied().unwrap_or_default();
        let name = format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default());
        let tls = if encrypts { tls::checked(asked.authority.as_deref())? } else { Tls::none() };
        Ok(Self { config, schema, tls, name })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("schema", &self.schema).finish()
    }
}

fn sign_in(config: &mut Config, url: &Url) -> Result<(), String> {
    if !url.username().is_empty() {
        config.user(decoded(url.username())?);
    }
    if let Some(password) = url.password() {
        config.password(percent_decode_str(password).collect::<Vec<u8>>());
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if !database.is_empty() {
        config.dbname(database);
    }
    Ok(())
}

fn is_encrypted(mode: &str) -> Result<bool, String> {
    match mode {
        "disable" => Ok(false),
        "require" | "verify-ca" | "verify-full" => Ok(true),
        _ => {
            let right = "disable, require, verify-ca and verify-full";
            Err(format!("of sslmode only {right} are known here"))
        }
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(String::from).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host;

    #[test]
    fn the_parts_of_a_url_arrive() {
        let url = "postgres://us%40er:p%2Fw%00@db.test:6432/app%20view?schema=bsky&options=-c%20work_mem%3D8MB";
        let target = Target::read(url).unwrap();
        let config = target.config();
        assert_eq!(config.get_user(), Some("us@er"));
        assert_eq!(config.get_password(), Some(&b"p/w\0"[..]));
        assert_eq!(config.get_hosts(), [Host::Tcp("db.test".into())]);
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_dbname(), Some("app view"));
        assert_eq!(config.get_options(), Some("-c work_mem=8MB"));
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(target.schema(), Some("bsky"));
        assert_eq!(target.to_string(), "db.test:6432/app view");
    }

    #[test]
    fn sockets_and_addresses_of_six_have_their_place() {
        let hosts = |url| Target::read(url).unwrap().config().get_hosts().to_vec();
        let socket = vec![Host::Unix("/run/postgresql".into())];
        assert_eq!(hosts("postgres://%2Frun%2Fpostgresql/app"), socket);
        assert_eq!(hosts("postgresql://user@localhost/app?host=/run/postgresql"), socket);
        assert_eq!(hosts("postgres://[::1]/app"), [Host::Tcp("::1".into())]);
    }

    #[test]
    fn nothing_shows_the_password() {
        let target = Target::read("postgres://user:hunter2@db.test/app").unwrap();
        let shown = format!("{target} {target:?} {:?}", target.config());
        assert!(!shown.contains("hunter2"), "{shown}");
        let wrong = Target::read("postgres://user:hunter2@db.test/app?x=1").unwrap_err();
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn encryption_is_asked_for_in_known_words() {
        let mode = |mode: &str| {
            let target = Target::read(&format!("postgres://db.test/app?sslmode={mode}"));
            target.map(|target| target.config().get_ssl_mode())
        };
        assert_eq!(mode("disable"), Ok(SslMode::Disable));
        for checked in ["require", "verify-ca", "verify-full"] {
            assert_eq!(mode(checked), Ok(SslMode::Require));
        }
        for other in ["prefer", "allow", "no-verify", ""] {
            assert!(mode(other).unwrap_err().contains("sslmode"), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for (url, word) in [
            ("mysql://db.test/app", "postgres://"),
            ("postgres:///app", "host"),
            ("postgres://db.test/app?pool=3", "pool"),
            ("postgres://db.test/app?hostaddr=db", "hostaddr"),
            ("postgres://db.test/app?sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"),
        ] {
            let wrong = Target::read(url).unwrap_err();
            assert!(wrong.contains(word), "{url}: {wrong}");
        }
    }
}
