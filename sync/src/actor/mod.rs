//! One task an open document: it feeds the core and performs what the core says.
//!
//! It takes everything that waits before the next await. Nothing here decides about content, and
//! nothing in the core waits.

mod asked;
mod deliver;
mod mail;
mod mailbox;
mod reading;
mod taking;
mod upkeep;
mod way;
mod whole;
mod work;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt, HashSet};
use futures_util::{FutureExt, future::BoxFuture};
use studyhall_schema::{
    Timestamp,
    document::{DocumentRecord, Engine as Library},
};
use studyhall_store::{
    bus::{Lagged, Subscription},
    log::Outcome,
};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

use crate::{
    SyncFault,
    document::{
        Applied, Automerge, Document, EditFailure, EditId, Effect, Engine, Input, PeerId, Yjs,
    },
    heavy::{LARGE, Turns, aside},
    load::{self, LoadFailure, Missed},
    node::{Node, Opened},
    outbox::Close,
    projection::Written,
};
pub(crate) use deliver::{Outlet, Wire};
pub(crate) use mail::{Edit, Frames, Join, Mail, RowReply};
use mailbox::Closes;
pub(crate) use mailbox::{Mailbox, NotSent};
use reading::{Looks, Reading, hear};
use upkeep::Upkeep;
use way::Way;
pub(crate) use whole::LargeFrames;
use whole::Whole;
use work::Work;

/// What an open document takes before it has content, about.
const EMPTY_BYTES: usize = 8 << 10;
/// To move so many bytes takes tens of milliseconds.
const HEAVY: u64 = 512 << 20;
/// To look at so many bytes takes tens of milliseconds, where they are copied and read again.
const SLOW: u64 = 16 << 20;
/// Taken from the mailbox at once.
const AT_ONCE: usize = 256;

/// What ends outside of the actor and comes back to it.
enum Done<E: Engine> {
    Outcome(Outcome),
    /// What was read when so many reads had been asked for.
    Missed(u64, Result<Missed<E>, LoadFailure>),
    Projected(Result<Written, SyncFault>),
    Compacted(Result<u64, SyncFault>),
    Carried(bool),
}

/// What an open document takes, about.
fn memory(state: &impl Applied) -> usize {
    usize::try_from(state.memory()).unwrap_or(usize::MAX).saturating_add(EMPTY_BYTES)
}

/// Brings what one document counts for in a sum of the node up to date.
fn recount(sum: &AtomicUsize, counted: &mut usize, now: usize) {
    if now != *counted {
        sum.fetch_add(now, Ordering::Relaxed);
        sum.fetch_sub(std::mem::replace(counted, now), Ordering::Relaxed);
    }
}

/// What an actor wakes up for.
enum Woken<E: Engine> {
    Done(Done<E>),
    Mail,
    News(Result<Bytes, Lagged>),
    /// More can be done at once, after others.
    Again,
    Time,
}

/// Why the actor ends.
enum End {
    /// Nobody needs it; it leaves memory.
    Idle,
    /// Its connections are closed with this.
    Close(Close),
}

struct Actor<E: Engine> {
    node: Arc<Node>,
    turns: Turns,
    document: Document<E>,
    /// Boxed: a map of one has room for four.
    outlets: HashMap<PeerId, Box<Outlet>>,
    /// Who is to be told everybody's awareness once it is known that they may see it.
    unaware: Option<Box<HashSet<PeerId>>>,
    edits: Vec<(EditId, oneshot::Sender<Result<u64, SyncFault>>)>,
    next_edit: u64,
    work: Work<Done<E>>,
    effects: Vec<Effect>,
    upkeep: Upkeep,
    me: Arc<Opened>,
    /// Boxed, like what follows: an idle document of one node has none of it.
    whole: Option<Box<Whole>>,
    /// When it woke up.
    now: Timestamp,
    /// What this document counts for in the node's unsaved bytes.
    unsaved: usize,
    /// What other nodes say, where there may be some.
    news: Option<Box<Subscription>>,
    reading: Reading,
    looks: Option<Box<Looks>>,
    way: Option<Box<Way>>,
    /// When other nodes were last asked who is there.
    asked_who: Option<Instant>,
    /// The next read is one of the whole document.
    reload: bool,
    has_left: bool,
    stopping: Option<(Close, oneshot::Sender<()>)>,
    ended: Option<End>,
}

/// However the task ends, also by a panic, nobody waits for this document.
impl<E: Engine> Drop for Actor<E> {
    fn drop(&mut self) {
        self.leave(Close::Restart);
    }
}

/// Opens a document and runs it until nobody needs it. It is opened in a box of its own: a future keeps room for all
/// that it was given, and an open document's is to be no more than what it waits with.
pub(crate) async fn run(node: Arc<Node>, me: Arc<Opened>) {
    let _closes = Closes(me.clone());
    match Box::pin(open(&node, &me)).await {
        Ok(lives) => lives.await,
        Err(failure) => turn_away(&node, &me, &failure),
    }
}

