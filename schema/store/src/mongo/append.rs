//! Appending: one unordered insert a flush, an outcome for each document.
//!
//! `_id` is `<document>:<seq>`, so of two nodes that append at once one is refused; a refusal that
//! meets our own batch is a retry of what was written. After the insert the fence is read: who slept
//! through a compaction takes back what was written. An append of several entries, which is rare,
//! goes entry by entry, so that a lost race never leaves a hole.

use std::collections::{HashMap, VecDeque};

use bson::{RawDocumentBuf, doc};
use futures_util::{StreamExt, stream};
use mongodb::error::{ErrorKind, InsertManyError};
use studyhall_schema::{
    document::{DocumentId, DocumentRecord},
    record::Record,
};

use super::{
    Mongo,
    deadline::Deadline,
    entries::{before, fence, fence_of},
    entry,
    fault::{self, Failure},
    rows::number,
    waits,
};
use crate::{
    StoreError,
    log::{Append, Outcome, split},
};

/// What one insert has at most: the wire's limits are 100,000 documents and 48 MB, and a slow server has to
/// be done with it in time. One document may be larger.
const DOCUMENTS: usize = 10_000;
const BYTES: usize = 8 << 20;

/// The longest document that `MongoDB` takes, with room for its own fields.
const LONGEST: usize = (16 << 20) - (16 << 10);

/// How many small questions are asked at once.
const AT_ONCE: usize = 16;

/// An append on its way.
struct Job {
    /// Its place among the appends.
    place: usize,
    document: DocumentId,
    d: String,
    batch: i64,
    /// What is not written yet.
    pieces: VecDeque<Piece>,
    /// Whether it begins where an entry ends, as far as was asked.
    begun: bool,
}

struct Piece {
    seq: u64,
    next_seq: u64,
    body: RawDocumentBuf,
}

impl Job {
    fn new(place: usize, append: Append) -> Result<Self, StoreError> {
        if append.seq == 0 || append.updates.is_empty() {
            return Err(StoreError::Invalid("an append has updates, and seq begins at 1".into()));
        }
        let (document, batch) = (append.document, append.batch.cast_signed());
        let d = document.to_string();
        let pieces: VecDeque<Piece> = split(append)
            .into_iter()
            .map(|entry| Piece {
                seq: entry.seq,
                next_seq: entry.next_seq(),
                body: entry::sealed(&d, &entry),
            })
            .collect();
        if pieces.iter().any(|piece| piece.body.as_bytes().len() > LONGEST) {
            return Err(StoreError::Invalid("an update is longer than MongoDB takes".into()));
        }
        Ok(Self { place, document, d, batch, pieces, begun: false })
    }

    /// The entry that is next. A job without one is settled and gone.
    fn piece(&self) -> &Piece {
        &self.pieces[0]
    }

    fn id(&self) -> String {
        entry::id(&self.d, self.piece().seq)
    }
}

/// Whether a piece is in the log.
enum Written {
    Yes,
    /// Something has its `_id`.
    Taken,
    No(StoreError),
}

/// Appends all; outcomes in their order.
pub(super) async fn append(mongo: &Mongo, appends: Vec<Append>) -> Vec<Outcome> {
    let untried = Outcome::Failed(fault::late());
    let mut flush = Flush { mongo, outcomes: vec![untried; appends.len()], failed: false };
    let mut lanes: HashMap<DocumentId, VecDeque<Job>> = HashMap::new();
    for (place, append) in appends.into_iter().enumerate() {
        match Job::new(place, append) {
            Ok(job) => lanes.entry(job.document).or_default().push_back(job),
            Err(error) => flush.outcomes[place] = Outcome::Failed(error),
        }
    }
    // A document's appends go one after the other, whatever becomes of another document's.
    while !lanes.is_empty() && !flush.failed {
        let wave: Vec<Job> = lanes.values_mut().filter_map(VecDeque::pop_front).collect();
        for job in flush.wave(wave).await {
            lanes.entry(job.document).or_default().push_front(job);
        }
        lanes.retain(|_, lane| !lane.is_empty());
    }
    flush.outcomes
}

