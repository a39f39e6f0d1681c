//! The cast: people with a `yrs` document of their own, and a stage with one core on it.

use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    access::Permission,
    document::DocumentId,
    ids::{NoteId, UserId},
};
use studyhall_store::log::{Append, Entry, LoggedUpdate, Outcome};
use studyhall_sync::{
    document::{Document, Effect, Engine, Input, Limits, PeerId, Refusal, Yjs},
    guard, text,
};
use yrs::{
    Doc, GetString, ReadTxn, StateVector, Text, Transact, Update,
    updates::{decoder::Decode, encoder::Encode},
};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Somebody with a document of their own.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) doc: Doc,
}

impl Person {
    pub(crate) fn new(number: u8) -> Self {
        let user = UserId::from_bytes([number; 12]);
        Self { user, doc: text::new_doc(1000 + u64::from(number)) }
    }

    pub(crate) fn peer(&self) -> PeerId {
        PeerId(u64::from(self.user.bytes()[0]))
    }

    /// Types at the end; what comes back is the update of just that.
    pub(crate) fn types(&self, what: &str) -> Bytes {
        let content = self.doc.get_or_insert_text("content");
        let mut transaction = self.doc.transact_mut();
        let end = content.len(&transaction);
        content.insert(&mut transaction, end, what);
        transaction.encode_update_v1().into()
    }

    /// Deletes the first character.
    pub(crate) fn deletes_first(&self) -> Bytes {
        self.deletes(1)
    }

    pub(crate) fn deletes(&self, length: u32) -> Bytes {
        let content = self.doc.get_or_insert_text("content");
        let mut transaction = self.doc.transact_mut();
        content.remove_range(&mut transaction, 0, length);
        transaction.encode_update_v1().into()
    }

    pub(crate) fn hears(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("the server sends updates");
        self.doc.transact_mut().apply_update(update).expect("an update applies");
    }

    pub(crate) fn reads(&self) -> String {
        text_of(&self.doc)
    }

    pub(crate) fn vector(&self) -> Bytes {
        self.doc.transact().state_vector().encode_v1().into()
    }

    /// All that this person has, as one update.
    pub(crate) fn all(&self) -> Bytes {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default()).into()
    }
}

pub(crate) fn text_of(doc: &Doc) -> String {
    let transaction = doc.transact();
    transaction.get_text("content").map_or_else(String::new, |text| text.get_string(&transaction))
}

/// One core, and everything it says.
pub(crate) struct Stage<E: Engine = Yjs> {
    pub(crate) core: Document<E>,
    pub(crate) effects: Vec<Effect>,
}

impl<E: Engine> Stage<E> {
    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::of_a_node(limits, 1)
    }

    /// The core on one of several nodes.
    pub(crate) fn of_a_node(limits: Limits, seed: u64) -> Self {
        let id = DocumentId::Note(NoteId::from_bytes([7; 12]));
        Self { core: Document::new(id, E::State::default(), limits, seed), effects: Vec::new() }
    }

    pub(crate) fn input(&mut self, input: Input<E>) -> Vec<Effect> {
        // That somebody lags comes to light while the effects are performed.
        if !matches!(input, Input::Lagging { .. }) {
            self.core.performed();
        }
        self.core.handle(NOW, input, &mut self.effects);
        self.core.flush(NOW, &mut self.effects);
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn stored(&mut self) -> Vec<Effect> {
        self.input(Input::Outcome(Outcome::Stored))
    }

    /// The log as it is now, of which it lacks these entries.
    pub(crate) fn reads(&mut self, entries: Vec<Entry>) -> Vec<Effect> {
        let read = Some(self.core.reads_asked());
        self.input(Input::Missed { entries, read })
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn joins(&mut self, person: &Person, permission: Permission) {
        let peer = person.peer();
        self.input(Input::Join { peer, user: person.user, permission });
        self.input(Input::Step1 { peer, vector: person.vector() });
    }

    pub(crate) fn sends(&mut self, person: &Person, update: Bytes) -> Vec<Effect> {
        self.sends_as(person, update, false)
    }

    pub(crate) fn sends_as(&mut self, person: &Person, update: Bytes, step2: bool) -> Vec<Effect> {
        let scan = guard::update_v1(&update).expect("people send well-formed updates");
        self.input(Input::Update { peer: person.peer(), update, scan, step2 })
    }

    /// News of what another node has written: each of these is an entry.
    pub(crate) fn missed(&mut self, person: &Person, entries: &[Bytes]) -> Vec<Effect> {
        let entry = |(seq, data): (u64, &Bytes)| Entry {
            seq,
            batch: seq,
            at: NOW,
            updates: vec![LoggedUpdate {
                login: None,
                put: None,
                by: person.user,
                data: data.clone(),
            }],
        };
        let entries = (self.core.state().seq() + 1..).zip(entries).map(entry).collect();
        self.input(Input::Missed { entries, read: None })
    }
}

/// Ada and Ben, who may both write.
pub(crate) fn cast() -> (Stage, Person, Person) {
    let (mut stage, ada, ben) = (Stage::new(), Person::new(1), Person::new(2));
    stage.joins(&ada, Permission::Write);
    stage.joins(&ben, Permission::Write);
    (stage, ada, ben)
}

pub(crate) fn appended(effects: &[Effect]) -> Option<&Append> {
    effects.iter().find_map(|effect| match effect {
        Effect::Append(append) | Effect::Retry(append) => Some(append),
        _ => None,
    })
}

pub(crate) fn acks(effects: &[Effect], person: &Person) -> usize {
    let is_theirs =
        |effect: &&Effect| matches!(effect, Effect::Ack { peer, .. } if *peer == person.peer());
    effects.iter().filter(is_theirs).count()
}

pub(crate) fn refusal(effects: &[Effect]) -> Option<Refusal> {
    effects.iter().find_map(|effect| match effect {
        Effect::Refuse { reason, .. } => Some(*reason),
        _ => None,
    })
}

pub(crate) fn shown(effects: &[Effect]) -> Option<&Bytes> {
    effects.iter().find_map(|effect| match effect {
        Effect::FanOut { update, .. } => Some(update),
        _ => None,
    })
}
