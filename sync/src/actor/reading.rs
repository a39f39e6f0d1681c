//! What an actor knows of other nodes: their news, and the log, which decides.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use studyhall_store::bus::{Lagged, Subscription};
use tokio::time::Instant;

use super::{Actor, Done, End};
use crate::{
    compact::REPLACED_STAYS,
    document::{Applied, Engine, Input},
    load::{self, LoadFailure, Missed},
    news::News,
    outbox::Close,
};

/// Who is where is asked of other nodes no more often.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// A log that could not be read is read again after so long.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// A document at rest is looked at as a whole so often.
const SELDOM: Duration = Duration::from_mins(1);

/// Whether the log is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    No,
    Once,
    /// And once more when that has ended.
    Again,
}

/// How much is asked when the log is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Whether the next entry is there: one point read, of a document that is at rest.
    Next,
    /// Everything: the fence and the record too, which say what a compaction took, and whether the document
    /// is still there.
    Whole,
}

/// When the log was read.
#[derive(Default)]
pub(super) struct Looks {
    under_way: Option<(Instant, Look)>,
    /// When the last began that succeeded.
    last: Option<Instant>,
    whole: Option<Instant>,
}

impl Looks {
    fn begin(&mut self, now: Instant, may_be_brief: bool) -> Look {
        let lately = |at: Option<Instant>, within| at.is_some_and(|at| now - at < within);
        // What was written since the last look is in the log yet, whatever was compacted meanwhile.
        let is_brief =
            may_be_brief && lately(self.last, REPLACED_STAYS / 2) && lately(self.whole, SELDOM);
        let look = if is_brief { Look::Next } else { Look::Whole };
        self.under_way = Some((now, look));
        look
    }

    fn end(&mut self, is_read: bool) {
        if let Some((began, look)) = self.under_way.take().filter(|_| is_read) {
            self.last = Some(began);
            if look == Look::Whole {
                self.whole = Some(began);
            }
        }
    }
}

/// The next news; never, where there are no other nodes.
pub(super) async fn hear(news: &mut Option<Box<Subscription>>) -> Result<Bytes, Lagged> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

impl<E: Engine> Actor<E> {
    /// Looks whether other nodes wrote something, as is done now and then.
    pub(super) fn look_at_log(&mut self) {
        self.read(Duration::ZERO, true);
    }

    /// Reads what other nodes wrote since; again, when that is under way already.
    pub(super) fn read_log(&mut self, after: Duration) {
        self.read(after, false);
    }

    fn read(&mut self, after: Duration, may_be_brief: bool) {
        if self.reading != Reading::No {
            self.reading = Reading::Again;
            return;
        }
        self.reading = Reading::Once;
        self.log_begins();
        let reload = std::mem::take(&mut self.reload);
        let look =
            self.looks.get_or_insert_default().begin(Instant::now(), may_be_brief && !reload);
        let (node, turns) = (self.node.clone(), self.turns.clone());
        let (id, seq) = (self.me.id, self.document.state().seq());
        let asked = self.document.reads_asked();
        // A task of its own: it may get the turn for heavy work that this actor waits for, too.
        let read = tokio::spawn(async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            if look == Look::Next && !node.store.log().begins_at(id, seq + 1).await? {
                return Ok(Missed::Entries(Vec::new()));
            }
            let seq = (!reload).then_some(seq);
            load::missed::<E>(&node.store, &turns, id, seq).await
        });
        let away = Err(LoadFailure::Unavailable);
        let read = read.map(move |read| Done::Missed(asked, read.unwrap_or(away)));
        self.work.push(read.boxed());
    }

    /// Loads the whole document again.
    pub(super) fn reload(&mut self) {
        self.reload = true;
        self.read_log(Duration::ZERO);
    }

    /// What was read of the log. While the store is away people go on reading and typing here.
    pub(super) fn missed(&mut self, asked: u64, missed: Result<Missed<E>, LoadFailure>) {
        let again = std::mem::replace(&mut self.reading, Reading::No) == Reading::Again;
        let is_read = missed.is_ok();
        if let Some(looks) = &mut self.looks {
            looks.end(is_read);
        }
        match missed {
            Ok(Missed::Entries(entries)) => {
                let before = self.document.state().seq();
                self.feed(Input::Missed { entries, read: Some(asked) });
                if self.document.state().seq() > before {
                    self.way_was_read();
                }
            }
            Ok(Missed::State(state)) => self.feed(Input::Reloaded { state, read: asked }),
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

    /// The log that the document needs cannot be read: people are told, and it is tried again.
    fn log_is_away(&mut self) {
        self.feed(Input::Unread);
        self.read_log(READ_AGAIN);
    }

    /// What another node says. What it does not say, or is lost, the next look at the log will tell.
    pub(super) fn heard(&mut self, heard: Result<Bytes, Lagged>) {
        let Ok(bytes) = heard else {
            // The bus begins to listen, had been away, or brings more than is taken. What is told now may
            // itself be too much: seldom, then.
            let now = Instant::now();
            if self.asked_who.is_none_or(|at| now.duration_since(at) >= ASK_AGAIN) {
                self.asked_who = Some(now);
                self.node.tell_nodes(self.me.id, News::WhoIsHere);
            }
            return self.read_log(Duration::ZERO);
        };
        let seq = self.document.state().seq();
        match News::decode(&bytes) {
            Ok((from, _)) if from == self.node.id => {}
            Ok((from, News::Entry(entry))) => {
                self.written(from);
                if entry.seq == seq + 1 {
                    self.node.store.log().told(self.me.id, entry.next_seq());
                    self.feed(Input::Missed { entries: vec![entry], read: None });
                } else if entry.next_seq() > seq + 1 {
                    self.read_log(Duration::ZERO);
                }
            }
            Ok((from, News::Grown(grown))) => {
                self.written(from);
                if grown > seq {
                    self.read_log(Duration::ZERO);
                }
            }
            Ok((from, News::Waits(within))) => self.give_way(from, within),
            Ok((_, News::Here(presence))) => self.feed(Input::Elsewhere(presence)),
            Ok((_, News::Said(message))) => self.pass_on(None, &message),
            Ok((_, News::WhoIsHere)) => self.feed(Input::WhoIsHere),
            Err(malformed) => tracing::warn!(%malformed, "news that no node of ours sends"),
        }
    }
}
