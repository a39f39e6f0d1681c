//! Performing the core's effects: frames to sockets, appends to the journal, news to others.
//!
//! A frame is encoded once a protocol, however many receive it. Must not decide anything.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use studyhall_schema::{Timestamp, document::Engine as Library, ids::UserId};
use studyhall_store::log::Append;

use super::{Actor, Done, Mail};
use crate::{
    SyncFault,
    document::{Effect, Engine, Input, Lost, PeerId, Refusal},
    load::LoadFailure,
    news::News,
    outbox::{CONTENT_BYTES, Close, Outbox, Room},
    wire::{
        hocuspocus::{Address, Message},
        repo::{self, Ephemeral, Frame, Route},
        yjs::{SyncMessage, YjsFrame},
    },
};

/// A pause before a failed append is tried again; it grows to [`RETRY_MOST`].
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(1);

/// Where a connection's frames go, and in which protocol.
pub(crate) struct Outlet {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) wire: Wire,
    /// Whose connection it is.
    pub(crate) user: UserId,
}

/// How a connection speaks.
pub(crate) enum Wire {
    Yjs,
    /// `address` is what the client calls the document; `plain` when that is the document's name.
    Hocuspocus {
        address: Arc<str>,
        plain: bool,
    },
    /// A client of automerge-repo, and what it calls the document.
    Automerge {
        document: Arc<str>,
        server: Arc<str>,
        client: Arc<str>,
    },
}

impl Wire {
    /// Whether documents of this library can be spoken of.
    pub(super) fn speaks(&self, library: Library) -> bool {
        matches!(self, Self::Automerge { .. }) == (library == Library::Automerge)
    }

    fn frame(&self, payload: Payload) -> Bytes {
        match (self, payload) {
            (Self::Yjs, Payload::Sync(message)) => YjsFrame::Sync(message).encode(),
            (Self::Yjs, Payload::Awareness(update)) => YjsFrame::Awareness(update).encode(),
            (Self::Hocuspocus { address, .. }, Payload::Sync(message)) => {
                Message::Sync(message).to(Address(address))
            }
            (Self::Hocuspocus { address, .. }, Payload::Awareness(update)) => {
                Message::Awareness(update).to(Address(address))
            }
            (Self::Automerge { document, server, client }, Payload::Automerge(message)) => {
                repo::sync(Route { sender: server, target: client }, document, &message)
            }
            // Nobody joins a document who speaks of another library's.
            _ => Bytes::new(),
        }
    }
}

/// What a person is told beside content, as a Stateless message.
pub(crate) enum Told {
    Paused(bool),
    NearlyFull,
    Refused(Refusal),
}

impl Told {
    /// Whether people can do something about it, in whatever app.
    fn is_for_automerge(&self) -> bool {
        matches!(self, Self::NearlyFull | Self::Refused(_))
    }

    /// What it is, and why.
    fn words(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Paused(true) => ("saving-paused", None),
            Self::Paused(false) => ("saving-resumed", None),
            Self::NearlyFull => ("document-nearly-full", None),
            Self::Refused(reason) => ("refused", Some(reason.code())),
        }
    }

    /// The same in JSON.
    fn json(&self) -> String {
        match self.words() {
            (kind, None) => format!(r#"{{"type":"{kind}"}}"#),
            (kind, Some(code)) => format!(r#"{{"type":"{kind}","code":"{code}"}}"#),
        }
    }
}

impl Refusal {
    /// A stable word for clients.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ForeignClient => "foreign-client-id",
            Self::DocumentFull => "document-full",
            Self::Overloaded => "overloaded",
            Self::HoleTooLarge => "hole-too-large",
            Self::TooDeep => "too-deep",
            Self::NoParent => "no-parent",
            Self::TooLong => "too-long",
            Self::TooLongToShow => "too-long-to-show",
            Self::Changed => "changed",
            Self::Absent => "absent",
            Self::Crowded => "crowded",
            Self::Undecodable => "undecodable",
        }
    }
}

