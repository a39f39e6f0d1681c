//! Edits that the REST API makes: one at a time, as operations on the applied state, then on the same
//! way as everybody's updates.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use rand::Rng;
use studyhall_schema::ids::UserId;

use super::{
    Document, Effect, Refusal, View,
    check::Verdict,
    engine::{Applied, Engine},
};

/// An edit's number, unique in this document while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EditId(pub u64);

/// Makes an update from the applied state, under the given client id; `None` when nothing changes. Made once
/// more when another node's updates came before it: what it looked at may be otherwise now.
pub type Change = Box<dyn FnMut(View<'_>, u64) -> Result<Option<Vec<u8>>, Refusal> + Send>;

/// Why an edit was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditFailure {
    /// The document refuses it.
    Refused(Refusal),
    /// Other edits wait already, more than may.
    Busy,
}

/// An edit that is to be made.
struct Wanted {
    edit: EditId,
    by: UserId,
    change: Change,
}

#[derive(Default)]
pub(super) struct Edits {
    queue: VecDeque<Wanted>,
    /// The edit that is not durable yet, and its ordinal.
    running: Option<(Wanted, u64)>,
    /// Under which client id the server writes for whom.
    clients: HashMap<UserId, u64>,
}

impl Edits {
    /// Whether one could be started.
    pub(super) fn has_next(&self) -> bool {
        self.running.is_none() && !self.queue.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.running.is_none()
    }

    /// The edit with this ordinal is made once more, before all others. Whether there is one.
    pub(super) fn make_again(&mut self, ordinal: u64) -> bool {
        let lost = self.running.take_if(|running| running.1 == ordinal);
        let Some((wanted, _)) = lost else { return false };
        self.queue.push_front(wanted);
        true
    }
}

impl<E: Engine> Document<E> {
    pub(super) fn edit(
        &mut self,
        edit: EditId,
        by: UserId,
        change: Change,
        effects: &mut Vec<Effect>,
    ) {
        if self.edits.queue.len() < self.limits.edits {
            self.edits.queue.push_back(Wanted { edit, by, change });
        } else {
            effects.push(Effect::EditDone { edit, result: Err(EditFailure::Busy) });
        }
    }

    /// Starts the next edit when none runs, one a call: its client id's clock comes from the applied state.
    pub(super) fn start_edit(&mut self, effects: &mut Vec<Effect>) {
        if self.edits.running.is_none() {
            let Some(mut wanted) = self.edits.queue.pop_front() else { return };
            let (edit, by) = (wanted.edit, wanted.by);
            let fresh = u64::from(self.random.random::<u32>());
            let client = *self.edits.clients.entry(by).or_insert(fresh);
            let made = (wanted.change)(E::view(&mut self.state), client);
            let result = made.and_then(|update| match update {
                None => Ok(false),
                Some(update) => self.accept_edit(by, update, effects),
            });
            match result {
                Ok(true) => self.edits.running = Some((wanted, self.ordinal)),
                Ok(false) => {
                    effects.push(Effect::EditDone { edit, result: Ok(self.state.seq()) });
                }
                Err(reason) => {
                    let result = Err(EditFailure::Refused(reason));
                    effects.push(Effect::EditDone { edit, result });
                }
            }
        }
    }

    /// Whether the edit has to be made durable; an edit that is there already need not.
    fn accept_edit(
        &mut self,
        by: UserId,
        update: Vec<u8>,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, Refusal> {
        let update = Bytes::from(update);
        let scan = E::scan(&update).ok_or(Refusal::Undecodable)?;
        let decoded = E::decode(&update, &scan).ok_or(Refusal::Undecodable)?;
        match E::may_come(self, by, &scan) {
            Verdict::Foreign(_) | Verdict::Contested => return Err(Refusal::ForeignClient),
            Verdict::Hole => return Err(Refusal::Undecodable),
            // What is accepted already may still be in flight: then the edit waits for it.
            Verdict::Covered if E::has(&mut self.state, &decoded) => {
                return Ok(self.durable < self.ordinal);
            }
            Verdict::Covered | Verdict::Fits => {}
        }
        if let Some(reason) = self.no_room(update.len(), E::memory(&scan), effects) {
            return Err(reason);
        }
        self.accept(by, None, update, scan, decoded);
        Ok(true)
    }

    /// The edit with this ordinal was refused after all.
    pub(super) fn refuse_edit(&mut self, ordinal: u64, effects: &mut Vec<Effect>) {
        if let Some((wanted, _)) = self.edits.running.take_if(|running| running.1 == ordinal) {
            let result = Err(EditFailure::Refused(Refusal::ForeignClient));
            effects.push(Effect::EditDone { edit: wanted.edit, result });
        }
    }

    pub(super) fn finish_edit(&mut self, effects: &mut Vec<Effect>) {
        let durable = self.durable;
        if let Some((wanted, _)) = self.edits.running.take_if(|running| running.1 <= durable) {
            effects.push(Effect::EditDone { edit: wanted.edit, result: Ok(self.state.seq()) });
        }
    }
}
