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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::document::PeerId;

    fn mail(number: usize) -> Mail {
        Mail::Leave(PeerId(number as u64))
    }

    fn numbers(mails: &mut Vec<Mail>) -> Vec<usize> {
        let number = |mail| match mail {
            Mail::Leave(PeerId(number)) => usize::try_from(number).unwrap(),
            _ => unreachable!("nobody sends others here"),
        };
        mails.drain(..).map(number).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_write_to_one_who_reads_each_letter_once_and_in_its_writers_order() {
        const EACH: usize = 5000;
        let mailbox = Arc::new(Mailbox::default());
        for writer in 0..4 {
            let mailbox = mailbox.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    assert!(mailbox.send(mail(writer * EACH + number)).await.is_ok());
                }
            });
        }
        let (mut mails, mut next) = (Vec::new(), [0; 4]);
        while next != [EACH; 4] {
            mailbox.take(&mut mails, 7).await;
            assert!((1..=7).contains(&mails.len()), "{}", mails.len());
            for number in numbers(&mut mails) {
                assert_eq!(number % EACH, next[number / EACH]);
                next[number / EACH] += 1;
            }
        }
        assert!(mailbox.is_empty());
        assert_eq!(mailbox.room.available_permits(), ROOM, "all room is given back");
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_until_there_is_some() {
        let mailbox = Mailbox::default();
        for number in 0..ROOM {
            assert!(mailbox.try_send(mail(number)).is_ok());
        }
        assert!(matches!(mailbox.try_send(mail(ROOM)), Err(NotSent::Full(_))));
        let mut waiting = Box::pin(mailbox.send(mail(ROOM)));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut mails = Vec::new();
        mailbox.take(&mut mails, 1).await;
        assert!(waiting.await.is_ok());
        mailbox.take(&mut mails, ROOM).await;
        assert_eq!(numbers(&mut mails), (0..=ROOM).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_stops_waiting_for_mail_loses_none() {
        let mailbox = Mailbox::default();
        let mut mails = Vec::new();
        for number in 0..10 {
            assert!(mailbox.take(&mut mails, ROOM).now_or_never().is_none());
            assert!(mailbox.try_send(mail(number)).is_ok());
            mailbox.take(&mut mails, ROOM).await;
            assert_eq!(numbers(&mut mails), [number]);
        }
    }

    #[tokio::test]
    async fn what_waits_when_it_is_closed_comes_back_and_so_does_what_comes_later() {
        let mailbox = Mailbox::default();
        for number in 0..ROOM {
            assert!(mailbox.try_send(mail(number)).is_ok());
        }
        let mut waiting = Box::pin(mailbox.send(mail(ROOM)));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(numbers(&mut mailbox.close()), (0..ROOM).collect::<Vec<_>>());
        assert!(mailbox.is_closed());
        let back = waiting.await.err();
        assert!(matches!(back, Some(Mail::Leave(PeerId(number))) if number == ROOM as u64));
        assert!(matches!(mailbox.try_send(mail(0)), Err(NotSent::Closed)));
        assert!(mailbox.send(mail(0)).await.is_err());
    }

    #[tokio::test]
    async fn an_idle_one_keeps_no_room_for_a_burst() {
        let mailbox = Mailbox::default();
        let mut mails = Vec::new();
        for burst in [KEPT + 1, 4] {
            for number in 0..burst {
                assert!(mailbox.try_send(mail(number)).is_ok());
            }
            mailbox.take(&mut mails, ROOM).await;
            mails.clear();
            assert!(mailbox.take(&mut mails, ROOM).now_or_never().is_none());
        }
        assert!(mailbox.queue().mails.capacity() <= KEPT && mails.capacity() <= KEPT);
    }
}
