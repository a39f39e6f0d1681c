//! Todos.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    access::{self, Permission},
    document::DocumentId,
    ids::{RoomId, TodoId, UserId},
    todo::{LONGEST_TEXT, Setting, Todo},
};
use studyhall_store::Versioned;
use studyhall_sync::contents::TodoChange;
use utoipa::ToSchema;

use super::{
    pages::{ListTodos, Paging, refused},
    validation,
};
use crate::{
    answer::{Created, Done, Listed, Shown},
    api::Api,
    extract::{Caller, FreshId, IfMatch, IfNoneMatch, Json, Path, Query},
    fault::Fault,
    todos::{self, Act, Draft, Place, Revision},
};

/// A todo to make.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostTodo {
    /// Made by the client when it was offline.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    id: Option<TodoId>,
    #[garde(length(chars, min = 1, max = LONGEST_TEXT), custom(validation::text))]
    #[schema(min_length = 1, max_length = 2000, pattern = r"^[^\x00]*$")]
    text: String,
    /// The room in whose list it is; one's own list when it is missing.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    room_id: Option<RoomId>,
    /// Whether it is in a room's list; it is when there is a room.
    #[garde(skip)]
    is_shared: Option<bool>,
    /// Who is to do it: somebody who can open the list.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    assignee_id: Option<UserId>,
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_date: Option<Timestamp>,
}

/// What changes about a todo. What is null becomes nobody, or no day.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutTodo {
    /// Merged into what others write: only what differs from what this sign-in was shown is changed. With
    /// `If-Match` it is put as it is, or refused when the todo has moved on.
    #[garde(inner(length(chars, min = 1, max = LONGEST_TEXT)), inner(custom(validation::text)))]
    #[schema(min_length = 1, max_length = 2000, pattern = r"^[^\x00]*$")]
    text: Option<String>,
    /// What the text was made from: what its writer had before they changed it. For the first put of a box that is the
    /// text that it was opened with, for each further one the text that was put before (and answered well). Then
    /// just what differs between the two is changed, whatever the server remembers of what was shown. The very same
    /// again changes nothing more: who had no answer sends it until they have one, before they put what was typed since.
    /// Not asked for with `If-Match`.
    #[garde(inner(length(chars, max = LONGEST_TEXT)))]
    #[schema(max_length = 2000)]
    base: Option<String>,
    /// Whether it is in a room's list; its owner decides.
    #[garde(skip)]
    is_shared: Option<bool>,
    /// The room whose list it goes to; null takes it back to its owner's own.
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    room_id: Setting<RoomId>,
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    assignee_id: Setting<UserId>,
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    due_date: Setting<Timestamp>,
}

/// Where a todo goes in its list.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reorder {
    /// The todo.
    #[garde(skip)]
    #[schema(value_type = String, pattern = "^[0-9a-f]{24}$")]
    id: TodoId,
    /// The one that it comes behind; it comes first when this is missing.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    after: Option<TodoId>,
}

/// A todo.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TodoView {
    #[schema(value_type = String)]
    id: TodoId,
    rev: u64,
    text: String,
    #[schema(value_type = String)]
    owner_id: UserId,
    #[schema(value_type = Option<String>)]
    room_id: Option<RoomId>,
    is_shared: bool,
    #[schema(value_type = Option<String>)]
    assignee_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    due_date: Option<Timestamp>,
    is_completed: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Its place in the list; equal ones are in the order of their ids.
    position: f64,
    /// The name of the document that it is in.
    document: String,
}

impl From<Versioned<Todo>> for TodoView {
    fn from(Versioned { value: todo, rev }: Versioned<Todo>) -> Self {
        Self {
            id: todo.todo_id,
            rev,
            text: todo.text,
            owner_id: todo.owner_id,
            room_id: todo.room_id,
            is_shared: todo.is_shared,
            assignee_id: todo.assignee_id,
            created_at: todo.created_at,
            due_date: todo.due_date,
            is_completed: todo.is_completed,
            completed_at: todo.completed_at,
            position: todo.position,
            document: todo.list.to_string(),
        }
    }
}

fn shown(todo: Versioned<Todo>) -> Shown<TodoView> {
    let rev = todo.rev;
    Shown::new(todo.into(), rev)
}

/// Make a todo.
#[utoipa::path(post, path = "/api/v1/todos", tag = "todos",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 201, body = TodoView), (status = 200, body = TodoView)))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    fresh: FreshId,
    Json(body): Json<PostTodo>,
) -> Result<Created<TodoView>, Fault> {
    let draft = Draft {
        id: body.id.unwrap_or_else(|| TodoId::from_bytes(fresh.bytes())),
        text: body.text,
        room: body.room_id,
        is_shared: body.is_shared,
        assignee: body.assignee_id,
        due: body.due_date,
    };
    let todos::Created { todo, is_new } = todos::create(&api, caller, draft).await?;
    let location = format!("/api/v1/todos/{}", todo.todo_id);
    Ok(Created { rev: todo.rev, view: todo.into(), location, is_new })
}

