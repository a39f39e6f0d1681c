//! What people do to an Automerge document: changes that are made before anything is measured. Knows
//! nothing of servers.

use std::{collections::HashMap, rc::Rc};

use anyhow::{Context, Result};
use automerge::{
    ActorId, AutoCommit, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    TextEncoding,
    transaction::{CommitOptions, Transactable},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use studyhall_schema::document::DocumentKind;
use studyhall_sync::text::automerge::first_change;

use crate::typing::Patch;

/// One change, ready to send.
pub(super) struct Edit {
    pub(super) writer: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: ChangeHash,
    pub(super) deps: Vec<ChangeHash>,
    /// How many edits of each writer stand behind its content, its own among them.
    pub(super) seen: Vec<u32>,
}

/// A document and what happens to it.
pub(super) struct Script {
    pub(super) kind: DocumentKind,
    /// What it begins with: the first change of its kind, then what was there before.
    pub(super) base: Vec<Vec<u8>>,
    pub(super) base_heads: Vec<ChangeHash>,
    /// In the order in which they were made.
    pub(super) edits: Vec<Edit>,
    pub(super) places: HashMap<ChangeHash, usize>,
    pub(super) writers: usize,
}

impl Script {
    /// The edits of one writer.
    pub(super) fn of(&self, writer: usize) -> Vec<usize> {
        (0..self.edits.len()).filter(|at| self.edits[*at].writer == writer).collect()
    }
}

fn actor(number: usize) -> ActorId {
    ActorId::from(format!("bench of people {number:04}").into_bytes())
}

fn committed(doc: &mut AutoCommit) -> Result<Change> {
    doc.commit_with(CommitOptions::default().with_time(0)).context("nothing was changed")?;
    doc.get_last_local_change().context("no change was made")
}

/// A document as everybody has it at the start.
struct Start {
    doc: AutoCommit,
    object: ObjId,
    script: Script,
}

impl Start {
    fn of(kind: DocumentKind, name: &str, writers: usize) -> Result<Self> {
        let first = first_change(kind);
        let mut doc = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit);
        doc.load_incremental(&first)?;
        let object = doc.get(ROOT, name)?.context("the first change makes it")?.1;
        doc.set_actor(actor(9999));
        let (base, edits, places) = (vec![first], Vec::new(), HashMap::new());
        let base_heads = doc.get_heads();
        let script = Script { kind, base, base_heads, edits, places, writers };
        Ok(Self { doc, object, script })
    }

    fn was_there(&mut self) -> Result<()> {
        self.script.base.push(committed(&mut self.doc)?.raw_bytes().to_vec());
        self.script.base_heads = self.doc.get_heads();
        Ok(())
    }
}

impl Script {
    fn push(&mut self, writer: usize, change: &Change) {
        let mut seen = vec![0; self.writers];
        for place in change.deps().iter().filter_map(|hash| self.places.get(hash)) {
            for (most, of) in seen.iter_mut().zip(&self.edits[*place].seen) {
                *most = (*most).max(*of);
            }
        }
        seen[writer] += 1;
        self.places.insert(change.hash(), self.edits.len());
        self.edits.push(Edit {
            writer,
            bytes: change.raw_bytes().to_vec(),
            hash: change.hash(),
            deps: change.deps().to_vec(),
            seen,
        });
    }
}

fn typed(doc: &mut AutoCommit, text: &ObjId, Patch(at, gone, come): &Patch) -> Result<()> {
    Ok(doc.splice_text(text, *at as usize, isize::try_from(*gone)?, come)?)
}

/// A note that one person types, a change a key.
pub(super) fn note(patches: &[Patch]) -> Result<Rc<Script>> {
    let mut start = Start::of(DocumentKind::PlainNote, "content", 1)?;
    start.doc.set_actor(actor(0));
    for patch in patches {
        typed(&mut start.doc, &start.object, patch)?;
        let change = committed(&mut start.doc)?;
        start.script.push(0, &change);
    }
    Ok(Rc::new(start.script))
}

/// A note that was typed before anybody comes.
pub(super) fn typed_note(patches: &[Patch]) -> Result<Rc<Script>> {
    let mut start = Start::of(DocumentKind::PlainNote, "content", 0)?;
    for patch in patches {
        typed(&mut start.doc, &start.object, patch)?;
        start.was_there()?;
    }
    Ok(Rc::new(start.script))
}

/// A list of todos that people edit in turn; each has seen what was done before the last round.
pub(super) fn list(todos: usize, people: usize, edits: usize, seed: u64) -> Result<Rc<Script>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut start = Start::of(DocumentKind::Todos, "todos", people)?;
    let mut items = Vec::with_capacity(todos);
    for number in 0..todos {
        let id = format!("{number:024x}");
        let item = start.doc.put_object(&start.object, &id, ObjType::Map)?;
        start.doc.put(&item, "text", format!("todo {number}, to be read"))?;
        for field in ["assignee_id", "due_date", "completed"] {
            start.doc.put(&item, field, ScalarValue::Null)?;
        }
        start.doc.put(&item, "created_at", "2026-01-05T10:00:01Z")?;
        start.doc.put(&item, "position", f64::from(u32::try_from(number)?) + 1.0)?;
        start.was_there()?;
        items.push(item);
    }
    let docs = (0..people).map(|person| start.doc.fork().with_actor(actor(person)));
    let mut docs: Vec<_> = docs.collect();
    let mut script = start.script;
    let mut made: Vec<Change> = Vec::with_capacity(edits);
    let mut known = vec![0; people];
    for number in 0..edits {
        let person = number % people;
        let until = (number + 1).saturating_sub(people);
        let news = made[known[person]..until].iter();
        let news = news.filter(|change| *change.actor_id() != actor(person)).cloned();
        docs[person].apply_changes(news.collect::<Vec<_>>())?;
        known[person] = until;
        let item = &items[random.random_range(0..items.len())];
        // What is so already would be no change.
        while docs[person].pending_ops() == 0 {
            touch(&mut docs[person], item, &mut random)?;
        }
        let change = committed(&mut docs[person])?;
        script.push(person, &change);
        made.push(change);
    }
    Ok(Rc::new(script))
}

/// What people do to a todo: done or not, moved, renamed.
fn touch(doc: &mut AutoCommit, item: &ObjId, random: &mut StdRng) -> Result<()> {
    match random.random_range(0..4) {
        0 => {
            let done = doc.put_object(item, "completed", ObjType::Map)?;
            doc.put(&done, "at", "2026-01-06T10:00:00Z")?;
            doc.put(&done, "by", "bbbbbbbbbbbbbbbbbbbbbbbb")?;
        }
        1 => doc.put(item, "completed", ScalarValue::Null)?,
        2 => doc.put(item, "position", random.random_range(0.0..1000.0_f64))?,
        _ => doc.put(item, "text", format!("todo, revised {}", random.random::<u32>()))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_all_changes_has_what_everybody_did() {
        let script = list(20, 4, 60, 7).unwrap();
        let mut doc = AutoCommit::new();
        for change in script.base.iter().chain(script.edits.iter().map(|edit| &edit.bytes)) {
            doc.load_incremental(change).unwrap();
        }
        assert_eq!(doc.get_heads().len(), 4, "nobody has seen the last round");
        assert_eq!(script.edits[59].seen, [14, 14, 14, 15]);
    }
}
