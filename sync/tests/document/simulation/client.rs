//! A person's client in the simulation: types, goes offline, comes back, counts acknowledgements.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::{Rng, rngs::StdRng};
use studyhall_schema::ids::UserId;
use studyhall_sync::{
    document::{Effect, Engine, Input, PeerId, State, Yjs},
    guard,
};
use yrs::{ReadTxn, StateVector, Transact, updates::decoder::Decode};

use crate::cast::{Person, text_of};

/// A node, and the connection's number there.
pub(super) type Connection = Option<(usize, PeerId)>;

/// A client of either library.
pub(super) trait Client {
    type Engine: Engine;
    fn new(number: u8) -> Self;
    fn user(&self) -> UserId;
    fn connection(&self) -> Connection;
    fn connect(&mut self, node: usize, peer: PeerId);
    /// What was under way is lost.
    fn cut(&mut self) -> Connection;
    /// Types a token that nobody types again.
    fn edits(&mut self, random: &mut StdRng);
    /// What the server hears next.
    fn says(&mut self) -> Option<Input<Self::Engine>>;
    /// Something that the server says to this client is on its way.
    fn is_sent(&mut self, effect: &Effect);
    fn hears(&mut self);
    /// Whether this client has content of others that the store does not have.
    fn sees_ahead_of(&self, durable: &mut <Self::Engine as Engine>::State) -> bool;
    fn is_quiet(&mut self) -> bool;
    fn reads(&self) -> String;
    fn acknowledged(&self) -> &[String];
    /// A document's text.
    fn text(state: &mut <Self::Engine as Engine>::State) -> String;
}

enum ToServer {
    Step1(Bytes),
    Update { update: Bytes, step2: bool },
}

enum ToClient {
    Step1(Bytes),
    Update(Bytes),
    Ack,
}

pub(super) struct Desk {
    person: Person,
    connection: Connection,
    outbox: VecDeque<ToServer>,
    inbox: VecDeque<ToClient>,
    /// The tokens of each message that was sent and not acknowledged, oldest first.
    unacknowledged: VecDeque<Vec<String>>,
    acknowledged: Vec<String>,
    typed: Vec<String>,
}

impl Client for Desk {
    type Engine = Yjs;

    fn new(number: u8) -> Self {
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

    fn user(&self) -> UserId {
        self.person.user
    }

    fn connection(&self) -> Connection {
        self.connection
    }

    fn connect(&mut self, node: usize, peer: PeerId) {
        self.connection = Some((node, peer));
        self.outbox.push_back(ToServer::Step1(self.person.vector()));
    }

    fn cut(&mut self) -> Connection {
        self.outbox.clear();
        self.inbox.clear();
        self.unacknowledged.clear();
        self.connection.take()
    }

    fn edits(&mut self, random: &mut StdRng) {
        let number = self.person.user.bytes()[0];
        let token = format!("<{number}.{}.{:x}>", self.typed.len(), random.random::<u32>());
        let update = self.person.types(&token);
        self.typed.push(token.clone());
        if self.connection.is_some() {
            self.outbox.push_back(ToServer::Update { update, step2: false });
            self.unacknowledged.push_back(vec![token]);
        }
    }

    fn says(&mut self) -> Option<Input> {
        let (_, peer) = self.connection?;
        Some(match self.outbox.pop_front()? {
            ToServer::Step1(vector) => Input::Step1 { peer, vector },
            ToServer::Update { update, step2 } => {
                let scan = guard::update_v1(&update).expect("clients send well-formed updates");
                Input::Update { peer, update, scan, step2 }
            }
        })
    }

    fn is_sent(&mut self, effect: &Effect) {
        self.inbox.extend(match effect {
            Effect::Ack { .. } => Some(ToClient::Ack),
            Effect::Step1 { vector, .. } => Some(ToClient::Step1(vector.clone())),
            Effect::Difference { update, .. } | Effect::FanOut { update, .. } => {
                Some(ToClient::Update(update.clone()))
            }
            _ => None,
        });
    }

    fn hears(&mut self) {
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

    fn sees_ahead_of(&self, durable: &mut State) -> bool {
        let (own, durable) = (self.person.doc.client_id(), durable.state_vector());
        let vector = self.person.doc.transact().state_vector();
        vector.iter().any(|(client, clock)| *client != own && *clock > durable.get(client))
    }

    fn is_quiet(&mut self) -> bool {
        self.inbox.is_empty() && self.outbox.is_empty() && self.unacknowledged.is_empty()
    }

    fn reads(&self) -> String {
        self.person.reads()
    }

    fn acknowledged(&self) -> &[String] {
        &self.acknowledged
    }

    fn text(state: &mut State) -> String {
        text_of(state.doc())
    }
}
