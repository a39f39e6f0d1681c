//! Records: real documents with the record's fields and `_rev`.

use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc, raw::cstr};
use mongodb::{IndexModel, action::Find, options::IndexOptions};
use studyhall_schema::record::Index;

use super::{
    Mongo,
    deadline::Deadline,
    fault::{corrupt, late},
    filter,
};
use crate::{
    StoreError,
    backend::{Collection, Row, Scan},
};

/// Makes the collection's indexes where they are missing. A name has its keys, so that an index
/// whose keys change is made anew.
pub(super) async fn ensure(mongo: &Mongo, collection: Collection) -> Result<(), StoreError> {
    let rows = mongo.rows(collection.name);
    // One by one: FerretDB 1.24 ends the connection when two of a list are there already.
    for index in collection.indexes {
        Deadline::start().write(rows.create_index(model(index))).await?;
    }
    Ok(())
}

fn model(index: &Index) -> IndexModel {
    let keys = filter::keys(index);
    let name = keys.iter().map(|key| format!("{key}_1")).collect::<Vec<_>>().join("_");
    let options = IndexOptions::builder().name(name).unique(index.unique.then_some(true)).build();
    let keys: Document = keys.into_iter().map(|key| (key.to_owned(), Bson::Int32(1))).collect();
    IndexModel::builder().keys(keys).options(options).build()
}

pub(super) async fn get(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
) -> Result<Option<Row>, StoreError> {
    let found = find(mongo, collection, id, Deadline::start()).await?;
    found.map(|document| row(collection, document)).transpose()
}

pub(super) async fn get_many(
    mongo: &Mongo,
    collection: Collection,
    ids: &[Bson],
) -> Result<Vec<Row>, StoreError> {
    let deadline = Deadline::start();
    let ids = ids.iter().map(filter::plain).collect::<Result<Vec<_>, _>>()?;
    let rows = mongo.rows(collection.name);
    let find = rows.find(doc! { "_id": { "$in": ids } });
    listed(find.max_time(deadline.left()), deadline).await
}

/// What a query finds. A revision that cannot be read is 0: nothing is replaced at that.
async fn listed(
    find: Find<'_, RawDocumentBuf>,
    deadline: Deadline,
) -> Result<Vec<Row>, StoreError> {
    let mut cursor = deadline.read(find).await?;
    let mut found = Vec::new();
    while deadline.read(cursor.advance()).await? {
        let document = cursor.current().to_owned();
        found.push(Row { rev: revision(&document).unwrap_or(0), document });
    }
    Ok(found)
}

async fn find(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
    deadline: Deadline,
) -> Result<Option<RawDocumentBuf>, StoreError> {
    let rows = mongo.rows(collection.name);
    let find = rows.find_one(doc! { "_id": filter::plain(id)? }).max_time(deadline.left());
    deadline.read(find).await
}

/// Inserts; where the answer did not come, inserts again and sees whose record is there.
pub(super) async fn insert(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
    record: &RawDocument,
    rev: u64,
) -> Result<(), StoreError> {
    let deadline = Deadline::start();
    let document = with_rev(record, rev);
    let rows = mongo.rows(collection.name);
    let mut unknown = None;
    for _ in 0..2 {
        let Err(failure) = deadline.within(rows.insert_one(&document)).await else { return Ok(()) };
        if !failure.is_duplicate() {
            match failure.writing() {
                error @ StoreError::Unknown(_) => unknown = Some(error),
                error => return Err(unknown.unwrap_or(error)),
            }
            continue;
        }
        let Some(unknown) = unknown else {
            return Err(taken(mongo, collection, id, record, deadline).await?);
        };
        return match find(mongo, collection, id, deadline).await? {
            Some(there) if same(&there, &document) => Ok(()),
            Some(_) => Err(taken(mongo, collection, id, record, deadline).await?),
            // A unique index refused it, or a majority does not have it yet.
            None => Err(unknown),
        };
    }
    Err(unknown.unwrap_or_else(late))
}

/// Whether two documents have the same fields, whatever their order.
fn same(one: &RawDocument, other: &RawDocument) -> bool {
    let sorted = |document: &RawDocument| {
        let document = Document::try_from(document).ok()?;
        let mut fields: Vec<(String, Bson)> = document.into_iter().collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Some(fields)
    };
    sorted(one).is_some_and(|fields| Some(fields) == sorted(other))
}

/// Replaces the record at the expected revision.
pub(super) async fn replace(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
    record: &RawDocument,
    expected_rev: u64,
) -> Result<(), StoreError> {
    let deadline = Deadline::start();
    let document = with_rev(record, expected_rev + 1);
    let at_rev = doc! { "_id": filter::plain(id)?, "_rev": expected_rev.cast_signed() };
    let rows = mongo.rows(collection.name);
    match deadline.within(rows.replace_one(at_rev, &document)).await {
        Ok(result) if result.matched_count == 0 => Err(StoreError::Conflict),
        Ok(_) => Ok(()),
        Err(failure) if failure.is_duplicate() => {
            Err(taken(mongo, collection, id, record, deadline).await?)
        }
        Err(failure) => Err(failure.writing()),
    }
}

