//! A y-websocket socket: one document, one message a frame.

use std::sync::Arc;

use bytes::Bytes;
use studyhall_schema::{
    access::{AccessError, Caller, Permission},
    document::DocumentId,
    ids::UserId,
};

use super::{Batch, Reader, Registered, Seat, inbound, permission, run};
use crate::{
    actor::{Join, Mail, Outlet, Wire},
    document::Inbound,
    node::Node,
    outbox::{Close, Outbox},
    socket::Connection,
    wire::yjs::YjsFrame,
};

/// No document has a longer name, in bytes.
const LONGEST_NAME: usize = 64;

/// Somebody who was let in, after the upgrade: only a close code can say why a document is not theirs.
pub(crate) fn serve(
    node: Arc<Node>,
    connection: Box<Connection>,
    caller: Caller,
    name: String,
) -> impl Future<Output = ()> {
    let outbox = Arc::new(Outbox::default());
    let name = name.into_boxed_str(); // what the task keeps just fits into a class of the allocator
    let reading = {
        let outbox = outbox.clone();
        move |mut reader: Box<Reader>| async move {
            let admitted = Box::pin(admit(&node, &outbox, caller, &name)).await;
            match admitted.and_then(|attached| reader.let_in(&node, caller).map(|()| attached)) {
                Ok(attached) => {
                    let reader = attached.read(reader).await;
                    if outbox.closes_with() == Some(Close::OtherEngine) {
                        node.turned_away.insert(place(caller, &name), Close::OtherEngine);
                    }
                    reader
                }
                Err(why) => {
                    outbox.close(why);
                    reader
                }
            }
        }
    };
    run(connection, outbox, reading)
}

/// Why somebody is not let in who comes again and was told so a moment ago. y-websocket 2 knows no close code: an
/// upgrade that is refused makes it wait longer each time, one that is taken and closed would not. Now and then it
/// is told again, so that a page that was opened anew hears why.
pub(crate) async fn turned_away(node: &Node, caller: Caller, name: &str) -> Option<Close> {
    let why = node.turned_away.get(&place(caller, name))?;
    let Ok(id) = name.parse() else { return Some(Close::NotFound) }; // it can never be a document
    match permission(node, caller, id).await {
        Ok(Permission::None) => Some(Close::NotFound),
        // Who may see it learns that it is there.
        Ok(Permission::Read | Permission::Write) if why == Close::OtherEngine => Some(why),
        _ => None,
    }
}

/// Who is turned away, and from where: longer names are nobody's.
fn place(caller: Caller, name: &str) -> (UserId, Box<str>) {
    (caller.user, name[..name.floor_char_boundary(LONGEST_NAME)].into())
}

/// A socket with its document.
struct Attached {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    registered: Registered,
    caller: Caller,
    seat: Seat,
    permission: Permission,
}

async fn admit(
    node: &Arc<Node>,
    outbox: &Arc<Outbox>,
    caller: Caller,
    name: &str,
) -> Result<Box<Attached>, Close> {
    let registered = Registered::new(node, outbox.clone());
    registered.speaks_for(caller);
    let turn_away = || {
        node.turned_away.insert(place(caller, name), Close::NotFound);
        Close::NotFound
    };
    let id: DocumentId = name.parse().map_err(|_| turn_away())?;
    registered.attends(id);
    let permission = match permission(node, caller, id).await.map_err(refused)? {
        Permission::None => return Err(turn_away()),
        permission => permission,
    };
    let peer = node.peer();
    let outlet = Outlet { outbox: outbox.clone(), wire: Wire::Yjs, user: caller.user };
    let join = Join { peer, permission, outlet };
    let document = node.send(id, Mail::Join(Box::new(join))).await;
    let (node, outbox) = (node.clone(), outbox.clone());
    let seat = Seat { document, peer };
    Ok(Box::new(Attached { node, outbox, registered, caller, seat, permission }))
}

fn refused(error: AccessError) -> Close {
    match error {
        AccessError::Invalid => Close::LoginRevoked,
        AccessError::Unavailable => Close::TryLater,
    }
}

impl Attached {
    async fn read(mut self: Box<Self>, mut reader: Box<Reader>) -> Box<Reader> {
        let mut batch = Batch::default();
        loop {
            tokio::select! {
                read = reader.batch(&mut batch) => {
                    if read.is_none() || Box::pin(self.take(&mut batch.frames)).await.is_none() {
                        break;
                    }
                }
                () = self.registered.recheck() => {
                    if self.stays().await.is_none() {
                        break;
                    }
                }
            }
        }
        reader
    }

    async fn take(&mut self, frames: &mut Vec<Bytes>) -> Option<()> {
        if self.registered.has_slept() || self.outbox.is_in_doubt() {
            self.stays().await?;
        }
        self.pass_on(frames).await
    }

    /// Whether the caller may stay, which is asked for again.
    async fn stays(&mut self) -> Option<()> {
        let rechecked = Box::pin(self.recheck()).await;
        rechecked.map_err(|why| self.outbox.close(why)).ok()
    }

    async fn pass_on(&self, frames: &mut Vec<Bytes>) -> Option<()> {
        let mut passed = Vec::with_capacity(frames.len());
        for frame in frames.drain(..) {
            if let Some(message) = decode(&frame) {
                passed.push(message);
            } else {
                metrics::counter!("studyhall_sync_malformed_total").increment(1);
                self.outbox.close(Close::Protocol);
                return None;
            }
        }
        let room = self.node.room(self.caller.user, passed.iter().map(Inbound::size).sum()).await;
        let sent = self.seat.frames(passed, room).await;
        sent.map_err(|why| self.outbox.close(why)).ok()
    }

    async fn recheck(&mut self) -> Result<(), Close> {
        let since = self.outbox.heard();
        let permission = match permission(&self.node, self.caller, self.seat.document.id).await {
            Ok(Permission::None) => return Err(Close::Removed),
            Ok(permission) => permission,
            Err(AccessError::Invalid) => return Err(Close::LoginRevoked),
            Err(AccessError::Unavailable) => {
                return self.registered.recheck_later();
            }
        };
        if permission != self.permission {
            self.permission = permission;
            self.seat.tell(Mail::Permission(self.seat.peer, permission)).await?;
        }
        self.outbox.asked(self.seat.peer, since);
        self.outbox.settle(since);
        Ok(())
    }
}

fn decode(frame: &Bytes) -> Option<Inbound> {
    match YjsFrame::decode(frame).ok()? {
        YjsFrame::Sync(message) => inbound(message),
        YjsFrame::Awareness(update) => Some(Inbound::Awareness(update)),
        YjsFrame::QueryAwareness => Some(Inbound::QueryAwareness),
        YjsFrame::Denied(_) => None,
    }
}
