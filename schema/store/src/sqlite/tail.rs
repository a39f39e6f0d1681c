//! Whether a write-ahead log ends in a transaction that was never committed.
//!
//! `SQLite` drops such a tail and says nothing; the operator is told. The form is that of
//! <https://sqlite.org/fileformat2.html#the_write_ahead_log>. Only looks, never writes.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

const FRAME_HEADER: usize = 24;

/// Says it in the log and in a metric when the database's log has an unfinished tail.
pub(super) fn look(database: &Path) {
    let mut log = OsString::from(database);
    log.push("-wal");
    let path = log.display();
    match File::open(&log).and_then(|file| unfinished(BufReader::new(file))) {
        Ok(0) => {}
        Ok(frames) => {
            tracing::warn!(
                %path, frames,
                "the write-ahead log ends in an unfinished transaction, of which nobody was told: \
                 it is dropped, unless another process is at it"
            );
            metrics::counter!("studyhall_store_unfinished_tails_total").increment(1);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%path, %error, "the write-ahead log cannot be read"),
    }
}

/// How many frames belong to the log and follow its last commit. Frames of an earlier round of the
/// log, which have another salt, are no part of it.
fn unfinished(mut log: impl Read) -> io::Result<u64> {
    let mut header = [0; 32];
    if filled(&mut log, &mut header)? < header.len() {
        return Ok(0);
    }
    let mut sum = Sum { big_endian: word(&header, 0) & 1 == 1, first: 0, second: 0 };
    let page = word(&header, 8) as usize;
    sum.add(&header[..24]);
    if !sum.is(&header[24..]) || !(512..=65_536).contains(&page) {
        return Ok(0);
    }
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut since_commit, mut whole) = (0, true);
    loop {
        let length = filled(&mut log, &mut frame)?;
        if length < FRAME_HEADER || frame[8..16] != header[16..24] {
            return Ok(since_commit);
        }
        since_commit += 1;
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME_HEADER..]);
        whole &= length == frame.len() && sum.is(&frame[16..24]);
        // A commit's frame has the size of the database.
        if whole && word(&frame, 4) != 0 {
            since_commit = 0;
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn filled(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match log.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// The big-endian number at `at`.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The running checksum of a log.
struct Sum {
    big_endian: bool,
    first: u32,
    second: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let number = |at| {
                let word = word(pair, at);
                if self.big_endian { word } else { word.swap_bytes() }
            };
            let (a, b) = (number(0), number(4));
            self.first = self.first.wrapping_add(a).wrapping_add(self.second);
            self.second = self.second.wrapping_add(b).wrapping_add(self.first);
        }
    }

    fn is(&self, stored: &[u8]) -> bool {
        word(stored, 0) == self.first && word(stored, 4) == self.second
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A log of some commits, as it is while the database is open.
    fn log() -> Vec<u8> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("x.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        for _ in 0..5 {
            connection.execute_batch("INSERT INTO t VALUES (zeroblob(20000))").unwrap();
        }
        std::fs::read(folder.path().join("x.db-wal")).unwrap()
    }

    #[test]
    fn a_log_of_commits_has_no_unfinished_tail() {
        assert_eq!(unfinished(&log()[..]).unwrap(), 0);
        assert_eq!(unfinished(&[][..]).unwrap(), 0);
        assert_eq!(unfinished(&[7; 5000][..]).unwrap(), 0);
        let mut stale = log();
        stale.extend_from_slice(&[0xA5; 10_000]);
        assert_eq!(unfinished(&stale[..]).unwrap(), 0, "another round's frames are no part of it");
    }

    #[test]
    fn a_torn_log_has_one() {
        let log = log();
        assert!(unfinished(&log[..log.len() - 1]).unwrap() > 0, "a torn last frame");
        assert!(unfinished(&log[..log.len() - 2 * 4120]).unwrap() > 0, "a missing commit");
        let mut flipped = log;
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        assert!(unfinished(&flipped[..]).unwrap() > 1, "a flipped bit ends it there");
    }
}
