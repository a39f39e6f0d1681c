//! What a document does when nobody asks: awareness once a tick, its row, its snapshot, leaving
//! memory. All of it is one deadline.

use std::time::Duration;

use futures_util::FutureExt;
use studyhall_schema::document::{DocumentKind, DocumentRecord, NEARLY_FULL};
use tokio::{sync::oneshot, time::Instant};

use super::{Actor, Done, End, RowReply, asked::Asked, memory};
use crate::{
    Config, Documents, SyncFault, compact,
    contents::Late,
    document::{Applied, Change, EditId, Engine, Input},
    heavy::{LARGE, aside},
    projection::{self, Content, Kept, Written},
};

/// Awareness is sent once per tick, merged.
const TICK: Duration = Duration::from_millis(50);
/// How often silent people are looked for.
const EXPIRY: Duration = Duration::from_secs(2);
/// A row follows its document after so long.
const PROJECTION: Duration = Duration::from_millis(500);
/// A document that cannot leave memory yet is looked at again after so long.
const LINGER: Duration = Duration::from_millis(200);
/// Where others write rows as well they are compared whole when so many looks into the log have passed: what
/// a node that was killed has begun to write has come by then.
const COMPARED_AFTER: u32 = 3;
/// A failed projection or compaction is tried again after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// And so long where the snapshot is not what the document is.
const HOPELESS: Duration = Duration::from_mins(10);
/// A log shorter than this is not worth a snapshot while the document is in use.
const COMPACT_BYTES: usize = 1 << 20;
/// Updates that a load should not have to apply one by one: so many, and one more for each four bytes of
/// the snapshot, which is written and read whole.
const COMPACT_UPDATES: u64 = 20_000;
/// Fewer than this are left in the log of a document that leaves memory.
const LEAVE_UPDATES: u64 = 200;

/// And none of one that takes so much memory: few updates may take long to apply to it.
const LEAVE_MEMORY: usize = 16 << 20;

/// Deadlines and what they are about.
pub(super) struct Upkeep {
    pub(super) poisoned: Option<u64>,
    pub(super) retries: u32,
    kind: DocumentKind,
    idle_after: Duration,
    poll: Option<Duration>,
    tick: Option<Instant>,
    expiry: Option<Instant>,
    idle: Option<Instant>,
    next_poll: Option<Instant>,
    project: Option<Instant>,
    projecting: bool,
    compare: Compare,
    /// The document is to end, and what is written now is its last row.
    is_last: bool,
    /// What the row shows; `None` when it was not looked at yet.
    projected_seq: Option<u64>,
    /// What the rows of a list show, as far as it is known.
    kept: Option<Box<Kept>>,
    rows: Asked,
    logs: Asked,
    compacting: bool,
    compact_again: Option<Instant>,
    /// How often it failed in a row.
    not_compacted: u32,
    carrying: Carrying,
    snapshot_seq: u64,
    /// Whether that is nearly full is what whoever reads rows is told.
    snapshot_bytes: u64,
}

/// Whether the rows of a list are compared whole.
#[derive(PartialEq, Eq)]
enum Compare {
    No,
    At(Instant),
    Now,
}

impl Compare {
    fn due(&self) -> Option<Instant> {
        if let Self::At(due) = self { Some(*due) } else { None }
    }
}

/// Whether what was changed of todos after they were moved is on its way to them.
#[derive(PartialEq, Eq)]
enum Carrying {
    No,
    Once,
    /// There was more meanwhile.
    AndAgain,
}

