//! A note's text: read from its document, and edited by edits instead of being overwritten.
//!
//! Edits are made on a fork of the document and come back as an update, so that the document
//! itself changes only after the update is committed. Must not know the store, sockets or the
//! clock.

pub mod automerge;
mod begun;
mod come;
mod diff;
mod edits;
mod ends;
mod lines;
mod merge;
mod note;
mod rich;
mod seen;
mod words;

use std::sync::{Arc, LazyLock};

use studyhall_schema::{ids::NoteId, note::Format};
use thiserror::Error;
use yrs::{
    ClientID, Doc, GetString, Map, OffsetKind, Options, ReadTxn, Text, TextRef, Transact,
    TransactionMut, Update, WriteTxn, XmlElementPrelim, XmlFragment, XmlTextPrelim,
    updates::decoder::Decode,
};

pub use self::{
    begun::{Candidate, Known, Since, begun_with},
    come::has_come,
    merge::{merged, merged_again},
    note::NoteText,
    seen::both,
};
use self::{
    edits::{edits, utf16_len},
    rich::Blocks,
};
use crate::document::Refusal;

const CONTENT: &str = "content";
const FRAGMENT: &str = "default";
const META: &str = "meta";
const TITLE: &str = "title";

/// Beyond so many bytes, comparing takes long enough to keep others waiting.
pub(crate) const LARGE: usize = 4 << 10;

/// The longest title that is shown, in characters.
pub const MAX_TITLE: usize = 200;

/// Why a text could not be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EditError {
    /// The state is not one that yrs reads.
    #[error("the document's state cannot be read")]
    State,
    /// The document holds something that cannot be edited as text.
    #[error("the document's content cannot be edited as text")]
    Content,
    /// There is no room for so many operations, told before they are made.
    #[error("the document is full")]
    Full,
    /// It has so many blocks, and so many of them would change, that it would take minutes.
    #[error("too many of the note's lines would change at once")]
    TooLong,
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        match error {
            EditError::State | EditError::Content => Self::Undecodable,
            EditError::Full => Self::DocumentFull,
            EditError::TooLong => Self::TooLong,
        }
    }
}

/// An empty document as the server makes them all: offsets in UTF-16 units, as yjs counts.
pub fn new_doc(client_id: u64) -> Doc {
    /// What the library calls a document where it is part of another, as none is here.
    static GUID: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
    let mut options = Options::with_guid_and_client_id(GUID.clone(), ClientID::new(client_id));
    options.offset_kind = OffsetKind::Utf16;
    options.cleanup_formatting = false; // the server deletes nothing of its own
    Doc::with_options(options)
}

/// The note's whole text. A rich note has a line for each block.
pub fn read_text<T: ReadTxn>(txn: &T, format: Format) -> String {
    match format {
        Format::Plain => txn.get_text(CONTENT).map_or_else(String::new, |t| t.get_string(txn)),
        Format::Rich => {
            let fragment = txn.get_xml_fragment(FRAGMENT);
            fragment.map_or_else(String::new, |fragment| Blocks::read(fragment, txn).text())
        }
    }
}

/// The title, at most [`MAX_TITLE`] characters of it; `None` when there is none that is a text.
pub fn read_title<T: ReadTxn>(txn: &T) -> Option<String> {
    let value = txn.get_map(META)?.get(txn, TITLE)?;
    let title = rich::text_of(&value, txn)?;
    Some(title.chars().take(MAX_TITLE).collect())
}

/// How a note is to read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its whole text.
    pub text: &'a str,
    /// Its title, where that is to change too.
    pub title: Option<&'a str>,
}

impl<'a> From<&'a str> for Wanted<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, title: None }
    }
}

impl<'a> Wanted<'a> {
    /// The title, where the one that is shown now is another.
    fn new_title(&self, now: Option<String>) -> Option<&'a str> {
        self.title.filter(|title| now.unwrap_or_default() != **title)
    }
}

