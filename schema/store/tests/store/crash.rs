//! What is on the disk when the program or the machine dies.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use studyhall_schema::document::DocumentRecord;
use studyhall_store::log::Outcome;
use tempfile::TempDir;

use crate::hall;

/// Copies an open database as a power cut would leave it: the file, then the write-ahead log, of
/// which `torn` bytes of the end are missing.
fn image(from: &Path, to: &Path, torn: usize) {
    fs::copy(from.join("studyhall.db"), to.join("studyhall.db")).unwrap();
    let mut log = fs::read(from.join("studyhall.db-wal")).unwrap();
    log.truncate(log.len().saturating_sub(torn));
    fs::write(to.join("studyhall.db-wal"), log).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_mid_write_has_all_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let store = hall::open(folder.path()).await;
    store.records().insert(hall::note(1)).await.unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for seq in 1..=300_u64 {
                let outcome =
                    hall::one(&store, hall::append(hall::note_id(1), seq, seq.to_string())).await;
                assert_eq!(outcome, Outcome::Stored);
            }
        })
    };
    // So few pages are never moved from the log into the file meanwhile, so that the two copies
    // are one moment.
    let mut seen = 0;
    while !writer.is_finished() {
        let acknowledged = hall::updates(&store, hall::note_id(1)).await.unwrap().len();
        let copy = TempDir::new().unwrap();
        image(folder.path(), copy.path(), 0);
        let copied = hall::open(copy.path()).await;
        let updates = hall::updates(&copied, hall::note_id(1)).await.unwrap();
        assert!(updates.len() >= acknowledged, "an acknowledged update is missing");
        for (seq, update) in (1..).zip(&updates) {
            assert_eq!(update, &u64::to_string(&seq), "an update is another one");
        }
        seen += 1;
    }
    writer.await.unwrap();
    assert!(seen > 1, "it was never copied in mid-write");
}

#[tokio::test]
async fn a_torn_tail_is_dropped_and_nothing_before_it() {
    let folder = TempDir::new().unwrap();
    let store = hall::open(folder.path()).await;
    store.records().insert(hall::note(1)).await.unwrap();
    for seq in 1..=20_u64 {
        hall::one(&store, hall::append(hall::note_id(1), seq, vec![b'x'; 700])).await;
    }
    let mut before = 20;
    for torn in (0..20_000).step_by(997) {
        let copy = TempDir::new().unwrap();
        image(folder.path(), copy.path(), torn);
        let copied = hall::open(copy.path()).await;
        let left = hall::updates(&copied, hall::note_id(1)).await.unwrap().len();
        assert!(left <= before, "a shorter log has no more");
        before = left;
        let next = hall::append(hall::note_id(1), left as u64 + 1, "after");
        assert_eq!(hall::one(&copied, next).await, Outcome::Stored, "it goes on from there");
    }
    assert!((1..20).contains(&before), "something was dropped, not all: {before}");

    // Garbage after the last commit is no commit.
    let copy = TempDir::new().unwrap();
    image(folder.path(), copy.path(), 0);
    let path = copy.path().join("studyhall.db-wal");
    let mut log = fs::OpenOptions::new().append(true).open(path).unwrap();
    log.write_all(&[0xA5; 10_000]).unwrap();
    let copied = hall::open(copy.path()).await;
    assert_eq!(hall::updates(&copied, hall::note_id(1)).await.unwrap().len(), 20);
}

/// Not a test: the child that [`kill_9_loses_nothing_that_was_acknowledged`] starts and kills. It
/// is given a folder on its input and says each acknowledged number on its output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is a child of another test"]
async fn child() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    let store = hall::open(Path::new(folder.trim())).await;
    let mut seq = hall::updates(&store, hall::note_id(1)).await.unwrap().len() as u64;
    loop {
        seq += 1;
        let update = format!("{seq} {}", "x".repeat(3000));
        if hall::one(&store, hall::append(hall::note_id(1), seq, update)).await != Outcome::Stored {
            return;
        }
        writeln!(std::io::stdout(), "acknowledged {seq}").unwrap();
    }
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let store = hall::open(folder.path()).await;
    store.records().insert(hall::note(1)).await.unwrap();
    store.close().await;
    let mut acknowledged = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{}", folder.path().display()).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut count = 0;
        // Enough to move the log into the file a few times, and another number each round.
        while count < 400 + round * 37 && lines.read_line(&mut line).unwrap() > 0 {
            acknowledged = number(&line).unwrap_or(acknowledged);
            count += u32::from(number(&line).is_some());
            line.clear();
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        // What the child had said before it died counts; a line that was cut off does not.
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        acknowledged = whole.lines().rev().find_map(number).unwrap_or(acknowledged);

        let store = hall::open(folder.path()).await;
        let updates = hall::updates(&store, hall::note_id(1)).await.unwrap();
        let count = updates.len() as u64;
        assert!(count >= acknowledged, "{acknowledged} were acknowledged, {count} are there");
        for (seq, update) in (1..).zip(&updates) {
            assert!(update.starts_with(format!("{seq} ").as_bytes()), "each once, in order");
        }
        assert!(store.records::<DocumentRecord>().get(&hall::note_id(1)).await.unwrap().is_some());
        store.close().await;
    }
    assert!(acknowledged >= 400, "the children wrote too little: {acknowledged}");
}

fn number(line: &str) -> Option<u64> {
    // The harness may begin the first line.
    line.trim_end().rsplit_once("acknowledged ")?.1.parse().ok()
}
