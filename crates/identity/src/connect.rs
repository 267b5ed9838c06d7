//! Opening the connections that the guard has allowed: TCP, and TLS over it.

use crate::error::ConnectError;
use crate::guard::Guard;
use crate::names::LookupError;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

/// A connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP, for development.
    Plain(TcpStream),
    /// TLS, the server's certificate checked.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Guard {
    /// Opens a connection to the host and port of a URL: `https` and `wss` with TLS, `http`
    /// and `ws` without, the latter only with `--allow-private-hosts`. Every address is
    /// checked, and the ones that pass are tried in turn; all of it together, name lookup and
    /// handshake included, takes at most `limit`.
    ///
    /// # Errors
    /// Any [`ConnectError`].
    pub async fn connect(&self, url: &Url, limit: Duration) -> Result<Stream, ConnectError> {
        self.check_url(url)?;
        let deadline = Instant::now() + limit;
        let late = |_| {
            let host = url.host_str().unwrap_or_default().to_owned();
            Err(ConnectError::Timeout { host, limit })
        };
        tokio::time::timeout_at(deadline, self.open(url, deadline)).await.unwrap_or_else(late)
    }

    async fn open(&self, url: &Url, deadline: Instant) -> Result<Stream, ConnectError> {
        let (host, port) = place(url)?;
        let checked = self.checked(&host).await?;
        let addresses: Vec<_> = checked.into_iter().map(|ip| ip.at(port)).collect();
        self.open_at(url, &addresses, deadline).await
    }

    async fn open_at(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<Stream, ConnectError> {
        let tcp = dial(addresses, deadline).await?;
        if matches!(url.scheme(), "http" | "ws") {
            return Ok(Stream::Plain(tcp));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let secured = secure(self, &host, tcp).await;
        secured.map_err(|error| ConnectError::Tls { host, error })
    }

    /// Opens a connection to a host that the operator configured: to any address, in plain
    /// text where the URL says so, and with the names that this system knows. Within `limit`.
    ///
    /// # Errors
    /// Any [`ConnectError`] but `Refused`.
    pub async fn connect_of_operator(
        &self,
        url: &Url,
        limit: Duration,
    ) -> Result<Stream, ConnectError> {
        let deadline = Instant::now() + limit;
        let late = |_| {
            let host = url.host_str().unwrap_or_default().to_owned();
            Err(ConnectError::Timeout { host, limit })
        };
        let opening = async {
            let addresses = unchecked(url).await?;
            self.open_at(url, &addresses, deadline).await
        };
        tokio::time::timeout_at(deadline, opening).await.unwrap_or_else(late)
    }
}

fn place(url: &Url) -> Result<(Host<&str>, u16), ConnectError> {
    match (url.host(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok((host, port)),
        _ => Err(ConnectError::Url("the URL has no host".into())),
    }
}

/// Every address of the operator's host.
async fn unchecked(url: &Url) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match place(url)? {
        (Host::Ipv4(ip), port) => return Ok(vec![(ip, port).into()]),
        (Host::Ipv6(ip), port) => return Ok(vec![(ip, port).into()]),
        (Host::Domain(name), port) => (name, port),
    };
    let found = tokio::net::lookup_host(name).await;
    let addresses = found.map_err(|error| ConnectError::Lookup {
        host: name.0.to_owned(),
        error: LookupError::Failed(error.to_string()),
    })?;
    Ok(addresses.collect())
}

/// Tries the addresses in turn. Each gets its share of the time that is left, so that one
/// that swallows everything does not use up the turn of the next.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, ConnectError> {
    let mut last = Err(ConnectError::Url("the host has no address".into()));
    for (waiting, address) in (1..=addresses.len()).rev().zip(addresses) {
        let address = *address;
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(waiting).unwrap_or(u32::MAX);
        let tried = tokio::time::timeout(share, TcpStream::connect(address)).await;
        match tried.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(tcp) => {
                // Acks and pings are small and should not wait for company.
                let set = tcp.set_nodelay(true);
                return set.map(|()| tcp).map_err(|error| ConnectError::Tcp { address, error });
            }
            Err(error) => last = Err(ConnectError::Tcp { address, error }),
        }
    }
    last
}

