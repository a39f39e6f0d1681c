//! One person at one document: a raw WebSocket that sends prepared updates and sees, by client clocks,
//! when each edit was acknowledged and when it reached somebody. Knows no server by name.

use std::{rc::Rc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    board::{Board, Tally},
    typing::Script,
    wire::{Address, Framing, Said},
};

/// Edits that leave before a person looks at what came in.
const BURST: usize = 64;

/// Where a document is reached.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) url: String,
    pub(crate) address: Address,
    pub(crate) token: Option<String>,
}

/// How a person writes.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As fast as acknowledgements come, with so many edits on the way.
    FlatOut { window: usize },
    /// One edit in each period; the first one after `phase`.
    Every { period: Duration, phase: Duration },
}

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// A raw WebSocket, unbuffered where that would cost time.
pub(crate) async fn connect(url: &str) -> Result<Socket> {
    let request = url.into_client_request()?;
    let host = request.uri().authority().context("a URL without a host")?.as_str().to_owned();
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(32 << 10).write_buffer_size(4096);
    Ok(client_async_with_config(request, stream, Some(config)).await?.0)
}

pub(crate) struct Seat {
    socket: Socket,
    address: Address,
    /// The document as it was when this person sat down.
    pub(crate) found: Bytes,
}

impl Seat {
    /// Connects, signs in where that is asked for, and waits for Step2.
    pub(crate) async fn take(door: &Door) -> Result<Self> {
        let socket = connect(&door.url).await?;
        let mut seat = Self { socket, address: door.address.clone(), found: Bytes::new() };
        if let Some(token) = &door.token {
            seat.socket.feed(Message::Binary(seat.address.token(token))).await?;
        }
        seat.socket.send(Message::Binary(seat.address.step1())).await?;
        while let Some(frame) = seat.socket.next().await {
            let Message::Binary(frame) = frame? else { continue };
            match seat.address.read(&frame)? {
                Said::Step2(state) => {
                    seat.found = frame.slice_ref(state);
                    return Ok(seat);
                }
                Said::Denied => bail!("{} was refused", door.url),
                _ => {}
            }
        }
        bail!("{} closed before it answered", door.url)
    }

    /// Plays `mine` (if this person writes) and watches everybody until all edits have arrived and the
    /// own ones are acknowledged; what was seen until an error is in the tally.
    pub(crate) async fn play(
        mut self,
        board: &Board,
        mine: Option<(Rc<Script>, Pace)>,
        tally: &mut Tally,
    ) -> Result<()> {
        let writer = mine.map(|(script, pace)| Writer::new(board, script, pace));
        let mut watch = Watch { board, seen: vec![0; board.left.len()], tally, writer };
        let mut ticks = watch.ticks();
        loop {
            if watch.send(&mut self).await? {
                self.socket.flush().await?;
            }
            if watch.finished() {
                return Ok(());
            }
            if !watch.may_send() {
                let first = tokio::select! {
                    frame = self.socket.next() => frame,
                    _ = ticks.tick(), if watch.paced() => { watch.allow_one(); continue }
                };
                self.take_in(first, &mut watch)?;
            }
            for _ in 0..BURST {
                match self.socket.next().now_or_never() {
                    Some(frame) => self.take_in(frame, &mut watch)?,
                    None => break,
                }
            }
        }
    }

    fn take_in(
        &self,
        frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        match frame.context("the server closed the socket")?? {
            Message::Binary(frame) => watch.see(&self.address, &frame),
            Message::Close(why) => bail!("the server closed the socket: {why:?}"),
            _ => Ok(()),
        }
    }

    /// Writes one update and waits until it is acknowledged.
    pub(crate) async fn write_once(&mut self, update: &[u8]) -> Result<()> {
        self.socket.send(Message::Binary(self.address.update(update))).await?;
        while let Some(frame) = self.socket.next().await {
            let Message::Binary(frame) = frame? else { continue };
            match (self.address.framing(), self.address.read(&frame)?) {
                (Framing::Yjs, Said::Update(_)) | (_, Said::Saved(true)) => return Ok(()),
                _ => {}
            }
        }
        bail!("the server closed before it acknowledged")
    }
}

/// The writing half of a person.
struct Writer {
    script: Rc<Script>,
    pace: Pace,
    place: usize,
    /// Updates that were sent, and acknowledged.
    sent: usize,
    saved: usize,
    /// Ticks that may still be used.
    allowed: usize,
}

impl Writer {
    fn new(board: &Board, script: Rc<Script>, pace: Pace) -> Self {
        let own = board.places[&script.client];
        Self { script, pace, place: own, sent: 0, saved: 0, allowed: 0 }
    }

    fn clock_after(&self, updates: usize) -> u32 {
        updates.checked_sub(1).map_or(0, |last| self.script.clocks[last])
    }

