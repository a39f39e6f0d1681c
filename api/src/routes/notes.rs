//! Notes.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp, access,
    document::{DocumentId, Engine},
    ids::{NoteId, RoomId, UserId},
    note::{Format, Note},
};
use studyhall_store::{Page, Versioned};
use utoipa::ToSchema;

use super::{
    documents::{EngineName, url},
    pages::{Paging, refused},
    validation,
};
use crate::{
    answer::{Created, Done, Listed, Shown},
    api::Api,
    extract::{Caller, FreshId, IfMatch, IfNoneMatch, Json, Path, Query},
    fault::Fault,
    notes::{self, NewNote, NoteChange},
};

/// The longest text of a note in a request, in characters. In bytes as well: what would be cut when it is shown
/// is refused by its document.
const LONGEST: usize = 1_048_576;
/// What is shown of a longer one may be put again: it is said then that it is too long.
const SHOWN: usize = LONGEST + 4;

/// A note to make.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostNote {
    /// Made by the client when it was offline.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    id: Option<NoteId>,
    #[garde(inner(length(chars, max = LONGEST)), inner(custom(validation::text)))]
    #[schema(max_length = 1_048_576, pattern = r"^[^\x00]*$")]
    text: Option<String>,
    #[garde(inner(length(chars, max = 200)), inner(custom(validation::line)))]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    title: Option<String>,
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    room_id: Option<RoomId>,
    /// Whether the room's members may open it; they may when it is missing.
    #[garde(skip)]
    is_shared: Option<bool>,
    #[garde(skip)]
    #[schema(value_type = Option<EngineName>)]
    engine: Option<Engine>,
    #[garde(skip)]
    #[schema(value_type = Option<FormatName>)]
    format: Option<Format>,
}

/// How a note's text is kept: as the root text `content`, or as the `XmlFragment` `default`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the schema's Format")]
pub(crate) enum FormatName {
    Plain,
    Rich,
}

/// What changes about a note.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutNote {
    /// Merged into what others write: only the differences become operations. With `If-Match` it is put as it
    /// is, or refused when the note has moved on. At most 1,048,576 bytes of UTF-8, with what others wrote.
    #[garde(inner(length(chars, max = SHOWN)), inner(custom(validation::text)))]
    #[schema(max_length = 1_048_576, pattern = r"^[^\x00]*$")]
    text: Option<String>,
    /// What the text was made from: what its writer had before they changed it. For the first put of a box that is the
    /// text that it was opened with, for each further one the text that was put before (and answered well). Then
    /// just what differs between the two is changed, whatever the server remembers of what was shown. The very same
    /// again changes nothing more: who had no answer sends it until they have one, before they put what was typed since.
    /// Not asked for with `If-Match`.
    #[garde(inner(length(chars, max = SHOWN)))]
    #[schema(max_length = 1_048_576)]
    base: Option<String>,
    /// Whether the room's members may open it.
    #[garde(skip)]
    is_shared: Option<bool>,
}

/// A note.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoteView {
    #[schema(value_type = String)]
    id: NoteId,
    rev: u64,
    text: String,
    title: String,
    #[schema(value_type = String)]
    owner_id: UserId,
    #[schema(value_type = Option<String>)]
    room_id: Option<RoomId>,
    is_shared: bool,
    #[schema(value_type = FormatName)]
    format: Format,
    #[schema(value_type = EngineName)]
    engine: Engine,
    /// Its document holds more than 8 MiB, with its history: at 16 MiB it takes no more. Told up to 1 MiB late.
    nearly_full: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The name of its document on the sockets.
    document: String,
    /// The URL of its document for automerge-repo, when it is an Automerge document.
    document_url: Option<String>,
}

impl From<Versioned<Note>> for NoteView {
    fn from(Versioned { value: note, rev }: Versioned<Note>) -> Self {
        let document = DocumentId::Note(note.id);
        Self {
            document: document.to_string(),
            document_url: url(document, note.engine),
            id: note.id,
            rev,
            text: note.text,
            title: note.title,
            owner_id: note.owner_id,
            room_id: note.room_id,
            is_shared: note.is_shared,
            format: note.format,
            engine: note.engine,
            nearly_full: note.is_nearly_full,
            created_at: note.created_at,
            updated_at: note.updated_at,
        }
    }
}

