//! What sockets keep of people who have not said who they are: bounded for each socket and for all of
//! them together. When all is taken, who keeps most goes, so that a few cannot keep the others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::outbox::{Close, Outbox};

/// What may wait for a token on one socket.
const SOCKET_BYTES: usize = 16 << 20;

/// All that waits for a token.
pub(crate) struct Strangers {
    most: usize,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    bytes: usize,
    /// By socket: what waits there, and how it is closed.
    queues: HashMap<u64, (usize, Arc<Outbox>)>,
}

impl All {
    fn take(&mut self, socket: u64, bytes: usize) {
        if let Some((held, _)) = self.queues.get_mut(&socket) {
            let bytes = bytes.min(*held);
            *held -= bytes;
            self.bytes -= bytes;
            if *held == 0 {
                self.queues.remove(&socket);
            }
        }
    }

    fn largest(&self) -> Option<u64> {
        self.queues.iter().max_by_key(|(_, (bytes, _))| *bytes).map(|(socket, _)| *socket)
    }
}

impl Strangers {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, all: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So much more waits on a socket; an error says how it is to be closed.
    pub(super) fn add(&self, socket: u64, outbox: &Arc<Outbox>, bytes: usize) -> Result<(), Close> {
        let mut all = self.all();
        let own = all.queues.entry(socket).or_insert_with(|| (0, outbox.clone()));
        own.0 += bytes;
        let is_too_much = own.0 > SOCKET_BYTES;
        all.bytes += bytes;
        if is_too_much {
            return Err(Close::TooLarge);
        }
        while all.bytes > self.most
            && let Some(largest) = all.largest()
        {
            if largest == socket {
                return Err(Close::TryLater);
            }
            if let Some((held, outbox)) = all.queues.remove(&largest) {
                all.bytes -= held;
                outbox.close(Close::TryLater);
            }
        }
        Ok(())
    }

    /// So much does not wait any more on a socket.
    pub(super) fn remove(&self, socket: u64, bytes: usize) {
        self.all().take(socket, bytes);
    }

    /// A socket has ended.
    pub(super) fn forget(&self, socket: u64) {
        self.all().take(socket, usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_most_goes_first() {
        let strangers = Strangers::new(100);
        let mallory: Vec<_> = (0..4).map(|_| Arc::new(Outbox::default())).collect();
        for (socket, outbox) in (0..).zip(&mallory) {
            assert_eq!(strangers.add(socket, outbox, 25), Ok(()));
        }
        let ada = Arc::new(Outbox::default());
        for _ in 0..3 {
            assert_eq!(strangers.add(9, &ada, 5), Ok(()));
        }
        assert!(!ada.is_closing());
        assert_eq!(mallory.iter().filter(|outbox| outbox.is_closing()).count(), 1);
        strangers.remove(9, 15);
        (0..4).for_each(|socket| strangers.forget(socket));
        assert_eq!(strangers.all().bytes, 0);
        assert_eq!(strangers.add(9, &ada, 101), Err(Close::TryLater));
        assert_eq!(strangers.add(9, &ada, SOCKET_BYTES), Err(Close::TooLarge));
    }
}
