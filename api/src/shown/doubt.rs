//! What came into a note, or a todo, that a sign-in was not shown, as far as the log and the note's versions tell:
//! where it is forgotten what they hold, their own words must not count as somebody else's, nor anybody's as
//! deleted.

use studyhall_schema::{
    Timestamp,
    ids::{LoginId, NoteId},
    note_version::NoteVersion,
};
use studyhall_store::{
    Page, StoreError,
    cache::Found,
    log::{Entry, LoggedUpdate},
};
use studyhall_sync::text::automerge::is_first_change;

use super::{
    BOUNDS, IN_DOUBT, Reader, SECOND, ShownTexts, Written,
    held::{Held, Text},
    text_key,
    written::At,
};

/// Versions that are looked at: one in five minutes, and those that were kept when somebody went back.
const LATELY: usize = 50;

/// Read at once from a log, and in all.
pub(super) const READ_BYTES: usize = 64 << 10;
const READ_IN_ALL: usize = 1 << 20;

impl ShownTexts {
    /// Whether the note as it is is what the sign-in has made of it, though that is not among what is held: a put
    /// of theirs at a node that died, or could not tell the others; and nobody else wrote within the hour.
    pub(super) async fn settles(&self, login: LoginId, note: Written<'_>, held: &mut Held) -> bool {
        let reader = Reader(login, note.id);
        let unknown = held.unknown(self.under_way(reader));
        let keys: Vec<_> = unknown.map(|hash| text_key(reader, &Text::Put(hash))).collect();
        // A put of which nobody knows what came of it has come to this, if the text is just so.
        let was_put = self.texts.find_fixed(&keys).await;
        let was_put = was_put.into_iter().flatten().any(|put| put == note.text.as_bytes());
        let has_grown = note.known(held).is_some_and(|known| known < note.seq());
        let is_theirs = has_grown && self.is_put_under(login, note, held.opened_seq()).await;
        let lacks = match held.lacks_until() {
            Some(until) => self.has_come(note, held, until).await,
            None => false,
        };
        if !lacks {
            held.is_complete();
        }
        let settles = was_put || is_theirs || (lacks && self.is_put_under(login, note, None).await);
        if settles {
            *held = Held::default();
        }
        settles
    }

    /// Whether a put of the sign-in may come into the note yet, of which nobody knows what came of it: its node was killed.
    /// Who puts a text into it then looks what it has come to be.
    pub(super) fn may_come(&self, reader: Reader, note: Written<'_>, held: &Held) -> bool {
        matches!(note.at, At::Note(..)) && held.unknown(self.under_way(reader)).next().is_some()
    }

    fn under_way(&self, reader: Reader) -> impl Fn(&str) -> bool {
        move |hash| self.under_way.contains_key(&(reader, hash.to_owned()))
    }

    /// Whether all that came into it since, or within what is remembered, was written under this sign-in over REST, as the log
    /// tells; of what a compaction has taken, the note's versions.
    pub(super) async fn is_put_under(
        &self,
        login: LoginId,
        note: Written<'_>,
        known: Option<u64>,
    ) -> bool {
        let (through, lately) = (note.seq(), self.clock.now() - BOUNDS.kept_for);
        let concerns = |at| known.is_some() || at >= lately;
        let is_anothers =
            |update: &LoggedUpdate| update.login != Some(login) && !is_first_change(&update.data);
        let (mut next, mut room) = (known.map_or(1, |known| known + 1), READ_IN_ALL);
        while next <= through {
            let read = self.store.log().read(note.document(), next, READ_BYTES).await;
            let Some(entries) = entries_of(note, read) else { return false };
            let first = entries.first().filter(|first| first.seq <= next || !concerns(first.at));
            let taken = first.is_none();
            if taken && (known.is_some() || !self.was_put_under(login, note, lately).await) {
                return false;
            }
            for entry in entries.iter().filter(|entry| concerns(entry.at)) {
                let updates = (entry.seq..).zip(&entry.updates);
                let mut since = updates.filter(|(seq, _)| (next..=through).contains(seq));
                if since.any(|(_, update)| is_anothers(update)) {
                    return false;
                }
            }
            let sizes = entries.iter().flat_map(|entry| &entry.updates);
            let size: usize = sizes.map(|update| update.data.len()).sum();
            let Some(left) = room.checked_sub(size) else { return false };
            (next, room) = (entries.last().map_or(u64::MAX, Entry::next_seq), left);
        }
        true
    }

