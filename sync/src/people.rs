//! What belongs to a person for as long as somebody holds it: their places, their share of what all take
//! from.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use studyhall_schema::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One thing for each person that has one now.
pub(crate) struct People<T>(Mutex<HashMap<UserId, Weak<T>>>);

impl<T> Default for People<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> People<T> {
    /// A person's, made when nobody holds it.
    pub(crate) fn of(&self, person: UserId, make: impl FnOnce() -> T) -> Arc<T> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = people.get(&person).and_then(Weak::upgrade) {
            return known;
        }
        if people.len() == people.capacity() {
            people.retain(|_, known| known.strong_count() > 0);
        }
        let made = Arc::new(make());
        people.insert(person, Arc::downgrade(&made));
        made
    }
}

/// Permits that all people take from, each of them no more at once than a share: who asks for many waits
/// behind themselves.
pub struct Shares {
    all: Arc<Semaphore>,
    share: usize,
    people: People<Semaphore>,
}

/// What somebody has taken, until it is dropped.
pub(crate) type Taken = [OwnedSemaphorePermit; 2];

impl Shares {
    /// So many for all, and for each.
    pub fn new(all: usize, share: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share, people: People::default() }
    }

    /// A person's way to them.
    pub fn of(&self, person: UserId) -> Share {
        let own = self.people.of(person, || Semaphore::new(self.share));
        Share { own, all: self.all.clone() }
    }
}

/// Gives back all but so many.
pub(crate) fn keep(taken: &mut Taken, permits: usize) {
    for taken in taken {
        let more = taken.num_permits().saturating_sub(permits);
        drop(taken.split(more));
    }
}

/// A person's share.
#[derive(Clone)]
pub struct Share {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Share {
    /// Waits for so many, which are no more than a share; `None` never comes: nothing closes them.
    pub async fn take(&self, permits: u32) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = self.own.clone().acquire_many_owned(permits).await.ok()?;
        Some([own, self.all.clone().acquire_many_owned(permits).await.ok()?])
    }

    /// Whether others wait for some, or may.
    pub fn is_taken(&self) -> bool {
        self.own.available_permits() == 0 || self.all.available_permits() == 0
    }

    /// Whether there is none for anybody.
    pub fn is_short(&self) -> bool {
        self.all.available_permits() == 0
    }

    /// Takes so many if there are.
    pub fn try_take(&self, permits: u32) -> Option<Taken> {
        let own = self.own.clone().try_acquire_many_owned(permits).ok()?;
        Some([own, self.all.clone().try_acquire_many_owned(permits).ok()?])
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn what_is_not_needed_is_given_back() {
        let shares = Shares::new(8, 8);
        let ada = UserId::from_bytes([1; 12]);
        let take = |permits| shares.of(ada).take(permits).now_or_never().flatten();
        let mut taken = take(8).unwrap();
        assert!(take(6).is_none());
        keep(&mut taken, 2);
        assert!(take(6).is_some());
        keep(&mut taken, 9);
        assert!(take(7).is_none(), "what is needed stays taken");
    }

    #[test]
    fn who_asks_for_many_waits_behind_themselves() {
        let shares = Shares::new(2, 1);
        let (ada, mallory) = (UserId::from_bytes([1; 12]), UserId::from_bytes([2; 12]));
        let take = |person| shares.of(person).take(1).now_or_never().flatten();
        let first = take(mallory);
        assert!(first.is_some());
        assert!(take(mallory).is_none(), "her share is taken");
        let hers = take(ada);
        assert!(hers.is_some(), "another's is not");
        drop(first);
        assert!(take(mallory).is_some());
    }
}
