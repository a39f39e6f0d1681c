//! A collection as a table: its columns, its indexes, its statements.
//!
//! `_id`, `_rev`, a checksum, one column for each key that an index names, and the record in BSON.
//! Names come from `Record` implementations, `[a-z_]+`, never from people.

use bson::{Bson, RawDocument};
use rusqlite::{Connection, types::Value};
use studyhall_schema::record::{Index, Key};

use super::{fault::Fault, key, writer::atomically};
use crate::backend::{Collection, Scan};
use crate::page::{Direction, resume_keys};

/// A collection and the statements about it.
pub(super) struct Table {
    pub(super) collection: Collection,
    /// Every field that an index names, once, without `_id`.
    pub(super) keys: Vec<Key>,
    pub(super) select: String,
    pub(super) insert: String,
    pub(super) replace: String,
    /// The same where the keys stay: no index is touched.
    pub(super) revise: String,
    pub(super) delete: String,
}

impl Table {
    pub(super) fn of(collection: Collection) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        for key in collection.indexes.iter().flat_map(|index| index.keys) {
            if *key != "_id" && !keys.contains(key) {
                keys.push(key);
            }
        }
        let name = collection.name;
        let joined = |parts: Vec<String>| parts.concat();
        let columns = joined(keys.iter().map(|key| format!(", k_{key}")).collect());
        let places = joined((0..keys.len()).map(|n| format!(", ?{}", n + 5)).collect());
        let sets =
            joined(keys.iter().zip(6..).map(|(key, n)| format!(", k_{key} = ?{n}")).collect());
        // The sign keeps SQLite from looking for the record along a unique index.
        let same =
            joined(keys.iter().zip(6..).map(|(key, n)| format!(" AND +k_{key} = ?{n}")).collect());
        Self {
            select: format!("SELECT _id, _rev, crc, bson FROM {name} WHERE _id = ?1"),
            insert: format!(
                "INSERT INTO {name} (_id, _rev, crc, bson{columns}) VALUES (?1, ?2, ?3, ?4{places})"
            ),
            replace: format!(
                "UPDATE {name} SET _rev = ?2, crc = ?3, bson = ?4{sets}
                 WHERE _id = ?1 AND _rev = ?5"
            ),
            revise: format!(
                "UPDATE {name} SET _rev = ?2, crc = ?3, bson = ?4
                 WHERE _id = ?1 AND _rev = ?5{same}"
            ),
            delete: format!("DELETE FROM {name} WHERE _id = ?1"),
            collection,
            keys,
        }
    }

    /// Makes the table, its columns and its indexes where they are missing.
    pub(super) fn ensure(&self, connection: &Connection) -> Result<(), Fault> {
        atomically(connection, || {
            let name = self.collection.name;
            // Keys come before the record, which may be large and would be walked through.
            let columns: Vec<_> = self.keys.iter().map(|key| column(key) + ",").collect();
            let columns = columns.concat();
            connection.execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {name} (
                    _id BLOB PRIMARY KEY NOT NULL, _rev INTEGER NOT NULL, crc INTEGER NOT NULL,
                    {columns} bson BLOB NOT NULL
                ) WITHOUT ROWID"
            ))?;
            self.add_columns(connection)?;
            for index in self.collection.indexes {
                // The name has the keys, so that an index whose keys change is made anew.
                let unique = if index.unique { "UNIQUE" } else { "" };
                let columns = index.keys.iter().map(|key| column_name(key)).collect::<Vec<_>>();
                connection.execute_batch(&format!(
                    r#"CREATE {unique} INDEX IF NOT EXISTS "{name}.{}({})" ON {name} ({})"#,
                    index.name,
                    index.keys.join(","),
                    columns.join(", "),
                ))?;
            }
            Ok(())
        })
    }

    /// Adds the columns of keys that a newer version indexes, and fills them.
    fn add_columns(&self, connection: &Connection) -> Result<(), Fault> {
        let name = self.collection.name;
        let there: Vec<String> = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{name}')"))?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for key in &self.keys {
            if there.contains(&column_name(key)) {
                continue;
            }
            connection.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {}", column(key)))?;
            let mut ids = connection.prepare(&format!("SELECT _id FROM {name}"))?;
            let mut read =
                connection.prepare(&format!("SELECT bson FROM {name} WHERE _id = ?1"))?;
            let mut fill =
                connection.prepare(&format!("UPDATE {name} SET k_{key} = ?2 WHERE _id = ?1"))?;
            // Collected first: a walk along a table that changes under it may see a row twice. Only the
            // ids: all records together may be more than memory holds.
            let ids = ids.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
            for id in ids.collect::<Result<Vec<_>, _>>()? {
                let bson: Vec<u8> = read.query_row([&id], |row| row.get(0))?;
                let document = RawDocument::from_bytes(&bson)
                    .map_err(|error| Fault::corrupt(format!("a record of {name}: {error}")))?;
                fill.execute((id, key::field(document, key)?))?;
            }
        }
        Ok(())
    }

    /// The statement of a walk along an index, and its parameters.
    pub(super) fn scan(&self, scan: &Scan) -> Result<(String, Vec<Value>), Fault> {
        self.walk("_id, _rev, crc, bson", scan)
    }

    /// The statement that deletes what a walk finds, and its parameters.
    pub(super) fn delete_scanned(&self, scan: &Scan) -> Result<(String, Vec<Value>), Fault> {
        let (found, parameters) = self.walk("_id", scan)?;
        let sql = format!("DELETE FROM {} WHERE _id IN ({found})", self.collection.name);
        Ok((sql, parameters))
    }

    fn walk(&self, columns_read: &str, scan: &Scan) -> Result<(String, Vec<Value>), Fault> {
        let name = self.collection.name;
        let mut conditions = Conditions::equal(&scan.index, &scan.prefix)?;
        let next = scan.index.keys.get(scan.prefix.len());
        for (bound, than) in [(&scan.after, ">"), (&scan.before, "<")] {
            if let (Some(bound), Some(key)) = (bound, next) {
                let place = conditions.place(bound)?;
                conditions.add(&format!("{} {than} {place}", column_name(key)));
            }
        }
        let keys = resume_keys(scan.index, scan.prefix.len());
        let columns: Vec<String> = keys.iter().map(|key| column_name(key)).collect();
        let (than, way) = match scan.direction {
            Direction::Ascending => (">", "ASC"),
            Direction::Descending => ("<", "DESC"),
        };
        if let Some(resume) = &scan.resume {
            let places: Vec<String> =
                resume.iter().map(|value| conditions.place(value)).collect::<Result<_, _>>()?;
            conditions.add(&format!("({}) {than} ({})", columns.join(", "), places.join(", ")));
        }
        let order: Vec<String> = columns.iter().map(|column| format!("{column} {way}")).collect();
        let sql = format!(
            "SELECT {columns_read} FROM {name} {} ORDER BY {} LIMIT ?{}",
            conditions.sql,
            order.join(", "),
            conditions.parameters.len() + 1,
        );
        // A parameter, so that pages of all lengths share one statement.
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        conditions.parameters.push(Value::Integer(limit));
        Ok((sql, conditions.parameters))
    }

    /// The statement that counts, and its parameters.
    pub(super) fn count(
        &self,
        index: &Index,
        prefix: &[Bson],
    ) -> Result<(String, Vec<Value>), Fault> {
        let conditions = Conditions::equal(index, prefix)?;
        let sql = format!("SELECT count(*) FROM {} {}", self.collection.name, conditions.sql);
        Ok((sql, conditions.parameters))
    }
}

