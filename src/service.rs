//! The service: its parts, put together. Nothing here knows what a label is.

use crate::config::{Bind, Builder, Named, Run, Secret, UsageError};
use crate::crew::{Crew, Ended};
use crate::status::Painter;
use crate::{progress, retention, states, telemetry};
use axum::Router;
use axum::serve::ListenerExt as _;
use fleet::{Board, Rest};
use label::Hosts;
use pulse::Pulse;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Limits, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Everybody stops within this, the store after them; both within the contract's 10 s.
const GRACE: Duration = Duration::from_secs(6);

/// How long answers that were begun may take once we stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// The store folds its log into the file within this.
const CLOSING: Duration = Duration::from_millis(2500);

/// Why the service did not start. One sentence for the operator each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] UsageError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// As it was given.
        address: String,
        /// What the system said.
        reason: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] store::OpenError),
    /// Outgoing connections cannot be set up.
    #[error(transparent)]
    Identity(#[from] identity::SetupError),
    /// Metrics cannot be recorded.
    #[error("metrics cannot be recorded: {0}")]
    Metrics(String),
}

/// A service that listens and is about to run.
pub struct Service {
    crew: Crew,
    parts: Parts,
    address: Option<SocketAddr>,
    metrics_address: Option<SocketAddr>,
}

/// What a program asks while the service runs.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) deliver: deliver::Deliver,
    pub(crate) pulse: Pulse,
    pub(crate) hosts: Hosts,
}

impl Service {
    /// Settings of a service within this program.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Puts the service together. Listens first, so that when the address is taken the
    /// database is not touched.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(run: Run) -> Result<Self, StartError> {
        let (listener, address) = listen(run.bind).await?.unzip();
        let (metrics_listener, metrics_address) = listen(run.metrics_listen).await?.unzip();
        // Before the parts, which say what their metrics mean.
        let recorder = telemetry::record().map_err(|why| StartError::Metrics(why.to_string()))?;
        let resolver = identity::Resolver::new(identity::Settings {
            plc_url: run.plc_url.clone(),
            allow_private_hosts: run.allow_private_hosts,
        })?;
        let store = open(run.database.clone(), Limits { min_free: run.min_free_space }).await?;

        let mut crew = Crew::default();
        let board = Board::default();
        crew.add("store", until_ended(store.clone(), crew.stop()));
        crew.add("metrics", telemetry::fold(recorder.clone(), crew.stop()));
        if let Some(retain) = run.retain_superseded {
            let keeping = retention::keep(store.clone(), retain, intake::wall_clock, crew.stop());
            crew.add("retention", keeping);
        }
        crew.add("states", states::keep(store.clone(), intake::wall_clock, crew.stop()));
        let sink = run.appview.clone().map(|target| {
            appview::start(store.clone(), target, appview::Limits::default(), crew.stop())
        });
        let (sink, keeping) = sink.unzip();
        if let Some(keeping) = keeping {
            crew.add("appview", keeping);
        }
        let (deliver, delivering) =
            deliver::Deliver::start(store.clone(), delivery(&run, sink.clone()), crew.stop());
        crew.add("deliver", delivering);
        let stream = stream::Stream::new(store.clone(), stream::Limits::USUAL, crew.stop());
        let letting_go = stream.clone().ended();
        crew.add("stream", async move {
            letting_go.await;
            Ok::<(), std::convert::Infallible>(())
        });
        let (pulse, beating) = Pulse::start(
            pulse::Parts {
                store: store.clone(),
                board: board.clone(),
                deliver: deliver.clone(),
                parallelism: run.labeler_parallelism,
                most_labels: run.max_labels_per_labeler,
                version: env!("CARGO_PKG_VERSION"),
                started_at: intake::wall_clock(),
                now: intake::wall_clock,
            },
            crew.stop(),
        );
        crew.add("pulse", beating);
        let (readers, shown) = (deliver.clone(), pulse.clone());
        let process = metrics_process::Collector::new("labeltap_");
        process.describe();
        let render: api::Render = Arc::new(move || {
            process.collect();
            if let Some(sink) = &sink {
                sink.gauge();
            }
            let consumers = pulse::consumers(&readers.consumers(), intake::wall_clock());
            let chosen = shown.latest().map(|latest| pulse::exposed(&latest));
            recorder.render() + &consumers + &chosen.unwrap_or_default()
        });
        let apart = metrics_listener.is_some();
        let parts = Parts {
            store: store.clone(),
            deliver: deliver.clone(),
            pulse: pulse.clone(),
            hosts: hosts(&run),
        };
        let router = api::router(api::Parts {
            store: store.clone(),
            board: board.clone(),
            resolver: resolver.clone(),
            deliver,
            stream,
            pulse,
            hosts: hosts(&run),
            password: run.admin_password.as_ref().map(|secret| secret.reveal().to_owned()),
            public_xrpc: run.public_xrpc,
            browser_hosts: run.browser_hosts.clone(),
            metrics: (!apart).then(|| Arc::clone(&render)),
            relay: discovery(&run).relay_name(),
            now: intake::wall_clock,
        });
        if let Some(listener) = listener {
            crew.add("api", serve(listener, router, crew.stop()));
        }
        if let Some(listener) = metrics_listener {
            crew.add("metrics server", serve(listener, api::metrics_router(render), crew.stop()));
        }
        crew.add("intake", intake::run(store.clone(), resolver, board, reading(&run), crew.stop()));
        Ok(Self { crew, parts, address, metrics_address })
    }

    /// Where the API listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where the metrics are, if apart.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// What a program asks.
    pub(crate) fn parts(&self) -> Parts {
        self.parts.clone()
    }

    /// Shows how it goes, in lines that update in place; in the log, where there is no terminal.
    pub fn show(&mut self, painter: Painter) {
        let stop = self.crew.stop();
        self.crew.add("progress", progress::show(self.parts.pulse.clone(), painter, stop));
    }

    /// Runs until the signal, then stops: nothing more is read, the transaction in hand is
    /// finished, acks are saved.
    ///
    /// # Errors
    /// [`Ended`], when a part was lost or did not stop in time.
    pub async fn run(self, signal: impl Future<Output = ()>) -> Result<(), Ended> {
        let ended = self.crew.run(signal, GRACE).await;
        let closed = tokio::time::timeout(CLOSING, self.parts.store.close()).await;
        ended.and(closed.map_err(|_| Ended::Late))
    }
}

