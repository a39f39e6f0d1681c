//! What was changed of todos after they were moved goes after them, one node at a time.

use std::collections::{BTreeMap, HashMap};

use studyhall_schema::{
    access::{Permission, Resource},
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{MovedAway, Todo},
};
use studyhall_store::StoreError;

use super::{Documents, todos::ListChange};
use crate::{
    SyncFault,
    contents::{Carried, Late},
};

/// Changes that are carried over at once.
const AT_ONCE: usize = 100;
/// So often a todo is followed to where it was moved on.
pub(super) const HOPS: usize = 16;

/// A change on its way, to which list and on whose behalf.
type Going = ((DocumentId, UserId), Late);

impl Documents {
    /// Carries over what was changed of todos after they were moved from a list, on behalf of who moved them,
    /// while they may write where those are. Whether some have to be looked at again, since it is another
    /// node's turn with them, they are about to be moved, or the store was away.
    pub(crate) async fn carry_over(&self, list: DocumentId, late: Vec<Late>) -> bool {
        let mut may = HashMap::new();
        let mut goes = Vec::new();
        for late in late {
            // Who may not takes nothing from the others, nor does what nothing goes after any more.
            if goes.len() < AT_ONCE
                && self.may_write(&mut may, late.to, late.moved_by).await
                && self.is_in_time(list, late.id).await.unwrap_or(true)
            {
                goes.push((late.moved_by, late.id));
            }
        }
        let (all, leased) = (goes.len(), self.lease_all(goes).await);
        let (todos, leases): (Vec<_>, Vec<_>) = leased.into_iter().unzip();
        let mut is_again = todos.len() < all;
        if let Some((by, _)) = todos.first() {
            let ids = todos.iter().map(|(_, id)| *id).collect();
            if let Err(fault) = self.carry_leased(list, ids, *by).await {
                tracing::debug!(document = %list, %fault, "todos are carried over later");
                is_again = true;
            }
        }
        self.give_back(leases).await;
        is_again
    }

    /// The same of todos whose turn it is: as they are now, since it may have been another's turn before. Whether
    /// there was something. Where it fails, some of it may be carried over.
    pub(super) async fn carry_leased(
        &self,
        list: DocumentId,
        ids: Vec<TodoId>,
        by: UserId,
    ) -> Result<bool, SyncFault> {
        let look: ListChange<Vec<_>> =
            Box::new(move |list| Ok(ids.iter().filter_map(|id| list.late_of(*id)).collect()));
        let (late, seq) = self.change_list_at(list, by, look).await?;
        let (mut may, mut going) = (HashMap::new(), Vec::new());
        for late in late {
            if self.is_in_time(list, late.id).await? {
                going.push(((late.to, late.moved_by), late));
            }
        }
        let (mut hops, is_late, mut failed) = (0, !going.is_empty(), None);
        while !going.is_empty() {
            hops += 1;
            let (mut over, on) = self.carry(&mut may, (list, seq), going, &mut failed).await;
            going = on;
            if hops == HOPS {
                over.extend(going.drain(..).map(|(_, late)| late)); // in a circle, no list has it
            }
            let ticked_off = self.tick_off(list, over).await;
            failed = failed.or(ticked_off.err());
        }
        failed.map_or(Ok(is_late), Err)
    }

    /// Whether a todo left a list so short ago that somebody may not have heard of it. When nobody has seen
    /// it leave, as one that was made a moment before, that counts from the first look.
    async fn is_in_time(&self, list: DocumentId, id: TodoId) -> Result<bool, SyncFault> {
        let (moved, now) = (self.node.store.records::<MovedAway>(), self.node.clock.now());
        if let Some(moved) = moved.get(&Todo::key(list, id)).await? {
            return Ok(!moved.is_over(now));
        }
        match moved.insert(MovedAway::new(list, id, now)).await {
            Ok(_) | Err(StoreError::Duplicate { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn tick_off(&self, list: DocumentId, over: Vec<Late>) -> Result<(), SyncFault> {
        for (by, late) in groups(over.into_iter().map(|late| (late.moved_by, late))) {
            let tick_off = self.edit_todos(list, by, move |list| {
                for late in &late {
                    list.carried_over(late);
                }
                Ok(())
            });
            tick_off.await?;
        }
        Ok(())
    }

    /// Carries changes one list further: which have come to their ends, and which go on from there, on
    /// behalf of who moved the todo on. The others wait until somebody may write.
    async fn carry(
        &self,
        may: &mut HashMap<(DocumentId, UserId), bool>,
        since: (DocumentId, u64),
        going: Vec<Going>,
        failed: &mut Option<SyncFault>,
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
                Err(fault) => *failed = Some(fault),
            }
        }
        (over, on)
    }

    /// Whether somebody may write into a list, asked once.
    pub(super) async fn may_write(
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
pub(super) fn groups<K: Ord, T>(pairs: impl IntoIterator<Item = (K, T)>) -> BTreeMap<K, Vec<T>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
