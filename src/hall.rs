//! One hall: a store with the services over it, and the routers that show them.

use std::{
    fs::{File, TryLockError},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    extract::Request,
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use studyhall_api::Accounts;
use studyhall_schema::clock::Clock;
use studyhall_store::Store;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    admin,
    config::{Serve, Switch},
    doors::Doors,
    moved_clock::MovedClock,
    web,
};

/// How often an open document looks for what other nodes wrote, whatever the bus says.
const POLL: Duration = Duration::from_secs(5);

/// How often it is looked for what has been kept for long enough.
const SWEEP: Duration = Duration::from_hours(1);

/// Everything that one process serves.
#[derive(Clone)]
pub struct Hall {
    store: Store,
    api: studyhall_api::Service,
    sync: studyhall_sync::Service,
    config: studyhall_api::Config,
    debug_doors: bool,
    clock: Arc<MovedClock>,
    draining: Arc<AtomicBool>,
    /// Held for as long as this serves.
    alone: Option<Arc<File>>,
}

impl Hall {
    /// Opens the store and starts the services over it.
    pub async fn open(settings: &Serve, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let clock = MovedClock::new(clock);
        std::fs::create_dir_all(&settings.data)
            .with_context(|| format!("{} cannot be made", settings.data.display()))?;
        if settings.is_deaf() {
            tracing::warn!(
                "--bus is local: if other nodes serve this database, what they write is heard of up to {} s later, \
                 and counts of attempts and tickets are each node's own: give all of them one --bus redis://…",
                POLL.as_secs()
            );
        }
        let records = settings.store_config().records;
        let alone = if settings.has_other_nodes() { None } else { Some(alone(&records)?) };
        let mut fresh = [0; 32];
        clock.fill(&mut fresh);
        let config = api_config(settings, settings.secret(fresh)?)?;
        let store = Store::open(&settings.store_config(), clock.clone())
            .await
            .context("the store cannot be opened")?;
        let accounts = Accounts::new(config.clone(), store.clone())?;
        let door = Arc::new(Doors(config.clone()));
        let mut sync = studyhall_sync::Config::new(door);
        if settings.rate_limit == Switch::Off {
            sync.sockets = usize::MAX;
        }
        if settings.has_other_nodes() {
            sync.poll = Some(POLL);
            accounts.join_nodes();
        }
        let sync = studyhall_sync::Service::new(sync, store.clone(), accounts.access());
        let documents = sync.documents();
        let api = studyhall_api::Service::new(config.clone(), store.clone(), accounts, documents);
        let (debug_doors, draining) = (settings.debug_doors, Arc::default());
        Ok(Self { store, api, sync, config, debug_doors, clock, draining, alone })
    }

    /// Removes now and then what has been kept for long enough, for as long as the server runs.
    pub async fn keep_house(&self) {
        let mut hours = tokio::time::interval(SWEEP);
        loop {
            hours.tick().await;
            match self.api.sweep().await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(
                    swept,
                    "removed for good: what was long in the trash, and old rows"
                ),
                Err(reason) => tracing::warn!(
                    reason,
                    "not all that is old was removed; it is tried again in an hour"
                ),
            }
        }
    }

    /// What people and apps reach.
    pub fn router(&self) -> Router {
        let api = self.api.router();
        // No route with a capture here: it would count among the parameters of the API's own routes.
        let answer = move |request: Request| async move {
            let path = request.uri().path();
            if path.starts_with("/api/") || path.starts_with("/.well-known/") {
                api.oneshot(request).await.into_response()
            } else {
                web::asset(request.method(), request.uri())
            }
        };
        let router = self.sync.router().fallback(answer);
        studyhall_api::harden(&self.config, router).layer(middleware::from_fn(timed))
    }

    /// What only the operator reaches, but for metrics, which are the process's.
    pub fn admin(&self) -> Router {
        admin::router(self, self.debug_doors)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn gate(&self) -> studyhall_sync::Gate {
        self.sync.gate()
    }

    pub(crate) fn clock(&self) -> &MovedClock {
        &self.clock
    }

    /// From now on it says that it is not ready.
    pub fn turn_away(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Saves what is accepted and closes the sockets.
    pub async fn drain(&self, patience: Duration) {
        self.turn_away();
        self.sync.drain(patience).await;
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
        if let Some(alone) = &self.alone {
            let _ = alone.unlock(); // the end of the process does the same
        }
    }
}

/// A method as metrics show it. Any token is a method (RFC 9110, 9.1), and each label is kept for ever:
/// strangers must not be able to make them.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// How long requests take, by method and status: no path, since paths hold ids.
async fn timed(request: Request, next: Next) -> Response {
    let (start, method) = (Instant::now(), request.method().clone());
    let response = next.run(request).await;
    metrics::histogram!(
        "studyhall_http_request_duration_seconds",
        "method" => label(&method),
        "status" => response.status().as_u16().to_string()
    )
    .record(start.elapsed());
    response
}

fn api_config(settings: &Serve, secret: Vec<u8>) -> anyhow::Result<studyhall_api::Config> {
    let secret = studyhall_api::Secret::new(secret)?;
    let mut config = studyhall_api::Config::new(settings.public_url()?, secret);
    config.cors_origins.clone_from(&settings.cors_origins);
    config.access_ttl = settings.access_ttl;
    config.rate_limit = settings.rate_limit == Switch::On;
    for proxy in &settings.trusted_proxies {
        let network = proxy.parse().or_else(|_| proxy.parse::<std::net::IpAddr>().map(Into::into));
        let network = network
            .with_context(|| format!("--trusted-proxies: {proxy} is no address or network"))?;
        config.trusted_proxies.push(network);
    }
    Ok(config)
}

/// Keeps a second process from serving the same records: without a bus between them, neither would hear of
/// what the other writes. The system lets go of the lock with the process, however that ends.
fn alone(records: &str) -> anyhow::Result<Arc<File>> {
    let records = records.trim_start_matches("sqlite:");
    let path = format!("{records}.lock");
    let file = File::create(&path).with_context(|| format!("{path} cannot be made"))?;
    match file.try_lock() {
        Ok(()) => Ok(Arc::new(file)),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another process serves {records}: end it, or give this one another --data folder"
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{path} cannot be locked"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_make_no_labels() {
        let known =
            ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        for name in known {
            assert_eq!(label(&name.parse().unwrap()), name);
        }
        for name in ["get", "PROPFIND", "M170000000000"] {
            assert_eq!(label(&name.parse().unwrap()), "other");
        }
    }
}
