//! Records as rows: the statements of [`Table`], run.

use bson::{Bson, RawDocument, RawDocumentBuf};
use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter, types::ValueRef};
use studyhall_schema::record::{Index, Key};

use super::{fault::Fault, key, table::Table};
use crate::{
    StoreError,
    backend::{Row, Scan},
    checksum::checksum,
};

/// A record that is to be written: its keys have been read, off the writer's thread.
pub(super) struct Written {
    id: Vec<u8>,
    rev: i64,
    keys: Vec<Vec<u8>>,
    document: RawDocumentBuf,
}

impl Written {
    pub(super) fn new(
        table: &Table,
        id: &Bson,
        rev: u64,
        document: RawDocumentBuf,
    ) -> Result<Self, StoreError> {
        let keys =
            table.keys.iter().map(|name| key::field(&document, name)).collect::<Result<_, _>>()?;
        Ok(Self { id: key::key(id)?, rev: rev.cast_signed(), keys, document })
    }

    fn checksum(&self) -> i64 {
        checksum(&self.id, &[self.rev], self.document.as_bytes())
    }
}

pub(super) fn get(connection: &Connection, table: &Table, id: &[u8]) -> Result<Option<Row>, Fault> {
    let mut select = connection.prepare_cached(&table.select)?;
    select.query_row([id], |row| Ok(read(table, row, None))).optional()?.transpose()
}

pub(super) fn get_many(
    connection: &Connection,
    table: &Table,
    ids: &[Vec<u8>],
) -> Result<Vec<Row>, Fault> {
    let rows = ids.iter().map(|id| get(connection, table, id).transpose());
    rows.flatten().filter_map(unless_broken).collect()
}

/// One broken record keeps nobody from the others.
fn unless_broken(row: Result<Row, Fault>) -> Option<Result<Row, Fault>> {
    match row {
        Err(Fault::Store(broken @ StoreError::Corrupt(_))) => {
            Fault::Store(broken).told();
            None
        }
        row => Some(row),
    }
}

pub(super) fn insert(
    connection: &Connection,
    table: &Table,
    record: &Written,
) -> Result<(), Fault> {
    let (crc, document) = (record.checksum(), record.document.as_bytes());
    let first: [&dyn ToSql; 4] = [&record.id, &record.rev, &crc, &document];
    let keys = record.keys.iter().map(|key| key as &dyn ToSql);
    connection
        .prepare_cached(&table.insert)?
        .execute(params_from_iter(first.into_iter().chain(keys)))
        .map_err(Fault::from)
        .or_else(|fault| refused(connection, table, record, fault))?;
    Ok(())
}

/// Replaces the record at the revision before `record`'s.
pub(super) fn replace(
    connection: &Connection,
    table: &Table,
    record: &Written,
) -> Result<(), Fault> {
    let (crc, document) = (record.checksum(), record.document.as_bytes());
    let expected = record.rev - 1;
    let first: [&dyn ToSql; 5] = [&record.id, &record.rev, &crc, &document, &expected];
    let run = |sql: &str| -> Result<usize, Fault> {
        let keys = record.keys.iter().map(|key| key as &dyn ToSql);
        let parameters = params_from_iter(first.into_iter().chain(keys));
        Ok(connection.prepare_cached(sql)?.execute(parameters)?)
    };
    // SQLite writes each index whose columns are set, also where they are set to what they are.
    if !table.keys.is_empty() && run(&table.revise)? > 0 {
        return Ok(());
    }
    let changed = run(&table.replace).or_else(|fault| refused(connection, table, record, fault))?;
    if changed == 0 {
        return Err(StoreError::Conflict.into());
    }
    Ok(())
}

/// Says which index has refused a record.
fn refused(
    connection: &Connection,
    table: &Table,
    record: &Written,
    fault: Fault,
) -> Result<usize, Fault> {
    if !fault.is_taken() {
        return Err(fault);
    }
    for index in table.collection.indexes.iter().filter(|index| index.unique) {
        let taken = connection
            .prepare_cached(&format!("{} AND _id <> ?", equal_to_all(table, index)))?
            .exists(params_from_iter(keys_of(table, index, record).chain([&record.id])))?;
        if taken {
            return Err(StoreError::Duplicate { index: index.name.to_owned() }.into());
        }
    }
    Err(StoreError::Duplicate { index: "_id".to_owned() }.into())
}

