//! A store: what is behind the three URLs, opened once and shared by all.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use studyhall_schema::{clock::Clock, record::Record};

use crate::{
    Bus, Cache, Files, Log, Records, StoreError,
    backend::{Backend, Collection},
    cache::Stamp,
    mongo::Mongo,
    records::Shelf,
    redis::Redis,
    sqlite::Sqlite,
};

/// How long a store may take to show that it is healthy.
pub const HEALTHY_WITHIN: Duration = Duration::from_secs(2);

const RECORDS: &str = "sqlite:PATH or mongodb://HOST/NAME";

/// Where things are kept. URLs may hold passwords: it does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Records and document logs: `sqlite:PATH`, `mongodb://HOST/NAME` or `mongodb+srv://…`.
    pub records: String,
    /// Files: `dir:PATH`, or `s3://ACCESS:SECRET@HOST[:PORT][/PREFIX][?OPTIONS]`; the options are
    /// `region=…` (`us-east-1`), `insecure` (no TLS), `encryption=off` (a server that has none; `on` else) and
    /// `public=https://…` (where clients reach it). Buckets are called `PREFIX-materials` and so on.
    pub files: String,
    /// News between nodes, and what they remember together: `local`, or
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, with TLS `rediss://…`.
    pub bus: String,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("records", &without_password(&self.records))
            .field("files", &without_password(&self.files))
            .field("bus", &without_password(&self.bus))
            .finish()
    }
}

/// A URL as it may be shown: without what comes before the host.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => url.to_owned(),
    }
}

/// Everything that is kept. Clones share it.
#[derive(Clone)]
pub struct Store {
    open: Arc<Open>,
}

struct Open {
    backend: Arc<dyn Backend>,
    shelves: Shelves,
    log: Log,
    bus: Bus,
    cache: Cache,
    files: Files,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens what the URLs name, and makes it where it is not there yet.
    pub async fn open(config: &StoreConfig, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let found = sqlite_file(&config.records).and_then(Stamp::of);
        let backend = open_records(&config.records, &clock).await?;
        let files = Files::open(&config.files, Arc::clone(&clock)).await?;
        let (bus, cache) = open_bus(config, found, &clock).await?;
        let shelves = Shelves::default();
        let log = Log::new(
            Arc::clone(&backend),
            Arc::clone(&clock),
            shelves.records(&backend, &clock),
            shelves.records(&backend, &clock),
        );
        let open = Open { backend, shelves, log, bus, cache, files, clock };
        Ok(Self { open: Arc::new(open) })
    }

    /// Brings what the records' URL names to this version's layout, as [`Store::open`] also does.
    /// Safe while other nodes do the same. Returns the steps that this call has done.
    pub async fn migrate(
        records: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Vec<&'static str>, StoreError> {
        if is_mongodb(records) {
            let (mongo, done) = Mongo::migrate(records, &clock).await?;
            mongo.close().await;
            return Ok(done);
        }
        // SQLite's layout is made in one transaction when it is opened.
        open_records(records, &clock).await?.close().await;
        Ok(Vec::new())
    }

    /// Whether what the records' URL names was ever opened. Makes nothing.
    pub async fn is_there(records: &str) -> Result<bool, StoreError> {
        match sqlite_file(records) {
            Some(path) => Ok(path.exists()),
            None if is_mongodb(records) => Mongo::is_there(records).await,
            None => Err(unknown("records", records, RECORDS)),
        }
    }

    /// A collection. Its table and indexes are made when it is first used.
    pub fn records<T: Record>(&self) -> Records<T> {
        self.open.shelves.records(&self.open.backend, &self.open.clock)
    }

    /// The document logs.
    pub fn log(&self) -> &Log {
        &self.open.log
    }

    /// News between nodes.
    pub fn bus(&self) -> &Bus {
        &self.open.bus
    }

    /// What is remembered for a while.
    pub fn cache(&self) -> &Cache {
        &self.open.cache
    }

    /// Uploaded files.
    pub fn files(&self) -> &Files {
        &self.open.files
    }

    /// The clock that the store was opened with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.open.clock
    }

    /// Writes what waits, then stops taking writes.
    pub async fn close(&self) {
        self.open.backend.close().await;
        self.open.cache.close().await;
    }

    /// Makes a tiny durable write, for `/readyz`. Answers within [`HEALTHY_WITHIN`].
    pub async fn healthy(&self) -> Result<(), StoreError> {
        let answer = tokio::time::timeout(HEALTHY_WITHIN, self.open.backend.healthy()).await;
        answer.unwrap_or_else(|_| Err(StoreError::Unavailable("it has not answered".into())))
    }
}

/// Collections by name, so that all handles to one share what is known of it.
#[derive(Default)]
struct Shelves(Mutex<HashMap<&'static str, Arc<Shelf>>>);

impl Shelves {
    fn records<T: Record>(&self, backend: &Arc<dyn Backend>, clock: &Arc<dyn Clock>) -> Records<T> {
        let collection = Collection { name: T::COLLECTION, indexes: T::indexes() };
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = shelves.entry(T::COLLECTION);
        let ours = ours.or_insert_with(|| Arc::new(Shelf::new(collection)));
        Records::new(Arc::clone(backend), Arc::clone(clock), Arc::clone(ours))
    }
}

fn is_mongodb(url: &str) -> bool {
    url.starts_with("mongodb://") || url.starts_with("mongodb+srv://")
}

fn sqlite_file(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite:").map(Path::new)
}

async fn open_records(url: &str, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Backend>, StoreError> {
    Ok(match sqlite_file(url) {
        Some(path) => Arc::new(Sqlite::open(path).await?),
        None if is_mongodb(url) => Arc::new(Mongo::open(url, clock).await?),
        None => return Err(unknown("records", url, RECORDS)),
    })
}

/// A Redis that is away does not keep a store from opening: it only delays.
async fn open_bus(
    StoreConfig { records, bus: url, .. }: &StoreConfig,
    found: Option<Stamp>,
    clock: &Arc<dyn Clock>,
) -> Result<(Bus, Cache), StoreError> {
    match url.split_once("://") {
        None if url == "local" => {
            let clock = Arc::clone(clock);
            // Nobody else opens an SQLite file.
            let cache = match sqlite_file(records) {
                Some(path) => Cache::beside(path, found, clock),
                None => Cache::new(clock),
            };
            Ok((Bus::default(), cache))
        }
        Some(("redis" | "rediss", _)) => {
            let redis = Redis::at(url)?;
            let bus = Bus::on(redis.clone(), clock.random_u64()).await;
            let cache = Cache::on(redis, Arc::clone(clock)).await;
            Ok((bus, cache))
        }
        // The URL may hold a password.
        _ => Err(StoreError::Invalid("the bus is local or redis://HOST:PORT".into())),
    }
}

fn unknown(what: &str, url: &str, known: &str) -> StoreError {
    let url = without_password(url);
    StoreError::Invalid(format!("{what} cannot be kept at {url}; {known} can be"))
}
