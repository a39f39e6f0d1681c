//! One task an open document: it feeds the core and performs what the core says.
//!
//! It takes everything that waits before the next await. Nothing here decides about content, and
//! nothing in the core waits.

mod deliver;
mod upkeep;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use studyhall_schema::{access::Permission, document::DocumentRecord, ids::UserId};
use studyhall_store::{
    bus::{Lagged, Subscription},
    log::{Append, Outcome},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::Instant,
};

use crate::{
    SyncFault,
    document::{Change, Document, EditFailure, EditId, Effect, Input, Limits, PeerId, State},
    guard::Scan,
    load::{self, LoadFailure, Missed},
    news::News,
    node::{Node, Opened},
    outbox::Close,
};
pub(crate) use deliver::{Outlet, Wire};
use upkeep::Upkeep;

/// Mails that may wait for a document; senders wait beyond that.
pub(crate) const MAILBOX: usize = 512;
/// What an open document takes before it has content, about.
const EMPTY_BYTES: usize = 8 << 10;
/// Taken from the mailbox at once.
const AT_ONCE: usize = 256;

/// What is sent to a document's actor.
pub(crate) enum Mail {
    Join(Box<Join>),
    Leave(PeerId),
    Permission(PeerId, Permission),
    /// What a socket read at once for this document.
    Frames(PeerId, Vec<Inbound>, Option<OwnedSemaphorePermit>),
    Drained(PeerId),
    Edit(Box<Edit>),
    /// Bring the row up to date with the document, then answer.
    Project(RowReply),
    /// The same, when the log was seen to be ahead of the row: other nodes may have written it.
    CatchUp(RowReply),
    /// Leave memory if nobody has it open.
    Evict,
    /// The document is gone for good: its connections are closed so.
    End(Close),
    /// Write what waits, close everybody with this, and leave memory.
    Stop(Close, oneshot::Sender<()>),
}

/// Somebody opens the document.
pub(crate) struct Join {
    pub(crate) peer: PeerId,
    pub(crate) user: UserId,
    pub(crate) permission: Permission,
    pub(crate) outlet: Outlet,
}

/// A frame that passed the guard.
pub(crate) enum Inbound {
    Step1(Bytes),
    Update { update: Bytes, scan: Scan, step2: bool },
    Awareness(Bytes),
    QueryAwareness,
}

impl Inbound {
    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Step1(bytes) | Self::Awareness(bytes) => bytes.len(),
                Self::Update { update, .. } => update.len(),
                Self::QueryAwareness => 0,
            }
    }
}

/// A REST edit.
pub(crate) struct Edit {
    pub(crate) by: UserId,
    pub(crate) change: Change,
    pub(crate) reply: oneshot::Sender<Result<u64, SyncFault>>,
}

/// Who asked for a row that shows what is durable.
pub(crate) type RowReply = oneshot::Sender<Result<(), SyncFault>>;

/// What ends outside of the actor and comes back to it.
enum Done {
    Outcome(Outcome),
    Missed(Result<Missed, LoadFailure>),
    Projected(Result<u64, SyncFault>),
    Compacted(Result<u64, SyncFault>),
}

/// What an open document takes, about.
fn memory(state: &State) -> usize {
    usize::try_from(state.memory()).unwrap_or(usize::MAX).saturating_add(EMPTY_BYTES)
}

/// Brings what one document counts for in a sum of the node up to date.
fn recount(sum: &AtomicUsize, counted: &mut usize, now: usize) {
    if now != *counted {
        sum.fetch_add(now, Ordering::Relaxed);
        sum.fetch_sub(std::mem::replace(counted, now), Ordering::Relaxed);
    }
}

/// Whether the log is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    No,
    Once,
    /// And once more when that has ended.
    Again,
}

/// The next news; never, where there are no other nodes.
async fn hear(news: &mut Option<Subscription>) -> Result<Bytes, Lagged> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

/// Why the actor ends.
enum End {
    /// Nobody needs it; it leaves memory.
    Idle,
    /// Its connections are closed with this.
    Close(Close),
}

struct Actor {
    node: Arc<Node>,
    document: Document,
    outlets: HashMap<PeerId, Outlet>,
    edits: HashMap<EditId, oneshot::Sender<Result<u64, SyncFault>>>,
    next_edit: u64,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    effects: Vec<Effect>,
    upkeep: Upkeep,
    me: Opened,
    /// What this document counts for in the node's unsaved bytes.
    unsaved: usize,
    asides: usize,
    /// What other nodes say, where there may be some.
    news: Option<Subscription>,
    reading: Reading,
    /// The next read is one of the whole document.
    reload: bool,
    has_left: bool,
    stopping: Option<(Close, oneshot::Sender<()>)>,
    ended: Option<End>,
}

/// However the task ends, also by a panic, nobody waits for this document.
impl Drop for Actor {
    fn drop(&mut self) {
        self.leave(Close::Restart);
    }
}

