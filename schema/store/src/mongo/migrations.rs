//! The layout's numbered steps, each done once, whoever starts at the same time.
//!
//! `migrations` has `{_id: <number>, name, node, began_at, ended_at}`. Who inserts a step's document
//! does it; others wait until it has ended, or take it over from a node that has been at it for too
//! long. So a step must be harmless when it is done twice. The indexes of records are no steps: they
//! are made when a collection is first used.

use std::time::Duration;

use bson::{DateTime, RawDocument, doc, rawdoc};
use mongodb::{IndexModel, options::IndexOptions};
use studyhall_schema::{Timestamp, clock::Clock};

use super::{Mongo, deadline::Deadline, rows::number};
use crate::{StoreError, backend::Reply};

const COLLECTION: &str = "migrations";

/// How long one node may be at a step before another takes it over.
const TOO_LONG: Duration = Duration::from_mins(1);

/// How often who waits looks.
const LOOK: Duration = Duration::from_millis(100);

struct Step {
    number: i32,
    name: &'static str,
    run: for<'a> fn(&'a Mongo) -> Reply<'a, Result<(), StoreError>>,
}

/// Numbers grow by one and never change their meaning.
const STEPS: &[Step] = &[Step {
    number: 1,
    name: "indexes of document_log and document_snapshots",
    run: |mongo| Box::pin(document_indexes(mongo)),
}];

/// Brings the database to this version's layout. Returns the steps that this call has done.
/// `Invalid` when a newer version was here.
pub(super) async fn migrate(
    mongo: &Mongo,
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, StoreError> {
    refuse_newer(mongo).await?;
    let node = clock.random_u64().cast_signed();
    let mut done = Vec::new();
    for step in STEPS {
        if claim(mongo, step, node, clock).await? {
            tracing::info!(number = step.number, step = step.name, "migrating");
            (step.run)(mongo).await?;
            let ended = doc! { "$set": { "ended_at": date(clock.now()) } };
            let steps = mongo.rows(COLLECTION);
            let update = steps.update_one(doc! { "_id": step.number }, ended);
            Deadline::start().write(update).await?;
            done.push(step.name);
        }
    }
    Ok(done)
}

/// The number of the newest step that was begun here.
pub(super) async fn newest(mongo: &Mongo) -> Result<Option<i64>, StoreError> {
    let deadline = Deadline::start();
    let steps = mongo.rows(COLLECTION);
    let find = steps.find_one(doc! {}).sort(doc! { "_id": -1 }).max_time(deadline.left());
    Ok(deadline.read(find).await?.and_then(|step| number(&step, "_id")))
}

async fn refuse_newer(mongo: &Mongo) -> Result<(), StoreError> {
    let ours = STEPS.last().map(|step| i64::from(step.number));
    if newest(mongo).await? > ours {
        let name = mongo.database.name();
        let why = format!("the database {name} was written by a newer version");
        return Err(StoreError::Invalid(why));
    }
    Ok(())
}

/// Waits until a step has ended or is ours to do. Whether it is ours.
async fn claim(
    mongo: &Mongo,
    step: &Step,
    node: i64,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let steps = mongo.rows(COLLECTION);
    loop {
        let deadline = Deadline::start();
        let find = steps.find_one(doc! { "_id": step.number }).max_time(deadline.left());
        let Some(there) = deadline.read(find).await? else {
            let ours = rawdoc! {
                "_id": step.number, "name": step.name, "node": node,
                "began_at": date(clock.now()), "ended_at": null,
            };
            match deadline.within(steps.insert_one(ours)).await {
                Ok(_) => return Ok(true),
                Err(failure) if failure.is_duplicate() => continue,
                Err(failure) => return Err(failure.writing()),
            }
        };
        if there.get_datetime("ended_at").is_ok() {
            return Ok(false);
        }
        if clock.now().since(began_at(&there)) > TOO_LONG
            && take_over(mongo, step, &there, node, clock).await?
        {
            return Ok(true);
        }
        tracing::debug!(step = step.name, "another node is migrating");
        tokio::time::sleep(LOOK).await;
    }
}

fn began_at(step: &RawDocument) -> Timestamp {
    let began = step.get_datetime("began_at").map_or(0, DateTime::timestamp_millis);
    Timestamp::from_millis(began)
}

async fn take_over(
    mongo: &Mongo,
    step: &Step,
    there: &RawDocument,
    node: i64,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let as_seen = doc! { "_id": step.number, "began_at": date(began_at(there)), "ended_at": null };
    let ours = doc! { "$set": { "node": node, "began_at": date(clock.now()) } };
    let steps = mongo.rows(COLLECTION);
    Ok(Deadline::start().write(steps.update_one(as_seen, ours)).await?.modified_count > 0)
}

fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

async fn document_indexes(mongo: &Mongo) -> Result<(), StoreError> {
    let index = |unique| {
        let options = IndexOptions::builder().name("d_1_s_1".to_owned()).unique(unique).build();
        IndexModel::builder().keys(doc! { "d": 1, "s": 1 }).options(options).build()
    };
    Deadline::start().write(mongo.log.create_index(index(Some(true)))).await?;
    Deadline::start().write(mongo.snapshots.create_index(index(None))).await?;
    Ok(())
}
