//! Files: what was permitted arrives, and nothing else. How a URL is used is each backend's own
//! test, as on S3 the bytes do not pass through this program.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::{
    Files, Store, StoreError,
    files::{Bucket, Disposition, FileKey, FileRefusal, Head, Upload},
};

pub(super) async fn are_signed_and_absent(store: &Store) {
    let (files, clock) = (store.files(), store.clock().as_ref());
    let key = FileKey::random(Bucket::TempUploads, clock);
    let upload = Upload { key, size: 5, content_type: "application/pdf".into(), sha256: [1; 32] };
    let signed = files.sign_put(upload.clone()).await.unwrap();
    assert_eq!(signed.method, "PUT");
    assert!(signed.url.contains(&key.to_string()), "a URL names its file");
    assert!(signed.expires > clock.now(), "a URL is good for a while");
    let splitting = Upload { content_type: "text/plain\r\nx: y".into(), ..upload };
    let refused = files.sign_put(splitting).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "no header splits another");

    assert_eq!(files.head(key).await, Ok(None), "signing makes no file");
    assert_eq!(files.delete(key).await, Ok(false), "what is not there cannot be deleted");
    let to = FileKey::random(Bucket::Materials, clock);
    assert_eq!(files.copy(key, to, "?").await, Err(StoreError::Conflict), "nor copied");
    let name = Disposition::Attachment("notes.pdf".into());
    let url = files.get_signed(to, name, Duration::from_mins(1)).await.unwrap();
    assert!(url.contains(&to.to_string()));
}

pub(super) async fn arrive_whole_or_not_at_all(store: &Store) {
    let (files, clock) = (store.files(), store.clock().as_ref());
    let key = FileKey::random(Bucket::TempUploads, clock);
    // Longer than what is sent at once.
    let content = b"hello, hall".repeat(50_000);
    let upload = declare(key, &content);
    let mut changed = content.clone();
    changed[0] ^= 1;
    let longer = [&content[..], b"!"].concat();
    for (sent, refusal) in [
        (&content[1..], FileRefusal::Size),
        (&longer, FileRefusal::Size),
        (&changed, FileRefusal::Hash),
    ] {
        assert_eq!(put(files, &upload, sent).await, Err(refusal));
    }
    let cut = stream::iter([Ok(Bytes::from_static(b"hel")), Err("reset")]);
    assert_eq!(files.put(&upload, cut).await, Err(FileRefusal::CutOff("reset".into())));
    assert_eq!(files.head(key).await, Ok(None), "what is refused leaves nothing");

    let head = put(files, &upload, &content).await.unwrap();
    assert_eq!(head.size, content.len() as u64);
    assert_eq!((head.content_type.as_str(), head.sha256), ("text/plain", upload.sha256));
    assert_eq!(files.head(key).await, Ok(Some(head.clone())));
    assert_eq!(read(files, key).await, (head.clone(), content.clone()));
    let again = put(files, &upload, &content).await.unwrap();
    assert_eq!(again.sha256, head.sha256, "putting the same again is the same");
    let nothing = declare(FileKey::random(Bucket::UserAvatars, clock), b"");
    assert_eq!(put(files, &nothing, b"").await.unwrap().size, 0, "a file may be empty");
}

pub(super) async fn are_copied_as_they_were_checked(store: &Store) {
    let (files, clock) = (store.files(), store.clock().as_ref());
    let key = FileKey::random(Bucket::TempUploads, clock);
    let to = FileKey::random(Bucket::Materials, clock);
    let checked = put(files, &declare(key, b"checked"), b"checked").await.unwrap();
    put(files, &declare(key, b"swapped"), b"swapped").await.unwrap();
    assert_eq!(files.copy(key, to, &checked.etag).await, Err(StoreError::Conflict));
    assert_eq!(files.head(to).await, Ok(None), "what was swapped after the check is not copied");
    let swapped = files.head(key).await.unwrap().unwrap();
    files.copy(key, to, &swapped.etag).await.unwrap();
    let (copied, content) = read(files, to).await;
    assert_eq!(content, b"swapped");
    assert_eq!(
        (copied.size, copied.content_type, copied.sha256),
        (swapped.size, swapped.content_type, swapped.sha256),
        "a copy is known by what the original is known by"
    );
    assert_eq!(files.delete(key).await, Ok(true));
    assert_eq!(files.delete(key).await, Ok(false), "what is deleted is gone");
    assert_eq!(files.head(key).await, Ok(None));
    assert_eq!(read(files, to).await.1, b"swapped", "a copy stays");
}

fn declare(key: FileKey, content: &[u8]) -> Upload {
    let sha256 = Sha256::digest(content).into();
    Upload { key, size: content.len() as u64, content_type: "text/plain".into(), sha256 }
}

async fn put(files: &Files, upload: &Upload, content: &[u8]) -> Result<Head, FileRefusal> {
    let pieces: Vec<_> = content.chunks(65_536).map(Bytes::copy_from_slice).collect();
    files.put(upload, stream::iter(pieces.into_iter().map(Ok::<_, &str>))).await
}

async fn read(files: &Files, key: FileKey) -> (Head, Vec<u8>) {
    let (head, mut content) = files.read(key).await.unwrap().expect("it was put");
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).await.unwrap();
    (head, bytes)
}
