//! A room's state as a row, and the focus phases that ended by what it shows now.

use studyhall_schema::{
    document::DocumentRecord,
    ids::RoomId,
    room_state::{Pomodoro, RoomPhase, RoomState},
    timer::{Timer, TimerConfig},
};
use studyhall_store::{Store, StoreError};

use super::changed_at;
use crate::SyncFault;

/// Others may write the row, so often.
const TRIES: usize = 16;

/// What a row shows of a room's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(super) timer: Option<Timer>,
    pub(super) config: TimerConfig,
}

/// Writes the row for content as of `seq`, unless there is one of a later.
pub(super) async fn write(
    store: &Store,
    record: &DocumentRecord,
    room: RoomId,
    seq: u64,
    content: Content,
) -> Result<(), SyncFault> {
    note_phase(store, record, room, seq, content.timer.as_ref()).await?;
    put(store, row(room, seq, content), false).await
}

fn row(room: RoomId, seq: u64, content: Content) -> RoomState {
    let Content { timer, config } = content;
    RoomState { id: room, timer, timer_config: config, projected_seq: seq }
}

async fn put(store: &Store, fresh: RoomState, whatever_is_there: bool) -> Result<(), SyncFault> {
    let rows = store.records::<RoomState>();
    for _ in 0..TRIES {
        let updated = rows.update(&fresh.id, |row| {
            if whatever_is_there || row.projected_seq < fresh.projected_seq {
                row.clone_from(&fresh);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        if updated.await?.is_some() {
            return Ok(());
        }
        match rows.insert(fresh.clone()).await {
            Err(StoreError::Duplicate { .. }) => {}
            inserted => return Ok(inserted.map(drop)?),
        }
    }
    Err(SyncFault::Unavailable)
}

/// The pomodoro is written before its phase is over: a crash in between writes it once more, the same.
async fn note_phase(
    store: &Store,
    record: &DocumentRecord,
    room: RoomId,
    seq: u64,
    timer: Option<&Timer>,
) -> Result<(), SyncFault> {
    let phases = store.records::<RoomPhase>();
    for _ in 0..TRIES {
        let known = phases.get(&room).await?;
        let mut phase =
            known.as_ref().map_or_else(|| RoomPhase::new(room), |known| known.value.clone());
        if seq == 0 || phase.has_seen(timer) {
            return Ok(());
        }
        let at = changed_at(store, record, seq).await?;
        if let Some(pomodoro) = phase.see(timer, seq, at) {
            match store.records::<Pomodoro>().insert(pomodoro).await {
                Ok(_) | Err(StoreError::Duplicate { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let written = match known {
            Some(known) if known.value == phase => return Ok(()),
            Some(known) => phases.replace(phase, known.rev).await,
            None => phases.insert(phase).await,
        };
        match written {
            Err(StoreError::Duplicate { .. } | StoreError::Conflict) => {}
            written => return Ok(written.map(drop)?),
        }
    }
    Err(SyncFault::Unavailable)
}

/// Whether the row is what it should be, but for `projected_seq`; with `rebuild` it is made so.
pub(super) async fn verify(
    store: &Store,
    room: RoomId,
    seq: u64,
    content: Content,
    rebuild: bool,
) -> Result<bool, SyncFault> {
    let known = store.records::<RoomState>().get(&room).await?;
    let fresh = row(room, seq, content);
    let is_right = known.is_some_and(|known| {
        RoomState { projected_seq: known.projected_seq, ..fresh.clone() } == known.value
    });
    // A state that nobody has looked at has no row.
    let is_right = is_right || seq == 0;
    if rebuild && !is_right {
        put(store, fresh, true).await?;
    }
    Ok(is_right)
}