/// Which unique index has refused a record.
async fn taken(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
    record: &RawDocument,
    deadline: Deadline,
) -> Result<StoreError, StoreError> {
    let rows = mongo.rows(collection.name);
    for index in collection.indexes.iter().filter(|index| index.unique) {
        let mut other = doc! { "_id": { "$ne": filter::plain(id)? } };
        for key in index.keys.iter().filter(|key| **key != "_id") {
            let value = record.get(*key).ok().flatten();
            let value = value.and_then(|value| Bson::try_from(value).ok()).unwrap_or(Bson::Null);
            other.insert(*key, filter::plain(&value)?);
        }
        let find = rows.find_one(other).max_time(deadline.left());
        if deadline.read(find).await?.is_some() {
            return Ok(StoreError::Duplicate { index: index.name.to_owned() });
        }
    }
    Ok(StoreError::Duplicate { index: "_id".to_owned() })
}

pub(super) async fn delete(
    mongo: &Mongo,
    collection: Collection,
    id: &Bson,
) -> Result<bool, StoreError> {
    let rows = mongo.rows(collection.name);
    let delete = rows.delete_one(doc! { "_id": filter::plain(id)? });
    Ok(Deadline::start().write(delete).await?.deleted_count > 0)
}

pub(super) async fn scan(
    mongo: &Mongo,
    collection: Collection,
    scan: &Scan,
) -> Result<Vec<Row>, StoreError> {
    let deadline = Deadline::start();
    let rows = mongo.rows(collection.name);
    let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
    let find = rows.find(filter::filter(scan)?).sort(filter::order(scan)).limit(limit);
    let find = find.max_time(deadline.left());
    match scan.without {
        Some(field) => listed(find.projection(doc! { field: 0 }), deadline).await,
        None => listed(find, deadline).await,
    }
}

/// Deletes what a walk finds. The filter is asked again of each: others may have changed it meanwhile.
pub(super) async fn delete_scanned(
    mongo: &Mongo,
    collection: Collection,
    scan: &Scan,
) -> Result<u64, StoreError> {
    let deadline = Deadline::start();
    let rows = mongo.rows(collection.name);
    let (filter, limit) = (filter::filter(scan)?, i64::try_from(scan.limit).unwrap_or(i64::MAX));
    let find = rows.find(filter.clone()).sort(filter::order(scan)).limit(limit);
    let find = find.projection(doc! { "_id": 1 }).max_time(deadline.left());
    let mut cursor = deadline.read(find).await?;
    let mut ids = Vec::new();
    while deadline.read(cursor.advance()).await? {
        let id = cursor.current().get("_id").ok().flatten();
        ids.extend(id.and_then(|id| Bson::try_from(id).ok()));
    }
    if ids.is_empty() {
        return Ok(0);
    }
    let still = doc! { "$and": [ { "_id": { "$in": ids } }, filter ] };
    Ok(deadline.write(rows.delete_many(still)).await?.deleted_count)
}

/// Counts by the command that is exact on a sharded cluster too.
pub(super) async fn count(
    mongo: &Mongo,
    collection: Collection,
    index: &Index,
    prefix: &[Bson],
) -> Result<u64, StoreError> {
    let deadline = Deadline::start();
    let rows = mongo.rows(collection.name);
    let count = rows.count_documents(filter::equal(index, prefix)?).max_time(deadline.left());
    deadline.read(count).await
}

fn with_rev(record: &RawDocument, rev: u64) -> RawDocumentBuf {
    let mut document = record.to_owned();
    document.append(cstr!("_rev"), rev.cast_signed());
    document
}

fn row(collection: Collection, document: RawDocumentBuf) -> Result<Row, StoreError> {
    let rev = revision(&document);
    let rev = rev.ok_or_else(|| corrupt(format!("a record of {} has no _rev", collection.name)))?;
    Ok(Row { rev, document })
}

fn revision(document: &RawDocument) -> Option<u64> {
    number(document, "_rev").and_then(|rev| u64::try_from(rev).ok())
}

/// A whole number, whatever a person who looked with a shell has made of it.
#[expect(clippy::cast_possible_truncation, reason = "a shell's double that is a whole number")]
pub(super) fn number(document: &RawDocument, key: &str) -> Option<i64> {
    let value = document.get(key).ok()??;
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
    value
        .as_i64()
        .or_else(|| value.as_i32().map(i64::from))
        .or_else(|| value.as_f64().and_then(whole))
}
