//! Taking an entry's content out of a document's log, numbers left in place.

use bson::{RawDocument, RawDocumentBuf, doc};
use studyhall_schema::{Timestamp, document::DocumentId, record::Record};

use super::{
    Mongo,
    deadline::Deadline,
    entry::{self, Numbers},
    fault::corrupt,
    rows::{self, number},
};
use crate::{StoreError, backend::Collection, log::Quarantined};

/// Moves the content of the entry at `seq` to `quarantine`. `Conflict` when there is no such entry.
pub(super) async fn quarantine(
    mongo: &Mongo,
    document: DocumentId,
    seq: u64,
    reason: String,
    at: Timestamp,
) -> Result<(), StoreError> {
    let d = document.to_string();
    let id = entry::id(&d, seq);
    let deadline = Deadline::start();
    let find = mongo.log.find_one(doc! { "_id": &id }).max_time(deadline.left());
    let entry = deadline.read(find).await?.ok_or(StoreError::Conflict)?;
    if entry::is_quarantined(&entry) && entry::opened(&d, entry.clone()).is_ok() {
        return Ok(());
    }
    let content = entry::content(entry.as_bytes().to_vec());
    keep(mongo, &Quarantined { id: id.clone(), document, seq, reason, at, content }).await?;
    let numbers = numbers(mongo, &d, seq, &entry, deadline).await?;
    let emptied = doc! { "$set": {
        "s": numbers.s,
        "n": numbers.n,
        "batch": numbers.batch,
        "at": bson::DateTime::from_millis(numbers.at),
        "crc": numbers.checksum(&d, RawDocumentBuf::new().as_bytes()),
        "updates": [],
        "quarantined": true,
    } };
    deadline.write(mongo.log.update_one(doc! { "_id": id }, emptied)).await?;
    Ok(())
}

/// Keeps the content, once.
async fn keep(mongo: &Mongo, taken: &Quarantined) -> Result<(), StoreError> {
    let invalid = |error: bson::error::Error| StoreError::Invalid(error.to_string());
    let bytes = bson::serialize_to_vec(taken).map_err(invalid)?;
    let record = RawDocumentBuf::from_bytes(bytes).map_err(invalid)?;
    let (name, indexes) = (Quarantined::COLLECTION, Quarantined::indexes());
    let collection = Collection { name, indexes };
    match rows::insert(mongo, collection, &taken.id.clone().into(), &record, taken.first_rev())
        .await
    {
        // An earlier try was interrupted after this.
        Ok(()) | Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The entry's numbers; how many updates it must have is told by the entry that follows, as its own
/// number may be broken.
async fn numbers(
    mongo: &Mongo,
    d: &str,
    seq: u64,
    entry: &RawDocument,
    deadline: Deadline,
) -> Result<Numbers, StoreError> {
    let own = Numbers::of(entry).ok_or_else(|| corrupt(format!("the entry of {d} at {seq}")))?;
    let after = doc! { "d": d, "s": { "$gt": seq.cast_signed() } };
    let find = mongo.log.find_one(after).sort(doc! { "s": 1 }).projection(doc! { "s": 1 });
    let next = deadline.read(find.max_time(deadline.left())).await?;
    let next = next.and_then(|next| number(&next, "s"));
    let s = seq.cast_signed();
    let n = next.map_or(own.n, |next| next - s).max(1);
    Ok(Numbers { s, n, ..own })
}
