//! The Automerge rows: documents of the same changes on every server, people who are in step with them,
//! and people who open them. Knows no server by name, and not how figures are shown.

mod joiner;
mod line;
mod script;
mod seat;

pub(crate) use line::Gate;

use std::{rc::Rc, time::Duration};

use anyhow::{Context, Result};
use automerge::ChangeHash;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    script::Script,
    seat::{Board, Part, Seat},
};
use crate::{
    board::Tally,
    clock::Since,
    figures::{Figure, Measure},
    load::{PATIENCE, Played, Times},
    rows::{MICRO, Material, Row, float},
    seat::Pace,
    servers::Running,
};

/// What servers put off is counted with what they did at once.
const SETTLE: Duration = Duration::from_secs(1);
/// Longer than ours keeps a document that nobody has open.
const LEFT: Duration = Duration::from_secs(45);

/// A document, the people at it, and how those who write do so.
struct Load {
    script: Rc<Script>,
    readers: usize,
    pace: Pace,
}

/// A row with its load, made once and played on every server.
pub(crate) struct Prepared {
    row: Row,
    warm_up: Load,
    load: Load,
    smaller: usize,
}

const fn every(period: Duration) -> Pace {
    Pace::Every { period, phase: Duration::ZERO }
}

impl Prepared {
    pub(crate) fn of(row: Row, material: &Material) -> Result<Self> {
        let smaller = material.smaller;
        let paper = |edits: usize| &material.paper[..edits.min(material.paper.len())];
        let flat_out = Pace::FlatOut { window: material.window };
        let (script, readers, pace) = match row {
            Row::AutomergeTodos => {
                (script::list(1000, 10, 1000 / smaller, 21)?, 0, every(Duration::from_millis(200)))
            }
            Row::AutomergeWriter => {
                (script::list(1000, 1, 4000 / smaller, 22)?, 2, every(Duration::from_secs(1) / 133))
            }
            Row::AutomergeOpen => (script::typed_note(paper(10_000 / smaller))?, 0, flat_out),
            Row::AutomergeLeft => (script::typed_note(paper(200))?, 0, flat_out),
            _ => {
                let tenth = paper(material.paper.len() / 10 / smaller);
                (script::note(tenth)?, 2, Pace::FlatOut { window: usize::MAX })
            }
        };
        // Runtimes that compile while they run get a moment to do so, on a document of their own.
        let warm_up = script::note(paper(1000 / smaller))?;
        let warm_up = Load { script: warm_up, readers: 2, pace: flat_out };
        Ok(Self { row, warm_up, load: Load { script, readers, pace }, smaller })
    }

    pub(crate) async fn measure(&self, server: &mut Running) -> Result<Vec<Figure>> {
        self.warm_up.play(server).await?;
        let (load, script) = (&self.load, &self.load.script);
        match self.row {
            Row::AutomergeTodos => {
                Ok(shared(&load.play(server).await?, script, Measure::AUTOMERGE_TODOS))
            }
            Row::AutomergeWriter => {
                Ok(shared(&load.play(server).await?, script, Measure::AUTOMERGE_WRITER))
            }
            Row::AutomergeOpen => opened(server, script, 50 / self.smaller).await,
            Row::AutomergeLeft => left(server, script, 1000 / self.smaller).await,
            _ => {
                let (played, changes) = (load.play(server).await?, float(script.edits.len()));
                Ok(vec![
                    Measure::AutomergeReplayCpu.is(played.cpu_seconds * MICRO / changes),
                    Measure::AutomergeReplayRate.is(changes / played.seconds),
                ])
            }
        }
    }
}

fn shared(played: &Played, script: &Script, measures: [Measure; 4]) -> Vec<Figure> {
    let [cpu, arrival, saved_half, saved] = measures;
    vec![
        cpu.is(played.cpu_seconds * MICRO / float(script.edits.len())),
        arrival.is(played.arrival.percentile(99)),
        saved_half.is(played.saved.percentile(50)),
        saved.is(played.saved.percentile(99)),
    ]
}

/// The name of a person at a document.
fn name(gate: &Gate, number: usize) -> String {
    format!("bench-{}-{number}", gate.document)
}

/// A new document of the server's with all that the script begins with.
async fn document(server: &mut Running, script: &Rc<Script>) -> Result<Gate> {
    let gate = server.gates(script.kind, 1).await?.pop().context("a document was made")?;
    bring(&gate, script).await?;
    Ok(gate)
}

