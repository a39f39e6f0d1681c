//! A person's phone in the simulation, with the library's own sync protocol: what its server's heads hold
//! is acknowledged.

use std::collections::VecDeque;

use automerge::ChangeHash;
use bytes::Bytes;
use rand::{Rng, rngs::StdRng};
use studyhall_schema::ids::UserId;
use studyhall_sync::{
    document::{Automerge, Effect, Engine, Input, PeerId},
    wire::automerge::{MAX_INFLATED, SyncMessage},
};

use super::client::{Client, Connection};
use crate::phone::{Phone, text_of};

pub(super) struct Handset {
    phone: Phone,
    connection: Connection,
    inbox: VecDeque<Bytes>,
    /// Tokens, and the change that each came with.
    typed: Vec<(String, ChangeHash)>,
    acknowledged: Vec<String>,
}

impl Client for Handset {
    type Engine = Automerge;

    fn new(number: u8) -> Self {
        let (inbox, typed, acknowledged) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { phone: Phone::new(number), connection: None, inbox, typed, acknowledged }
    }

    fn user(&self) -> UserId {
        self.phone.user
    }

    fn connection(&self) -> Connection {
        self.connection
    }

    fn connect(&mut self, node: usize, peer: PeerId) {
        self.connection = Some((node, peer));
        self.phone.reconnects();
    }

    fn cut(&mut self) -> Connection {
        self.inbox.clear();
        self.connection.take()
    }

    fn edits(&mut self, random: &mut StdRng) {
        let number = self.phone.user.bytes()[0];
        let token = format!("<{number}.{}.{:x}>", self.typed.len(), random.random::<u32>());
        self.phone.types(&token);
        let change = self.phone.doc.get_last_local_change().expect("it was typed");
        self.typed.push((token, change.hash()));
    }

    fn says(&mut self) -> Option<Input<Automerge>> {
        let (_, peer) = self.connection?;
        let message =
            SyncMessage::decode(&self.phone.says()?, MAX_INFLATED).expect("it is well-formed");
        Some(Input::Sync { peer, message: Box::new(message) })
    }

    fn is_sent(&mut self, effect: &Effect) {
        self.inbox.extend(match effect {
            Effect::Sync { message, .. } | Effect::FanOut { update: message, .. } => {
                Some(message.clone())
            }
            _ => None,
        });
    }

    fn hears(&mut self) {
        let Some(message) = self.inbox.pop_front() else { return };
        self.phone.hears(&message);
        let Some(mut heads) = self.phone.state.their_heads.clone() else { return };
        // What the heads stand on is durable, as far as this phone knows them.
        heads.retain(|head| self.phone.doc.get_change_meta_by_hash(head).is_some());
        if heads.is_empty() {
            return;
        }
        let after: Vec<_> =
            self.phone.doc.get_changes(&heads).iter().map(automerge::Change::hash).collect();
        let saved = self.typed.iter().filter(|(_, change)| !after.contains(change));
        self.acknowledged = saved.map(|(token, _)| token.clone()).collect();
    }

    fn sees_ahead_of(&self, durable: &mut <Automerge as Engine>::State) -> bool {
        let own = self.phone.doc.get_actor();
        let mut doc = self.phone.doc.clone();
        doc.get_changes(&[]).iter().any(|change| {
            // All phones have the first change from the beginning.
            let is_anothers = change.actor_id() != own && !change.deps().is_empty();
            is_anothers && durable.doc().get_change_meta_by_hash(&change.hash()).is_none()
        })
    }

    fn is_quiet(&mut self) -> bool {
        self.inbox.is_empty() && self.phone.is_saved()
    }

    fn reads(&self) -> String {
        self.phone.reads()
    }

    fn acknowledged(&self) -> &[String] {
        &self.acknowledged
    }

    fn text(state: &mut <Automerge as Engine>::State) -> String {
        text_of(state.doc())
    }
}
