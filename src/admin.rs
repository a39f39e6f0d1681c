//! What only the operator reaches: health, readiness, metrics.
//!
//! A node is ready when it can save. Without Redis or files it serves on, which `?verbose` says.

use std::time::Duration;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::{get, post},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use studyhall_store::HEALTHY_WITHIN;
use tokio::time::timeout;

use crate::hall::Hall;

/// Durations of requests and waits, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How often measurements are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Where this process counts.
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Counts from now on; once a process.
    pub fn install() -> anyhow::Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS)?;
        Ok(Self(builder.install_recorder()?))
    }

    /// Puts into buckets what was measured, for as long as the server runs: each measurement is kept
    /// whole until then, and nobody may ever ask for `/metrics`.
    pub fn keep_up(&self) -> impl Future<Output = ()> + use<> {
        let handle = self.0.clone();
        async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        }
    }

    /// `/metrics`, in the text format of Prometheus.
    pub fn router(self) -> Router {
        let show = move || async move {
            self.0.run_upkeep();
            ([(CONTENT_TYPE, "text/plain; version=0.0.4")], self.0.render())
        };
        Router::new().route("/metrics", get(show))
    }
}

/// Health and, with `--debug-doors`, what tests need.
pub(crate) fn router(hall: &Hall, debug_doors: bool) -> Router {
    let mut router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        // Nobody listens here before the store is open and migrated.
        .route("/startupz", get(|| async { "started\n" }));
    if debug_doors {
        router = router
            .route("/debug/journal/hold", post(hold))
            .route("/debug/journal/release", post(release))
            .route("/debug/clock/{seconds}", post(move_clock));
    }
    router.with_state(hall.clone())
}

#[derive(Deserialize)]
struct Wanted {
    verbose: Option<String>,
}

async fn ready(State(hall): State<Hall>, Query(wanted): Query<Wanted>) -> impl IntoResponse {
    let is_draining = hall.is_draining();
    let others = async {
        if wanted.verbose.is_none() {
            return (true, true);
        }
        let files = timeout(HEALTHY_WITHIN, hall.store().files().healthy());
        let (files, cache) = tokio::join!(files, hall.store().cache().healthy());
        (files.is_ok_and(|files| files.is_ok()), cache.is_ok())
    };
    let (store, (files, cache)) = tokio::join!(hall.store().healthy(), others);
    let status = match &store {
        Ok(()) if !is_draining => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    if wanted.verbose.is_none() {
        let word = match (status, is_draining) {
            (StatusCode::OK, _) => "ready\n",
            (_, true) => "draining\n",
            _ => "the store is unavailable\n",
        };
        return (status, word.to_owned());
    }
    let draining = if is_draining { "[-] draining\n" } else { "[+] accepting\n" };
    let bus = hall.store().bus().healthy();
    let lines = [
        line("store", store.is_ok()),
        line("bus", bus.is_ok()),
        line("cache", cache),
        line("files", files),
    ];
    (status, format!("{}{draining}", lines.concat()))
}

fn line(what: &str, is_well: bool) -> String {
    match (is_well, what) {
        (true, _) => format!("[+] {what} ok\n"),
        (false, "store") => "[-] store unavailable: nothing can be saved\n".into(),
        (false, "cache") => "[~] cache away or full: sign-ins may be refused\n".into(),
        (false, _) => format!("[~] {what} away: serving on without it\n"),
    }
}

async fn hold(State(hall): State<Hall>) {
    hall.gate().hold();
}

async fn release(State(hall): State<Hall>) {
    hall.gate().release();
}

async fn move_clock(State(hall): State<Hall>, Path(seconds): Path<u32>) {
    hall.clock().move_on(seconds);
}