async fn open(node: &Arc<Node>, me: &Arc<Opened>) -> Result<BoxFuture<'static, ()>, LoadFailure> {
    let news = node.news_of(me.id);
    if node.registry.is_full(&node.config) {
        tracing::warn!(document = %me.id, "no memory for another open document");
        return Err(LoadFailure::Unavailable);
    }
    let record = load::record(&node.store, me.id).await?;
    Ok(match record.engine {
        Library::Yjs => actor::<Yjs>(node, me, news, &record).await?.live().boxed(),
        Library::Automerge => actor::<Automerge>(node, me, news, &record).await?.live().boxed(),
    })
}

async fn actor<E: Engine>(
    node: &Arc<Node>,
    me: &Arc<Opened>,
    news: Option<Subscription>,
    record: &DocumentRecord,
) -> Result<Box<Actor<E>>, LoadFailure> {
    if !me.owned_by(record, node) {
        tracing::warn!(document = %me.id, owner = %record.owner, "no memory for another of this owner's");
        return Err(LoadFailure::Unavailable);
    }
    let turns = node.heavy.of(record.owner);
    let state = load::state::<E>(&node.store, &turns, me.id).await?;
    if !node.has_memory_for(me, memory(&state)) {
        tracing::warn!(document = %me.id, owner = %record.owner, "no memory for one more document");
        return Err(LoadFailure::Unavailable);
    }
    Ok(Box::new(Actor::new(node.clone(), me.clone(), news, record, state)))
}

/// Nobody gets a document that could not be opened.
fn turn_away(node: &Node, me: &Arc<Opened>, failure: &LoadFailure) {
    tracing::debug!(document = %me.id, %failure, "a document could not be opened");
    node.registry.forget(me);
    for mail in me.mailbox.close() {
        deliver::turn_away(mail, failure);
    }
}

impl<E: Engine> Actor<E> {
    fn new(
        node: Arc<Node>,
        me: Arc<Opened>,
        news: Option<Subscription>,
        record: &DocumentRecord,
        state: E::State,
    ) -> Self {
        let seed = node.clock.random_u64();
        let upkeep = Upkeep::new(record, state.seq(), &node.config);
        metrics::gauge!("studyhall_documents_open").increment(1.0);
        let mut document = Document::new(me.id, state, node.limits.clone(), seed);
        document.keeps_in(node.asides.clone());
        let mut actor = Self {
            document,
            whole: None,
            now: node.clock.now(),
            turns: node.heavy.of(record.owner),
            node,
            outlets: HashMap::new(),
            unaware: None,
            edits: Vec::new(),
            next_edit: 0,
            work: Work::default(),
            effects: Vec::new(),
            upkeep,
            me,
            unsaved: 0,
            way: news.is_some().then(Box::default),
            news: news.map(Box::new),
            reading: Reading::No,
            looks: None,
            asked_who: None,
            reload: false,
            has_left: false,
            stopping: None,
            ended: None,
        };
        actor.begin(record);
        actor
    }

    async fn live(mut self: Box<Self>) {
        let mut mails = Vec::new();
        let mut sleep = Box::pin(tokio::time::sleep(Duration::from_hours(1)));
        let end = loop {
            {
                let is_heavy = self.document.work_before_append() > SLOW;
                let turns = self.turns.clone();
                turns.run(is_heavy, || self.settle()).await;
            }
            if let Some(end) = self.ended.take() {
                break end;
            }
            self.sleep_until_due(sleep.as_mut());
            let woken = tokio::select! {
                biased;
                done = self.work.next() => Woken::Done(done),
                () = self.me.mailbox.take(&mut mails, AT_ONCE) => Woken::Mail,
                heard = hear(&mut self.news) => Woken::News(heard),
                () = tokio::task::yield_now(), if self.document.has_next_edit() => Woken::Again,
                () = &mut sleep => Woken::Time,
            };
            self.now = self.node.clock.now();
            match woken {
                Woken::Done(done) => {
                    let (turns, is_heavy) = (self.turns.clone(), self.is_heavy(&done));
                    let is_long = !is_heavy && self.document.unsaved_bytes() > LARGE;
                    let done = || self.done(done);
                    turns.run(is_heavy, || if is_long { aside(done) } else { done() }).await;
                }
                Woken::Mail => {
                    self.node.overload(&mut self.document);
                    self.take(&mut mails).await;
                }
                Woken::Again => {}
                Woken::News(heard) => self.heard(heard),
                Woken::Time => self.upkeep(Instant::now(), self.me.mailbox.is_empty()),
            }
        };
        Box::pin(self.end(end)).await;
    }

