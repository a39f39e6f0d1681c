//! A room's timer. It lives in the room's state, a document: whoever may open that can start it.

use studyhall_schema::{
    access::Permission,
    document::DocumentId,
    ids::{RoomId, UserId},
    room_state::RoomState,
    timer::{self, TimerAction, TimerConfig},
};
use studyhall_store::Versioned;
use studyhall_sync::document::Refusal;

use crate::{api::Api, extract::IfMatch, fault::Fault};

/// What somebody wants of a timer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimerChange {
    pub(crate) action: Option<TimerAction>,
    pub(crate) focus_s: Option<u32>,
    pub(crate) short_break_s: Option<u32>,
    pub(crate) long_break_s: Option<u32>,
    pub(crate) rounds: Option<u32>,
}

impl TimerChange {
    fn config(&self, now: TimerConfig) -> TimerConfig {
        TimerConfig {
            focus_s: self.focus_s.unwrap_or(now.focus_s),
            short_break_s: self.short_break_s.unwrap_or(now.short_break_s),
            long_break_s: self.long_break_s.unwrap_or(now.long_break_s),
            rounds: self.rounds.unwrap_or(now.rounds),
        }
    }
}

/// A room's state, for its members.
pub(crate) async fn show(
    api: &Api,
    user: UserId,
    room: RoomId,
) -> Result<Versioned<RoomState>, Fault> {
    let document = DocumentId::Room(room);
    if api.accounts.document_permission(user, document).await? < Permission::Read {
        return Err(Fault::NotFound);
    }
    Ok(api.documents.room_state(room).await?)
}

/// Changes a room's timer. How long phases are is changed first, for those that begin from now on.
pub(crate) async fn change(
    api: &Api,
    user: UserId,
    room: RoomId,
    expected: &IfMatch,
    change: TimerChange,
) -> Result<Versioned<RoomState>, Fault> {
    let before = show(api, user, room).await?;
    if api.accounts.document_permission(user, DocumentId::Room(room)).await? < Permission::Write {
        let detail = "you may see this room's timer, not change it";
        return Err(Fault::Forbidden { code: "read-only", detail });
    }
    expected.check(before.rev)?;
    let seen = expected.is_some().then_some((before.timer, before.timer_config));
    let now = api.accounts.clock().now();
    let edit = api.documents.edit_room_state(room, user, move |state| {
        let (timer, config) = (state.timer(), state.config());
        if seen.is_some_and(|seen| seen != (timer, config)) {
            return Err(Refusal::Changed);
        }
        let config = change.config(config);
        state.set_config(config);
        if let Some(action) = change.action {
            state.set_timer(timer::after(timer, action, &config, now));
        }
        Ok(())
    });
    edit.await?;
    Ok(api.documents.room_state(room).await?)
}
