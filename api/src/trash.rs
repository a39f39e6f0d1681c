//! What was deleted, until it is gone for good: thirty days after.

use std::time::Duration;

use studyhall_schema::{
    Timestamp,
    access::{AccessChange, Permission},
    document::{DocumentId, DocumentRecord},
    ids::{NoteId, UserId},
    note::Note,
    note_version::NoteVersion,
    todo::Todo,
    trash::{Deleted, KEPT, Trashed},
};
use studyhall_store::{Page, Records, StoreError, Versioned};

use crate::{
    api::Api,
    fault::Fault,
    routes::{Paging, refused},
    todos,
};

/// What is too old to come back is removed so much later: nobody is bringing it back just then.
const BETWEEN: Duration = Duration::from_hours(1);
/// Removed at once.
const SWEPT: usize = 100;

fn records(api: &Api) -> Records<Trashed> {
    api.store.records::<Trashed>()
}

/// A page of what somebody can bring back, newest first.
pub(crate) async fn list(
    api: &Api,
    user: UserId,
    paging: Paging,
) -> Result<(Vec<Trashed>, Option<String>), Fault> {
    // What lists have lost is put here with their rows.
    todos::follow_all(api, user).await?;
    let query = paging.of("owner").equal(user).descending();
    let page = records(api).page(query).await.map_err(refused)?;
    let mut items = Vec::with_capacity(page.items.len());
    for Versioned { value: item, .. } in page.items {
        if is_here(api, &item).await? && is_newest(api, &item).await? {
            items.push(item);
        }
    }
    Ok((items, page.next_cursor))
}

/// What somebody has in the trash under one id, the newest first. A todo that was moved more than once in
/// the moment when it was deleted may have been lost by more than one list: that is one todo.
async fn same(api: &Api, user: UserId, id: &str) -> Result<Vec<Trashed>, Fault> {
    let page = records(api).page(Page::of("item").equal(user).equal(id)).await?;
    let mut same: Vec<Trashed> = page.items.into_iter().map(|row| row.value).collect();
    same.sort_by(|a, b| (b.deleted_at, &b.id).cmp(&(a.deleted_at, &a.id)));
    Ok(same)
}

/// Whether this is what comes back when somebody brings back what has its id.
async fn is_newest(api: &Api, item: &Trashed) -> Result<bool, Fault> {
    Ok(match item.deleted {
        Deleted::Note(_) => true,
        Deleted::Todo(_) => {
            let same = same(api, item.owner_id, &item.item_id).await?;
            same.first().is_none_or(|newest| newest.id == item.id)
        }
    })
}

/// Whether something can be brought back: a deletion may have been cut off before it began, and a return
/// before the note had its row again.
async fn is_here(api: &Api, item: &Trashed) -> Result<bool, Fault> {
    if item.gone_at() <= api.accounts.clock().now() {
        return Ok(false);
    }
    match &item.deleted {
        Deleted::Note(note) => {
            let record = api.accounts.document(DocumentId::Note(*note)).await?;
            Ok(match record {
                None => false,
                Some(record) if record.deleted_at.is_some() => true,
                Some(_) => api.store.records::<Note>().get(note).await?.is_none(),
            })
        }
        Deleted::Todo(_) => Ok(true),
    }
}

/// Whether something is in the trash, by its name there.
pub(crate) async fn has(api: &Api, id: &str) -> Result<bool, Fault> {
    Ok(records(api).get(&id.to_owned()).await?.is_some())
}

/// Puts something in, before it is deleted.
pub(crate) async fn put(api: &Api, item: Trashed) -> Result<(), Fault> {
    match records(api).insert(item).await {
        Ok(_) | Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Brings something back: a note to where it was, a todo to the end of its list, or of one's own when one
/// may not write into that any more or somebody has put another todo in its place.
pub(crate) async fn restore(api: &Api, user: UserId, id: &str) -> Result<(), Fault> {
    for item in same(api, user, id).await? {
        if !is_here(api, &item).await? {
            continue;
        }
        match &item.deleted {
            Deleted::Note(note) => unbury(api, *note).await?,
            Deleted::Todo(todo) => put_back(api, user, todo).await?,
        }
        records(api).delete(&item.id).await?;
        return Ok(());
    }
    Err(Fault::NotFound)
}

async fn unbury(api: &Api, note: NoteId) -> Result<(), Fault> {
    let document = DocumentId::Note(note);
    let unbury = |record: &mut DocumentRecord| record.deleted_at = None;
    let unburied = api.documents.revise_record(document, unbury).await;
    api.accounts.announce(AccessChange::DocumentChanged(document));
    unburied?.ok_or(Fault::NotFound)?;
    api.documents.note(note).await?.ok_or(Fault::NotFound)?;
    Ok(())
}

async fn put_back(api: &Api, user: UserId, todo: &Todo) -> Result<(), Fault> {
    let may = api.accounts.document_permission(user, todo.list).await?;
    let there = api.store.records::<Todo>().get(&todo.id).await?;
    let is_taken = there.is_some_and(|row| row.owner_id != user);
    let list = if may == Permission::Write && !is_taken {
        todo.list
    } else {
        let own = todos::own_list(user);
        api.accounts.document_permission(user, own).await?; // a list is there once it is asked for
        own
    };
    Ok(api.documents.put_back_todo(list, user, todo).await?)
}

/// Removes what is too old to come back, for good. Returns how much it was.
pub(crate) async fn sweep(api: &Api) -> Result<u64, Fault> {
    let mut swept = 0;
    loop {
        let old: Timestamp = api.accounts.clock().now() - (KEPT + BETWEEN);
        let page = records(api).page(Page::of("age").before(old).limit(SWEPT)).await?;
        let is_last = page.next_cursor.is_none();
        for item in page.items {
            if let Deleted::Note(note) = item.deleted {
                remove_note(api, note).await?;
            }
            records(api).delete(&item.id).await?;
            swept += 1;
        }
        if is_last {
            return Ok(swept);
        }
    }
}

/// Everything of a note that is still deleted.
async fn remove_note(api: &Api, note: NoteId) -> Result<(), Fault> {
    let document = DocumentId::Note(note);
    let record = api.store.records::<DocumentRecord>().get(&document).await?;
    if record.is_some_and(|record| record.deleted_at.is_none()) {
        api.documents.note(note).await?; // with a row, in case that was missing
        return Ok(());
    }
    let versions = api.store.records::<NoteVersion>();
    loop {
        let page = versions.page(Page::of("note").equal(note).without("text").limit(SWEPT)).await?;
        if page.items.is_empty() {
            break;
        }
        for version in page.items {
            versions.delete(&version.id).await?;
        }
    }
    // It is there when the node that deleted the note died before it came to that.
    api.store.records::<Note>().delete(&note).await?;
    api.store.log().remove(document).await?;
    api.accounts.announce(AccessChange::DocumentDeleted(document));
    Ok(())
}