    /// Sets the clock for what is due next.
    fn sleep_until_due(&self, sleep: Pin<&mut Sleep>) {
        let look = self.way.as_ref().and_then(|way| way.due());
        let due = look.into_iter().fold(self.upkeep.due(), Instant::min);
        if sleep.deadline() != due {
            sleep.reset(due);
        }
    }

    /// After everything that waited was handled: the next append, and what the core says.
    fn settle(&mut self) {
        let now = self.now;
        if self.ended.is_none() {
            let flushed = catch_unwind(AssertUnwindSafe(|| {
                self.document.flush(now, &mut self.effects);
            }));
            if flushed.is_err() {
                self.panicked(None);
            }
        }
        self.perform();
        self.schedule();
        self.recount_unsaved(self.document.unsaved_bytes());
        self.recount_memory();
        if self.stopping.is_some()
            && self.ended.is_none()
            && !self.document.is_unsaved()
            && self.is_row_written()
        {
            self.ended = Some(End::Close(Close::Restart));
        }
    }

    /// What is accepted and not durable, in the books of the node and of whoever looks after it.
    fn recount_unsaved(&mut self, now: usize) {
        if now != self.unsaved {
            recount(&self.node.unsaved, &mut self.unsaved, now);
            let all = self.node.unsaved.load(Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "bytes of one node")]
            metrics::gauge!("studyhall_sync_unsaved_bytes").set(all as f64);
        }
    }

    /// Gives the core one input. A panic in the CRDT library costs this document its memory, no more.
    fn feed(&mut self, input: Input<E>) {
        let committing = matches!(input, Input::Outcome(Outcome::Stored));
        let seq = committing.then(|| self.document.state().seq() + 1);
        let now = self.now;
        let fed = catch_unwind(AssertUnwindSafe(|| {
            self.document.handle(now, input, &mut self.effects);
        }));
        if fed.is_err() {
            self.panicked(seq);
        }
        self.perform();
    }

    /// The library panicked: everybody syncs again with the document as its log has it, without the
    /// entry that was being applied.
    fn panicked(&mut self, seq: Option<u64>) {
        tracing::error!(document = %self.me.id, "the CRDT library panicked; the document is reloaded");
        metrics::counter!("studyhall_sync_panics_total").increment(1);
        self.effects.clear();
        self.upkeep.poisoned = seq;
        self.ended = Some(End::Close(Close::Restart));
    }

    /// Whether taking this would keep others waiting.
    fn is_heavy(&self, done: &Done<E>) -> bool {
        match done {
            Done::Outcome(Outcome::Stored) => self.document.work() > HEAVY,
            Done::Missed(_, Ok(Missed::Entries(entries))) => load::bytes(entries) > LARGE,
            _ => false,
        }
    }

    fn done(&mut self, done: Done<E>) {
        match done {
            Done::Outcome(outcome) => {
                let is_stored = outcome == Outcome::Stored;
                if let Some(since) = self.document.in_flight_since().filter(|_| is_stored) {
                    metrics::histogram!("studyhall_sync_save_seconds")
                        .record(self.now.since(since));
                }
                self.feed(Input::Outcome(outcome));
                if is_stored {
                    self.has_a_place();
                }
            }
            Done::Missed(asked, missed) => self.missed(asked, missed),
            Done::Projected(result) => self.projected(result),
            Done::Compacted(result) => self.compacted(result),
            Done::Carried(again) => self.carried(again),
        }
    }

    /// Nothing is left to do here but to say goodbye.
    async fn end(&mut self, end: End) {
        if let Some(seq) = self.upkeep.poisoned
            && let Err(error) = load::quarantine(&self.node.store, self.me.id, seq).await
        {
            tracing::error!(document = %self.me.id, %error, "a poisoned entry stays in the log");
        }
        let why = match (&self.stopping, end) {
            (Some((why, _)), _) => *why,
            (None, End::Close(why)) => why,
            (None, End::Idle) => Close::Restart,
        };
        self.leave(why);
        for (_, reply) in self.edits.drain(..) {
            let _ = reply.send(Err(why.fault()));
        }
        self.no_row(why.fault());
        for mail in self.me.mailbox.close() {
            deliver::refuse(mail, why);
        }
        if let Some((_, done)) = self.stopping.take() {
            let _ = done.send(());
        }
    }

    /// Leaves the node's books, and says goodbye to all.
    fn leave(&mut self, why: Close) {
        if !std::mem::replace(&mut self.has_left, true) {
            self.recount_unsaved(0);
            metrics::gauge!("studyhall_documents_open").decrement(1.0);
            self.node.registry.forget(&self.me);
        }
        for (_, outlet) in self.outlets.drain() {
            outlet.end(why);
        }
    }

    fn edit_done(&mut self, edit: EditId, result: Result<u64, EditFailure>) {
        if let Some(at) = self.edits.iter().position(|(id, _)| *id == edit) {
            let (_, reply) = self.edits.remove(at);
            let _ = reply.send(result.map_err(SyncFault::from)); // the request may have gone
        }
    }
}
