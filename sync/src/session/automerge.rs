//! A socket of automerge-repo: many documents, one caller, let in before the upgrade.
//!
//! The client names itself (`join`), and nothing in the protocol proves it: what it sends under another
//! name than that ends the socket. A document that is not there, or not the caller's, is unavailable.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::StreamExt;
use studyhall_schema::{
    access::{AccessError, Caller, Permission},
    document::DocumentId,
    wire_id::WireId,
};

use super::{
    Batch, Reader, Registered, Seat,
    asking::{self, Answer, Question},
    permission, run,
    senders::Held,
};
use crate::{
    actor::{Join, Mail, Outlet, Wire},
    document::{Inbound, PeerId},
    heavy,
    node::Node,
    outbox::{Close, Outbox},
    people,
    socket::Connection,
    wire::{
        Malformed,
        automerge::{MAX_INFLATED, SMALL_INFLATED, SyncMessage},
        repo::{self, Ephemeral, Frame, Route},
    },
};

/// Sessions of one client whose counts are kept.
const SESSIONS: usize = 64;

/// Who has no place.
const NOBODY: PeerId = PeerId(u64::MAX);

/// Documents that a client asks for in vain, and is told of when they are there after all.
const MISSED: usize = 256;

/// Somebody who was let in, or why nobody was: a stock client in Node takes no answer but an upgrade.
pub(crate) fn serve(
    node: Arc<Node>,
    connection: Box<Connection>,
    caller: Result<Caller, AccessError>,
) -> impl Future<Output = ()> {
    let outbox = Arc::new(Outbox::default());
    let reading = {
        let outbox = outbox.clone();
        move |mut reader: Box<Reader>| async move {
            match caller {
                Ok(caller) => match reader.let_in(&node, caller) {
                    Ok(()) => return Session::new(node, outbox, caller).read(reader).await,
                    Err(why) => outbox.close(why),
                },
                Err(AccessError::Invalid) => outbox.close(Close::LoginRevoked),
                Err(AccessError::Unavailable) => outbox.close(Close::TryLater),
            }
            reader
        }
    };
    run(connection, outbox, reading)
}

struct Session {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    registered: Registered,
    caller: Caller,
    /// Who the client is, once it has said so.
    joined: Option<Joined>,
    /// By what the client calls them.
    places: HashMap<Arc<str>, Place>,
    /// Documents that were taken from the caller, or were not there: a client asks for them once.
    lost: HashMap<Arc<str>, DocumentId>,
    /// What each of the client's sessions has said to others.
    said: HashMap<Box<str>, u64>,
}

struct Joined {
    client: Held,
    /// The name of the server as a peer.
    server: Arc<str>,
}

struct Place {
    seat: Seat,
    permission: Permission,
}

impl Place {
    /// Its document was deleted, or let go of, since it was taken.
    fn is_over(&self) -> bool {
        self.seat.document.mailbox.is_closed()
    }
}

/// What is on its way to one document.
type Going = Option<(Arc<str>, Vec<Inbound>)>;

impl Session {
    fn new(node: Arc<Node>, outbox: Arc<Outbox>, caller: Caller) -> Box<Self> {
        let registered = Registered::new(&node, outbox.clone());
        registered.speaks_for(caller);
        let (places, lost, said) = (HashMap::new(), HashMap::new(), HashMap::new());
        Box::new(Self { node, outbox, registered, caller, joined: None, places, lost, said })
    }

    async fn read(mut self: Box<Self>, mut reader: Box<Reader>) -> Box<Reader> {
        let mut batch = Batch::default();
        loop {
            let done = tokio::select! {
                read = reader.batch(&mut batch) => match read {
                    Some(()) => Box::pin(self.take(&mut batch.frames)).await,
                    None => break,
                },
                () = self.registered.recheck() => Box::pin(self.recheck()).await,
            };
            if let Err(why) = done {
                self.outbox.close(why);
                break;
            }
        }
        reader
    }

    async fn take(&mut self, frames: &mut Vec<Bytes>) -> Result<(), Close> {
        if self.registered.has_slept() {
            Box::pin(self.recheck()).await?;
        }
        self.pass_on(frames).await
    }

