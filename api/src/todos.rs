//! What happens to todos. They live in lists, which are documents: a shared todo in its room's, any
//! other in its owner's own. Every change is an edit of a list.

mod revising;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use studyhall_schema::{
    Timestamp,
    access::{Caller, Permission},
    document::DocumentId,
    ids::{RoomId, TodoId, UserId},
    todo::{Item, Todo, nobody},
};
use studyhall_store::{Page, Records, Versioned};
use studyhall_sync::{SyncFault, contents::NewTodo};

pub(crate) use self::revising::{Revision, revise};
use crate::{api::Api, extract::IfMatch, fault::Fault, rooms, trash};

/// Rows of one id that are looked at at once: it may be in several lists.
const LISTS: usize = 100;
/// A todo that one person has in more lists than this was not left so by moves that were cut off.
const COPIES: usize = 8;
/// So often somebody's act follows a todo that is moved meanwhile.
const FOLLOWED: usize = 3;
/// Lists that are brought up to date side by side.
const AT_ONCE: usize = 16;

/// A todo to make.
pub(crate) struct Draft {
    pub(crate) id: TodoId,
    pub(crate) text: String,
    pub(crate) room: Option<RoomId>,
    pub(crate) is_shared: Option<bool>,
    pub(crate) assignee: Option<UserId>,
    pub(crate) due: Option<Timestamp>,
}

/// A todo that was made now, or by the same request before.
pub(crate) struct Created {
    pub(crate) todo: Versioned<Todo>,
    pub(crate) is_new: bool,
}

/// Where a todo is to be from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) is_shared: Option<bool>,
    pub(crate) room: Option<RoomId>,
}

/// What somebody does to a todo where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// It is done.
    Complete,
    /// It is not done after all.
    Reopen,
    /// Behind that one, or first.
    PutBehind(Option<TodoId>),
    /// It goes to the trash.
    Delete,
}

fn rows(api: &Api) -> Records<Todo> {
    api.store.records::<Todo>()
}

/// A person's own list.
pub(crate) fn own_list(user: UserId) -> DocumentId {
    DocumentId::Todos(user.bytes())
}

fn list_of(user: UserId, room: Option<RoomId>) -> DocumentId {
    room.map_or(own_list(user), |room| DocumentId::Todos(room.bytes()))
}

/// The rooms that a list may be asked for as, decided from what was said.
fn wanted_room(place: Place, now: Option<RoomId>) -> Result<Option<RoomId>, Fault> {
    match (place.is_shared, place.room) {
        (None, None) => Ok(now),
        (Some(false), None) => Ok(None),
        (Some(false), Some(_)) => Err(Fault::Conflict {
            code: "unshared-in-a-room",
            detail: "a todo that is not shared is in your own list: leave the room out",
        }),
        (Some(true), None) => match now {
            Some(room) => Ok(Some(room)),
            None => Err(room_needed()),
        },
        (_, Some(room)) => Ok(Some(room)),
    }
}

/// Nobody said with which room a todo is shared.
pub(crate) fn room_needed() -> Fault {
    Fault::Conflict { code: "room-needed", detail: "say with which room it is shared" }
}

/// Makes a todo. The same request again gets the same todo; of one that its list has already, only what
/// is missing is set.
pub(crate) async fn create(api: &Api, caller: Caller, draft: Draft) -> Result<Created, Fault> {
    let created = create_unseen(api, caller, draft).await?;
    api.shown.opens(caller, &created.todo.value).await;
    Ok(created)
}

async fn create_unseen(api: &Api, caller: Caller, draft: Draft) -> Result<Created, Fault> {
    let user = caller.user;
    let place = Place { is_shared: draft.is_shared, room: draft.room };
    let room = wanted_room(place, None)?;
    let list = list_of(user, room);
    if let Some(room) = room {
        rooms::show_to_member(api, user, room).await?;
    }
    writable(api, user, list).await?;
    check_assignee(api, user, room, draft.assignee).await?;
    if trash::has(api, &Todo::key(list, draft.id)).await? {
        return Err(taken());
    }
    follow_all(api, user).await?;
    let found = find_row(api, user, draft.id).await?;
    if let Some(found) = &found
        && found.row.owner_id != user
    {
        return Err(taken());
    }
    if let Some(Found { row, .. }) = found {
        return Ok(Created { todo: row, is_new: false });
    }
    let new = NewTodo {
        text: draft.text,
        assignee: draft.assignee,
        due: draft.due,
        created_at: api.accounts.clock().now(),
    };
    let id = draft.id;
    api.documents.edit_todos(list, caller, move |todos| todos.make(id, &new)).await?;
    // The list may have one that it does not show: it was moved from there.
    let todo = rows(api).get(&Todo::key(list, id)).await?.ok_or_else(taken)?;
    Ok(Created { todo, is_new: true })
}