/// Opens a document and runs it until nobody needs it.
pub(crate) async fn run(node: Arc<Node>, me: Opened, mut mailbox: mpsc::Receiver<Mail>) {
    let news = node.news_of(me.id);
    let loaded = async {
        if node.registry.is_full(&node.config) {
            tracing::warn!(document = %me.id, "no memory for another open document");
            return Err(LoadFailure::Unavailable);
        }
        let record = load::record(&node.store, me.id).await?;
        Ok((record, load::state(&node.store, me.id).await?))
    };
    match Box::pin(loaded).await {
        // Boxed, so that the task has no place for it twice.
        Ok((record, state)) => {
            Box::pin(Actor::new(node, me, news, &record, state).live(mailbox)).await;
        }
        Err(failure) => {
            tracing::debug!(document = %me.id, %failure, "a document could not be opened");
            node.registry.forget(&me);
            mailbox.close();
            while let Some(mail) = mailbox.recv().await {
                deliver::turn_away(mail, &failure);
            }
        }
    }
}

impl Actor {
    fn new(
        node: Arc<Node>,
        me: Opened,
        news: Option<Subscription>,
        record: &DocumentRecord,
        state: State,
    ) -> Self {
        let seed = node.clock.random_u64();
        let upkeep = Upkeep::new(record, state.seq(), &node.config);
        let limits = Limits { alone: node.config.poll.is_none(), ..node.config.limits };
        metrics::gauge!("studyhall_documents_open").increment(1.0);
        me.set_bytes(&node.registry, memory(&state));
        Self {
            document: Document::new(me.id, state, limits, seed),
            node,
            outlets: HashMap::new(),
            edits: HashMap::new(),
            next_edit: 0,
            work: FuturesUnordered::new(),
            effects: Vec::new(),
            upkeep,
            me,
            unsaved: 0,
            asides: 0,
            news,
            reading: Reading::No,
            reload: false,
            has_left: false,
            stopping: None,
            ended: None,
        }
    }

