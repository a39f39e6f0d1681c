//! The rows of the table in the design page on documents: each plays its load on one server and gives
//! figures. Knows neither other servers nor how figures are shown.

use std::{path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::time::{sleep, timeout};
use yrs::{Update, updates::decoder::Decode};

use crate::{
    automerge,
    board::Acks,
    clock::Since,
    figures::{Figure, Measure},
    load::{Load, Played},
    seat::{Door, Pace, Seat},
    servers::{Engine, Running, Server},
    typing::{self, Patch},
};

pub(crate) const MICRO: f64 = 1e6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Row {
    /// One person replays a whole paper, two read along.
    Replay,
    /// 10 documents × 5 writers, flat out.
    Groups,
    /// 1 document × 50 writers, flat out.
    Crowd,
    /// 10 documents × 5 people who type 5 edits a second each.
    Typing,
    /// 1,000 idle sockets with a document each.
    Idle,
    /// Acknowledged, then `kill -9`.
    Kill,
    /// Automerge: one person replays a tenth of a paper, two read along.
    AutomergeReplay,
    /// Automerge: 10 people edit one list of 1,000 todos, 5 edits a second each.
    AutomergeTodos,
    /// Automerge: one person edits such a list, 133 edits a second, two read along.
    AutomergeWriter,
    /// Automerge: somebody opens a document of 10,000 changes.
    AutomergeOpen,
    /// Automerge: 1,000 documents are opened once and left.
    AutomergeLeft,
}

/// What every row needs besides a server: the trace and the size.
pub(crate) struct Material {
    pub(crate) paper: Vec<Patch>,
    pub(crate) source: &'static str,
    /// 1, or 10 for a quick look.
    pub(crate) smaller: usize,
    /// How many edits a writer who writes flat out has on the way.
    pub(crate) window: usize,
}

impl Material {
    pub(crate) fn load(data: &Path, smaller: usize, window: usize) -> Result<Self> {
        let (paper, source) = typing::paper(data)?;
        Ok(Self { paper, source, smaller, window })
    }
}

/// A row with its load, made once and played on every server of its engine.
pub(crate) enum Prepared {
    Yjs(Typed),
    Automerge(automerge::Prepared),
}

pub(crate) struct Typed {
    row: Row,
    warm_up: Load,
    load: Load,
    smaller: usize,
}

fn groups(documents: usize, writers: usize, edits: usize, pace: Pace, seed: u64) -> Load {
    let all = typing::people(documents * writers, edits, seed);
    let mut all = all.into_iter().map(Rc::new);
    let documents = (0..documents).map(|_| all.by_ref().take(writers).collect()).collect();
    Load { documents, readers: 0, pace }
}

/// Two people at each document, who type.
pub(crate) fn pairs(documents: usize, edits: usize) -> Load {
    groups(documents, 2, edits, FIVE_A_SECOND, 6000)
}

const FIVE_A_SECOND: Pace =
    Pace::Every { period: Duration::from_millis(200), phase: Duration::ZERO };

impl Row {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Replay => "replay of a paper, 3 clients",
            Self::Groups => "10 documents × 5 writers, flat out",
            Self::Crowd => "1 document × 50 writers, flat out",
            Self::Typing => "10 × 5 people, 5 edits/s each",
            Self::Idle => "idle sockets, a document each",
            Self::Kill => "acknowledged, then kill -9",
            Self::AutomergeReplay => "replay of a tenth of a paper, 3 clients",
            Self::AutomergeTodos => "1,000 todos, 10 people, 5 edits/s each",
            Self::AutomergeWriter => "1,000 todos, one writer at 133 edits/s, 2 readers",
            Self::AutomergeOpen => "a document of 10,000 changes",
            Self::AutomergeLeft => "1,000 documents, opened once and left",
        }
    }

    pub(crate) fn engine(self) -> Engine {
        match self {
            Self::AutomergeReplay
            | Self::AutomergeTodos
            | Self::AutomergeWriter
            | Self::AutomergeOpen
            | Self::AutomergeLeft => Engine::Automerge,
            _ => Engine::Yjs,
        }
    }

    pub(crate) fn is_for(self, server: Server) -> bool {
        self.engine() == server.engine() && (self != Self::Kill || server.promises())
    }

    pub(crate) fn prepare(self, material: &Material) -> Result<Prepared> {
        Ok(match self.engine() {
            Engine::Yjs => Prepared::Yjs(self.typed(material)),
            Engine::Automerge => Prepared::Automerge(automerge::Prepared::of(self, material)?),
        })
    }

    fn typed(self, material: &Material) -> Typed {
        let smaller = material.smaller;
        let flat_out = Pace::FlatOut { window: material.window };
        let load = match self {
            Self::Replay => replayed(&material.paper[..material.paper.len() / smaller]),
            Self::Groups => groups(10, 5, 3000 / smaller, flat_out, 1000),
            Self::Crowd => groups(1, 50, 600 / smaller, flat_out, 2000),
            Self::Typing => groups(10, 5, 100 / smaller, FIVE_A_SECOND, 3000),
            Self::Idle => groups(1000 / smaller, 1, 1, flat_out, 4000),
            _ => groups(10, 5, 4000, flat_out, 5000),
        };
        // Runtimes that compile while they run get a moment to do so, on documents of their own.
        Typed { row: self, warm_up: groups(2, 5, 400 / smaller, flat_out, 90), load, smaller }
    }
}

