//! Files in a folder: signed URLs, exact content, nothing half.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use studyhall_schema::clock::TestClock;
use studyhall_store::{
    Store, StoreError,
    files::{Bucket, Disposition, FileKey, FileRefusal, Permit, Upload},
};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::hall;

struct Hall {
    folder: TempDir,
    clock: Arc<TestClock>,
    store: Store,
}

impl Hall {
    async fn open() -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Arc::new(TestClock::new(1)));
        let store = Store::open(&hall::config(folder.path()), clock.clone()).await.unwrap();
        Self { folder, clock, store }
    }

    fn upload(&self, content: &[u8]) -> Upload {
        Upload {
            key: FileKey::random(Bucket::TempUploads, self.clock.as_ref()),
            size: content.len() as u64,
            content_type: "text/plain".into(),
            sha256: Sha256::digest(content).into(),
        }
    }

    async fn content(&self, key: FileKey) -> Vec<u8> {
        let (head, mut content) = self.store.files().read(key).await.unwrap().unwrap();
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(head.size, bytes.len() as u64);
        bytes
    }

    /// Nothing half is left behind.
    fn assert_nothing_incoming(&self) {
        let incoming = self.folder.path().join("files/incoming");
        assert_eq!(std::fs::read_dir(incoming).unwrap().count(), 0);
    }
}

fn in_pieces(content: &[u8]) -> impl futures_util::Stream<Item = Result<Bytes, String>> + use<> {
    let pieces: Vec<_> = content.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

/// Key and token of a URL under `/files/`.
fn parts(url: &str) -> (&str, &str) {
    url.strip_prefix("/files/").unwrap().split_once("?token=").unwrap()
}

#[tokio::test]
async fn an_upload_arrives_as_it_was_permitted() {
    let hall = Hall::open().await;
    let files = hall.store.files();
    let upload = hall.upload(b"hello, hall");
    let signed = files.sign_put(upload.clone()).await.unwrap();
    let (key, token) = parts(&signed.url);
    let permit = files.verify(signed.method, key, token).unwrap();
    assert_eq!(permit, Permit::Put(upload.clone()));

    let head = files.put(&upload, in_pieces(b"hello, hall")).await.unwrap();
    assert_eq!(files.head(upload.key).await.unwrap(), Some(head.clone()));
    assert_eq!(hall.content(upload.key).await, b"hello, hall");
    assert_eq!(files.put(&upload, in_pieces(b"hello, hall")).await, Ok(head.clone()));

    let to = FileKey::random(Bucket::Materials, hall.clock.as_ref());
    assert_eq!(files.copy(upload.key, to, "another").await, Err(StoreError::Conflict));
    files.copy(upload.key, to, &head.etag).await.unwrap();
    assert!(files.delete(upload.key).await.unwrap());
    assert_eq!(hall.content(to).await, b"hello, hall");
    hall.assert_nothing_incoming();
}

#[tokio::test]
async fn another_content_leaves_nothing() {
    let hall = Hall::open().await;
    let files = hall.store.files();
    let upload = hall.upload(b"hello, hall");
    for (content, refusal) in [
        (&b"hello, hall!"[..], FileRefusal::Size),
        (b"hello, hal", FileRefusal::Size),
        (b"hullo, hall", FileRefusal::Hash),
    ] {
        assert_eq!(files.put(&upload, in_pieces(content)).await, Err(refusal));
    }
    let cut = stream::iter([Ok(Bytes::from_static(b"hel")), Err("reset")]);
    assert_eq!(files.put(&upload, cut).await, Err(FileRefusal::CutOff("reset".into())));
    assert_eq!(files.head(upload.key).await, Ok(None));
    hall.assert_nothing_incoming();
}

#[tokio::test]
async fn a_url_is_good_for_what_was_signed_and_no_longer() {
    let hall = Hall::open().await;
    let files = hall.store.files();
    let upload = hall.upload(b"x");
    let put = files.sign_put(upload.clone()).await.unwrap().url;
    let name = Disposition::Attachment("résumé \"1\".pdf".into());
    let get = files.get_signed(upload.key, name.clone(), Duration::from_hours(1)).await.unwrap();
    let (key, token) = parts(&get);
    let permit = Permit::Get { key: upload.key, disposition: name };
    assert_eq!(files.verify("GET", key, token), Ok(permit.clone()));
    assert_eq!(files.verify("HEAD", key, token), Ok(permit));

    let refused = Err(FileRefusal::Signature);
    assert_eq!(files.verify("PUT", key, token), refused, "another method");
    assert_eq!(files.verify("GET", key, parts(&put).1), refused);
    let other = FileKey::random(Bucket::Materials, hall.clock.as_ref()).to_string();
    assert_eq!(files.verify("GET", &other, token), refused, "another file");
    let (claims, signature) = token.split_once('.').unwrap();
    for forged in [
        String::new(),
        ".".into(),
        claims.to_owned(),
        format!("{claims}."),
        format!("{}.{signature}", parts(&put).1.split_once('.').unwrap().0),
        "a".repeat(100_000),
    ] {
        assert_eq!(files.verify("GET", key, &forged), refused, "{forged}");
    }
    hall.clock.advance(Duration::from_secs(301));
    assert_eq!(files.verify("GET", key, token), Err(FileRefusal::Expired), "five minutes at most");
}

#[tokio::test]
async fn the_signing_key_stays_and_other_halls_have_another() {
    let (hall, other) = (Hall::open().await, Hall::open().await);
    let url = hall.store.files().sign_put(hall.upload(b"x")).await.unwrap().url;
    let (key, token) = parts(&url);
    let again =
        Store::open(&hall::config(hall.folder.path()), Arc::new(TestClock::new(2))).await.unwrap();
    assert!(again.files().verify("PUT", key, token).is_ok());
    other.store.close().await;
    let clock = Arc::new(TestClock::new(3));
    let other = Store::open(&hall::config(TempDir::new().unwrap().path()), clock).await.unwrap();
    assert_eq!(other.files().verify("PUT", key, token), Err(FileRefusal::Signature));
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_so() {
    let hall = Hall::open().await;
    let files = hall.store.files();
    let upload = hall.upload(b"hello, hall");
    let head = files.put(&upload, in_pieces(b"hello, hall")).await.unwrap();
    let path = hall.folder.path().join("files").join(upload.key.to_string());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let to = FileKey::random(Bucket::Materials, hall.clock.as_ref());
    let corrupt = |result| matches!(result, Err(StoreError::Corrupt(_)));
    assert!(corrupt(files.copy(upload.key, to, &head.etag).await));
    assert_eq!(files.head(to).await, Ok(None));
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(corrupt(files.head(upload.key).await.map(|_| ())));
}
