//! A person's client in the simulation: types, goes offline, comes back, counts acknowledgements.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::{Rng, rngs::StdRng};
use studyhall_sync::document::PeerId;
use yrs::{ReadTxn, StateVector, Transact, updates::decoder::Decode};

use crate::cast::Person;

pub(super) enum ToServer {
    Step1(Bytes),
    Update { update: Bytes, step2: bool },
}

pub(super) enum ToClient {
    Step1(Bytes),
    Update(Bytes),
    Ack,
}

pub(super) struct Client {
    pub(super) person: Person,
    connection: Option<(usize, PeerId)>,
    pub(super) outbox: VecDeque<ToServer>,
    pub(super) inbox: VecDeque<ToClient>,
    /// The tokens of each message that was sent and not acknowledged, oldest first.
    unacknowledged: VecDeque<Vec<String>>,
    pub(super) acknowledged: Vec<String>,
    typed: Vec<String>,
}

impl Client {
    pub(super) fn new(number: u8) -> Self {
        Self {
            person: Person::new(number),
            connection: None,
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
            unacknowledged: VecDeque::new(),
            acknowledged: Vec::new(),
            typed: Vec::new(),
        }
    }

    pub(super) fn peer(&self) -> Option<PeerId> {
        self.connection.map(|(_, peer)| peer)
    }

    pub(super) fn connected_to(&self) -> Option<usize> {
        self.connection.map(|(node, _)| node)
    }

    pub(super) fn connect(&mut self, node: usize, peer: PeerId) {
        self.connection = Some((node, peer));
        self.outbox.push_back(ToServer::Step1(self.person.vector()));
    }

    /// What was under way is lost.
    pub(super) fn cut(&mut self) -> Option<(usize, PeerId)> {
        self.outbox.clear();
        self.inbox.clear();
        self.unacknowledged.clear();
        self.connection.take()
    }

    /// Types a token that nobody types again.
    pub(super) fn edits(&mut self, random: &mut StdRng) {
        let token =
            format!("<{}.{}.{:x}>", self.peer_number(), self.typed.len(), random.random::<u32>());
        let update = self.person.types(&token);
        self.typed.push(token.clone());
        if self.connection.is_some() {
            self.outbox.push_back(ToServer::Update { update, step2: false });
            self.unacknowledged.push_back(vec![token]);
        }
    }

    fn peer_number(&self) -> u8 {
        self.person.user.bytes()[0]
    }

    pub(super) fn hears(&mut self) {
        match self.inbox.pop_front() {
            None => {}
            Some(ToClient::Update(update)) => self.person.hears(&update),
            Some(ToClient::Ack) => {
                let tokens = self.unacknowledged.pop_front().expect("one ack a message");
                self.acknowledged.extend(tokens);
            }
            Some(ToClient::Step1(vector)) => {
                let since = StateVector::decode_v1(&vector).expect("the server sends vectors");
                let update = self.person.doc.transact().encode_state_as_update_v1(&since).into();
                self.outbox.push_back(ToServer::Update { update, step2: true });
                // Everything that was typed by now is in this answer, or acknowledged before.
                self.unacknowledged.push_back(self.typed.clone());
            }
        }
    }

    /// Whether this client has content of others that the store does not have.
    pub(super) fn sees_ahead_of(&self, durable: &StateVector) -> bool {
        let own = self.person.doc.client_id();
        let vector = self.person.doc.transact().state_vector();
        vector.iter().any(|(client, clock)| *client != own && *clock > durable.get(client))
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.outbox.is_empty() && self.unacknowledged.is_empty()
    }
}