/// What goes to connections in any protocol.
#[derive(Clone)]
pub(super) enum Payload {
    Sync(SyncMessage),
    Awareness(Bytes),
    /// A sync message of Automerge.
    Automerge(Bytes),
}

impl Payload {
    /// Bytes of content.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Sync(
                SyncMessage::Step1(bytes) | SyncMessage::Step2(bytes) | SyncMessage::Update(bytes),
            )
            | Self::Awareness(bytes)
            | Self::Automerge(bytes) => bytes.len(),
        }
    }
}

/// Frames of one payload for many receivers, each made when first needed.
struct Frames<F> {
    payload: F,
    yjs: Option<Bytes>,
    plain: Option<Bytes>,
}

impl<F: Fn() -> Payload> Frames<F> {
    fn of(payload: F) -> Self {
        Self { payload, yjs: None, plain: None }
    }

    fn for_wire(&mut self, wire: &Wire) -> Bytes {
        let Self { payload, yjs, plain } = self;
        let make = || wire.frame(payload());
        match wire {
            Wire::Yjs => yjs.get_or_insert_with(make).clone(),
            Wire::Hocuspocus { plain: true, .. } => plain.get_or_insert_with(make).clone(),
            Wire::Hocuspocus { plain: false, .. } | Wire::Automerge { .. } => make(),
        }
    }
}

impl Outlet {
    pub(super) fn frame(&self, payload: Payload) -> Bytes {
        self.wire.frame(payload)
    }

    fn ack(&self, echo: Option<Bytes>) {
        match (&self.wire, echo) {
            (Wire::Hocuspocus { address, .. }, _) => {
                self.outbox.push(Message::SyncStatus(true).to(Address(address)));
            }
            (Wire::Yjs, Some(update)) => self.outbox.push(YjsFrame::update(update).encode()),
            // The fan-out was the echo; an Automerge client is told the heads.
            (Wire::Yjs, None) | (Wire::Automerge { .. }, _) => {}
        }
    }

    fn refuse(&self, reason: Refusal, now: Timestamp) {
        match &self.wire {
            // What these clients were refused once they do not send again on this socket.
            Wire::Yjs | Wire::Automerge { .. } if reason == Refusal::Overloaded => {
                return self.outbox.close(Close::TryLater);
            }
            Wire::Yjs | Wire::Automerge { .. } => {}
            Wire::Hocuspocus { address, .. } => {
                self.outbox.push(Message::SyncStatus(false).to(Address(address)));
            }
        }
        self.tell(&Told::Refused(reason), now);
    }

    fn tell(&self, told: &Told, now: Timestamp) {
        match &self.wire {
            Wire::Hocuspocus { address, .. } => {
                self.outbox.push(Message::Stateless(&told.json()).to(Address(address)));
            }
            // The protocol has no word for it: the server says it as a peer does, to this client alone.
            Wire::Automerge { document, server, client } if told.is_for_automerge() => {
                let (kind, code) = told.words();
                let data = repo::told(kind, code);
                let count = u64::try_from(now.as_millis()).unwrap_or_default();
                let said = Ephemeral { sender: server, document, session: server, count, data };
                self.outbox.push(repo::ephemeral(&said, client));
            }
            Wire::Yjs | Wire::Automerge { .. } => {}
        }
    }

    /// The document cannot be had any more on this connection.
    pub(crate) fn end(&self, why: Close) {
        match (&self.wire, why) {
            // Only for good: a provider does not come back by itself, so what passes closes the socket.
            (
                Wire::Hocuspocus { address, .. },
                Close::NotFound | Close::Removed | Close::OtherEngine,
            ) => {
                let denied = Message::PermissionDenied(why.code().1);
                self.outbox.push(denied.to(Address(address)));
            }
            (
                Wire::Automerge { document, server, client },
                Close::NotFound | Close::Removed | Close::OtherEngine,
            ) => {
                let route = Route { sender: server, target: client };
                self.outbox.push(repo::unavailable(route, document));
            }
            _ => self.outbox.close(why),
        }
    }
}