    /// The same of what a log has no more. Of a list nothing is known then.
    async fn was_put_under(&self, login: LoginId, note: Written<'_>, lately: Timestamp) -> bool {
        match note.at {
            At::Note(id, ..) => self.versions_since(id, lately).await.is_some_and(|versions| {
                versions.iter().all(|version| version.logins.iter().all(|one| *one == login))
            }),
            At::List { .. } => false,
        }
    }

    /// The versions of a note that have come since then, if that is known now.
    async fn versions_since(&self, note: NoteId, since: Timestamp) -> Option<Vec<NoteVersion>> {
        let page = Page::of("note").equal(note).descending().limit(LATELY);
        match self.versions.page(page).await {
            Ok(page) => {
                let versions = page.items.into_iter().map(|version| version.value);
                let versions: Vec<_> = versions.filter(|version| version.at >= since).collect();
                // There may be more.
                (versions.len() < LATELY).then_some(versions)
            }
            Err(error) => {
                tracing::warn!(%note, %error, "who wrote a note is not known now");
                None
            }
        }
    }

    /// Whether anything came into a list after what is held, and until then: it may have been put and forgotten. Where
    /// the log does not say when, nobody's words go. (A note's log tells what was put.)
    async fn has_come(&self, note: Written<'_>, held: &Held, until: Timestamp) -> bool {
        let is_list = matches!(note.at, At::List { .. });
        let is_seen = note.known(held).is_some_and(|known| note.seq() <= known);
        is_list && !is_seen && self.changed_at(note).await.is_some_and(|at| at <= until)
    }

    /// Whether what the sign-in may have been shown and is forgotten is no other text than there is now, but for
    /// what it has put itself: nothing else came, be it of somebody else or of another device of theirs.
    pub(super) async fn is_as_shown(
        &self,
        login: LoginId,
        note: Written<'_>,
        known: Option<u64>,
        found: &Found,
    ) -> bool {
        if !self.is_forgotten(login, note, found) {
            return true;
        }
        match known {
            Some(known) => note.seq() <= known,
            None => self.is_put_under(login, note, None).await,
        }
    }

    /// When it was changed last, as far as that is known.
    async fn changed_at(&self, note: Written<'_>) -> Option<Timestamp> {
        if let At::Note(..) = note.at {
            return note.changed;
        }
        let seq = note.seq();
        let last = entries_of(note, self.store.log().read(note.document(), seq, 1).await)?;
        last.first().filter(|last| last.seq <= seq).map(|last| last.at)
    }

    /// Whether the sign-in may have been shown something, within the hour and before the note changed, that
    /// the nodes have lost.
    pub(super) fn is_forgotten(&self, login: LoginId, note: Written<'_>, found: &Found) -> bool {
        let now = self.clock.now();
        // An id tells the second in which it was made: of one in the second in which a process by itself began,
        // that process knows whether it came after that.
        let (made_at, since_made) = (login.made_at(), now.since(login.made_at()));
        let known_for = match () {
            () if self.recent.is_shared() => since_made,
            () if made_at > self.began || self.first.contains_key(&login) => {
                now.since(self.began).saturating_sub(SECOND).min(since_made)
            }
            () => since_made + SECOND,
        };
        // What was made since, or says the same for long, nobody can hold in an older form.
        found.complete_for < IN_DOUBT.min(known_for)
            && now.since(note.made) + SECOND > found.complete_for
            && note.changed.is_none_or(|at| now.since(at) < IN_DOUBT)
    }
}

/// What a log says, if that is known now: if not, nobody's words go.
pub(super) fn entries_of(
    note: Written<'_>,
    read: Result<Vec<Entry>, StoreError>,
) -> Option<Vec<Entry>> {
    let document = note.document();
    let unknown =
        |error: &StoreError| tracing::warn!(%document, %error, "who wrote it is not known now");
    read.inspect_err(unknown).ok()
}
