//! The conformance story on `SQLite`.

use std::sync::Arc;

use studyhall_schema::clock::TestClock;
use studyhall_store::{Store, StoreConfig, conformance};
use tempfile::TempDir;

fn config(folder: &TempDir) -> StoreConfig {
    let folder = folder.path().display();
    StoreConfig {
        records: format!("sqlite:{folder}/studyhall.db"),
        files: format!("dir:{folder}/files"),
        bus: "local".into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_does_what_every_store_must() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&config(&folder), Arc::new(TestClock::new(1))).await.unwrap();
    conformance(&store).await;
    store.close().await;
}
