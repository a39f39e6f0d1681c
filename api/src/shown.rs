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

#[derive(Clone)]
struct Shown {
    text: Arc<str>,
    /// What was put to get there: whether the answer arrived is not known.
    put: Option<Arc<str>>,
}

/// Texts by who was shown them.
pub(crate) struct ShownTexts(Cache<(LoginId, NoteId), Shown>);

impl Default for ShownTexts {
    fn default() -> Self {
        let weigh = |_: &_, shown: &Shown| {
            let put = shown.put.as_ref().map_or(0, |put| put.len());
            u32::try_from(shown.text.len() + put).unwrap_or(u32::MAX).max(64)
        };
        Self(Cache::builder().weigher(weigh).max_capacity(BYTES).time_to_live(FOR).build())
    }
}

impl ShownTexts {
    /// The sign-in is shown this.
    pub(crate) fn remember(&self, login: LoginId, note: &Note) {
        let shown = Shown { text: note.text.as_str().into(), put: None };
        self.0.insert((login, note.id), shown);
    }

    /// The sign-in has put a text, and is answered with this.
    pub(crate) fn put(&self, login: LoginId, note: &Note, put: &str) {
        let shown = Shown { text: note.text.as_str().into(), put: Some(put.into()) };
        self.0.insert((login, note.id), shown);
    }

    /// What `text` was made from, as far as is known. The same put again changes nothing more: it may
    /// be a retry of somebody who never had the answer.
    pub(crate) fn base(&self, login: LoginId, note: NoteId, text: &str) -> Option<String> {
        let shown = self.0.get(&(login, note))?;
        let base = shown.put.filter(|put| **put == *text).unwrap_or(shown.text);
        Some(base.to_string())
    }
}
