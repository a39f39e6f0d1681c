//! Records and document logs in one `SQLite` file.
//!
//! Write-ahead log, an fsync a commit, one thread that writes for all, a few connections that
//! read. Whatever is acknowledged is in the file. Every row has a checksum, so that a flipped byte
//! is `Corrupt` for what is read and nothing else. Must not know a record's type.

mod codec;
mod entries;
mod fault;
mod file;
mod key;
mod quarantine;
mod readers;
mod rows;
mod snapshots;
mod table;
mod tail;
mod writer;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bson::{Bson, RawDocumentBuf};
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    record::{Index, Record},
};

use self::{
    entries::Sealed, fault::Fault, file::File, readers::Readers, rows::Written, table::Table,
    writer::Writer,
};
use crate::{
    StoreError,
    backend::{Backend, Chunk, Collection, Reply, Row, Scan},
    log::{Append, Entry, Outcome, Quarantined},
};

/// A `SQLite` file.
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Readers,
    tables: Mutex<HashMap<&'static str, Arc<Table>>>,
}

impl Sqlite {
    /// Opens the file, and makes it where there is none.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let (file, connection) = File::open(&path)?;
            Ok::<_, StoreError>((Writer::start(file.clone(), connection)?, Readers::new(file)))
        });
        let (writer, readers) =
            opened.await.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        Ok(Self { writer, readers, tables: Mutex::default() })
    }

    fn table(&self, collection: Collection) -> Arc<Table> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.entry(collection.name);
        Arc::clone(table.or_insert_with(|| Arc::new(Table::of(collection))))
    }
}

