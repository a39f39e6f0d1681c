//! What a process on its own remembers when it is told to stop, for when it starts again: in a file each, beside
//! its records. One that is killed has forgotten it, since the file is taken away when it is read; and it is not
//! believed when the records are not as they were left: another version of the program may have shown things since.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicI64, atomic::Ordering},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use studyhall_schema::Timestamp;

use super::{lock, recent::Left};
use crate::checksum::checksum;

/// How many bytes of the file are its checksum.
const CHECKSUM: usize = 8;

/// How the records' file was left: its size, and when it was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp(i64, Option<i64>);

impl Stamp {
    /// Of a file that nobody has open; none when there is none.
    pub(crate) fn of(records: &Path) -> Option<Self> {
        let file = fs::metadata(records).ok()?;
        let at = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(file.len().try_into().ok()?, at.as_nanos().try_into().ok()))
    }
}

/// The memories of a process, and where they are kept.
pub(super) struct Kept {
    beside: PathBuf,
    /// How the records were before this process opened them.
    found: Option<Stamp>,
    memories: Mutex<Vec<Memory>>,
}

/// What is remembered under a name.
#[derive(Clone)]
pub(super) struct Memory {
    pub(super) name: &'static str,
    pub(super) own: Cache<String, Left>,
    /// From then on it is all there.
    pub(super) complete_since: Arc<AtomicI64>,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    left: Option<Stamp>,
    complete_since: i64,
    values: Vec<Remembered>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    key: String,
    value: bson::Binary,
    at: i64,
}

impl Kept {
    pub(super) fn beside(records: &Path, found: Option<Stamp>) -> Self {
        Self { beside: records.to_owned(), found, memories: Mutex::default() }
    }

    fn file(&self, name: &str) -> PathBuf {
        let mut file = self.beside.as_os_str().to_owned();
        file.push(format!("-{name}"));
        file.into()
    }

    /// Takes what was remembered, and keeps what will be. Nothing, when there was no time to, or it is damaged.
    pub(super) fn takes(&self, memory: Memory, now: Timestamp, kept_for: Duration) {
        if let Some(snapshot) = self.take(memory.name) {
            for Remembered { key, value, at } in snapshot.values {
                let at = Timestamp::from_millis(at);
                if now.since(at) < kept_for {
                    memory.own.insert(key, Left { value: Bytes::from(value.bytes), at });
                }
            }
            memory.complete_since.store(snapshot.complete_since, Ordering::Relaxed);
        }
        lock(&self.memories).push(memory);
    }

    fn take(&self, name: &str) -> Option<Snapshot> {
        let file = self.file(name);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "what was remembered cannot be read");
                return None;
            }
        };
        // What stays would be read again by a process that comes after one that was killed.
        if let Err(error) = fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "what was remembered cannot be taken");
            return None;
        }
        let snapshot = parsed(name, &bytes)?;
        let is_as_left = snapshot.left.is_some() && snapshot.left == self.found;
        if !is_as_left {
            tracing::warn!(file = %file.display(), "what was remembered is older than the records");
        }
        is_as_left.then_some(snapshot)
    }

    /// Writes all that is remembered now; the records are closed.
    pub(super) fn write(&self) {
        let left = Stamp::of(&self.beside);
        let memories = lock(&self.memories);
        if memories.is_empty() {
            self.leave_as_it_is(left);
        }
        for memory in memories.iter() {
            self.put(memory.name, &Snapshot::of(memory, left));
        }
    }

    /// A command that shows nobody anything had the records open: what was remembered is as good as it was.
    fn leave_as_it_is(&self, left: Option<Stamp>) {
        let Some((folder, records)) = self.beside.parent().zip(self.beside.file_name()) else {
            return;
        };
        let beside = format!("{}-", records.to_string_lossy());
        let unread = |error: &io::Error| {
            tracing::warn!(folder = %folder.display(), %error, "what was remembered cannot be read");
        };
        let files = fs::read_dir(folder).inspect_err(unread).into_iter().flatten();
        for file in files.filter_map(|file| file.inspect_err(unread).ok()) {
            let file = file.file_name();
            let name = file.to_str().and_then(|file| file.strip_prefix(&beside));
            let Some(name) = name.filter(|name| !["wal", "shm", "journal"].contains(name)) else {
                continue;
            };
            let bytes = fs::read(self.file(name)).inspect_err(unread).ok();
            let snapshot = bytes.and_then(|bytes| parsed(name, &bytes));
            if let Some(snapshot) = snapshot.filter(|it| it.left.is_some() && it.left == self.found)
            {
                self.put(name, &Snapshot { left, ..snapshot });
            }
        }
    }

    fn put(&self, name: &str, snapshot: &Snapshot) {
        let file = self.file(name);
        if let Err(error) = write(&file, name, snapshot) {
            tracing::warn!(file = %file.display(), %error, "what is remembered cannot be kept");
            let _ = fs::remove_file(&file); // there may be none
        }
    }
}

