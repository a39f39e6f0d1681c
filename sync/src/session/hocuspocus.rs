//! A Hocuspocus socket: many documents, each asked for with a token of its own.
//!
//! A client sends Step1 and awareness before it is authenticated: they wait, within bounds.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use studyhall_schema::{
    access::{AccessError, Caller, Credential, Permission},
    document::DocumentId,
};
use tokio::time::Instant;

use super::{
    Batch, Reader, Registered, Seat,
    asking::{self, Answer, Question},
    ends, inbound, permission, run,
};
use crate::{
    actor::{Join, Mail, Outlet, Wire},
    document::Inbound,
    node::Node,
    outbox::{Close, Outbox},
    socket::{Connection, Gate},
    wire::hocuspocus::{Address, Frame, Message, PONG_FRAME, Scope},
};

/// Addresses that are remembered, of each kind.
const REMEMBERED: usize = 1024;
const QUEUED_FOR: Duration = Duration::from_mins(1);
/// Content for an address that the client has closed waits so long for a token.
const REOPENED: Duration = Duration::from_secs(2);
/// A client is asked for a fresh token so long before its token ends, or at half of what is left.
const ASK_BEFORE: Duration = Duration::from_secs(30);

/// Serves one socket until it ends.
pub(crate) fn serve(node: Arc<Node>, connection: Box<Connection>) -> impl Future<Output = ()> {
    let outbox = Arc::new(Outbox::default());
    let session = Box::new(Session {
        registered: Registered::new(&node, outbox.clone()),
        gate: connection.gate.clone(),
        node,
        outbox: outbox.clone(),
        places: HashMap::new(),
        refused: HashSet::new(),
        closed: HashSet::new(),
        due: None,
    });
    run(connection, outbox, |reader| session.read(reader))
}

struct Session {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    registered: Registered,
    /// By address: a document's name, or `name\0session`.
    places: HashMap<Arc<str>, Place>,
    /// Addresses that were refused, so that what a client had sent before it heard is dropped.
    refused: HashSet<Arc<str>>,
    /// Addresses that the client has closed. One that was closed and opened again while the socket was away says so
    /// in the wrong order, and never comes back to it by itself.
    closed: HashSet<Arc<str>>,
    /// Opens when somebody is let in.
    gate: Arc<Gate>,
    /// When some place has to be looked at.
    due: Option<Instant>,
}

/// Boxed: a map of one has room for four.
enum Place {
    Waiting(Box<Waiting>),
    Attached(Box<Attached>),
}

/// Not let in yet: what came meanwhile, and until when it waits.
struct Waiting {
    inbound: Vec<Inbound>,
    bytes: usize,
    until: Instant,
}

impl Place {
    fn is_at(&self, id: DocumentId) -> bool {
        matches!(self, Self::Attached(attached) if attached.seat.document.id == id)
    }
}

struct Attached {
    caller: Caller,
    permission: Permission,
    seat: Seat,
    /// When to ask for a fresh token, and when the token ends.
    ask: Option<Instant>,
    ends: Option<Instant>,
}

