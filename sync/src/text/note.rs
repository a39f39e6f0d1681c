//! A note's text and title, in whichever library the document is.

use studyhall_schema::{ids::NoteId, note::Format};
use yrs::Transact;

use super::{EditError, Wanted, automerge, diff_update, initial_client, read_text, read_title};
use crate::document::{Applied, View};

/// A note as it is read and edited.
pub struct NoteText<'a> {
    view: View<'a>,
    format: Format,
}

impl<'a> NoteText<'a> {
    /// A view of a document that holds a note of this format.
    pub fn of(view: View<'a>, format: Format) -> Self {
        Self { view, format }
    }

    /// The last update of the log that it shows.
    pub fn seq(&self) -> u64 {
        match &self.view {
            View::Yjs(state) => state.seq(),
            View::Automerge(state) => Applied::seq(*state),
        }
    }

    /// How much was written under a client id, for the server's own edits.
    pub fn written(&self, client: u64) -> u32 {
        self.view.written(client)
    }

    /// Whether a create has given the note its first content.
    pub fn has_begun(&self, note: NoteId) -> bool {
        match &self.view {
            View::Yjs(_) => self.written(initial_client(note)) > 0,
            View::Automerge(state) => state.made_by(&automerge::initial_actor(note)) > 0,
        }
    }

    /// About how many bytes the document takes in memory.
    pub fn memory(&self) -> u64 {
        self.view.memory()
    }

    /// Its whole text.
    pub fn text(&mut self) -> String {
        match &mut self.view {
            View::Yjs(state) => read_text(&state.doc().transact(), self.format),
            View::Automerge(state) => automerge::read_text(state.doc()),
        }
    }

    /// Its title, shortened; `None` when there is none that is a text.
    pub fn title(&mut self) -> Option<String> {
        match &mut self.view {
            View::Yjs(state) => read_title(&state.doc().transact()),
            View::Automerge(state) => automerge::read_title(state.doc()),
        }
    }

    /// The update by which it comes to read as it is wanted, made under `client`; `None` when it reads
    /// so already.
    pub fn diff<'w>(
        &mut self,
        client: u64,
        wanted: impl Into<Wanted<'w>>,
    ) -> Result<Option<Vec<u8>>, EditError> {
        match &mut self.view {
            View::Yjs(state) => diff_update(&state.full(), client, self.format, wanted),
            View::Automerge(state) => {
                let (wanted, room) = (wanted.into(), state.room());
                // Of a full note they would take seconds to make, to be refused.
                if automerge::least_operations(state.doc(), wanted) > room {
                    return Err(EditError::Full);
                }
                automerge::diff_change(state.doc(), client, wanted)
            }
        }
    }
}