    /// Frames that follow one another to one document go on as one mail.
    async fn pass_on(&mut self, frames: &mut Vec<Bytes>) -> Result<(), Close> {
        let mut going: Going = None;
        for frame in frames.drain(..) {
            let malformed = |_| {
                metrics::counter!("studyhall_sync_malformed_total").increment(1);
                Close::Protocol
            };
            match Frame::decode(&frame).map_err(malformed)? {
                Frame::Join { sender, is_version_1 } => {
                    Box::pin(self.join(sender, is_version_1)).await?;
                }
                Frame::Leave => return Err(Close::Silent),
                Frame::Sync { sender, document, data } => {
                    self.is_from(sender)?;
                    self.sync(&mut going, document, data).await?;
                }
                // A stock client passes on to all its peers what it hears, under the name of who said it:
                // so what others said comes back to here, and goes no further.
                Frame::Ephemeral(said) => {
                    let joined = self.joined.as_ref().ok_or(Close::Protocol)?;
                    if *joined.client.name == *said.sender && self.is_new(&said) {
                        let message = Inbound::Ephemeral(frame.clone());
                        self.add(&mut going, said.document, message).await?;
                    }
                }
                Frame::Unavailable | Frame::Other => {}
            }
        }
        self.send(&mut going).await
    }

    /// Passes on a sync message, if the caller has a place in its document. One that grows when it is
    /// inflated takes room for that first.
    async fn sync(&mut self, going: &mut Going, document: &str, data: Bytes) -> Result<(), Close> {
        let Some(name) = Box::pin(self.place(document)).await? else { return Ok(()) };
        let decode = |inflated| {
            let decode = || SyncMessage::decode(&data, inflated);
            if data.len() > heavy::LONG || inflated > SMALL_INFLATED {
                heavy::aside(decode)
            } else {
                decode()
            }
        };
        match decode(SMALL_INFLATED) {
            Ok(message) => {
                let message = Inbound::Sync(Box::new(message));
                return self.add(going, document, message).await;
            }
            Err(Malformed::Inflated) => {}
            Err(bad) => return Err(self.not_taken(document, bad)),
        }
        self.send(going).await?;
        let caller = self.caller.user;
        let room = self.node.room(caller, data.len()).await;
        let mut inflated = self.node.room_to_inflate(caller).await;
        let message = decode(MAX_INFLATED).map_err(|bad| self.not_taken(document, bad))?;
        if let Some(inflated) = &mut inflated {
            people::keep(inflated, message.inflated.div_ceil(1 << 10));
        }
        let Some(place) = self.places.get(&name) else { return Ok(()) };
        let room = room.into_iter().chain(inflated);
        place.seat.frames(vec![Inbound::Sync(Box::new(message))], room).await
    }

    fn not_taken(&self, document: &str, bad: Malformed) -> Close {
        tracing::debug!(user = %self.caller.user, document, %bad, "a sync message is refused");
        metrics::counter!("studyhall_sync_malformed_total").increment(1);
        Close::Protocol
    }

    /// Whether a frame is from who the client said to be.
    fn is_from(&self, sender: &str) -> Result<(), Close> {
        match &self.joined {
            Some(joined) if *joined.client.name == *sender => Ok(()),
            Some(_) => {
                metrics::counter!("studyhall_sync_forged_senders_total").increment(1);
                tracing::warn!(target: "audit", user = %self.caller.user,
                    "a frame under another peer's name was refused");
                Err(Close::Protocol)
            }
            None => Err(Close::Protocol),
        }
    }

