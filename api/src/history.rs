//! Versions of notes: looked at, and gone back to by a forward edit.

use std::time::Duration;

use studyhall_schema::{
    access::{Caller, Permission},
    document::{DocumentId, DocumentRecord},
    ids::NoteId,
    note::Note,
    note_version::NoteVersion,
};
use studyhall_store::{Page, Versioned};
use studyhall_sync::{Documents, Kept, PutText, Shares};

use crate::{
    api::Api,
    extract::IfMatch,
    fault::Fault,
    limits::RESTORES,
    notes,
    routes::{Paging, refused},
};

/// How often a restore begins anew when others write in the very moment.
const TRIES: usize = 16;
/// So often it is put only where nothing came after what is kept: two who go back at once do not mix their versions.
const EXACT: usize = 4;
/// So many of the last versions are looked at to see whether what a note says is kept already.
const LOOKED_AT: usize = 20;
/// So many requests of a node, and of one person, read versions at once: each may read megabytes. Others of theirs
/// wait, and no longer than this.
const AT_ONCE: usize = 16;
const OF_ONE: usize = 2;
const WAITS: Duration = Duration::from_secs(5);

pub(crate) fn shares() -> Shares {
    Shares::new(AT_ONCE, OF_ONE)
}

/// Runs what reads versions in a place of the caller's.
async fn in_turn<T>(
    api: &Api,
    caller: Caller,
    reads: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let share = api.histories.of(caller.user);
    let place = tokio::time::timeout(WAITS, share.take(1)).await;
    let _place = place.map_err(|_| Fault::TooMany(WAITS))?;
    reads.await
}

/// A page of a note's versions, newest first, without their texts. The newest says what the note says now.
pub(crate) async fn list(
    api: &Api,
    caller: Caller,
    id: NoteId,
    paging: Paging,
) -> Result<(Vec<NoteVersion>, Option<String>), Fault> {
    in_turn(api, caller, listed(api, caller, id, paging)).await
}

async fn listed(
    api: &Api,
    caller: Caller,
    id: NoteId,
    paging: Paging,
) -> Result<(Vec<NoteVersion>, Option<String>), Fault> {
    let note = notes::look_at(api, caller.user, id).await?;
    let is_first = paging.cursor.is_none();
    let query = paging.of("note").equal(id).descending().without("text");
    let page = api.store.records::<NoteVersion>().page(query).await.map_err(refused)?;
    let from = shown_from(api, caller, &note).await?;
    let mut versions: Vec<_> = page.items.into_iter().map(|version| version.value).collect();
    if is_first {
        let newest = if versions.is_empty() { None } else { Some(versions.remove(0)) };
        versions.insert(0, current(&note, newest));
    }
    // All that are older are hidden as well.
    let is_last = versions.iter().any(|version| version.seq < from);
    versions.retain(|version| version.is_closed() && version.seq >= from);
    Ok((versions, page.next_cursor.filter(|_| !is_last)))
}

/// The first update at which the caller is shown what the note said: what it was while it was its owner's alone,
/// others are not. What it says now they are shown in any case.
async fn shown_from(api: &Api, caller: Caller, note: &Note) -> Result<u64, Fault> {
    if note.owner_id == caller.user {
        return Ok(0);
    }
    // Not as it is remembered: it may have been taken back, and shared once more, at another node just now.
    let record = api.store.records::<DocumentRecord>().get(&DocumentId::Note(note.id)).await?;
    let from = record.and_then(|record| record.shared_at_seq).unwrap_or(0);
    Ok(from.min(note.projected_seq))
}

fn current(note: &Versioned<Note>, newest: Option<NoteVersion>) -> NoteVersion {
    let newest =
        newest.unwrap_or_else(|| NoteVersion::new(note.id, note.projected_seq, note.updated_at));
    // Its row may not be written yet: then it says nothing.
    if newest.is_closed() || newest.from > note.projected_seq {
        return newest;
    }
    NoteVersion {
        seq: note.projected_seq,
        title: Some(note.title.clone()),
        text: Some(note.text.clone()),
        ..newest
    }
}

/// A version of a note. One that was the newest when it was listed may have another name by now.
pub(crate) async fn show(
    api: &Api,
    caller: Caller,
    id: NoteId,
    version: u64,
) -> Result<NoteVersion, Fault> {
    in_turn(api, caller, found(api, caller, id, version)).await
}

