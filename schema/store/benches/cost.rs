//! What the store costs. `cargo bench -p studyhall-store --bench cost [-- WHERE]`: WHERE is a folder
//! for `SQLite`, on a disk to see fsync, on a tmpfs (`/dev/shm`) to see the CPU alone; or a server's
//! `mongodb://` URL without a database; or `ferretdb`, which starts one. The CPU is this process's
//! own, the server's is not in it. Prints, asserts nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    clock::SystemClock,
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{NoteId, UserId},
};
use studyhall_services::{Ferret, Redis};
use studyhall_store::{
    Page, Store, StoreConfig,
    cache::Bounds,
    log::{Append, LoggedUpdate, Outcome},
};
use tokio::time::Instant;

fn main() {
    let place = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let place = place.unwrap_or_else(|| "target/bench-store".into());
    let place = Place::new(&place);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!("{:<52} {:>10} {:>12} {:>12}", place.name, "each/s", "µs CPU each", "ms a call");
    runtime.block_on(async {
        // documents in a flush, updates in an entry, flushes
        measure(&place, "1 document, 1 update a flush", 1, 1, 2000).await;
        measure(&place, "100 documents, 1 update each a flush", 100, 1, 400).await;
        measure(&place, "1000 documents, 1 update each a flush", 1000, 1, 60).await;
        measure(&place, "10 documents, 100 updates each a flush", 10, 100, 300).await;
        measure(&place, "1 document, 500 updates a flush", 1, 500, 400).await;
        alone(&place).await;
        records(&place).await;
        remembered(&place).await;
    });
    fs::remove_dir_all(&place.folder).expect("the folder can be removed");
}

/// Where the stores are that are measured.
struct Place {
    name: String,
    folder: PathBuf,
    server: Option<Server>,
    opened: AtomicU32,
}

enum Server {
    Of(String),
    Own(Ferret),
}

impl Place {
    fn new(name: &str) -> Self {
        let server = name.starts_with("mongodb").then(|| Server::Of(name.to_owned()));
        let folder =
            if server.is_some() || name == "ferretdb" { "target/bench-store" } else { name };
        let folder = Path::new(folder).join(format!("cost-{}", std::process::id()));
        let own = || {
            fs::create_dir_all(&folder).expect("a folder");
            Server::Own(Ferret::start(&folder))
        };
        let server = server.or_else(|| (name == "ferretdb").then(own));
        Self { name: name.to_owned(), folder, server, opened: AtomicU32::new(0) }
    }

    /// A new hall.
    fn config(&self) -> StoreConfig {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(number.to_string());
        let database = format!("cost_{}_{number}", std::process::id());
        let records = match &self.server {
            None => format!("sqlite:{}/studyhall.db", folder.display()),
            Some(Server::Of(url)) => studyhall_services::database(url, &database),
            Some(Server::Own(ferret)) => ferret.url(&database),
        };
        StoreConfig {
            records,
            files: format!("dir:{}/files", folder.display()),
            bus: "local".into(),
        }
    }
}

async fn open(place: &Place, documents: u64) -> Store {
    let config = place.config();
    let store = Store::open(&config, Arc::new(SystemClock)).await.expect("a store");
    for number in 0..documents {
        let record = DocumentRecord {
            id: document(number),
            kind: DocumentKind::PlainNote,
            engine: Engine::Yjs,
            owner: UserId::from_bytes([1; 12]),
            room: None,
            is_shared: false,
            created_at: Timestamp::default(),
            deleted_at: None,
            changed_at: None,
            shared_at_seq: None,
            snapshot_seq: 0,
            bytes: 0,
        };
        store.records().insert(record).await.expect("a record");
    }
    store
}

fn document(number: u64) -> DocumentId {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    DocumentId::Note(NoteId::from_bytes(id))
}

