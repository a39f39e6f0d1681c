//! Where a document's actor takes its mail: bounded, for many senders and one reader. An idle one takes no room
//! for mail; a channel of the runtime's keeps more than a kilobyte for each document. Must not know what a mail says.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::{sync::Semaphore, task::coop};

use super::Mail;
use crate::node::Opened;

/// Mails that may wait for a document; senders wait beyond that.
const ROOM: usize = 512;
/// Room for so many mails is kept while none is there.
const KEPT: usize = 32;

/// Mails on their way to an actor.
pub(crate) struct Mailbox {
    room: Semaphore,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    mails: Vec<Mail>,
    reader: Option<Waker>,
    is_closed: bool,
}

/// Why a mail was not taken.
pub(crate) enum NotSent {
    /// There is no room for it now.
    Full(Mail),
    /// Nobody takes mail any more.
    Closed,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { room: Semaphore::new(ROOM), queue: Mutex::default() }
    }
}

impl Mailbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a mail in when there is room for it; it comes back when nobody takes mail any more.
    pub(crate) async fn send(&self, mail: Mail) -> Result<(), Mail> {
        match self.room.acquire().await {
            Ok(room) => room.forget(),
            Err(_) => return Err(mail),
        }
        self.put(mail)
    }

    /// The same, without waiting for room.
    pub(crate) fn try_send(&self, mail: Mail) -> Result<(), NotSent> {
        match self.room.try_acquire() {
            Ok(room) => room.forget(),
            Err(_) if self.room.is_closed() => return Err(NotSent::Closed),
            Err(_) => return Err(NotSent::Full(mail)),
        }
        self.put(mail).map_err(|_| NotSent::Closed)
    }

    fn put(&self, mail: Mail) -> Result<(), Mail> {
        let mut queue = self.queue();
        if queue.is_closed {
            return Err(mail);
        }
        queue.mails.push(mail);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Takes mails that wait, so many at most; waits for the first. For one reader, who may stop and wait again.
    pub(super) async fn take(&self, mails: &mut Vec<Mail>, most: usize) {
        coop::cooperative(poll_fn(|context| self.poll_take(context, mails, most))).await;
    }

    fn poll_take(&self, context: &mut Context<'_>, to: &mut Vec<Mail>, most: usize) -> Poll<()> {
        let mut queue = self.queue();
        let taken = queue.mails.len().min(most);
        if taken == 0 {
            for idle in [&mut queue.mails, to] {
                if idle.capacity() > KEPT {
                    *idle = Vec::new();
                }
            }
            let is_known = |reader: &Waker| reader.will_wake(context.waker());
            if !queue.reader.as_ref().is_some_and(is_known) {
                queue.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        if to.is_empty() && taken == queue.mails.len() {
            std::mem::swap(to, &mut queue.mails);
        } else {
            to.extend(queue.mails.drain(..taken));
        }
        drop(queue);
        self.room.add_permits(taken);
        Poll::Ready(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue().mails.is_empty()
    }

    /// Nothing more is taken. What waited comes back.
    pub(super) fn close(&self) -> Vec<Mail> {
        self.room.close();
        let mut queue = self.queue();
        queue.is_closed = true;
        queue.reader = None;
        std::mem::take(&mut queue.mails)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }
}

/// However an actor ends, nobody sends to it any more, and what waited is dropped.
pub(super) struct Closes(pub(super) Arc<Opened>);

impl Drop for Closes {
    fn drop(&mut self) {
        drop(self.0.mailbox.close());
    }
}
