//! Who waits for a place in a document's log: a field `waits` of its record, which every append reads with the fence.
//!
//! It is no part of what the record says: whoever writes the record anew takes it away, and nothing is lost.

use std::time::Duration;

use bson::{RawDocument, doc};
use moka::sync::Cache;
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentRecord},
    record::Record,
};

use super::{Mongo, deadline::Deadline, rows::number};
use crate::{StoreError, log::Wait};

/// Of how many documents it is known, and for how long: nobody waits longer.
const DOCUMENTS: u64 = 10_000;
const KEPT: Duration = Duration::from_secs(10);

pub(super) fn cache() -> Cache<DocumentId, Wait> {
    Cache::builder().max_capacity(DOCUMENTS).time_to_live(KEPT).build()
}

/// Says it to whoever appends.
pub(super) async fn put(
    mongo: &Mongo,
    document: DocumentId,
    Wait { by, at, within }: Wait,
) -> Result<(), StoreError> {
    let millis = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    let waits = doc! { "by": by.cast_signed(), "at": at.as_millis(), "ms": millis };
    let rows = mongo.rows(DocumentRecord::COLLECTION);
    let id = doc! { "_id": document.to_string() };
    Deadline::start().write(rows.update_one(id, doc! { "$set": { "waits": waits } })).await?;
    Ok(())
}

/// Notes who waits, from a record as it was read with its fence.
pub(super) fn note(mongo: &Mongo, record: &RawDocument) {
    let Some((document, wait)) = read(record) else { return };
    if mongo.waits.get(&document) != Some(wait) {
        mongo.waits.insert(document, wait);
    }
}

fn read(record: &RawDocument) -> Option<(DocumentId, Wait)> {
    let waits = record.get_document("waits").ok()?;
    let wait = Wait {
        by: number(waits, "by")?.cast_unsigned(),
        at: Timestamp::from_millis(number(waits, "at")?),
        within: Duration::from_millis(u64::try_from(number(waits, "ms")?).ok()?),
    };
    Some((record.get_str("_id").ok()?.parse().ok()?, wait))
}
