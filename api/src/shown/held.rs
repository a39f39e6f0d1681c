//! Which texts of a note, or of a todo, a sign-in may hold, to put one that it made of it: those that it was shown last, and
//! those that it has put itself. Must not know where the texts are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use studyhall_schema::{Timestamp, document::DocumentId};

/// So many of each are known, the newest.
const LISTED: usize = 8;
const OPENED: usize = 4;
const PUT: usize = 4;
const LEFT: usize = 4;

/// All of them together, in bytes.
const BYTES: usize = 4 << 20;

/// A text of the note, or of the todo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Text {
    /// What it was after this update.
    After(u64),
    /// What was put, by its hash.
    Put(String),
    /// What a todo said, by its hash.
    Says(String),
}

impl From<u64> for Text {
    fn from(seq: u64) -> Self {
        Self::After(seq)
    }
}

/// How a text came to be held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    /// It was shown among others: maybe nobody looked at it.
    Listed,
    /// It was asked for.
    Opened,
    /// It was put. Who may have had no answer says the same once more.
    Put(Outcome),
    /// It was put, and another put was made of it: its words are their own.
    Left,
    /// It was the answer to a put, by that one's hash.
    Answer(String),
}

/// What came of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Not known; how it was made, as far as is known.
    Unknown(Option<(u64, u32)>),
    /// It was made, and nobody was there for the answer.
    Unheard,
    Answered,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) text: Text,
    pub(super) how: How,
    bytes: usize,
    /// Of a put: the hash of what its writer says that they made it from. Of what was opened: of what it said.
    #[serde(default)]
    of: Option<String>,
    /// Of an answer: whether it is just what was put, and kept as that.
    #[serde(default)]
    is_as_put: bool,
    /// Whether something may have been forgotten since.
    #[serde(default)]
    is_old: bool,
    /// Whether it was listed when something may have been forgotten that was asked for, or put, before.
    #[serde(default)]
    is_after_loss: bool,
}

impl Entry {
    fn seq(&self) -> Option<u64> {
        match self.text {
            Text::After(seq) => Some(seq),
            _ => None,
        }
    }

    /// As what its text is kept.
    pub(super) fn kept_as(&self) -> Text {
        match &self.how {
            How::Answer(put) if self.is_as_put => Text::Put(put.clone()),
            _ => self.text.clone(),
        }
    }
}

/// The oldest first, when something was added last, until when something may be missing, and, of a todo, in
/// which list it was when it was shown, and after which update of it; and what puts said that are here no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held(
    Vec<Entry>,
    Option<Timestamp>,
    Option<Timestamp>,
    #[serde(default)] Option<(DocumentId, u64)>,
    #[serde(skip)] Vec<Text>,
);

