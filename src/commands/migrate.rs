//! `studyhall migrate`: brings the store to this version's layout, and says what it did.

use std::{io::Write, sync::Arc};

use anyhow::Context;
use studyhall_schema::clock::SystemClock;
use studyhall_store::Store;

use crate::config::Migrate;

/// Migrates. Other nodes may run meanwhile.
pub fn run(settings: &Migrate) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let migrating = async {
        let was_there = Store::is_there(&settings.store).await?;
        Store::migrate(&settings.store, Arc::new(SystemClock)).await.map(|steps| (was_there, steps))
    };
    let (was_there, steps) = runtime.block_on(migrating).context("the store cannot be migrated")?;
    let mut out = std::io::stdout();
    if !was_there {
        writeln!(
            out,
            "made: there was no store here yet; if there should have been, look at its name"
        )?;
    }
    for step in &steps {
        writeln!(out, "done: {step}")?;
    }
    if was_there && steps.is_empty() {
        writeln!(out, "nothing to do: the store has this version's layout")?;
    }
    Ok(())
}
