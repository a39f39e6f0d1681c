//! Which of a socket's documents its person may not be shown any more, for all that is known: a change of access
//! was heard, and was not asked about since. Must not know what the answer was.

use std::collections::HashMap;

use studyhall_schema::document::DocumentId;

use crate::document::PeerId;

/// Changes of access that were heard, by their numbers, and after which of them each place was asked for.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    heard: u64,
    /// The newest that may concern all documents.
    of_all: u64,
    /// The newest that concern one.
    of_one: HashMap<DocumentId, u64>,
    asked: HashMap<PeerId, u64>,
}

impl Doubts {
    /// A change was heard: of one document, or of all.
    pub(super) fn hear(&mut self, document: Option<DocumentId>) {
        self.heard += 1;
        if let Some(document) = document {
            self.of_one.insert(document, self.heard);
        } else {
            self.of_all = self.heard;
            self.of_one.clear();
            self.asked.clear(); // all of that was asked before
        }
    }

    /// How many were heard until now: who asks from here on asks after them.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// It was asked for what a place may be shown, after so many.
    pub(super) fn ask(&mut self, peer: PeerId, since: u64) {
        if self.is_any() {
            self.asked.insert(peer, since);
        }
    }

    /// All places were asked for after so many: nothing more is to be known of them, unless more was heard.
    pub(super) fn settle(&mut self, since: u64) {
        if self.heard == since {
            *self = Self { heard: since, ..Self::default() };
        }
    }

    /// Whether this place may show what its person may not see any more.
    pub(super) fn hold(&self, document: DocumentId, peer: PeerId) -> bool {
        let newest = self.of_one.get(&document).copied().unwrap_or_default().max(self.of_all);
        newest > self.asked.get(&peer).copied().unwrap_or_default()
    }

    /// Whether a change names this document.
    pub(super) fn name(&self, document: DocumentId) -> bool {
        self.of_one.contains_key(&document)
    }

    /// Whether anything is to be asked.
    pub(super) fn is_any(&self) -> bool {
        self.of_all > 0 || !self.of_one.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use studyhall_schema::ids::NoteId;

    use super::*;

    #[test]
    fn a_place_is_held_until_it_was_asked_for_after_what_concerns_it() {
        let note = |number| DocumentId::Note(NoteId::from_bytes([number; 12]));
        let [one, other] = [1, 2].map(|number| (note(number), PeerId(number.into())));
        let held = |doubts: &Doubts| [one, other].map(|(note, peer)| doubts.hold(note, peer));
        let mut doubts = Doubts::default();
        assert_eq!(held(&doubts), [false, false]);
        doubts.hear(Some(one.0));
        assert_eq!((held(&doubts), doubts.name(one.0)), ([true, false], true));
        let before = doubts.heard();
        doubts.hear(None);
        doubts.ask(one.1, before);
        assert_eq!(held(&doubts), [true, true], "it was asked before");
        doubts.ask(one.1, doubts.heard());
        assert_eq!(held(&doubts), [false, true]);
        doubts.hear(Some(one.0));
        doubts.ask(other.1, doubts.heard());
        assert_eq!(held(&doubts), [true, false]);
        // Who comes meanwhile is asked for like the others.
        assert!(doubts.hold(note(3), PeerId(3)) && !doubts.hold(other.0, other.1));
        doubts.settle(before);
        assert!(doubts.is_any(), "more was heard since");
        doubts.settle(doubts.heard());
        assert_eq!((held(&doubts), doubts.is_any()), ([false, false], false));
        doubts.hear(None);
        assert_eq!(held(&doubts), [true, true], "what was asked for before is of no use now");
    }
}