struct Flush<'a> {
    mongo: &'a Mongo,
    outcomes: Vec<Outcome>,
    /// The server does not answer: what is left is not tried.
    failed: bool,
}

impl Flush<'_> {
    fn settle(&mut self, job: &Job, outcome: Outcome) {
        self.outcomes[job.place] = outcome;
    }

    /// Writes the next entry of each job. Gives back those that have more.
    async fn wave(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let mut more = Vec::new();
        for jobs in batches(self.ready(jobs).await) {
            if self.failed {
                break;
            }
            let deadline = Deadline::start();
            let written = self.insert(jobs, deadline).await;
            more.extend(self.acknowledge(written, deadline).await);
        }
        more
    }

    /// Those that begin where an entry ends; the others are settled.
    async fn ready(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let (mut ready, asked): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| job.begun || self.mongo.continues(job));
        let (mongo, deadline) = (self.mongo, Deadline::start());
        let mut places = stream::iter(asked)
            .map(|job| async move { (place(mongo, &job, deadline).await, job) })
            .buffer_unordered(AT_ONCE);
        while let Some((place, job)) = places.next().await {
            match place {
                Ok(None) => ready.push(job),
                Ok(Some(outcome)) => self.outcomes[job.place] = outcome,
                Err(error) => self.outcomes[job.place] = Outcome::Failed(error),
            }
        }
        for job in &mut ready {
            job.begun = true;
        }
        ready
    }

    /// Inserts the next entry of each job. Gives back those whose entry is in the log.
    async fn insert(&mut self, jobs: Vec<Job>, deadline: Deadline) -> Vec<Job> {
        if jobs.is_empty() {
            return jobs;
        }
        let bodies = jobs.iter().map(|job| &job.piece().body);
        let insert = self.mongo.log.insert_many(bodies).ordered(false);
        metrics::counter!("studyhall_store_commits_total").increment(1);
        metrics::counter!("studyhall_store_writes_total").increment(jobs.len() as u64);
        let answer = deadline.within(insert).await;
        self.failed |= answer.as_ref().is_err_and(|failure| per_document(failure).is_none());
        let results = written(jobs.len(), answer);
        let mut there = Vec::new();
        let mut refused = Vec::new();
        for (job, result) in jobs.into_iter().zip(results) {
            match result {
                Written::Yes => there.push(job),
                Written::Taken => refused.push(job),
                Written::No(error) => self.settle(&job, Outcome::Failed(error)),
            }
        }
        there.extend(self.ours(refused, deadline).await);
        there
    }

    /// Those whose entry was written by an earlier try; the others are behind.
    async fn ours(&mut self, jobs: Vec<Job>, deadline: Deadline) -> Vec<Job> {
        let mongo = self.mongo;
        let mut batches = stream::iter(jobs)
            .map(|job| async move { (batch(mongo, &job.id(), deadline).await, job) })
            .buffer_unordered(AT_ONCE);
        let mut ours = Vec::new();
        while let Some((batch, job)) = batches.next().await {
            match batch {
                Ok(Some(batch)) if batch == job.batch => ours.push(job),
                Ok(Some(_)) => self.outcomes[job.place] = Outcome::Behind,
                // It is there, but a majority does not have it yet.
                Ok(None) => {
                    let unknown = StoreError::Unknown("another try is under way".into());
                    self.outcomes[job.place] = Outcome::Failed(unknown);
                }
                Err(error) => self.outcomes[job.place] = Outcome::Failed(unknown(error)),
            }
        }
        ours
    }

    /// Reads the fences of what is in the log. Gives back the jobs that have more to write.
    async fn acknowledge(&mut self, jobs: Vec<Job>, deadline: Deadline) -> Vec<Job> {
        let fences = match fences(self.mongo, &jobs, deadline).await {
            Ok(fences) => fences,
            Err(error) => {
                self.failed = true;
                let error = unknown(error);
                for job in &jobs {
                    self.settle(job, Outcome::Failed(error.clone()));
                }
                return Vec::new();
            }
        };
        let mut more = Vec::new();
        for mut job in jobs {
            let stands = match fences.get(&job.d).cloned().transpose() {
                Ok(fence) => stands(self.mongo, &job, fence, deadline).await,
                Err(error) => Err(error),
            };
            match stands {
                Ok(Some(outcome)) => self.settle(&job, outcome),
                Ok(None) => {
                    self.mongo.ends.insert(job.document, job.piece().next_seq);
                    job.pieces.pop_front();
                    if job.pieces.is_empty() {
                        self.settle(&job, Outcome::Stored);
                    } else {
                        more.push(job);
                    }
                }
                Err(error) => self.settle(&job, Outcome::Failed(unknown(error))),
            }
        }
        more
    }
}

