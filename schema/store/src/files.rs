//! Uploaded files by key, put and read through signed URLs.
//!
//! The contract is S3's: a URL permits to put exactly one content (size, type, SHA-256), copies
//! name the etag that was checked, reading is permitted for minutes. In a folder this program
//! signs, checks and serves the URLs itself. Must not know what is in a file or whose it is.

mod disposition;
mod folder;
mod hash;
mod key;
mod local;
mod permit;
mod s3;

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use studyhall_schema::{Timestamp, clock::Clock};
use thiserror::Error;
use tokio::io::AsyncRead;

use crate::StoreError;

pub use self::{
    disposition::Disposition,
    key::{Bucket, FileKey, InvalidKey},
    permit::Permit,
};
use self::{local::Local, s3::S3};

/// How long a URL for putting is good.
const PUT_FOR: Duration = Duration::from_mins(15);

/// How long a URL for reading is good at most.
pub const MAX_GET_FOR: Duration = Duration::from_mins(5);

/// Exactly what may be put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Where.
    pub key: FileKey,
    /// Bytes of content.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: String,
    /// SHA-256 of the content.
    #[serde(with = "hash")]
    pub sha256: [u8; 32],
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Bytes of content.
    pub size: u64,
    /// The type that was declared.
    pub content_type: String,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Names the content: another content has another one.
    pub etag: String,
}

/// A request that a client may send, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// `PUT`.
    pub method: &'static str,
    /// On a folder a path and query on this server; on S3 a whole URL.
    pub url: String,
    /// Headers that the client must send.
    pub headers: Vec<(String, String)>,
    /// When the URL ends.
    pub expires: Timestamp,
}

/// Why a file was not taken or given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileRefusal {
    /// We did not sign this.
    #[error("the URL is not signed for this")]
    Signature,
    /// It was signed for a time that is over.
    #[error("the URL has expired")]
    Expired,
    /// More or fewer bytes came than were declared.
    #[error("the content has not the declared size")]
    Size,
    /// Other bytes came than were declared.
    #[error("the content has not the declared SHA-256")]
    Hash,
    /// The client went away.
    #[error("the upload was cut off: {0}")]
    CutOff(String),
    /// The store's own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file's content as it is read.
pub type Content = Pin<Box<dyn AsyncRead + Send>>;

/// Files in a folder or on S3.
pub struct Files {
    place: Place,
    clock: Arc<dyn Clock>,
}

enum Place {
    Local(Local),
    S3(Box<S3>),
}

impl Files {
    /// `dir:PATH` or `s3://…`.
    pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let place = match url.split_once(':') {
            Some(("dir", path)) => {
                Place::Local(Local::open(Path::new(path), Arc::clone(&clock)).await?)
            }
            Some(("s3", _)) => Place::S3(Box::new(S3::open(url).await?)),
            _ => return Err(StoreError::Invalid("files are kept at dir:PATH or s3://…".into())),
        };
        Ok(Self { place, clock })
    }

    /// A request that puts exactly this within 15 minutes.
    pub async fn sign_put(&self, upload: Upload) -> Result<SignedPut, StoreError> {
        header_safe(&upload.content_type)?;
        let now = self.clock.now();
        match &self.place {
            Place::Local(local) => local.sign_put(upload, now + PUT_FOR),
            Place::S3(s3) => s3.sign_put(&upload, now, PUT_FOR).await,
        }
    }

    /// What is known of a file.
    pub async fn head(&self, key: FileKey) -> Result<Option<Head>, StoreError> {
        match &self.place {
            Place::Local(local) => local.head(key).await,
            Place::S3(s3) => s3.head(key).await,
        }
    }

    /// Copies a file whose etag was checked. `Conflict` when it has another one now, or is gone;
    /// `Corrupt` when its bytes are not those of its etag.
    pub async fn copy(&self, from: FileKey, to: FileKey, etag: &str) -> Result<(), StoreError> {
        match &self.place {
            Place::Local(local) => local.copy(from, to, etag).await,
            Place::S3(s3) => s3.copy(from, to, etag).await,
        }
    }

    /// A URL (on a folder a path and query on this server) that permits to read a file for at most
    /// five minutes. Whether there is such a file shows when it is read.
    pub async fn get_signed(
        &self,
        key: FileKey,
        disposition: Disposition,
        good_for: Duration,
    ) -> Result<String, StoreError> {
        if let Disposition::Attachment(name) = &disposition {
            header_safe(name)?;
        }
        let (now, good_for) = (self.clock.now(), good_for.min(MAX_GET_FOR));
        match &self.place {
            Place::Local(local) => local.get_signed(key, disposition, now + good_for),
            Place::S3(s3) => s3.get_signed(key, &disposition, now, good_for).await,
        }
    }

    /// Deletes a file. Whether there was one.
    pub async fn delete(&self, key: FileKey) -> Result<bool, StoreError> {
        match &self.place {
            Place::Local(local) => local.delete(key).await,
            Place::S3(s3) => s3.delete(key).await,
        }
    }

    /// A file's head and content, for the server itself: to check it, or to serve it.
    pub async fn read(&self, key: FileKey) -> Result<Option<(Head, Content)>, StoreError> {
        match &self.place {
            Place::Local(local) => local.read(key).await,
            Place::S3(s3) => s3.read(key).await,
        }
    }

    /// What the `token` of a URL under `/files/<key>` permits with this method now. On S3 nothing:
    /// its URLs do not lead here.
    pub fn verify(&self, method: &str, key: &str, token: &str) -> Result<Permit, FileRefusal> {
        match &self.place {
            Place::Local(local) => local.verify(method, key, token, self.clock.now()),
            Place::S3(_) => Err(FileRefusal::Signature),
        }
    }

    /// Takes a file in: exactly what was permitted, or nothing. Once it answers, the file is
    /// durable. Putting the same again is the same.
    pub async fn put<E: std::fmt::Display>(
        &self,
        upload: &Upload,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Head, FileRefusal> {
        match &self.place {
            Place::Local(local) => local.put(upload, content).await,
            Place::S3(s3) => s3.put(upload, content).await,
        }
    }

    /// Whether files can be put and read, for `/readyz`: without them all else works.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::Local(_) => Ok(()),
            Place::S3(s3) => s3.healthy().await,
        }
    }
}

/// Refuses what would end a header.
fn header_safe(text: &str) -> Result<(), StoreError> {
    if text.chars().any(char::is_control) {
        return Err(StoreError::Invalid("a header has no control characters".into()));
    }
    Ok(())
}
