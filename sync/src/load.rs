//! Opens a document from the store: its record, its snapshot, then its log. Fail closed: a load that
//! fails is an error, never an empty document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use studyhall_schema::document::{DocumentId, DocumentRecord};
use studyhall_store::{Store, StoreError, log::Entry};

use crate::{
    document::{Applied, Engine},
    heavy::{LARGE, Turns},
};

/// Poisoned entries that one load moves away before it gives up.
const POISONED: usize = 16;
/// Read at once from the log.
const READ_BYTES: usize = 4 << 20;
/// An update, or an entry, takes no more bytes than this in a store beside its content.
const MOST_BESIDE: usize = 256;

/// Why a document could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadFailure {
    /// There is none of this name, or it is in the trash.
    #[error("there is no such document")]
    NotFound,
    /// The store does not answer.
    #[error("the store is unavailable")]
    Unavailable,
    /// What is stored is not a document.
    #[error("the document cannot be read: {0}")]
    Unreadable(String),
}

impl From<StoreError> for LoadFailure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(what) => Self::Unreadable(what),
            _ => Self::Unavailable,
        }
    }
}

/// A document's record, when it exists and is not in the trash.
pub(crate) async fn record(store: &Store, id: DocumentId) -> Result<DocumentRecord, LoadFailure> {
    let record = store.records::<DocumentRecord>().get(&id).await?;
    record
        .map(|found| found.value)
        .filter(|record| record.deleted_at.is_none())
        .ok_or(LoadFailure::NotFound)
}

/// What a node has missed of a document's log.
pub(crate) enum Missed<E: Engine> {
    /// These entries, to the end; none when it has all.
    Entries(Vec<Entry>),
    /// So much, or so long ago, that the document was loaded again.
    State(Box<E::State>),
}

/// Everything after `seq`, or everything: a compaction may have taken it out of the log.
pub(crate) async fn missed<E: Engine>(
    store: &Store,
    turns: &Turns,
    id: DocumentId,
    seq: Option<u64>,
) -> Result<Missed<E>, LoadFailure> {
    let Some(seq) = seq else {
        return Ok(Missed::State(Box::new(state::<E>(store, turns, id).await?)));
    };
    let entries = store.log().read(id, seq + 1, READ_BYTES).await?;
    let has_gap = entries.first().is_some_and(|entry| entry.seq > seq + 1);
    let is_all = if entries.is_empty() {
        record(store, id).await?.snapshot_seq <= seq
    } else {
        !has_gap && !may_be_cut(&entries)
    };
    if is_all {
        Ok(Missed::Entries(entries))
    } else {
        Ok(Missed::State(Box::new(state::<E>(store, turns, id).await?)))
    }
}

/// A document's state as its log has it. Entries that the library panics on go to quarantine.
pub(crate) async fn state<E: Engine>(
    store: &Store,
    turns: &Turns,
    id: DocumentId,
) -> Result<E::State, LoadFailure> {
    for _ in 0..POISONED {
        match attempt::<E>(store, turns, id).await? {
            Ok(state) => return Ok(state),
            Err(Poisoned(seq)) => quarantine(store, id, seq).await?,
        }
    }
    Err(LoadFailure::Unreadable("many entries are poisoned".into()))
}

/// The CRDT library panicked on the entry that begins here, or refused it half-way.
struct Poisoned(u64);

async fn attempt<E: Engine>(
    store: &Store,
    turns: &Turns,
    id: DocumentId,
) -> Result<Result<E::State, Poisoned>, LoadFailure> {
    let mut state = match store.log().latest_snapshot(id).await? {
        None => E::State::default(),
        Some(snapshot) => turns
            .run(snapshot.state.len() > LARGE, || {
                catch_unwind(AssertUnwindSafe(|| E::State::from_snapshot(&snapshot)))
            })
            .await
            .map_err(|_| LoadFailure::Unreadable("the snapshot is poisoned".into()))?
            .map_err(|error| LoadFailure::Unreadable(error.to_string()))?,
    };
    loop {
        let entries = store.log().read(id, state.seq() + 1, READ_BYTES).await?;
        if entries.is_empty() {
            let settled = turns.run(state.bytes() > LARGE, || state.settle()).await;
            return match settled {
                Ok(()) => Ok(Ok(state)),
                Err(error) if error.is_poison => Ok(Err(Poisoned(error.seq))),
                Err(error) => Err(LoadFailure::Unreadable(error.to_string())),
            };
        }
        let is_large = bytes(&entries) > LARGE || state.bytes() > LARGE;
        if let Err(poisoned) = turns.run(is_large, || apply(&mut state, &entries)).await? {
            return Ok(Err(poisoned));
        }
    }
}

/// Moves an entry that the CRDT library panics on, or refuses, out of the way, so that the document opens.
pub(crate) async fn quarantine(store: &Store, id: DocumentId, seq: u64) -> Result<(), StoreError> {
    tracing::error!(document = %id, seq, "an entry of the log is poisoned and moved to quarantine");
    metrics::counter!("studyhall_sync_quarantined_total").increment(1);
    store.log().quarantine(id, seq, "the CRDT library panicked, or refused it").await
}

/// Whether a read may have ended at its limit and not at the end of the log. What comes while it is read does not
/// count: whoever writes without a pause would have everybody else read all of the document each time.
fn may_be_cut(entries: &[Entry]) -> bool {
    let updates: usize = entries.iter().map(|entry| entry.updates.len()).sum();
    bytes(entries) + (updates + entries.len()) * MOST_BESIDE >= READ_BYTES
}

/// Bytes of content.
pub(crate) fn bytes(entries: &[Entry]) -> usize {
    entries.iter().flat_map(|entry| &entry.updates).map(|update| update.data.len()).sum()
}

fn apply(state: &mut impl Applied, entries: &[Entry]) -> Result<Result<(), Poisoned>, LoadFailure> {
    for entry in entries {
        match catch_unwind(AssertUnwindSafe(|| state.apply_entry(entry))) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.is_poison => return Ok(Err(Poisoned(entry.seq))),
            Ok(Err(error)) => return Err(LoadFailure::Unreadable(error.to_string())),
            Err(_) => return Ok(Err(Poisoned(entry.seq))),
        }
    }
    Ok(Ok(()))
}