impl Backend for Sqlite {
    fn ensure(&self, collection: Collection) -> Reply<'_, Result<(), StoreError>> {
        let table = self.table(collection);
        Box::pin(self.writer.write(move |connection| table.ensure(connection)))
    }

    fn get(&self, collection: Collection, id: Bson) -> Reply<'_, Result<Option<Row>, StoreError>> {
        let table = self.table(collection);
        Box::pin(async move {
            let id = key::key(&id)?;
            self.readers.read(move |connection| rows::get(connection, &table, &id)).await
        })
    }

    fn get_many(
        &self,
        collection: Collection,
        ids: Vec<Bson>,
    ) -> Reply<'_, Result<Vec<Row>, StoreError>> {
        let table = self.table(collection);
        Box::pin(async move {
            let ids = ids.iter().map(key::key).collect::<Result<Vec<_>, _>>()?;
            self.readers.read(move |connection| rows::get_many(connection, &table, &ids)).await
        })
    }

    fn insert(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        rev: u64,
    ) -> Reply<'_, Result<(), StoreError>> {
        let table = self.table(collection);
        Box::pin(async move {
            let record = Written::new(&table, &id, rev, document)?;
            self.writer.write(move |connection| rows::insert(connection, &table, &record)).await
        })
    }

    fn replace(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        expected_rev: u64,
    ) -> Reply<'_, Result<(), StoreError>> {
        let table = self.table(collection);
        Box::pin(async move {
            let record = Written::new(&table, &id, expected_rev + 1, document)?;
            self.writer.write(move |connection| rows::replace(connection, &table, &record)).await
        })
    }

    fn delete(&self, collection: Collection, id: Bson) -> Reply<'_, Result<bool, StoreError>> {
        let table = self.table(collection);
        Box::pin(async move {
            let id = key::key(&id)?;
            self.writer.write(move |connection| rows::delete(connection, &table, &id)).await
        })
    }

    fn scan(&self, collection: Collection, scan: Scan) -> Reply<'_, Result<Vec<Row>, StoreError>> {
        let table = self.table(collection);
        Box::pin(self.readers.read(move |connection| rows::scan(connection, &table, &scan)))
    }

    fn delete_scanned(
        &self,
        collection: Collection,
        scan: Scan,
    ) -> Reply<'_, Result<u64, StoreError>> {
        let table = self.table(collection);
        let delete = move |connection: &_| rows::delete_scanned(connection, &table, &scan);
        Box::pin(self.writer.write(delete))
    }

    fn count(
        &self,
        collection: Collection,
        index: Index,
        prefix: Vec<Bson>,
    ) -> Reply<'_, Result<u64, StoreError>> {
        let table = self.table(collection);
        let count = move |connection: &_| rows::count(connection, &table, &index, &prefix);
        Box::pin(self.readers.read(count))
    }

    fn append(&self, appends: Vec<Append>) -> Reply<'_, Vec<Outcome>> {
        Box::pin(async move {
            let count = appends.len();
            let sealed: Vec<_> = appends.into_iter().map(Sealed::new).collect();
            let written = self.writer.write(move |connection| {
                let outcome = |sealed: Result<Sealed, StoreError>| {
                    sealed
                        .map_err(Fault::from)
                        .and_then(|sealed| entries::append(connection, &sealed))
                        .unwrap_or_else(|fault| Outcome::Failed(fault.told()))
                };
                let mut outcomes = Vec::with_capacity(sealed.len());
                for append in sealed {
                    outcomes.push(outcome(append));
                    // SQLite has rolled back: what follows would be committed one by one.
                    if connection.is_autocommit() {
                        break;
                    }
                }
                Ok(outcomes)
            });
            written.await.unwrap_or_else(|error| vec![Outcome::Failed(error); count])
        })
    }

    fn entries(
        &self,
        document: DocumentId,
        from_seq: u64,
        limit_bytes: usize,
    ) -> Reply<'_, Result<Vec<Entry>, StoreError>> {
        let read = move |connection: &_| entries::read(connection, document, from_seq, limit_bytes);
        Box::pin(self.readers.read(read))
    }

    fn begins_at(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<bool, StoreError>> {
        let look = move |connection: &_| entries::begins_at(connection, document, seq);
        Box::pin(self.readers.read(look))
    }

    /// It has no other nodes, and looks each time: that costs nothing here.
    fn told(&self, _document: DocumentId, _seq: u64) {}

    fn put_chunks(
        &self,
        document: DocumentId,
        seq: u64,
        chunks: Vec<Chunk>,
    ) -> Reply<'_, Result<(), StoreError>> {
        let put = move |connection: &_| snapshots::put(connection, document, seq, &chunks);
        Box::pin(self.writer.write(put))
    }

    fn chunks(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<Vec<Chunk>, StoreError>> {
        Box::pin(self.readers.read(move |connection| snapshots::read(connection, document, seq)))
    }

    fn prune(&self, document: DocumentId, snapshot_seq: u64) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let prune =
                move |connection: &_| snapshots::prune_entries(connection, document, snapshot_seq);
            while self.writer.write(prune).await? {}
            let prune = move |connection: &_| {
                snapshots::prune_snapshots(connection, document, snapshot_seq)
            };
            self.writer.write(prune).await
        })
    }

    fn quarantine(
        &self,
        document: DocumentId,
        seq: u64,
        reason: String,
        at: Timestamp,
    ) -> Reply<'_, Result<(), StoreError>> {
        let (name, indexes) = (Quarantined::COLLECTION, Quarantined::indexes());
        let table = self.table(Collection { name, indexes });
        Box::pin(self.writer.write(move |connection| {
            quarantine::quarantine(connection, &table, document, seq, reason, at)
        }))
    }

    fn remove(&self, document: DocumentId) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(self.writer.write(move |connection| snapshots::remove(connection, document)))
    }

    fn healthy(&self) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(self.writer.write(|connection| {
            let beat = "UPDATE health SET beats = beats + 1 WHERE id = 1";
            connection.prepare_cached(beat)?.execute([])?;
            Ok(())
        }))
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            self.writer.close().await;
            self.readers.close();
        })
    }
}
