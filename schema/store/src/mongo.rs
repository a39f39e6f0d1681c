//! Records and document logs in `MongoDB`, or what speaks its wire.
//!
//! Real documents in real collections with the record's own names. Writes are acknowledged by a
//! majority that has them in its journal; reads are from the primary and of what a majority has.
//! No transactions, change streams, TTL or partial indexes. Log entries and snapshots have
//! checksums; records have none, as people may change them with a shell. Must not know a record's
//! type.

mod append;
mod deadline;
mod entries;
mod entry;
mod fault;
mod filter;
mod migrations;
mod pool;
mod quarantine;
mod rows;
mod snapshots;
mod waits;

use std::sync::Arc;

use bson::{Bson, RawDocumentBuf, doc};
use moka::sync::Cache;
use mongodb::{
    Client, Database,
    options::{
        Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
    },
};
use studyhall_schema::{Timestamp, clock::Clock, document::DocumentId, record::Index};

use self::deadline::{Deadline, WITHIN};
use crate::{
    StoreError,
    backend::{Backend, Chunk, Collection, Reply, Row, Scan},
    log::{Append, Entry, Outcome, Wait},
};

/// The database of a URL that names none.
const DATABASE: &str = "studyhall";

/// The bytes of a database's name.
const LONGEST_NAME: usize = 63;

const LOG: &str = "document_log";
const SNAPSHOTS: &str = "document_snapshots";

/// How many documents' ends are remembered.
const ENDS: u64 = 100_000;

type Rows = mongodb::Collection<RawDocumentBuf>;

/// A `MongoDB` database.
pub(crate) struct Mongo {
    client: Client,
    database: Database,
    log: Rows,
    snapshots: Rows,
    /// Where documents' logs ended when this process last saw them: the next entry's `seq`. An entry
    /// may begin there for ever, whether or not others have written since.
    ends: Cache<DocumentId, u64>,
    /// Who waited for a place in a log when this process last appended to it.
    waits: Cache<DocumentId, Wait>,
}

impl Mongo {
    /// Opens the database that the URL names and brings its layout up to date.
    pub(crate) async fn open(url: &str, clock: &Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self::migrate(url, clock).await?.0)
    }

    /// The same, and says which steps of the layout this call has done.
    pub(crate) async fn migrate(
        url: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Vec<&'static str>), StoreError> {
        let mongo = Self::at(url).await?;
        let done = migrations::migrate(&mongo, clock.as_ref()).await?;
        Ok((mongo, done))
    }

    /// Whether the database that the URL names was ever opened. Makes nothing.
    pub(crate) async fn is_there(url: &str) -> Result<bool, StoreError> {
        let mongo = Self::at(url).await?;
        let is_there = migrations::newest(&mongo).await?.is_some();
        mongo.close().await;
        Ok(is_there)
    }

    /// The database, as it is.
    async fn at(url: &str) -> Result<Self, StoreError> {
        let options = options(url).await?;
        let client = Client::with_options(options).map_err(invalid)?;
        let database = client.default_database().unwrap_or_else(|| client.database(DATABASE));
        let (log, snapshots) = (database.collection(LOG), database.collection(SNAPSHOTS));
        let (ends, waits) = (Cache::new(ENDS), waits::cache());
        Ok(Self { client, database, log, snapshots, ends, waits })
    }

    fn rows(&self, collection: &str) -> Rows {
        self.database.collection(collection)
    }
}

/// The URL's options; what this program relies on cannot be changed by it.
async fn options(url: &str) -> Result<ClientOptions, StoreError> {
    let parse = ClientOptions::parse(url);
    let parsed = tokio::time::timeout(WITHIN, parse).await.map_err(|_| fault::late())?;
    let mut options = parsed.map_err(invalid)?;
    options.default_database.as_deref().map_or(Ok(()), named)?;
    options.app_name.get_or_insert_with(|| "studyhall".to_owned());
    options.connect_timeout = Some(WITHIN);
    options.server_selection_timeout = Some(WITHIN);
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.read_concern = Some(ReadConcern::majority());
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true);
    options.write_concern = Some(durable.w_timeout(WITHIN).build());
    options.cmap_event_handler = Some(pool::figures());
    Ok(options)
}