impl Session {
    async fn read(mut self: Box<Self>, mut reader: Box<Reader>) -> Box<Reader> {
        let mut batch = Batch::default();
        loop {
            let due = self.due;
            let sleep = async move {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let going_on = tokio::select! {
                read = reader.batch(&mut batch) => match read {
                    Some(()) => Box::pin(self.take(&mut batch.frames)).await,
                    None => None,
                },
                () = self.registered.recheck() => Box::pin(self.recheck()).await,
                () = sleep => {
                    self.look_around();
                    Some(())
                }
            };
            if going_on.is_none() {
                break;
            }
        }
        reader
    }

    async fn take(&mut self, frames: &mut Vec<Bytes>) -> Option<()> {
        if self.registered.has_slept() {
            Box::pin(self.recheck()).await?;
        }
        self.pass_on(frames).await
    }

    fn close(&self, why: Close) -> Option<()> {
        self.outbox.close(why);
        None
    }

    fn say(&self, address: &str, message: &Message<'_>) {
        self.outbox.push(message.to(Address(address)));
    }

    /// Frames that follow one another to one document go on as one mail.
    async fn pass_on(&mut self, frames: &mut Vec<Bytes>) -> Option<()> {
        let mut run: Option<(Arc<str>, Vec<Inbound>)> = None;
        for frame in frames.drain(..) {
            let Ok(decoded) = Frame::decode(&frame) else {
                metrics::counter!("studyhall_sync_malformed_total").increment(1);
                return self.close(Close::Protocol);
            };
            let Frame::Message(address, message) = decoded else {
                if decoded == Frame::Ping {
                    self.outbox.push(PONG_FRAME);
                }
                continue;
            };
            let same = run.as_ref().is_some_and(|(known, _)| **known == *address.0);
            if !same && let Some((address, inbound)) = run.take() {
                self.deliver(&address, inbound).await?;
            }
            let content = match message {
                Message::Sync(message) => inbound(message),
                Message::Awareness(update) => Some(Inbound::Awareness(update)),
                Message::QueryAwareness => Some(Inbound::QueryAwareness),
                other => {
                    if let Some((address, inbound)) = run.take() {
                        self.deliver(&address, inbound).await?;
                    }
                    // Boxed, like all that is rare: an idle socket's task stays small.
                    Box::pin(self.control(address, other)).await?;
                    continue;
                }
            };
            let Some(content) = content else {
                metrics::counter!("studyhall_sync_malformed_total").increment(1);
                return self.close(Close::Protocol);
            };
            let known = || self.places.get_key_value(address.0).map(|(known, _)| known.clone());
            run.get_or_insert_with(|| {
                (known().unwrap_or_else(|| Arc::from(address.0)), Vec::new())
            })
            .1
            .push(content);
        }
        match run {
            Some((address, inbound)) => self.deliver(&address, inbound).await,
            None => Some(()),
        }
    }

    async fn deliver(&mut self, address: &Arc<str>, inbound: Vec<Inbound>) -> Option<()> {
        let is_in_doubt =
            |question: &Question<_>| self.outbox.doubts(question.document, question.peer).0;
        if let Some(question) = self.question(address).filter(is_in_doubt) {
            Box::pin(self.ask(vec![question])).await?;
        }
        match self.places.get_mut(address) {
            Some(Place::Attached(attached)) => {
                let bytes = inbound.iter().map(Inbound::size).sum();
                let room = self.node.room(attached.caller.user, bytes).await;
                let sent = attached.seat.frames(inbound, room).await;
                sent.map_err(|why| self.outbox.close(why)).ok()
            }
            _ => self.queue(address, inbound),
        }
    }

    /// Keeps what came before the token. What comes for a document that was refused, or for one more
    /// than a socket may attach, is dropped: the token's answer says so.
    fn queue(&mut self, address: &Arc<str>, more: Vec<Inbound>) -> Option<()> {
        let full = self.places.len() >= self.node.config.attached;
        if self.refused.contains(address) || (full && !self.places.contains_key(address)) {
            return Some(());
        }
        let size: usize = more.iter().map(Inbound::size).sum();
        let (socket, outbox) = (self.registered.number(), &self.outbox);
        if let Err(why) = self.node.strangers.add(socket, outbox, size) {
            return self.close(why);
        }
        let waits = if self.closed.contains(address) { REOPENED } else { QUEUED_FOR };
        let until = Instant::now() + waits;
        match self.places.get_mut(address) {
            Some(Place::Waiting(waiting)) => {
                waiting.inbound.extend(more);
                waiting.bytes += size;
            }
            Some(Place::Attached(_)) => {}
            None => {
                let waiting = Box::new(Waiting { inbound: more, bytes: size, until });
                self.places.insert(address.clone(), Place::Waiting(waiting));
                self.wake_at(until);
            }
        }
        Some(())
    }

    /// So much does not wait for a token any more.
    fn no_longer_waits(&self, bytes: usize) {
        self.node.strangers.remove(self.registered.number(), bytes);
    }

    fn wake_at(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    async fn control(&mut self, address: Address<'_>, message: Message<'_>) -> Option<()> {
        match message {
            Message::Token { token, .. } => self.token(address, token).await,
            Message::Close(_) => {
                self.leave(address.0);
                remember(&mut self.closed, address.0);
                Some(())
            }
            // Stateless messages of applications have no meaning here.
            _ => Some(()),
        }
    }

    fn leave(&mut self, address: &str) {
        if let Some(Place::Waiting(waiting)) = self.places.remove(address) {
            self.no_longer_waits(waiting.bytes);
        }
        // Two addresses may be of one document.
        if let Ok(id) = Address(address).document().parse()
            && !self.places.values().any(|place| place.is_at(id))
        {
            self.registered.leaves(id);
        }
    }

    async fn token(&mut self, address: Address<'_>, token: &str) -> Option<()> {
        match self.admit(address, token).await {
            Ok((caller, id, permission)) => self.attach(address, caller, id, permission).await,
            Err(Refused::Denied(reason)) => {
                // A better token may come: what waits for it goes on waiting.
                let is_in = matches!(self.places.get(address.0), Some(Place::Attached(_)));
                if reason != NOT_AUTHENTICATED || is_in {
                    self.leave(address.0);
                    remember(&mut self.refused, address.0);
                }
                self.say(address.0, &Message::PermissionDenied(reason));
                Some(())
            }
            Err(Refused::Closed(why)) => self.close(why),
        }
    }

    async fn admit(
        &mut self,
        address: Address<'_>,
        token: &str,
    ) -> Result<(Caller, DocumentId, Permission), Refused> {
        let caller = self.node.access.authenticate(Credential::of_socket(token)).await?;
        self.gate.open(caller.user).map_err(Refused::Closed)?;
        if !self.registered.speaks_for(caller) {
            return Err(Refused::Denied("too-many-logins"));
        }
        let id: DocumentId =
            address.document().parse().map_err(|_| Refused::Denied("not-found"))?;
        self.registered.attends(id);
        let permission = permission(&self.node, caller, id).await?;
        if permission == Permission::None {
            return Err(Refused::Denied("not-found"));
        }
        if !self.places.contains_key(address.0) && self.places.len() >= self.node.config.attached {
            return Err(Refused::Denied("too-many-documents"));
        }
        Ok((caller, id, permission))
    }

    /// Lets a caller into a document, or takes the fresh token of one who is in.
    async fn attach(
        &mut self,
        address: Address<'_>,
        caller: Caller,
        id: DocumentId,
        permission: Permission,
    ) -> Option<()> {
        self.refused.remove(address.0);
        self.closed.remove(address.0);
        self.say(address.0, &Message::Authenticated(scope(permission)));
        let (ask, ends) = self.deadlines(caller);
        if let Some(Place::Attached(attached)) = self.places.get_mut(address.0)
            && attached.caller.user == caller.user
        {
            let changed = std::mem::replace(&mut attached.permission, permission) != permission;
            (attached.caller, attached.ask, attached.ends) = (caller, ask, ends);
            if changed {
                let seat = &attached.seat;
                let _ = seat.tell(Mail::Permission(seat.peer, permission)).await; // ended: its Close is queued
            }
            return Some(());
        }
        let waited = match self.places.remove(address.0) {
            Some(Place::Waiting(waiting)) => {
                self.no_longer_waits(waiting.bytes);
                waiting.inbound
            }
            Some(Place::Attached(_)) | None => Vec::new(),
        };
        let peer = self.node.peer();
        let name: Arc<str> = Arc::from(address.0);
        let plain = *name == *id.to_string();
        let wire = Wire::Hocuspocus { address: name.clone(), plain };
        let outlet = Outlet { outbox: self.outbox.clone(), wire, user: caller.user };
        let join = Join { peer, permission, outlet };
        let document = self.node.send(id, Mail::Join(Box::new(join))).await;
        let seat = Seat { document, peer };
        let attached = Attached { caller, permission, seat, ask, ends };
        self.places.insert(name.clone(), Place::Attached(Box::new(attached)));
        if waited.is_empty() { Some(()) } else { self.deliver(&name, waited).await }
    }

    /// When to ask for a fresh token, and when this one ends.
    fn deadlines(&mut self, caller: Caller) -> (Option<Instant>, Option<Instant>) {
        let Some(ends) = ends(&self.node, caller) else { return (None, None) };
        let left = ends.saturating_duration_since(Instant::now());
        let ask = ends - ASK_BEFORE.min(left / 2);
        self.wake_at(ask);
        (Some(ask), Some(ends))
    }

    /// Asks for fresh tokens, and ends what has waited or lived too long.
    fn look_around(&mut self) {
        let now = Instant::now();
        let (mut next, mut asked, mut over) = (None::<Instant>, Vec::new(), Vec::new());
        for (address, place) in &mut self.places {
            let due = match place {
                Place::Waiting(waiting) => Some(waiting.until),
                Place::Attached(attached) => {
                    if attached.ask.take_if(|ask| *ask <= now).is_some() {
                        asked.push(address.clone());
                    }
                    attached.ask.or(attached.ends)
                }
            };
            match due {
                Some(due) if due <= now => over.push(address.clone()),
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        self.due = next;
        for address in asked {
            self.say(&address, &Message::TokenRequest);
        }
        for address in over {
            self.expire(&address);
        }
    }

    fn expire(&mut self, address: &Arc<str>) {
        match self.places.remove(address) {
            Some(Place::Waiting(waiting)) => {
                self.no_longer_waits(waiting.bytes);
                let is_content = |one: &Inbound| matches!(one, Inbound::Update { .. });
                if self.closed.contains(address) && waiting.inbound.iter().any(is_content) {
                    self.outbox.close(Close::Restart); // it begins anew, with all that is not saved
                }
                self.say(address, &Message::PermissionDenied("no-token"));
            }
            Some(Place::Attached(attached)) => {
                drop(attached);
                self.say(address, &Message::PermissionDenied("token-expired"));
            }
            None => {}
        }
    }

    fn question(&self, address: &Arc<str>) -> Option<Question<Arc<str>>> {
        let Some(Place::Attached(attached)) = self.places.get(address) else { return None };
        let (caller, peer) = (attached.caller, attached.seat.peer);
        let (place, document) = (address.clone(), attached.seat.document.id);
        Some(Question { place, caller, document, peer })
    }

    /// Access may have changed: what is in doubt is asked for again.
    async fn recheck(&mut self) -> Option<()> {
        let since = self.outbox.heard();
        let questions = self.places.keys().filter_map(|address| self.question(address));
        self.ask(questions.collect()).await?;
        self.outbox.settle(since);
        Some(())
    }

    async fn ask(&mut self, questions: Vec<Question<Arc<str>>>) -> Option<()> {
        let mut answers = pin!(asking::ask(&self.node, &self.outbox, questions));
        while let Some(Answer { question, since, permission }) = answers.next().await {
            let Question { place: address, caller, document, peer } = question;
            let Some(Place::Attached(attached)) = self.places.get(&address) else { continue };
            match permission {
                Ok(Permission::None) => {
                    self.leave(&address);
                    self.say(&address, &Message::PermissionDenied("removed"));
                    continue;
                }
                Ok(now) if now != attached.permission => {
                    self.attach(Address(&address), caller, document, now).await?;
                }
                Ok(_) => {}
                Err(AccessError::Invalid) => return self.close(Close::LoginRevoked),
                Err(AccessError::Unavailable) => {
                    let later = self.registered.recheck_later();
                    return later.map_err(|why| self.outbox.close(why)).ok();
                }
            }
            self.outbox.asked(peer, since);
        }
        Some(())
    }
}

/// Keeps an address in mind, and not very many.
fn remember(addresses: &mut HashSet<Arc<str>>, address: &str) {
    if addresses.len() >= REMEMBERED {
        addresses.clear();
    }
    addresses.insert(Arc::from(address));
}

fn scope(permission: Permission) -> Scope {
    if permission == Permission::Write { Scope::ReadWrite } else { Scope::ReadOnly }
}

/// A token that is not good.
const NOT_AUTHENTICATED: &str = "not-authenticated";

/// Why somebody is not let into a document.
enum Refused {
    Denied(&'static str),
    Closed(Close),
}

impl From<AccessError> for Refused {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Invalid => Self::Denied(NOT_AUTHENTICATED),
            AccessError::Unavailable => Self::Closed(Close::TryLater),
        }
    }
}