fn taken() -> Fault {
    Fault::Conflict { code: "id-taken", detail: "this id is taken: make another one" }
}

/// A todo, and what other lists say of the same id.
struct Found {
    row: Versioned<Todo>,
    others: Vec<DocumentId>,
}

/// Looks for a todo in the lists that somebody may open; in a room's list first. One that has no row yet
/// is looked for where rows may be behind: all of these lists.
async fn find(api: &Api, user: UserId, id: TodoId) -> Result<Option<Found>, Fault> {
    follow(api, own_list(user)).await?;
    if let Some(found) = find_row(api, user, id).await? {
        return Ok(Some(found));
    }
    let rooms = rooms::ids_of(api, user).await?.into_iter();
    let behind = rooms.map(|room| follow(api, list_of(user, Some(room))));
    stream::iter(behind).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    find_row(api, user, id).await
}

async fn find_row(api: &Api, user: UserId, id: TodoId) -> Result<Option<Found>, Fault> {
    let mut same = rows_of(api, id).await?;
    if settle(api, &same).await? {
        same = rows_of(api, id).await?;
    }
    let mut found = Vec::new();
    for row in same {
        if api.accounts.document_permission(user, row.list).await? > Permission::None {
            found.push(row);
        }
    }
    found.sort_by_key(|row| !row.is_shared);
    let mut found = found.into_iter();
    while let Some(row) = found.next() {
        follow(api, row.list).await?;
        if let Some(row) = rows(api).get(&Todo::key(row.list, id)).await? {
            let others = found.filter(|other| other.owner_id == row.owner_id);
            let others = others.map(|other| other.list).collect();
            return Ok(Some(Found { row, others }));
        }
    }
    Ok(None)
}

/// What lists show of an id.
async fn rows_of(api: &Api, id: TodoId) -> Result<Vec<Versioned<Todo>>, Fault> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = Page::of("todo").equal(id).limit(LISTS).cursor(cursor);
        let page = rows(api).page(page).await?;
        found.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// Of a todo that several lists show as the same person's, since a move was cut off, one is left. Whether
/// there was such a one.
async fn settle(api: &Api, same: &[Versioned<Todo>]) -> Result<bool, Fault> {
    let mut owners: BTreeMap<UserId, Vec<DocumentId>> = BTreeMap::new();
    for row in same {
        owners.entry(row.owner_id).or_default().push(row.list);
    }
    owners.retain(|owner, lists| *owner != nobody() && (2..=COPIES).contains(&lists.len()));
    for (owner, lists) in &owners {
        api.documents.settle_todo(same[0].todo_id, lists, *owner).await?;
    }
    Ok(!owners.is_empty())
}

/// The same for what a page shows. Whether it has to be read again.
pub(crate) async fn settle_page(api: &Api, page: &[Versioned<Todo>]) -> Result<bool, Fault> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<_> =
        page.iter().map(|row| row.todo_id).filter(|id| !seen.insert(*id)).collect();
    let settled = stream::iter(twice).map(async |id| settle(api, &rows_of(api, id).await?).await);
    let settled = settled.buffer_unordered(AT_ONCE);
    settled.try_fold(false, async |settled, one| Ok(settled || one)).await
}

/// Brings the rows of a list up to date; one that nobody has used yet has none.
pub(crate) async fn follow(api: &Api, list: DocumentId) -> Result<(), Fault> {
    match api.documents.follow_todos(list).await {
        Err(SyncFault::NotFound) => Ok(()),
        followed => Ok(followed?),
    }
}

