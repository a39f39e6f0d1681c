//! One hall: a store with the services over it, and the routers that show them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use studyhall_api::Accounts;
use studyhall_schema::clock::Clock;
use studyhall_store::Store;
use tower::ServiceExt;

use crate::{
    config::{Serve, Switch},
    doors::Doors,
    web,
};

/// Everything that one process serves.
#[derive(Clone)]
pub struct Hall {
    store: Store,
    api: studyhall_api::Service,
    sync: studyhall_sync::Service,
    config: studyhall_api::Config,
    debug_doors: bool,
    draining: Arc<AtomicBool>,
}

impl Hall {
    /// Opens the store and starts the services over it.
    pub async fn open(settings: &Serve, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.data)
            .with_context(|| format!("{} cannot be made", settings.data.display()))?;
        let mut fresh = [0; 32];
        clock.fill(&mut fresh);
        let config = api_config(settings, settings.secret(fresh)?)?;
        let store = Store::open(&settings.store_config(), clock)
            .await
            .context("the store cannot be opened")?;
        let accounts = Accounts::new(config.clone(), store.clone())?;
        let door = Arc::new(Doors(config.clone()));
        let sync = studyhall_sync::Service::new(
            studyhall_sync::Config::new(door),
            store.clone(),
            accounts.access(),
        );
        let documents = sync.documents();
        let api = studyhall_api::Service::new(config.clone(), store.clone(), accounts, documents);
        let (debug_doors, draining) = (settings.debug_doors, Arc::default());
        Ok(Self { store, api, sync, config, debug_doors, draining })
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
        studyhall_api::harden(&self.config, router)
    }

    /// What only the operator reaches.
    pub fn admin(&self) -> Router {
        let mut router =
            Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready));
        if self.debug_doors {
            router = router
                .route("/debug/journal/hold", post(hold))
                .route("/debug/journal/release", post(release));
        }
        router.with_state(self.clone())
    }

    /// Saves what is accepted and closes the sockets.
    pub async fn drain(&self, patience: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        self.sync.drain(patience).await;
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
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

async fn ready(State(hall): State<Hall>) -> (StatusCode, &'static str) {
    if hall.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    match hall.store.healthy().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable\n"),
    }
}

async fn hold(State(hall): State<Hall>) {
    hall.sync.gate().hold();
}

async fn release(State(hall): State<Hall>) {
    hall.sync.gate().release();
}
