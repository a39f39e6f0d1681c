//! Whose turn it is with a todo that goes from list to list, among all nodes. A move, and carrying over what was
//! changed after one, are edits of several documents: two that come between each other take words from the todo, or the
//! todo from all lists.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use studyhall_schema::{
    ids::{TodoId, UserId},
    timestamp::Timestamp,
    todo::MoveLease,
};
use studyhall_store::StoreError;

use super::Documents;
use crate::SyncFault;

/// Between two looks whether another's turn is over, first and at last: who asks often is no burden to the store.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(160);

/// Leases that are taken, or given back, side by side.
const AT_ONCE: usize = 16;

/// A turn that was taken, to be given back.
#[derive(Debug)]
pub(super) struct Lease(MoveLease);

impl Documents {
    /// Takes the turn with a todo, and waits for it so long; `None` when it is still another's.
    pub(super) async fn lease(
        &self,
        (by, todo): (UserId, TodoId),
        wait: Duration,
    ) -> Result<Option<Lease>, SyncFault> {
        let taken = async {
            let mut pause = FIRST_LOOK;
            loop {
                if let Some(lease) = self.lease_now(by, todo).await? {
                    return Ok(lease);
                }
                tokio::time::sleep(pause).await;
                pause = LAST_LOOK.min(pause * 2);
            }
        };
        tokio::time::timeout(wait, taken).await.ok().transpose()
    }

    /// The same for several todos, without waiting: those whose turn it is.
    pub(super) async fn lease_all(
        &self,
        todos: impl IntoIterator<Item = (UserId, TodoId)>,
    ) -> Vec<((UserId, TodoId), Lease)> {
        let leased = stream::iter(todos).map(async |(by, todo)| {
            let lease = self.lease_now(by, todo).await.unwrap_or_else(|fault| {
                tracing::debug!(%todo, %fault, "whose turn it is with a todo is not known now");
                None
            });
            Some(((by, todo), lease?))
        });
        leased.buffer_unordered(AT_ONCE).filter_map(async |leased| leased).collect().await
    }

    async fn lease_now(&self, by: UserId, todo: TodoId) -> Result<Option<Lease>, SyncFault> {
        let (leases, now) = (self.node.store.records::<MoveLease>(), self.node.clock.now());
        let lease = MoveLease::new(by, todo, now);
        match leases.insert(lease.clone()).await {
            Ok(_) => return Ok(Some(Lease(lease))),
            Err(StoreError::Duplicate { .. }) => {}
            Err(fault) => return Err(fault.into()),
        }
        // Whoever had it may have been killed.
        match leases.get(&lease.id).await? {
            Some(known) if known.until <= now => {
                match leases.replace(lease.clone(), known.rev).await {
                    Ok(_) => Ok(Some(Lease(lease))),
                    Err(StoreError::Conflict) => Ok(None),
                    Err(fault) => Err(fault.into()),
                }
            }
            _ => Ok(None),
        }
    }

    /// Gives turns back. One that cannot be given back ends by itself, and one that has is another's by now.
    pub(super) async fn give_back(&self, leases: impl IntoIterator<Item = Lease>) {
        let give = async |Lease(lease): Lease| {
            if self.node.clock.now() < lease.until
                && let Err(fault) = self.node.store.records::<MoveLease>().delete(&lease.id).await
            {
                tracing::debug!(lease = lease.id, %fault, "a lease is left until it ends");
            }
        };
        stream::iter(leases).for_each_concurrent(AT_ONCE, give).await;
    }

    /// Removes what nodes that were killed have left.
    pub(super) async fn sweep_leases(&self, now: Timestamp) -> Result<u64, SyncFault> {
        Ok(self.node.store.records::<MoveLease>().delete_before("age", now).await?)
    }
}
