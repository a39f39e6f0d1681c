//! The rows of a list of todos. Only those that differ are written; how far all of them follow the
//! document is kept once, beside them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentRecord},
    ids::TodoId,
    room::{Departure, Room},
    todo::{Item, MovedAway, ProjectedList, Todo, nobody},
    trash::{Deleted, Trashed},
};
use studyhall_store::{Page, Store, StoreError, Versioned};

use crate::{
    SyncFault,
    contents::{self, Hidden, Late, Maps, TodoList},
};

/// Rows that are written at once: they share commits.
const AT_ONCE: usize = 64;
/// Rows that are read at once.
const READ: usize = 1000;

/// What rows show of a list.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// In order.
    items: Arc<[Item]>,
    /// What is in the list and has no row.
    hidden: HashMap<TodoId, Hidden>,
    /// What was changed after it was moved.
    pub(super) late: Vec<Late>,
    /// What this node has last made the rows show, and as of which update: while nobody else has written
    /// them they need not be read.
    written: Option<(u64, Arc<[Item]>)>,
}

/// What is kept of a list between two projections.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    list: contents::Kept,
    items: Arc<[Item]>,
    /// The rows show `items` as of this update.
    written: Option<u64>,
    bytes: usize,
}

impl Kept {
    pub(super) fn read(
        &mut self,
        list: &TodoList<'_, dyn Maps + '_>,
        touched: Option<HashSet<String>>,
    ) -> Content {
        let (items, hidden) = self.list.shown(list, touched);
        let items: Arc<[Item]> = items.into();
        let written = self.written.take().map(|seq| (seq, Arc::clone(&self.items)));
        self.items = Arc::clone(&items);
        self.bytes = 2 * self.list.bytes();
        Content { items, hidden, late: list.late(), written }
    }

    /// The rows show what was read last, as of this update, and nobody has written later ones.
    pub(crate) fn written(&mut self, seq: u64) {
        self.written = Some(seq);
    }

