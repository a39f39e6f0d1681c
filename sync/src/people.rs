//! What belongs to a person for as long as somebody holds it: their places, their share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use studyhall_schema::ids::UserId;

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