    /// Whether the next update may leave. A deletion moves no clock, so its echo cannot be seen: it
    /// never waits for room in the window.
    fn may_send(&self) -> bool {
        self.sent < self.script.updates.len()
            && match self.pace {
                Pace::FlatOut { window } => {
                    let clock = self.script.clocks[self.sent];
                    clock == self.clock_after(self.sent) || self.sent - self.saved < window
                }
                Pace::Every { .. } => self.allowed > 0,
            }
    }
}

/// A person's view of the board while it plays.
struct Watch<'a> {
    board: &'a Board,
    /// The clock of each writer that this person has seen.
    seen: Vec<u32>,
    tally: &'a mut Tally,
    writer: Option<Writer>,
}

impl Watch<'_> {
    fn ticks(&self) -> tokio::time::Interval {
        let (period, phase) = match self.writer.as_ref().map(|w| w.pace) {
            Some(Pace::Every { period, phase }) => (period, phase),
            _ => (Duration::from_hours(1), Duration::ZERO),
        };
        let mut ticks = interval_at(Instant::now() + phase, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        ticks
    }

    fn paced(&self) -> bool {
        matches!(&self.writer, Some(Writer { pace: Pace::Every { .. }, .. }))
    }

    fn allow_one(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.allowed += 1;
        }
    }

    fn may_send(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::may_send)
    }

    /// Hands over what may leave now, but not so much that reading would wait; true when there was
    /// something.
    async fn send(&mut self, seat: &mut Seat) -> Result<bool> {
        let Some(writer) = &mut self.writer else { return Ok(false) };
        let before = writer.sent;
        while writer.may_send() && writer.sent - before < BURST {
            let clock = writer.script.clocks[writer.sent] as usize;
            let left = &self.board.left[writer.place][clock];
            if left.get() == 0 {
                left.set(self.board.since.nanos());
            }
            let frame = seat.address.update(&writer.script.updates[writer.sent]);
            seat.socket.feed(Message::Binary(frame)).await?;
            writer.sent += 1;
            writer.allowed = writer.allowed.saturating_sub(1);
        }
        Ok(writer.sent > before)
    }

    fn see(&mut self, address: &Address, frame: &Bytes) -> Result<()> {
        match address.read(frame)? {
            Said::Step2(update) | Said::Update(update) => {
                let now = self.board.since.nanos();
                for (place, clocks) in self.board.moved(frame, update)?.iter() {
                    // To a Hocuspocus author its own edits may never be sent.
                    let own = self.is_own(*place) && address.framing() == Framing::Hocuspocus;
                    ensure!(own || clocks.start <= self.seen[*place], "an edit was left out");
                    self.arrived(address.framing(), *place, clocks.end, now);
                }
            }
            Said::Saved(true) => self.saved_next(),
            Said::Saved(false) => bail!("the server refused an edit"),
            Said::Denied => bail!("the server took the permission back"),
            Said::Step1 | Said::Other => {}
        }
        Ok(())
    }

    fn is_own(&self, place: usize) -> bool {
        self.writer.as_ref().is_some_and(|w| w.place == place)
    }

    fn arrived(&mut self, framing: Framing, place: usize, clock: u32, now: u64) {
        let from = self.seen[place];
        if clock <= from {
            return;
        }
        self.seen[place] = clock;
        let own = self.is_own(place);
        if own && framing == Framing::Hocuspocus {
            return;
        }
        let times = if own { &mut self.tally.saved } else { &mut self.tally.arrival };
        let left = &self.board.left[place][from as usize + 1..=clock as usize];
        let known = left.iter().filter(|at| at.get() > 0);
        times.extend(known.map(|at| micros(now.saturating_sub(at.get()))));
        if !own {
            self.tally.deliveries += u64::from(clock - from);
        } else if let Some(writer) = &mut self.writer {
            let known = &writer.script.clocks[writer.saved..writer.sent];
            let saved = known.partition_point(|c| *c <= clock);
            writer.saved += saved;
            self.tally.acked = clock;
            self.board.acks.add(saved as u64);
        }
    }

    /// Hocuspocus: one `SyncStatus` an update, in order.
    fn saved_next(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        if writer.saved == writer.sent {
            return;
        }
        let before = writer.clock_after(writer.saved);
        writer.saved += 1;
        self.tally.acked = writer.clock_after(writer.saved);
        self.board.acks.add(1);
        if self.tally.acked > before {
            let left = self.board.left[writer.place][self.tally.acked as usize].get();
            self.tally.saved.push(micros(self.board.since.nanos().saturating_sub(left)));
        }
    }

    fn finished(&self) -> bool {
        let own = self.writer.as_ref().map(|w| w.place);
        let others = |(place, seen): (usize, &u32)| {
            Some(place) == own || *seen as usize + 1 == self.board.left[place].len()
        };
        let saved = |w: &Writer| {
            w.sent == w.script.updates.len() && self.tally.acked == w.script.last_clock()
        };
        self.seen.iter().enumerate().all(others) && self.writer.as_ref().is_none_or(saved)
    }
}

pub(crate) fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}
