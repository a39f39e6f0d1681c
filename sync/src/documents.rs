//! Documents for the REST API: create one, change its content, read its row. Everything goes through
//! the same actor and journal as what clients send.

mod bases;
mod carrying;
mod late;
mod leases;
mod moves;
mod notes;
mod rooms;
mod todos;

use std::{sync::Arc, time::Duration};

use studyhall_schema::{
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{NoteId, UserId},
};
use studyhall_store::{StoreError, log::PutId};
use tokio::sync::oneshot;

use crate::{
    SyncFault,
    actor::{Edit, Mail},
    document::{Author, Change, Refusal},
    heavy, load,
    node::Node,
    outbox::Close,
    projection,
    text::{self, NoteText, Wanted},
};

pub use self::bases::{Base, Known, Made};

/// A text to be made a note's, or a todo's.
#[derive(Debug, Clone, Default)]
pub struct PutText {
    /// The text.
    pub text: String,
    /// A title to be made the note's as well.
    pub title: Option<String>,
    /// What its writer may have begun with, the newest first: then only what they changed of it is changed.
    pub bases: Vec<Base>,
    /// Without a base: whether its writer may have begun with what is not known any more. Then nothing is
    /// taken away that is there now. Else they want what they put.
    pub has_forgotten_base: bool,
    /// Whether its writer may have put it before, or the beginning of it, and not know: then what stands there already at
    /// the edge of what they add is not added once more.
    pub may_be_again: bool,
    /// Where it is noted how the put is made.
    pub made: Made,
    /// Only if the log ends here: [`SyncFault::Changed`] otherwise.
    pub only_at: Option<u64>,
    /// Which put it is: the log keeps that, so that it is known where the same comes once more.
    pub id: Option<PutId>,
    /// What the note said when that was kept as a version. Nothing else is taken away: what it has come to say
    /// since stays, and one with another title, or more than is kept of a text, is not changed.
    pub kept: Option<Kept>,
}

/// What a version of a note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// What a new note's log begins with: an Automerge document with what all of its kind begin with.
fn begins(
    engine: Engine,
    kind: DocumentKind,
    note: NoteId,
    title: Option<&str>,
    text: &str,
) -> Vec<Vec<u8>> {
    let has_content = title.is_some() || !text.is_empty();
    let format = projection::format_of(kind).unwrap_or_default();
    match engine {
        Engine::Yjs if has_content => vec![text::initial_update(note, format, title, text)],
        Engine::Yjs => Vec::new(),
        Engine::Automerge => {
            let content = has_content.then(|| text::automerge::initial_change(note, title, text));
            std::iter::once(text::automerge::first_change(kind)).chain(content.flatten()).collect()
        }
    }
}

/// So long a request waits for a document: what the store itself has for an answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// And so much longer for a text of so many bytes: an Automerge document takes seconds for a million letters, and
/// who is told that it failed makes the note once more.
const BYTES_A_MILLI: usize = 64;

fn answers_within(bytes: usize) -> Duration {
    ANSWERS_WITHIN + Duration::from_millis((bytes / BYTES_A_MILLI) as u64)
}

/// Longer texts are made Automerge documents of one at a time: it takes 3 to 5 µs a letter.
const HEAVY_TEXT: usize = 32 << 10;
/// Who has no turn for so long is told to try again later.
const TURN_WITHIN: Duration = Duration::from_secs(8);

/// A create's first content is looked for in so much of a log.
const FIRST_BYTES: usize = 1 << 20;

/// The documents of this node.
#[derive(Clone)]
pub struct Documents {
    node: Arc<Node>,
}

impl Documents {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// Makes a note's document, with its first content and its row. The same create by the same person
    /// twice is one create, of which the first was new; an id that somebody else has, or other content,
    /// is [`SyncFault::Exists`].
    pub async fn create(
        &self,
        record: DocumentRecord,
        by: impl Into<Author>,
        title: Option<&str>,
        text: &str,
    ) -> Result<bool, SyncFault> {
        let (id, by) = (record.id, by.into());
        let DocumentId::Note(note) = id else { return Err(SyncFault::NotFound) };
        Self::shows(text)?;
        let records = self.node.store.records::<DocumentRecord>();
        let (kind, engine) = (record.kind, record.engine);
        let format = projection::format_of(kind).ok_or(SyncFault::NotFound)?;
        let begins = self.begun(&record, (note, by.user), title, text).await?;
        let is_new = match records.insert(record).await {
            Ok(_) => true,
            Err(StoreError::Duplicate { .. }) => {
                let known = records.get(&id).await?.ok_or(SyncFault::Unavailable)?;
                let is_same = known.kind == kind && known.engine == engine;
                if known.owner != by.user || known.deleted_at.is_some() || !is_same {
                    return Err(SyncFault::Exists);
                }
                false
            }
            Err(error) => return Err(error.into()),
        };
        let written = if is_new { 0 } else { self.written(id, &begins).await? };
        for update in begins.iter().skip(written) {
            let update = update.clone();
            let begin: Change = Box::new(move |view, _| {
                let is_begun = NoteText::of(view, format).has_begun(note);
                if is_begun { Err(Refusal::Changed) } else { Ok(Some(update.clone())) }
            });
            match self.edit_large(id, by, begin, text.len()).await {
                // A create of the same id, at the same time, was first.
                Err(SyncFault::Changed) if self.written(id, &begins).await? == begins.len() => {
                    break;
                }
                Err(SyncFault::Changed) => return Err(SyncFault::Exists),
                begun => begun?,
            };
        }
        self.answer_within(answers_within(text.len()), id, Mail::Project).await?;
        Ok(is_new)
    }

