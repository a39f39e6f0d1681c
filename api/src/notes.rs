//! What happens to notes. Text and title live in the note's document and are changed by CRDT
//! operations; rights and life live in the document's record.

use studyhall_schema::{
    access::{AccessChange, Caller, Permission},
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{NoteId, RoomId, UserId},
    note::{Format, Note},
    trash::Trashed,
};
use studyhall_store::Versioned;

use studyhall_sync::{Documents, PutText, SyncFault};

use crate::{
    api::Api,
    extract::IfMatch,
    fault::Fault,
    rooms,
    shown::{NewText, to_its_end},
    trash,
};

/// How often a text is put again when the document grew and its text did not change.
const TRIES: usize = 8;

/// A note to make.
pub(crate) struct NewNote {
    pub(crate) id: NoteId,
    pub(crate) text: String,
    pub(crate) title: Option<String>,
    pub(crate) room: Option<RoomId>,
    pub(crate) is_shared: bool,
    pub(crate) engine: Engine,
    pub(crate) format: Format,
}

/// A note that was made now, or by the same request before.
pub(crate) struct Created {
    pub(crate) note: Versioned<Note>,
    pub(crate) is_new: bool,
}

/// What is to change about a note.
pub(crate) struct NoteChange {
    pub(crate) text: Option<String>,
    /// What the text was made from, when its writer says so.
    pub(crate) base: Option<String>,
    pub(crate) is_shared: Option<bool>,
}

impl From<SyncFault> for Fault {
    fn from(fault: SyncFault) -> Self {
        match fault {
            SyncFault::NotFound => Self::NotFound,
            SyncFault::Exists => {
                Self::Conflict { code: "id-taken", detail: "this id is taken: make another one" }
            }
            SyncFault::TooLarge => Self::Conflict {
                code: "document-full",
                detail: "this document has reached its size limit: start another one",
            },
            SyncFault::TooLong => Self::Conflict {
                code: "note-too-long",
                detail: "this note is too long for that: change it over a socket, with If-Match, or fewer of its lines",
            },
            SyncFault::TooLongToShow => Self::TextTooLong,
            SyncFault::Changed => Self::Changed,
            SyncFault::Moved => Self::Conflict {
                code: "moved-meanwhile",
                detail: "it was moved elsewhere just now: read it again",
            },
            SyncFault::ListFull => Self::Conflict {
                code: "list-full",
                detail: "this list has as many todos as fit: delete some first",
            },
            SyncFault::Refused => Self::Conflict {
                code: "document-refused",
                detail: "the document does not take that change: read it again",
            },
            SyncFault::Unavailable => Self::Unavailable,
            SyncFault::Corrupt => Self::Internal("a document cannot be read".into()),
        }
    }
}

/// Makes a note. The same request again gets the same note.
pub(crate) async fn create(api: &Api, caller: Caller, new: NewNote) -> Result<Created, Fault> {
    let by = caller.user;
    Documents::shows(&new.text)?;
    if (new.engine, new.format) == (Engine::Automerge, Format::Rich) {
        let detail = "a rich note is a Yjs document: leave the engine out, or make it plain";
        return Err(Fault::Conflict { code: "rich-needs-yjs", detail });
    }
    if let Some(room) = new.room {
        rooms::show_to_member(api, by, room).await?;
    }
    let document = DocumentId::Note(new.id);
    let held = api.accounts.document(document).await?;
    if held.as_ref().is_some_and(|held| held.owner != by || held.deleted_at.is_some()) {
        return Err(SyncFault::Exists.into());
    }
    let record = DocumentRecord {
        id: document,
        kind: match new.format {
            Format::Plain => DocumentKind::PlainNote,
            Format::Rich => DocumentKind::RichNote,
        },
        engine: new.engine,
        owner: by,
        room: new.room,
        is_shared: new.is_shared,
        shared_at_seq: new.is_shared.then_some(0),
        created_at: api.accounts.clock().now(),
        deleted_at: None,
        changed_at: None,
        snapshot_seq: 0,
        bytes: 0,
    };
    let is_new = api.documents.create(record, caller, new.title.as_deref(), &new.text).await?;
    api.accounts.announce(AccessChange::DocumentChanged(document));
    let note = api.documents.note(new.id).await?.ok_or(Fault::NotFound)?;
    api.shown.opens(caller, &note.value).await;
    Ok(Created { note, is_new })
}

/// What `user` may do with a note that they may at least read.
pub(crate) async fn readable(api: &Api, user: UserId, id: NoteId) -> Result<Permission, Fault> {
    match api.accounts.document_permission(user, DocumentId::Note(id)).await? {
        Permission::None => Err(Fault::NotFound),
        permission => Ok(permission),
    }
}

/// A note, which the caller is shown.
pub(crate) async fn show(api: &Api, caller: Caller, id: NoteId) -> Result<Versioned<Note>, Fault> {
    readable(api, caller.user, id).await?;
    let note = api.documents.shown_note(id).await?.ok_or(Fault::NotFound)?;
    if note.rev > 0 {
        api.shown.opens(caller, &note.value).await;
    }
    Ok(note)
}

pub(crate) async fn look_at(api: &Api, user: UserId, id: NoteId) -> Result<Versioned<Note>, Fault> {
    readable(api, user, id).await?;
    api.documents.note(id).await?.ok_or(Fault::NotFound)
}