impl Upkeep {
    pub(super) fn new(record: &DocumentRecord, seq: u64, config: &Config) -> Self {
        let now = Instant::now();
        Self {
            poisoned: None,
            retries: 0,
            kind: record.kind,
            idle_after: config.idle_after,
            poll: config.poll,
            tick: None,
            expiry: None,
            idle: Some(now + config.idle_after),
            next_poll: config.poll.map(|poll| now + poll),
            // The row may be behind what a crash left in the log.
            project: (seq > 0).then_some(now + PROJECTION),
            projecting: false,
            compare: Compare::No,
            is_last: false,
            projected_seq: None,
            kept: None,
            rows: Asked::default(),
            logs: Asked::default(),
            compacting: false,
            compact_again: None,
            not_compacted: 0,
            carrying: Carrying::No,
            snapshot_seq: record.snapshot_seq,
            snapshot_bytes: record.bytes,
        }
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Instant {
        let rows = [self.project, self.compare.due()].into_iter().flatten().min();
        let rows = rows.filter(|_| !self.projecting);
        let dues = [self.tick, self.expiry, self.idle, self.next_poll, rows];
        let far = Instant::now() + Duration::from_hours(1);
        dues.into_iter().flatten().min().unwrap_or(far)
    }

    /// Somebody came or went.
    pub(super) fn touched(&mut self, alone: bool) {
        self.idle = alone.then(|| Instant::now() + self.idle_after);
    }

    /// Leave memory as soon as nobody has it open.
    pub(super) fn evict(&mut self) {
        if self.idle.is_some() {
            self.idle = Some(Instant::now());
        }
    }
}

fn passed(due: &mut Option<Instant>, now: Instant) -> bool {
    due.take_if(|due| *due <= now).is_some()
}

impl<E: Engine> Actor<E> {
    /// Sets deadlines that follow from what was just handled.
    pub(super) fn schedule(&mut self) {
        let (soon, at_all) = self.document.wants_tick();
        if soon && self.upkeep.tick.is_none() {
            self.upkeep.tick = Some(Instant::now() + TICK);
        }
        if at_all && self.upkeep.expiry.is_none() {
            self.upkeep.expiry = Some(Instant::now() + EXPIRY);
        }
    }

    /// A document that has nothing yet begins with what all of its kind begin with, on behalf of its
    /// owner. Another node may do the same: it is the same bytes.
    pub(super) fn begin(&mut self, record: &DocumentRecord) {
        let Some(first) = E::first(record.kind).filter(|_| self.document.state().seq() == 0) else {
            return;
        };
        let edit = self.next_edit();
        let change: Change = Box::new(move |_, _| Ok(Some(first.clone())));
        self.feed(Input::Edit { edit, by: record.owner.into(), change });
    }

    pub(super) fn upkeep(&mut self, now: Instant, quiet: bool) {
        let ticked = passed(&mut self.upkeep.tick, now);
        if passed(&mut self.upkeep.expiry, now) || ticked {
            self.node.overload(&mut self.document);
            self.feed(Input::Tick);
        }
        self.look_for_others(now);
        if passed(&mut self.upkeep.next_poll, now) {
            self.upkeep.next_poll = self.upkeep.poll.map(|poll| now + poll);
            self.look_at_log();
        }
        if self.upkeep.project.is_some_and(|due| due <= now) {
            self.project();
        }
        if !self.upkeep.projecting && self.upkeep.compare.due().is_some_and(|due| due <= now) {
            if let Some(kept) = &mut self.upkeep.kept {
                kept.forget_written();
            }
            self.upkeep.compare = Compare::Now;
            self.project();
        }
        if passed(&mut self.upkeep.idle, now) {
            self.go_idle(now, quiet);
        }
    }

    /// Memory is short: it goes as soon as nobody has it open, or keeps as little as it can.
    pub(super) fn make_room(&mut self) {
        self.upkeep.evict();
        if !self.outlets.is_empty() && self.work.is_empty() {
            self.document.rest();
        }
    }

    /// What it takes now, for the node's books.
    pub(super) fn recount_memory(&mut self) {
        let kept = self.upkeep.kept.as_ref().map_or(0, |kept| kept.bytes());
        let bytes = memory(self.document.state()) + kept;
        self.me.set_bytes(&self.node.registry, bytes);
    }

    /// Nobody has had it open for a while: bring the row and the snapshot up to date, then go.
    fn go_idle(&mut self, now: Instant, quiet: bool) {
        if !self.outlets.is_empty() {
            return;
        }
        self.upkeep.idle = Some(now + LINGER);
        if self.upkeep.project.is_some() {
            return self.project();
        }
        let tail = self.document.state().seq() - self.upkeep.snapshot_seq;
        let is_slow = tail > 0 && memory(self.document.state()) > LEAVE_MEMORY;
        if (tail > LEAVE_UPDATES || is_slow)
            && self.upkeep.compact_again.is_none_or(|again| again <= now)
            && !self.compact()
        {
            return; // it has its turn soon
        }
        if quiet && self.work.is_empty() && !self.document.is_unsaved() {
            self.ended = Some(End::Idle);
        }
    }

