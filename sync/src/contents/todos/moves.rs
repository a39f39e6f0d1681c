//! Todos that go from list to list: what a list says of one that is elsewhere, and what goes after it.
//!
//! One that was moved away is still there, with `moved_to`, and beside the todos is `moved: id → {was, first}`,
//! by who moved it. One that came from another list says so, `came: {from, was, moves}`: when a move was cut off
//! before the list that it left said so, it can be told which of the two is the older. And it says what of
//! each list that it went from has been carried over, `carried: list → {seq, was: […], now}`, and how that list
//! may still say that it was: nothing is carried over twice.

use std::collections::HashMap;

use serde_json::{Value, json};
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::Item,
};

use super::{
    ASSIGNEE, COMPLETED, DUE, Maps, MapsMut, NewTodo, TEXT, TODOS, TodoList, canonical, completion,
    parsed, short_text,
};
use crate::{document::Refusal, text};

/// The list that a todo was moved to: here it is not shown any more.
const MOVED_TO: &str = "moved_to";
/// Beside the todos: who moved which, and what they were then, `id → {was}`.
const MOVED: &str = "moved";
const WAS: &str = "was";
/// The same when they were moved, where something was carried over since.
const FIRST: &str = "first";
/// The list that a todo came from, and what it was there.
const CAME: &str = "came";
const FROM: &str = "from";
const MOVES: &str = "moves";
/// What has been carried over: what each list said of the todo, after which of its updates.
const TOOK: &str = "carried";
const SEQ: &str = "seq";
const NOW: &str = "now";
/// Of so many lists that is known.
const TAKEN_FROM: usize = 16;
/// Nodes that carry over from one list at once and have not said yet that it is over.
const UNDER_WAY: usize = 4;
/// What is carried over when it changes here after a move.
const CARRIED: [&str; 4] = [TEXT, ASSIGNEE, DUE, COMPLETED];
/// Todos that are carried over at once, of one person to one list.
const SHARE: usize = 50;
/// Todos that one person has moved of which it is looked at who has changed them since: for each all changes of
/// the document are walked.
const LOOKS: usize = 256;
/// Lists that todos of one person are carried over to at once.
const LISTS: usize = 10;

/// A todo that was changed here, by somebody who had not heard of it, after it was moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Late {
    /// The todo.
    pub id: TodoId,
    /// Where it is.
    pub to: DocumentId,
    /// Who moved it.
    pub moved_by: UserId,
    was: Value,
    now: Value,
}

/// How far a change has come that goes after its todo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Its end: it is made, or the todo is gone.
    Over,
    /// Another node has carried more, and tells when that is over.
    Passed,
    /// The todo was moved on.
    On {
        /// Where it is, as this list knows.
        to: DocumentId,
        /// Who moved it.
        by: UserId,
    },
}

/// Where a todo came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Came {
    /// The list that it was in.
    pub from: DocumentId,
    /// What it was there when it was taken along.
    pub was: Value,
    /// How often it has been moved.
    pub moves: u64,
    /// What of the lists before it has been carried over.
    pub took: Value,
}

/// What a list says of where a todo is.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts {
    /// Here.
    Here(Option<Came>),
    /// In another list.
    At(DocumentId),
    /// Nothing.
    Unknown,
}

/// What became of a todo that a list was to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was not here before.
    New,
    /// It had been moved from here.
    Back,
    /// It is here already.
    Known,
}

