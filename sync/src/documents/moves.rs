//! Todos on their way from one list to another. Each list is a document of its own, so a move is two edits,
//! and what comes in between is settled: of a todo one is left, wherever a move was cut off or another came
//! first.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::Value;
use studyhall_schema::{
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{LATE_FOR, MoveLease, MovedAway, Todo},
    trash::Trashed,
};
use studyhall_store::Page;

use super::{
    Documents,
    carrying::{HOPS, groups},
    todos::ListChange,
};
use crate::{
    SyncFault,
    contents::{Came, Received, Whereabouts},
};

/// What has left lists that is removed at once.
const AT_ONCE: usize = 100;
/// So long a move, or who looks at a todo that is moved, waits for its turn: longer than a node that was killed
/// has it.
const WAITS: Duration = MoveLease::LASTS.saturating_add(Duration::from_millis(500));

impl Documents {
    /// Moves a todo, when it is its turn: into the other list first, then it is said here that it is there. When
    /// that was cut off, the same again goes on with it.
    pub async fn move_todo(
        &self,
        row: &Todo,
        only_so: bool,
        to: DocumentId,
        by: UserId,
    ) -> Result<(), SyncFault> {
        let (id, from, expected) = (row.todo_id, row.list, only_so.then(|| row.clone()));
        let moved = self.in_turn((by, id), WAITS, move |documents| async move {
            documents.move_leased((id, expected), from, to, by).await
        });
        moved.await?.ok_or(SyncFault::Unavailable)
    }

    /// Finishes moves to a list that were cut off: of a todo that these others have as well.
    pub async fn finish_moves(
        &self,
        id: TodoId,
        others: Vec<DocumentId>,
        list: DocumentId,
        by: UserId,
    ) -> Result<(), SyncFault> {
        let finished = self.in_turn((by, id), WAITS, move |documents| async move {
            for other in others {
                documents.mark_moved(id, (other, list), by, None).await?;
            }
            Ok(())
        });
        finished.await?.ok_or(SyncFault::Unavailable)
    }