    async fn join(&mut self, sender: &str, is_version_1: bool) -> Result<(), Close> {
        if self.joined.as_ref().is_some_and(|joined| *joined.client.name != *sender) {
            return Err(Close::Protocol);
        }
        let storage = self.node.storage_id().await.ok_or(Close::TryLater)?;
        let server: Arc<str> = format!("hall-{storage}").into();
        let route = Route { sender: &server, target: sender };
        if !is_version_1 {
            self.outbox.push(repo::error(route, "only version 1 of the protocol is spoken here"));
            return Err(Close::Protocol);
        }
        let Some(client) = self.node.senders.hold(sender, self.caller.user) else {
            tracing::warn!(target: "audit", user = %self.caller.user,
                "the name of another person's peer was refused");
            self.outbox.push(repo::error(route, "this peer id is in use by somebody else"));
            return Err(Close::Protocol);
        };
        self.outbox.push(repo::peer(route, &storage));
        self.joined = Some(Joined { client, server });
        Ok(())
    }

    /// Whether a session of the client has not said this before.
    fn is_new(&mut self, said: &Ephemeral<'_>) -> bool {
        if self.said.len() >= SESSIONS && !self.said.contains_key(said.session) {
            self.said.clear();
        }
        match self.said.entry(said.session.into()) {
            Entry::Vacant(entry) => {
                entry.insert(said.count);
                true
            }
            Entry::Occupied(mut last) => last.insert(said.count.max(*last.get())) < said.count,
        }
    }

    async fn add(
        &mut self,
        going: &mut Going,
        document: &str,
        message: Inbound,
    ) -> Result<(), Close> {
        if let Some((known, messages)) = going
            && **known == *document
        {
            messages.push(message);
            return Ok(());
        }
        self.send(going).await?;
        if let Some(document) = Box::pin(self.place(document)).await? {
            *going = Some((document, vec![message]));
        }
        Ok(())
    }

    async fn send(&mut self, going: &mut Going) -> Result<(), Close> {
        let Some((document, messages)) = going.take() else { return Ok(()) };
        let Some(place) = self.places.get(&document) else { return Ok(()) };
        let size = messages.iter().map(Inbound::size).sum();
        let room = self.node.room(self.caller.user, size).await;
        place.seat.frames(messages, room).await
    }

    fn unavailable(&self, document: &str) {
        if let Some(Joined { client, server }) = &self.joined {
            let route = Route { sender: server, target: &client.name };
            self.outbox.push(repo::unavailable(route, document));
        }
    }

    /// The caller's place in a document, taken when they have none; `None` when they may not.
    async fn place(&mut self, document: &str) -> Result<Option<Arc<str>>, Close> {
        if let Some((known, place)) = self.places.get_key_value(document) {
            let known = known.clone();
            if !place.is_over() {
                let question = self.question(&known, place);
                if self.outbox.doubts(question.document, question.peer).0 {
                    Box::pin(self.ask(vec![question])).await?;
                }
                return Ok(self.places.contains_key(&known).then_some(known));
            }
            // If it was deleted, it can come back.
            self.lose(&known);
        }
        let named = document.parse::<WireId>().ok().and_then(WireId::document);
        let (Some(id), true) = (named, self.joined.is_some()) else {
            self.unavailable(document);
            return Ok(None);
        };
        self.registered.attends(id);
        let permission = permission(&self.node, self.caller, id).await.map_err(refused)?;
        let was_lost = self.lost.contains_key(document);
        let attached = self.places.len() + self.lost.len() - usize::from(was_lost);
        if permission == Permission::None || attached >= self.node.config.attached {
            let has_room = attached < self.node.config.attached && self.lost.len() < MISSED;
            if permission == Permission::None && has_room {
                self.lost.insert(document.into(), id);
            } else if !was_lost {
                self.registered.leaves(id);
            }
            self.unavailable(document);
            return Ok(None);
        }
        if was_lost {
            self.lost.remove(document);
            self.sit_again(document.into(), id, permission).await?;
            return Ok(Some(document.into()));
        }
        Ok(self.sit(document.into(), id, permission).await)
    }

    /// Its document, which the client has open, is not there for the caller any more.
    fn lose(&mut self, name: &Arc<str>) {
        if let Some(place) = self.places.remove(name) {
            self.lost.insert(name.clone(), place.seat.document.id);
        }
    }

