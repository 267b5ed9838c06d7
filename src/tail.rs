//! `labeltap tail`: prints what arrives, one event a line, and acks what was printed.

use crate::config::Tail;
use std::io::Write as _;
use std::time::Duration;

/// How long nothing is printed before it is said that nobody answers.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// Why tailing ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The service cannot be reached, or refuses.
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// Nobody reads what is printed.
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
}

/// Prints events until `count` of them were printed, or for ever.
///
/// # Errors
/// See [`TailError`]. A reader that has gone (`| head`) is no error.
pub async fn tail(tail: Tail) -> Result<(), TailError> {
    let url = tail.url.clone();
    let mut client = client::Client::new(client::Settings {
        url: tail.url,
        password: tail.password.map(|secret| secret.reveal().to_owned()),
        query: tail.query,
    })?;
    let mut printed = 0;
    while tail.count.is_none_or(|count| printed < count) {
        let event = match tokio::time::timeout(SILENT_FOR, client.next()).await {
            Ok(event) => event?,
            Err(_) if !client.is_connected() => {
                eprintln!("labeltap: {url} cannot be reached; trying on");
                client.next().await?
            }
            Err(_) => client.next().await?,
        };
        if let Err(error) = print(&event.text) {
            let gone = error.kind() == std::io::ErrorKind::BrokenPipe;
            return if gone { Ok(()) } else { Err(error.into()) };
        }
        printed += 1;
        if tail.ack {
            client.ack(&[event.id]).await;
        }
    }
    Ok(())
}

fn print(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