    /// Does it when nobody else moves the todo, in a task of its own: a request that ends meanwhile must not
    /// cut it off half-way. `None` when it was another's turn all the time.
    async fn in_turn<T: Send + 'static, F: Future<Output = Result<T, SyncFault>> + Send>(
        &self,
        todo: (UserId, TodoId),
        wait: Duration,
        act: impl FnOnce(Documents) -> F + Send + 'static,
    ) -> Result<Option<T>, SyncFault> {
        let documents = self.clone();
        let done = tokio::spawn(async move {
            let Some(lease) = documents.lease(todo, wait).await? else { return Ok(None) };
            let done = act(documents.clone()).await;
            documents.give_back([lease]).await;
            done.map(Some)
        });
        done.await.unwrap_or(Err(SyncFault::Unavailable))
    }

    async fn move_leased(
        &self,
        (id, expected): (TodoId, Option<Todo>),
        from: DocumentId,
        to: DocumentId,
        by: UserId,
    ) -> Result<(), SyncFault> {
        let look: ListChange<_> = Box::new(move |list| {
            let item = list.check(id, expected.as_ref())?;
            Ok((item, list.completed(id), list.leaving(id, from)))
        });
        let (item, completed, came) = self.change_list(from, by, look).await?;
        let takes = came.clone();
        let receive: ListChange<_> =
            Box::new(move |list| list.receive(to, (&item, &completed), Some(&takes)));
        let received = self.change_list(to, by, receive).await?;
        self.project(to).await?;
        match self.mark_left(id, from, to, by, came.clone()).await? {
            Whereabouts::At(at) if at == to => self.has_left(id, (from, to), by).await,
            Whereabouts::At(at) => match self.look_for(id, at, by).await? {
                Some(at) if at == to => Ok(()),
                Some(at) => {
                    self.mark_moved(id, (to, at), by, Some((came.was, came.moves))).await?;
                    Err(SyncFault::Moved)
                }
                None => self.give_up(id, &came, (to, received), by).await,
            },
            // While this was held up, others have moved it on and back.
            Whereabouts::Here(_) => {
                self.mark_moved(id, (to, from), by, Some((came.was, came.moves))).await?;
                Err(SyncFault::Moved)
            }
            Whereabouts::Unknown => self.give_up(id, &came, (to, received), by).await,
        }
    }

    /// A deletion came first: what was put into the other list goes from there again.
    async fn give_up(
        &self,
        id: TodoId,
        came: &Came,
        (to, received): (DocumentId, Received),
        by: UserId,
    ) -> Result<(), SyncFault> {
        match received {
            Received::New => {
                let remove = self.edit_todos(to, by, move |list| {
                    list.remove(id);
                    Ok(())
                });
                remove.await?;
                self.project(came.from).await?;
                let (there, here) = (Todo::key(came.from, id), Todo::key(to, id));
                let trash = self.node.store.records::<Trashed>();
                if trash.get(&there).await?.is_some() {
                    trash.delete(&here).await?; // it is there once
                }
            }
            Received::Back => {
                let was = Some((came.was.clone(), came.moves));
                self.mark_moved(id, (to, came.from), by, was).await?;
            }
            Received::Known => {}
        }
        Err(SyncFault::NotFound)
    }

    /// Says in one list that a todo is in another: what it was when it was taken there, and how often it had been
    /// moved by then; as it is here, where nobody knows. Where it is by that list then: another may have said so
    /// before, or deleted it.
    pub(super) async fn mark_moved(
        &self,
        id: TodoId,
        (from, to): (DocumentId, DocumentId),
        by: UserId,
        was: Option<(Value, u64)>,
    ) -> Result<Whereabouts, SyncFault> {
        let mark: ListChange<_> = Box::new(move |list| {
            let (was, moves) = was.clone().unwrap_or_else(|| (list.taken_along(id), u64::MAX));
            Ok(list.moved_unless_back(id, to, (&was, moves)))
        });
        let is = self.change_list(from, by, mark).await?;
        if is == Whereabouts::At(to) {
            self.has_left(id, (from, to), by).await?;
        } else {
            self.project(from).await?;
        }
        Ok(is)
    }

    /// What was done in the list that a todo has left, before that said so, goes with it before it is shown only where
    /// it is now.
    async fn has_left(
        &self,
        id: TodoId,
        (from, to): (DocumentId, DocumentId),
        by: UserId,
    ) -> Result<(), SyncFault> {
        match self.carry_leased(from, vec![id], by).await {
            Ok(true) => self.project(to).await?,
            Ok(false) => {}
            Err(fault) => {
                tracing::debug!(document = %from, %fault, "a todo is carried over later");
            }
        }
        self.project(from).await
    }

    /// The same of one that has just been taken to the other list.
    async fn mark_left(
        &self,
        id: TodoId,
        from: DocumentId,
        to: DocumentId,
        by: UserId,
        came: Came,
    ) -> Result<Whereabouts, SyncFault> {
        let mark: ListChange<_> = Box::new(move |list| {
            let was = list.taken_to(id, to, &came);
            Ok(list.moved_unless_back(id, to, (&was, came.moves.saturating_sub(1))))
        });
        self.change_list(from, by, mark).await
    }

    /// Of a todo that these lists show, since moves of its owner were cut off, one is left: the moves are
    /// finished, the one that its list has noted first, and only where the owner may write.
    pub async fn settle_todo(
        &self,
        id: TodoId,
        lists: &[DocumentId],
        owner: UserId,
    ) -> Result<(), SyncFault> {
        let lists = lists.to_vec();
        let settled = self.in_turn((owner, id), WAITS, move |documents| async move {
            documents.settle_leased(id, &lists, owner).await
        });
        settled.await.map(Option::unwrap_or_default)
    }

    async fn settle_leased(
        &self,
        id: TodoId,
        lists: &[DocumentId],
        owner: UserId,
    ) -> Result<(), SyncFault> {
        let (mut may, mut here) = (HashMap::new(), BTreeMap::new());
        for list in lists {
            if self.may_write(&mut may, *list, owner).await
                && let Whereabouts::Here(came) = self.whereabouts(id, *list, owner).await?
            {
                here.insert(*list, came);
            }
        }
        let moves = |came: &Option<Came>| came.as_ref().map_or(0, |came| came.moves);
        for (list, came) in &here {
            let Some(came) = came else { continue };
            let is_older = here.get(&came.from).map(|from| moves(from) < came.moves);
            let left = match is_older {
                Some(false) => continue,
                Some(true) => {
                    let was = Some((came.was.clone(), came.moves.saturating_sub(1)));
                    self.mark_moved(id, (came.from, *list), owner, was).await?
                }
                None => self.whereabouts(id, came.from, owner).await?,
            };
            if let Whereabouts::At(at) = left
                && at != *list
                && let Some(at) = self.look_for(id, at, owner).await?
                && at != *list
                && here.contains_key(&at)
            {
                let was = Some((came.was.clone(), came.moves));
                self.mark_moved(id, (*list, at), owner, was).await?;
            }
        }
        Ok(())
    }

    /// Where a todo is by a list, with all that other nodes have written into it; of one that is not there
    /// nothing is known.
    async fn whereabouts(
        &self,
        id: TodoId,
        list: DocumentId,
        by: UserId,
    ) -> Result<Whereabouts, SyncFault> {
        let look: ListChange<_> = Box::new(move |list| Ok(list.whereabouts(id)));
        let looked = async {
            self.catch_up(list).await?;
            self.change_list(list, by, look).await
        };
        match looked.await {
            Err(SyncFault::NotFound) => Ok(Whereabouts::Unknown),
            found => found,
        }
    }

    /// The list that a todo is in which was moved to this one, and maybe on from there.
    async fn look_for(
        &self,
        id: TodoId,
        mut list: DocumentId,
        by: UserId,
    ) -> Result<Option<DocumentId>, SyncFault> {
        for _ in 0..HOPS {
            match self.whereabouts(id, list, by).await? {
                Whereabouts::Here(_) => return Ok(Some(list)),
                Whereabouts::At(next) => list = next,
                Whereabouts::Unknown => break,
            }
        }
        Ok(None)
    }

    /// What lists still have of todos that were moved away so long ago that nothing goes after them any more
    /// is removed, with all that it says. Returns how much it was.
    pub async fn empty_moved(&self) -> Result<u64, SyncFault> {
        self.sweep_leases(self.node.clock.now()).await?;
        let records = self.node.store.records::<MovedAway>();
        let before = self.node.clock.now() - LATE_FOR;
        let (mut emptied, mut cursor) = (0, None);
        loop {
            let page = Page::of("age").before(before).limit(AT_ONCE).cursor(cursor);
            let page = records.page(page).await?;
            for (list, moved) in groups(page.items.into_iter().map(|it| (it.list, it.value))) {
                let ids = moved.iter().map(|moved| moved.todo_id).collect();
                if let Err(fault) = self.forget_moved(list, ids).await {
                    tracing::warn!(document = %list, %fault, "moved todos are removed later");
                    continue;
                }
                for moved in moved {
                    emptied += u64::from(records.delete(&moved.id).await?);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(emptied);
            }
        }
    }

    async fn forget_moved(&self, list: DocumentId, ids: Vec<TodoId>) -> Result<(), SyncFault> {
        let Some(record) = self.record(list).await? else { return Ok(()) };
        let forget = self.edit_todos(list, record.owner, move |list| {
            for id in &ids {
                list.forget_moved(*id);
            }
            Ok(())
        });
        match forget.await {
            Ok(()) | Err(SyncFault::NotFound) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}
