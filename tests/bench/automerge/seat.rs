//! One person at one Automerge document who has it already: sends changes that were made before, and
//! keeps in step by heads, without the library, so that the bench costs little. The messages are what a
//! stock client's would be: one for each own change, and one back for each that brings changes.

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use anyhow::{Context, Result, ensure};
use automerge::{
    ChangeHash,
    sync::{Have, Message, MessageVersion},
};
use bytes::Bytes;
use studyhall_sync::wire::automerge::{MAX_INFLATED, SyncMessage};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{
    line::{Gate, Line},
    script::Script,
};
use crate::{
    board::Tally,
    clock::Since,
    seat::{Pace, micros},
};

/// Changes that leave before a person looks at what came in.
const BURST: usize = 64;
const FAR: std::time::Duration = std::time::Duration::from_hours(1);

/// What the people at one document know together: when each edit left, in nanoseconds; 0 is "not yet".
pub(super) struct Board {
    since: Since,
    left: Vec<Cell<u64>>,
}

impl Board {
    pub(super) fn new(script: &Script) -> Rc<Self> {
        let left = vec![Cell::new(0); script.edits.len()];
        Rc::new(Self { since: Since::now(), left })
    }
}

/// What a person writes.
pub(super) struct Part {
    writer: usize,
    pace: Pace,
    edits: Vec<usize>,
    sent: usize,
    saved: usize,
    /// Ticks that may still be used.
    allowed: usize,
}

impl Part {
    pub(super) fn of(script: &Script, writer: usize, pace: Pace) -> Self {
        Self { writer, pace, edits: script.of(writer), sent: 0, saved: 0, allowed: 0 }
    }

    fn ticks(part: Option<&Self>) -> Interval {
        let (period, phase) = match part.map(|part| part.pace) {
            Some(Pace::Every { period, phase }) => (period, phase),
            _ => (FAR, FAR),
        };
        let mut ticks = interval_at(Instant::now() + phase, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        ticks
    }
}

pub(super) struct Seat {
    line: Line,
    script: Rc<Script>,
    heads: BTreeSet<ChangeHash>,
    known: Vec<bool>,
    unknown: usize,
}

impl Seat {
    async fn open(gate: &Gate, me: &str, script: &Rc<Script>) -> Result<Self> {
        Ok(Self {
            line: Line::open(gate, me).await?,
            script: script.clone(),
            heads: script.base_heads.iter().copied().collect(),
            known: vec![false; script.edits.len()],
            unknown: script.edits.len(),
        })
    }

    /// Sits down at a document that the server has as the script begins.
    pub(super) async fn take(gate: &Gate, me: &str, script: &Rc<Script>) -> Result<Self> {
        let mut seat = Self::open(gate, me, script).await?;
        seat.say(Vec::new()).await?;
        seat.until_told().await?;
        Ok(seat)
    }

    /// Brings the server all that the script begins with, and waits until it says to have it.
    pub(super) async fn bring(gate: &Gate, me: &str, script: &Rc<Script>) -> Result<Self> {
        let mut seat = Self::open(gate, me, script).await?;
        // First what is here, as it has never been synced; then all of it.
        seat.feed(Vec::new(), Vec::new()).await?;
        seat.line.flush().await?;
        if seat.told().await? != seat.heads {
            seat.say(script.base.clone()).await?;
            seat.until_told().await?;
        }
        Ok(seat)
    }

    /// The heads of all that is here.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    pub(super) async fn leave(self) -> Result<()> {
        self.line.leave().await
    }

    /// Sends changes, or only the heads.
    async fn say(&mut self, changes: Vec<Vec<u8>>) -> Result<()> {
        self.feed(self.heads(), changes).await?;
        self.line.flush().await
    }

    async fn feed(&mut self, last_sync: Vec<ChangeHash>, changes: Vec<Vec<u8>>) -> Result<()> {
        let message = Message {
            heads: self.heads(),
            need: Vec::new(),
            have: vec![Have { last_sync, bloom: automerge::sync::BloomFilter::default() }],
            changes: changes.into(),
            flags: None,
            version: MessageVersion::V1,
        };
        self.line.feed(&message.encode()).await
    }

    /// The heads that the server names next.
    async fn told(&mut self) -> Result<BTreeSet<ChangeHash>> {
        let message = SyncMessage::decode(&self.line.next().await?, MAX_INFLATED)?;
        Ok(message.heads.into_iter().map(ChangeHash).collect())
    }

