//! Files on S3, the driver: the only file that knows its types.
//!
//! S3 checks what is put under a URL: the signed headers are its length, type and SHA-256. Buckets
//! are made when they are missing; an S3 that is away keeps nothing from starting and is asked again
//! by the next call. Must not know what is in a file or whose it is.

mod body;
mod place;

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation,
        retry::RetryConfig,
        timeout::{TimeoutConfig, TimeoutConfigBuilder},
    },
    error::{ProvideErrorMetadata, SdkError},
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, ChecksumAlgorithm, ChecksumMode, CorsConfiguration, CorsRule,
        CreateBucketConfiguration, ServerSideEncryption,
    },
};
use aws_smithy_http_client::{Builder, tls};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{Stream, future::Either};
use studyhall_schema::Timestamp;
use tokio::sync::OnceCell;

use self::place::Place;
use super::{Bucket, Content, Disposition, FileKey, FileRefusal, Head, SignedPut, Upload};
use crate::StoreError;

/// How long a connection, and a request with all its attempts, may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(1);
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The same for requests in which the server moves a file's bytes.
const MOVES_WITHIN: Duration = Duration::from_mins(2);

const LATE: &str = "it has not answered in time";

/// Buckets on a server.
pub(super) struct S3 {
    client: Client,
    /// Signs for where clients reach the server.
    signer: Client,
    place: Place,
    /// Whether the buckets are there.
    made: OnceCell<()>,
}