    /// The log has grown: the row and the snapshot follow.
    pub(super) fn committed(&mut self, seq: u64) {
        self.upkeep.project.get_or_insert_with(|| Instant::now() + PROJECTION);
        let bytes = self.document.state().bytes();
        let tail = seq - self.upkeep.snapshot_seq;
        let again = self.upkeep.compact_again.is_none_or(|again| again <= Instant::now());
        if again
            && (self.document.state().added() > COMPACT_BYTES.max(bytes / 2)
                || self.is_told_wrong()
                || tail > COMPACT_UPDATES + bytes as u64 / 4)
        {
            self.compact();
        }
    }

    /// Whether its snapshot does not tell that it is nearly full, as it was when it was last measured.
    fn is_told_wrong(&self) -> bool {
        let measured = self.document.state().bytes() - self.document.state().added();
        (measured > NEARLY_FULL) != (self.upkeep.snapshot_bytes > NEARLY_FULL as u64)
    }

    /// Whether the row was written for the last time; that begins when it has to. Others may write on
    /// meanwhile: they write their rows.
    pub(super) fn is_row_written(&mut self) -> bool {
        if self.upkeep.projecting {
            return false;
        }
        if self.upkeep.project.is_some() && !std::mem::replace(&mut self.upkeep.is_last, true) {
            self.project();
            return false;
        }
        true
    }

    fn project(&mut self) {
        if self.upkeep.projecting {
            return;
        }
        self.upkeep.project = None;
        self.upkeep.projecting = true;
        self.upkeep.rows.begin();
        let (store, id, seq) = (self.node.store.clone(), self.me.id, self.document.state().seq());
        let view = E::view(self.document.state_mut());
        let (kind, is_large) = (self.upkeep.kind, view.memory() > LARGE as u64);
        let kept = &mut self.upkeep.kept;
        let read = || projection::read(kind, view, kept);
        let mut content = if is_large { aside(read) } else { read() };
        self.carry_over(content.as_mut().map(Content::take_late).unwrap_or_default());
        // In a task of its own: a document that ends meanwhile must not cut it off half-way.
        let write = tokio::spawn(async move { projection::write(&store, id, seq, content).await });
        let written =
            async move { Done::Projected(write.await.unwrap_or(Err(SyncFault::Unavailable))) };
        self.work.push(written.boxed());
    }

    /// What was changed of todos after they were moved goes after them, one carrying at a time.
    fn carry_over(&mut self, late: Vec<Late>) {
        if late.is_empty() {
            return;
        }
        if self.upkeep.carrying != Carrying::No {
            self.upkeep.carrying = Carrying::AndAgain;
            return;
        }
        self.upkeep.carrying = Carrying::Once;
        let (documents, id) = (Documents::new(self.node.clone()), self.me.id);
        // In a task of its own: a document that ends meanwhile must not cut it off half-way.
        let carrying = tokio::spawn(async move { documents.carry_over(id, late).await });
        self.work.push(carrying.map(|again| Done::Carried(again.unwrap_or_default())).boxed());
    }

    /// What there was is carried over. What came meanwhile is looked at again, and what it was another's turn with.
    pub(super) fn carried(&mut self, again: bool) {
        let carried = std::mem::replace(&mut self.upkeep.carrying, Carrying::No);
        if (again || carried == Carrying::AndAgain) && self.stopping.is_none() {
            self.upkeep.project.get_or_insert_with(|| Instant::now() + PROJECTION);
        }
    }

    /// Reads the log before the row is written, where others may have written it.
    pub(super) fn catch_up_for(&mut self, reply: RowReply) {
        if self.upkeep.poll.is_none() {
            return self.project_for(reply);
        }
        self.upkeep.touched(self.outlets.is_empty());
        self.upkeep.logs.push(reply);
        self.read_log(Duration::ZERO);
    }

    /// A read of the log begins.
    pub(super) fn log_begins(&mut self) {
        self.upkeep.logs.begin();
    }

    /// The log was read to its end, or could not be.
    pub(super) fn log_ends(&mut self, is_read: bool) {
        for reply in self.upkeep.logs.end() {
            if is_read {
                self.project_for(reply);
            } else {
                let _ = reply.send(Err(SyncFault::Unavailable)); // the request may have gone
            }
        }
    }

    /// A number for an edit.
    pub(super) fn next_edit(&mut self) -> EditId {
        self.next_edit += 1;
        EditId(self.next_edit)
    }

