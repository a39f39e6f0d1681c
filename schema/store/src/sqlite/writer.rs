//! The one thread that writes: group commit.
//!
//! It takes everything that waits, does it in one transaction, commits once, then answers all. The
//! next transaction starts as soon as the last ended; there is no timer, so that a lone write costs
//! one commit and throughput grows with load. Must not know what is written.

use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{fault::Fault, file::File};
use crate::StoreError;

/// How many writes wait, and how many one transaction has at most.
const WAITING: usize = 1024;

/// Hands writes to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Write(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A write on its way: done inside a transaction, answered when its fate is known.
trait Job: Send {
    fn perform(&mut self, connection: &Connection);
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Write<F, T> {
    work: Option<F>,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Write<F, T>
where
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
    T: Send,
{
    fn perform(&mut self, connection: &Connection) {
        if let Some(work) = self.work.take() {
            self.result = work(connection).map_err(Fault::told);
        }
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        // Whoever asked may be gone.
        let _ = self.reply.send(committed.and(self.result));
    }
}

impl Writer {
    /// Starts the thread. It ends when it is closed or every handle is gone.
    pub(super) fn start(file: File, connection: Connection) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&file, connection, waiting))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write: {error}")))?;
        Ok(Self { queue })
    }

    /// Does `work` in a transaction with others and answers when it is durable. Work of more than
    /// one changing statement is [`atomically`] itself: what it wrote before it failed would stay.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let (reply, answer) = oneshot::channel();
        let write = Write { work: Some(work), result: Err(closed()), reply };
        let sent = self.queue.send(Message::Write(Box::new(write))).await;
        sent.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer has ended".into())))
    }

    /// Writes what waits, moves it into the database file and closes that.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // An error says that it has ended, which was asked for.
            let _ = closed.await;
        }
    }
}

fn run(file: &File, connection: Connection, mut waiting: mpsc::Receiver<Message>) {
    let mut jobs = Vec::new();
    let (mut close, mut failing) = (None, false);
    while close.is_none() {
        match waiting.blocking_recv() {
            None => break,
            Some(Message::Close(reply)) => close = Some(reply),
            Some(Message::Write(job)) => jobs.push(job),
        }
        while jobs.len() < WAITING && close.is_none() {
            match waiting.try_recv() {
                Err(_) => break,
                Ok(Message::Close(reply)) => close = Some(reply),
                Ok(Message::Write(job)) => jobs.push(job),
            }
        }
        says(&mut failing, &flush(file, &connection, &mut jobs));
    }
    waiting.close();
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the write-ahead log stays until the next start");
    }
    drop(connection);
    if let Some(reply) = close {
        // Whoever closed may be gone.
        let _ = reply.send(());
    }
}

/// Says when writing begins to fail and when it works again, not each time.
fn says(failing: &mut bool, flushed: &Result<(), StoreError>) {
    match flushed {
        Err(error) if !*failing => tracing::error!(%error, "the store cannot write"),
        Ok(()) if *failing => tracing::info!("the store writes again"),
        _ => {}
    }
    *failing = flushed.is_err();
}

/// Does all jobs, in one transaction unless one of them breaks it. What the last commit said.
fn flush(
    file: &File,
    connection: &Connection,
    jobs: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let mut committed = Ok(());
    let mut rest = jobs.drain(..);
    while rest.len() > 0 {
        if let Err(error) = begin(file, connection) {
            rest.for_each(|job| job.settle(Err(error.clone())));
            return Err(error);
        }
        let mut done = Vec::with_capacity(rest.len());
        for mut job in rest.by_ref() {
            job.perform(connection);
            done.push(job);
            // A full disk and some IO errors roll back by themselves; what would follow now would
            // be committed one by one.
            if connection.is_autocommit() {
                break;
            }
        }
        committed = commit(connection);
        metrics::counter!("studyhall_store_commits_total").increment(1);
        metrics::counter!("studyhall_store_writes_total").increment(done.len() as u64);
        for job in done {
            job.settle(committed.clone());
        }
    }
    committed
}

fn begin(file: &File, connection: &Connection) -> Result<(), StoreError> {
    file.still_there()?;
    // IMMEDIATE: another process's transaction is waited for here, never in the middle.
    execute(connection, "BEGIN IMMEDIATE").map_err(StoreError::from)
}

fn commit(connection: &Connection) -> Result<(), StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::Unavailable("SQLite has rolled back".into()));
    }
    execute(connection, "COMMIT").map_err(|fault| {
        if !connection.is_autocommit() {
            // It fails only where the transaction is gone already.
            let _ = execute(connection, "ROLLBACK");
        }
        fault.at_commit()
    })
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Several statements that happen together or not at all, inside a transaction.
pub(super) fn atomically<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    execute(connection, "SAVEPOINT work")?;
    let result = work();
    if result.is_err() {
        // It fails only where the whole transaction was rolled back, which undid the work too.
        let _ = execute(connection, "ROLLBACK TO work");
    }
    let released = execute(connection, "RELEASE work");
    let value = result?;
    released?;
    Ok(value)
}
