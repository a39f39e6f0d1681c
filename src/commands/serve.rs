//! `studyhall serve`: everything in one process, until SIGTERM or Ctrl-C.

use std::{io::IsTerminal, time::Duration};

use studyhall_schema::clock::SystemClock;
use tokio::signal::unix::SignalKind;
use tracing_subscriber::EnvFilter;

use crate::{
    config::Serve,
    exposition::Metrics,
    hall::Hall,
    listener::{answer, listen, raise_descriptors},
};

/// Requests under way have so long to be answered at the end.
const REQUESTS: Duration = Duration::from_secs(5);
/// What is accepted has so long after that to be saved.
const PATIENCE: Duration = Duration::from_secs(15);
/// The store has so long to be closed: nothing is lost when it is not.
const CLOSING: Duration = Duration::from_secs(3);
/// What nobody waits for any more has so long to end.
const LEFT: Duration = Duration::from_secs(1);

/// Serves until it is told to stop.
pub fn run(settings: &Serve) -> anyhow::Result<()> {
    subscribe();
    settings.check()?;
    raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(LEFT);
    served
}

/// Logs as JSON lines, or to be read when a person is watching. `RUST_LOG` chooses what is said.
fn subscribe() {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = without_spans_of_automerge(chosen);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { log.init() } else { log.json().init() }
}

/// The library makes a span for each column of each change that it reads, which costs several times what the
/// reading does. Whoever names it in `RUST_LOG` gets them.
fn without_spans_of_automerge(filter: EnvFilter) -> EnvFilter {
    match "automerge=warn".parse() {
        Ok(quiet) if !filter.to_string().contains("automerge") => filter.add_directive(quiet),
        _ => filter,
    }
}

async fn serve(settings: &Serve) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    let hall = Hall::open(settings, std::sync::Arc::new(SystemClock)).await?;
    let public = listen(settings.listen).await?;
    let admin = listen(settings.admin_listen).await?;
    tracing::info!("open {} in a browser", settings.public_url()?);
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let stopped = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await; // the sender lives to the end
    };
    tokio::spawn(metrics.keep_up());
    let served = tokio::spawn(answer(public, hall.router(), stopped));
    // Up to the end it says that the others are not to be sent here.
    tokio::spawn(answer(admin, hall.admin().merge(metrics.router()), std::future::pending()));
    let house = tokio::spawn({
        let hall = hall.clone();
        async move { hall.keep_house().await }
    });
    told_to_stop().await?;
    house.abort();
    tracing::info!(
        "stopping: requests are answered, what is accepted is saved, sockets are closed"
    );
    hall.turn_away();
    stop.send_replace(true);
    // Their documents are open until they are answered.
    if tokio::time::timeout(REQUESTS, served).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    hall.drain(PATIENCE).await;
    if tokio::time::timeout(CLOSING, hall.close()).await.is_err() {
        tracing::warn!("the store was left open");
    }
    Ok(())
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
