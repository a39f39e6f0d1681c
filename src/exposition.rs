//! What this process has counted, in the text format of Prometheus.

use std::time::Duration;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

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
        let handle = builder.install_recorder()?;
        describe();
        Ok(Self(handle))
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

/// What each of them says, for who reads `/metrics`.
const COUNTERS: [(&str, &str); 15] = [
    ("studyhall_bus_dropped_total", "News for other nodes that was not sent, by why"),
    ("studyhall_redis_failures_total", "Failures of Redis, by what it was asked for"),
    ("studyhall_store_commits_total", "Commits of documents' edits and of rows"),
    ("studyhall_store_corrupt_total", "Reads that met damage in the store"),
    ("studyhall_store_pool_cleared_total", "Times that all connections to MongoDB were dropped"),
    ("studyhall_store_pool_wait_failures_total", "Times that no connection to MongoDB was had"),
    (
        "studyhall_store_unfinished_tails_total",
        "Starts that found an unfinished transaction of which nobody was told",
    ),
    ("studyhall_store_writes_total", "Writes in those commits"),
    (
        "studyhall_sync_changes_left_out_total",
        "Changes of Automerge clients that are beyond the limits",
    ),
    ("studyhall_sync_compactions_total", "Logs of documents that were made short"),
    ("studyhall_sync_flushes_total", "Times that the journal wrote what waited"),
    ("studyhall_sync_foreign_client_ids_total", "Edits under a client id that is somebody else's"),
    ("studyhall_sync_malformed_total", "Messages that no client sends; their sockets were closed"),
    ("studyhall_sync_panics_total", "Panics of a CRDT library; their documents were loaded again"),
    ("studyhall_sync_quarantined_total", "Entries put aside since a CRDT library fails at them"),
];
const GAUGES: [(&str, &str); 5] = [
    ("studyhall_documents_open", "Documents in memory"),
    ("studyhall_store_pool_connections", "Connections to MongoDB"),
    ("studyhall_store_pool_connections_in_use", "Connections to MongoDB that are being used"),
    ("studyhall_sync_unsaved_bytes", "What was accepted and is not durable yet, in bytes"),
    ("studyhall_ws_connections", "WebSockets"),
];
const HISTOGRAMS: [(&str, &str); 3] = [
    ("studyhall_http_request_duration_seconds", "How long requests took, by method and status"),
    ("studyhall_store_pool_wait_seconds", "How long a connection to MongoDB was waited for"),
    ("studyhall_sync_save_seconds", "From the first try to durable, for each append"),
];

fn describe() {
    for (name, says) in COUNTERS {
        metrics::describe_counter!(name, says);
    }
    for (name, says) in GAUGES {
        metrics::describe_gauge!(name, says);
    }
    for (name, says) in HISTOGRAMS {
        metrics::describe_histogram!(name, says);
    }
}
