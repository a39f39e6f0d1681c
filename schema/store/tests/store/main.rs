//! The conformance story on `SQLite`, and what is this backend's own: two processes over one file,
//! crashes, a full disk, damaged bytes.

mod crash;
mod damage;
mod disk_full;
mod files;
mod hall;
mod pages;
mod races;
mod redis;
mod s3;

use std::sync::Arc;

use studyhall_schema::clock::TestClock;
use studyhall_store::{Store, conformance};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_does_what_every_store_must() {
    let folder = TempDir::new().unwrap();
    let config = hall::config(folder.path());
    let store = Store::open(&config, Arc::new(TestClock::new(1))).await.unwrap();
    conformance(&store).await;
    store.close().await;
    let error = store.healthy().await.expect_err("a closed store is not healthy");
    assert_eq!(error.to_string(), "the store is unavailable: the store is closed");
}

#[tokio::test]
async fn urls_that_name_no_backend_are_refused() {
    let folder = TempDir::new().unwrap();
    let good = hall::config(folder.path());
    for bad in ["", "sqlite", "postgres://x", "file"] {
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
        }
    }
}
