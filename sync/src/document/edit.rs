//! Edits that the REST API makes: one at a time, as operations on the applied state, then on the same
//! way as everybody's updates.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use rand::Rng;
use studyhall_schema::{
    access::Caller,
    ids::{LoginId, UserId},
};
use studyhall_store::log::PutId;

use super::{
    Document, Effect, Refusal, View,
    check::Verdict,
    engine::{Applied, Engine},
};
use crate::heavy;

/// An edit's number, unique in this document while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EditId(pub u64);

/// Who makes an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// The person.
    pub user: UserId,
    /// Their sign-in, which the log keeps.
    pub login: Option<LoginId>,
    /// What they put, where they may say the same again: the log keeps that as well.
    pub put: Option<PutId>,
}

impl From<UserId> for Author {
    fn from(user: UserId) -> Self {
        Self { user, login: None, put: None }
    }
}

impl From<Caller> for Author {
    fn from(Caller { user, login, .. }: Caller) -> Self {
        Self { user, login: Some(login), put: None }
    }
}

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
    by: Author,
    change: Change,
    /// How many reads of the log had been asked for when it came: one that was asked for later has all that
    /// was in the log then.
    came: u64,
    /// It came to nothing, and waits for such a read.
    in_doubt: bool,
}

/// What comes of making an edit.
enum Made {
    /// It has to become durable.
    Accepted,
    /// It is there already.
    There,
    /// It changes nothing.
    Nothing,
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
    /// Whether one could be started, after so many reads of the log.
    pub(super) fn has_next(&self, ended: u64) -> bool {
        let next = self.queue.front();
        self.running.is_none() && next.is_some_and(|next| !next.in_doubt || next.came < ended)
    }

    /// Whether the next one waits for a read of the log that was not asked for yet.
    pub(super) fn wants_read(&self, asked: u64) -> bool {
        self.queue.front().is_some_and(|next| next.in_doubt && next.came >= asked)
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
        by: Author,
        change: Change,
        effects: &mut Vec<Effect>,
    ) {
        let edits = self.edits.get_or_insert_default();
        if edits.queue.len() < self.limits.edits {
            let came = self.reads.asked;
            edits.queue.push_back(Wanted { edit, by, change, came, in_doubt: false });
        } else {
            effects.push(Effect::EditDone { edit, result: Err(EditFailure::Busy) });
        }
    }

    /// Starts the next edit when none runs, one a call: its client id's clock comes from the applied state.
    /// What comes to nothing over a log that may be longer than this node knows is made again when that is
    /// read: what it was to change may be there.
    pub(super) fn start_edit(&mut self, effects: &mut Vec<Effect>) {
        let Some(edits) = &mut self.edits else { return };
        if !edits.has_next(self.reads.ended) {
            return;
        }
        let Some(mut wanted) = edits.queue.pop_front() else { return };
        let (edit, by) = (wanted.edit, wanted.by);
        let fresh = u64::from(self.random.random::<u32>());
        let client = *edits.clients.entry(by.user).or_insert(fresh);
        let made = (wanted.change)(E::view(&mut self.state), client);
        let made = made.and_then(|update| match update {
            None => Ok(Made::Nothing),
            Some(update) => self.accept_edit(by, update, effects),
        });
        let is_in_doubt = match &made {
            Ok(Made::Nothing) => true,
            Ok(Made::Accepted | Made::There) => false,
            Err(reason) => *reason != Refusal::Overloaded,
        };
        if is_in_doubt && wanted.came >= self.reads.ended && !self.limits.alone {
            wanted.in_doubt = true;
            self.edits.get_or_insert_default().queue.push_front(wanted);
            return self.ask_unless_asked(effects);
        }
        let result = match made {
            Ok(Made::Accepted) => {
                self.edits.get_or_insert_default().running = Some((wanted, self.ordinal));
                return;
            }
            Ok(Made::There | Made::Nothing) => Ok(self.state.seq()),
            Err(reason) => Err(EditFailure::Refused(reason)),
        };
        effects.push(Effect::EditDone { edit, result });
        self.resume(effects);
    }

    /// Takes an edit's operations; those that are there already need not be made durable.
    fn accept_edit(
        &mut self,
        Author { user: by, login, put }: Author,
        update: Vec<u8>,
        effects: &mut Vec<Effect>,
    ) -> Result<Made, Refusal> {
        let update = Bytes::from(update);
        let read = || {
            let scan = E::scan(&update)?;
            let decoded = E::decode(&update, &scan)?;
            Some((scan, decoded))
        };
        let read = if update.len() > heavy::LONG { heavy::aside(read) } else { read() };
        let (scan, decoded) = read.ok_or(Refusal::Undecodable)?;
        match E::may_come(self, by, &scan) {
            Verdict::Foreign(_) | Verdict::Contested => return Err(Refusal::ForeignClient),
            Verdict::Hole => return Err(Refusal::Undecodable),
            // What is accepted already may still be in flight: then the edit waits for it.
            Verdict::Covered if E::has(&mut self.state, &decoded) => {
                let is_durable = self.durable == self.ordinal;
                return Ok(if is_durable { Made::There } else { Made::Accepted });
            }
            Verdict::Covered | Verdict::Fits => {}
        }
        if let Some(reason) = self.no_room((by, false), update.len(), (&scan, &decoded), effects) {
            return Err(reason);
        }
        self.accept(by, None, update, scan, decoded);
        if let Some(accepted) = self.waiting.last_mut() {
            (accepted.login, accepted.put) = (login, put);
        }
        Ok(Made::Accepted)
    }

    /// The edit with this ordinal was refused after all.
    pub(super) fn refuse_edit(&mut self, ordinal: u64, effects: &mut Vec<Effect>) {
        let Some(edits) = &mut self.edits else { return };
        if let Some((wanted, _)) = edits.running.take_if(|running| running.1 == ordinal) {
            let result = Err(EditFailure::Refused(Refusal::ForeignClient));
            effects.push(Effect::EditDone { edit: wanted.edit, result });
        }
    }

    pub(super) fn finish_edit(&mut self, effects: &mut Vec<Effect>) {
        let durable = self.durable;
        let Some(edits) = &mut self.edits else { return };
        if let Some((wanted, _)) = edits.running.take_if(|running| running.1 <= durable) {
            effects.push(Effect::EditDone { edit: wanted.edit, result: Ok(self.state.seq()) });
        }
    }
}