impl Snapshot {
    fn of(memory: &Memory, left: Option<Stamp>) -> Self {
        memory.own.run_pending_tasks();
        let values = memory.own.iter().map(|(key, Left { value, at })| Remembered {
            key: key.to_string(),
            value: bson::Binary {
                subtype: bson::spec::BinarySubtype::Generic,
                bytes: value.into(),
            },
            at: at.as_millis(),
        });
        let complete_since = memory.complete_since.load(Ordering::Relaxed);
        Self { left, complete_since, values: values.collect() }
    }
}

/// What a file says, unless it is damaged.
fn parsed(name: &str, bytes: &[u8]) -> Option<Snapshot> {
    let (sum, snapshot) = bytes.split_at_checked(CHECKSUM)?;
    if sum != checksum(name.as_bytes(), &[], snapshot).to_le_bytes() {
        tracing::warn!(name, "what was remembered is damaged");
        return None;
    }
    let unread = |error: &bson::error::Error| {
        tracing::warn!(name, %error, "what was remembered cannot be read");
    };
    bson::deserialize_from_slice(snapshot).inspect_err(unread).ok()
}

fn write(file: &Path, name: &str, snapshot: &Snapshot) -> io::Result<()> {
    let snapshot = bson::serialize_to_vec(snapshot).map_err(io::Error::other)?;
    let sum = checksum(name.as_bytes(), &[], &snapshot).to_le_bytes();
    // Half a file has another checksum.
    fs::write(file, [&sum[..], &snapshot].concat())
}

#[cfg(test)]
mod tests {
    use studyhall_schema::clock::{Clock, TestClock};

    use super::super::{Bounds, Cache as Memories};
    use super::*;

    #[tokio::test]
    async fn who_is_told_to_stop_remembers_and_who_is_killed_has_forgotten() {
        const BOUNDS: Bounds = Bounds { bytes: 1 << 20, kept_for: Duration::from_hours(1) };
        let folder = tempfile::tempdir().unwrap();
        let records = folder.path().join("records");
        let clock = Arc::new(TestClock::new(1));
        fs::write(&records, "").unwrap();
        let opened = || Memories::beside(&records, Stamp::of(&records), clock.clone());
        let keys = ["old".to_owned(), "new".to_owned()];
        let began = clock.now();
        let first = opened();
        let recent = first.recent("words", BOUNDS);
        recent.leave(vec![(keys[0].clone(), Bytes::from_static(b"forgotten"))]).await;
        clock.advance(Duration::from_mins(40));
        recent.leave(vec![(keys[1].clone(), Bytes::from_static(b"kept"))]).await;
        first.close().await;
        clock.advance(Duration::from_mins(30));
        let second = opened();
        let recent = second.recent("words", BOUNDS);
        let found = recent.find(&keys).await;
        assert_eq!(found.values, [None, Some(Bytes::from_static(b"kept"))]);
        assert_eq!(found.complete_for.as_secs(), clock.now().since(began).as_secs());
        // A command that shows nobody anything has them open.
        second.close().await;
        let command = opened();
        fs::write(&records, "verified").unwrap();
        command.close().await;
        let third = opened();
        let found = third.recent("words", BOUNDS).find(&keys).await;
        assert_eq!(found.values, [None, Some(Bytes::from_static(b"kept"))]);
        // Something else has opened the records since it was told to stop.
        third.close().await;
        fs::write(&records, "more").unwrap();
        let found = opened().recent("words", BOUNDS).find(&keys).await;
        assert_eq!((found.values, found.complete_for.as_secs()), (vec![None, None], 0));
        // Killed now, it has not said what it knew since; damaged, it says nothing.
        let found = opened().recent("words", BOUNDS).find(&keys).await;
        assert_eq!((found.values, found.complete_for.as_secs()), (vec![None, None], 0));
        third.close().await;
        let file = folder.path().join("records-words");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        let found = opened().recent("words", BOUNDS).find(&keys).await;
        assert_eq!((found.values, found.complete_for.as_secs()), (vec![None, None], 0));
        assert!(!file.exists());
    }
}
