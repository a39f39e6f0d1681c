//! Lists of todos for the REST API: each call is one edit of a list, durable and in the rows when it
//! returns.

use std::sync::mpsc;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use studyhall_schema::{
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{Item, Todo},
};

use super::{Documents, PutText, late::LOOKED_AT};
use crate::{
    SyncFault,
    contents::{self, MapsMut, TodoChange, TodoList},
    document::{Author, Change, Refusal},
    projection,
};

/// A change of a list; what it returns comes back to who asked.
pub(super) type ListChange<T> =
    Box<dyn FnMut(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<T, Refusal> + Send>;

impl Documents {
    /// Changes a list of todos; what the change returns comes back.
    pub async fn edit_todos<T: Send + 'static>(
        &self,
        list: DocumentId,
        by: impl Into<Author>,
        change: impl FnMut(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, SyncFault> {
        let changed = self.change_list(list, by, Box::new(change)).await?;
        self.project(list).await?;
        Ok(changed)
    }

    /// Changes a todo, and puts a text: a difference, so that what others write meanwhile stays. Durable, and
    /// in its row, when it returns. Tells which of the bases it was taken from.
    pub async fn put_todo(
        &self,
        list: DocumentId,
        by: impl Into<Author>,
        (id, change): (TodoId, TodoChange),
        put: PutText,
    ) -> Result<(Item, Option<usize>), SyncFault> {
        let by = Author { put: put.id, ..by.into() };
        let mut rewrite = self.rewrite(by.user, put).await?;
        let begun = rewrite.begun();
        let change = |result: mpsc::Sender<Item>| -> Change {
            Box::new(move |view, client| {
                let _turn = rewrite.turn.take();
                rewrite.begins(client, |client| view.written(client));
                contents::edit(view, client, |maps| {
                    let mut todos = TodoList::of(maps);
                    todos.revise(id, &change)?;
                    todos.rewrite(id, rewrite.text.len(), |now| rewrite.over(now))?;
                    let _ = result.send(todos.check(id, None)?); // the request may have gone
                    Ok(())
                })
            })
        };
        let (item, _) = begun.ended(self.told(list, by, change).await)?;
        self.project(list).await?;
        Ok((item, begun.number()))
    }

    /// Puts a todo back that was deleted.
    pub async fn put_back_todo(
        &self,
        list: DocumentId,
        by: UserId,
        todo: &Todo,
    ) -> Result<(), SyncFault> {
        let item = todo.item();
        let completed = if todo.is_completed {
            json!({ "at": item.completed_at, "by": by })
        } else {
            Value::Null
        };
        let receive = move |todos: &mut TodoList<'_, dyn MapsMut + '_>| {
            todos.receive(list, (&item, &completed), None).map(drop)
        };
        self.edit_todos(list, by, receive).await
    }

    /// Brings the rows of a list up to date with all that is durable in it; a list that nobody has used
    /// has none.
    pub async fn follow_todos(&self, list: DocumentId) -> Result<(), SyncFault> {
        let store = &self.node.store;
        let seq = projection::followed(store, list).await?;
        if self.ends_at(list, seq).await? {
            return Ok(());
        }
        self.catch_up(list).await
    }

    /// Brings the rows of those of these lists up to date that are long behind them, since the nodes that
    /// had them open were killed; each list is looked at once a minute.
    pub async fn refresh_todos(&self, lists: impl IntoIterator<Item = DocumentId>) {
        let unseen = lists.into_iter().filter(|list| !self.node.current.contains_key(list));
        let unseen: Vec<_> = unseen.collect();
        let look = async |list| {
            if let Ok(seq) = projection::followed(&self.node.store, list).await {
                self.was_late(list, seq).await;
            }
        };
        stream::iter(unseen).for_each_concurrent(LOOKED_AT, look).await;
    }

    pub(super) async fn change_list<T: Send + 'static>(
        &self,
        list: DocumentId,
        by: impl Into<Author>,
        change: ListChange<T>,
    ) -> Result<T, SyncFault> {
        Ok(self.change_list_at(list, by, change).await?.0)
    }

    /// The same, with the update of the list after which it is so.
    pub(super) async fn change_list_at<T: Send + 'static>(
        &self,
        list: DocumentId,
        by: impl Into<Author>,
        mut change: ListChange<T>,
    ) -> Result<(T, u64), SyncFault> {
        self.told(list, by.into(), |result| {
            Box::new(move |view, client| {
                contents::edit(view, client, |maps| {
                    let value = change(&mut TodoList::of(maps))?;
                    let _ = result.send(value); // the request may have gone
                    Ok(())
                })
            })
        })
        .await
    }

    /// Makes a change, which tells what comes back, and the document's last update then.
    async fn told<T>(
        &self,
        list: DocumentId,
        by: Author,
        change: impl FnOnce(mpsc::Sender<T>) -> Change,
    ) -> Result<(T, u64), SyncFault> {
        let (result, changed) = mpsc::channel();
        let seq = self.edit(list, by, change(result)).await?;
        let changed = changed.try_iter().last(); // it may have been made more than once
        Ok((changed.ok_or(SyncFault::Unavailable)?, seq))
    }
}
