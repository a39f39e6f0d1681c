//! Which text of a note each sign-in was last shown: what a `PUT` changes is what differs from that, so
//! that what somebody else typed since stays. Forgotten after an hour, or when much else was shown:
//! then a `PUT` differs from what the note is now.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use studyhall_schema::{
    ids::{LoginId, NoteId},
    note::Note,
};
use studyhall_sync::{Base, Made, PutText};

/// All texts together, in bytes.
const BYTES: u64 = 64 << 20;
const FOR: Duration = Duration::from_hours(1);

/// Puts whose outcome is not known are kept, so many of a note.
const TRIED: usize = 4;

#[derive(Clone)]
struct Shown {
    text: Arc<str>,
    /// What was put to get there: whether the answer arrived is not known.
    put: Option<Arc<str>>,
    /// What was put since, and whether it is in the note is not known here.
    tried: Vec<(Arc<str>, Made)>,
}

impl Shown {
    fn of(text: &str) -> Self {
        Self { text: text.into(), put: None, tried: Vec::new() }
    }

    fn size(&self) -> usize {
        let puts = self.put.iter().chain(self.tried.iter().map(|(tried, _)| tried));
        self.text.len() + puts.map(|put| put.len()).sum::<usize>()
    }
}

/// Texts by who was shown them.
pub(crate) struct ShownTexts(Cache<(LoginId, NoteId), Shown>);

impl Default for ShownTexts {
    fn default() -> Self {
        let weigh = |_: &_, shown: &Shown| u32::try_from(shown.size()).unwrap_or(u32::MAX).max(64);
        Self(Cache::builder().weigher(weigh).max_capacity(BYTES).time_to_live(FOR).build())
    }
}

impl ShownTexts {
    /// The sign-in is shown this. What it has put may not be in there yet.
    pub(crate) fn remember(&self, login: LoginId, note: &Note) {
        let key = (login, note.id);
        let tried = self.0.get(&key).map(|shown| shown.tried).unwrap_or_default();
        self.0.insert(key, Shown { tried, ..Shown::of(&note.text) });
    }

    /// The sign-in has put a text, and is answered with this.
    pub(crate) fn put(&self, login: LoginId, note: &Note, put: &str) {
        let shown = Shown { put: Some(put.into()), ..Shown::of(&note.text) };
        self.0.insert((login, note.id), shown);
    }

    /// The sign-in puts a text into this note. What comes back is what it may have been made from: the
    /// text that was shown, and what was put before and never answered. The same put again changes
    /// nothing more: it may be a retry of somebody who never had the answer.
    pub(crate) fn puts(&self, login: LoginId, note: &Note, text: &str) -> PutText {
        let key = (login, note.id);
        let mut shown = self.0.get(&key).unwrap_or_else(|| Shown::of(&note.text));
        let made = Made::default();
        let put =
            |bases| PutText { text: text.to_owned(), bases, made: made.clone(), only_at: None };
        if shown.put.as_deref() == Some(text) {
            return put(vec![Base { text: text.to_owned(), only_if: None }]);
        }
        let tried = shown.tried.iter().map(|(text, made)| (text, Some(made.clone())));
        let bases = std::iter::once((&shown.text, None)).chain(tried);
        let bases = bases.map(|(text, only_if)| Base { text: text.to_string(), only_if }).collect();
        if shown.tried.len() == TRIED {
            shown.tried.remove(0);
        }
        shown.tried.push((text.into(), made.clone()));
        self.0.insert(key, shown);
        put(bases)
    }
}
