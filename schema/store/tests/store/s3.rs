//! Files on a real S3 server: what a signed URL permits, and nothing else.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder};
use sha2::{Digest, Sha256};
use studyhall_schema::clock::{Clock, SystemClock, TestClock};
use studyhall_services::S3;
use studyhall_store::{
    Store, StoreConfig, conformance,
    files::{Bucket, Disposition, FileKey, SignedPut, Upload},
};
use tempfile::TempDir;

use crate::hall;

pub(crate) const CONTENT: &[u8] = b"hello, hall";

/// A hall with its files there, and somebody's browser.
pub(crate) struct Hall {
    pub(crate) store: Store,
    browser: Client,
    _folder: TempDir,
}

impl Hall {
    pub(crate) async fn on(files: &str, clock: impl Clock) -> Self {
        let folder = TempDir::new().unwrap();
        let config = StoreConfig { files: files.to_owned(), ..hall::config(folder.path()) };
        let store = Store::open(&config, Arc::new(clock)).await.unwrap();
        Self { store, browser: Client::new(), _folder: folder }
    }

    pub(crate) fn upload(&self) -> Upload {
        Upload {
            key: FileKey::random(Bucket::TempUploads, self.store.clock().as_ref()),
            size: CONTENT.len() as u64,
            content_type: "application/pdf".into(),
            sha256: Sha256::digest(CONTENT).into(),
        }
    }

    /// Puts as a client that sends what it was told to, but for what the test changes. What the
    /// server says to it, nothing when it takes it.
    pub(crate) async fn put(&self, signed: &SignedPut, content: &'static [u8]) -> String {
        let mut request = self.browser.put(&signed.url).body(content);
        for (name, value) in &signed.headers {
            if name != "content-length" {
                request = request.header(name, value);
            }
        }
        refusal(request).await
    }
}

/// The code of an S3 server's refusal; nothing when it does what it is asked.
async fn refusal(request: RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    assert_eq!(status.is_success(), code.is_none(), "{status}: {text}");
    code.map_or(String::new(), |(code, _)| code.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_does_what_every_store_of_files_must() {
    let folder = TempDir::new().unwrap();
    let (url, _s3) = S3::any(folder.path());
    // Other runs may have left theirs there: names are really random.
    let hall = Hall::on(&url, SystemClock).await;
    conformance(&hall.store).await;
    hall.store.files().healthy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_permits_exactly_one_content() {
    let folder = TempDir::new().unwrap();
    let (url, _s3) = S3::any(folder.path());
    let hall = Hall::on(&url, SystemClock).await;
    let (files, upload) = (hall.store.files(), hall.upload());
    let signed = files.sign_put(upload.clone()).await.unwrap();
    for header in ["content-length", "content-type", "x-amz-checksum-sha256"] {
        assert!(signed.headers.iter().any(|(name, _)| name == header), "{header} is signed");
        assert!(signed.url.contains(header), "{header} is signed: {}", signed.url);
    }
    assert_eq!(hall.put(&signed, b"hello, hall!").await, "SignatureDoesNotMatch", "longer");
    assert_eq!(hall.put(&signed, b"hello, hal").await, "SignatureDoesNotMatch", "shorter");
    assert_eq!(hall.put(&signed, b"hullo, hall").await, "BadDigest", "of another hash");
    for (header, other) in [
        ("content-type", "text/html"),
        ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ] {
        let mut other_signed = signed.clone();
        for (name, value) in &mut other_signed.headers {
            if name == header {
                other.clone_into(value);
            }
        }
        assert_eq!(hall.put(&other_signed, CONTENT).await, "SignatureDoesNotMatch", "{header}");
    }
    let mut elsewhere = signed.clone();
    let other = FileKey::random(Bucket::TempUploads, &SystemClock);
    elsewhere.url = elsewhere.url.replace(&upload.key.name(), &other.name());
    assert_eq!(hall.put(&elsewhere, CONTENT).await, "SignatureDoesNotMatch", "another key");
    assert_eq!(files.head(upload.key).await, Ok(None), "what is refused leaves nothing");

    assert_eq!(hall.put(&signed, CONTENT).await, "");
    let head = files.head(upload.key).await.unwrap().unwrap();
    assert_eq!((head.size, head.sha256), (upload.size, upload.sha256));
    assert_eq!(head.content_type, "application/pdf");
    assert!(files.verify("PUT", &upload.key.to_string(), "token").is_err(), "not served here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_shows_the_file_as_it_was_signed_and_ends() {
    let folder = TempDir::new().unwrap();
    let (url, _s3) = S3::any(folder.path());
    let hall = Hall::on(&url, SystemClock).await;
    let (files, upload) = (hall.store.files(), hall.upload());
    let signed = files.sign_put(upload.clone()).await.unwrap();
    assert_eq!(hall.put(&signed, CONTENT).await, "");

    let name = Disposition::Attachment("résumé \"1\".pdf".into());
    let url = files.get_signed(upload.key, name.clone(), Duration::from_hours(1)).await.unwrap();
    assert!(url.contains("X-Amz-Expires=300"), "five minutes at most: {url}");
    let shown = hall.browser.get(&url).send().await.unwrap();
    assert_eq!(shown.headers()["content-disposition"], name.to_string());
    assert_eq!(shown.headers()["content-type"], "application/pdf");
    assert_eq!(shown.bytes().await.unwrap(), CONTENT);
    let inline = url.replace("attachment", "inline");
    assert_eq!(refusal(hall.browser.get(inline)).await, "SignatureDoesNotMatch");
    let put = hall.browser.put(&url).body(CONTENT);
    assert_eq!(refusal(put).await, "SignatureDoesNotMatch", "who may read may not write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_url_is_refused() {
    let folder = TempDir::new().unwrap();
    let (url, _s3) = S3::any(folder.path());
    let past = TestClock::new(1);
    let hall = Hall::on(&url, past).await;
    let upload = hall.upload();
    let signed = hall.store.files().sign_put(upload.clone()).await.unwrap();
    assert_eq!(hall.put(&signed, CONTENT).await, "AccessDenied");
    let minute = Duration::from_mins(1);
    let get = hall.store.files().get_signed(upload.key, Disposition::Inline, minute).await.unwrap();
    assert_eq!(refusal(hall.browser.get(get)).await, "AccessDenied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_each_bucket_once() {
    let folder = TempDir::new().unwrap();
    let s3 = S3::start(folder.path());
    let url = s3.url();
    let halls = (0..4).map(|_| Hall::on(&url, SystemClock));
    for hall in futures_util::future::join_all(halls).await {
        hall.store.files().healthy().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_any_origin_may_use_a_url() {
    let folder = TempDir::new().unwrap();
    let (url, _s3) = S3::any(folder.path());
    let hall = Hall::on(&url, SystemClock).await;
    let signed = hall.store.files().sign_put(hall.upload()).await.unwrap();
    let asked = hall
        .browser
        .request(reqwest::Method::OPTIONS, &signed.url)
        .header("origin", "https://study.example.org")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type,x-amz-checksum-sha256");
    let answer = asked.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let allowed = |what: &str| answer.headers()[what].to_str().unwrap().to_lowercase();
    let origin = allowed("access-control-allow-origin");
    assert!(["*", "https://study.example.org"].contains(&origin.as_str()), "{origin}");
    assert!(allowed("access-control-allow-methods").contains("put"));
    let headers = allowed("access-control-allow-headers");
    assert!(headers == "*" || headers.contains("x-amz-checksum-sha256"), "{headers}");
}
