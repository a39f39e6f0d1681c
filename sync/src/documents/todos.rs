//! Lists of todos for the REST API: each call is one edit of a list, durable and in the rows when it
//! returns.

use std::sync::mpsc;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use studyhall_schema::{
    access::{Permission, Resource},
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::Todo,
};

use super::{Documents, LOOKED_AT};
use crate::{
    SyncFault,
    contents::{self, Carried, Late, MapsMut, TodoList},
    document::{Change, Refusal},
    projection,
};

/// So often a todo is followed to where it was moved on.
const HOPS: usize = 16;

/// A change of a list; what it returns comes back to who asked.
type ListChange<T> =
    Box<dyn FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<T, Refusal> + Send>;

impl Documents {
    /// Changes a list of todos.
    pub async fn edit_todos(
        &self,
        list: DocumentId,
        by: UserId,
        change: impl FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), SyncFault> {
        self.change_list(list, by, Box::new(change)).await?;
        self.project(list).await
    }

    /// Moves a todo: into the other list first, then it is said here that it is there. When that was
    /// cut off, the same again goes on with it.
    pub async fn move_todo(
        &self,
        row: &Todo,
        only_so: bool,
        to: DocumentId,
        by: UserId,
    ) -> Result<(), SyncFault> {
        let (id, from, expected) = (row.todo_id, row.list, only_so.then(|| row.clone()));
        let look: ListChange<_> = Box::new(move |list| {
            let item = list.check(id, expected.as_ref())?;
            Ok((item, list.completed(id)))
        });
        let (item, completed) = self.change_list(from, by, look).await?;
        self.edit_todos(to, by, move |list| list.receive(&item, &completed)).await?;
        self.mark_moved(id, from, to, by).await
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
        self.edit_todos(list, by, move |list| list.receive(&item, &completed)).await
    }

    /// Says in one list that a todo is in another.
    pub async fn mark_moved(
        &self,
        id: TodoId,
        from: DocumentId,
        to: DocumentId,
        by: UserId,
    ) -> Result<(), SyncFault> {
        self.edit_todos(from, by, move |list| {
            list.moved(id, to);
            Ok(())
        })
        .await
    }

    /// Carries over what was changed of todos after they were moved, on behalf of who moved them, while
    /// they may write where those are.
    pub(crate) async fn carry_over(&self, list: DocumentId, late: Vec<Late>) {
        for late in late {
            let carried = match self.carry(&late).await {
                Ok(false) => continue,
                Ok(true) => self.tick_off(list, late).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = carried {
                tracing::debug!(document = %list, %fault, "a todo is carried over once more");
            }
        }
    }

    /// Carries a change to where its todo is, from list to list as that was moved on, each time on behalf of
    /// who did that. Whether nothing of it is left: not while somebody may not write there.
    async fn carry(&self, late: &Late) -> Result<bool, SyncFault> {
        let (mut to, mut by) = (late.to, late.moved_by);
        for _ in 0..HOPS {
            let may = self.node.access.permission_of(by, Resource::Document(to)).await;
            if may != Ok(Permission::Write) {
                return Ok(false);
            }
            let late = late.clone();
            let carried = self.change_list(to, by, Box::new(move |list| Ok(list.carry(&late))));
            match carried.await {
                Ok(Carried::On { to: next, by: mover }) => (to, by) = (next, mover),
                Ok(Carried::Over) | Err(SyncFault::NotFound) => return Ok(true),
                Err(fault) => return Err(fault),
            }
        }
        Ok(true) // in a circle, no list has it
    }

    async fn tick_off(&self, list: DocumentId, late: Late) -> Result<(), SyncFault> {
        self.edit_todos(list, late.moved_by, move |list| {
            list.carried_over(&late);
            Ok(())
        })
        .await
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

    async fn change_list<T: Send + 'static>(
        &self,
        list: DocumentId,
        by: UserId,
        change: ListChange<T>,
    ) -> Result<T, SyncFault> {
        let (result, changed) = mpsc::channel();
        let edit: Change = Box::new(move |view, client| {
            contents::edit(view, client, |maps| {
                let value = change(&mut TodoList::of(maps))?;
                let _ = result.send(value); // the request may have gone
                Ok(())
            })
        });
        self.edit(list, by, edit).await?;
        changed.try_recv().map_err(|_| SyncFault::Unavailable)
    }
}
