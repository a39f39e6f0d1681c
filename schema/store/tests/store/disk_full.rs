//! F10: the disk is full. Nothing is acknowledged that is not there, reading goes on, nothing is
//! torn, and it works again when there is space, without a restart.

use std::{fs, path::Path, process::Command};

use futures_util::stream;
use sha2::{Digest, Sha256};
use studyhall_schema::{clock::SystemClock, document::DocumentRecord};
use studyhall_store::{
    StoreError,
    files::{Bucket, FileKey, FileRefusal, Upload},
    log::{Outcome, Snapshot},
};
use tempfile::TempDir;

use crate::hall;

/// A small disk of its own. Needs root; without it the test fails rather than passes.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn mount(size: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "a tmpfs cannot be mounted; this test needs root");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let piece = vec![0; 1 << 12];
        let mut file = fs::File::create(self.path().join("ballast")).unwrap();
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the tmpfs stays mounted");
    }
}

fn failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(StoreError::Unavailable(_) | StoreError::Unknown(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_nothing_and_works_again_when_it_has_space() {
    let disk = Disk::mount("16m");
    let store = hall::open(disk.path()).await;
    let document = hall::note_id(1);
    let documents = store.records::<DocumentRecord>();
    documents.insert(hall::note(1)).await.unwrap();
    for seq in 1..=10 {
        assert_eq!(hall::one(&store, hall::append(document, seq, "before")).await, Outcome::Stored);
    }

    disk.fill();
    let mut next = 11;
    // The write-ahead log may have some room yet; then it is full, whatever comes.
    let refused = loop {
        let append = hall::append(document, next, vec![b'x'; 10_000]);
        match hall::one(&store, append.clone()).await {
            Outcome::Stored => next += 1,
            outcome => {
                assert!(failed(&outcome), "{outcome:?}");
                break append;
            }
        }
    };
    for round in 0..20 {
        let outcome = hall::one(&store, hall::append(document, next, vec![b'y'; 20_000])).await;
        assert!(failed(&outcome), "round {round}: {outcome:?}");
        let updates = hall::updates(&store, document).await.unwrap();
        assert_eq!(updates.len() as u64, next - 1, "reading goes on, and nothing is torn");
    }
    let snapshot = Snapshot {
        seq: next - 1,
        at: store.clock().now(),
        state: vec![1; 1 << 20].into(),
        authors: vec![],
    };
    assert!(store.log().put_snapshot(document, &snapshot).await.is_err());
    assert_eq!(store.log().read_snapshot(document, next - 1).await, Ok(None), "no torn snapshot");
    upload_fails_and_leaves_nothing(&store, disk.path()).await;
    assert!(documents.get(&document).await.unwrap().is_some());

    disk.free();
    assert_eq!(hall::one(&store, refused).await, Outcome::Stored, "the same append, again");
    store.log().put_snapshot(document, &snapshot).await.unwrap();
    store.healthy().await.unwrap();
    let before = hall::updates(&store, document).await.unwrap();
    store.close().await;

    let again = hall::open(disk.path()).await;
    assert_eq!(hall::updates(&again, document).await.unwrap(), before, "also after a restart");
    assert_eq!(before.len() as u64, next);
    again.close().await;
}

async fn upload_fails_and_leaves_nothing(store: &studyhall_store::Store, disk: &Path) {
    let content = vec![7; 1 << 20];
    let upload = Upload {
        key: FileKey::random(Bucket::TempUploads, &SystemClock),
        size: content.len() as u64,
        content_type: "text/plain".into(),
        sha256: Sha256::digest(&content).into(),
    };
    let stream = stream::iter([Ok::<_, String>(content.into())]);
    let refused = store.files().put(&upload, stream).await;
    assert!(matches!(refused, Err(FileRefusal::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(store.files().head(upload.key).await, Ok(None));
    assert_eq!(fs::read_dir(disk.join("files/incoming")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_write_that_does_not_fit_stops_no_other() {
    let disk = Disk::mount("8m");
    let store = hall::open(disk.path()).await;
    let (large, small) = (hall::note_id(1), hall::note_id(2));
    assert_eq!(hall::one(&store, hall::append(small, 1, "a")).await, Outcome::Stored);
    let outcome = hall::one(&store, hall::append(large, 1, vec![b'x'; 20 << 20])).await;
    assert!(failed(&outcome), "{outcome:?}");
    assert_eq!(hall::one(&store, hall::append(small, 2, "b")).await, Outcome::Stored);
    assert_eq!(hall::updates(&store, large).await.unwrap().len(), 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_with_a_large_write_is_not_there() {
    let disk = Disk::mount("8m");
    let store = hall::open(disk.path()).await;
    let appends: Vec<_> = (1..=5)
        .map(|number| {
            let size = if number == 3 { 20 << 20 } else { 10 };
            hall::append(hall::note_id(number), 1, vec![b'x'; size])
        })
        .collect();
    let outcomes = store.log().append(appends.clone()).await;
    let direct: Vec<_> = appends.iter().map(|append| hall::one(&store, append.clone())).collect();
    for (append, outcome) in appends.iter().zip(&outcomes) {
        let there = !hall::updates(&store, append.document).await.unwrap().is_empty();
        assert_eq!(there, *outcome == Outcome::Stored, "{outcome:?}");
    }
    assert!(failed(&outcomes[2]));
    // The same, each on its own and at once.
    let outcomes = futures_util::future::join_all(direct).await;
    for (append, outcome) in appends.iter().zip(&outcomes) {
        let there = !hall::updates(&store, append.document).await.unwrap().is_empty();
        assert_eq!(there, *outcome == Outcome::Stored, "{outcome:?}");
    }
    assert!(failed(&outcomes[2]));
    store.close().await;
}
