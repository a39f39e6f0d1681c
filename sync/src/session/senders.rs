//! Which peers of automerge-repo are connected, and whose they are: nothing in that protocol says that a
//! peer is who it says, so that its name belongs to the person who has it now.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use studyhall_schema::ids::UserId;

/// Whose each name is, and on how many sockets.
type Names = HashMap<Arc<str>, (UserId, usize)>;

/// The names in use on this node.
#[derive(Clone, Default)]
pub(crate) struct Senders {
    names: Arc<Mutex<Names>>,
    salt: RandomState,
}

/// A name, for as long as this lives.
pub(super) struct Held {
    senders: Senders,
    pub(super) name: Arc<str>,
}

impl Senders {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What others are told instead of a name: whoever knew it could take it while its person is away.
    pub(crate) fn alias(&self, name: &str) -> String {
        format!("peer-{:016x}", self.salt.hash_one(name))
    }

    /// Takes a name; `None` while it is another person's.
    pub(super) fn hold(&self, name: &str, person: UserId) -> Option<Held> {
        let name: Arc<str> = name.into();
        let mut names = self.names();
        let (owner, times) = names.entry(name.clone()).or_insert((person, 0));
        if *owner != person {
            return None;
        }
        *times += 1;
        drop(names);
        Some(Held { senders: self.clone(), name })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut names = self.senders.names();
        if let Some((_, times)) = names.get_mut(&self.name) {
            *times -= 1;
            if *times == 0 {
                names.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_persons_until_they_have_gone() {
        let senders = Senders::default();
        let (ada, eve) = (UserId::from_bytes([1; 12]), UserId::from_bytes([2; 12]));
        let (first, second) = (senders.hold("laptop", ada), senders.hold("laptop", ada));
        assert!(first.is_some() && second.is_some() && senders.hold("laptop", eve).is_none());
        drop(first);
        assert!(senders.hold("laptop", eve).is_none());
        drop(second);
        assert!(senders.hold("laptop", eve).is_some());
    }
}