async fn found(api: &Api, caller: Caller, id: NoteId, version: u64) -> Result<NoteVersion, Fault> {
    let note = notes::look_at(api, caller.user, id).await?;
    let from = shown_from(api, caller, &note).await?;
    let versions = api.store.records::<NoteVersion>();
    let newest = versions.page(Page::of("note").equal(id).descending().limit(1)).await?;
    let newest = current(&note, newest.items.into_iter().next().map(|newest| newest.value));
    let is_it = |one: &NoteVersion| one.is_closed() && one.was_called(version) && one.seq >= from;
    if is_it(&newest) {
        if newest.seq == note.projected_seq {
            api.shown.opens(caller, &note.value).await;
        }
        return Ok(newest);
    }
    let before = i64::try_from(version).map_err(|_| Fault::NotFound)? - 1;
    let found = versions.page(Page::of("note").equal(id).after(before).limit(1)).await?;
    let found = found.items.into_iter().next().map(|found| found.value);
    found.filter(is_it).ok_or(Fault::NotFound)
}

/// Makes a note read as it did in a version: an edit like any other, of what differs. What it says before that
/// is kept as a version of its own, and what others write meanwhile stays.
pub(crate) async fn restore(
    api: &Api,
    caller: Caller,
    id: NoteId,
    expected: &IfMatch,
    version: u64,
) -> Result<Versioned<Note>, Fault> {
    if notes::readable(api, caller.user, id).await? < Permission::Write {
        let detail = "you may read this note, not change it";
        return Err(Fault::Forbidden { code: "read-only", detail });
    }
    let found = show(api, caller, id, version).await?;
    if found.seq != version {
        // What they looked at is not what it has become.
        let detail = "this version was written on since you looked: look at it again";
        return Err(Fault::Conflict { code: "version-changed", detail });
    }
    let text = found.text.ok_or(Fault::NotFound)?;
    if Documents::is_cut(&text) {
        let detail = "this version is longer than the history keeps (1 MiB): going back would lose the rest of it";
        return Err(Fault::Conflict { code: "version-cut", detail });
    }
    let wanted = PutText { text, title: found.title, ..PutText::default() };
    let mut is_counted = false;
    for attempt in 0..TRIES {
        let note = notes::look_at(api, caller.user, id).await?;
        expected.check(note.rev)?;
        if (&note.text, Some(&note.title)) == (&wanted.text, wanted.title.as_ref()) {
            return notes::show(api, caller, id).await;
        }
        if !in_turn(api, caller, is_kept(api, &note)).await? {
            if !std::mem::replace(&mut is_counted, true) {
                count(api, caller).await?;
            }
            if !api.documents.end_version(&note).await? {
                continue;
            }
        }
        let kept = Kept { title: note.title.clone(), text: note.text.clone() };
        let put = PutText { kept: Some(kept), ..wanted.clone() };
        let put = if expected.is_some() {
            notes::put_into(api, caller, &note, put).await
        } else {
            let only_at = (attempt < EXACT).then_some(note.projected_seq);
            let put = PutText { only_at, ..put };
            let put = api.documents.put_text(DocumentId::Note(id), caller, put).await;
            put.map(drop).map_err(Fault::from)
        };
        match put {
            Err(Fault::Changed) if !expected.is_some() => {} // by somebody who writes just now
            put => {
                put?;
                return notes::show(api, caller, id).await;
            }
        }
    }
    Err(Fault::Unavailable)
}

/// Whether what a note says is what one of its last versions says, which is kept for a day then: who goes to and
/// fro between versions makes no new ones.
async fn is_kept(api: &Api, note: &Note) -> Result<bool, Fault> {
    let versions = api.store.records::<NoteVersion>();
    let last = Page::of("note").equal(note.id).descending().limit(LOOKED_AT);
    let last = versions.page(last).await?;
    let says = |version: &NoteVersion| {
        (version.text.as_ref(), version.title.as_ref()) == (Some(&note.text), Some(&note.title))
    };
    let Some(same) = last.items.iter().find(|version| says(version)) else { return Ok(false) };
    // It may be about to be thinned out.
    let keep = |version: &mut NoteVersion| {
        version.is_ended = true;
        if version.is_thinned { Err(()) } else { Ok(()) }
    };
    Ok(versions.update(&same.id, keep).await?.is_some_and(|kept| kept.is_ok()))
}

/// A version is kept at the wish of somebody, who may not wish for any number.
async fn count(api: &Api, caller: Caller) -> Result<(), Fault> {
    let limits = &api.accounts.0.limits;
    let standing = limits.take_anyway(RESTORES, &caller.user.to_string()).await;
    standing.and_then(|standing| standing.wait).map_or(Ok(()), |wait| Err(Fault::TooMany(wait)))
}