    /// What a new note begins with. A long text takes an Automerge document seconds: nobody else waits for that, and
    /// who has no turn in time is told so before anything is made.
    async fn begun(
        &self,
        record: &DocumentRecord,
        (note, user): (NoteId, UserId),
        title: Option<&str>,
        text: &str,
    ) -> Result<Vec<Vec<u8>>, SyncFault> {
        let (engine, kind) = (record.engine, record.kind);
        let is_heavy = engine == Engine::Automerge && text.len() > HEAVY_TEXT;
        let turn = if is_heavy {
            let turns = self.node.heavy.of(user);
            let turn = tokio::time::timeout(TURN_WITHIN, turns.turn()).await;
            Some(turn.map_err(|_| SyncFault::Unavailable)?)
        } else {
            None
        };
        let compute = || begins(engine, kind, note, title, text);
        let begins = if text.len() > text::LARGE { heavy::aside(compute) } else { compute() };
        drop(turn);
        Ok(begins)
    }

    /// Whether a note of this text is shown whole, in bytes of UTF-8. What is not is refused before it is written.
    pub fn shows(text: &str) -> Result<(), SyncFault> {
        let is_whole = text.len() <= projection::TEXT_BYTES;
        if is_whole { Ok(()) } else { Err(SyncFault::TooLongToShow) }
    }

    /// Whether a text, as a row had it, is the beginning of a longer one.
    pub fn is_cut(text: &str) -> bool {
        text.len() > projection::TEXT_BYTES
    }

    /// How much of its first content a create that came again has written, since it was cut off before. An
    /// id with other content is another create's.
    async fn written(&self, id: DocumentId, begins: &[Vec<u8>]) -> Result<usize, SyncFault> {
        let log = self.node.store.log();
        let entries = log.read(id, 1, FIRST_BYTES).await?;
        let Some(entry) = entries.first() else {
            let has_snapshot = log.latest_snapshot(id).await?.is_some();
            return Ok(if has_snapshot { begins.len() } else { 0 });
        };
        // The log of an older note begins after its snapshot: what it began with is not known.
        if entry.seq > 1 {
            return Ok(begins.len());
        }
        let log: Vec<_> = entries.iter().flat_map(|entry| &entry.updates).collect();
        let is_there = |begin: &&Vec<u8>| log.iter().any(|it| it.data == **begin);
        let there = begins.iter().take_while(is_there).count();
        if there == begins.len() || there == log.len() { Ok(there) } else { Err(SyncFault::Exists) }
    }

    /// Changes a note's text: a difference, as operations, so that what others write meanwhile stays.
    /// Durable, and in the row, when it returns. Tells which of the bases it was taken from.
    pub async fn put_text(
        &self,
        document: DocumentId,
        by: impl Into<Author>,
        mut put: PutText,
    ) -> Result<Option<usize>, SyncFault> {
        let by = Author { put: put.id, ..by.into() };
        let record = load::record(&self.node.store, document).await?;
        let format = projection::format_of(record.kind).ok_or(SyncFault::NotFound)?;
        let (title, only_at, kept) = (put.title.clone(), put.only_at, put.kept.take());
        let is_whole = only_at.is_none() || kept.is_some();
        put.bases
            .extend(kept.iter().map(|kept| Base { text: kept.text.clone(), ..Base::default() }));
        Self::shows(&put.text)?;
        let bases = put.bases.iter().map(|base| base.text.len());
        let bytes = bases.chain([put.text.len()]).max().unwrap_or_default();
        let mut rewrite = self.rewrite(by.user, put).await?;
        let begun = rewrite.begun();
        let change: Change = Box::new(move |view, client| {
            let mut note = NoteText::of(view, format);
            if only_at.is_some_and(|seq| seq != note.seq()) {
                return Err(Refusal::Changed);
            }
            let now = note.text();
            if now.len() > projection::TEXT_BYTES && is_whole {
                return Err(Refusal::TooLong); // its writer saw the beginning only
            }
            if kept.as_ref().is_some_and(|kept| note.title().unwrap_or_default() != kept.title) {
                return Err(Refusal::Changed);
            }
            let _turn = rewrite.turn.take();
            rewrite.begins(client, |client| note.written(client));
            let is_large = now.len().max(rewrite.text.len()) > text::LARGE
                || note.memory() > heavy::LARGE as u64;
            let mut compute = || {
                let text = rewrite.over(&now);
                Self::shows(&text).map_err(|_| Refusal::TooLongToShow)?;
                Ok(note.diff(client, Wanted { text: &text, title: title.as_deref() })?)
            };
            if is_large { heavy::aside(&mut compute) } else { compute() }
        });
        begun.ended(self.edit_large(document, by, change, bytes).await)?;
        self.answer_within(answers_within(bytes), document, Mail::Project).await?;
        Ok(begun.number())
    }

