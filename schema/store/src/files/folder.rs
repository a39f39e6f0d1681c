//! Files on disk. A file is its content, then its head in BSON, the head's length and a mark, so
//! that one rename puts both in place.
//!
//! A file comes into being under a name of its own in `incoming`, is flushed, and is renamed. Must
//! not know who may put or read a file.

use std::{
    io::{self, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use studyhall_schema::{Timestamp, clock::Clock};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

use super::{Bucket, FileKey, Head};
use crate::StoreError;

/// The end of every file here.
const MARK: [u8; 4] = *b"Shf1";

/// The longest head that is believed.
const MAX_HEAD: u32 = 4096;

/// Uploads that were cut off are swept after this long.
const SWEPT_AFTER: Duration = Duration::from_hours(24);

/// What stands at the end of a file.
#[derive(Serialize, Deserialize)]
struct Tail {
    size: u64,
    content_type: String,
    #[serde(with = "super::hash")]
    sha256: [u8; 32],
}

/// A content's etag is its SHA-256: another content has another one.
pub(super) fn head(size: u64, content_type: String, sha256: [u8; 32]) -> Head {
    use std::fmt::Write;
    let etag = sha256.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
        text
    });
    Head { size, content_type, sha256, etag }
}

/// A folder with a folder a bucket.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// A file on its way in.
pub(super) struct Incoming {
    path: PathBuf,
    file: File,
    size: u64,
    hash: Sha256,
}

impl Folder {
    pub(super) async fn open(root: &Path, clock: &dyn Clock) -> Result<Self, StoreError> {
        let folder = Self { root: root.to_owned() };
        for bucket in Bucket::ALL {
            fs::create_dir_all(root.join(bucket.name())).await.map_err(failed)?;
        }
        fs::create_dir_all(folder.incoming()).await.map_err(failed)?;
        folder.sweep(clock.now()).await?;
        Ok(folder)
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn path(&self, key: FileKey) -> PathBuf {
        self.root.join(key.bucket().name()).join(key.name())
    }

    /// Deletes what was cut off long ago; another process may be at a young one.
    async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut entries = fs::read_dir(self.incoming()).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let modified = entry.metadata().await.and_then(|metadata| metadata.modified());
            let since = modified.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            let at = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
            if now.since(Timestamp::from_millis(at)) > SWEPT_AFTER {
                fs::remove_file(entry.path()).await.or_else(gone).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The key that signs URLs; made once.
    pub(super) async fn secret(&self, clock: &dyn Clock) -> Result<[u8; 32], StoreError> {
        let path = self.root.join("signing-key");
        if !fs::try_exists(&path).await.map_err(failed)? {
            let mut secret = [0; 32];
            clock.fill(&mut secret);
            let fresh = self.incoming().join(format!("{:016x}.key", clock.random_u64()));
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            options.mode(0o600);
            let mut file = options.open(&fresh).await.map_err(failed)?;
            file.write_all(&secret).await.map_err(failed)?;
            file.sync_all().await.map_err(failed)?;
            // A link fails where another process was first, whose key then counts.
            match fs::hard_link(&fresh, &path).await {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                _ => {}
            }
            fs::remove_file(&fresh).await.map_err(failed)?;
            sync_folder(&self.root).await.map_err(failed)?;
        }
        let secret = fs::read(&path).await.map_err(failed)?;
        secret.try_into().map_err(|_| StoreError::Corrupt("the key that signs URLs".into()))
    }

    /// Begins a file.
    pub(super) async fn begin(&self, clock: &dyn Clock) -> Result<Incoming, StoreError> {
        let path = self.incoming().join(format!("{:016x}", clock.random_u64()));
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path).await;
        Ok(Incoming { path, file: file.map_err(failed)?, size: 0, hash: Sha256::new() })
    }

    /// Ends a file: from here on it is at `key`, whole and durable.
    pub(super) async fn finish(
        &self,
        incoming: &mut Incoming,
        key: FileKey,
        head: &Head,
    ) -> Result<(), StoreError> {
        let content_type = head.content_type.clone();
        let tail = Tail { size: head.size, content_type, sha256: head.sha256 };
        let mut tail = bson::serialize_to_vec(&tail)
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        let length = u32::try_from(tail.len()).unwrap_or(u32::MAX);
        if length > MAX_HEAD {
            return Err(StoreError::Invalid("too long a content type".into()));
        }
        tail.extend_from_slice(&length.to_le_bytes());
        tail.extend_from_slice(&MARK);
        incoming.file.write_all(&tail).await.map_err(failed)?;
        incoming.file.sync_all().await.map_err(failed)?;
        let path = self.path(key);
        fs::rename(&incoming.path, &path).await.map_err(failed)?;
        sync_folder(&self.root.join(key.bucket().name())).await.map_err(failed)
    }

    /// A file's head, and the file at its first byte.
    pub(super) async fn open_file(&self, key: FileKey) -> Result<Option<(Head, File)>, StoreError> {
        let mut file = match File::open(self.path(key)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        let head = read_head(&mut file).await.map_err(failed)?;
        let head = head.ok_or_else(|| StoreError::Corrupt(format!("the file {key}")))?;
        file.rewind().await.map_err(failed)?;
        Ok(Some((head, file)))
    }

    pub(super) async fn delete(&self, key: FileKey) -> Result<bool, StoreError> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => {
                other.map_err(failed)?;
                sync_folder(&self.root.join(key.bucket().name())).await.map_err(failed)?;
                Ok(true)
            }
        }
    }
}

impl Incoming {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        self.file.write_all(bytes).await.map_err(failed)
    }

    /// Throws away what has come so far.
    pub(super) async fn abandon(self) -> Result<(), StoreError> {
        drop(self.file);
        fs::remove_file(&self.path).await.or_else(gone).map_err(failed)
    }
}

/// Reads the head at the end. `None` when there is none, or the sizes do not add up.
async fn read_head(file: &mut File) -> io::Result<Option<Head>> {
    let length = file.metadata().await?.len();
    if length < 8 {
        return Ok(None);
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::Start(length - 8)).await?;
    file.read_exact(&mut end).await?;
    let [a, b, c, d, mark @ ..] = end;
    let tail = u32::from_le_bytes([a, b, c, d]);
    let content = length.checked_sub(8 + u64::from(tail));
    let (Some(content), MARK, true) = (content, mark, tail <= MAX_HEAD) else { return Ok(None) };
    let mut bson = vec![0; tail as usize];
    file.seek(SeekFrom::Start(content)).await?;
    file.read_exact(&mut bson).await?;
    let tail: Option<Tail> = bson::deserialize_from_slice(&bson).ok();
    let tail = tail.filter(|tail| tail.size == content);
    Ok(tail.map(|tail| head(tail.size, tail.content_type, tail.sha256)))
}

/// Makes a rename durable.
async fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path).await?.sync_all().await
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A disk that is full, away or read-only may work later.
#[expect(clippy::needless_pass_by_value, reason = "it reads well in map_err")]
pub(super) fn failed(error: io::Error) -> StoreError {
    StoreError::Unavailable(format!("files: {error}"))
}