    /// Waits until the server's heads are this person's.
    async fn until_told(&mut self) -> Result<()> {
        while self.told().await? != self.heads {}
        Ok(())
    }

    /// Plays the own part, if any, and watches everybody until all changes have arrived and the own
    /// ones are acknowledged.
    pub(super) async fn play(
        &mut self,
        board: &Board,
        mut part: Option<Part>,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut ticks = Part::ticks(part.as_ref());
        loop {
            if let Some(part) = &mut part {
                self.send(board, part).await?;
            }
            self.line.flush().await?;
            let mine = part.as_ref();
            if self.unknown == 0 && mine.is_none_or(|part| part.saved == part.edits.len()) {
                return Ok(());
            }
            if !mine.is_some_and(|part| self.may_send(part)) {
                let paced = matches!(mine, Some(Part { pace: Pace::Every { .. }, .. }));
                let first = tokio::select! {
                    data = self.line.next() => data?,
                    _ = ticks.tick(), if paced => {
                        if let Some(part) = &mut part {
                            part.allowed += 1;
                        }
                        continue;
                    }
                };
                self.see(board, &first, part.as_mut(), tally).await?;
            }
            for _ in 0..BURST {
                let Some(data) = self.line.waiting()? else { break };
                self.see(board, &data, part.as_mut(), tally).await?;
            }
        }
    }

    /// Whether the next change may leave: what it stands on is here, and it is time.
    fn may_send(&self, part: &Part) -> bool {
        let Some(next) = part.edits.get(part.sent) else { return false };
        let mut deps = self.script.edits[*next].deps.iter();
        deps.all(|hash| self.script.places.get(hash).is_none_or(|place| self.known[*place]))
            && match part.pace {
                Pace::FlatOut { window } => part.sent - part.saved < window,
                Pace::Every { .. } => part.allowed > 0,
            }
    }

    async fn send(&mut self, board: &Board, part: &mut Part) -> Result<()> {
        for _ in 0..BURST {
            if !self.may_send(part) {
                break;
            }
            let next = part.edits[part.sent];
            self.learn(next);
            board.left[next].set(board.since.nanos());
            self.feed(self.heads(), vec![self.script.edits[next].bytes.clone()]).await?;
            part.sent += 1;
            part.allowed = part.allowed.saturating_sub(1);
        }
        Ok(())
    }

    fn learn(&mut self, place: usize) {
        let edit = &self.script.edits[place];
        for dep in &edit.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(edit.hash);
        self.known[place] = true;
        self.unknown -= 1;
    }

    async fn see(
        &mut self,
        board: &Board,
        data: &Bytes,
        part: Option<&mut Part>,
        tally: &mut Tally,
    ) -> Result<()> {
        let message = SyncMessage::decode(data, MAX_INFLATED)?;
        let now = board.since.nanos();
        ensure!(message.need.is_empty(), "the server lacks what it was sent");
        let places = &self.script.places;
        let is_news = |hash: &[u8; 32]| {
            places.get(&ChangeHash(*hash)).is_some_and(|place| !self.known[*place])
        };
        // A server of npm's may name heads and bring nothing until it hears from here again.
        let asks_back = !message.changes.is_empty() || message.heads.iter().any(is_news);
        for (_, change) in &message.changes {
            let place = self.script.places.get(&ChangeHash(change.hash));
            let place = *place.context("a change that nobody made")?;
            if !self.known[place] {
                self.learn(place);
                tally.deliveries += 1;
                tally.arrival.push(micros(now.saturating_sub(board.left[place].get())));
            }
        }
        if let Some(part) = part {
            let places =
                message.heads.iter().filter_map(|h| self.script.places.get(&ChangeHash(*h)));
            let saved = places.map(|place| self.script.edits[*place].seen[part.writer]).max();
            let saved = usize::try_from(saved.unwrap_or_default())?;
            for edit in part.edits.get(part.saved..saved).unwrap_or_default() {
                tally.saved.push(micros(now.saturating_sub(board.left[*edit].get())));
            }
            part.saved = part.saved.max(saved);
            tally.acked = u32::try_from(part.saved)?;
        }
        if asks_back {
            self.feed(self.heads(), Vec::new()).await?;
        }
        Ok(())
    }
}
