//! Cutting an append into entries that every backend can hold.

use super::{Append, Entry, LoggedUpdate, MAX_PIECE};

/// The entries of an append, each at most [`MAX_PIECE`] unless one update alone is larger.
pub(crate) fn split(append: Append) -> Vec<Entry> {
    let Append { seq, batch, at, updates, .. } = append;
    let entry = |seq, updates| Entry { seq, batch, at, updates };
    if updates.iter().map(|update| update.data.len()).sum::<usize>() <= MAX_PIECE {
        return vec![entry(seq, updates)];
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut size = 0;
    for update in updates {
        let added = update.data.len();
        match entries.last_mut() {
            Some(last) if size + added <= MAX_PIECE => {
                size += added;
                last.updates.push(update);
            }
            last => {
                let next = last.map_or(seq, |last| last.next_seq());
                size = added;
                entries.push(entry(next, Vec::<LoggedUpdate>::from([update])));
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use studyhall_schema::{
        Timestamp,
        document::DocumentId,
        ids::{NoteId, UserId},
    };

    use super::*;

    fn append(sizes: &[usize]) -> Append {
        let by = UserId::from_bytes([1; 12]);
        Append {
            document: DocumentId::Note(NoteId::from_bytes([2; 12])),
            seq: 10,
            batch: 7,
            at: Timestamp::from_millis(0),
            updates: sizes
                .iter()
                .map(|size| LoggedUpdate {
                    login: None,
                    put: None,
                    by,
                    data: Bytes::from(vec![0; *size]),
                })
                .collect(),
        }
    }

    #[test]
    fn entries_are_cut_between_updates_and_follow_each_other() {
        let entries = split(append(&[3 << 20, 1 << 20, 1, 5 << 20, 1, 2]));
        let shape: Vec<_> =
            entries.iter().map(|entry| (entry.seq, entry.updates.len(), entry.batch)).collect();
        assert_eq!(shape, [(10, 2, 7), (12, 1, 7), (13, 1, 7), (14, 2, 7)]);
        assert_eq!(split(append(&[1, 2, 3])).len(), 1);
    }
}