    /// Takes a place in a document; `None` while nobody knows who the client is.
    async fn sit(
        &mut self,
        name: Arc<str>,
        id: DocumentId,
        permission: Permission,
    ) -> Option<Arc<str>> {
        let joined = self.joined.as_ref()?;
        let (server, client) = (joined.server.clone(), joined.client.name.clone());
        let wire = Wire::Automerge { document: name.clone(), server, client };
        let outlet = Outlet { outbox: self.outbox.clone(), wire, user: self.caller.user };
        let peer = self.node.peer();
        let join = Join { peer, permission, outlet };
        let document = self.node.send(id, Mail::Join(Box::new(join))).await;
        let place = Place { seat: Seat { document, peer }, permission };
        self.places.insert(name.clone(), place);
        Some(name)
    }

    fn question(&self, name: &Arc<str>, place: &Place) -> Question<Arc<str>> {
        let (document, peer) = (place.seat.document.id, place.seat.peer);
        Question { place: name.clone(), caller: self.caller, document, peer }
    }

    /// Access may have changed: what is in doubt is asked for again.
    async fn recheck(&mut self) -> Result<(), Close> {
        let since = self.outbox.heard();
        let questions = self.places.iter().map(|(name, place)| self.question(name, place));
        self.ask(questions.collect()).await?;
        self.come_back().await?;
        self.outbox.settle(since);
        Ok(())
    }

    async fn ask(&mut self, questions: Vec<Question<Arc<str>>>) -> Result<(), Close> {
        let mut answers = pin!(asking::ask(&self.node, &self.outbox, questions));
        while let Some(Answer { question, since, permission }) = answers.next().await {
            let Question { place: name, peer, .. } = question;
            let Some(now) = self.told(permission)? else { return Ok(()) };
            let Some(place) = self.places.get_mut(&name) else { continue };
            if now == Permission::None {
                self.lose(&name);
                self.unavailable(&name);
            } else if place.is_over() {
                self.lose(&name); // it was deleted meanwhile, and has come back
            } else {
                if now != place.permission {
                    place.permission = now;
                    place.seat.tell(Mail::Permission(place.seat.peer, now)).await?;
                }
                self.outbox.asked(peer, since);
            }
        }
        Ok(())
    }

    /// What was answered; `None` where that has to be asked later.
    fn told(
        &self,
        permission: Result<Permission, AccessError>,
    ) -> Result<Option<Permission>, Close> {
        match permission {
            Ok(now) => Ok(Some(now)),
            Err(AccessError::Invalid) => Err(Close::LoginRevoked),
            Err(AccessError::Unavailable) => self.registered.recheck_later().map(|()| None),
        }
    }

    /// Takes places again in what was taken from the caller and is theirs again: the client is told how it
    /// is now, and asked for what it has written meanwhile.
    async fn come_back(&mut self) -> Result<(), Close> {
        let lost = self.lost.iter().map(|(name, id)| Question {
            place: name.clone(),
            caller: self.caller,
            document: *id,
            peer: NOBODY,
        });
        let mut answers = pin!(asking::ask(&self.node, &self.outbox, lost.collect()));
        while let Some(Answer { question, since, permission }) = answers.next().await {
            let Some(now) = self.told(permission)? else { return Ok(()) };
            if now == Permission::None {
                continue;
            }
            let (name, id) = (question.place, question.document);
            self.lost.remove(&name);
            self.sit_again(name.clone(), id, now).await?;
            if let Some(place) = self.places.get(&name) {
                self.outbox.asked(place.seat.peer, since);
            }
        }
        Ok(())
    }

    /// Takes a place in what the client believes to have open: what it sent meanwhile is to come again.
    async fn sit_again(
        &mut self,
        name: Arc<str>,
        id: DocumentId,
        permission: Permission,
    ) -> Result<(), Close> {
        self.sit(name.clone(), id, Permission::None).await;
        let Some(place) = self.places.get_mut(&name) else { return Ok(()) };
        place.permission = permission;
        place.seat.tell(Mail::Permission(place.seat.peer, permission)).await
    }
}

fn refused(error: AccessError) -> Close {
    match error {
        AccessError::Invalid => Close::LoginRevoked,
        AccessError::Unavailable => Close::TryLater,
    }
}