/// Brings the rows up to date of what somebody may have made, or is to do: at once in their own list, in
/// their rooms' where a node that was killed left them behind.
pub(crate) async fn follow_all(api: &Api, user: UserId) -> Result<(), Fault> {
    follow(api, own_list(user)).await?;
    let rooms = rooms::ids_of(api, user).await?.into_iter();
    api.documents.refresh_todos(rooms.map(|room| list_of(user, Some(room)))).await;
    Ok(())
}

/// A todo, which the caller is shown.
pub(crate) async fn show(api: &Api, caller: Caller, id: TodoId) -> Result<Versioned<Todo>, Fault> {
    let todo = look_at(api, caller.user, id).await?;
    api.shown.opens(caller, &todo.value).await;
    Ok(todo)
}

/// A todo that somebody may read.
async fn look_at(api: &Api, user: UserId, id: TodoId) -> Result<Versioned<Todo>, Fault> {
    Ok(find(api, user, id).await?.ok_or(Fault::NotFound)?.row)
}

async fn writable(api: &Api, user: UserId, list: DocumentId) -> Result<(), Fault> {
    match api.accounts.document_permission(user, list).await? {
        Permission::None => Err(Fault::NotFound),
        Permission::Read => {
            let detail = "you may read this list, not change it";
            Err(Fault::Forbidden { code: "read-only", detail })
        }
        Permission::Write => Ok(()),
    }
}

/// In a room its members do things, in one's own list only oneself.
async fn check_assignee(
    api: &Api,
    user: UserId,
    room: Option<RoomId>,
    assignee: Option<UserId>,
) -> Result<(), Fault> {
    let Some(assignee) = assignee else { return Ok(()) };
    let fits = match room {
        None => assignee == user,
        Some(room) => rooms::show_to_member(api, user, room).await?.role(assignee).is_some(),
    };
    if fits {
        return Ok(());
    }
    let detail = "only somebody who can open this list can be given its todos";
    Err(Fault::Conflict { code: "assignee-not-a-member", detail })
}

/// Does something to a todo, wherever it is moved meanwhile; what it is then, unless it is gone.
pub(crate) async fn act(
    api: &Api,
    caller: Caller,
    id: TodoId,
    expected: &IfMatch,
    act: Act,
) -> Result<Option<Versioned<Todo>>, Fault> {
    let mut tries = 0..FOLLOWED;
    loop {
        tries.next();
        match act_once(api, caller, id, expected, act).await {
            Err(Fault::NotFound) if !tries.is_empty() => {
                look_at(api, caller.user, id).await.map(drop)?;
            }
            done => {
                let now = done?;
                // Who ticks it may have its text open.
                api.shown.lists(caller, now.iter().map(|now| &now.value)).await;
                return Ok(now);
            }
        }
    }
}

async fn act_once(
    api: &Api,
    caller: Caller,
    id: TodoId,
    expected: &IfMatch,
    act: Act,
) -> Result<Option<Versioned<Todo>>, Fault> {
    let user = caller.user;
    let row = look_at(api, user, id).await?;
    writable(api, user, row.list).await?;
    expected.check(row.rev)?;
    let (list, now) = (row.list, api.accounts.clock().now());
    let seen = expected.is_some().then(|| row.value.clone());
    let edit = api.documents.edit_todos(list, caller, move |todos| {
        todos.check(id, seen.as_ref())?;
        match act {
            Act::Complete => todos.complete(id, user, now)?,
            Act::Reopen => todos.reopen(id)?,
            Act::PutBehind(after) => todos.place(id, after)?,
            Act::Delete => todos.remove(id),
        }
        Ok(todos.item(id))
    });
    match edit.await? {
        Some(item) => shown_after(api, user, (list, row), item).await.map(Some),
        None => Ok(None),
    }
}

/// A todo after somebody has changed it in a list. It may have been moved on by now: what they did goes
/// after it, so it is shown where it is and as they left it. Who may not open that list is shown what
/// they did, and not where it is.
async fn shown_after(
    api: &Api,
    user: UserId,
    (list, before): (DocumentId, Versioned<Todo>),
    item: Item,
) -> Result<Versioned<Todo>, Fault> {
    if let Some(row) = rows(api).get(&Todo::key(list, item.id)).await? {
        return Ok(row);
    }
    let Versioned { value, rev } = match look_at(api, user, item.id).await {
        Err(Fault::NotFound) => before,
        shown => shown?,
    };
    Ok(Versioned { value: value.with(item), rev })
}