impl Prepared {
    pub(crate) async fn measure(&self, server: &mut Running) -> Result<Vec<Figure>> {
        match self {
            Self::Yjs(row) => row.measure(server).await,
            Self::Automerge(row) => row.measure(server).await,
        }
    }
}

impl Typed {
    async fn measure(&self, server: &mut Running) -> Result<Vec<Figure>> {
        let load = &self.load;
        if self.row == Row::Idle {
            return idle(server, load, &self.warm_up).await;
        }
        self.warm_up.play(server).await?;
        match self.row {
            Row::Replay => replay(server, load).await,
            Row::Groups => Ok(shared(&load.play(server).await?, Measure::GROUPS)),
            Row::Crowd => Ok(shared(&load.play(server).await?, Measure::CROWD)),
            Row::Typing => Ok(shared(&load.play(server).await?, Measure::TYPING)),
            _ => kill(server, load, 700 / self.smaller as u64).await,
        }
    }
}

/// One person who never waits for an acknowledgement.
pub(crate) fn replayed(patches: &[Patch]) -> Load {
    let script = Rc::new(typing::script(0x051A_D1E5, patches));
    Load { documents: vec![vec![script]], readers: 2, pace: Pace::FlatOut { window: usize::MAX } }
}

async fn replay(server: &mut Running, load: &Load) -> Result<Vec<Figure>> {
    let updates = load.documents[0][0].updates.len();
    let played = load.play(server).await?;
    Ok(vec![
        Measure::ReplayCpu.is(played.cpu_seconds * MICRO / float(updates)),
        Measure::ReplayRate.is(float(updates) / played.seconds),
    ])
}

fn shared(played: &Played, measures: [Measure; 4]) -> Vec<Figure> {
    let [cpu, arrival, saved_half, saved] = measures;
    let deliveries = usize::try_from(played.deliveries).unwrap_or(usize::MAX);
    vec![
        cpu.is(played.cpu_seconds * MICRO / float(deliveries)),
        arrival.is(played.arrival.percentile(99)),
        saved_half.is(played.saved.percentile(50)),
        saved.is(played.saved.percentile(99)),
    ]
}

/// From then on whoever says nothing is idle.
const IDLE: Duration = Duration::from_secs(30);

/// Memory a socket with its document: each has one of one edit, loaded, and says nothing more. The server was
/// started again since they were made, so that none is open before it is counted; as many sockets on documents of
/// their own stay, so that what is loaded once, for all, and caches that fill, are not counted. They are idle: half
/// a minute passes before it is looked.
async fn idle(server: &mut Running, load: &Load, warm_up: &Load) -> Result<Vec<Figure>> {
    let sockets = load.documents.len();
    let doors = server.documents(2 * sockets).await?;
    let (doors, first) = doors.split_at(sockets);
    server.kill_and_restart().await?;
    warm_up.play(server).await?;
    let first = rest(first, load).await?;
    sleep(IDLE).await;
    let before = server.process().resident_kib()?;
    let seats = rest(doors, load).await?;
    sleep(IDLE).await;
    let each = (server.process().resident_kib()? - before) / float(sockets);
    drop((first, seats));
    Ok(vec![Measure::IdleMemory.is(each)])
}

/// Somebody sits down at each door, writes one edit and rests.
async fn rest(doors: &[Door], load: &Load) -> Result<Vec<Seat>> {
    let mut seats = Vec::with_capacity(doors.len());
    for (door, writers) in doors.iter().zip(&load.documents) {
        let mut seat = Seat::take(door).await?;
        seat.write_once(&writers[0].updates[0]).await?;
        seats.push(seat);
    }
    Ok(seats)
}

/// People write flat out; after so many acknowledgements the server is killed and started again.
async fn kill(server: &mut Running, load: &Load, enough: u64) -> Result<Vec<Figure>> {
    let doors = server.documents(load.documents.len()).await?;
    let doors: Vec<_> = doors.into_iter().map(|door| vec![door]).collect();
    let acks = Acks::until(enough);
    let crew = load.seat(&doors, acks.clone()).await?;
    let playing = tokio::task::spawn_local(crew.play());
    timeout(Duration::from_mins(1), acks.reached()).await.context("nothing is acknowledged")?;
    server.kill_and_restart().await?;
    let (mut promised, mut kept) = (0, 0);
    let acked = playing.await?;
    for (door, writers) in doors.iter().flatten().zip(&load.documents) {
        let found = found(door).await?;
        for writer in writers {
            let said = acked.iter().find(|(client, ..)| *client == Some(writer.client));
            let said = said.map_or(0, |(_, tally, _)| tally.acked);
            promised += said;
            kept += said.min(found.get(&writer.client));
        }
    }
    ensure!(promised > 0, "nothing was acknowledged before the kill");
    Ok(vec![Measure::Kept.is(f64::from(kept) / f64::from(promised)).of(promised)])
}

/// The state vector of a document, asked for until the server answers: it has just started.
async fn found(door: &Door) -> Result<yrs::StateVector> {
    let started = Since::now();
    loop {
        match Seat::take(door).await {
            Ok(seat) => return Ok(Update::decode_v1(&seat.found)?.state_vector()),
            Err(refused) if started.seconds() > 20.0 => return Err(refused),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
