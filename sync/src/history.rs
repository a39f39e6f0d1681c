//! Who wrote a note when, and what it said then: versions, kept while rows are written and before a
//! compaction takes entries out of the log. Who wrote is what the log says, never what a client claims.

mod thin;

use std::{collections::BTreeSet, convert::Infallible};

use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::{LoginId, NoteId, UserId},
    note::Note,
    note_version::{NoteVersion, live},
};
use studyhall_store::{
    Page, Store, StoreError,
    log::{Entry, LoggedUpdate},
};

use self::thin::thin;
use crate::{SyncFault, text::automerge::is_first_change};

/// Read at once from the log.
const READ_BYTES: usize = 1 << 20;
/// Others may write a version, so often.
const TRIES: usize = 16;

/// Brings a note's versions up to an update of its log. `row` is what the note's row has said until now:
/// the text of the version before, when a new one begins.
pub(crate) async fn keep(
    store: &Store,
    note: NoteId,
    through: u64,
    row: Option<&Note>,
) -> Result<(), SyncFault> {
    for _ in 0..TRIES {
        if keep_once(store, note, through, row).await? {
            return Ok(());
        }
    }
    Err(SyncFault::Unavailable)
}

/// Ends a note's newest version where this row is: what it says is kept, whatever comes next. It is not when
/// somebody has written on meanwhile, who would be named in it.
pub(crate) async fn end(store: &Store, row: &Note) -> Result<bool, SyncFault> {
    keep(store, row.id, row.projected_seq, Some(row)).await?;
    let Some(newest) = latest(store, row.id).await? else { return Ok(false) };
    let is_here = |version: &NoteVersion| version.seq == row.projected_seq && !version.is_closed();
    let versions = store.records::<NoteVersion>();
    let closed = versions.update(&newest.id, |version| {
        if is_here(version) {
            version.text = Some(row.text.clone());
            version.title = Some(row.title.clone());
            version.is_ended = true;
        }
        Ok::<_, Infallible>(())
    });
    let Some(Ok(closed)) = closed.await? else { return Ok(false) };
    Ok((closed.seq, closed.text.as_ref()) == (row.projected_seq, Some(&row.text)))
}

/// The same, unless the newest version was ended meanwhile.
async fn keep_once(
    store: &Store,
    note: NoteId,
    through: u64,
    row: Option<&Note>,
) -> Result<bool, SyncFault> {
    let shown = row.map_or(0, |row| row.projected_seq);
    let mut latest = latest(store, note).await?;
    let unread = |version: &NoteVersion| {
        let next = version.seq + 1;
        if version.is_closed() { next } else { next.min(version.from.max(shown + 1)) }
    };
    let mut next = latest.as_ref().map_or(1, unread);
    let mut unshown = Unshown::default();
    while next <= through {
        let entries = store.log().read(DocumentId::Note(note), next, READ_BYTES).await?;
        let Some(end) = entries.last().map(Entry::next_seq) else { break };
        for entry in entries.iter().take_while(|entry| entry.seq <= through) {
            let mut version = match latest.take() {
                Some(version) if version.holds(entry.at) => version,
                Some(ended) => {
                    follow(store, ended, row, entry, std::mem::take(&mut unshown)).await?
                }
                None => NoteVersion::new(note, entry.seq, entry.at),
            };
            for (seq, update) in (entry.seq..).zip(&entry.updates) {
                if seq <= shown {
                    version.by.insert(update.by);
                    version.logins.extend(hand(update));
                } else if seq >= next {
                    unshown.add(&version, seq, update);
                }
            }
            version.at = version.at.max(entry.at);
            version.seq = version.seq.max(entry.next_seq() - 1);
            latest = Some(version);
        }
        next = end;
    }
    match latest {
        Some(mut version) if !version.is_closed() => {
            version.by.append(&mut unshown.by);
            version.logins.append(&mut unshown.logins);
            write(store, version).await
        }
        _ => Ok(true),
    }
}

/// Under which sign-in somebody wrote; what each document of a kind begins with, nobody did.
fn hand(update: &LoggedUpdate) -> Option<LoginId> {
    let is_written = !is_first_change(&update.data);
    is_written.then(|| update.login.unwrap_or_else(live))
}

/// What of a version no row has shown yet: when it ends, that is in the text of the next one only, and who
/// wrote it is named there.
#[derive(Default)]
struct Unshown {
    by: BTreeSet<UserId>,
    logins: BTreeSet<LoginId>,
    /// The first of these updates, and when the one before it came.
    first: Option<(u64, Timestamp)>,
}

impl Unshown {
    fn add(&mut self, version: &NoteVersion, seq: u64, update: &LoggedUpdate) {
        self.by.insert(update.by);
        self.logins.extend(hand(update));
        self.first.get_or_insert((seq, version.at));
    }
}

async fn latest(store: &Store, note: NoteId) -> Result<Option<NoteVersion>, SyncFault> {
    let page = Page::of("note").equal(note).descending().limit(1);
    let page = store.records::<NoteVersion>().page(page).await?;
    Ok(page.items.into_iter().next().map(|version| version.value))
}

/// A version has ended, and an entry begins the next. It gets the text that the note's row had, and ends
/// where that does; one that no row has shown is nobody's to go back to, so what was written in it counts to
/// the next.
async fn follow(
    store: &Store,
    mut ended: NoteVersion,
    row: Option<&Note>,
    entry: &Entry,
    unshown: Unshown,
) -> Result<NoteVersion, SyncFault> {
    let versions = store.records::<NoteVersion>();
    let from = unshown.first.map_or(entry.seq, |(seq, _)| seq);
    let mut next = ended.followed(from, entry.at);
    (next.by, next.logins) = (unshown.by, unshown.logins);
    let shown = row.filter(|row| ended.is_shown_at(row.projected_seq));
    if let Some(row) = shown {
        let (id, note) = (ended.id.clone(), ended.note_id);
        ended.at = unshown.first.map_or(ended.at, |(_, at)| at);
        write(store, ended).await?;
        let filled = versions.update(&id, |version| {
            if !version.is_closed() {
                version.text = Some(row.text.clone());
                version.title = Some(row.title.clone());
                version.seq = row.projected_seq;
            }
            Ok::<_, Infallible>(())
        });
        filled.await?;
        thin(store, note, store.clock().now()).await?;
    } else if !ended.is_closed() {
        versions.delete(&ended.id).await?;
        next.from = ended.from;
        next.by.append(&mut ended.by);
        next.logins.append(&mut ended.logins);
    }
    Ok(next)
}

/// Writes what is known of a version's writers; another node may know of more. Not of one that was closed
/// meanwhile: what it does not say, nobody has written in it.
async fn write(store: &Store, version: NoteVersion) -> Result<bool, SyncFault> {
    let versions = store.records::<NoteVersion>();
    let is_open = |version: &NoteVersion| !version.is_closed() && !version.is_thinned;
    for _ in 0..TRIES {
        let updated = versions.update(&version.id, |known| {
            if is_open(known) {
                known.by.extend(&version.by);
                known.logins.extend(&version.logins);
                known.seq = known.seq.max(version.seq);
                known.at = known.at.max(version.at);
            }
            Ok::<_, Infallible>(())
        });
        if let Some(Ok(written)) = updated.await? {
            return Ok(is_open(&written));
        }
        match versions.insert(version.clone()).await {
            Err(StoreError::Duplicate { .. }) => {}
            inserted => return Ok(inserted.map(|_| true)?),
        }
    }
    Err(SyncFault::Unavailable)
}