fn equal_to_all(table: &Table, index: &Index) -> String {
    let conditions: Vec<String> = index
        .keys
        .iter()
        .map(|key| if *key == "_id" { "_id = ?".to_owned() } else { format!("k_{key} = ?") })
        .collect();
    format!("SELECT 1 FROM {} WHERE {}", table.collection.name, conditions.join(" AND "))
}

fn keys_of<'a>(
    table: &'a Table,
    index: &'a Index,
    record: &'a Written,
) -> impl Iterator<Item = &'a Vec<u8>> {
    index.keys.iter().map(|key| {
        let place = table.keys.iter().position(|of_table| of_table == key);
        place.and_then(|place| record.keys.get(place)).unwrap_or(&record.id)
    })
}

pub(super) fn delete(connection: &Connection, table: &Table, id: &[u8]) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(&table.delete)?.execute([id])? > 0)
}

pub(super) fn delete_scanned(
    connection: &Connection,
    table: &Table,
    scan: &Scan,
) -> Result<u64, Fault> {
    let (sql, parameters) = table.delete_scanned(scan)?;
    Ok(connection.prepare_cached(&sql)?.execute(params_from_iter(parameters))? as u64)
}

/// So many broken records are passed over in a page.
const BROKEN: usize = 64;

pub(super) fn scan(connection: &Connection, table: &Table, scan: &Scan) -> Result<Vec<Row>, Fault> {
    // Rows are stepped through one by one: those beyond the limit are read only in place of broken ones.
    let (sql, parameters) = table.scan(&Scan { limit: scan.limit + BROKEN, ..scan.clone() })?;
    let mut select = connection.prepare_cached(&sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(read(table, row, scan.without));
    let rows = select.query_map(params_from_iter(parameters), read)?;
    let whole = rows.filter_map(|row| unless_broken(row.map_err(Fault::from).flatten()));
    whole.take(scan.limit).collect()
}

pub(super) fn count(
    connection: &Connection,
    table: &Table,
    index: &Index,
    prefix: &[Bson],
) -> Result<u64, Fault> {
    let (sql, parameters) = table.count(index, prefix)?;
    let count: i64 = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(parameters), |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Reads `_id, _rev, crc, bson`, and copies all but a field.
fn read(table: &Table, row: &rusqlite::Row<'_>, without: Option<Key>) -> Result<Row, Fault> {
    let (rev, crc): (i64, i64) = (row.get(1)?, row.get(2)?);
    let name = table.collection.name;
    let id = row.get_ref(0)?.as_blob().map_err(|_| unreadable(name))?;
    let document = checked(name, id, rev, crc, row.get_ref(3)?)?;
    let document = match without {
        Some(field) => all_but(document, field).map_err(|_| unreadable(name))?,
        None => document.to_owned(),
    };
    Ok(Row { rev: rev.cast_unsigned(), document })
}

fn all_but(document: &RawDocument, field: Key) -> Result<RawDocumentBuf, bson::error::Error> {
    let mut rest = RawDocumentBuf::new();
    for element in document.iter_elements() {
        let element = element?;
        if element.key().as_str() != field {
            rest.append(element.key(), element.value()?);
        }
    }
    Ok(rest)
}

/// A record's BSON, if its checksum is right.
pub(super) fn checked<'a>(
    collection: &str,
    id: &[u8],
    rev: i64,
    crc: i64,
    bson: ValueRef<'a>,
) -> Result<&'a RawDocument, Fault> {
    let bson = bson.as_blob().map_err(|_| unreadable(collection))?;
    if checksum(id, &[rev], bson) != crc {
        return Err(unreadable(collection));
    }
    RawDocument::from_bytes(bson).map_err(|_| unreadable(collection))
}

pub(super) fn unreadable(collection: &str) -> Fault {
    Fault::corrupt(format!("a record of {collection}"))
}
