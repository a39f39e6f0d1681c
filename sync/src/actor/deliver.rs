//! Performing the core's effects: frames to sockets, appends to the journal, news to others.
//!
//! A frame is encoded once a protocol, however many receive it. Must not decide anything.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use studyhall_schema::ids::UserId;

use super::{Actor, Mail, whole::Whole};
use crate::{
    SyncFault,
    document::{Effect, Engine, Input, Lost, PeerId, Refusal},
    load::LoadFailure,
    news::News,
    outbox::{Close, Outbox},
    wire::{
        hocuspocus::{Address, Message},
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
}

/// What a person is told beside content, as a Stateless message.
pub(crate) enum Told {
    Paused(bool),
    NearlyFull,
    Refused(Refusal),
}

impl Told {
    /// The JSON of the message.
    fn json(&self) -> String {
        match self {
            Self::Paused(true) => r#"{"type":"saving-paused"}"#.into(),
            Self::Paused(false) => r#"{"type":"saving-resumed"}"#.into(),
            Self::NearlyFull => r#"{"type":"document-nearly-full"}"#.into(),
            Self::Refused(reason) => format!(r#"{{"type":"refused","code":"{}"}}"#, reason.code()),
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
            Self::Changed => "changed",
            Self::Absent => "absent",
            Self::Crowded => "crowded",
            Self::Undecodable => "undecodable",
        }
    }
}

/// What goes to connections in either protocol.
pub(super) enum Payload {
    Sync(SyncMessage),
    Awareness(Bytes),
}

impl Payload {
    /// Bytes of content.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Sync(
                SyncMessage::Step1(bytes) | SyncMessage::Step2(bytes) | SyncMessage::Update(bytes),
            )
            | Self::Awareness(bytes) => bytes.len(),
        }
    }

    fn for_yjs(self) -> Bytes {
        match self {
            Self::Sync(message) => YjsFrame::Sync(message).encode(),
            Self::Awareness(update) => YjsFrame::Awareness(update).encode(),
        }
    }

    fn for_hocuspocus(self, address: &str) -> Bytes {
        let message = match self {
            Self::Sync(message) => Message::Sync(message),
            Self::Awareness(update) => Message::Awareness(update),
        };
        message.to(Address(address))
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
        match wire {
            Wire::Yjs => yjs.get_or_insert_with(|| payload().for_yjs()).clone(),
            Wire::Hocuspocus { address, plain: true } => {
                plain.get_or_insert_with(|| payload().for_hocuspocus(address)).clone()
            }
            Wire::Hocuspocus { address, plain: false } => payload().for_hocuspocus(address),
        }
    }
}

impl Outlet {
    pub(super) fn frame(&self, payload: Payload) -> Bytes {
        match &self.wire {
            Wire::Yjs => payload.for_yjs(),
            Wire::Hocuspocus { address, .. } => payload.for_hocuspocus(address),
        }
    }

    fn ack(&self, echo: Option<Bytes>) {
        match (&self.wire, echo) {
            (Wire::Hocuspocus { address, .. }, _) => {
                self.outbox.push(Message::SyncStatus(true).to(Address(address)));
            }
            (Wire::Yjs, Some(update)) => self.outbox.push(YjsFrame::update(update).encode()),
            (Wire::Yjs, None) => {} // the fan-out was the echo
        }
    }

    fn refuse(&self, reason: Refusal) {
        match &self.wire {
            Wire::Yjs if reason == Refusal::Overloaded => self.outbox.close(Close::TryLater),
            Wire::Yjs => {}
            Wire::Hocuspocus { address, .. } => {
                self.outbox.push(Message::SyncStatus(false).to(Address(address)));
                self.tell(&Told::Refused(reason));
            }
        }
    }

    fn tell(&self, told: &Told) {
        if let Wire::Hocuspocus { address, .. } = &self.wire {
            self.outbox.push(Message::Stateless(&told.json()).to(Address(address)));
        }
    }

