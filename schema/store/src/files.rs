//! Uploaded files by key, put and read through signed URLs.
//!
//! The contract is S3's: a URL permits to put exactly one content (size, type, SHA-256), copies
//! name the etag that was checked, reading is permitted for minutes. In a folder this program
//! signs, checks and serves the URLs itself. Must not know what is in a file or whose it is.

mod folder;
mod hash;
mod key;
mod permit;

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use studyhall_schema::{Timestamp, clock::Clock};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::StoreError;

use self::folder::{Folder, Incoming};
pub use self::{
    folder::Head,
    key::{Bucket, FileKey, InvalidKey},
    permit::Permit,
};

/// How long a URL for putting is good.
const PUT_FOR: Duration = Duration::from_mins(15);

/// How long a URL for reading is good at most.
pub const MAX_GET_FOR: Duration = Duration::from_mins(5);

/// How much of a file is in memory while it is copied.
const PIECE: usize = 256 << 10;

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

/// How a browser is to take a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Shown, where its type allows it.
    Inline,
    /// Saved under this name.
    Attachment(String),
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

/// Files in a folder, with signed URLs that this program serves.
pub struct Files {
    folder: Folder,
    secret: [u8; 32],
    clock: Arc<dyn Clock>,
}

impl Files {
    pub(crate) async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let folder = Folder::open(path, clock.as_ref()).await?;
        let secret = folder.secret(clock.as_ref()).await?;
        Ok(Self { folder, secret, clock })
    }

    /// A request that puts exactly this within 15 minutes.
    #[expect(clippy::unused_async, reason = "S3 looks for its credentials first")]
    pub async fn sign_put(&self, upload: Upload) -> Result<SignedPut, StoreError> {
        header_safe(&upload.content_type)?;
        let expires = self.clock.now() + PUT_FOR;
        let headers = vec![
            ("content-type".to_owned(), upload.content_type.clone()),
            ("content-length".to_owned(), upload.size.to_string()),
        ];
        let url = permit::sign(&self.secret, Permit::Put(upload), expires)?;
        Ok(SignedPut { method: "PUT", url, headers, expires })
    }

    /// What is known of a file.
    pub async fn head(&self, key: FileKey) -> Result<Option<Head>, StoreError> {
        Ok(self.folder.open_file(key).await?.map(|(head, _)| head))
    }

    /// Copies a file whose etag was checked. `Conflict` when it has another one now, or is gone;
    /// `Corrupt` when its bytes are not those of its etag.
    pub async fn copy(&self, from: FileKey, to: FileKey, etag: &str) -> Result<(), StoreError> {
        let Some((head, content)) = self.read(from).await? else {
            return Err(StoreError::Conflict);
        };
        if head.etag() != etag {
            return Err(StoreError::Conflict);
        }
        let upload = Upload {
            key: to,
            size: head.size,
            content_type: head.content_type,
            sha256: head.sha256,
        };
        let pieces = futures_util::stream::try_unfold(content, |mut content| async move {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut content).take(PIECE as u64).read_to_end(&mut piece).await?;
            Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), content)))
        });
        match self.put(&upload, pieces).await {
            Ok(_) => Ok(()),
            Err(FileRefusal::Store(error)) => Err(error),
            Err(FileRefusal::CutOff(why)) => Err(StoreError::Unavailable(why)),
            Err(_) => Err(StoreError::Corrupt(format!("the file {from}"))),
        }
    }

    /// A URL (on a folder a path and query on this server) that permits to read a file for at most
    /// five minutes. Whether there is such a file shows when it is read.
    #[expect(clippy::unused_async, reason = "S3 looks for its credentials first")]
    pub async fn get_signed(
        &self,
        key: FileKey,
        disposition: Disposition,
        good_for: Duration,
    ) -> Result<String, StoreError> {
        if let Disposition::Attachment(name) = &disposition {
            header_safe(name)?;
        }
        let expires = self.clock.now() + good_for.min(MAX_GET_FOR);
        permit::sign(&self.secret, Permit::Get { key, disposition }, expires)
    }

    /// Deletes a file. Whether there was one.
    pub async fn delete(&self, key: FileKey) -> Result<bool, StoreError> {
        self.folder.delete(key).await
    }

    /// A file's head and content, for the server itself: to check it, or to serve it.
    pub async fn read(&self, key: FileKey) -> Result<Option<(Head, Content)>, StoreError> {
        let opened = self.folder.open_file(key).await?;
        Ok(opened.map(|(head, file)| {
            let content: Content = Box::pin(file.take(head.size));
            (head, content)
        }))
    }

    /// What the `token` of a URL under `/files/<key>` permits with this method now.
    pub fn verify(&self, method: &str, key: &str, token: &str) -> Result<Permit, FileRefusal> {
        permit::verify(&self.secret, method, key, token, self.clock.now())
    }

    /// Takes a file in: exactly what was permitted, or nothing. Once it answers, the file is
    /// durable. Putting the same again is the same.
    pub async fn put<E: std::fmt::Display>(
        &self,
        upload: &Upload,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Head, FileRefusal> {
        let mut incoming = self.folder.begin(self.clock.as_ref()).await?;
        let received = async {
            let head = receive(&mut incoming, upload, content).await?;
            self.folder.finish(&mut incoming, upload.key, &head).await?;
            Ok(head)
        };
        let received = received.await;
        if received.is_err() {
            incoming.abandon().await?;
        }
        received
    }
}

async fn receive<E: std::fmt::Display>(
    incoming: &mut Incoming,
    upload: &Upload,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Result<Head, FileRefusal> {
    let mut content = std::pin::pin!(content.map_err(|error| error.to_string()));
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(FileRefusal::CutOff)?;
        if incoming.size() + piece.len() as u64 > upload.size {
            return Err(FileRefusal::Size);
        }
        incoming.write(&piece).await?;
    }
    if incoming.size() != upload.size {
        return Err(FileRefusal::Size);
    }
    if incoming.sha256() != upload.sha256 {
        return Err(FileRefusal::Hash);
    }
    let (size, sha256) = (upload.size, upload.sha256);
    Ok(Head { size, content_type: upload.content_type.clone(), sha256 })
}

/// Refuses what would end a header.
fn header_safe(text: &str) -> Result<(), StoreError> {
    if text.chars().any(char::is_control) {
        return Err(StoreError::Invalid("a header has no control characters".into()));
    }
    Ok(())
}
