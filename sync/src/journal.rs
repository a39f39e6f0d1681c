//! Group commit across documents: whatever waits when a flush ends is the next flush.
//!
//! Two tasks, no timer, so that latency is one commit and throughput grows with load: one flushes what
//! people type, one what they paste, which takes a slow database seconds, so that a letter neither waits
//! for somebody's paste nor shares what becomes of it. Must not know what an update contains.

use studyhall_store::{
    Store, StoreError,
    log::{Append, Outcome},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Appends that may wait for a flush, of each size; each document has at most one.
const WAITING: usize = 4096;

/// An append with more bytes than this is a large one.
const LARGE: usize = 64 << 10;

/// A flush that has so many bytes takes no more.
const FULL: usize = 4 << 20;

struct Job {
    append: Append,
    bytes: usize,
    reply: oneshot::Sender<Outcome>,
}

/// Where documents append.
#[derive(Clone)]
pub(crate) struct Journal {
    small: mpsc::Sender<Job>,
    large: mpsc::Sender<Job>,
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
    /// Starts the journal's tasks; they end when the last `Journal` is dropped.
    pub(crate) fn start(store: &Store) -> (Self, Gate) {
        let (hold, held) = watch::channel(false);
        let lane = || {
            let (jobs, waiting) = mpsc::channel(WAITING);
            tokio::spawn(run(store.clone(), waiting, held.clone()));
            jobs
        };
        (Self { small: lane(), large: lane() }, Gate(hold))
    }

    /// Appends, and says what became of it. A document appends one after the other, whatever their sizes.
    pub(crate) async fn append(&self, append: Append) -> Outcome {
        let bytes = append.updates.iter().map(|update| update.data.len()).sum();
        let jobs = if bytes > LARGE { &self.large } else { &self.small };
        let (reply, outcome) = oneshot::channel();
        if jobs.send(Job { append, bytes, reply }).await.is_err() {
            return stopped();
        }
        outcome.await.unwrap_or_else(|_| stopped())
    }
}

fn stopped() -> Outcome {
    Outcome::Failed(StoreError::Unknown("the journal has stopped".into()))
}

async fn run(store: Store, mut waiting: mpsc::Receiver<Job>, mut held: watch::Receiver<bool>) {
    while let Some(first) = waiting.recv().await {
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        let (mut bytes, mut jobs) = (first.bytes, vec![first]);
        while jobs.len() < WAITING
            && bytes < FULL
            && let Ok(job) = waiting.try_recv()
        {
            bytes += job.bytes;
            jobs.push(job);
        }
        let (appends, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.append, job.reply)).unzip();
        metrics::counter!("studyhall_sync_flushes_total").increment(1);
        let outcomes = store.log().append(appends).await;
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            let _ = reply.send(outcome); // the document may have gone
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use futures_util::{StreamExt, stream::FuturesUnordered};
    use studyhall_schema::{
        Timestamp,
        clock::TestClock,
        document::DocumentId,
        ids::{NoteId, UserId},
    };
    use studyhall_store::{StoreConfig, log::LoggedUpdate};

    use super::*;

    fn append(number: u8, bytes: usize) -> Append {
        let by = UserId::from_bytes([1; 12]);
        Append {
            document: DocumentId::Note(NoteId::from_bytes([number; 12])),
            seq: 1,
            batch: 7,
            at: Timestamp::from_millis(0),
            updates: vec![LoggedUpdate {
                login: None,
                put: None,
                by,
                data: Bytes::from(vec![b'x'; bytes]),
            }],
        }
    }

    #[tokio::test]
    async fn a_letter_waits_for_nobodys_paste() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let urls = StoreConfig {
            records: format!("sqlite:{}", at("hall.db")),
            files: format!("dir:{}", at("files")),
            bus: "local".into(),
        };
        let store = Store::open(&urls, Arc::new(TestClock::new(1))).await.unwrap();
        let (journal, gate) = Journal::start(&store);
        gate.hold();
        let sizes = [FULL, FULL, FULL, FULL, 1];
        let mut appends: FuturesUnordered<_> = (0..)
            .zip(sizes)
            .map(|(number, bytes)| {
                let (journal, append) = (journal.clone(), append(number, bytes));
                async move { (bytes, journal.append(append).await) }
            })
            .collect();
        assert!(futures_util::poll!(appends.next()).is_pending());
        gate.release();
        let mut told = Vec::new();
        while let Some((bytes, outcome)) = appends.next().await {
            assert_eq!(outcome, Outcome::Stored);
            told.push(bytes);
        }
        assert_ne!(told.last(), Some(&1), "a letter came before the last paste: {told:?}");
    }
}
