//! Group commit across documents: whatever waits when a flush ends is the next flush.
//!
//! One task, no timer, so that latency is one commit and throughput grows with load. Must not know
//! what an update contains.

use studyhall_store::{
    Store, StoreError,
    log::{Append, Outcome},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Appends that may wait for a flush; each document has at most one.
const WAITING: usize = 4096;

struct Job {
    append: Append,
    reply: oneshot::Sender<Outcome>,
}

/// Where documents append.
#[derive(Clone)]
pub(crate) struct Journal {
    jobs: mpsc::Sender<Job>,
}

/// Holds the journal back, for tests that watch what is told before the commit.
#[derive(Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// Nothing is flushed from now on.
    pub fn hold(&self) {
        self.0.send_replace(true);
    }

    /// Flushing goes on.
    pub fn release(&self) {
        self.0.send_replace(false);
    }
}

impl Journal {
    /// Starts the journal's task; it ends when the last `Journal` is dropped.
    pub(crate) fn start(store: Store) -> (Self, Gate) {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (hold, held) = watch::channel(false);
        tokio::spawn(run(store, waiting, held));
        (Self { jobs }, Gate(hold))
    }

    /// Appends, and says what became of it.
    pub(crate) async fn append(&self, append: Append) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        if self.jobs.send(Job { append, reply }).await.is_err() {
            return stopped();
        }
        outcome.await.unwrap_or_else(|_| stopped())
    }
}

fn stopped() -> Outcome {
    Outcome::Failed(StoreError::Unknown("the journal has stopped".into()))
}

async fn run(store: Store, mut waiting: mpsc::Receiver<Job>, mut held: watch::Receiver<bool>) {
    let mut jobs = Vec::new();
    while waiting.recv_many(&mut jobs, WAITING).await > 0 {
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        let (appends, replies): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|job| (job.append, job.reply)).unzip();
        metrics::counter!("studyhall_sync_flushes_total").increment(1);
        let outcomes = store.log().append(appends).await;
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            let _ = reply.send(outcome); // the document may have gone
        }
    }
}
