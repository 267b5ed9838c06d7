//! labeltap within another program: follows the labelers it is given, prints each label that
//! holds as one line of JSON, and acks it.
//!
//! ```text
//! cargo run --example embed -- [OPTIONS] LABELER...
//!   LABELER             a DID or a handle
//!   --database PATH     kept there; without it, in a folder that goes with the program
//!   --count N           ends after so many labels
//!   --plc-url URL       another directory
//!   --allow-private-hosts
//! ```
//!
//! The service reads neither arguments nor environment nor signals: all of these are this
//! program's. Ctrl-C ends it as well as it ends `labeltap run`.

use labeltap::{Builder, Event, LabelEvent, Service};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut settings = Service::builder().without_http();
    let (mut labelers, mut most) = (Vec::new(), usize::MAX);
    let mut database = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--database" => database = Some(value()?),
            "--count" => most = value()?.parse()?,
            "--plc-url" => settings = settings.plc_url(value()?),
            "--allow-private-hosts" => settings = settings.allow_private_hosts(true),
            option if option.starts_with('-') => return Err(format!("what is {option}?").into()),
            _ => labelers.push(argument),
        }
    }
    // Held to the end of the program; its folder is removed then.
    let folder = tempfile::tempdir()?;
    settings = match database {
        Some(path) => settings.database(path),
        None => settings.database(folder.path().join("labels.db")),
    };
    follow(settings.labelers(labelers), most).await
}

async fn follow(settings: Builder, most: usize) -> Result<(), Box<dyn Error>> {
    let running = settings.start().await?;
    let mut events = running.events("embed").await?;
    for _ in 0..most {
        let delivered = tokio::select! {
            delivered = events.next() => delivered,
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                None
            }
        };
        let Some(delivered) = delivered else { break };
        if let Event::Label(event) = delivered.event() {
            println!("{}", line(event));
        }
        // Only now: had we died before, it would come again.
        delivered.ack();
    }
    // Waits for the acks to be kept.
    running.stop().await?;
    Ok(())
}

fn line(event: &LabelEvent) -> serde_json::Value {
    serde_json::json!({
        "id": event.id.get(),
        "src": event.label.src.as_str(),
        "uri": event.label.uri,
        "val": event.label.val,
        "neg": event.label.negates(),
        "verdict": event.verdict.as_str(),
        "live": event.live,
    })
}
