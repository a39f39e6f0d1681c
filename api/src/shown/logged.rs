//! Whether a text that is put was put before, as the log tells: each put with its base has a name there. The process that
//! made it may have been killed before it could say so, or what was said is forgotten; who did not hear of it says the
//! same again.

use sha2::{Digest, Sha256};
use studyhall_store::{cache::Found, log::PutId};
use studyhall_sync::text::has_come;

use super::{
    IN_DOUBT, Reader, ShownTexts, Written,
    doubt::{READ_BYTES, entries_of},
    held::{Held, Outcome},
};

/// So much of a log is read for it.
const READ_IN_ALL: usize = 4 << 20;

/// The name of a put, from the hashes of what is put and of what its writer says that they made it from.
pub(super) fn put_id(Reader(login, thing): Reader, put: &str, of: &str) -> PutId {
    let digest = Sha256::digest(format!("{login}:{thing}:{put}:{of}"));
    let mut id = [0; 12];
    id.copy_from_slice(&digest[..12]);
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
        let mut held = held.clone();
        if note.text == base {
            return held;
        }
        if let Some((put, of)) = held.newest_unknown() {
            let id = put_id(reader, put, of);
            if self.is_logged(note, id).await {
                held.was_made();
            }
        } else if held.newest_put().is_none()
            && self.is_forgotten(reader.0, note, found)
            && self.is_logged(note, put_id(reader, hash, of)).await
            && has_come(base, text, note.text)
        {
            held.had_put(hash.to_owned(), of.to_owned(), Outcome::Answered);
        }
        held
    }

    /// Whether a put is in the log of its document, within the time in which it may be said again.
    async fn is_logged(&self, note: Written<'_>, id: PutId) -> bool {
        let since = self.clock.now() - IN_DOUBT;
        let (mut next, mut room) = (1, READ_IN_ALL);
        loop {
            let read = self.store.log().read(note.document(), next, READ_BYTES).await;
            let entries = entries_of(note, read).unwrap_or_default();
            let Some(last) = entries.last() else { return false };
            next = last.next_seq();
            let late = entries.iter().filter(|entry| entry.at >= since);
            if late.flat_map(|entry| &entry.updates).any(|update| update.put == Some(id)) {
                return true;
            }
            let updates = entries.iter().flat_map(|entry| &entry.updates);
            let Some(left) = room.checked_sub(updates.map(|one| one.data.len()).sum()) else {
                return false;
            };
            room = left;
        }
    }
}