/// Changes a note: text is merged into what others write, sharing is the owner's to change.
pub(crate) async fn revise(
    api: &Api,
    caller: Caller,
    id: NoteId,
    expected: &IfMatch,
    change: NoteChange,
) -> Result<Versioned<Note>, Fault> {
    let user = caller.user;
    change.text.as_deref().map_or(Ok(()), Documents::shows)?;
    if readable(api, user, id).await? < Permission::Write {
        let detail = "you may read this note, not change it";
        return Err(Fault::Forbidden { code: "read-only", detail });
    }
    let note = look_at(api, user, id).await?;
    expected.check(note.rev)?;
    let shares = change.is_shared.filter(|shared| *shared != note.is_shared);
    if shares.is_some() && note.owner_id != user {
        let detail = "only its owner shares a note or takes it back";
        return Err(Fault::Forbidden { code: "not-the-owner", detail });
    }
    // What the room is shown is what its owner has put with it, and nothing where that is not taken.
    let (before, after) = (shares == Some(false), shares == Some(true));
    if before {
        share(api, id, false).await?;
    }
    let Some(text) = change.text else {
        if after {
            share(api, id, true).await?;
        }
        return show(api, caller, id).await;
    };
    if expected.is_some() {
        let put = PutText { text: text.clone(), ..PutText::default() };
        put_into(api, caller, &note, put).await?;
        if after {
            share(api, id, true).await?;
        }
        let now = look_at(api, user, id).await?;
        api.shown.put(caller.login, (&now.value).into(), &text, (None, true)).await;
        return Ok(now);
    }
    let api = api.clone();
    to_its_end(move |hears| async move {
        let put = async |put| {
            api.accounts.awake()?;
            let base = api.documents.put_text(DocumentId::Note(id), caller, put).await?;
            if after {
                share(&api, id, true).await?;
            }
            Ok((look_at(&api, user, id).await?, base))
        };
        let new = NewText { text: &text, base: change.base.as_deref() };
        let mut seen = note;
        for turn in 1..=TRIES {
            let make = |new: PutText| {
                let only_at = new.only_at.filter(|_| turn < TRIES);
                put(PutText { only_at, ..new })
            };
            match api.shown.put_of(caller, (&seen.value).into(), (new, &hears), make).await {
                // What it may have been made of has come just now.
                Err(Fault::Changed) => seen = look_at(&api, user, id).await?,
                done => return done,
            }
        }
        Err(Fault::Changed)
    })
    .await
}

/// Shares a note with its room, from what it says now on, or takes it back.
async fn share(api: &Api, id: NoteId, is_shared: bool) -> Result<(), Fault> {
    let since = api.documents.note(id).await?.ok_or(Fault::NotFound)?.projected_seq;
    let share = move |record: &mut DocumentRecord| {
        record.is_shared = is_shared;
        if is_shared {
            record.shared_at_seq = Some(since);
        }
    };
    let changed = AccessChange::DocumentChanged(DocumentId::Note(id));
    let planned = api.accounts.plan(changed).await?;
    let revised = api.documents.revise_record(DocumentId::Note(id), share).await;
    // Even after a failure, whose outcome may not be known: asking again harms nobody.
    planned.announce(changed, &revised);
    revised?.ok_or(Fault::NotFound)?;
    Ok(())
}

/// Puts a text, and a title, only into the very revision that was shown.
pub(crate) async fn put_into(
    api: &Api,
    caller: Caller,
    note: &Versioned<Note>,
    put: PutText,
) -> Result<(), Fault> {
    let mut seq = note.projected_seq;
    for _ in 0..TRIES {
        let put = PutText { only_at: Some(seq), ..put.clone() };
        match api.documents.put_text(DocumentId::Note(note.id), caller, put).await {
            // The document may have grown without a change that a revision shows.
            Err(SyncFault::Changed) => {
                let now = look_at(api, caller.user, note.id).await?;
                if now.value.text != note.value.text {
                    return Err(Fault::Changed);
                }
                seq = now.projected_seq;
            }
            put => {
                put?;
                return Ok(());
            }
        }
    }
    Err(Fault::Changed)
}

/// Moves a note to the trash; its owner may.
pub(crate) async fn delete(
    api: &Api,
    user: UserId,
    id: NoteId,
    expected: &IfMatch,
) -> Result<(), Fault> {
    let note = look_at(api, user, id).await?;
    if note.owner_id != user {
        let detail = "only its owner deletes a note";
        return Err(Fault::Forbidden { code: "not-the-owner", detail });
    }
    expected.check(note.rev)?;
    let (document, now) = (DocumentId::Note(id), api.accounts.clock().now());
    trash::put(api, Trashed::note(&note, document.to_string(), now)).await?;
    let bury = move |record: &mut DocumentRecord| {
        record.deleted_at.get_or_insert(now);
    };
    let planned = api.accounts.plan(AccessChange::DocumentDeleted(document)).await?;
    let buried = api.documents.revise_record(document, bury).await;
    let told = match &buried {
        Ok(_) => AccessChange::DocumentDeleted(document),
        Err(_) => AccessChange::DocumentChanged(document), // it may be deleted: ask
    };
    planned.announce(told, &buried);
    buried?.ok_or(Fault::NotFound)?;
    Ok(())
}