/// After an insert, who cannot be asked whether it counts leaves that open.
fn unknown(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(why) => StoreError::Unknown(why),
        other => other,
    }
}

impl Mongo {
    /// Whether the job begins where an entry ended that this process has read or written.
    fn continues(&self, job: &Job) -> bool {
        let seq = job.piece().seq;
        seq == 1 || self.ends.get(&job.document) == Some(seq)
    }
}

/// Cuts jobs into inserts.
fn batches(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut batches: Vec<Vec<Job>> = Vec::new();
    let mut bytes = 0;
    for job in jobs {
        let size = job.piece().body.as_bytes().len();
        match batches.last_mut() {
            Some(last) if last.len() < DOCUMENTS && bytes + size <= BYTES => {
                bytes += size;
                last.push(job);
            }
            _ => {
                bytes = size;
                batches.push(vec![job]);
            }
        }
    }
    batches
}

/// What an insert of `count` documents did to each.
fn written<T>(count: usize, result: Result<T, Failure>) -> Vec<Written> {
    let Err(failure) = result else { return (0..count).map(|_| Written::Yes).collect() };
    if let Some(insert) = per_document(&failure) {
        return each(count, insert);
    }
    let error = failure.writing();
    (0..count).map(|_| Written::No(error.clone())).collect()
}

/// What an insert says of each document, where it came to that.
fn per_document(failure: &Failure) -> Option<&InsertManyError> {
    let Failure::Driver(error) = failure else { return None };
    match error.kind.as_ref() {
        ErrorKind::InsertMany(insert) => Some(insert),
        _ => None,
    }
}

fn each(count: usize, insert: &InsertManyError) -> Vec<Written> {
    // It is written, but not to a majority: a failover could still lose it.
    let not_durable = insert.write_concern_error.as_ref();
    let rest = || match not_durable {
        Some(error) => Written::No(StoreError::Unknown(error.message.clone())),
        None => Written::Yes,
    };
    let mut each: Vec<Written> = (0..count).map(|_| rest()).collect();
    for error in insert.write_errors.iter().flatten() {
        if let Some(one) = each.get_mut(error.index) {
            *one = if fault::is_duplicate(error.code) {
                Written::Taken
            } else {
                Written::No(fault::rejected(error.code, &error.message))
            };
        }
    }
    each
}

/// Where a job's first entry belongs: none says at its `seq`.
async fn place(
    mongo: &Mongo,
    job: &Job,
    deadline: Deadline,
) -> Result<Option<Outcome>, StoreError> {
    let seq = job.piece().seq;
    let fence = fence(mongo, job.document, deadline).await?.unwrap_or(0);
    if fence >= seq {
        return take_back(mongo, job, fence, deadline).await.map(Some);
    }
    let follows = fence + 1 == seq || follows(mongo, job, fence, deadline).await?;
    Ok((!follows).then_some(Outcome::Behind))
}

/// Whether an entry above the fence ends where the job's next one begins.
async fn follows(
    mongo: &Mongo,
    job: &Job,
    fence: u64,
    deadline: Deadline,
) -> Result<bool, StoreError> {
    let before = before(mongo, &job.d, job.piece().seq, deadline).await?;
    Ok(before.is_some_and(|numbers| {
        numbers.s.cast_unsigned() > fence && numbers.next_seq() == job.piece().seq
    }))
}

