//! Versions of notes: looked at, and gone back to by a forward edit.

use studyhall_schema::{
    access::{Caller, Permission},
    document::DocumentId,
    ids::NoteId,
    note::Note,
    note_version::NoteVersion,
};
use studyhall_store::{Page, Versioned};
use studyhall_sync::PutText;

use crate::{
    api::Api,
    extract::IfMatch,
    fault::Fault,
    notes,
    routes::{Paging, refused},
};

/// A page of a note's versions, newest first. The newest says what the note says now.
pub(crate) async fn list(
    api: &Api,
    caller: Caller,
    id: NoteId,
    paging: Paging,
) -> Result<(Vec<NoteVersion>, Option<String>), Fault> {
    let note = notes::look_at(api, caller.user, id).await?;
    let is_first = paging.cursor.is_none();
    let query = paging.of("note").equal(id).descending();
    let page = api.store.records::<NoteVersion>().page(query).await.map_err(refused)?;
    let mut versions: Vec<_> = page.items.into_iter().map(|version| version.value).collect();
    if is_first {
        let newest = if versions.is_empty() { None } else { Some(versions.remove(0)) };
        versions.insert(0, current(&note, newest));
    }
    versions.retain(|version| version.text.is_some());
    Ok((versions, page.next_cursor))
}

fn current(note: &Versioned<Note>, newest: Option<NoteVersion>) -> NoteVersion {
    let newest =
        newest.unwrap_or_else(|| NoteVersion::new(note.id, note.projected_seq, note.updated_at));
    if newest.text.is_some() {
        return newest;
    }
    NoteVersion {
        seq: note.projected_seq,
        title: Some(note.title.clone()),
        text: Some(note.text.clone()),
        ..newest
    }
}

/// A version of a note.
pub(crate) async fn show(
    api: &Api,
    caller: Caller,
    id: NoteId,
    version: u64,
) -> Result<NoteVersion, Fault> {
    let note = notes::look_at(api, caller.user, id).await?;
    let versions = api.store.records::<NoteVersion>();
    if version == note.projected_seq {
        let newest = versions.page(Page::of("note").equal(id).descending().limit(1)).await?;
        let newest = newest.items.into_iter().next().map(|newest| newest.value);
        api.shown.opens(caller, &note.value).await;
        return Ok(current(&note, newest));
    }
    let number = i64::try_from(version).map_err(|_| Fault::NotFound)?;
    let found = versions.page(Page::of("note").equal(id).equal(number).limit(1)).await?;
    let found = found.items.into_iter().next().map(|found| found.value);
    found.filter(|found| found.text.is_some()).ok_or(Fault::NotFound)
}

/// Makes a note read as it did in a version: an edit like any other, of what differs.
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
    let version = show(api, caller, id, version).await?;
    let text = version.text.ok_or(Fault::NotFound)?;
    let put = PutText { text, title: version.title, ..PutText::default() };
    let note = notes::look_at(api, caller.user, id).await?;
    expected.check(note.rev)?;
    if expected.is_some() {
        notes::put_into(api, caller, &note, put).await?;
    } else {
        api.documents.put_text(DocumentId::Note(id), caller, put).await?;
    }
    notes::show(api, caller, id).await
}