    /// The document cannot be had any more on this connection.
    pub(crate) fn end(&self, why: Close) {
        match (&self.wire, why) {
            // Only for good: a provider does not come back by itself, so what passes closes the socket.
            (Wire::Hocuspocus { address, .. }, Close::NotFound | Close::Removed) => {
                let denied = Message::PermissionDenied(why.code().1);
                self.outbox.push(denied.to(Address(address)));
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
                self.append(append, Duration::ZERO);
            }
            Effect::Retry(append) => {
                let pause = (RETRY * 2u32.saturating_pow(self.upkeep.retries)).min(RETRY_MOST);
                self.upkeep.retries = self.upkeep.retries.saturating_add(1);
                self.append(append, pause);
            }
            Effect::ReadLog => self.read_log(Duration::ZERO),
            Effect::Reload => self.reload(),
            Effect::Ack { peer, echo } => {
                self.with(peer, |outlet| outlet.ack(echo));
            }
            Effect::Refuse { peer, reason } => {
                self.with(peer, |outlet| outlet.refuse(reason));
            }
            Effect::Step1 { peer, vector } => {
                self.send(peer, SyncMessage::Step1(vector), Lost::Step1);
            }
            Effect::Difference { peer, update, missed } => {
                let message = if missed.step2 { SyncMessage::Step2 } else { SyncMessage::Update };
                self.send(peer, message(update), Lost::Difference(missed));
            }
            Effect::Later { peer } => self.drain_later(peer),
            Effect::FanOut { update, only_author } => self.fan_out(&update, only_author),
            Effect::Awareness { to: Some(peer), update } => self.tell_awareness(peer, update),
            Effect::Awareness { to: None, update } => self.spread_awareness(&update),
            Effect::EditDone { edit, result } => self.edit_done(edit, result),
            Effect::Committed { seq } => {
                self.whole = Whole::default();
                self.committed(seq);
            }
            Effect::Wrote(entry) => self.node.tell_nodes(self.me.id, News::Entry(entry)),
            Effect::Here(presence) => self.node.tell_nodes(self.me.id, News::Here(presence)),
            Effect::Paused(paused) => self.tell_all(&Told::Paused(paused)),
            Effect::NearlyFull => self.tell_all(&Told::NearlyFull),
            Effect::Audit { user, client } => {
                metrics::counter!("studyhall_sync_foreign_client_ids_total").increment(1);
                tracing::warn!(target: "audit", %user, client, document = %self.me.id,
                    "content under somebody else's client id was refused");
            }
        }
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

    /// One update to everybody who is in sync. A Hocuspocus client that wrote all of it only needs its
    /// acknowledgement; to a y-websocket client the echo is that.
    fn fan_out(&mut self, update: &Bytes, only_author: Option<PeerId>) {
        let mut frames = Frames::of(|| Payload::Sync(SyncMessage::Update(update.clone())));
        let mut full = Vec::new();
        for (peer, outlet) in &self.outlets {
            let wrote_all =
                only_author == Some(*peer) && matches!(outlet.wire, Wire::Hocuspocus { .. });
            if wrote_all || !self.document.is_fed(*peer) {
                continue;
            }
            let frame = frames.for_wire(&outlet.wire);
            if !outlet.outbox.push_content(frame, (&self.me.mailbox, *peer)) {
                full.push(*peer);
            }
        }
        for peer in full {
            self.core(Input::Lagging { peer, lost: Lost::FanOut });
        }
    }

    /// Awareness is worth nothing late: to a full queue it is not sent.
    fn spread_awareness(&self, update: &Bytes) {
        let mut frames = Frames::of(|| Payload::Awareness(update.clone()));
        for outlet in self.outlets.values().filter(|outlet| outlet.outbox.has_room()) {
            outlet.outbox.push(frames.for_wire(&outlet.wire));
        }
    }

    fn tell_all(&self, told: &Told) {
        for outlet in self.outlets.values() {
            outlet.tell(told);
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
        Mail::Project(reply) | Mail::CatchUp(reply) => {
            let _ = reply.send(Err(fault));
        }
        Mail::Stop(_, done) => {
            let _ = done.send(());
        }
        _ => {}
    }
}