impl Held {
    /// The newest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().rev()
    }

    pub(super) fn newest(&self) -> Option<&Entry> {
        self.0.last()
    }

    /// It was shown as this.
    pub(super) fn shows(&mut self, text: impl Into<Text>, how: How, bytes: usize) {
        let text = text.into();
        let is_same = |one: &Entry| one.text == text && (one.how == how || one.how == How::Listed);
        let is_known = self.0.iter().any(|one| is_same(one) && !one.is_after_loss);
        self.0.retain(|one| !is_same(one));
        self.adds(text, how, bytes);
        if let Some(one) = self.0.last_mut().filter(|_| is_known) {
            one.is_after_loss = false;
        }
    }

    /// A text is put, made from `of` as its writer says; what comes of it is not known yet.
    pub(super) fn puts(&mut self, hash: &str, bytes: usize, of: Option<String>) {
        self.adds(Text::Put(hash.to_owned()), How::Put(Outcome::Unknown(None)), bytes);
        self.is_made_of(of);
    }

    /// The newest was made of this, or, where it was shown, says this.
    pub(super) fn is_made_of(&mut self, of: Option<String>) {
        if let Some(one) = self.0.last_mut() {
            one.of = of;
        }
    }

    /// The put was made out of `base`, and the note is so now. Who held that base, or the text that came or
    /// went with it, holds what they have put, or the answer.
    pub(super) fn put(
        &mut self,
        (hash, bytes): (&str, usize),
        outcome: Outcome,
        base: Option<&Text>,
        (now, is, is_as_put): (impl Into<Text>, usize, bool),
    ) {
        let put = Text::Put(hash.to_owned());
        let of = self.entries().find(|one| one.text == put).and_then(|one| one.of.clone());
        let answers = |one: &Entry, hash: &str| matches!(&one.how, How::Answer(to) if to == hash);
        let mut left = vec![hash.to_owned()];
        match base {
            Some(Text::Put(hash)) => left.push(hash.clone()),
            Some(base) => {
                left.extend(self.0.iter().filter(|one| one.text == *base).filter_map(|one| {
                    match &one.how {
                        How::Answer(to) => Some(to.clone()),
                        _ => None,
                    }
                }));
            }
            None => {}
        }
        // The same put again says that the words of the one before are their own.
        let is_once_more =
            |one: &Entry| one.text == put && !matches!(one.how, How::Put(Outcome::Answered));
        self.0.retain(|one| !left.iter().any(|hash| answers(one, hash)) && !is_once_more(one));
        let is_left =
            |one: &&mut Entry| matches!(&one.text, Text::Put(hash) if left.contains(hash));
        self.0.iter_mut().filter(is_left).for_each(|one| one.how = How::Left);
        self.adds(put, How::Put(outcome), bytes);
        self.is_made_of(of);
        self.adds(now.into(), How::Answer(hash.to_owned()), is);
        if let Some(answer) = self.0.last_mut() {
            answer.is_as_put = is_as_put;
        }
    }

    /// The texts of puts that were here and are no more: nobody else holds them.
    pub(super) fn dropped(&mut self) -> Vec<Text> {
        let mut dropped = std::mem::take(&mut self.4);
        dropped.retain(|text| self.0.iter().all(|one| one.kept_as() != *text));
        dropped
    }

    /// What is known of how a put was made.
    pub(super) fn failed(&mut self, hash: &str, made: Option<(u64, u32)>) {
        let is_it = |one: &&mut Entry| matches!(&one.text, Text::Put(put) if put == hash);
        if let Some(one) = self.0.iter_mut().rev().find(is_it) {
            one.how = How::Put(Outcome::Unknown(made));
        }
    }

    /// It is written now.
    pub(super) fn written_at(&mut self, now: Timestamp) {
        self.1 = Some(now);
    }

    /// It is read now, when nothing was forgotten for so long: what came between when it was written and then may
    /// have been.
    pub(super) fn read_at(&mut self, now: Timestamp, complete_for: Duration) {
        if !self.0.is_empty() && self.1.is_none_or(|at| now.since(at) > complete_for) {
            self.2 = self.2.max(Some(now - complete_for));
            self.0.iter_mut().for_each(|one| one.is_old = true);
        }
    }

    /// Until when something may have come that is not in here, since it was forgotten.
    pub(super) fn lacks_until(&self) -> Option<Timestamp> {
        self.2
    }

    /// Nothing is missing.
    pub(super) fn is_complete(&mut self) {
        self.2 = None;
    }

    /// Whether anything was shown, or put for certain.
    pub(super) fn was_shown(&self) -> bool {
        self.0.iter().any(|one| !matches!(one.how, How::Put(Outcome::Unknown(_))))
    }

    /// Whether nothing of it was asked for, or put, since something may have been forgotten: maybe nobody looked
    /// at what was shown since, and what they have open is not in here.
    pub(super) fn is_only_listed(&self) -> bool {
        self.0.iter().all(|one| one.is_old || one.how == How::Listed)
    }

    /// Whether a text was only listed, since something may have been forgotten; any, where none was asked for, or
    /// put.
    pub(super) fn is_listed_since(&self, text: &Text) -> bool {
        let mut same = self.0.iter().filter(|one| one.text == *text);
        self.0.iter().all(|one| one.how == How::Listed) || same.all(|one| one.is_after_loss)
    }

    /// The first update of its note after which it was opened. What was put, and its answer, or what was listed, tells
    /// not what the box has that it was put from: that may have been lost, or displaced.
    pub(super) fn opened_seq(&self) -> Option<u64> {
        self.0.iter().find(|one| one.how == How::Opened).and_then(Entry::seq)
    }

    /// Up to which update of its note it is known.
    pub(super) fn newest_seq(&self) -> Option<u64> {
        self.0.iter().filter_map(Entry::seq).max()
    }

    /// The todo was shown as it was in this list after this update.
    pub(super) fn is_in(&mut self, list: DocumentId, seq: u64) {
        let known = self.3.filter(|(known, _)| *known == list).map_or(0, |(_, seq)| seq);
        self.3 = Some((list, seq.max(known)));
    }

    /// Up to which update of this list its todo is known.
    pub(super) fn newest_in(&self, list: DocumentId) -> Option<u64> {
        self.3.filter(|(known, _)| *known == list).map(|(_, seq)| seq)
    }

    /// Puts of which nobody knows what came of them, by their hashes.
    pub(super) fn unknown(&self, is_known: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(move |one| match (&one.text, &one.how) {
            (Text::Put(hash), How::Put(Outcome::Unknown(None))) if !is_known(hash) => {
                Some(hash.clone())
            }
            _ => None,
        })
    }

    /// These texts are kept no more.
    pub(super) fn forgets(&mut self, gone: &[Text]) {
        self.0.retain(|one| !gone.contains(&one.text));
    }

    /// The newest put, when it was made from the same text, and this may be a retry of it: its answer was not heard, or
    /// it is the very same and the note was not opened since as what it is made from. Who did not hear may have written
    /// on. Who has put something else since is done with it: they say the same again because they want it again.
    pub(super) fn again(&self, hash: &str, of: &str) -> Option<(&str, Outcome)> {
        let newest = self.entries().find(|one| matches!(one.text, Text::Put(_)))?;
        let (Text::Put(put), How::Put(outcome)) = (&newest.text, &newest.how) else { return None };
        let is_same = newest.of.as_deref() == Some(of);
        let may_retry = match outcome {
            Outcome::Unheard => true,
            Outcome::Unknown(_) => put != hash || !self.is_opened_as(of, &newest.text),
            Outcome::Answered => put == hash && !self.is_opened_as(of, &newest.text),
        };
        (is_same && may_retry).then_some((put, *outcome))
    }

    /// Whether a put was made from this before, or it is not known of one what came of it: its writer may say the same
    /// once more, and more. `of` is what they say that they made it from.
    pub(super) fn may_be_again(&self, of: Option<&str>) -> bool {
        self.0.iter().any(|one| match &one.how {
            How::Put(Outcome::Unknown(_)) => true,
            How::Put(_) | How::Left => of.is_some() && one.of.as_deref() == of,
            _ => false,
        })
    }

    /// Whether the note was opened since a text was put.
    pub(super) fn is_opened_since(&self, put: &Text) -> bool {
        self.entries().take_while(|one| one.text != *put).any(|one| one.how == How::Opened)
    }

    /// Whether the note was opened since a text was put, or came in a list, and said `of`: who puts what was made from
    /// that has seen it without what they had put. Who was shown anything else would have made it from that.
    fn is_opened_as(&self, of: &str, put: &Text) -> bool {
        let is_it = |one: &Entry| match one.of.as_deref() {
            Some(said) => matches!(one.how, How::Opened | How::Listed) && said == of,
            None => one.how == How::Opened,
        };
        self.entries().take_while(|one| one.text != *put).any(is_it)
    }

    fn adds(&mut self, text: Text, how: How, bytes: usize) {
        let is_after_loss =
            how == How::Listed && self.is_only_listed() && self.0.iter().any(|one| one.is_old);
        self.0.push(Entry {
            text,
            how,
            bytes,
            of: None,
            is_as_put: false,
            is_old: false,
            is_after_loss,
        });
        let (mut listed, mut opened, mut put, mut left, mut all) = (0, 0, 0, 0, 0);
        let mut keep: Vec<bool> = Vec::with_capacity(self.0.len());
        for one in self.0.iter().rev() {
            let (many, most) = match one.how {
                How::Listed => (&mut listed, LISTED),
                How::Opened => (&mut opened, OPENED),
                How::Put(_) | How::Answer(_) => (&mut put, 2 * PUT),
                How::Left => (&mut left, LEFT),
            };
            *many += 1;
            all += one.bytes;
            keep.push(*many <= most && (all <= BYTES || keep.is_empty()));
        }
        let mut keep = keep.into_iter().rev();
        for one in self.0.extract_if(.., |_| !keep.next().unwrap_or_default()) {
            self.4.extend(Some(one.kept_as()).filter(|text| matches!(text, Text::Put(_))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(held: &Held) -> Vec<String> {
        let name = |one: &Entry| match &one.text {
            Text::After(seq) => format!("{seq}"),
            Text::Put(hash) | Text::Says(hash) => hash.clone(),
        };
        held.0.iter().map(name).collect()
    }

    #[test]
    fn what_is_only_listed_after_a_loss_is_told_from_what_was_known_before() {
        const HOUR: Duration = Duration::from_hours(1);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut held = Held::default();
        held.shows(1, How::Opened, 10);
        held.shows(2, How::Listed, 10);
        held.written_at(at(10));
        held.read_at(at(20), HOUR);
        assert!(!held.is_only_listed());
        // All is forgotten, and while Redis is away each look finds it so.
        for now in [30, 31] {
            held.read_at(at(now), Duration::ZERO);
            held.shows(2, How::Listed, 10);
            held.shows(3, How::Listed, 10);
            assert!(held.is_only_listed());
            assert_eq!(
                [1, 2, 3].map(|seq| held.is_listed_since(&seq.into())),
                [false, false, true]
            );
            held.written_at(at(now));
        }
        held.shows(4, How::Opened, 10);
        assert!(!held.is_only_listed());
        held.shows(5, How::Listed, 10);
        assert!(!held.is_listed_since(&5.into()));
    }

    #[test]
    fn who_goes_on_from_what_they_put_has_left_what_they_had() {
        let mut held = Held::default();
        held.shows(1, How::Opened, 10);
        held.puts("a", 10, None);
        held.put(("a", 10), Outcome::Answered, Some(&Text::After(1)), (2, 10, false));
        assert_eq!(texts(&held), ["1", "a", "2"], "another tab may have it open");
        held.puts("b", 10, None);
        held.put(("b", 10), Outcome::Answered, Some(&Text::Put("a".into())), (4, 10, false));
        assert_eq!(texts(&held), ["1", "a", "b", "4"], "the words of the first are hers");
        // This time the answer was taken over.
        held.puts("c", 10, None);
        held.put(("c", 10), Outcome::Answered, Some(&Text::After(4)), (5, 10, false));
        assert_eq!(texts(&held), ["1", "a", "b", "c", "5"]);
        assert!(!held.is_opened_since(&Text::Put("c".into())));
        held.shows(5, How::Listed, 10);
        assert!(!held.is_opened_since(&Text::Put("c".into())));
        held.shows(5, How::Opened, 10);
        assert!(held.is_opened_since(&Text::Put("c".into())));
        assert_eq!(texts(&held), ["1", "a", "b", "c", "5", "5"]);
    }

    #[test]
    fn only_the_newest_put_from_the_same_text_is_put_once_more() {
        let mut held = Held::default();
        let puts = |held: &mut Held, hash: &str, of: &str, seq: u64| {
            let is_again = held.again(hash, of).is_some();
            held.puts(hash, 10, Some(of.into()));
            held.put((hash, 10), Outcome::Answered, None, (seq, 10, false));
            is_again
        };
        assert!(!puts(&mut held, "eggs", "milk", 1));
        assert!(puts(&mut held, "eggs", "milk", 2), "a retry");
        assert!(!puts(&mut held, "milk", "eggs", 3), "undone");
        assert!(!puts(&mut held, "eggs", "milk", 4), "done again");
        assert!(!puts(&mut held, "eggs", "honey", 5), "made from something else");
        held.shows(5, How::Opened, 10);
        held.is_made_of(Some("eggs, and what others say".into()));
        assert!(puts(&mut held, "eggs", "honey", 6), "looked at since, and sent as it was");
        held.shows(6, How::Opened, 10);
        held.is_made_of(Some("honey".into()));
        assert!(!puts(&mut held, "eggs", "honey", 7), "looked at since, and it was not there");
        held.puts("bread", 10, Some("eggs".into()));
        held.failed("bread", None);
        let unknown = Some(("bread", Outcome::Unknown(None)));
        assert_eq!(held.again("bread", "eggs"), unknown);
        assert_eq!(held.again("bread and more", "eggs"), unknown, "they have written on");
        assert_eq!(held.again("bread", "bread"), None);
    }

    #[test]
    fn what_came_after_it_was_written_may_have_been_forgotten() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut held = Held::default();
        held.read_at(at(50), Duration::ZERO);
        assert_eq!(held.lacks_until(), None, "nothing is held");
        held.shows(Text::After(1), How::Opened, 10);
        held.written_at(at(50));
        held.read_at(at(60), Duration::from_secs(10));
        assert_eq!(held.lacks_until(), None);
        held.puts("a", 10, None);
        assert_eq!(held.unknown(|_| false).collect::<Vec<_>>(), ["a"]);
        assert_eq!(held.unknown(|hash| hash == "a").count(), 0);
        held.put(("a", 10), Outcome::Answered, None, (Text::After(2), 10, false));
        held.written_at(at(60));
        assert_eq!((held.unknown(|_| false).count(), held.newest_seq()), (0, Some(2)));
        held.read_at(at(70), Duration::from_secs(9));
        assert_eq!(held.lacks_until(), Some(at(61)), "a node may have put something since");
        held.written_at(at(70));
        held.read_at(at(71), Duration::from_secs(10));
        assert_eq!(held.lacks_until(), Some(at(61)), "and nobody has told it since");
    }

    #[test]
    fn what_is_known_of_a_todo_is_so_in_its_list() {
        let list = |number| DocumentId::Todos([number; 12]);
        let mut held = Held::default();
        held.is_in(list(1), 7);
        held.is_in(list(1), 5); // by a node that is behind
        assert_eq!((held.newest_in(list(1)), held.newest_in(list(2))), (Some(7), None));
        held.is_in(list(2), 3);
        assert_eq!((held.newest_in(list(1)), held.newest_in(list(2))), (None, Some(3)));
    }

    #[test]
    fn it_is_bounded_in_number_and_in_bytes() {
        let mut held = Held::default();
        held.shows(1, How::Opened, 10);
        for seq in 2..100 {
            held.shows(seq, How::Listed, 10);
        }
        assert_eq!(
            texts(&held)[..2],
            ["1", "92"],
            "a list in the background displaces no opened one"
        );
        for number in 0..20 {
            held.puts(&format!("put{number}"), 10, None);
            held.shows(100 + number, How::Opened, 10);
        }
        assert_eq!(held.0.len(), LISTED + OPENED + 2 * PUT);
        let dropped = |number: u64| Text::Put(format!("put{number}"));
        assert_eq!(held.dropped(), (0..12).map(dropped).collect::<Vec<_>>());
        held.shows(200, How::Opened, BYTES);
        assert_eq!(texts(&held), ["200"]);
        assert_eq!(held.dropped(), (12..20).map(dropped).collect::<Vec<_>>());
        held.shows(201, How::Listed, BYTES + 1);
        assert_eq!(texts(&held), ["201"], "the newest is known, however long");
    }
}
