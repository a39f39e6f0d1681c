//! Lists of todos for the REST API: each call is one edit of a list, durable and in the rows when it
//! returns.

use std::{
    collections::{BTreeMap, HashMap},
    sync::mpsc,
};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use studyhall_schema::{
    access::{Permission, Resource},
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::Todo,
};

use super::{Documents, late::LOOKED_AT};
use crate::{
    SyncFault,
    contents::{self, Carried, Late, MapsMut, TodoList},
    document::{Change, Refusal},
    projection,
};

/// Changes that are carried over at once.
const AT_ONCE: usize = 100;
/// So often a todo is followed to where it was moved on.
const HOPS: usize = 16;

/// A change on its way, to which list and on whose behalf.
type Going = ((DocumentId, UserId), Late);

/// A change of a list; what it returns comes back to who asked.
type ListChange<T> =
    Box<dyn FnMut(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<T, Refusal> + Send>;

impl Documents {
    /// Changes a list of todos.
    pub async fn edit_todos(
        &self,
        list: DocumentId,
        by: UserId,
        change: impl FnMut(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal> + Send + 'static,
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
            Ok((item, list.completed(id), list.taken_along(id)))
        });
        let (item, completed, was) = self.change_list(from, by, look).await?;
        self.edit_todos(to, by, move |list| list.receive(&item, &completed)).await?;
        self.mark_moved(id, from, to, by, Some(was)).await
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

    /// Says in one list that a todo is in another; as it is here, where nobody knows how it was taken there.
    pub async fn mark_moved(
        &self,
        id: TodoId,
        from: DocumentId,
        to: DocumentId,
        by: UserId,
        was: Option<Value>,
    ) -> Result<(), SyncFault> {
        self.edit_todos(from, by, move |list| {
            let was = was.clone().unwrap_or_else(|| list.taken_along(id));
            list.moved(id, to, &was);
            Ok(())
        })
        .await
    }

    /// Carries over what was changed of todos after they were moved, on behalf of who moved them, while
    /// they may write where those are.
    pub(crate) async fn carry_over(&self, list: DocumentId, late: Vec<Late>) {
        let mut going = Vec::new();
        let mut may = HashMap::new();
        for late in late {
            // Who may not takes nothing from the others.
            if going.len() < AT_ONCE && self.may_write(&mut may, late.to, late.moved_by).await {
                going.push(((late.to, late.moved_by), late));
            }
        }
        let mut hops = 0;
        while !going.is_empty() {
            hops += 1;
            let (mut over, on) = self.carry(&mut may, going).await;
            going = on;
            if hops == HOPS {
                over.extend(going.drain(..).map(|(_, late)| late)); // in a circle, no list has it
            }
            self.tick_off(list, over).await;
        }
    }

    async fn tick_off(&self, list: DocumentId, over: Vec<Late>) {
        for (by, late) in groups(over.into_iter().map(|late| (late.moved_by, late))) {
            let tick_off = self.edit_todos(list, by, move |list| {
                for late in &late {
                    list.carried_over(late);
                }
                Ok(())
            });
            if let Err(fault) = tick_off.await {
                tracing::debug!(document = %list, %fault, "todos are carried over once more");
            }
        }
    }

    /// Carries changes one list further: which have come to their ends, and which go on from there, on
    /// behalf of who moved the todo on. The others wait until somebody may write.
    async fn carry(
        &self,
        may: &mut HashMap<(DocumentId, UserId), bool>,
        going: Vec<Going>,
    ) -> (Vec<Late>, Vec<Going>) {
        let (mut over, mut on) = (Vec::new(), Vec::new());
        for ((list, by), late) in groups(going) {
            if !self.may_write(may, list, by).await {
                continue;
            }
            let carries = late.clone();
            let carry: ListChange<Vec<_>> =
                Box::new(move |list| Ok(carries.iter().map(|late| list.carry(late)).collect()));
            match self.change_list(list, by, carry).await {
                Ok(carried) => {
                    for (late, carried) in late.into_iter().zip(carried) {
                        match carried {
                            Carried::Over => over.push(late),
                            Carried::On { to, by } => on.push(((to, by), late)),
                        }
                    }
                }
                Err(SyncFault::NotFound) => over.extend(late),
                Err(fault) => {
                    tracing::debug!(document = %list, %fault, "todos are carried over later");
                }
            }
        }
        (over, on)
    }

    /// Whether somebody may write into a list, asked once.
    async fn may_write(
        &self,
        known: &mut HashMap<(DocumentId, UserId), bool>,
        list: DocumentId,
        by: UserId,
    ) -> bool {
        if let Some(may) = known.get(&(list, by)) {
            return *may;
        }
        let may = self.node.access.permission_of(by, Resource::Document(list)).await;
        let may = may == Ok(Permission::Write);
        known.insert((list, by), may);
        may
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
        mut change: ListChange<T>,
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
        changed.try_iter().last().ok_or(SyncFault::Unavailable) // it may have been made more than once
    }
}

/// What belongs together.
fn groups<K: Ord, T>(pairs: impl IntoIterator<Item = (K, T)>) -> BTreeMap<K, Vec<T>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