    pub(super) fn project_for(&mut self, reply: RowReply) {
        self.upkeep.touched(self.outlets.is_empty());
        let current = self.upkeep.projected_seq == Some(self.document.state().seq());
        if current && self.upkeep.project.is_none() && !self.upkeep.projecting {
            let _ = reply.send(Ok(())); // the request may have gone
            return;
        }
        self.upkeep.rows.push(reply);
        self.upkeep.project = Some(Instant::now());
        self.project();
    }

    /// What the document says now.
    pub(super) fn show(&mut self, reply: oneshot::Sender<Result<Option<Content>, SyncFault>>) {
        let view = E::view(self.document.state_mut());
        let content = projection::read(self.upkeep.kind, view, &mut None);
        let _ = reply.send(Ok(content)); // the request may have gone
    }

    /// Nobody gets a row of this document any more.
    pub(super) fn no_row(&mut self, fault: SyncFault) {
        for asked in [&mut self.upkeep.rows, &mut self.upkeep.logs] {
            asked.begin();
            for reply in asked.end() {
                let _ = reply.send(Err(fault)); // the request may have gone
            }
        }
    }

    pub(super) fn projected(&mut self, result: Result<Written, SyncFault>) {
        self.upkeep.projecting = false;
        let has_compared = self.upkeep.compare == Compare::Now;
        if has_compared {
            self.upkeep.compare = Compare::No;
        }
        match result {
            Ok(Written { seq, overtaken: false }) => {
                self.upkeep.projected_seq = Some(seq);
                if let Some(kept) = &mut self.upkeep.kept {
                    kept.written(seq);
                }
                let poll = self.upkeep.poll.filter(|_| self.upkeep.kind == DocumentKind::Todos);
                if let Some(poll) =
                    poll.filter(|_| !has_compared && self.upkeep.compare == Compare::No)
                {
                    self.upkeep.compare = Compare::At(Instant::now() + poll * COMPARED_AFTER);
                }
            }
            _ if self.stopping.is_some() => {} // the next start does it
            Ok(_) | Err(_) => {
                self.upkeep.project.get_or_insert_with(|| Instant::now() + AGAIN);
            }
        }
        for reply in self.upkeep.rows.end() {
            let _ = reply.send(result.map(drop)); // the request may have gone
        }
        let is_due = self.upkeep.project.is_some_and(|due| due <= Instant::now());
        if is_due && self.stopping.is_none() {
            self.project();
        }
    }

    /// Begins to make a snapshot, unless one is being made or there cannot be one. Not when another document
    /// has the turn: then it says no.
    fn compact(&mut self) -> bool {
        if self.document.state().has_orphans() {
            self.upkeep.compact_again = Some(Instant::now() + HOPELESS);
            return true;
        }
        if self.upkeep.compacting {
            return true;
        }
        let is_large = self.document.state().bytes() > LARGE;
        let turn = is_large.then(|| self.node.snapshots.clone().try_acquire_owned());
        if matches!(turn, Some(Err(_))) {
            return false;
        }
        self.upkeep.compacting = true;
        let snapshot = self.document.snapshot(self.node.clock.now());
        self.upkeep.snapshot_bytes = snapshot.state.len() as u64;
        let version = self.document.state_mut().version();
        let (store, id) = (self.node.store.clone(), self.me.id);
        let stays = self.upkeep.poll.map(|_| compact::REPLACED_STAYS);
        let run = async move {
            let _turn = turn;
            Done::Compacted(compact::run::<E::State>(&store, id, snapshot, version, stays).await)
        };
        self.work.push(run.boxed());
        true
    }

    pub(super) fn compacted(&mut self, result: Result<u64, SyncFault>) {
        self.upkeep.compacting = false;
        match result {
            Ok(seq) => {
                self.upkeep.snapshot_seq = self.upkeep.snapshot_seq.max(seq);
                (self.upkeep.compact_again, self.upkeep.not_compacted) = (None, 0);
            }
            Err(fault) => {
                tracing::warn!(document = %self.me.id, %fault, "a snapshot could not be made");
                // Longer each time: a store that is not done in time is not helped by more of the same.
                let longer = AGAIN * (1 << self.upkeep.not_compacted.min(7));
                self.upkeep.not_compacted += 1;
                let wait = if fault == SyncFault::Corrupt { HOPELESS } else { longer };
                self.upkeep.compact_again = Some(Instant::now() + wait);
            }
        }
    }
}