    /// Whether a document has nothing after this, in its log or in a snapshot that replaced it.
    async fn ends_at(&self, id: DocumentId, seq: u64) -> Result<bool, SyncFault> {
        let store = &self.node.store;
        if !store.log().read(id, seq + 1, 1).await?.is_empty() {
            return Ok(false);
        }
        let record = store.records::<DocumentRecord>().get(&id).await?;
        Ok(record.is_none_or(|record| record.snapshot_seq <= seq))
    }

    /// Brings a document's rows up to date: other nodes may have written what this one has not heard of.
    async fn catch_up(&self, id: DocumentId) -> Result<(), SyncFault> {
        self.answer(id, Mail::CatchUp).await
    }

    /// A document's record, when it exists and is not in the trash.
    pub async fn record(&self, id: DocumentId) -> Result<Option<DocumentRecord>, SyncFault> {
        match load::record(&self.node.store, id).await {
            Err(load::LoadFailure::NotFound) => Ok(None),
            found => Ok(Some(found?)),
        }
    }

    /// Changes a document's record (its room, sharing or deletion) and then its row. What is in the
    /// trash has no row.
    pub async fn revise_record(
        &self,
        id: DocumentId,
        mut change: impl FnMut(&mut DocumentRecord) + Send,
    ) -> Result<Option<()>, SyncFault> {
        let records = self.node.store.records::<DocumentRecord>();
        let now = self.node.clock.now();
        let revised = records.update(&id, |record| {
            let before = record.clone();
            change(record);
            (record.snapshot_seq, record.bytes) = (before.snapshot_seq, before.bytes); // the log's own
            if *record != before {
                record.changed_at = Some(now);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let Some(Ok(record)) = revised.await? else { return Ok(None) };
        projection::write(&self.node.store, id, 0, None).await?;
        if record.deleted_at.is_some() {
            self.node.send_if_open(id, Mail::End(Close::NotFound)).await;
        }
        Ok(Some(()))
    }

    async fn edit(
        &self,
        id: DocumentId,
        by: impl Into<Author>,
        change: Change,
    ) -> Result<u64, SyncFault> {
        self.edit_large(id, by, change, 0).await
    }

    /// The same, of about so many bytes.
    async fn edit_large(
        &self,
        id: DocumentId,
        by: impl Into<Author>,
        change: Change,
        bytes: usize,
    ) -> Result<u64, SyncFault> {
        let by = by.into();
        let mail = |reply| Mail::Edit(Box::new(Edit { by, change, reply }));
        self.answer_within(answers_within(bytes), id, mail).await
    }

    async fn project(&self, id: DocumentId) -> Result<(), SyncFault> {
        self.answer(id, Mail::Project).await
    }

    /// What the document's actor answers. What it has begun it goes on with when nobody waits any more.
    async fn answer<T>(
        &self,
        id: DocumentId,
        mail: impl FnOnce(oneshot::Sender<Result<T, SyncFault>>) -> Mail,
    ) -> Result<T, SyncFault> {
        self.answer_within(ANSWERS_WITHIN, id, mail).await
    }

    async fn answer_within<T>(
        &self,
        within: Duration,
        id: DocumentId,
        mail: impl FnOnce(oneshot::Sender<Result<T, SyncFault>>) -> Mail,
    ) -> Result<T, SyncFault> {
        let (reply, done) = oneshot::channel();
        let answered = async {
            self.node.send(id, mail(reply)).await;
            done.await.unwrap_or(Err(SyncFault::Unavailable))
        };
        let answered = tokio::time::timeout(within, answered).await;
        answered.unwrap_or(Err(SyncFault::Unavailable))
    }
}

#[cfg(test)]
mod tests;
