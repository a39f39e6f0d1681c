//! People at documents, all at once: seats are taken first, then everybody plays while the server's
//! processor time is read. Knows nothing of which row it serves.

use std::{rc::Rc, time::Duration};

use anyhow::{Context, Result};
use tokio::{task::JoinSet, time::timeout};
use yrs::ClientID;

use crate::{
    board::{Acks, Board, Tally},
    clock::Since,
    seat::{Door, Pace, Seat},
    servers::Running,
    typing::Script,
};

/// Longer than the slowest server needs for the longest row.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Who writes where, and how.
pub(crate) struct Load {
    /// The writers of each document.
    pub(crate) documents: Vec<Vec<Rc<Script>>>,
    /// People at each document who only read.
    pub(crate) readers: usize,
    pub(crate) pace: Pace,
}

/// What was seen while a load played.
pub(crate) struct Played {
    pub(crate) cpu_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) deliveries: u64,
    pub(crate) arrival: Times,
    pub(crate) saved: Times,
}

/// Times in microseconds, sorted.
pub(crate) struct Times(Vec<u32>);

impl Times {
    pub(crate) fn of(tallies: &[Tally], which: impl Fn(&Tally) -> &Vec<u32>) -> Self {
        let mut all: Vec<u32> = tallies.iter().flat_map(|t| which(t).iter().copied()).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The time, in milliseconds, that `percent` of all stay under.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).map_or(0.0, |us| f64::from(*us) / 1000.0)
    }
}

impl Load {
    /// Plays all of it on new documents of the server.
    pub(crate) async fn play(&self, server: &mut Running) -> Result<Played> {
        let doors = server.documents(self.documents.len()).await?;
        let doors: Vec<_> = doors.into_iter().map(|door| vec![door]).collect();
        self.play_at(&doors, || server.process().cpu_seconds()).await
    }

    /// Plays all of it at these doors, some for each document, which people take in turn; `cpu` reads
    /// the processor time of whatever is behind them.
    pub(crate) async fn play_at(
        &self,
        doors: &[Vec<Door>],
        cpu: impl Fn() -> Result<f64>,
    ) -> Result<Played> {
        let crew = self.seat(doors, Acks::until(u64::MAX)).await?;
        let before = cpu()?;
        let started = Since::now();
        let ended = timeout(PATIENCE, crew.play()).await.context("edits are still missing")?;
        let seconds = started.seconds();
        let cpu_seconds = cpu()? - before;
        let mut tallies = Vec::with_capacity(ended.len());
        for (_, tally, outcome) in ended {
            outcome?;
            tallies.push(tally);
        }
        Ok(Played {
            cpu_seconds,
            seconds,
            deliveries: tallies.iter().map(|t| t.deliveries).sum(),
            arrival: Times::of(&tallies, |t| &t.arrival),
            saved: Times::of(&tallies, |t| &t.saved),
        })
    }

    /// Everybody sits down, in turn.
    pub(crate) async fn seat(&self, doors: &[Vec<Door>], acks: Rc<Acks>) -> Result<Crew> {
        let mut crew = Crew { places: Vec::new() };
        for (doors, writers) in doors.iter().zip(&self.documents) {
            let board = Board::new(writers, acks.clone());
            let writers = writers.iter().map(|script| Some((script.clone(), self.pace)));
            let everybody = writers.chain((0..self.readers).map(|_| None));
            for (door, mine) in doors.iter().cycle().zip(everybody) {
                crew.places.push((Seat::take(door).await?, board.clone(), mine));
            }
        }
        crew.spread_phases();
        Ok(crew)
    }
}

type Part = Option<(Rc<Script>, Pace)>;

/// People who sit and wait for the start.
pub(crate) struct Crew {
    places: Vec<(Seat, Rc<Board>, Part)>,
}

impl Crew {
    /// People do not strike their keys in step: their first edits spread evenly over one period.
    fn spread_phases(&mut self) {
        let people = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        for (number, (_, _, part)) in (0_u32..).zip(&mut self.places) {
            if let Some((_, Pace::Every { period, phase })) = part {
                *phase = *period * number / people;
            }
        }
    }

    /// Plays to the end, or until the server goes. Says who each tally belongs to: the client id of a
    /// writer.
    pub(crate) async fn play(self) -> Vec<(Option<ClientID>, Tally, Result<()>)> {
        let mut tasks = JoinSet::new();
        for (seat, board, part) in self.places {
            tasks.spawn_local(async move {
                let client = part.as_ref().map(|(script, _)| script.client);
                let mut tally = Tally::default();
                let outcome = seat.play(&board, part, &mut tally).await;
                (client, tally, outcome)
            });
        }
        tasks.join_all().await
    }
}
