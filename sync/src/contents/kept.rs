//! What was read of a list of todos, kept from one projection to the next: of a thousand todos only those
//! that were touched since are read again.

use std::collections::{HashMap, HashSet};

use studyhall_schema::{
    ids::TodoId,
    todo::{Item, MOST},
};

use super::{
    Hidden, Maps, TodoList,
    todos::{Placed, canonical, in_order},
};

/// What was read of a list.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    places: HashMap<TodoId, Placed>,
    /// Of those that are shown.
    items: HashMap<TodoId, Item>,
}

impl Kept {
    /// The first [`MOST`] todos in order, and what is in the list beside. `touched` has the keys of all
    /// entries that have changed since this was asked; without it all are looked at.
    pub(crate) fn shown<M: Maps + ?Sized>(
        &mut self,
        list: &TodoList<'_, M>,
        touched: Option<HashSet<String>>,
    ) -> (Vec<Item>, HashMap<TodoId, Hidden>) {
        if let Some(touched) = touched {
            for key in &touched {
                self.look(list, key);
            }
        } else {
            *self = Self::default();
            for key in &list.keys() {
                self.look(list, key);
            }
        }
        let order = in_order(self.places.iter().map(|(id, placed)| (*id, *placed)));
        let away = self.places.iter().filter(|(_, placed)| **placed == Placed::Away);
        let mut hidden: HashMap<_, _> = away.map(|(id, _)| (*id, Hidden::Moved)).collect();
        for (_, id) in order.iter().skip(MOST) {
            hidden.insert(*id, Hidden::Behind);
            self.items.remove(id);
        }
        let first = order.into_iter().take(MOST).map(|(_, id)| id);
        (first.filter_map(|id| self.item(list, id)).collect(), hidden)
    }

    fn look<M: Maps + ?Sized>(&mut self, list: &TodoList<'_, M>, key: &str) {
        let Some(id) = canonical(key) else { return };
        self.items.remove(&id);
        match list.placed(key) {
            Some((_, placed)) => self.places.insert(id, placed),
            None => self.places.remove(&id),
        };
    }

    fn item<M: Maps + ?Sized>(&mut self, list: &TodoList<'_, M>, id: TodoId) -> Option<Item> {
        if let Some(item) = self.items.get(&id) {
            return Some(item.clone());
        }
        let item = list.item(id)?;
        self.items.insert(id, item.clone());
        Some(item)
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.items.values().map(|item| item.text.len()).sum();
        texts + self.items.len() * size_of::<(TodoId, Item)>() + self.places.len() * PLACE
    }
}

/// A place with what the map takes for it.
const PLACE: usize = 2 * size_of::<(TodoId, Placed)>();
