//! Files: what was permitted arrives, and nothing else. How a URL is used is each backend's own
//! test, as on S3 the bytes do not pass through this program.

use std::time::Duration;

use crate::{
    Store, StoreError,
    files::{Bucket, Disposition, FileKey, Upload},
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
