//! Whether a text that is put was put before, as the log tells: each put with its base has a name there. The process that
//! made it may have been killed before it could say so, or what was said is forgotten; who did not hear of it says the
//! same again.

use sha2::{Digest, Sha256};
use studyhall_store::{cache::Found, log::PutId};
use studyhall_sync::{aside, text::has_come};

use super::{
    IN_DOUBT, Reader, ShownTexts, Written,
    doubt::{READ_BYTES, entries_of},
    held::{Held, Outcome},
};

/// So much of a log is read for it.
const READ_IN_ALL: usize = 4 << 20;

/// A put's name begins with whose it is, and of what.
const READER: usize = 5;

/// The name of a put, from the hashes of what is put and of what its writer says that they made it from, if they do.
pub(super) fn put_id(Reader(login, thing): Reader, put: &str, of: Option<&str>) -> PutId {
    let whose = Sha256::digest(format!("{login}:{thing}"));
    let what = Sha256::digest(format!("{put}:{}", of.unwrap_or_default()));
    let mut id = [0; 12];
    id[..READER].copy_from_slice(&whose[..READER]);
    id[READER..].copy_from_slice(&what[..12 - READER]);
    PutId(id)
}

impl ShownTexts {
    /// What a sign-in holds, with what became of its newest put, where nobody knows but the log. Not where the note is
    /// just what the next put is made from: the one before may have been taken back, and nothing is there twice when it is
    /// made once more.
    pub(super) async fn with_logged_put(
        &self,
        reader: Reader,
        note: Written<'_>,
        ((text, hash), (base, of)): ((&str, &str), (&str, &str)),
        (held, found): (&Held, &Found),
    ) -> Held {
        if note.text == base {
            return Held::default();
        }
        let mut held = held.clone();
        // The same may have been put before, and taken back.
        let is_there = || aside(|| has_come(base, text, note.text));
        if let Some((put, of)) = held.newest_unknown() {
            let id = put_id(reader, put, Some(of));
            if (put != hash || is_there()) && self.is_last_logged(note, id).await {
                held.was_made();
            }
        } else if held.newest_put().is_none()
            && self.is_forgotten(reader.0, note, found)
            && self.is_last_logged(note, put_id(reader, hash, Some(of))).await
            && is_there()
        {
            held.had_put(hash.to_owned(), of.to_owned(), Outcome::Answered);
        }
        held
    }

    /// Whether a put is the last of its writer's in the log of its document, within the time in which it may be said
    /// again: who has put something else since is done with it.
    async fn is_last_logged(&self, note: Written<'_>, id: PutId) -> bool {
        let since = self.clock.now() - IN_DOUBT;
        let is_theirs = |put: &PutId| put.0[..READER] == id.0[..READER];
        let (mut next, mut room, mut last_put) = (1, READ_IN_ALL, None);
        loop {
            let read = self.store.log().read(note.document(), next, READ_BYTES).await;
            let entries = entries_of(note, read).unwrap_or_default();
            let Some(last) = entries.last() else { return last_put == Some(id) };
            next = last.next_seq();
            let late = entries.iter().filter(|entry| entry.at >= since);
            let puts = late.flat_map(|entry| &entry.updates).filter_map(|update| update.put);
            last_put = puts.filter(is_theirs).last().or(last_put);
            let updates = entries.iter().flat_map(|entry| &entry.updates);
            let Some(left) = room.checked_sub(updates.map(|one| one.data.len()).sum()) else {
                return false;
            };
            room = left;
        }
    }
}