fn column_name(key: &str) -> String {
    if key == "_id" { key.to_owned() } else { format!("k_{key}") }
}

fn column(key: &str) -> String {
    format!("k_{key} BLOB NOT NULL DEFAULT x'05'")
}

/// A WHERE clause as it grows.
#[derive(Default)]
struct Conditions {
    sql: String,
    parameters: Vec<Value>,
}

impl Conditions {
    fn equal(index: &Index, prefix: &[Bson]) -> Result<Self, Fault> {
        let mut conditions = Self::default();
        for (key, value) in index.keys.iter().zip(prefix) {
            let place = conditions.place(value)?;
            conditions.add(&format!("{} = {place}", column_name(key)));
        }
        Ok(conditions)
    }

    fn place(&mut self, value: &Bson) -> Result<String, Fault> {
        self.parameters.push(Value::Blob(key::key(value)?));
        Ok(format!("?{}", self.parameters.len()))
    }

    fn add(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { "WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTION: Collection = Collection {
        name: "things",
        indexes: &[
            Index { name: "owner", keys: &["owner", "at"], unique: false },
            Index { name: "room", keys: &["room", "_id"], unique: false },
            Index { name: "name", keys: &["name"], unique: true },
        ],
    };

    /// How the database walks for this scan.
    fn plan(
        index: &str,
        prefix: usize,
        direction: Direction,
        resumed: bool,
        ranged: bool,
    ) -> String {
        let connection = Connection::open_in_memory().unwrap();
        let table = Table::of(COLLECTION);
        table.ensure(&connection).unwrap();
        table.ensure(&connection).unwrap();
        let index = COLLECTION.index(index).unwrap();
        let keys = resume_keys(index, prefix).len();
        let scan = Scan {
            index,
            prefix: vec![Bson::Null; prefix],
            after: ranged.then_some(Bson::Int32(1)),
            before: ranged.then_some(Bson::Int32(2)),
            direction,
            resume: resumed.then(|| vec![Bson::Int32(1); keys]),
            limit: 10,
            without: None,
        };
        let (sql, parameters) = table.scan(&scan).unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(parameters);
        let steps = explain.query_map(parameters, |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }

    #[test]
    fn a_record_whose_keys_stay_is_found_by_its_id_and_touches_no_index() {
        let connection = Connection::open_in_memory().unwrap();
        let table = Table::of(COLLECTION);
        table.ensure(&connection).unwrap();
        let column = |sql: &str, at: usize| -> Vec<String> {
            let mut explain = connection.prepare(sql).unwrap();
            let steps = explain.raw_query().mapped(|row| row.get(at));
            steps.collect::<Result<_, _>>().unwrap()
        };
        let plan = column(&format!("EXPLAIN QUERY PLAN {}", table.revise), 3);
        assert_eq!(plan, ["SEARCH things USING PRIMARY KEY (_id=?)"]);
        let opened = |sql: &str| {
            let codes = column(&format!("EXPLAIN {sql}"), 1);
            codes.iter().filter(|code| *code == "OpenWrite").count()
        };
        assert_eq!((opened(&table.revise), opened(&table.replace)), (1, 4));
    }

    #[test]
    fn pages_walk_an_index_and_never_sort() {
        for direction in [Direction::Ascending, Direction::Descending] {
            for resumed in [false, true] {
                for (index, prefix, ranged) in [
                    ("owner", 1, false),
                    ("owner", 1, true),
                    ("owner", 2, false),
                    ("room", 1, false),
                    ("room", 0, true),
                    ("name", 1, false),
                    ("_id", 0, true),
                ] {
                    let plan = plan(index, prefix, direction, resumed, ranged);
                    assert!(plan.starts_with("SEARCH"), "{index} {prefix}: {plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{index} {prefix}: {plan}");
                }
                let whole = plan("owner", 0, direction, resumed, false);
                assert!(!whole.contains("TEMP B-TREE"), "{whole}");
            }
        }
    }
}