    /// Somebody else may have written them: the next time they are read.
    pub(crate) fn forget_written(&mut self) {
        self.written = None;
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// How far the rows of a list follow it.
pub(crate) async fn followed(store: &Store, list: DocumentId) -> Result<u64, SyncFault> {
    let list = store.records::<ProjectedList>().get(&list).await?;
    Ok(list.map_or(0, |list| list.projected_seq))
}

/// Writes the rows of a list as of `seq`. Whether others have written later ones meanwhile.
pub(super) async fn write(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
    list: &Content,
) -> Result<bool, SyncFault> {
    let followed = followed(store, record.id).await?;
    if followed > seq {
        return Ok(false);
    }
    let difference = match &list.written {
        Some((at, before)) if *at == followed && record.deleted_at.is_none() => {
            since(store, record, seq, before, &list.items).await?
        }
        _ => difference(store, record, seq, &list.items).await?,
    };
    let Difference { missing, stale, mut gone, replaced } = difference;
    gone.retain(|row| row.projected_seq <= seq);
    if followed == seq && missing.is_empty() && stale.is_empty() && gone.is_empty() {
        return Ok(false);
    }
    let loses = !gone.is_empty() || !replaced.is_empty();
    let room = if loses { room(store, record).await? } else { None };
    for row in replaced {
        bury(store, row, room.as_ref()).await?;
    }
    let missing = missing.into_iter().map(|row| put(store, row, true));
    stream::iter(missing).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    replace(store, stale).await?;
    let gone = gone.into_iter().map(|row| discard(store, row, &list.hidden, room.as_ref()));
    stream::iter(gone).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    follow(store, record.id, seq).await
}

/// What a list's rows lack, which say something else, and which are too many.
struct Difference {
    missing: Vec<Todo>,
    stale: Vec<Todo>,
    gone: Vec<Versioned<Todo>>,
    /// In whose place there is now somebody else's.
    replaced: Vec<Todo>,
}

async fn difference(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
    items: &[Item],
) -> Result<Difference, SyncFault> {
    let at = (seq, store.clock().now());
    let items = if record.deleted_at.is_some() { &[] } else { items };
    let mut rows = rows(store, record.id).await?;
    let (mut missing, mut stale, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        let row = row(record, at, item);
        match rows.remove(&item.id) {
            Some(known) if is_same(&known, &row) => {}
            Some(known) => {
                if known.owner_id != row.owner_id {
                    replaced.push(known.value);
                }
                stale.push(row);
            }
            None => missing.push(row),
        }
    }
    Ok(Difference { missing, stale, gone: rows.into_values().collect(), replaced })
}

/// The same, where the rows show `before`.
async fn since(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
    before: &[Item],
    items: &[Item],
) -> Result<Difference, SyncFault> {
    let at = (seq, store.clock().now());
    let mut before: HashMap<_, _> = before.iter().map(|item| (item.id, item)).collect();
    let (mut missing, mut stale, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match before.remove(&item.id) {
            Some(known) if known == item => {}
            Some(known) => {
                if known.made_by != item.made_by {
                    replaced.push(item.id);
                }
                stale.push(row(record, at, item));
            }
            None => missing.push(row(record, at, item)),
        }
    }
    let gone = rows_of(store, record.id, before.into_keys()).await?;
    let replaced = rows_of(store, record.id, replaced).await?;
    let replaced = replaced.into_iter().map(|row| row.value).collect();
    Ok(Difference { missing, stale, gone, replaced })
}

/// The rows of these todos, as far as there are any.
async fn rows_of(
    store: &Store,
    list: DocumentId,
    ids: impl IntoIterator<Item = TodoId>,
) -> Result<Vec<Versioned<Todo>>, StoreError> {
    let row = async |id| store.records::<Todo>().get(&Todo::key(list, id)).await;
    let found = stream::iter(ids).map(row).buffer_unordered(AT_ONCE);
    found.try_filter_map(async |row| Ok(row)).try_collect().await
}

/// Which rows of a list are not what they should be; with `rebuild` all are made so.
pub(super) async fn verify(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
    list: &Content,
    rebuild: bool,
) -> Result<Vec<String>, SyncFault> {
    let Difference { missing, stale, gone, replaced } =
        difference(store, record, seq, &list.items).await?;
    let differ = missing.iter().chain(&stale).map(|row| &row.id);
    let mut wrong: Vec<_> = differ.chain(gone.iter().map(|row| &row.id)).cloned().collect();
    wrong.sort_unstable();
    if rebuild {
        let room = room(store, record).await?;
        for row in replaced {
            bury(store, row, room.as_ref()).await?;
        }
        // Also a row that claims to be of a later update than there is.
        for row in &stale {
            store.records::<Todo>().delete(&row.id).await?;
        }
        // A node that was killed may have left the row of what somebody deleted.
        for row in gone {
            discard(store, row, &list.hidden, room.as_ref()).await?;
        }
        store.records::<ProjectedList>().delete(&record.id).await?;
        write(store, record, seq, list).await?;
    }
    Ok(wrong)
}

/// A row that its list does not show any more goes; what the list has lost, to the trash. So does what is
/// said to be in another list and is in none: whoever wrote that has taken it from everybody.
async fn discard(
    store: &Store,
    row: Versioned<Todo>,
    hidden: &HashMap<TodoId, Hidden>,
    room: Option<&Room>,
) -> Result<(), StoreError> {
    let (id, list, todo) = (row.id.clone(), row.list, row.todo_id);
    let is_kept = match hidden.get(&row.todo_id) {
        Some(Hidden::Behind) => true,
        Some(Hidden::Moved) => is_elsewhere(store, &row).await?,
        None => false,
    };
    if !is_kept {
        bury(store, row.value, room).await?;
    }
    if hidden.get(&todo) == Some(&Hidden::Moved) {
        left(store, list, todo).await?;
    }
    store.records::<Todo>().delete(&id).await.map(drop)
}

/// What a list has lost is in the trash, as its row was.
async fn bury(store: &Store, row: Todo, room: Option<&Room>) -> Result<(), StoreError> {
    if !is_owners(store, &row, room).await? {
        return Ok(());
    }
    match store.records().insert(Trashed::todo(row, store.clock().now())).await {
        Ok(_) | Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// From now on what comes after a todo that was moved is late.
async fn left(store: &Store, list: DocumentId, todo: TodoId) -> Result<(), StoreError> {
    let records = store.records::<MovedAway>();
    let moved = MovedAway::new(list, todo, store.clock().now());
    let again = |known: &mut MovedAway| {
        known.at = moved.at;
        Ok::<_, std::convert::Infallible>(())
    };
    if records.update(&moved.id, again).await?.is_some() {
        return Ok(());
    }
    match records.insert(moved).await {
        Ok(_) | Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a row that goes shows what its owner could read. Of a room that they have left that is what has
/// not changed since; and what is nobody's fills nobody's trash.
async fn is_owners(store: &Store, row: &Todo, room: Option<&Room>) -> Result<bool, StoreError> {
    if row.owner_id == nobody() {
        return Ok(false);
    }
    let Some(room) = room.filter(|room| room.role(row.owner_id).is_none()) else {
        return Ok(true);
    };
    let departures = store.records::<Departure>();
    let departure = departures.get(&Departure::key(room.id, row.owner_id)).await?;
    Ok(departure.is_some_and(|departure| row.projected_seq <= departure.seq))
}

/// The room whose list it is.
async fn room(store: &Store, record: &DocumentRecord) -> Result<Option<Room>, StoreError> {
    let Some(room) = record.room else { return Ok(None) };
    Ok(store.records::<Room>().get(&room).await?.map(|room| room.value))
}

/// Whether another list has the same todo of the same person.
async fn is_elsewhere(store: &Store, row: &Todo) -> Result<bool, StoreError> {
    let page = Page::of("todo").equal(row.todo_id).limit(READ);
    let same = store.records::<Todo>().page(page).await?.items;
    Ok(same.iter().any(|other| other.owner_id == row.owner_id && other.list != row.list))
}

/// What a list shows is in the trash no more, whichever list had lost it.
async fn take_out(store: &Store, row: &Todo) -> Result<(), StoreError> {
    let trash = store.records::<Trashed>();
    let id = row.todo_id.to_string();
    for trashed in trash.page(Page::of("item").equal(row.owner_id).equal(id)).await?.items {
        if matches!(trashed.deleted, Deleted::Todo(_)) {
            trash.delete(&trashed.id).await?;
        }
    }
    Ok(())
}

async fn rows(
    store: &Store,
    list: DocumentId,
) -> Result<HashMap<TodoId, Versioned<Todo>>, SyncFault> {
    let records = store.records::<Todo>();
    let (mut rows, mut cursor) = (HashMap::new(), None);
    loop {
        let page = Page::of("list").equal(list).limit(READ).cursor(cursor);
        let page = records.page(page).await?;
        rows.extend(page.items.into_iter().map(|row| (row.todo_id, row)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

fn is_same(known: &Todo, fresh: &Todo) -> bool {
    let Todo { projected_seq, text_changed_at, .. } = *known;
    Todo { projected_seq, text_changed_at, ..fresh.clone() } == *known
}

/// Writes rows over those that are there, unless these are later ones. They are read in one query.
async fn replace(store: &Store, mut rows: Vec<Todo>) -> Result<(), StoreError> {
    let records = store.records::<Todo>();
    while !rows.is_empty() {
        let some = rows.split_off(rows.len().saturating_sub(READ));
        let ids: Vec<String> = some.iter().map(|row| row.id.clone()).collect();
        let known = records.get_many(&ids).await?;
        let some = some.into_iter().zip(known).map(|(row, known)| put_over(store, row, known));
        stream::iter(some).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

/// Writes a row over the one that was read, or as it can be where that was changed since.
async fn put_over(
    store: &Store,
    row: Todo,
    known: Option<Versioned<Todo>>,
) -> Result<(), StoreError> {
    let Some(known) = known else { return put(store, row, false).await };
    if known.projected_seq > row.projected_seq {
        return Ok(());
    }
    match store.records::<Todo>().replace(over(&known, &row), known.rev).await {
        Err(StoreError::Conflict) => put(store, row, false).await,
        replaced => replaced.map(drop),
    }
}

/// A row as it takes another's place.
fn over(known: &Todo, row: &Todo) -> Todo {
    let is_text_same = known.text == row.text;
    let at = if is_text_same { known.text_changed_at } else { row.text_changed_at };
    Todo { text_changed_at: at, ..row.clone() }
}

/// Writes a row unless a later one is there. To try first what the rows looked like saves a look.
async fn put(store: &Store, row: Todo, mut is_missing: bool) -> Result<(), StoreError> {
    let rows = store.records::<Todo>();
    for _ in 0..3 {
        if is_missing {
            match rows.insert(row.clone()).await {
                Err(StoreError::Duplicate { .. }) => {}
                inserted => {
                    inserted?;
                    return take_out(store, &row).await;
                }
            }
        } else {
            let updated = rows.update(&row.id, |known| {
                if known.projected_seq <= row.projected_seq {
                    *known = over(known, &row);
                }
                Ok::<_, std::convert::Infallible>(())
            });
            if updated.await?.is_some() {
                return Ok(());
            }
        }
        is_missing = !is_missing;
    }
    Err(StoreError::Conflict)
}

/// Says that the rows follow the list up to `seq`. Whether others have said so of more.
async fn follow(store: &Store, list: DocumentId, seq: u64) -> Result<bool, SyncFault> {
    let lists = store.records::<ProjectedList>();
    for _ in 0..2 {
        let updated = lists.update(&list, |list| {
            list.projected_seq = list.projected_seq.max(seq);
            Ok::<_, std::convert::Infallible>(())
        });
        if let Some(Ok(list)) = updated.await? {
            return Ok(list.projected_seq > seq);
        }
        match lists.insert(ProjectedList { id: list, projected_seq: seq }).await {
            Err(StoreError::Duplicate { .. }) => {}
            inserted => return Ok(inserted.map(|_| false)?),
        }
    }
    Err(SyncFault::Unavailable)
}

fn row(record: &DocumentRecord, (seq, now): (u64, Timestamp), item: &Item) -> Todo {
    // In a room's list anybody of its members may have written it.
    let unknown = if record.room.is_none() { record.owner } else { nobody() };
    Todo {
        id: Todo::key(record.id, item.id),
        todo_id: item.id,
        list: record.id,
        text: item.text.clone(),
        owner_id: item.made_by.unwrap_or(unknown),
        room_id: record.room,
        is_shared: record.room.is_some(),
        assignee_id: item.assignee,
        created_at: item.created_at.unwrap_or(record.created_at),
        due_date: item.due,
        is_completed: item.is_completed,
        completed_at: item.completed_at,
        position: item.position,
        text_changed_at: Some(now),
        projected_seq: seq,
    }
}
