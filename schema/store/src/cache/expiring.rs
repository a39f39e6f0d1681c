//! A bounded map whose entries end.

use std::collections::{HashMap, VecDeque};

use studyhall_schema::Timestamp;

use crate::StoreError;

/// How many entries are remembered at most. When there are more, the next is refused: forgetting
/// one would let somebody in.
pub(super) const MAX_REMEMBERED: usize = 1 << 20;

/// An entry has a place in the queue of ends. Ends may be out of order there, which delays forgetting
/// and changes no answer.
pub(super) struct Expiring<V> {
    entries: HashMap<String, (V, Timestamp)>,
    ends: VecDeque<(Timestamp, String)>,
}

impl<V> Default for Expiring<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), ends: VecDeque::new() }
    }
}

impl<V> Expiring<V> {
    /// The live entry of `key`.
    pub(super) fn get(&self, key: &str, now: Timestamp) -> Option<&V> {
        self.entries.get(key).filter(|(_, end)| now < *end).map(|(value, _)| value)
    }

    /// Takes it away.
    pub(super) fn take(&mut self, key: &str, now: Timestamp) -> Option<V> {
        let (value, end) = self.entries.remove(key)?;
        (now < end).then_some(value)
    }

    pub(super) fn put(
        &mut self,
        key: &str,
        value: V,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(entry) = self.entries.get_mut(key) {
            *entry = (value, end);
            return Ok(());
        }
        self.forget(now);
        if self.ends.len() >= MAX_REMEMBERED {
            return Err(StoreError::Unavailable("too much to remember".into()));
        }
        self.entries.insert(key.to_owned(), (value, end));
        self.ends.push_back((end, key.to_owned()));
        Ok(())
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.ends.pop_front_if(|(end, _)| *end <= now) {
            match self.entries.get(&key) {
                Some((_, end)) if *end > now => self.ends.push_back((*end, key)),
                Some(_) => drop(self.entries.remove(&key)),
                None => {}
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_cannot_be_remembered_is_refused() {
        let (now, end) = (Timestamp::default(), Timestamp::default() + Duration::from_mins(1));
        let mut tickets = Expiring::default();
        for number in 0..MAX_REMEMBERED {
            tickets.put(&number.to_string(), (), now, end).unwrap();
        }
        let refused = tickets.put("one more", (), now, end);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
        assert_eq!(tickets.put("0", (), now, end), Ok(()), "it is remembered already");
        assert_eq!(tickets.put("one more", (), end, end + Duration::from_mins(1)), Ok(()));
        assert_eq!(tickets.len(), 1);
    }

    #[test]
    fn what_lasts_longer_than_it_was_to_last_is_kept() {
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        let mut cells = Expiring::default();
        cells.put("ada", 1, at(0), at(10)).unwrap();
        cells.put("ada", 2, at(5), at(20)).unwrap();
        cells.put("ben", 1, at(15), at(25)).unwrap();
        assert_eq!(cells.get("ada", at(15)), Some(&2));
        assert_eq!(cells.take("ada", at(20)), None, "over");
        cells.put("eve", 1, at(30), at(40)).unwrap();
        assert_eq!(cells.len(), 1);
    }
}
