//! Which text of a note each sign-in was last shown: what a `PUT` changes is what differs from that, so
//! that what somebody else typed since stays. Forgotten after an hour, or when much else was shown:
//! then a `PUT` differs from what the note is now.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use studyhall_schema::{
    ids::{LoginId, NoteId},
    note::Note,
};

/// All texts together, in bytes.
const BYTES: u64 = 64 << 20;
const FOR: Duration = Duration::from_hours(1);

/// Texts by who was shown them.
pub(crate) struct ShownTexts(Cache<(LoginId, NoteId), Arc<str>>);

impl Default for ShownTexts {
    fn default() -> Self {
        let weigh = |_: &_, text: &Arc<str>| u32::try_from(text.len()).unwrap_or(u32::MAX).max(64);
        Self(Cache::builder().weigher(weigh).max_capacity(BYTES).time_to_live(FOR).build())
    }
}

impl ShownTexts {
    pub(crate) fn remember(&self, login: LoginId, note: &Note) {
        self.0.insert((login, note.id), note.text.as_str().into());
    }

    pub(crate) fn of(&self, login: LoginId, note: NoteId) -> Option<Arc<str>> {
        self.0.get(&(login, note))
    }
}
