//! Who has the next place in the log: nodes that lost theirs are let go first by those that write.
//!
//! It is said twice: by news, which are there within milliseconds, and, by who has lost again, in the document's
//! record, which all who append read anyway: the bus may be down, and what a node has in flight when it hears takes
//! the next place too.

use std::time::Duration;

use foldhash::HashMap;
use studyhall_schema::Timestamp;
use studyhall_store::log::Wait;
use tokio::time::Instant;

use super::{Actor, reading::Reading};
use crate::{
    document::{Applied, Engine, Input},
    news::{News, NodeId},
};

/// So long what is new here waits for nodes that have lost their place in the log, or longer where the store is
/// slow. One that knows what took it sends its own within a few milliseconds.
const GIVES_WAY: Duration = Duration::from_millis(250);
/// And no longer, however slow it is.
const GIVES_WAY_MOST: Duration = Duration::from_secs(5);
/// Who lost a place needs so often the time that this took, beside the time in which it finds the next: what is in
/// flight elsewhere takes that too.
const NEEDS: u32 = 4;
/// So far nodes' clocks may be apart: what was said longer ago than it was to last, and this, is over.
const SKEW: Duration = Duration::from_secs(5);
/// So often the log is looked at while somebody is let go first who may have nobody to tell.
const LOOKS_LEAST: Duration = Duration::from_millis(60);

/// The nodes that wait for the next place, and until when they are waited for. Who has just written would be
/// first again each time: what it writes next is ready when others hear of the last.
#[derive(Default)]
pub(super) struct Way {
    waiting: HashMap<NodeId, Instant>,
    /// Somebody waits who said so in the record: when the log is looked at next, and how often.
    look: Option<(Instant, Duration)>,
    /// Who was last heard to have written, and when that was.
    written: Option<(NodeId, Timestamp)>,
    /// The last that was read in the document's record.
    seen: Option<(NodeId, Timestamp)>,
    /// When what is in flight here was sent.
    sent: Option<Instant>,
    /// How often in a row this node has lost its place, and since when it looks for the next.
    lost: u32,
    looks: Option<Instant>,
    /// How long that took the last time.
    looked: Duration,
}

impl Way {
    /// When the log is to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.look.map(|(due, _)| due)
    }
}

impl<E: Engine> Actor<E> {
    fn way(&mut self) -> &mut Way {
        self.way.get_or_insert_default()
    }

    /// Something is sent to the log, or sent again.
    pub(super) fn append_begins(&mut self) {
        let Some(way) = &mut self.way else { return }; // nobody else writes
        let now = Instant::now();
        if let Some(since) = way.looks.take() {
            way.looked = now - since;
        }
        way.sent = Some(now);
    }

    /// What was sent has its place: it is looked who waits for the next.
    pub(super) fn has_a_place(&mut self) {
        let Some(way) = &mut self.way else { return };
        way.lost = 0;
        let Some(wait) = self.node.store.log().waiting(self.me.id) else { return };
        let (by, at) = (NodeId(wait.by), wait.at);
        let has_written = way.written.is_some_and(|(who, when)| who == by && when >= at);
        let is_known = way.seen.replace((by, at)) == Some((by, at));
        let is_over = self.now.since(at) > wait.within + SKEW;
        if by == self.node.id || is_known || has_written || is_over {
            return;
        }
        self.give_way(by, wait.within);
        // Without a bus nobody says when it has written.
        let often = (wait.within / NEEDS).clamp(LOOKS_LEAST, GIVES_WAY_MOST / NEEDS);
        self.way().look = Some((Instant::now() + often, often));
    }

    /// Another node was first: all are told that this one waits, and for how long.
    pub(super) fn lost_place(&mut self) {
        let way = self.way();
        let took = way.sent.map_or(Duration::ZERO, |sent| sent.elapsed());
        let needs = took * NEEDS + way.looked * 2;
        let within = needs.clamp(GIVES_WAY, GIVES_WAY_MOST);
        way.looks = Some(Instant::now());
        way.lost = way.lost.saturating_add(1);
        let lost = way.lost;
        self.node.tell_nodes(self.me.id, News::Waits(within));
        if lost < 2 {
            return;
        }
        let (store, id) = (self.node.store.clone(), self.me.id);
        let wait = Wait { by: self.node.id.0, at: self.now, within };
        tokio::spawn(async move {
            if let Err(error) = store.log().wait(id, wait).await {
                tracing::debug!(document = %id, %error, "nobody could be told who waits");
            }
        });
    }

    /// It has nothing to send any more: those who wait for it need not.
    pub(super) fn needs_no_place(&mut self) {
        self.way().looks = None;
        self.node.tell_nodes(self.me.id, News::Grown(self.document.state().seq()));
    }

    /// Another node waits for the next place.
    pub(super) fn give_way(&mut self, to: NodeId, within: Duration) {
        self.way().waiting.insert(to, Instant::now() + within.min(GIVES_WAY_MOST));
        self.wait_for_others();
    }

    /// Another node has written: it waits no more.
    pub(super) fn written(&mut self, by: NodeId) {
        let now = self.now;
        let way = self.way();
        way.written = Some((by, now));
        if way.waiting.remove(&by).is_some() {
            self.wait_for_others();
        }
    }

    /// Somebody has written, and it is not known who.
    pub(super) fn way_was_read(&mut self) {
        let Some(way) = &mut self.way else { return };
        let now = Instant::now();
        way.waiting.retain(|_, until| now < *until);
        if way.waiting.len() == 1 {
            way.waiting.clear();
            self.wait_for_others();
        }
    }

    /// Looks into the log, when it is time, for what they have written who are let go first.
    pub(super) fn look_for_others(&mut self, now: Instant) {
        let Some(way) = &mut self.way else { return };
        let Some((_, often)) = way.look.take_if(|(due, _)| *due <= now) else { return };
        way.waiting.retain(|_, until| now < *until);
        if !way.waiting.is_empty() {
            way.look = Some((now + often, often));
            if self.reading == Reading::No {
                self.look_at_log();
            }
        }
    }

    /// What is new here waits as long as anybody is waited for.
    fn wait_for_others(&mut self) {
        let now = Instant::now();
        let way = self.way();
        way.waiting.retain(|_, until| now < *until);
        let longest = way.waiting.values().max().copied();
        way.look = way.look.filter(|_| longest.is_some());
        let until = longest.map(|until| self.now + (until - now));
        self.feed(until.map_or(Input::GoOn, |until| Input::GiveWay { until }));
    }
}