impl<M: Maps + ?Sized> TodoList<'_, M> {
    /// What was changed here after it was moved; when it is much, some for each list that each person has
    /// moved todos to, and theirs by turns: nobody's have to wait for those of others.
    pub fn late(&self) -> Vec<Late> {
        let mut shares: HashMap<UserId, HashMap<DocumentId, usize>> = HashMap::new();
        let mut looks: HashMap<UserId, usize> = HashMap::new();
        let mut late = Vec::new();
        for key in self.0.keys(MOVED) {
            let to = self.moved_to(&key);
            let (Some(to), Some(moved_by)) = (to, self.0.made_by(MOVED, &key)) else { continue };
            let lists = shares.entry(moved_by).or_default();
            let has_share = lists.contains_key(&to) || lists.len() < LISTS;
            if !has_share || lists.get(&to) == Some(&SHARE) {
                continue;
            }
            let looks = looks.entry(moved_by).or_default();
            if let Some(one) = self.late_one(&key, to, moved_by, looks) {
                let turn = lists.entry(to).or_default();
                *turn += 1;
                late.push((*turn, one));
            }
        }
        late.sort_by_key(|(turn, _)| *turn);
        late.into_iter().map(|(_, one)| one).collect()
    }

    /// The same of one.
    pub fn late_of(&self, id: TodoId) -> Option<Late> {
        let key = id.to_string();
        let (to, moved_by) = (self.moved_to(&key)?, self.0.made_by(MOVED, &key)?);
        self.late_one(&key, to, moved_by, &mut 0)
    }

    fn late_one(
        &self,
        key: &str,
        to: DocumentId,
        moved_by: UserId,
        looks: &mut usize,
    ) -> Option<Late> {
        // Whoever else has written what it was makes late what they like.
        let (id, was) = (canonical(key)?, sound(&self.0.own_field(MOVED, key, WAS)?));
        let mut now = self.carried(key);
        if CARRIED.iter().any(|field| now[field] != was[field]) {
            *looks += 1;
            if *looks > LOOKS {
                return None;
            }
            // Who had heard that it was moved writes it where it is.
            now = carried(|field| self.0.field_beside(TODOS, key, field, MOVED));
        }
        (was != now).then_some(Late { id, to, moved_by, was, now })
    }

    /// What is carried over of a todo, as far as it is sound.
    fn carried(&self, key: &str) -> Value {
        carried(|field| self.field(key, field))
    }

    pub(super) fn is_here(&self, key: &str) -> bool {
        self.0.is_map(TODOS, key) && self.moved_to(key).is_none()
    }

    /// The list that a todo was moved to, where there is a mark of that.
    pub(super) fn moved_to(&self, key: &str) -> Option<DocumentId> {
        let to = parsed(self.field(key, MOVED_TO))?;
        (matches!(to, DocumentId::Todos(_)) && self.0.is_map(MOVED, key)).then_some(to)
    }

    /// Where a todo is, as far as this list knows.
    pub fn whereabouts(&self, id: TodoId) -> Whereabouts {
        let key = id.to_string();
        match self.moved_to(&key) {
            Some(to) => Whereabouts::At(to),
            None if self.0.is_map(TODOS, &key) => Whereabouts::Here(self.came(&key)),
            None => Whereabouts::Unknown,
        }
    }

    fn came(&self, key: &str) -> Option<Came> {
        let mut came = self.field(key, CAME).filter(Value::is_object)?;
        let from = parsed(Some(came[FROM].take()))?;
        let (was, moves) = (sound(&came[WAS]), came[MOVES].as_u64().unwrap_or_default());
        let took = self.took(key);
        matches!(from, DocumentId::Todos(_)).then_some(Came { from, was, moves, took })
    }

    /// What it says that was carried over, as far as it is sound.
    fn took(&self, key: &str) -> Value {
        let said = self.field(key, TOOK);
        let lists = said.as_ref().and_then(Value::as_object).into_iter().flatten();
        let lists =
            lists.filter(|(list, _)| list.parse::<DocumentId>().is_ok()).map(|(list, took)| {
                let was = took[WAS].as_array().into_iter().flatten().take(UNDER_WAY).map(sound);
                let was: Vec<_> = was.collect();
                let took = json!({ SEQ: took[SEQ].as_u64(), WAS: was, NOW: sound(&took[NOW]) });
                (list.clone(), took)
            });
        Value::Object(lists.take(TAKEN_FROM).collect())
    }

    /// What of a todo goes with it to another list.
    pub fn taken_along(&self, id: TodoId) -> Value {
        self.carried(&id.to_string())
    }

    /// The same as it was when it was taken to another list, with what was carried over from there since: that
    /// is in there, and is nothing that was changed here.
    pub fn taken_to(&self, id: TodoId, to: DocumentId, came: &Came) -> Value {
        let (to, mut was) = (to.to_string(), came.was.clone());
        let took = self.took(&id.to_string());
        let Some(last) = took.get(&to) else { return was };
        let before = came.took.get(&to).map_or(&last[WAS][0], |before| &before[NOW]);
        for field in CARRIED {
            match (before[field].as_str(), last[NOW][field].as_str(), was[field].as_str()) {
                (Some(before), Some(now), Some(is)) if field == TEXT => {
                    was[field] = text::merged(before, now, is).into();
                }
                _ if was[field] == before[field] => was[field] = last[NOW][field].clone(),
                _ => {}
            }
        }
        was
    }

    /// What the list that a todo of this one goes to is told of that.
    pub fn leaving(&self, id: TodoId, from: DocumentId) -> Came {
        let key = id.to_string();
        let moves = self.came(&key).map_or(0, |came| came.moves).saturating_add(1);
        let took = self.took(&key);
        Came { from, was: self.taken_along(id), moves, took }
    }

    /// `completed` as it is, to be taken to another list.
    pub fn completed(&self, id: TodoId) -> Value {
        completion(self.field(&id.to_string(), COMPLETED))
    }
}