/// The update (v1) by which the note of this state comes to read as it is wanted, made under
/// `client_id`; `None` when it reads so already.
///
/// Two edits that are made of one state must not share a client id: they would give different
/// things the same name, and one of them would be lost.
pub fn diff_update<'a>(
    state: &[u8],
    client_id: u64,
    format: Format,
    wanted: impl Into<Wanted<'a>>,
) -> Result<Option<Vec<u8>>, EditError> {
    let wanted = wanted.into();
    let fork = new_doc(client_id);
    let update = Update::decode_v1(state).map_err(|_| EditError::State)?;
    fork.transact_mut().apply_update(update).map_err(|_| EditError::State)?;
    let mut txn = fork.transact_mut();
    match format {
        Format::Plain => {
            let content = txn.get_or_insert_text(CONTENT);
            edit_text(&mut txn, &content, wanted.text)?;
        }
        Format::Rich => {
            let blocks = Blocks::read(txn.get_or_insert_xml_fragment(FRAGMENT), &txn);
            if blocks.text() != wanted.text {
                blocks.edit(&mut txn, wanted.text)?;
            }
        }
    }
    if let Some(title) = wanted.new_title(read_title(&txn)) {
        txn.get_or_insert_map(META).insert(&mut txn, TITLE, title);
    }
    let update = txn.encode_update_v1();
    Ok((update != Update::EMPTY_V1).then_some(update))
}

/// Edits a text where it differs from what it is to be.
pub(crate) fn edit_text(
    txn: &mut TransactionMut<'_>,
    content: &TextRef,
    new_text: &str,
) -> Result<(), EditError> {
    let parts = rich::parts(content, txn).ok_or(EditError::Content)?;
    let old: String = parts.iter().map(|(_, text)| text.as_str()).collect();
    let parts: Vec<(u32, u32)> =
        parts.iter().map(|(index, text)| (*index, utf16_len(text))).collect();
    let whole = parts.iter().map(|(_, length)| length).sum();
    for edit in edits(&old, new_text).into_iter().rev() {
        // Values that are embedded between the parts are passed over.
        let delete = |txn: &mut TransactionMut<'_>, from: u32, to: u32, moved_by: u32| {
            let mut at: u32 = whole;
            for (index, length) in parts.iter().rev() {
                at -= length;
                let (left, right) = (from.max(at), to.min(at + length));
                if left < right {
                    content.remove_range(txn, index + (left - at) + moved_by, right - left);
                }
            }
        };
        if !edit.inserted.is_empty() {
            content.insert(txn, place(&parts, edit.at), edit.inserted);
        }
        delete(txn, edit.at, edit.end, utf16_len(edit.inserted));
        delete(txn, edit.start, edit.at, 0);
    }
    Ok(())
}

/// Where in the document the text's unit `at` is, on the left side of what is embedded there.
fn place(parts: &[(u32, u32)], at: u32) -> u32 {
    let mut start = 0;
    for (index, length) in parts {
        if at <= start + length {
            return index + (at - start);
        }
        start += length;
    }
    0
}

/// The client id under which a note's first content is written: from its id, above the 32 bits
/// of yjs clients.
pub fn initial_client(note: NoteId) -> u64 {
    let [_, _, _, _, random @ ..] = note.bytes();
    (u64::from_be_bytes(random) & ((1 << 52) - 1)) | 1 << 52
}

/// The update (v1) that gives a new note its first content: the same bytes for the same note,
/// however often it is made.
pub fn initial_update(note: NoteId, format: Format, title: Option<&str>, text: &str) -> Vec<u8> {
    let doc = new_doc(initial_client(note));
    let mut txn = doc.transact_mut();
    match format {
        Format::Plain => txn.get_or_insert_text(CONTENT).insert(&mut txn, 0, text),
        Format::Rich => {
            let fragment = txn.get_or_insert_xml_fragment(FRAGMENT);
            let lines = if text.is_empty() { None } else { Some(text.split('\n')) };
            // Each before the last: to put one behind the others the library walks them all.
            for line in lines.into_iter().flatten().rev() {
                let empty = XmlElementPrelim::empty("paragraph");
                let paragraph = fragment.insert(&mut txn, 0, empty);
                if !line.is_empty() {
                    paragraph.insert(&mut txn, 0, XmlTextPrelim::new(line));
                }
            }
        }
    }
    if let Some(title) = title {
        txn.get_or_insert_map(META).insert(&mut txn, TITLE, title);
    }
    txn.encode_update_v1()
}

#[cfg(test)]
mod tests;
