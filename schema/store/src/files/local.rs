//! Files in a folder, with signed URLs that this program serves.
//!
//! Must not know what is in a file or whose it is.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use studyhall_schema::{Timestamp, clock::Clock};
use tokio::io::AsyncReadExt;

use super::{
    Content, Disposition, FileKey, FileRefusal, Head, Permit, SignedPut, Upload,
    folder::{self, Folder, Incoming},
    permit,
};
use crate::StoreError;

/// How much of a file is in memory while it is copied.
const PIECE: usize = 256 << 10;

/// A folder and the key that signs its URLs.
pub(super) struct Local {
    folder: Folder,
    secret: [u8; 32],
    clock: Arc<dyn Clock>,
}

impl Local {
    pub(super) async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let folder = Folder::open(path, clock.as_ref()).await?;
        let secret = folder.secret(clock.as_ref()).await?;
        Ok(Self { folder, secret, clock })
    }

    pub(super) fn sign_put(
        &self,
        upload: Upload,
        expires: Timestamp,
    ) -> Result<SignedPut, StoreError> {
        let headers = vec![
            ("content-type".to_owned(), upload.content_type.clone()),
            ("content-length".to_owned(), upload.size.to_string()),
        ];
        let url = permit::sign(&self.secret, Permit::Put(upload), expires)?;
        Ok(SignedPut { method: "PUT", url, headers, expires })
    }

    pub(super) async fn head(&self, key: FileKey) -> Result<Option<Head>, StoreError> {
        Ok(self.folder.open_file(key).await?.map(|(head, _)| head))
    }

    pub(super) async fn copy(
        &self,
        from: FileKey,
        to: FileKey,
        etag: &str,
    ) -> Result<(), StoreError> {
        let Some((head, content)) = self.read(from).await? else {
            return Err(StoreError::Conflict);
        };
        if head.etag != etag {
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

    pub(super) fn get_signed(
        &self,
        key: FileKey,
        disposition: Disposition,
        expires: Timestamp,
    ) -> Result<String, StoreError> {
        permit::sign(&self.secret, Permit::Get { key, disposition }, expires)
    }

    pub(super) async fn delete(&self, key: FileKey) -> Result<bool, StoreError> {
        self.folder.delete(key).await
    }

    pub(super) async fn read(&self, key: FileKey) -> Result<Option<(Head, Content)>, StoreError> {
        let opened = self.folder.open_file(key).await?;
        Ok(opened.map(|(head, file)| {
            let content: Content = Box::pin(file.take(head.size));
            (head, content)
        }))
    }

    pub(super) fn verify(
        &self,
        method: &str,
        key: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Permit, FileRefusal> {
        permit::verify(&self.secret, method, key, token, now)
    }

    pub(super) async fn put<E: std::fmt::Display>(
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
    Ok(folder::head(upload.size, upload.content_type.clone(), upload.sha256))
}