async fn bring(gate: &Gate, script: &Rc<Script>) -> Result<()> {
    let me = name(gate, 0);
    let brought = timeout(PATIENCE, Seat::bring(gate, &me, script));
    brought.await.context("the server does not take the document")??.leave().await
}

async fn open(gate: &Gate, number: usize, heads: &[ChangeHash]) -> Result<()> {
    let me = name(gate, number);
    let opened = timeout(PATIENCE, joiner::open(gate, &me, heads));
    opened.await.context("the document does not open")?
}

impl Load {
    /// Plays all of it on a new document, and sees that somebody who comes later finds all of it.
    async fn play(&self, server: &mut Running) -> Result<Played> {
        let script = &self.script;
        let gate = document(server, script).await?;
        let board = Board::new(script);
        let people = script.writers + self.readers;
        let mut seats = Vec::with_capacity(people);
        for number in 0..people {
            seats.push(Seat::take(&gate, &name(&gate, number + 1), script).await?);
        }
        sleep(SETTLE).await;
        let before = server.process().cpu_seconds()?;
        let started = Since::now();
        let mut tasks = JoinSet::new();
        for (number, mut seat) in seats.into_iter().enumerate() {
            let writes = number < script.writers;
            let part = writes.then(|| Part::of(script, number, self.phased(number)));
            let board = board.clone();
            tasks.spawn_local(async move {
                let mut tally = Tally::default();
                seat.play(&board, part, &mut tally).await.map(|()| (tally, seat))
            });
        }
        let mut ended = Vec::with_capacity(people);
        let all = async {
            while let Some(done) = tasks.join_next().await {
                ended.push(done??); // the first failure ends it: the others would wait for ever
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, all).await.context("changes are missing")??;
        let seconds = started.seconds();
        sleep(SETTLE).await;
        let cpu_seconds = server.process().cpu_seconds()? - before;
        let (tallies, seats): (Vec<Tally>, Vec<Seat>) = ended.into_iter().unzip();
        let heads = seats.first().map(Seat::heads).unwrap_or_default();
        open(&gate, people + 1, &heads).await?;
        Ok(Played {
            cpu_seconds,
            seconds,
            deliveries: tallies.iter().map(|t| t.deliveries).sum(),
            arrival: Times::of(&tallies, |t| &t.arrival),
            saved: Times::of(&tallies, |t| &t.saved),
        })
    }

    /// People take turns within a period.
    fn phased(&self, number: usize) -> Pace {
        let turns = u32::try_from(self.script.writers).unwrap_or(u32::MAX);
        let turn = u32::try_from(number).unwrap_or(u32::MAX);
        match self.pace {
            Pace::Every { period, .. } => Pace::Every { period, phase: period * turn / turns },
            flat_out @ Pace::FlatOut { .. } => flat_out,
        }
    }
}

/// A document is opened, first by a server that has just started, then again and again.
async fn opened(server: &mut Running, script: &Rc<Script>, times: usize) -> Result<Vec<Figure>> {
    let gate = document(server, script).await?;
    sleep(SETTLE * 2).await; // some save later than they answer
    server.kill_and_restart().await?;
    sleep(SETTLE * 2).await;
    let started = Since::now();
    open(&gate, 1, &script.base_heads).await?;
    let first = started.seconds() * 1000.0;
    let before = server.process().cpu_seconds()?;
    for number in 0..times {
        open(&gate, number + 2, &script.base_heads).await?;
    }
    let each = (server.process().cpu_seconds()? - before) * 1000.0 / float(times);
    Ok(vec![Measure::AutomergeOpenFirst.is(first), Measure::AutomergeOpenCpu.is(each)])
}

/// Memory a document: right after it was opened once, and when nobody has had it open for a while.
async fn left(server: &mut Running, script: &Rc<Script>, count: usize) -> Result<Vec<Figure>> {
    let gates = server.gates(script.kind, count).await?;
    sleep(SETTLE).await;
    let before = server.process().resident_kib()?;
    for gate in &gates {
        bring(gate, script).await?;
    }
    let held = (server.process().resident_kib()? - before) / float(count);
    sleep(LEFT).await;
    let left = (server.process().resident_kib()? - before) / float(count);
    Ok(vec![Measure::AutomergeHeld.is(held), Measure::AutomergeLeft.is(left)])
}
