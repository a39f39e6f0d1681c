//! Rows of notes as they are read: brought up to date where they are behind their document, and made to
//! follow their record again where whoever changed it got no further. What is shown of rights and life is
//! the record's.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentRecord},
    ids::NoteId,
    note::Note,
};
use studyhall_store::Versioned;

use super::{
    Documents,
    late::{LATE, LOOKED_AT},
};
use crate::{SyncFault, actor::Mail, history, projection};

/// What the log has after a row.
enum Beyond {
    /// It was looked at within the minute, or cannot be now.
    NotAsked,
    /// Nothing. It may be in a snapshot.
    Nothing,
    /// An entry of this time.
    Since(Timestamp),
}

impl Documents {
    /// A note's row, which shows all that is durable in its document and its record.
    pub async fn note(&self, id: NoteId) -> Result<Option<Versioned<Note>>, SyncFault> {
        let store = &self.node.store;
        let (rows, document) = (store.records::<Note>(), DocumentId::Note(id));
        if let Some(row) = rows.get(&id).await? {
            let next = store.log().read(document, row.projected_seq + 1, 1).await?;
            // Read after the log: what is not in that may be in a snapshot by now.
            let record = store.records::<DocumentRecord>().get(&document).await?;
            let record = record.filter(|record| record.deleted_at.is_none());
            let row = match &record {
                Some(record) if projection::follows(&row, record) => Some(row),
                _ => projection::follow(store, id).await?,
            };
            match (row, record) {
                (None, _) => return Ok(None),
                (Some(row), Some(record))
                    if next.is_empty() && record.snapshot_seq <= row.projected_seq =>
                {
                    return Ok(Some(row));
                }
                _ => {}
            }
        }
        match self.catch_up(document).await {
            Err(SyncFault::NotFound) => Ok(None),
            projected => {
                projected?;
                Ok(rows.get(&id).await?)
            }
        }
    }

    /// The same for who only reads. Where the row cannot be written now, since the disk is full, it is the last one
    /// with what is durable in the document, and has no revision.
    pub async fn shown_note(&self, id: NoteId) -> Result<Option<Versioned<Note>>, SyncFault> {
        match self.note(id).await {
            Err(SyncFault::Unavailable) => self.unwritten(id).await,
            shown => shown,
        }
    }

    async fn unwritten(&self, id: NoteId) -> Result<Option<Versioned<Note>>, SyncFault> {
        let (store, document) = (&self.node.store, DocumentId::Note(id));
        let Some(row) = store.records::<Note>().get(&id).await? else {
            return Err(SyncFault::Unavailable); // its first row is yet to be written
        };
        let record = store.records::<DocumentRecord>().get(&document).await?;
        let Some(row) = record.and_then(|record| row_of(row, &record)) else { return Ok(None) };
        let content = self.answer(document, Mail::Show).await?;
        Ok(Some(Versioned { value: projection::over(row.value, content), rev: 0 }))
    }

    /// Ends a note's newest version where this row is, durably: what it says can be gone back to, whatever comes
    /// next. It is not when somebody has written on meanwhile.
    pub async fn end_version(&self, row: &Note) -> Result<bool, SyncFault> {
        history::end(&self.node.store, row).await
    }

    /// The rows of a list, as their records are now: those in the trash are left out, and who may see the
    /// rest can be told from them. One that is long behind its document, since the node that had it open
    /// was killed, is brought up to date first; for that each is looked at once a minute.
    pub async fn listed(
        &self,
        rows: Vec<Versioned<Note>>,
    ) -> Result<Vec<Versioned<Note>>, SyncFault> {
        let ends: Vec<_> = rows.iter().map(|row| (row.id, row.projected_seq)).collect();
        let beyond = ends.into_iter().map(|(note, seq)| self.beyond(note, seq));
        let beyond: Vec<_> = stream::iter(beyond).buffered(LOOKED_AT).collect().await;
        // Read after the logs: what is in none of them may be in a snapshot by now.
        let ids: Vec<_> = rows.iter().map(|row| DocumentId::Note(row.id)).collect();
        let records = self.node.store.records::<DocumentRecord>().get_many(&ids).await?;
        let rows = rows.into_iter().zip(records).zip(beyond);
        let rows = rows.map(|((row, record), beyond)| self.as_it_is(row, record, beyond));
        let rows: Vec<_> = stream::iter(rows).buffered(LOOKED_AT).collect().await;
        Ok(rows.into_iter().flatten().collect())
    }

    async fn beyond(&self, note: NoteId, seq: u64) -> Beyond {
        if self.node.current.contains_key(&DocumentId::Note(note)) {
            return Beyond::NotAsked;
        }
        match self.node.store.log().read(DocumentId::Note(note), seq + 1, 1).await {
            Ok(next) => next.first().map_or(Beyond::Nothing, |entry| Beyond::Since(entry.at)),
            Err(_) => Beyond::NotAsked,
        }
    }

    /// A row of a list, unless there is to be none.
    async fn as_it_is(
        &self,
        row: Versioned<Note>,
        record: Option<Versioned<DocumentRecord>>,
        beyond: Beyond,
    ) -> Option<Versioned<Note>> {
        let id = row.id;
        let row = match &record {
            Some(record) if record.deleted_at.is_none() && projection::follows(&row, record) => row,
            _ => match projection::follow(&self.node.store, id).await {
                Ok(followed) => followed?,
                Err(fault) => {
                    tracing::debug!(note = %id, %fault, "a row does not follow its record yet");
                    return record.and_then(|record| row_of(row, &record));
                }
            },
        };
        let lag = match beyond {
            Beyond::NotAsked => return Some(row),
            Beyond::Since(at) => self.lag_since(at),
            Beyond::Nothing if record.is_some_and(|it| it.snapshot_seq > row.projected_seq) => {
                Duration::MAX
            }
            Beyond::Nothing => {
                self.node.current.insert(DocumentId::Note(id), ());
                return Some(row);
            }
        };
        // Until then somebody is at it.
        if lag > LATE
            && self.catch_up(DocumentId::Note(id)).await.is_ok()
            && let Ok(fresh) = self.node.store.records::<Note>().get(&id).await
        {
            return fresh;
        }
        Some(row)
    }
}

/// A row with its record's rights, while it cannot be written.
fn row_of(mut row: Versioned<Note>, record: &DocumentRecord) -> Option<Versioned<Note>> {
    let Note { owner_id, room_id, is_shared, .. } = &mut row.value;
    (*owner_id, *room_id, *is_shared) = (record.owner, record.room, record.is_shared);
    record.deleted_at.is_none().then_some(row)
}