    async fn live(mut self, mut mailbox: mpsc::Receiver<Mail>) {
        let mut mails = Vec::new();
        let mut sleep = Box::pin(tokio::time::sleep(Duration::from_hours(1)));
        let end = loop {
            self.settle();
            if let Some(end) = self.ended.take() {
                break end;
            }
            let due = self.upkeep.due();
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                Some(done) = self.work.next(), if !self.work.is_empty() => self.done(done),
                taken = mailbox.recv_many(&mut mails, AT_ONCE) => {
                    if taken == 0 {
                        break End::Idle;
                    }
                    self.node.overload(&mut self.document);
                    mails.drain(..).for_each(|mail| self.mail(mail));
                }
                heard = hear(&mut self.news) => self.heard(heard),
                () = &mut sleep => self.upkeep(Instant::now(), mailbox.is_empty()),
            }
        };
        Box::pin(self.end(end, mailbox)).await;
    }

    /// After everything that waited was handled: the next append, and what the core says.
    fn settle(&mut self) {
        let now = self.node.clock.now();
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
        recount(&self.node.unsaved, &mut self.unsaved, self.document.unsaved_bytes());
        recount(&self.node.asides, &mut self.asides, self.document.aside_bytes());
        if self.stopping.is_some() && self.ended.is_none() && !self.document.is_unsaved() {
            self.ended = Some(End::Close(Close::Restart));
        }
    }

    fn mail(&mut self, mail: Mail) {
        if self.ended.is_some() {
            return;
        }
        match mail {
            Mail::Join(join) => {
                let Join { peer, user, permission, outlet } = *join;
                self.outlets.insert(peer, outlet);
                self.upkeep.touched(false);
                self.feed(Input::Join { peer, user, permission });
            }
            Mail::Leave(peer) => {
                self.outlets.remove(&peer);
                self.feed(Input::Leave { peer });
                self.upkeep.touched(self.outlets.is_empty());
            }
            Mail::Permission(peer, permission) => self.feed(Input::Permission { peer, permission }),
            Mail::Frames(peer, frames, _room) => frames.into_iter().for_each(|frame| {
                self.feed(match frame {
                    Inbound::Step1(vector) => Input::Step1 { peer, vector },
                    Inbound::Update { update, scan, step2 } => {
                        Input::Update { peer, update, scan, step2 }
                    }
                    Inbound::Awareness(update) => Input::Awareness { peer, update },
                    Inbound::QueryAwareness => Input::QueryAwareness { peer },
                });
            }),
            Mail::Drained(peer) => self.feed(Input::Drained { peer }),
            Mail::Edit(edit) => {
                let id = EditId(self.next_edit);
                self.next_edit += 1;
                self.edits.insert(id, edit.reply);
                self.upkeep.touched(self.outlets.is_empty());
                self.feed(Input::Edit { edit: id, by: edit.by, change: edit.change });
            }
            Mail::Project(reply) => self.project_for(reply),
            Mail::CatchUp(reply) => self.catch_up_for(reply),
            Mail::Evict => self.upkeep.evict(),
            Mail::End(why) => self.ended = Some(End::Close(why)),
            Mail::Stop(why, done) => self.stopping = Some((why, done)),
        }
    }

    /// Gives the core one input. A panic in the CRDT library costs this document its memory, no more.
    fn feed(&mut self, input: Input) {
        let committing = matches!(input, Input::Outcome(Outcome::Stored));
        let seq = committing.then(|| self.document.state().seq() + 1);
        let now = self.node.clock.now();
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

    fn done(&mut self, done: Done) {
        match done {
            Done::Outcome(outcome) => self.feed(Input::Outcome(outcome)),
            Done::Missed(missed) => self.missed(missed),
            Done::Projected(result) => self.projected(result),
            Done::Compacted(result) => self.compacted(result),
        }
    }

    fn append(&mut self, append: Append, after: Duration) {
        let journal = self.node.journal.clone();
        self.work.push(
            async move {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                Done::Outcome(journal.append(append).await)
            }
            .boxed(),
        );
    }

    /// Reads what other nodes wrote since; again, when that is under way already.
    fn read_log(&mut self, after: Duration) {
        if self.reading != Reading::No {
            self.reading = Reading::Again;
            return;
        }
        self.reading = Reading::Once;
        self.log_begins();
        let reload = std::mem::take(&mut self.reload);
        let (store, id, seq) = (self.node.store.clone(), self.me.id, self.document.state().seq());
        self.work.push(
            async move {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                let seq = (!reload).then_some(seq);
                Done::Missed(load::missed(&store, id, seq).await)
            }
            .boxed(),
        );
    }

    /// Loads the whole document again.
    fn reload(&mut self) {
        self.reload = true;
        self.read_log(Duration::ZERO);
    }

    /// What was read of the log. While the store is away people go on reading and typing here.
    fn missed(&mut self, missed: Result<Missed, LoadFailure>) {
        let again = std::mem::replace(&mut self.reading, Reading::No) == Reading::Again;
        let is_read = missed.is_ok();
        match missed {
            Ok(Missed::Entries(entries)) => self.feed(Input::Missed { entries, all: !again }),
            Ok(Missed::State(state)) => self.feed(Input::Reloaded { state, all: !again }),
            Err(LoadFailure::Unavailable) if self.document.needs_log() => self.log_is_away(),
            Err(LoadFailure::Unavailable) => {} // the next look at the log will tell
            Err(LoadFailure::NotFound) => self.ended = Some(End::Close(Close::NotFound)),
            Err(LoadFailure::Unreadable(_)) => self.ended = Some(End::Close(Close::TryLater)),
        }
        self.log_ends(is_read);
        if again {
            self.read_log(Duration::ZERO);
        }
    }

    /// What another node says. What it does not say, or is lost, the next look at the log will tell.
    fn heard(&mut self, heard: Result<Bytes, Lagged>) {
        let Ok(bytes) = heard else {
            // The bus begins to listen, or had been away.
            self.node.tell_nodes(self.me.id, News::WhoIsHere);
            return self.read_log(Duration::ZERO);
        };
        let seq = self.document.state().seq();
        match News::decode(&bytes) {
            Ok((from, _)) if from == self.node.id => {}
            Ok((_, News::Entry(entry))) if entry.seq == seq + 1 => {
                self.feed(Input::Missed { entries: vec![entry], all: false });
            }
            Ok((_, News::Entry(entry))) if entry.next_seq() > seq + 1 => {
                self.read_log(Duration::ZERO);
            }
            Ok((_, News::Grown(grown))) if grown > seq => self.read_log(Duration::ZERO),
            Ok((_, News::Entry(_) | News::Grown(_))) => {}
            Ok((_, News::Here(presence))) => self.feed(Input::Elsewhere(presence)),
            Ok((_, News::WhoIsHere)) => self.feed(Input::WhoIsHere),
            Err(malformed) => tracing::warn!(%malformed, "news that no node of ours sends"),
        }
    }

    /// Nothing is left to do here but to say goodbye.
    async fn end(mut self, end: End, mut mailbox: mpsc::Receiver<Mail>) {
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
        for (_, reply) in self.edits.drain() {
            let _ = reply.send(Err(why.fault()));
        }
        self.no_row(why.fault());
        mailbox.close();
        while let Some(mail) = mailbox.recv().await {
            deliver::refuse(mail, why);
        }
        if let Some((_, done)) = self.stopping.take() {
            let _ = done.send(());
        }
    }

    /// Leaves the node's books, and says goodbye to all.
    fn leave(&mut self, why: Close) {
        if !std::mem::replace(&mut self.has_left, true) {
            recount(&self.node.unsaved, &mut self.unsaved, 0);
            recount(&self.node.asides, &mut self.asides, 0);
            metrics::gauge!("studyhall_documents_open").decrement(1.0);
            self.node.registry.forget(&self.me);
        }
        for (_, outlet) in self.outlets.drain() {
            outlet.end(why);
        }
    }

    fn edit_done(&mut self, edit: EditId, result: Result<u64, EditFailure>) {
        if let Some(reply) = self.edits.remove(&edit) {
            let _ = reply.send(result.map_err(SyncFault::from)); // the request may have gone
        }
    }
}
