//! The database file: opening it, telling it from another program's, its layout.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{fault::Fault, tail};
use crate::StoreError;

/// Pages that a connection keeps, in KiB. What readers look for lies in the system's cache: with as much as the
/// writer each of them took a KiB more for each document that was opened.
const WRITER_CACHE_KIB: i32 = 8_000;
const READER_CACHE_KIB: i32 = 1_000;

/// `Stdy`, in the header of every database of this program.
const APPLICATION: i32 = 0x5374_6479;

/// The layout that this program writes.
const LAYOUT: i32 = 1;

/// How often a start tries while others start, and how long between two tries.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// A connection is used by one thread at a time. A path is a path, not a URI.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A document's name is text, so that `sqlite3` shows it. `WITHOUT ROWID`: a document's entries are
/// neighbours in the file, and an append walks one tree.
const TABLES: &str = "
    CREATE TABLE document_log (
        d TEXT NOT NULL, s INTEGER NOT NULL, n INTEGER NOT NULL, batch INTEGER NOT NULL,
        at INTEGER NOT NULL, crc INTEGER NOT NULL, updates BLOB NOT NULL,
        PRIMARY KEY (d, s)
    ) WITHOUT ROWID;
    CREATE TABLE document_snapshots (
        d TEXT NOT NULL, s INTEGER NOT NULL, chunk INTEGER NOT NULL, chunks INTEGER NOT NULL,
        at INTEGER NOT NULL, crc INTEGER NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (d, s, chunk)
    ) WITHOUT ROWID;
    CREATE TABLE health (id INTEGER PRIMARY KEY, beats INTEGER NOT NULL);
    INSERT INTO health (id, beats) VALUES (1, 0);
";

/// A path, and the file that was there when it was opened.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl File {
    /// Opens or makes the database. Gives the connection that will write.
    pub(super) fn open(path: &Path) -> Result<(Self, Connection), StoreError> {
        let named = |why: String| format!("{}: {why}", path.display());
        let told = |fault: Fault| match StoreError::from(fault) {
            StoreError::Corrupt(why) => StoreError::Corrupt(named(why)),
            StoreError::Unavailable(why) => StoreError::Unavailable(named(why)),
            other => other,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| StoreError::Unavailable(named(error.to_string())))?;
        }
        let file = Self { path: path.to_owned(), identity: None };
        tail::look(path);
        let connection = patiently(|| {
            // Recognized before it is touched: another program's file stays as it is.
            recognize(&Connection::open_with_flags(path, FLAGS)?, path)?;
            file.connect()
        });
        let connection = connection.map_err(told)?;
        Ok((Self { identity: identity(path), ..file }, connection))
    }

    /// A connection more.
    pub(super) fn connect(&self) -> Result<Connection, Fault> {
        let mut connection = Connection::open_with_flags(&self.path, FLAGS)?;
        connection.busy_handler(Some(wait))?;
        connection.set_prepared_statement_cache_capacity(512);
        // A prepared statement keeps its plan. Otherwise SQLite prepares it anew for new values,
        // which was a quarter of the cost of an append.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let why = "its file system has no shared memory for a write-ahead log";
            return Err(StoreError::Unavailable(why.into()).into());
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // After a burst the write-ahead log gives its space back.
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // Deleted text is overwritten where that costs no IO of its own.
        connection.pragma_update(None, "secure_delete", "FAST")?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(super) fn connect_to_read(&self) -> Result<Connection, Fault> {
        self.still_there()?;
        let connection = self.connect()?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(connection)
    }

    /// Whether the path still names the file that is open. Writing to a deleted file would
    /// acknowledge what nobody can ever read.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        if identity(&self.path) == self.identity {
            return Ok(());
        }
        let path = self.path.display();
        Err(StoreError::Unavailable(format!("{path} was deleted or replaced while it was open")))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.exists().then_some((0, 0))
}

/// Waits for another process's transaction. `SQLite`'s own pauses grow to 100 ms, in which a process
/// that writes again and again always has the lock.
fn wait(tries: i32) -> bool {
    thread::sleep(Duration::from_millis(2));
    tries < 5_000
}

/// Opens again while another process that starts is in the way. `SQLite` waits for a lock only where
/// nothing is held yet: two that make a new file's write-ahead log are refused at once.
fn patiently<T>(mut open: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    for _ in 0..TRIES {
        match open() {
            Err(fault) if fault.is_busy() => thread::sleep(PAUSE),
            opened => return opened,
        }
    }
    open()
}

/// Refuses another program's database and a newer layout; lays out an empty one.
fn recognize(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    // Looked at without the lock to write, which another process may hold again and again.
    if number("application_id")? == APPLICATION && number("user_version")? == LAYOUT {
        return Ok(());
    }
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    let (application, layout) = (number("application_id")?, number("user_version")?);
    let path = path.display();
    if application == APPLICATION && layout == LAYOUT {
        return Ok(());
    }
    if application == APPLICATION && layout > LAYOUT {
        return Err(StoreError::Invalid(format!("{path} was written by a newer version")).into());
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != 0 || tables != 0 {
        return Err(StoreError::Invalid(format!("{path} is another program's database")).into());
    }
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_start_at_once_wait_for_each_other() {
        for _ in 0..50 {
            let folder = tempfile::TempDir::new().unwrap();
            let path = folder.path().join("x.db");
            thread::scope(|scope| {
                let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| File::open(&path))).collect();
                for start in starts {
                    start.join().unwrap().unwrap();
                }
            });
        }
    }

    #[test]
    fn a_process_starts_beside_one_that_is_writing() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("x.db");
        let (_, writer) = File::open(&path).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        File::open(&path).unwrap();
    }

    #[test]
    fn a_commit_is_on_the_disk_when_it_returns() {
        let folder = tempfile::TempDir::new().unwrap();
        let (file, writer) = File::open(&folder.path().join("x.db")).unwrap();
        let reader = file.connect_to_read().unwrap();
        for connection in [&writer, &reader] {
            let full: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            let mode: String =
                connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!((full, mode.as_str()), (2, "wal"));
        }
        let refused = reader.execute("UPDATE health SET beats = 1", []);
        assert!(refused.is_err(), "who reads cannot write");
    }
}
