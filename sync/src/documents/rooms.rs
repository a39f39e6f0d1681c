//! A room's state for the REST API.

use studyhall_schema::{
    document::DocumentId,
    ids::{RoomId, UserId},
    room_state,
};
use studyhall_store::Versioned;

use super::Documents;
use crate::{
    SyncFault,
    contents::{self, MapsMut, RoomState},
    document::{Change, Refusal},
};

impl Documents {
    /// A room's state as its row, which shows all that is durable in its document.
    pub async fn room_state(
        &self,
        room: RoomId,
    ) -> Result<Versioned<room_state::RoomState>, SyncFault> {
        let rows = self.node.store.records::<room_state::RoomState>();
        let document = DocumentId::Room(room);
        if let Some(row) = rows.get(&room).await?
            && self.ends_at(document, row.projected_seq).await?
        {
            return Ok(row);
        }
        self.catch_up(document).await?;
        rows.get(&room).await?.ok_or(SyncFault::Unavailable)
    }

    /// Changes a room's state.
    pub async fn edit_room_state(
        &self,
        room: RoomId,
        by: UserId,
        mut change: impl FnMut(&mut RoomState<'_, dyn MapsMut + '_>) -> Result<(), Refusal>
        + Send
        + 'static,
    ) -> Result<(), SyncFault> {
        let document = DocumentId::Room(room);
        let change: Change = Box::new(move |view, client| {
            contents::edit(view, client, |maps| change(&mut RoomState::of(maps)))
        });
        self.edit(document, by, change).await?;
        self.project(document).await
    }
}