async fn secure(guard: &Guard, host: &str, tcp: TcpStream) -> io::Result<Stream> {
    // An IPv6 address stands in brackets in a URL, but not in a certificate; a name may end
    // in a dot in a URL, but not in a certificate.
    let bare = host.trim_start_matches('[').trim_end_matches([']', '.']).to_owned();
    let name = ServerName::try_from(bare).map_err(io::Error::other)?;
    let tls = TlsConnector::from(guard.tls()).connect(name, tcp).await?;
    Ok(Stream::Tls(Box::new(tls)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Rules;
    use crate::table::{Table, guard, limits, rules};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    const LIMIT: Duration = Duration::from_secs(5);
    const AUTHORITY: &[u8] = include_bytes!("../tests/data/authority.der");
    const CERTIFICATE: &[u8] = include_bytes!("../tests/data/mod.social.der");
    const KEY: &[u8] = include_bytes!("../tests/data/mod.social.key.der");

    fn names() -> Table {
        Table::default()
            .with("mod.social", &[&["127.0.0.1"]])
            .with("other.social", &[&["127.0.0.1"]])
            .with("inner.social", &[&["127.0.0.2"]])
    }

    /// Trusts the authority of the test data, speaks what the real configuration speaks.
    fn trusting() -> Guard {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(AUTHORITY)).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = crate::tls::client_config().unwrap().alpn_protocols;
        Guard::new(rules(), Arc::new(names()), limits().connect, Arc::new(config))
    }

    /// A server for `mod.social` that would rather speak HTTP/2, and echoes.
    async fn tls_server() -> u16 {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(KEY.into());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
                let mut word = [0; 5];
                stream.read_exact(&mut word).await.unwrap();
                stream.write_all(&word).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        port
    }

    async fn open(guard: &Guard, url: &str) -> Result<Stream, ConnectError> {
        guard.connect(&Url::parse(url).unwrap(), LIMIT).await
    }

    #[tokio::test]
    async fn tls_is_spoken_with_a_host_that_shows_its_certificate() {
        let port = tls_server().await;
        for host in ["mod.social", "MOD.social"] {
            let mut stream = open(&trusting(), &format!("wss://{host}:{port}/")).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.flush().await.unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"hello");
            let Stream::Tls(tls) = stream else { panic!("not TLS") };
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert!(tls.get_ref().0.nodelay().unwrap());
        }
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_or_of_nobody_is_refused() {
        let port = tls_server().await;
        let other = open(&trusting(), &format!("https://other.social:{port}/")).await;
        assert!(matches!(other, Err(ConnectError::Tls { .. })), "{other:?}");
        let untrusted = open(&guard(names()), &format!("https://mod.social:{port}/")).await;
        assert!(matches!(untrusted, Err(ConnectError::Tls { .. })), "{untrusted:?}");
    }

    #[tokio::test]
    async fn a_host_that_takes_the_connection_and_says_nothing_is_left_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("wss://mod.social:{port}")).unwrap();
        let started = Instant::now();
        let opened = trusting().connect(&url, Duration::from_millis(200)).await;
        assert!(matches!(opened, Err(ConnectError::Timeout { .. })), "{opened:?}");
        assert!(started.elapsed() < LIMIT);
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Table::default().with("two.social", &[&["127.0.0.3", "127.0.0.1"]]);
        let tls = guard(Table::default()).tls();
        let guard = Guard::new(Rules::new(true), Arc::new(names), limits().connect, tls);
        let opened = open(&guard, &format!("ws://two.social:{port}/")).await.unwrap();
        let Stream::Plain(tcp) = opened else { panic!("not plain") };
        assert_eq!(tcp.peer_addr().unwrap().to_string(), format!("127.0.0.1:{port}"));
        assert!(tcp.nodelay().unwrap());
    }

    #[tokio::test]
    async fn nothing_is_opened_to_a_private_address_or_a_name_that_does_not_exist() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guard = guard(names());
        for host in ["inner.social", "127.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "0.0.0.0"] {
            let opened = open(&guard, &format!("ws://{host}:{port}/")).await;
            assert!(matches!(opened, Err(ConnectError::Refused { .. })), "{host}: {opened:?}");
        }
        let opened = open(&guard, "ws://unknown.social/").await;
        let no_such = LookupError::NoSuchName;
        let Err(ConnectError::Lookup { error, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(error, no_such);
        // The first to arrive is the one that was allowed.
        let allowed = open(&guard, &format!("ws://mod.social:{port}/")).await.unwrap();
        let Stream::Plain(tcp) = allowed else { panic!("not plain") };
        assert_eq!(listener.accept().await.unwrap().1, tcp.local_addr().unwrap());
    }

    #[tokio::test]
    async fn nobody_listening_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let opened = open(&guard(names()), &format!("ws://mod.social:{}/", address.port())).await;
        let Err(ConnectError::Tcp { address: tried, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(tried, address);
    }
}
