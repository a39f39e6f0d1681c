//! A plain note in an Automerge document: a text `content` and a map `meta`.
//!
//! Every document begins with the same first change for its kind, since root objects that are made apart
//! hide each other. Edits are made on a fork and come back as a change.

use std::sync::LazyLock;

use automerge::{
    ActorId, AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{CommitOptions, Transactable},
};
use studyhall_schema::{document::DocumentKind, ids::NoteId};

use super::{
    CONTENT, EditError, MAX_TITLE, META, TITLE, Wanted,
    edits::{edits, utf16_len},
};
use crate::document::automerge::new_doc;

/// The actor of first changes, but for the kind.
const FIRST: [u8; 15] = *b"studyhall first";
/// The actor of a note's first content, before the note's id.
const INITIAL: [u8; 4] = *b"note";
/// The actor of edits that the server makes, before their client id.
const EDITOR: [u8; 8] = *b"studyhal";

/// What a document of a kind begins with: its empty root objects.
fn objects(kind: DocumentKind) -> (u8, &'static [(&'static str, ObjType)]) {
    match kind {
        DocumentKind::PlainNote | DocumentKind::RichNote => {
            (1, &[(CONTENT, ObjType::Text), (META, ObjType::Map)])
        }
        DocumentKind::Todos => (2, &[("todos", ObjType::Map), ("moved", ObjType::Map)]),
        DocumentKind::Room => (3, &[("state", ObjType::Map)]),
    }
}

/// The change that every document of a kind begins with (actor, number and time are fixed).
pub fn first_change(kind: DocumentKind) -> Vec<u8> {
    let (number, _) = objects(kind);
    FIRST_CHANGES[usize::from(number) - 1].clone()
}

/// Whether it is what documents of some kind begin with: nobody wrote that.
pub fn is_first_change(update: &[u8]) -> bool {
    FIRST_CHANGES.iter().any(|first| first == update)
}

/// By the numbers of their kinds. Made once: each update of a log is compared with them, and to make them took nine
/// tenths of what a paper took that was typed.
static FIRST_CHANGES: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| [DocumentKind::PlainNote, DocumentKind::Todos, DocumentKind::Room].map(begun));

fn begun(kind: DocumentKind) -> Vec<u8> {
    let (number, objects) = objects(kind);
    let actor: Vec<u8> = FIRST.into_iter().chain([number]).collect();
    let mut doc = new_doc().with_actor(ActorId::from(actor));
    for (key, object) in objects {
        // Nothing but the type of an object could be wrong.
        let _ = doc.put_object(ROOT, *key, *object);
    }
    last_change(&mut doc).unwrap_or_default()
}

/// The change that gives a new note its first content, after [`first_change`]: the same bytes for the
/// same note.
pub fn initial_change(note: NoteId, title: Option<&str>, text: &str) -> Option<Vec<u8>> {
    let mut doc = new_doc();
    doc.load_incremental(&first_change(DocumentKind::PlainNote)).ok()?;
    doc.set_actor(ActorId::from(initial_actor(note)));
    if let Some(content) = object(&doc, CONTENT, ObjType::Text) {
        doc.splice_text(&content, 0, 0, text).ok()?;
    }
    if let (Some(title), Some(meta)) = (title, object(&doc, META, ObjType::Map)) {
        doc.put(&meta, TITLE, title).ok()?;
    }
    last_change(&mut doc)
}

/// Who writes a note's first content.
pub(super) fn initial_actor(note: NoteId) -> Vec<u8> {
    INITIAL.into_iter().chain(note.bytes()).collect()
}

pub(crate) fn last_change(doc: &mut AutoCommit) -> Option<Vec<u8>> {
    doc.commit_with(CommitOptions::default().with_time(0));
    Some(doc.get_last_local_change()?.raw_bytes().to_vec())
}

fn object(doc: &AutoCommit, key: &str, of: ObjType) -> Option<ObjId> {
    match doc.get(ROOT, key) {
        Ok(Some((Value::Object(found), id))) if found == of => Some(id),
        _ => None,
    }
}