impl<M: MapsMut + ?Sized> TodoList<'_, M> {
    /// Takes a todo from another list into this one (`here`), or from nowhere. One that was moved from here
    /// comes back as it is now.
    pub fn receive(
        &mut self,
        here: DocumentId,
        (item, completed): (&Item, &Value),
        came: Option<&Came>,
    ) -> Result<Received, Refusal> {
        let key = item.id.to_string();
        let mut took = came.map(|came| came.took.clone()).unwrap_or_default();
        let own = took.as_object_mut().and_then(|lists| lists.remove(&here.to_string()));
        let received = if self.moved_to(&key).is_some() {
            self.take_back(&key, (item, completed), own.as_ref());
            Received::Back
        } else {
            let is_known = self.0.is_map(TODOS, &key);
            let new = NewTodo {
                text: item.text.clone(),
                assignee: item.assignee,
                due: item.due,
                created_at: item.created_at.unwrap_or_default(),
            };
            self.make(item.id, &new)?;
            if is_known {
                return Ok(Received::Known);
            }
            self.set(&key, COMPLETED, completed);
            Received::New
        };
        let came = came.map(|came| json!({ FROM: came.from, WAS: came.was, MOVES: came.moves }));
        for (field, value) in [(CAME, came.unwrap_or_default()), (TOOK, took)] {
            if value.as_object().is_some_and(|value| !value.is_empty())
                || self.field(&key, field).is_some()
            {
                self.set(&key, field, &value);
            }
        }
        Ok(received)
    }

    /// Only what was changed where it has been is set: the rest may have been changed here, by somebody
    /// who has not heard of the move. `took` is what was carried over from here at last.
    fn take_back(&mut self, key: &str, (item, completed): (&Item, &Value), took: Option<&Value>) {
        let comes = json!({
            TEXT: item.text,
            ASSIGNEE: item.assignee,
            DUE: item.due,
            COMPLETED: completion(Some(completed.clone())),
        });
        // What comes has what was carried over by the time that it was looked at, and nothing that was since.
        let first = || self.0.field(MOVED, key, FIRST).or_else(|| self.0.field(MOVED, key, WAS));
        let was = took.and_then(|took| took.get(NOW).cloned()).or_else(first);
        let was = was.as_ref().map(sound).unwrap_or_default();
        let is = self.carried(key);
        for field in CARRIED {
            if was.get(field) == Some(&comes[field]) || is[field] == comes[field] {
                continue;
            }
            match (was[field].as_str(), comes[field].as_str()) {
                (Some(was), Some(comes)) if field == TEXT => self.merge_text(key, was, comes),
                _ => self.set(key, field, &comes[field]),
            }
        }
        self.set(key, MOVED_TO, &Value::Null);
        self.0.remove(MOVED, key);
        self.put_last(key);
    }

    /// Says that a todo is in another list from now on, where it is as it was when it was taken there: what
    /// was done to it since is late. One that is not here stays as it is; where it is then.
    pub fn moved(&mut self, id: TodoId, to: DocumentId, was: &Value) -> Whereabouts {
        self.moved_unless_back(id, to, (was, u64::MAX))
    }

    /// The same, unless it was moved oftener than `moves` times by now: it has gone and come back since.
    pub fn moved_unless_back(
        &mut self,
        id: TodoId,
        to: DocumentId,
        (was, moves): (&Value, u64),
    ) -> Whereabouts {
        let (key, is) = (id.to_string(), self.whereabouts(id));
        if let Whereabouts::Here(came) = &is
            && came.as_ref().is_none_or(|came| came.moves <= moves)
        {
            self.set(&key, MOVED_TO, &json!(to));
            self.0.remove(MOVED, &key);
            self.0.set_field(MOVED, &key, WAS, was);
            return Whereabouts::At(to);
        }
        is
    }

    /// Takes what was changed of a todo where it had been before, in this list after this update. Of what was
    /// changed here as well, a text is merged; else it stays, since it was changed where the todo is.
    pub fn carry(&mut self, late: &Late, (from, seq): (DocumentId, u64)) -> Carried {
        let key = late.id.to_string();
        if let Some(to) = self.moved_to(&key) {
            let by = self.0.made_by(MOVED, &key);
            return by.map_or(Carried::Over, |by| Carried::On { to, by });
        }
        let (list, mut took) = (from.to_string(), self.took(&key));
        // Another node, or this one before, may have carried as much, or more.
        let (mut was, mut before) = (&late.was, vec![late.was.clone()]);
        if let Some(known) = took.get(&list) {
            let is_newer = known[SEQ].as_u64().is_some_and(|known| known > seq);
            if is_newer && known[NOW] != late.now {
                return Carried::Passed;
            }
            if let Some(now) = taken(known, was) {
                was = now;
                before = known[WAS].as_array().into_iter().flatten().cloned().collect();
                before.push(now.clone());
            }
        }
        if *was == late.now || !self.0.is_map(TODOS, &key) {
            return Carried::Over;
        }
        let is = self.carried(&key);
        let differs = |field: &&str| ![&was[*field], &is[*field]].contains(&&late.now[*field]);
        for field in CARRIED.into_iter().filter(differs) {
            match (was[field].as_str(), late.now[field].as_str()) {
                (Some(was), Some(now)) if field == TEXT => self.merge_text(&key, was, now),
                _ if is[field] == was[field] => self.set(&key, field, &late.now[field]),
                _ => {}
            }
        }
        before.drain(..before.len().saturating_sub(UNDER_WAY));
        if let Some(lists) = took.as_object_mut() {
            lists.insert(list.clone(), json!({ SEQ: seq, WAS: before, NOW: late.now }));
            while lists.len() > TAKEN_FROM
                && let Some(other) = lists.keys().find(|other| **other != list).cloned()
            {
                lists.remove(&other);
            }
        }
        self.set(&key, TOOK, &took);
        Carried::Over
    }

    /// What was changed of a todo after it was moved has been carried over; another node may have said so
    /// already, and of more.
    pub fn carried_over(&mut self, late: &Late) {
        let key = late.id.to_string();
        if self.0.field(MOVED, &key, WAS).as_ref().map(sound).as_ref() == Some(&late.was) {
            if self.0.field(MOVED, &key, FIRST).is_none() {
                self.0.set_field(MOVED, &key, FIRST, &late.was);
            }
            self.0.set_field(MOVED, &key, WAS, &late.now);
        }
    }

    /// Removes what there is still of a todo that was moved.
    pub fn forget_moved(&mut self, id: TodoId) {
        let key = id.to_string();
        if self.moved_to(&key).is_some() {
            self.0.remove(TODOS, &key);
            self.0.remove(MOVED, &key);
        }
    }
}

/// What has been carried over already of a list where the todo is said to have been so.
fn taken<'a>(took: &'a Value, was: &Value) -> Option<&'a Value> {
    took[WAS].as_array()?.contains(was).then_some(&took[NOW])
}

/// What a todo is said to have been. A client may have written anything there: it is merged, and carried from list to
/// list, and takes no more room there than a todo.
fn sound(said: &Value) -> Value {
    carried(|field| said.get(field).cloned())
}

fn carried(field: impl Fn(&str) -> Option<Value>) -> Value {
    json!({
        TEXT: short_text(field(TEXT).as_ref()),
        ASSIGNEE: parsed::<UserId>(field(ASSIGNEE)),
        DUE: parsed::<Timestamp>(field(DUE)),
        COMPLETED: completion(field(COMPLETED)),
    })
}