/// List the todos that one has made: one's own list in its order, and what one has put into rooms'. Or
/// those that one is to do, whoever made them. What is in rooms that one has left is passed over, so that
/// a page can be shorter than asked for.
#[utoipa::path(get, path = "/api/v1/todos", tag = "todos", params(ListTodos),
    responses((status = 200, body = Listed<TodoView>)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    Query(asked): Query<ListTodos>,
) -> Result<Listed<TodoView>, Fault> {
    todos::follow_all(&api, caller.user).await?;
    let ListTodos { cursor, limit, assigned } = asked;
    let index = if assigned { "assignee" } else { "owner" };
    let read = || {
        let query = Paging { cursor: cursor.clone(), limit }.of(index).equal(caller.user);
        async { api.store.records::<Todo>().page(query).await.map_err(refused) }
    };
    let mut page = read().await?;
    if todos::settle_page(&api, &page.items).await? {
        page = read().await?;
    }
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        let permission = api.accounts.document_permission(caller.user, row.list).await?;
        items.extend((permission > Permission::None).then_some(row));
    }
    api.shown.lists(caller, items.iter().map(|todo| &todo.value)).await;
    Ok(Listed::of(items, page.next_cursor))
}

/// A page of a room's list.
pub(super) async fn list_of_room(
    api: &Api,
    caller: access::Caller,
    room: RoomId,
    paging: Paging,
) -> Result<Listed<TodoView>, Fault> {
    let list = DocumentId::Todos(room.bytes());
    todos::follow(api, list).await?;
    let query = paging.of("list").equal(list);
    let page = api.store.records::<Todo>().page(query).await.map_err(refused)?;
    api.shown.lists(caller, page.items.iter().map(|todo| &todo.value)).await;
    Ok(Listed::of(page.items, page.next_cursor))
}

/// Show a todo.
#[utoipa::path(get, path = "/api/v1/todos/{id}", tag = "todos", params(("id" = String, Path)),
    responses((status = 200, body = TodoView), (status = 304)))]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<TodoId>,
    known: IfNoneMatch,
) -> Result<Shown<TodoView>, Fault> {
    Ok(shown(todos::show(&api, caller, id).await?).unless(&known))
}

/// Change a todo, or move it between lists. Its text merges with what others write at the same time.
#[utoipa::path(put, path = "/api/v1/todos/{id}", tag = "todos", params(("id" = String, Path)),
    responses((status = 200, body = TodoView)))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<TodoId>,
    expected: IfMatch,
    Json(body): Json<PutTodo>,
) -> Result<Shown<TodoView>, Fault> {
    let is_shared = match (body.room_id, body.is_shared) {
        (Setting::To(None), None) => Some(false),
        (Setting::To(None), Some(true)) => return Err(todos::room_needed()),
        (_, is_shared) => is_shared,
    };
    let place = Place { is_shared, room: body.room_id.value() };
    let change = TodoChange { text: body.text, assignee: body.assignee_id, due: body.due_date };
    let revision = Revision { expected, place, change, base: body.base };
    Ok(shown(todos::revise(&api, caller, id, revision).await?))
}

/// Mark a todo as done. One that is done stays as it is.
#[utoipa::path(put, path = "/api/v1/todos/{id}/complete", tag = "todos",
    params(("id" = String, Path)), responses((status = 200, body = TodoView)))]
pub(super) async fn complete(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<TodoId>,
    expected: IfMatch,
) -> Result<Shown<TodoView>, Fault> {
    let todo = todos::act(&api, caller, id, &expected, Act::Complete).await?;
    Ok(shown(todo.ok_or(Fault::NotFound)?))
}

/// Mark a todo as not done.
#[utoipa::path(put, path = "/api/v1/todos/{id}/reopen", tag = "todos",
    params(("id" = String, Path)), responses((status = 200, body = TodoView)))]
pub(super) async fn reopen(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<TodoId>,
    expected: IfMatch,
) -> Result<Shown<TodoView>, Fault> {
    let todo = todos::act(&api, caller, id, &expected, Act::Reopen).await?;
    Ok(shown(todo.ok_or(Fault::NotFound)?))
}

/// Put a todo behind another one of its list, or first.
#[utoipa::path(post, path = "/api/v1/todos/reorder", tag = "todos",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 200, body = TodoView)))]
pub(super) async fn reorder(
    State(api): State<Api>,
    Caller(caller): Caller,
    expected: IfMatch,
    Json(body): Json<Reorder>,
) -> Result<Shown<TodoView>, Fault> {
    let act = Act::PutBehind(body.after);
    let todo = todos::act(&api, caller, body.id, &expected, act).await?;
    Ok(shown(todo.ok_or(Fault::NotFound)?))
}

/// Delete a todo.
#[utoipa::path(delete, path = "/api/v1/todos/{id}", tag = "todos", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<TodoId>,
    expected: IfMatch,
) -> Result<Done, Fault> {
    todos::act(&api, caller, id, &expected, Act::Delete).await?;
    Ok(Done)
}