/// Listens there, if anywhere, and says where that is.
async fn listen(bind: Option<Bind>) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    let Some(bind) = bind else { return Ok(None) };
    let mut failed = None;
    for address in bind.tries() {
        let listening = TcpListener::bind(address).await;
        match listening.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => return Ok(Some((listener, address))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                failed = Some(error);
                break;
            }
            Err(error) => failed = Some(error),
        }
    }
    let reason = failed.unwrap_or_else(|| io::ErrorKind::InvalidInput.into());
    Err(StartError::Bind { address: bind.to_string(), reason })
}

/// Opens the database beside the runtime: a new version may have much to bring up to date.
async fn open(database: PathBuf, limits: Limits) -> Result<Store, StartError> {
    let opened = tokio::task::spawn_blocking(move || Store::open_with(&database, limits)).await;
    match opened {
        Ok(store) => Ok(store?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn hosts(run: &Run) -> Hosts {
    if run.allow_private_hosts { Hosts::Private } else { Hosts::Public }
}

fn delivery(run: &Run, sink: Option<appview::Progress>) -> deliver::Settings {
    let revealed = |secret: &Option<Secret>| secret.as_ref().map(|text| text.reveal().to_owned());
    deliver::Settings {
        window: run.window,
        retry_timeout: run.retry_timeout,
        disable_acks: run.disable_acks,
        max_deliveries: run.max_deliveries,
        webhook: run.webhook_url.as_ref().map(|url| url.reveal().clone()),
        admin_password: revealed(&run.admin_password),
        webhook_secret: revealed(&run.webhook_secret),
        hosts: hosts(run),
        reserved: vec![deliver::Reserved {
            name: appview::CONSUMER,
            read_by: sink.map(|sink| Arc::new(move || elsewhere(&sink)) as _),
        }],
        now: intake::wall_clock,
    }
}

fn elsewhere(sink: &appview::Progress) -> deliver::Elsewhere {
    deliver::Elsewhere { position: sink.position(), lag: sink.lag(), trouble: sink.trouble() }
}

fn reading(run: &Run) -> intake::Settings {
    let (mut dids, mut handles) = (Vec::new(), Vec::new());
    for named in &run.labelers {
        match named {
            Named::Did(did) => dids.push(did.clone()),
            Named::Handle(handle) => handles.push(handle.clone()),
        }
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    intake::Settings {
        parallelism: run.labeler_parallelism,
        processors,
        memory: intake::Settings::MEMORY,
        key_tables: usize::try_from(run.key_tables).unwrap_or(usize::MAX),
        most_labels: run.max_labels_per_labeler,
        rest: Rest::CONTRACT,
        dids,
        handles,
        discovery: discovery(run),
    }
}

fn discovery(run: &Run) -> intake::Discovery {
    intake::Discovery {
        relay: run.relay_url.clone(),
        directory: run.plc_url.clone(),
        discover: run.discover_labelers,
        firehose: run.firehose,
        replay: !run.no_replay,
        save_every: run.cursor_save_interval,
        times: intake::Times::CONTRACT,
    }
}

/// The store's own word on its end, which before the stop is always bad news.
async fn until_ended(store: Store, stop: CancellationToken) -> Result<(), store::StoreError> {
    stop.run_until_cancelled(store.ended()).await.unwrap_or(Ok(()))
}

/// Serves until told to stop, then gives answers a moment to be finished. Small writes go
/// out at once: an event must not wait for the next one.
async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let stopped = stop.clone().cancelled_owned();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopped);
    let farewell = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = serving => served,
        // Whoever has not sent their request by now, or takes long to read the answer, is
        // no reason to go on.
        () = farewell => Ok(()),
    }
}
