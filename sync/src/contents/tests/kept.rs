//! What is kept of a list between two looks, against a look at all of it.

use std::collections::HashMap;

use ::automerge::{
    ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc, Value as Found, transaction::Transactable,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::*;

type Hall = super::Hall<Automerge>;
type Shown = (Vec<Item>, HashMap<TodoId, Hidden>);

impl<E: Engine> super::Hall<E> {
    /// What is shown, by somebody who keeps what they saw.
    fn look(&mut self, kept: &mut Kept) -> Shown {
        let mut view = E::view(&mut self.0);
        let touched = view.touched();
        read(view, |maps| kept.shown(&TodoList::of(maps), touched))
    }

    /// What is shown, by somebody who looks at all of it.
    fn all(&mut self) -> Shown {
        read(E::view(&mut self.0), |maps| Kept::default().shown(&TodoList::of(maps), None))
    }
}

/// A stock client with a document of its own.
struct Phone {
    owner: UserId,
    doc: AutoCommit,
}

impl Phone {
    fn of(owner: UserId, hall: &mut Hall) -> Self {
        let actor = ActorId::from([&b"phone"[..], &owner.bytes()].concat());
        Self { owner, doc: hall.0.doc().fork().with_actor(actor) }
    }

    /// Tells the list what was written, and hears what others wrote.
    fn syncs(&mut self, hall: &mut Hall) {
        self.doc.commit();
        let known = hall.0.doc().get_heads();
        let news = self.doc.get_changes(&known);
        let own: Vec<_> = news.iter().map(|change| change.raw_bytes().to_vec()).collect();
        for change in own {
            hall.takes(self.owner, change);
        }
        self.doc.merge(hall.0.doc()).unwrap();
    }

    fn root(&self, root: &str) -> Option<ObjId> {
        match self.doc.get(ROOT, root).unwrap() {
            Some((Found::Object(ObjType::Map), id)) => Some(id),
            _ => None,
        }
    }

    /// Writes something, sensible or not.
    fn writes(&mut self, chance: &mut StdRng) {
        let key = id(chance.random_range(1..6)).to_string();
        let root = *["todos", "todos", "todos", "moved"].choose(chance).unwrap();
        let step = chance.random_range(0..20);
        let Some(map) = self.root(root).filter(|_| step > 0) else {
            self.doc.put_object(ROOT, root, ObjType::Map).unwrap();
            return;
        };
        let entry = match self.doc.get(&map, &key).unwrap() {
            Some((Found::Object(ObjType::Map), entry)) => entry,
            _ => self.doc.put_object(&map, &key, ObjType::Map).unwrap(),
        };
        match step {
            1 => self.doc.put(&map, &key, 5).unwrap(),
            2 | 3 => self.doc.delete(&map, &key).unwrap(),
            4 => drop(self.doc.put_object(&map, &key, ObjType::Map).unwrap()),
            5 => self.doc.put(&entry, "moved_to", "nowhere").unwrap(),
            6 | 7 => {
                let list = DocumentId::Todos([2; 12]).to_string();
                self.doc.put(&entry, "moved_to", list).unwrap();
            }
            8 | 9 => self.doc.put(&entry, "position", chance.random_range(-4..4)).unwrap(),
            10 | 11 => {
                let done = self.doc.put_object(&entry, "completed", ObjType::Map).unwrap();
                self.doc.put(&done, "at", "2026-02-01T00:00:00.000Z").unwrap();
            }
            12 => self.doc.put(&map, key.to_uppercase(), 5).unwrap(),
            13 => self.doc.delete(&entry, "text").unwrap(),
            _ => {
                let text = match self.doc.get(&entry, "text").unwrap() {
                    Some((Found::Object(ObjType::Text), text)) => text,
                    _ => self.doc.put_object(&entry, "text", ObjType::Text).unwrap(),
                };
                self.doc.splice_text(&text, 0, 0, &format!("{step} ")).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn who_looks_at_what_was_touched_sees_what_who_looks_at_all_sees() {
    for seed in 0..60 {
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut hall, mut kept) = (Hall::default(), Kept::default());
        let mut phones = [Phone::of(ada(), &mut hall), Phone::of(ben(), &mut hall)];
        for step in 0..60 {
            let phone = &mut phones[chance.random_range(0..2)];
            match chance.random_range(0..8) {
                0 | 1 => phone.syncs(&mut hall),
                2 => assert_eq!(hall.look(&mut kept), hall.all(), "seed {seed}, step {step}"),
                _ => phone.writes(&mut chance),
            }
        }
        for phone in &mut phones {
            phone.syncs(&mut hall);
        }
        assert_eq!(hall.look(&mut kept), hall.all(), "seed {seed}");
    }
}

#[tokio::test]
async fn only_what_was_touched_is_looked_at_again() {
    let mut hall = Hall::default();
    for number in 1..=3 {
        hall.edits(|todos| todos.make(id(number), &new("todo")));
    }
    assert_eq!(hall.0.touched(), None, "who has not asked before knows of nothing");
    hall.edits(|todos| todos.complete(id(2), ada(), Timestamp::from_millis(9)));
    let mut ben = Phone::of(ben(), &mut hall);
    let todos = ben.root("todos").unwrap();
    let (_, third) = ben.doc.get(&todos, id(3).to_string()).unwrap().unwrap();
    let (_, text) = ben.doc.get(&third, "text").unwrap().unwrap();
    ben.doc.splice_text(&text, 0, 0, "the third ").unwrap();
    ben.syncs(&mut hall);
    let touched = [id(2), id(3)].map(|id| id.to_string()).into();
    assert_eq!(hall.0.touched(), Some(touched));
    assert_eq!(hall.0.touched(), Some([].into()));
}

#[tokio::test]
async fn what_is_behind_the_first_ones_comes_up_when_they_go() {
    let number = |count: usize| {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&count.to_be_bytes());
        TodoId::from_bytes(bytes)
    };
    let (mut hall, mut kept) = (Hall::default(), Kept::default());
    hall.client(ada(), |doc, todos| {
        for count in 0..MOST + 2 {
            let todo = doc.put_object(todos, number(count).to_string(), ObjType::Map).unwrap();
            doc.put(&todo, "position", u64::try_from(count).unwrap()).unwrap();
        }
    });
    assert_eq!(hall.look(&mut kept), hall.all());
    hall.edits(|todos| {
        todos.remove(number(5));
        Ok(())
    });
    let (items, hidden) = hall.look(&mut kept);
    assert_eq!((items.len(), items[MOST - 1].id), (MOST, number(MOST)));
    assert_eq!(hidden, [(number(MOST + 1), Hidden::Behind)].into());
}