impl S3 {
    /// Makes the buckets, or says that it cannot now.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let place = Place::parse(url)?;
        let client = client(&place, &place.endpoint);
        let signer = place.public.as_ref().map_or(client.clone(), |at| self::client(&place, at));
        let s3 = Self { client, signer, place, made: OnceCell::new() };
        if let Err(error) = s3.ready().await {
            tracing::warn!(%error, endpoint = s3.place.endpoint, "no files for now; trying on");
        }
        Ok(s3)
    }

    pub(super) async fn sign_put(
        &self,
        upload: &Upload,
        now: Timestamp,
        good_for: Duration,
    ) -> Result<SignedPut, StoreError> {
        let put = self.signer.put_object().bucket(self.bucket(upload.key)).key(upload.key.name());
        let put = put
            .content_length(length(upload.size)?)
            .content_type(&upload.content_type)
            .checksum_sha256(BASE64_STANDARD.encode(upload.sha256))
            .set_server_side_encryption(self.encryption());
        let signed = put.presigned(signing(now, good_for)?).await.map_err(|e| failed(&e))?;
        let headers =
            signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (url, expires) = (signed.uri().to_owned(), now + good_for);
        Ok(SignedPut { method: "PUT", url, headers, expires })
    }

    pub(super) async fn get_signed(
        &self,
        key: FileKey,
        disposition: &Disposition,
        now: Timestamp,
        good_for: Duration,
    ) -> Result<String, StoreError> {
        let get = self.signer.get_object().bucket(self.bucket(key)).key(key.name());
        let get = get.response_content_disposition(disposition.to_string());
        let signed = get.presigned(signing(now, good_for)?).await.map_err(|e| failed(&e))?;
        Ok(signed.uri().to_owned())
    }

    pub(super) async fn head(&self, key: FileKey) -> Result<Option<Head>, StoreError> {
        in_time(self.find(key)).await
    }

    async fn find(&self, key: FileKey) -> Result<Option<Head>, StoreError> {
        self.ready().await?;
        let ask = self.client.head_object().bucket(self.bucket(key)).key(key.name());
        let Some(found) = found(ask.checksum_mode(ChecksumMode::Enabled).send().await)? else {
            return Ok(None);
        };
        let (size, etag) = (found.content_length, found.e_tag);
        head(key, size, found.content_type, found.checksum_sha256, etag).map(Some)
    }

    pub(super) async fn read(&self, key: FileKey) -> Result<Option<(Head, Content)>, StoreError> {
        self.ready().await?;
        let ask = self.client.get_object().bucket(self.bucket(key)).key(key.name());
        let Some(found) = found(ask.checksum_mode(ChecksumMode::Enabled).send().await)? else {
            return Ok(None);
        };
        let (size, etag) = (found.content_length, found.e_tag);
        let head = head(key, size, found.content_type, found.checksum_sha256, etag)?;
        Ok(Some((head, Box::pin(found.body.into_async_read()))))
    }

    pub(super) async fn copy(
        &self,
        from: FileKey,
        to: FileKey,
        etag: &str,
    ) -> Result<(), StoreError> {
        self.healthy().await?; // nobody waits minutes for a server that hangs
        let source = format!("{}/{}", self.bucket(from), from.name());
        let copy = self.client.copy_object().bucket(self.bucket(to)).key(to.name());
        let copy = copy
            .copy_source(source)
            .copy_source_if_match(etag)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_server_side_encryption(self.encryption());
        match copy.customize().config_override(moving()).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(status(&error), Some(404 | 412)) => Err(StoreError::Conflict),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(super) async fn delete(&self, key: FileKey) -> Result<bool, StoreError> {
        in_time(self.remove(key)).await
    }

    async fn remove(&self, key: FileKey) -> Result<bool, StoreError> {
        self.ready().await?;
        // Deleting does not say whether there was anything.
        let ask = self.client.head_object().bucket(self.bucket(key)).key(key.name());
        if found(ask.send().await)?.is_none() {
            return Ok(false);
        }
        let delete = self.client.delete_object().bucket(self.bucket(key)).key(key.name());
        delete.send().await.map_err(|error| failed(&error))?;
        Ok(true)
    }

    pub(super) async fn put<E: std::fmt::Display>(
        &self,
        upload: &Upload,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Head, FileRefusal> {
        self.healthy().await?;
        let (feed, body) = body::piped(upload, content);
        let put = self.client.put_object().bucket(self.bucket(upload.key)).key(upload.key.name());
        let put = put
            .content_length(length(upload.size)?)
            .content_type(&upload.content_type)
            .checksum_sha256(BASE64_STANDARD.encode(upload.sha256))
            .set_server_side_encryption(self.encryption())
            .body(ByteStream::from_body_1_x(body));
        let sending = put.customize().config_override(moving()).send();
        let (feed, sending) = (std::pin::pin!(feed), std::pin::pin!(sending));
        let sent = match futures_util::future::select(feed, sending).await {
            // What is refused here ends the request before its length is reached.
            Either::Left((fed, sending)) => {
                fed?;
                sending.await
            }
            Either::Right((sent, _)) => sent,
        };
        let sent = sent.map_err(|error| failed(&error))?;
        let size = Some(length(upload.size)?);
        let sha256 = Some(BASE64_STANDARD.encode(upload.sha256));
        let content_type = Some(upload.content_type.clone());
        Ok(head(upload.key, size, content_type, sha256, sent.e_tag)?)
    }

    pub(super) async fn healthy(&self) -> Result<(), StoreError> {
        in_time(async {
            self.ready().await?;
            let bucket = self.place.bucket(Bucket::Materials);
            let asked = self.client.head_bucket().bucket(bucket).send().await;
            asked.map(drop).map_err(|error| failed(&error))
        })
        .await
    }

    /// Makes the buckets that are missing, once. While one call tries, the others wait for it, in
    /// their own time.
    async fn ready(&self) -> Result<(), StoreError> {
        let made = self.made.get_or_try_init(async || {
            for bucket in Bucket::ALL {
                let bucket = self.place.bucket(bucket);
                self.make(&bucket).await?;
                self.admit_browsers(&bucket).await?;
            }
            Ok(())
        });
        in_time(made).await.copied()
    }

    async fn make(&self, bucket: &str) -> Result<(), StoreError> {
        if found(self.client.head_bucket().bucket(bucket).send().await)?.is_some() {
            return Ok(());
        }
        let region = self.place.region.as_str();
        // The first region is the one that must not be said.
        let at = (region != "us-east-1").then(|| {
            let region = BucketLocationConstraint::from(region);
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let made = self.client.create_bucket().bucket(bucket);
        match made.set_create_bucket_configuration(at).send().await {
            // Another node was first.
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            made => made.map(drop).map_err(|error| failed(&error)),
        }
    }

    /// Lets pages of any origin use signed URLs, where the bucket has no rules of its own: who has
    /// such a URL may use it anyway.
    async fn admit_browsers(&self, bucket: &str) -> Result<(), StoreError> {
        let rules = self.client.get_bucket_cors().bucket(bucket).send().await;
        if rules_are_taken(rules)? {
            return Ok(());
        }
        let rule = CorsRule::builder()
            .allowed_origins("*")
            .allowed_methods("PUT")
            .allowed_methods("GET")
            .allowed_headers("*")
            .expose_headers("ETag")
            .max_age_seconds(600);
        let rule = rule.build().map_err(|error| StoreError::Invalid(error.to_string()))?;
        let rules = CorsConfiguration::builder().cors_rules(rule).build();
        let rules = rules.map_err(|error| StoreError::Invalid(error.to_string()))?;
        let put = self.client.put_bucket_cors().bucket(bucket).cors_configuration(rules);
        rules_are_taken(put.send().await).map(drop)
    }

    fn bucket(&self, key: FileKey) -> String {
        self.place.bucket(key.bucket())
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.place.encrypts.then_some(ServerSideEncryption::Aes256)
    }
}

fn client(place: &Place, endpoint: &str) -> Client {
    let http = if endpoint.starts_with("https:") {
        let ring = tls::rustls_provider::CryptoMode::Ring;
        Builder::new().tls_provider(tls::Provider::Rustls(ring)).build_https()
    } else {
        Builder::new().build_http()
    };
    let credentials = Credentials::new(&place.access, &place.secret, None, None, "url");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .credentials_provider(credentials)
        .region(Region::new(place.region.clone()))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(
            within(ANSWERS_WITHIN).operation_attempt_timeout(ANSWERS_WITHIN / 2).build(),
        );
    Client::from_conf(config.build())
}

fn within(time: Duration) -> TimeoutConfigBuilder {
    TimeoutConfig::builder().connect_timeout(CONNECTS_WITHIN).operation_timeout(time)
}

/// For requests that move a file: they take their time, and what was sent is not sent again.
fn moving() -> aws_sdk_s3::config::Builder {
    let times = within(MOVES_WITHIN).operation_attempt_timeout(MOVES_WITHIN).build();
    aws_sdk_s3::Config::builder().timeout_config(times).retry_config(RetryConfig::disabled())
}

fn signing(now: Timestamp, good_for: Duration) -> Result<PresigningConfig, StoreError> {
    let now = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    let signing = PresigningConfig::builder().start_time(UNIX_EPOCH + now).expires_in(good_for);
    signing.build().map_err(|error| StoreError::Invalid(error.to_string()))
}

fn length(size: u64) -> Result<i64, StoreError> {
    i64::try_from(size).map_err(|_| StoreError::Invalid("no file is so large".into()))
}

fn head(
    key: FileKey,
    size: Option<i64>,
    content_type: Option<String>,
    sha256: Option<String>,
    etag: Option<String>,
) -> Result<Head, StoreError> {
    let sha256 = sha256.and_then(|text| BASE64_STANDARD.decode(text).ok()?.try_into().ok());
    let size = size.and_then(|size| u64::try_from(size).ok());
    let (Some(size), Some(sha256), Some(etag)) = (size, sha256, etag) else {
        return Err(StoreError::Corrupt(format!("the file {key} has no SHA-256")));
    };
    Ok(Head { size, content_type: content_type.unwrap_or_default(), sha256, etag })
}

/// Whether a bucket has rules for browsers; so it counts where the server has one rule for all
/// buckets, or keeps them from us.
fn rules_are_taken<T, E: ProvideErrorMetadata>(
    answer: Result<T, SdkError<E>>,
) -> Result<bool, StoreError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if status(&error) == Some(404) => Ok(false),
        Err(error) if matches!(status(&error), Some(403 | 405 | 501)) => Ok(true),
        Err(error) => Err(failed(&error)),
    }
}

/// The end of one call's patience, whatever it asks and waits for. The library's futures are large.
fn in_time<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> impl Future<Output = Result<T, StoreError>> {
    let call = tokio::time::timeout(ANSWERS_WITHIN, Box::pin(call));
    async { call.await.unwrap_or_else(|_| Err(StoreError::Unavailable(format!("S3: {LATE}")))) }
}

/// `None` for what is not there.
fn found<T, E: ProvideErrorMetadata>(
    answer: Result<T, SdkError<E>>,
) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    Some(error.raw_response()?.status().as_u16())
}

/// What is asked for with `HEAD` is refused with a status and no words.
fn failed<E: ProvideErrorMetadata>(error: &SdkError<E>) -> StoreError {
    let why = match (error, error.code(), status(error)) {
        (SdkError::TimeoutError(_), ..) => LATE.to_owned(),
        (SdkError::DispatchFailure(_), ..) => "it cannot be reached".to_owned(),
        (_, Some(code), _) => code.to_owned(),
        (_, None, Some(status)) => format!("it has answered {status}"),
        (_, None, None) => "it has given no answer that is one".to_owned(),
    };
    StoreError::Unavailable(format!("S3: {why}"))
}
