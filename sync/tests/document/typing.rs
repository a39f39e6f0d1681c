//! Keystrokes of one append are applied folded: nobody can tell from the result.

use bytes::Bytes;
use proptest::prelude::*;
use studyhall_schema::ids::UserId;
use studyhall_store::log::{Entry, LoggedUpdate, Snapshot};
use studyhall_sync::{document::State, guard, text::new_doc};
use yrs::{
    Any, Doc, GetString, ReadTxn, StateVector, Text, TextRef, Transact, Update, WriteTxn,
    types::Attrs, updates::decoder::Decode,
};

use crate::cast::NOW;

/// What somebody does at a place of the text, given in thousandths.
#[derive(Debug, Clone)]
enum Act {
    Types(u32, &'static str),
    /// Where anybody has typed last, behind the first letter.
    TypesOn(&'static str),
    Erases(u32),
    Backspaces(u32, u8),
    Replaces(u32, &'static str),
    Marks(u32),
    Hears,
    SendsAgain(u8),
}

fn acts() -> impl Strategy<Value = (usize, Act)> {
    let text = prop_oneof![Just("a"), Just("ä"), Just("😀"), Just("one word ")];
    let place = prop_oneof![0_u32..1000, Just(1000), Just(500)];
    let act = prop_oneof![
        6 => (place.clone(), text.clone()).prop_map(|(at, text)| Act::Types(at, text)),
        4 => text.clone().prop_map(Act::TypesOn),
        2 => place.clone().prop_map(Act::Erases),
        2 => (place.clone(), 1_u8..6).prop_map(|(at, times)| Act::Backspaces(at, times)),
        1 => (place.clone(), text).prop_map(|(at, text)| Act::Replaces(at, text)),
        1 => place.prop_map(Act::Marks),
        4 => Just(Act::Hears),
        1 => (0_u8..9).prop_map(Act::SendsAgain),
    ];
    (0_usize..3, act)
}

/// Somebody with a copy of the document, who types on where they are.
struct Writer {
    doc: Doc,
    text: TextRef,
    /// How much of what all have said they have heard.
    heard: usize,
    said: Vec<Bytes>,
}

impl Writer {
    fn new(client: u64) -> Self {
        let doc = new_doc(client);
        let text = doc.transact_mut().get_or_insert_text("content");
        Self { doc, text, heard: 0, said: Vec::new() }
    }

    fn change(&self, change: impl FnOnce(&mut yrs::TransactionMut<'_>, &TextRef, u32)) -> Bytes {
        let mut transaction = self.doc.transact_mut();
        let length = self.text.len(&transaction);
        change(&mut transaction, &self.text, length);
        transaction.encode_update_v1().into()
    }

    fn length(&self) -> u32 {
        self.text.len(&self.doc.transact())
    }

    fn types(&self, mut at: u32, text: &str, last: &mut u32) -> Vec<Bytes> {
        *last = at + 1;
        let letters = text.chars().map(|letter| {
            let letter = letter.to_string();
            let update = self.change(|txn, content, _| content.insert(txn, at, &letter));
            at += u32::try_from(letter.encode_utf16().count()).unwrap();
            update
        });
        letters.collect()
    }

    fn writes(&self, act: &Act, last: &mut u32) -> Vec<Bytes> {
        let place = |at: &u32, length: u32| at * length / 1000;
        match act {
            Act::Types(at, text) => self.types(place(at, self.length()), text, last),
            Act::TypesOn(text) => self.types(self.length().min(*last), text, last),
            Act::Erases(at) => vec![self.change(|txn, content, length| {
                if length > 0 {
                    let at = place(at, length - 1);
                    content.remove_range(txn, at, 1.max((length - at) / 4));
                }
            })],
            Act::Backspaces(at, times) => {
                let once = |_| {
                    self.change(|txn, content, length| {
                        if length > 0 {
                            content.remove_range(txn, place(at, length - 1), 1);
                        }
                    })
                };
                (0..*times).map(once).collect()
            }
            Act::Replaces(at, text) => vec![self.change(|txn, content, length| {
                let at = place(at, length);
                if at < length {
                    content.remove_range(txn, at, (length - at).min(2));
                }
                content.insert(txn, at, text);
            })],
            Act::Marks(at) => vec![self.change(|txn, content, length| {
                let at = place(at, length);
                let bold = Attrs::from([("bold".into(), Any::Bool(true))]);
                content.format(txn, at, (length - at).min(3), bold);
            })],
            Act::SendsAgain(back) => {
                self.said.iter().rev().nth(usize::from(*back)).cloned().into_iter().collect()
            }
            Act::Hears => Vec::new(),
        }
    }

    fn act(&mut self, act: &Act, all: &mut Vec<Bytes>, last: &mut u32) {
        let written = self.writes(act, last);
        if !matches!(act, Act::SendsAgain(_)) {
            self.said.extend_from_slice(&written);
        }
        all.extend(written);
        if matches!(act, Act::Hears) {
            for update in &all[self.heard..] {
                let update = Update::decode_v1(update).unwrap();
                self.doc.transact_mut().apply_update(update).unwrap();
            }
            self.heard = all.len();
        }
    }
}

fn document(updates: impl IntoIterator<Item = Bytes>) -> Doc {
    let doc = new_doc(9);
    for update in updates {
        doc.transact_mut().apply_update(Update::decode_v1(&update).unwrap()).unwrap();
    }
    doc
}

/// All that can be told of a document: its text, what it is made of, and what of that is deleted.
fn told(doc: &Doc) -> (String, StateVector, String) {
    let text = doc.transact_mut().get_or_insert_text("content");
    let transaction = doc.transact();
    let deleted = format!("{:?}", transaction.snapshot().delete_set);
    (text.get_string(&transaction), transaction.state_vector(), deleted)
}

/// What a document and its readers end with when these updates come in batches of such sizes.
fn in_batches(all: &[Bytes], sizes: &[usize]) -> [(String, StateVector, String); 3] {
    let by = UserId::from_bytes([7; 12]);
    let (mut state, mut frames, mut rest) = (State::default(), Vec::new(), all);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let batch;
        (batch, rest) = rest.split_at((*size).min(rest.len()));
        let updates = batch.iter().map(|data| LoggedUpdate {
            login: None,
            put: None,
            by,
            data: data.clone(),
        });
        let seq = state.seq() + 1;
        let entry = Entry { seq, batch: seq, at: NOW, updates: updates.collect() };
        frames.extend(state.apply_entry(&entry).unwrap());
    }
    let snapshot = Snapshot { seq: state.seq(), state: state.full(), authors: Vec::new(), at: NOW };
    let loaded = State::from_snapshot(&snapshot).unwrap();
    assert_eq!(loaded.version(), state.version(), "a compaction takes it for what it is");
    [told(state.doc()), told(&document(frames)), told(loaded.doc())]
}

#[test]
fn a_letter_behind_ones_own_is_not_typed_on_when_somebody_has_put_one_between() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut writers = [Writer::new(first), Writer::new(second)];
        let (mut all, mut last) = (Vec::new(), 0);
        for (who, act) in [
            (0, Act::Types(0, "one word ")),
            (0, Act::Types(500, "a")),
            (1, Act::Hears),
            (1, Act::TypesOn("x")),
            (0, Act::Hears),
        ] {
            writers[who].act(&act, &mut all, &mut last);
        }
        all.extend(writers[0].types(last - 1, "b", &mut last));
        let one_by_one = told(&document(all.clone()));
        assert_eq!(one_by_one.0, "one abxword ");
        assert_eq!(in_batches(&all, &[all.len()])[0], one_by_one);
    }
}

#[test]
fn a_gap_beside_deletions_is_no_deletion() {
    let mut writers = [Writer::new(1)];
    let (mut all, mut last) = (Vec::new(), 0);
    writers[0].act(&Act::Types(0, "one word "), &mut all, &mut last);
    // One section of client 1 from clock 1 on, a gap of four; then letter 0 is deleted.
    let gap = Bytes::from_static(&[1, 1, 1, 1, 10, 4, 1, 1, 1, 0, 1]);
    assert!(guard::update_v1(&gap).is_ok());
    all.push(gap);
    let one_by_one = told(&document(all.clone()));
    assert_eq!(one_by_one.0, "ne word ");
    assert_eq!(in_batches(&all, &[all.len()]), [(); 3].map(|()| one_by_one.clone()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_batch_of_keystrokes_says_what_each_of_them_says(
        acts in proptest::collection::vec(acts(), 1..80),
        sizes in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let mut writers = [Writer::new(1), Writer::new(2), Writer::new(3)];
        let (mut all, mut last) = (Vec::new(), 0);
        for (who, act) in &acts {
            writers[*who].act(act, &mut all, &mut last);
        }
        let one_by_one = told(&document(all.iter().cloned()));
        let [applied, fanned_out, loaded] = in_batches(&all, &sizes);
        prop_assert_eq!(&applied, &one_by_one, "applied");
        prop_assert_eq!(&fanned_out, &one_by_one, "fanned out");
        prop_assert_eq!(&loaded, &one_by_one, "loaded");
    }
}