/// The actor of the server's edits under a client id.
pub(crate) fn editor(client: u64) -> Vec<u8> {
    EDITOR.into_iter().chain(client.to_be_bytes()).collect()
}

/// The same, made where a client has put something else, or nothing, in its place.
fn object_or_new(doc: &mut AutoCommit, key: &str, of: ObjType) -> Result<ObjId, EditError> {
    match object(doc, key, of) {
        Some(there) => Ok(there),
        None => doc.put_object(ROOT, key, of).map_err(|_| EditError::Content),
    }
}

/// The note's whole text; of a client that writes it as one value, too.
pub fn read_text(doc: &AutoCommit) -> String {
    match doc.get(ROOT, CONTENT) {
        Ok(Some((Value::Object(ObjType::Text), id))) => doc.text(&id).unwrap_or_default(),
        Ok(Some((Value::Scalar(value), _))) => value.as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// The title, at most [`MAX_TITLE`] characters of it; `None` when there is none that is a text.
pub fn read_title(doc: &AutoCommit) -> Option<String> {
    let meta = object(doc, META, ObjType::Map)?;
    let title = match doc.get(&meta, TITLE).ok()?? {
        (Value::Scalar(value), _) => match value.as_ref() {
            ScalarValue::Str(title) => title.to_string(),
            _ => return None,
        },
        (Value::Object(ObjType::Text), id) => doc.text(&id).ok()?,
        _ => return None,
    };
    Some(title.chars().take(MAX_TITLE).collect())
}

/// So many letters at least are written or deleted to make the note read as wanted; each is an operation.
pub(super) fn least_operations(doc: &AutoCommit, wanted: Wanted<'_>) -> u64 {
    utf16_len(&read_text(doc)).abs_diff(utf16_len(wanted.text)).into()
}

/// The change by which the note comes to read as it is wanted, made under `client`; `None` when it reads
/// so already.
pub fn diff_change(
    doc: &mut AutoCommit,
    client: u64,
    wanted: Wanted<'_>,
) -> Result<Option<Vec<u8>>, EditError> {
    let content = |_: AutomergeError| EditError::Content;
    let mut fork = doc.fork().with_actor(ActorId::from(editor(client)));
    if read_text(&fork) != wanted.text {
        let text = object_or_new(&mut fork, CONTENT, ObjType::Text)?;
        splice(&mut fork, &text, wanted.text).map_err(content)?;
    }
    if let Some(title) = wanted.new_title(read_title(&fork)) {
        let meta = object_or_new(&mut fork, META, ObjType::Map)?;
        match fork.get(&meta, TITLE).map_err(content)? {
            Some((Value::Object(ObjType::Text), text)) => splice(&mut fork, &text, title),
            _ => fork.put(&meta, TITLE, title),
        }
        .map_err(content)?;
    }
    Ok(if fork.pending_ops() == 0 { None } else { last_change(&mut fork) })
}

/// Edits a text to read as `new_text`, only where it differs.
pub(crate) fn splice(
    doc: &mut AutoCommit,
    text: &ObjId,
    new_text: &str,
) -> Result<(), AutomergeError> {
    let old = doc.text(text)?;
    for edit in edits(&old, new_text).into_iter().rev() {
        let length = |from: u32, to: u32| isize::try_from(to - from).unwrap_or(isize::MAX);
        let [start, at] = [edit.start, edit.at].map(|at| at as usize);
        doc.splice_text(text, at, 0, edit.inserted)?;
        let behind = at + utf16_len(edit.inserted) as usize;
        doc.splice_text(text, behind, length(edit.at, edit.end), "")?;
        doc.splice_text(text, start, length(edit.start, edit.at), "")?;
    }
    Ok(())
}

/// As an editor does: what is deleted goes, and what is typed stands where it was.
#[cfg(test)]
pub(super) fn type_over(doc: &mut AutoCommit, at: usize, (deleted, typed): (usize, &str)) {
    let text = object(doc, CONTENT, ObjType::Text).expect("a note");
    doc.splice_text(&text, at, isize::try_from(deleted).expect("a word"), typed).expect("typed");
}
