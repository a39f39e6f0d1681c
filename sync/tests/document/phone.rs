//! Somebody with an Automerge document, who speaks the library's own sync protocol.

use automerge::{
    ActorId, AutoCommit, ObjType, ROOT, ReadDoc, TextEncoding,
    marks::{ExpandMark, Mark},
    sync::{self, Message, SyncDoc},
    transaction::Transactable,
};
use bytes::Bytes;
use studyhall_schema::{access::Permission, document::DocumentKind, ids::UserId};
use studyhall_sync::{
    document::{Automerge, Effect, Input, PeerId},
    text::automerge::first_change,
    wire::automerge::{MAX_INFLATED, SyncMessage},
};

use crate::cast::Stage;

/// A phone: a document, and how far it is in sync with the server.
pub(crate) struct Phone {
    pub(crate) user: UserId,
    pub(crate) peer: PeerId,
    pub(crate) doc: AutoCommit,
    pub(crate) state: sync::State,
}

impl Phone {
    /// A phone that has nothing of the document.
    pub(crate) fn empty(number: u8) -> Self {
        let actor = ActorId::from([number; 16]);
        let doc = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit).with_actor(actor);
        let user = UserId::from_bytes([number; 12]);
        Self { user, peer: PeerId(number.into()), doc, state: sync::State::new() }
    }

    /// A phone that has what every note begins with.
    pub(crate) fn new(number: u8) -> Self {
        let mut phone = Self::empty(number);
        let first = first_change(DocumentKind::PlainNote);
        phone.doc.load_incremental(&first).expect("the first change loads");
        phone
    }

    /// Types at the end.
    pub(crate) fn types(&mut self, words: &str) {
        let (_, content) = self.doc.get(ROOT, "content").unwrap().expect("there is a text");
        let end = self.doc.length(&content);
        self.doc.splice_text(&content, end, 0, words).expect("a text is edited");
        self.doc.commit();
    }

    /// Makes some of the text bold.
    pub(crate) fn marks(&mut self, start: usize, end: usize) {
        let (_, content) = self.doc.get(ROOT, "content").unwrap().expect("there is a text");
        let bold = Mark::new("bold".into(), true, start, end);
        self.doc.mark(&content, bold, ExpandMark::Both).expect("a text is marked");
        self.doc.commit();
    }

    /// Writes at the beginning of the text as it was at these heads, as an undo does.
    pub(crate) fn writes_at(&mut self, heads: &[automerge::ChangeHash], words: &str) {
        self.doc.isolate(heads);
        let (_, content) = self.doc.get(ROOT, "content").unwrap().expect("there is a text");
        self.doc.splice_text(&content, 0, 0, words).expect("a text is edited");
        self.doc.integrate();
        self.doc.commit();
    }

    /// Deletes the first characters.
    pub(crate) fn deletes(&mut self, count: isize) {
        let (_, content) = self.doc.get(ROOT, "content").unwrap().expect("there is a text");
        self.doc.splice_text(&content, 0, count, "").expect("a text is edited");
        self.doc.commit();
    }

    /// What the library says next, if anything.
    pub(crate) fn says(&mut self) -> Option<Bytes> {
        let message = self.doc.sync().generate_sync_message(&mut self.state)?;
        Some(message.encode().into())
    }

    /// Has its library believe that it has sent all that it made after these heads, but for one change.
    pub(crate) fn believes_sent(
        &mut self,
        before: &[automerge::ChangeHash],
        but: automerge::ChangeHash,
    ) {
        let made = self.doc.get_changes(before).into_iter().map(|change| change.hash());
        self.state.sent_hashes.extend(made.filter(|hash| *hash != but));
    }

    pub(crate) fn hears(&mut self, message: &[u8]) {
        let message = Message::decode(message).expect("the server sends messages");
        self.doc.sync().receive_sync_message(&mut self.state, message).expect("it is received");
    }

    pub(crate) fn reads(&self) -> String {
        text_of(&self.doc)
    }

    /// Whether the server is known to have all that is here, durably.
    pub(crate) fn is_saved(&mut self) -> bool {
        self.state.their_heads.as_ref() == Some(&self.doc.get_heads())
    }

    /// A new connection: the library goes on from what both sides shared.
    pub(crate) fn reconnects(&mut self) {
        self.state = sync::State::decode(&self.state.encode()).expect("a state is kept");
    }
}

pub(crate) fn text_of(doc: &AutoCommit) -> String {
    match doc.get(ROOT, "content") {
        Ok(Some((automerge::Value::Object(ObjType::Text), content))) => {
            doc.text(&content).expect("a text is read")
        }
        _ => String::new(),
    }
}

impl Stage<Automerge> {
    /// Says to the core what a phone says, if anything.
    pub(crate) fn hears(&mut self, phone: &mut Phone) -> Vec<Effect> {
        match phone.says() {
            Some(message) => self.takes(phone, &message),
            None => Vec::new(),
        }
    }

    pub(crate) fn takes(&mut self, phone: &Phone, message: &Bytes) -> Vec<Effect> {
        let message =
            SyncMessage::decode(message, MAX_INFLATED).expect("phones send well-formed messages");
        self.input(Input::Sync { peer: phone.peer, message: Box::new(message) })
    }

    /// Gives a phone what the core has said to it.
    pub(crate) fn tells(&self, phone: &mut Phone, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Sync { peer, message, .. } if *peer == phone.peer => phone.hears(message),
                Effect::FanOut { update, only_author }
                    if *only_author != Some(phone.peer) && self.core.is_fed(phone.peer) =>
                {
                    phone.hears(update);
                }
                _ => {}
            }
        }
    }

    /// A phone connects, and both say what they have to say until neither has more.
    pub(crate) fn joins(&mut self, phone: &mut Phone, permission: Permission) -> Vec<Effect> {
        let (peer, user) = (phone.peer, phone.user);
        let mut all = self.input(Input::Join { peer, user, permission });
        for _ in 0..10 {
            let mut told = self.hears(phone);
            told.extend(self.stored());
            self.tells(phone, &told);
            all.extend(told);
        }
        all
    }
}