fn append(number: u64, seq: u64, updates: u64) -> Append {
    let update = LoggedUpdate {
        login: None,
        put: None,
        by: UserId::from_bytes([7; 12]),
        data: Bytes::from_static(b"an update of thirty-two bytes..."),
    };
    Append {
        document: document(number),
        seq,
        batch: seq,
        at: Timestamp::default(),
        updates: vec![update; usize::try_from(updates).expect("few updates")],
    }
}

async fn measure(place: &Place, name: &str, documents: u64, updates: u64, flushes: u64) {
    let store = open(place, documents).await;
    let (began, cpu) = (Instant::now(), cpu_ticks());
    for flush in 0..flushes {
        let seq = 1 + flush * updates;
        let appends = (0..documents).map(|number| append(number, seq, updates)).collect();
        let outcomes = store.log().append(appends).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored));
    }
    print(name, documents * updates * flushes, flushes, began, cpu);
    store.close().await;
}

/// A hundred writers who each wait for their own append: group commit has to bring them together.
async fn alone(place: &Place) {
    let store = open(place, 100).await;
    let (began, cpu) = (Instant::now(), cpu_ticks());
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for seq in 1..=200 {
                    store.log().append(vec![append(number, seq, 1)]).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    print("100 writers, each its own call", 20_000, 200, began, cpu);
    store.close().await;
}

/// Records: read by id, listed, changed by writers who do not know of each other.
async fn records(place: &Place) {
    let store = open(place, 100).await;
    let documents = store.records::<DocumentRecord>();
    let (began, cpu) = (Instant::now(), cpu_ticks());
    for number in 0..20_000 {
        documents.get(&document(number % 100)).await.expect("a record");
    }
    print("a record by its id", 20_000, 20_000, began, cpu);
    let (began, cpu) = (Instant::now(), cpu_ticks());
    let owner = UserId::from_bytes([1; 12]);
    for _ in 0..2000 {
        documents.page(Page::of("owner").equal(owner).limit(50)).await.expect("a page");
    }
    print("a page of 50 records", 2000, 2000, began, cpu);
    let (began, cpu) = (Instant::now(), cpu_ticks());
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let documents = documents.clone();
            tokio::spawn(async move {
                for bytes in 1..=50 {
                    let change = |record: &mut DocumentRecord| {
                        record.bytes = bytes;
                        Ok::<_, ()>(())
                    };
                    documents.update(&document(number), change).await.expect("a change");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    print("100 writers, each updates its own record", 5000, 50, began, cpu);
    store.close().await;
}

/// What a node asks Redis for instead of the store.
async fn remembered(place: &Place) {
    let redis = Redis::start();
    let open = async || {
        let config = StoreConfig { bus: redis.url(), ..place.config() };
        Store::open(&config, Arc::new(SystemClock)).await.expect("a store")
    };
    let (one, two) = (open().await, open().await);
    let bounds = Bounds { bytes: 1 << 24, kept_for: Duration::from_mins(1) };
    let recent = [&one, &two].map(|store| store.cache().recent("cost", bounds));
    let key = |number: u32| format!("{}", number % 100);
    let value = Bytes::from(vec![b'x'; 300]);
    let (began, cpu) = (Instant::now(), cpu_ticks());
    for number in 0..20_000 {
        recent[0].leave(vec![(key(number), value.clone())]).await;
    }
    print("300 bytes left in Redis", 20_000, 20_000, began, cpu);
    let (began, cpu) = (Instant::now(), cpu_ticks());
    for number in 0..20_000 {
        assert!(recent[1].find(&[key(number)]).await.values[0].is_some());
    }
    print("300 bytes found in Redis", 20_000, 20_000, began, cpu);
    one.close().await;
    two.close().await;
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn print(name: &str, updates: u64, calls: u64, began: Instant, cpu: u64) {
    let seconds = began.elapsed().as_secs_f64();
    let micros = (cpu_ticks() - cpu) as f64 * 10_000.0 / updates as f64;
    let (rate, call) = (updates as f64 / seconds, seconds * 1000.0 / calls as f64);
    println!("{name:<52} {rate:>10.0} {micros:>12.2} {call:>12.3}");
}

/// This process's user and system time, in hundredths of a second.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}