impl<E: Engine> Actor<E> {
    /// Performs what the core has said so far, and what follows from a full queue.
    pub(super) fn perform(&mut self) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                self.perform_one(effect);
            }
        }
        self.document.performed();
    }

    fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Append(append) => {
                self.upkeep.retries = 0;
                self.append_begins();
                self.append(append, Duration::ZERO);
            }
            Effect::Retry(append) => {
                let pause = (RETRY * 2u32.saturating_pow(self.upkeep.retries)).min(RETRY_MOST);
                self.upkeep.retries = self.upkeep.retries.saturating_add(1);
                self.append_begins();
                self.append(append, pause);
            }
            Effect::ReadLog => self.read_log(Duration::ZERO),
            Effect::Reload => self.reload(),
            Effect::LostPlace => self.lost_place(),
            Effect::NeedsNoPlace => self.needs_no_place(),
            Effect::Ack { peer, echo } => {
                self.with(peer, |outlet| outlet.ack(echo));
            }
            Effect::Refuse { peer, reason } => {
                let now = self.now;
                self.with(peer, |outlet| outlet.refuse(reason, now));
            }
            Effect::Step1 { peer, vector } => {
                self.send(peer, Payload::Sync(SyncMessage::Step1(vector)), Lost::Step1);
            }
            Effect::Difference { peer, update, missed } => {
                let message = if missed.step2 { SyncMessage::Step2 } else { SyncMessage::Update };
                self.send(peer, Payload::Sync(message(update)), Lost::Difference(missed));
            }
            Effect::Sync { peer, message, missed } => {
                self.send(peer, Payload::Automerge(message), Lost::Sync(missed));
            }
            Effect::Ephemeral { from, message } => {
                self.pass_on(Some(from), &message);
                if self.news.is_some() {
                    self.node.tell_nodes(self.me.id, News::Said(message));
                }
            }
            Effect::Later { peer } => self.drain_later(peer),
            Effect::FanOut { update, only_author } => self.fan_out(&update, only_author),
            Effect::Awareness { to: Some(peer), update } => self.tell_awareness(peer, update),
            Effect::Awareness { to: None, update } => self.spread_awareness(&update),
            Effect::EditDone { edit, result } => self.edit_done(edit, result),
            Effect::Committed { seq } => {
                self.whole = None;
                self.committed(seq);
            }
            Effect::Wrote(entry) => self.node.tell_nodes(self.me.id, News::Entry(entry)),
            Effect::Here(presence) => self.node.tell_nodes(self.me.id, News::Here(presence)),
            Effect::Paused(paused) => self.tell_all(&Told::Paused(paused)),
            Effect::NearlyFull { to: Some(peer) } => self.tell(peer, &Told::NearlyFull),
            Effect::NearlyFull { to: None } => self.tell_all(&Told::NearlyFull),
            Effect::Audit { user, client } => {
                metrics::counter!("studyhall_sync_foreign_client_ids_total").increment(1);
                tracing::warn!(target: "audit", %user, client, document = %self.me.id,
                    "content under somebody else's client id was refused");
            }
        }
    }

    fn append(&mut self, append: Append, after: Duration) {
        let journal = self.node.journal.clone();
        self.work.push(
            async move {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                Done::Outcome(journal.append(append).await)
            }
            .boxed(),
        );
    }

    pub(super) fn core(&mut self, input: Input<E>) {
        let now = self.node.clock.now();
        self.document.handle(now, input, &mut self.effects);
    }

    fn with(&self, peer: PeerId, send: impl FnOnce(&Outlet)) {
        if let Some(outlet) = self.outlets.get(&peer) {
            send(outlet);
        }
    }

    /// One update to everybody who is in sync. A client that wrote all of it only needs its
    /// acknowledgement; to a y-websocket client the echo is that.
    fn fan_out(&mut self, update: &Bytes, only_author: Option<PeerId>) {
        let payload = || match E::ENGINE {
            Library::Yjs => Payload::Sync(SyncMessage::Update(update.clone())),
            Library::Automerge => Payload::Automerge(update.clone()),
        };
        let mut frames = Frames::of(payload);
        let (mut full, mut later) = (Vec::new(), Vec::new());
        for (peer, outlet) in &self.outlets {
            let wrote_all = only_author == Some(*peer) && !matches!(outlet.wire, Wire::Yjs);
            if wrote_all || !self.document.is_fed(*peer) {
                continue;
            }
            // Each client's frame is its own: large ones have to share the node's room.
            if matches!(outlet.wire, Wire::Automerge { .. }) && update.len() > CONTENT_BYTES {
                later.push(*peer);
                continue;
            }
            let frame = frames.for_wire(&outlet.wire);
            if !outlet.outbox.push_content(frame, (&self.me, *peer)) {
                full.push(*peer);
            }
        }
        for peer in full {
            self.core(Input::Lagging { peer, lost: Lost::FanOut });
        }
        for peer in later {
            self.core(Input::Lagging { peer, lost: Lost::FanOut });
            self.core(Input::Drained { peer });
        }
    }

    /// What a client says to all others: like awareness, it is worth nothing late.
    pub(super) fn pass_on(&self, from: Option<PeerId>, message: &Bytes) {
        let Ok(Frame::Ephemeral(said)) = Frame::decode(message) else { return };
        let sender = &*self.node.senders.alias(said.sender);
        for (peer, outlet) in &self.outlets {
            if let Wire::Automerge { document, client, .. } = &outlet.wire
                && from != Some(*peer)
                && outlet.outbox.room_for((&self.me, *peer)) == Room::Free
            {
                let said = Ephemeral { sender, document, ..said.clone() };
                outlet.outbox.push(repo::ephemeral(&said, client));
            }
        }
    }

    /// Awareness is worth nothing late: to a full queue it is not sent.
    fn spread_awareness(&mut self, update: &Bytes) {
        let mut frames = Frames::of(|| Payload::Awareness(update.clone()));
        let peers: Vec<_> = self.outlets.keys().copied().collect();
        for peer in peers {
            if self.has_room(peer) {
                self.with(peer, |outlet| outlet.outbox.push(frames.for_wire(&outlet.wire)));
            }
        }
    }

    pub(super) fn tell(&self, peer: PeerId, told: &Told) {
        self.with(peer, |outlet| outlet.tell(told, self.now));
    }

    fn tell_all(&self, told: &Told) {
        for outlet in self.outlets.values() {
            outlet.tell(told, self.now);
        }
    }
}

/// Answers mail to a document that could not be opened.
pub(super) fn turn_away(mail: Mail, failure: &LoadFailure) {
    let (why, fault) = match failure {
        LoadFailure::NotFound => (Close::NotFound, SyncFault::NotFound),
        LoadFailure::Unavailable => (Close::TryLater, SyncFault::Unavailable),
        LoadFailure::Unreadable(_) => (Close::TryLater, SyncFault::Corrupt),
    };
    answer(mail, why, fault);
}

/// Answers mail that came after the end.
pub(super) fn refuse(mail: Mail, why: Close) {
    answer(mail, why, why.fault());
}

fn answer(mail: Mail, why: Close, fault: SyncFault) {
    match mail {
        Mail::Join(join) => join.outlet.end(why),
        Mail::Edit(edit) => {
            let _ = edit.reply.send(Err(fault)); // the request may have gone
        }
        Mail::Show(reply) => drop(reply.send(Err(fault))), // the request may have gone
        Mail::Project(reply) | Mail::CatchUp(reply) => {
            let _ = reply.send(Err(fault));
        }
        Mail::Stop(_, done) => {
            let _ = done.send(());
        }
        _ => {}
    }
}