pub(super) fn shown(note: Versioned<Note>) -> Shown<NoteView> {
    let rev = note.rev;
    Shown::new(note.into(), rev)
}

/// Make a note.
#[utoipa::path(post, path = "/api/v1/notes", tag = "notes",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 201, body = NoteView), (status = 200, body = NoteView)))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    fresh: FreshId,
    Json(body): Json<PostNote>,
) -> Result<Created<NoteView>, Fault> {
    let new = NewNote {
        id: body.id.unwrap_or_else(|| NoteId::from_bytes(fresh.bytes())),
        text: body.text.unwrap_or_default(),
        title: body.title,
        is_shared: body.is_shared.unwrap_or(body.room_id.is_some()),
        room: body.room_id,
        engine: body.engine.unwrap_or_default(),
        format: body.format.unwrap_or_default(),
    };
    let notes::Created { note, is_new } = notes::create(&api, caller, new).await?;
    let location = format!("/api/v1/notes/{}", note.id);
    Ok(Created { rev: note.rev, view: note.into(), location, is_new })
}

/// List one's own notes.
#[utoipa::path(get, path = "/api/v1/notes", tag = "notes", params(Paging),
    responses((status = 200, body = Listed<NoteView>)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    Query(paging): Query<Paging>,
) -> Result<Listed<NoteView>, Fault> {
    let query = paging.of("owner").equal(caller.user);
    let mut page = api.store.records::<Note>().page(query).await.map_err(refused)?;
    page.items = api.documents.listed(page.items).await?;
    api.shown.lists(caller, page.items.iter().map(|note| &note.value)).await;
    Ok(Listed::of(page.items, page.next_cursor))
}

/// A page of a room's notes that the caller may open. Others' unshared ones are passed over, so that a
/// page can be shorter than asked for.
pub(super) async fn list_in_room(
    api: &Api,
    caller: access::Caller,
    room: RoomId,
    paging: Paging,
) -> Result<Listed<NoteView>, Fault> {
    let query: Page<'_> = paging.of("room").equal(room);
    let mut page = api.store.records::<Note>().page(query).await.map_err(refused)?;
    page.items = api.documents.listed(page.items).await?;
    let is_shown = |note: &Versioned<Note>| note.is_shared || note.owner_id == caller.user;
    page.items.retain(|note| note.room_id == Some(room) && is_shown(note));
    api.shown.lists(caller, page.items.iter().map(|note| &note.value)).await;
    Ok(Listed::of(page.items, page.next_cursor))
}

/// Show a note.
#[utoipa::path(get, path = "/api/v1/notes/{id}", tag = "notes", params(("id" = String, Path)),
    responses((status = 200, body = NoteView), (status = 304)))]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<NoteId>,
    known: IfNoneMatch,
) -> Result<Shown<NoteView>, Fault> {
    Ok(shown(notes::show(&api, caller, id).await?).unless(&known))
}

/// Change a note. Its text merges with what others write at the same time.
#[utoipa::path(put, path = "/api/v1/notes/{id}", tag = "notes", params(("id" = String, Path)),
    responses((status = 200, body = NoteView)))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<NoteId>,
    expected: IfMatch,
    Json(body): Json<PutNote>,
) -> Result<Shown<NoteView>, Fault> {
    let change = NoteChange { text: body.text, base: body.base, is_shared: body.is_shared };
    Ok(shown(notes::revise(&api, caller, id, &expected, change).await?))
}

/// Move a note to the trash.
#[utoipa::path(delete, path = "/api/v1/notes/{id}", tag = "notes", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<NoteId>,
    expected: IfMatch,
) -> Result<Done, Fault> {
    notes::delete(&api, caller.user, id, &expected).await?;
    Ok(Done)
}
