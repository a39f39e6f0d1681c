//! Stands in for `studyhall_sync::Documents` until it lands: same surface, a row in place of a CRDT.

use studyhall_schema::{
    document::{DocumentId, DocumentKind, DocumentRecord},
    ids::{NoteId, UserId},
    note::{Format, Note},
};
use studyhall_store::{Store, StoreError, Versioned};

/// Why a document did not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncFault {
    NotFound,
    Exists,
    Unavailable,
    Corrupt,
}

impl From<StoreError> for SyncFault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Self::Corrupt,
            _ => Self::Unavailable,
        }
    }
}

/// Documents.
#[derive(Clone)]
pub struct Documents(pub Store);

impl Documents {
    pub async fn create(
        &self,
        record: DocumentRecord,
        by: UserId,
        title: Option<&str>,
        text: &str,
    ) -> Result<(), SyncFault> {
        let DocumentId::Note(id) = record.id else { return Err(SyncFault::NotFound) };
        let note = Note {
            id,
            text: text.to_owned(),
            title: title.unwrap_or_default().to_owned(),
            owner_id: record.owner,
            room_id: record.room,
            is_shared: record.is_shared,
            format: match record.kind {
                DocumentKind::RichNote => Format::Rich,
                _ => Format::Plain,
            },
            engine: record.engine,
            created_at: record.created_at,
            updated_at: record.created_at,
            projected_seq: 0,
        };
        match self.0.records::<DocumentRecord>().insert(record).await {
            Err(StoreError::Duplicate { .. }) => {
                let held = self.0.records::<DocumentRecord>().get(&DocumentId::Note(id)).await?;
                return if held.is_some_and(|held| held.owner == by) {
                    Ok(())
                } else {
                    Err(SyncFault::Exists)
                };
            }
            other => other?,
        };
        self.0.records::<Note>().insert(note).await?;
        Ok(())
    }

    pub async fn put_text(
        &self,
        document: DocumentId,
        _by: UserId,
        text: &str,
    ) -> Result<(), SyncFault> {
        let DocumentId::Note(id) = document else { return Err(SyncFault::NotFound) };
        let now = self.0.clock().now();
        let change = |note: &mut Note| {
            text.clone_into(&mut note.text);
            note.updated_at = now;
            Ok::<_, SyncFault>(())
        };
        self.0.records::<Note>().update(&id, change).await?.ok_or(SyncFault::NotFound)??;
        Ok(())
    }

    pub async fn note(&self, id: NoteId) -> Result<Option<Versioned<Note>>, SyncFault> {
        Ok(self.0.records::<Note>().get(&id).await?)
    }

    pub async fn revise_record(
        &self,
        document: DocumentId,
        mut change: impl FnMut(&mut DocumentRecord) + Send,
    ) -> Result<Option<()>, SyncFault> {
        let changed = self
            .0
            .records::<DocumentRecord>()
            .update(&document, |record| {
                change(record);
                Ok::<_, SyncFault>(())
            })
            .await?;
        let (Some(Ok(record)), DocumentId::Note(id)) = (changed, document) else {
            return Ok(None);
        };
        if record.deleted_at.is_some() {
            self.0.records::<Note>().delete(&id).await?;
            return Ok(Some(()));
        }
        self.0
            .records::<Note>()
            .update(&id, |note| {
                note.is_shared = record.is_shared;
                note.room_id = record.room;
                Ok::<_, SyncFault>(())
            })
            .await?;
        Ok(Some(()))
    }
}