/// Refuses a database's name that the driver takes and `MongoDB` does not.
fn named(database: &str) -> Result<(), StoreError> {
    if database.len() <= LONGEST_NAME && !database.contains(['.', '\0']) {
        return Ok(());
    }
    let why = format!(
        "the name of a MongoDB database has no dot in it and is {LONGEST_NAME} bytes at most: \
         {database:?} is none"
    );
    Err(StoreError::Invalid(why))
}

/// What the driver says about a URL. It does not repeat it: it may hold a password.
fn invalid(error: mongodb::error::Error) -> StoreError {
    fault::Failure::Driver(error).reading()
}

impl Backend for Mongo {
    fn ensure(&self, collection: Collection) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(rows::ensure(self, collection))
    }

    fn get(&self, collection: Collection, id: Bson) -> Reply<'_, Result<Option<Row>, StoreError>> {
        Box::pin(async move { rows::get(self, collection, &id).await })
    }

    fn get_many(
        &self,
        collection: Collection,
        ids: Vec<Bson>,
    ) -> Reply<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { rows::get_many(self, collection, &ids).await })
    }

    fn insert(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        rev: u64,
    ) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(async move { rows::insert(self, collection, &id, &document, rev).await })
    }

    fn replace(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        expected_rev: u64,
    ) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(async move { rows::replace(self, collection, &id, &document, expected_rev).await })
    }

    fn delete(&self, collection: Collection, id: Bson) -> Reply<'_, Result<bool, StoreError>> {
        Box::pin(async move { rows::delete(self, collection, &id).await })
    }

    fn scan(&self, collection: Collection, scan: Scan) -> Reply<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { rows::scan(self, collection, &scan).await })
    }

    fn delete_scanned(
        &self,
        collection: Collection,
        scan: Scan,
    ) -> Reply<'_, Result<u64, StoreError>> {
        Box::pin(async move { rows::delete_scanned(self, collection, &scan).await })
    }

    fn count(
        &self,
        collection: Collection,
        index: Index,
        prefix: Vec<Bson>,
    ) -> Reply<'_, Result<u64, StoreError>> {
        Box::pin(async move { rows::count(self, collection, &index, &prefix).await })
    }

    fn append(&self, appends: Vec<Append>) -> Reply<'_, Vec<Outcome>> {
        Box::pin(append::append(self, appends))
    }

    fn entries(
        &self,
        document: DocumentId,
        from_seq: u64,
        limit_bytes: usize,
    ) -> Reply<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(entries::read(self, document, from_seq, limit_bytes))
    }

    fn begins_at(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<bool, StoreError>> {
        Box::pin(entries::begins_at(self, document, seq))
    }

    fn told(&self, document: DocumentId, seq: u64) {
        self.ends.insert(document, seq);
    }

    fn wait(&self, document: DocumentId, wait: Wait) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(waits::put(self, document, wait))
    }

    fn waiting(&self, document: DocumentId) -> Option<Wait> {
        self.waits.get(&document)
    }

    fn put_chunks(
        &self,
        document: DocumentId,
        seq: u64,
        chunks: Vec<Chunk>,
    ) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(async move { snapshots::put(self, document, seq, &chunks).await })
    }

    fn chunks(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<Vec<Chunk>, StoreError>> {
        Box::pin(snapshots::read(self, document, seq))
    }

    fn prune(&self, document: DocumentId, snapshot_seq: u64) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(snapshots::prune(self, document, snapshot_seq))
    }

    fn quarantine(
        &self,
        document: DocumentId,
        seq: u64,
        reason: String,
        at: Timestamp,
    ) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(quarantine::quarantine(self, document, seq, reason, at))
    }

    fn remove(&self, document: DocumentId) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(snapshots::remove(self, document))
    }

    fn healthy(&self) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(async {
            let health = self.rows("health");
            let beat = doc! { "$inc": { "beats": 1_i64 } };
            let update = health.update_one(doc! { "_id": "health" }, beat).upsert(true);
            Deadline::start().write(update).await.map(|_| ())
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async { self.client.clone().shutdown().immediate(true).await })
    }
}
