//! F6 under the store: S3 is away, hangs, fails, is slow, or its answers are cut off. Whoever asks hears
//! in time that it cannot be done now, and why; signing needs no server; when S3 is well so are files.

use std::{net::SocketAddr, time::Duration};

use futures_util::{FutureExt, future::join_all, stream};
use studyhall_schema::clock::SystemClock;
use studyhall_services::S3;
use studyhall_store::{
    StoreError,
    files::{Bucket, Disposition, FileKey, FileRefusal},
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    line::{Line, Quality},
    s3::{CONTENT, Hall},
};

/// Five seconds, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_millis(6500);

/// What a call comes to, and after how long.
struct Came {
    call: &'static str,
    to: Result<(), StoreError>,
    after: Duration,
}

/// Each call of the contract; none waits for another.
async fn each_call(hall: &Hall) -> Vec<Came> {
    let began = Instant::now();
    let (files, upload) = (hall.store.files(), hall.upload());
    let key = upload.key;
    let to = FileKey::random(Bucket::Materials, &SystemClock);
    let put = async {
        let content = stream::iter([Ok::<_, std::io::Error>(CONTENT.into())]);
        match files.put(&upload, content).await {
            Err(FileRefusal::Store(error)) => Err(error),
            other => {
                other.unwrap();
                Ok(())
            }
        }
    };
    let copy = async {
        match files.copy(key, to, "\"none\"").await {
            Err(StoreError::Conflict) => Ok(()), // there is nothing to copy
            other => other,
        }
    };
    let calls = [
        ("head", files.head(key).map(|it| it.map(drop)).boxed()),
        ("read", files.read(key).map(|it| it.map(drop)).boxed()),
        ("delete", files.delete(to).map(|it| it.map(drop)).boxed()),
        ("healthy", files.healthy().boxed()),
        ("copy", copy.boxed()),
        ("put", put.boxed()),
    ];
    let came = |call, to| Came { call, to, after: began.elapsed() };
    join_all(calls.map(|(name, call)| call.map(move |to| came(name, to)))).await
}

/// Every call is told, in time, that S3 cannot do it now, and why.
async fn assert_told(hall: &Hall, why: &str) {
    let all = join_all((0..4).map(|_| each_call(hall))).await;
    for Came { call, to, after } in all.into_iter().flatten() {
        assert!(after < PATIENCE, "{why}, {call}: {to:?} after {after:?}");
        let Err(StoreError::Unavailable(said)) = to else { panic!("{why}, {call}: {to:?}") };
        assert!(said.starts_with("S3: ") && said.contains(why), "{call} says {said}, not {why}");
    }
    let files = hall.store.files();
    files.sign_put(hall.upload()).await.expect("signing needs no server");
    let key = hall.upload().key;
    let minute = Duration::from_mins(1);
    files.get_signed(key, Disposition::Inline, minute).await.expect("signing needs no server");
}

async fn assert_well(hall: &Hall) {
    for Came { call, to, .. } in each_call(hall).await {
        assert_eq!(to, Ok(()), "{call}");
    }
}

async fn hall_over(line: &Line) -> Hall {
    Hall::on(&S3::url_at(line.address), SystemClock).await
}

/// Nothing listens here.
fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_s3_cannot_do_now_is_said_in_time() {
    let folder = TempDir::new().unwrap();
    let mut s3 = S3::start(folder.path());
    let line = Line::to(s3.address()).await;
    let hall = hall_over(&line).await;
    assert_well(&hall).await;
    for (quality, why) in [
        (Quality::Answers(500), "answered 500"),
        (Quality::Answers(503), "answered 503"),
        (Quality::Cuts, "cannot be reached"),
        (Quality::Slow(Duration::from_mins(1)), "has not answered in time"),
    ] {
        line.becomes(quality);
        assert_told(&hall, why).await;
        line.becomes(Quality::Good);
        assert_well(&hall).await;
    }
    s3.pause();
    assert_told(&hall, "has not answered in time").await;
    s3.resume();
    assert_well(&hall).await;
    s3.kill();
    assert_told(&hall, "cannot be reached").await;
    s3.restart();
    assert_well(&hall).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_opens_without_its_files_and_has_them_when_they_are_there() {
    let folder = TempDir::new().unwrap();
    let mut s3 = S3::start(folder.path());
    let line = Line::to(s3.address()).await;
    line.becomes(Quality::Slow(Duration::from_mins(1)));
    let began = Instant::now();
    let hall = hall_over(&line).await;
    assert!(began.elapsed() < PATIENCE, "it opens in time: {:?}", began.elapsed());
    // Nobody stands in a line of those who each try to make the buckets.
    assert_told(&hall, "has not answered in time").await;
    line.becomes(Quality::Good);
    assert_well(&hall).await;

    s3.kill();
    let hall = Hall::on(&s3.url(), SystemClock).await;
    assert_told(&hall, "cannot be reached").await;
    s3.restart();
    assert_well(&hall).await;
    let lost = Hall::on(&S3::url_at(nowhere()), SystemClock).await;
    assert_told(&lost, "cannot be reached").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_s3_is_slow_and_no_more() {
    let folder = TempDir::new().unwrap();
    let s3 = S3::start(folder.path());
    let line = Line::to(s3.address()).await;
    let hall = hall_over(&line).await;
    line.becomes(Quality::Slow(Duration::from_millis(500)));
    assert_well(&hall).await;
    let (files, upload) = (hall.store.files(), hall.upload());
    let content = stream::iter([Ok::<_, std::io::Error>(CONTENT.into())]);
    let head = files.put(&upload, content).await.unwrap();
    assert_eq!(files.head(upload.key).await, Ok(Some(head)));
}
