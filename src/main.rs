//! labeltap, the program: command line in, exit code out.
//!
//! 0: stopped as asked, or all is well. 1: could not start, had to stop, or not all is well.
//! 2: the command line is wrong.

use labeltap::config::{Check, Command, Export, Run, Stats, Status, Tail};
use labeltap::status::Painter;
use labeltap::{Service, config};
use std::future::Future;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match config::from_process() {
        Ok(Command::Show(text)) => show(&text),
        Ok(Command::Run(run)) => start(serve(*run)),
        Ok(Command::Tail(tail)) => start(print_events(tail)),
        Ok(Command::Status(status)) => start(show_status(status)),
        Ok(Command::Check(check)) => start(examine(check)),
        Ok(Command::Export(export)) => start(write_labels(*export)),
        Ok(Command::Stats(stats)) => start(print_tables(stats)),
        Ok(Command::Man(dir)) => match labeltap::man::man(&dir) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &error.to_string()),
        },
        Err(usage) => fail(2, &usage.to_string()),
    }
}

/// Prints a text. That its reader has enough of it (`| head`) is no failure.
fn show(text: &str) -> ExitCode {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => fail(1, &error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

/// Runs one command to its end.
fn start(command: impl Future<Output = Result<ExitCode, String>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    let ended = runtime.block_on(command);
    // What still blocks (a name look-up, say) is not waited for.
    runtime.shutdown_background();
    ended.unwrap_or_else(|why| fail(1, &why))
}

fn fail(code: u8, why: &str) -> ExitCode {
    eprintln!("labeltap: {why}");
    ExitCode::from(code)
}

async fn serve(run: Run) -> Result<ExitCode, String> {
    let stop = stop_signal()?;
    let painter = run.shows_progress().then(Painter::new);
    let traces = labeltap::log(&run, painter.as_ref()).map_err(|error| error.to_string())?;
    let mut service = Service::bind(run).await.map_err(|error| error.to_string())?;
    if let Some(painter) = painter {
        service.show(painter);
    }
    if let Some(address) = service.address() {
        tracing::info!(%address, "listening");
    }
    let ended = service.run(stop).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    ended.map_err(|ended| ended.to_string())?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn print_events(tail: Tail) -> Result<ExitCode, String> {
    let stop = stop_signal()?;
    tokio::select! {
        () = stop => {}
        ended = labeltap::tail::tail(tail) => ended.map_err(|error| error.to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn show_status(status: Status) -> Result<ExitCode, String> {
    let stop = stop_signal()?;
    tokio::select! {
        () = stop => Ok(ExitCode::SUCCESS),
        shown = labeltap::status::status(status) => match shown {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::from(1)),
            Err(error) => Err(error.to_string()),
        },
    }
}

async fn examine(check: Check) -> Result<ExitCode, String> {
    let well = labeltap::check::check(check).await.map_err(|error| error.to_string())?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn write_labels(export: Export) -> Result<ExitCode, String> {
    let stop = stop_signal()?;
    let ended = tokio::select! {
        () = stop => return Err("stopped before everything was written".to_owned()),
        ended = labeltap::export::export(export) => ended,
    };
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is_usage() => Ok(fail(2, &error.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

async fn print_tables(stats: Stats) -> Result<ExitCode, String> {
    labeltap::stats::stats(stats).await.map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves on SIGTERM or SIGINT. Installed before anything else, so that a signal that
/// comes while we start is not lost.
fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("no signal handler: {error}"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
