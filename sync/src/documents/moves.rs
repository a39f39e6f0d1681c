//! Todos on their way from one list to another. Each list is a document of its own, so a move is two edits,
//! and what comes in between is settled: of a todo one is left, wherever a move was cut off or another came
//! first.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use studyhall_schema::{
    access::{Permission, Resource},
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{LATE_FOR, MovedAway, Todo},
    trash::Trashed,
};
use studyhall_store::{Page, StoreError};

use super::{Documents, todos::ListChange};
use crate::{
    SyncFault,
    contents::{Came, Carried, Late, Received, Whereabouts},
};

/// Changes that are carried over at once.
const AT_ONCE: usize = 100;
/// So often a todo is followed to where it was moved on.
const HOPS: usize = 16;

/// A change on its way, to which list and on whose behalf.
type Going = ((DocumentId, UserId), Late);

impl Documents {
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
            Ok((item, list.completed(id), list.leaving(id, from)))
        });
        let (item, completed, came) = self.change_list(from, by, look).await?;
        let takes = came.clone();
        let receive: ListChange<_> =
            Box::new(move |list| list.receive(to, (&item, &completed), Some(&takes)));
        let received = self.change_list(to, by, receive).await?;
        self.project(to).await?;
        match self.mark_left(id, from, to, by, came.clone()).await? {
            Whereabouts::At(at) if at == to => Ok(()),
            Whereabouts::At(at) => match self.look_for(id, at, by).await? {
                Some(at) if at == to => Ok(()),
                Some(at) => {
                    self.mark_moved(id, to, at, by, Some(came.was)).await?;
                    Err(SyncFault::Moved)
                }
                None => self.give_up(id, &came, (to, received), by).await,
            },
            _ => self.give_up(id, &came, (to, received), by).await,
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
                self.mark_moved(id, to, came.from, by, Some(came.was.clone())).await?;
            }
            Received::Known => {}
        }
        Err(SyncFault::NotFound)
    }

    /// Says in one list that a todo is in another; as it is here, where nobody knows how it was taken there.
    /// Where it is by that list then: another may have said so before, or deleted it.
    pub async fn mark_moved(
        &self,
        id: TodoId,
        from: DocumentId,
        to: DocumentId,
        by: UserId,
        was: Option<Value>,
    ) -> Result<Whereabouts, SyncFault> {
        let mark: ListChange<_> = Box::new(move |list| {
            let was = was.clone().unwrap_or_else(|| list.taken_along(id));
            Ok(list.moved(id, to, &was))
        });
        self.mark(from, by, mark).await
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
            Ok(list.moved(id, to, &was))
        });
        self.mark(from, by, mark).await
    }

    async fn mark(
        &self,
        from: DocumentId,
        by: UserId,
        mark: ListChange<Whereabouts>,
    ) -> Result<Whereabouts, SyncFault> {
        let is = self.change_list(from, by, mark).await?;
        self.project(from).await?;
        Ok(is)
    }

    /// Of a todo that these lists show, since moves of its owner were cut off, one is left: the moves are
    /// finished, the one that its list has noted first, and only where the owner may write.
    pub async fn settle_todo(
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
                    let was = Some(came.was.clone());
                    self.mark_moved(id, came.from, *list, owner, was).await?
                }
                None => self.whereabouts(id, came.from, owner).await?,
            };
            if let Whereabouts::At(at) = left
                && at != *list
                && let Some(at) = self.look_for(id, at, owner).await?
                && at != *list
                && here.contains_key(&at)
            {
                self.mark_moved(id, *list, at, owner, Some(came.was.clone())).await?;
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

    /// Carries over what was changed of todos after they were moved, on behalf of who moved them, while
    /// they may write where those are. `since` is the list that they were moved from, and its update after
    /// which it says so.
    pub(crate) async fn carry_over(&self, since: (DocumentId, u64), late: Vec<Late>) {
        let (list, _) = since;
        let mut going = Vec::new();
        let mut may = HashMap::new();
        for late in late {
            // Who may not takes nothing from the others.
            if going.len() < AT_ONCE
                && self.may_write(&mut may, late.to, late.moved_by).await
                && self.is_in_time(list, late.id).await
            {
                going.push(((late.to, late.moved_by), late));
            }
        }
        let mut hops = 0;
        while !going.is_empty() {
            hops += 1;
            let (mut over, on) = self.carry(&mut may, since, going).await;
            going = on;
            if hops == HOPS {
                over.extend(going.drain(..).map(|(_, late)| late)); // in a circle, no list has it
            }
            self.tick_off(list, over).await;
        }
    }

    /// Whether a todo left a list so short ago that somebody may not have heard of it. When nobody has seen
    /// it leave, as one that was made a moment before, that counts from the first look.
    async fn is_in_time(&self, list: DocumentId, id: TodoId) -> bool {
        let (moved, now) = (self.node.store.records::<MovedAway>(), self.node.clock.now());
        match moved.get(&Todo::key(list, id)).await {
            Ok(Some(moved)) => !moved.is_over(now),
            Ok(None) => {
                let noted = moved.insert(MovedAway::new(list, id, now)).await;
                matches!(noted, Ok(_) | Err(StoreError::Duplicate { .. }))
            }
            Err(_) => false, // nothing can be carried over now
        }
    }

    /// What lists still have of todos that were moved away so long ago that nothing goes after them any more
    /// is removed, with all that it says. Returns how much it was.
    pub async fn empty_moved(&self) -> Result<u64, SyncFault> {
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
        since: (DocumentId, u64),
        going: Vec<Going>,
    ) -> (Vec<Late>, Vec<Going>) {
        let (mut over, mut on) = (Vec::new(), Vec::new());
        for ((list, by), late) in groups(going) {
            if !self.may_write(may, list, by).await {
                continue;
            }
            let carries = late.clone();
            let carry: ListChange<Vec<_>> = Box::new(move |list| {
                Ok(carries.iter().map(|late| list.carry(late, since)).collect())
            });
            match self.change_list(list, by, carry).await {
                Ok(carried) => {
                    for (late, carried) in late.into_iter().zip(carried) {
                        match carried {
                            Carried::Over => over.push(late),
                            Carried::Passed => {}
                            // It has come back to where this was written.
                            Carried::On { to, .. } if to == since.0 => over.push(late),
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
}

/// What belongs together.
fn groups<K: Ord, T>(pairs: impl IntoIterator<Item = (K, T)>) -> BTreeMap<K, Vec<T>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
