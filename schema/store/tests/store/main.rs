//! The conformance story and what else every backend must do, on `SQLite` and on a MongoDB-wire
//! server, and what is a backend's own: crashes, a full disk and damaged bytes under `SQLite`, a
//! database that dies or hangs for `MongoDB`.

mod crash;
mod damage;
mod disk_full;
mod files;
mod hall;
mod line;
mod outage;
mod pages;
mod races;
mod redis;
mod s3;
mod s3_outage;
mod shell;

use std::sync::Arc;

use studyhall_schema::clock::TestClock;
use studyhall_store::{Store, conformance};
use tempfile::TempDir;

use crate::hall::{Home, on_each_backend};

on_each_backend!(does_what_every_store_must);

async fn does_what_every_store_must(home: Home) {
    let store = home.open_with(TestClock::new(1)).await;
    conformance(&store).await;
    store.close().await;
    let error = store.healthy().await.expect_err("a closed store is not healthy");
    assert_eq!(error.to_string(), "the store is unavailable: the store is closed");
}

#[tokio::test]
async fn urls_that_name_no_backend_are_refused() {
    let folder = TempDir::new().unwrap();
    let good = hall::config(folder.path());
    for bad in ["", "sqlite", "postgres://ada:secret@x", "file"] {
        let configs = [
            studyhall_store::StoreConfig { records: bad.into(), ..good.clone() },
            studyhall_store::StoreConfig { files: bad.into(), ..good.clone() },
            studyhall_store::StoreConfig { bus: bad.into(), ..good.clone() },
        ];
        for config in configs {
            let refused = Store::open(&config, Arc::new(TestClock::new(1))).await.err();
            let Some(studyhall_store::StoreError::Invalid(_)) = refused else {
                panic!("{config:?}: {refused:?}")
            };
            let shown = format!("{config:?} {refused:?}");
            assert!(!shown.contains("secret"), "a password is told nobody: {shown}");
        }
    }
}
