//! What only the operator reaches: health and readiness.
//!
//! A node is ready when it can save. Without Redis or files it serves on, which `?verbose` says.

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde::Deserialize;
use studyhall_store::HEALTHY_WITHIN;
use tokio::time::timeout;

use crate::hall::Hall;

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