/// Whether what was written counts: none says yes.
async fn stands(
    mongo: &Mongo,
    job: &Job,
    fence: Option<u64>,
    deadline: Deadline,
) -> Result<Option<Outcome>, StoreError> {
    let seq = job.piece().seq;
    match fence {
        Some(fence) if fence >= seq => take_back(mongo, job, fence, deadline).await.map(Some),
        // The document may have been removed with all that came before.
        None if seq > 1 && !follows(mongo, job, 0, deadline).await? => {
            take_back(mongo, job, 0, deadline).await?;
            Ok(Some(Outcome::Behind))
        }
        _ => Ok(None),
    }
}

/// Deletes what was written of a job below the fence.
async fn take_back(
    mongo: &Mongo,
    job: &Job,
    fence: u64,
    deadline: Deadline,
) -> Result<Outcome, StoreError> {
    mongo.ends.invalidate(&job.document);
    let ours = doc! { "_id": job.id(), "batch": job.batch };
    deadline.write(mongo.log.delete_one(ours)).await?;
    Ok(Outcome::Fenced { snapshot_seq: fence })
}

/// The batch of the entry with this `_id`.
async fn batch(mongo: &Mongo, id: &str, deadline: Deadline) -> Result<Option<i64>, StoreError> {
    let find = mongo.log.find_one(doc! { "_id": id }).projection(doc! { "batch": 1 });
    let found = deadline.read(find.max_time(deadline.left())).await?;
    Ok(found.and_then(|entry| number(&entry, "batch")))
}

/// `snapshot_seq` by document; none for a document without a record, an error where its record
/// cannot be read.
async fn fences(
    mongo: &Mongo,
    jobs: &[Job],
    deadline: Deadline,
) -> Result<HashMap<String, Result<u64, StoreError>>, StoreError> {
    let id = match jobs {
        [] => return Ok(HashMap::new()),
        [only] => bson::Bson::from(only.d.as_str()),
        many => doc! { "$in": many.iter().map(|job| job.d.as_str()).collect::<Vec<_>>() }.into(),
    };
    let rows = mongo.rows(DocumentRecord::COLLECTION);
    let wanted = doc! { "snapshot_seq": 1, "waits": 1 };
    let find = rows.find(doc! { "_id": id }).projection(wanted).max_time(deadline.left());
    let mut cursor = deadline.read(find).await?;
    let mut fences = HashMap::new();
    while deadline.read(cursor.advance()).await? {
        let record = cursor.current();
        let d = record.get_str("_id").map_err(|_| fault::corrupt("a document's name".into()))?;
        waits::note(mongo, record);
        fences.insert(d.to_owned(), fence_of(record));
    }
    Ok(fences)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use studyhall_schema::{
        Timestamp,
        ids::{NoteId, UserId},
    };

    use super::*;
    use crate::log::LoggedUpdate;

    fn job(place: usize, size: usize) -> Job {
        let data = Bytes::from(vec![0; size]);
        let append = Append {
            document: DocumentId::Note(NoteId::from_bytes([1; 12])),
            seq: 1,
            batch: 2,
            at: Timestamp::default(),
            updates: vec![LoggedUpdate {
                login: None,
                put: None,
                by: UserId::from_bytes([3; 12]),
                data,
            }],
        };
        Job::new(place, append).unwrap()
    }

    #[test]
    fn what_is_over_the_wires_limits_is_several_inserts() {
        let sizes = [5 << 20; 3].into_iter().chain([9 << 20]);
        let sizes = sizes.chain([3 << 20; 3]).chain(std::iter::repeat_n(1, 2 * DOCUMENTS));
        let batches = batches(sizes.enumerate().map(|(place, size)| job(place, size)).collect());
        let shape: Vec<usize> = batches.iter().map(Vec::len).collect();
        assert_eq!(shape, [1, 1, 1, 1, 2, DOCUMENTS, DOCUMENTS, 1]);
        for batch in batches.iter().filter(|batch| batch.len() > 1) {
            let bytes: usize = batch.iter().map(|job| job.piece().body.as_bytes().len()).sum();
            assert!(bytes <= BYTES);
        }
        let places = batches.iter().flatten().map(|job| job.place);
        assert!(places.eq(0..7 + 2 * DOCUMENTS), "each once, in order");
    }
}
