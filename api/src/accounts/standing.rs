//! Documents that are there with their owner: a person's list of todos, a room's list and its state.
//! Each is made at its first use, by whoever may use it.

use studyhall_schema::{
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{RoomId, UserId},
    user::User,
};
use studyhall_store::StoreError;

use super::Accounts;
use crate::fault::Fault;

impl Accounts {
    /// A document's record; one that is to be there for `user` is made.
    pub(super) async fn document_for(
        &self,
        user: UserId,
        id: DocumentId,
    ) -> Result<Option<DocumentRecord>, Fault> {
        if let Some(record) = self.document(id).await? {
            return Ok(Some(record));
        }
        let Some(record) = self.standing(user, id).await? else { return Ok(None) };
        let made = self.0.store.records::<DocumentRecord>().insert(record).await;
        self.0.documents.forget(&id);
        match made {
            Ok(_) | Err(StoreError::Duplicate { .. }) => self.document(id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The CRDT library of somebody's own list: what they have set, until it is there.
    pub(crate) async fn own_engine(&self, user: &User) -> Result<Engine, Fault> {
        let list = self.document(DocumentId::Todos(user.id.bytes())).await?;
        Ok(list.map_or(user.settings.engine, |list| list.engine))
    }

    /// Refuses a library for somebody's own list when that is there with another.
    pub(super) async fn check_own_engine(&self, user: UserId, engine: Engine) -> Result<(), Fault> {
        let list = DocumentId::Todos(user.bytes());
        match self.0.store.records::<DocumentRecord>().get(&list).await? {
            Some(list) if list.engine != engine => Err(Fault::Conflict {
                code: "list-in-use",
                detail: "your list of todos is there already: its engine stays",
            }),
            _ => Ok(()),
        }
    }

    /// The record that a standing document of this person, or of a room that they are in, begins with.
    async fn standing(
        &self,
        user: UserId,
        id: DocumentId,
    ) -> Result<Option<DocumentRecord>, Fault> {
        let (kind, room) = match id {
            DocumentId::Note(_) => return Ok(None),
            DocumentId::Todos(bytes) if bytes == user.bytes() => (DocumentKind::Todos, None),
            DocumentId::Todos(bytes) => (DocumentKind::Todos, Some(RoomId::from_bytes(bytes))),
            DocumentId::Room(room) => (DocumentKind::Room, Some(room)),
        };
        let (owner, room, engine) = match room {
            None => (user, None, self.user(user).await?.settings.engine),
            Some(room) => {
                let room = self.room(room).await?.filter(|room| room.role(user).is_some());
                let Some(room) = room else { return Ok(None) };
                (room.owner_id, Some(room.id), room.engine)
            }
        };
        Ok(Some(DocumentRecord {
            id,
            kind,
            engine,
            owner,
            room,
            is_shared: room.is_some(),
            created_at: self.clock().now(),
            deleted_at: None,
            changed_at: None,
            shared_at_seq: None,
            snapshot_seq: 0,
            bytes: 0,
        }))
    }
}
