//! Compaction: write the snapshot, read it back and load it, make it the document's, and only then
//! delete what it replaced. A crash in between leaves extra data, never missing data.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use studyhall_schema::{Timestamp, document::DocumentId, note::Note};
use studyhall_store::{Store, log::Snapshot};

use crate::{SyncFault, document::Applied, history};

/// How long what a snapshot replaced stays in the log where there are other nodes: they look for the next
/// entry by its key alone, and would take one that is gone for one that never came.
pub(crate) const REPLACED_STAYS: Duration = Duration::from_secs(30);

/// When the update of this number came, while the log has it.
pub(crate) async fn logged_at(
    store: &Store,
    id: DocumentId,
    seq: u64,
) -> Result<Option<Timestamp>, SyncFault> {
    let entries = store.log().read(id, seq, 1).await?;
    Ok(entries.first().filter(|entry| entry.seq <= seq).map(|entry| entry.at))
}

/// Replaces the log up to the snapshot, which gets the date of its last update: so it stays known when
/// the document last changed. What it replaced stays for so long. Returns the snapshot's `seq`.
pub(crate) async fn run<S: Applied>(
    store: &Store,
    id: DocumentId,
    mut snapshot: Snapshot,
    version: Vec<u8>,
    replaced_stays: Option<Duration>,
) -> Result<u64, SyncFault> {
    let log = store.log();
    snapshot.at = logged_at(store, id, snapshot.seq).await?.unwrap_or(snapshot.at);
    log.put_snapshot(id, &snapshot).await?;
    let kept = log.read_snapshot(id, snapshot.seq).await?.ok_or(SyncFault::Corrupt)?;
    let (seq, bytes) = (snapshot.seq, snapshot.state.len() as u64);
    let same = tokio::task::spawn_blocking(move || kept == snapshot && loads::<S>(&kept, &version));
    if !same.await.unwrap_or(false) {
        return Err(SyncFault::Corrupt);
    }
    if let DocumentId::Note(note) = id {
        // The log knows who wrote what, the snapshot only whose the client ids are.
        let row = store.records::<Note>().get(&note).await?;
        history::keep(store, note, seq, row.as_ref().map(|row| &row.value)).await?;
    }
    log.adopt_snapshot(id, seq, bytes).await?;
    match replaced_stays {
        None => log.prune(id, seq).await?,
        Some(stays) => prune_later(store.clone(), id, seq, stays),
    }
    metrics::counter!("studyhall_sync_compactions_total").increment(1);
    Ok(seq)
}

/// What is not deleted, since the node ends before, is deleted after the next compaction.
fn prune_later(store: Store, id: DocumentId, seq: u64, stays: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(stays).await;
        if let Err(error) = store.log().prune(id, seq).await {
            tracing::debug!(document = %id, %error, "what a snapshot replaced stays for now");
        }
    });
}

/// Whether a snapshot loads, and to this version.
fn loads<S: Applied>(snapshot: &Snapshot, version: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        S::from_snapshot(snapshot).is_ok_and(|mut state| state.version() == version)
    }))
    .unwrap_or(false)
}
