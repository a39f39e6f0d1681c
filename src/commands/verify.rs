//! `studyhall verify`: compares the rows that lists show with the documents that they come from.

use std::{io::Write, sync::Arc};

use anyhow::{Context, ensure};
use studyhall_schema::clock::SystemClock;
use studyhall_store::{Store, StoreConfig};
use studyhall_sync::Verified;

use crate::config::Verify;

/// Verifies, and with `--rebuild` makes the rows again. Fails when something is wrong in the end.
pub fn run(settings: &Verify) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(verify(settings))?;
    let mut out = std::io::stdout();
    for row in &found.wrong {
        let what = if settings.rebuild { "made again" } else { "differs" };
        writeln!(out, "{what}: {row}")?;
    }
    for document in &found.unreadable {
        writeln!(out, "cannot be read: {document}")?;
    }
    writeln!(out, "{} documents, {} rows differed", found.documents, found.wrong.len())?;
    ensure!(found.unreadable.is_empty(), "some documents cannot be read");
    ensure!(
        settings.rebuild || found.wrong.is_empty(),
        "some rows differ from their documents: `studyhall verify --rebuild` makes them again"
    );
    Ok(())
}

async fn verify(settings: &Verify) -> anyhow::Result<Verified> {
    let urls = StoreConfig {
        records: settings.store_url(),
        files: format!("dir:{}", settings.data.join("files").display()),
        bus: "local".into(),
    };
    let is_there = Store::is_there(&urls.records).await.context("the store cannot be opened")?;
    ensure!(
        is_there,
        "there is no store to verify: nothing was ever kept where --store or --data says"
    );
    let store =
        Store::open(&urls, Arc::new(SystemClock)).await.context("the store cannot be opened")?;
    let found = studyhall_sync::verify(&store, settings.rebuild).await;
    store.close().await;
    found.context("the store does not answer")
}
