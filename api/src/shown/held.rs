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

    /// The hash of what was put last, and of what its writer said that they made it from.
    pub(super) fn newest_put(&self) -> Option<(&str, Option<&str>)> {
        self.entries().find_map(|one| match &one.text {
            Text::Put(hash) => Some((&hash[..], one.of.as_deref())),
            _ => None,
        })
    }

    /// The same where nobody knows what came of it.
    pub(super) fn newest_unknown(&self) -> Option<(&str, &str)> {
        let newest = self.entries().find(|one| matches!(one.text, Text::Put(_)))?;
        match (&newest.text, &newest.how, &newest.of) {
            (Text::Put(put), How::Put(Outcome::Unknown(_)), Some(of)) => Some((put, of)),
            _ => None,
        }
    }

    /// The newest put was made. Nobody heard so, unless the note was opened since without it.
    pub(super) fn was_made(&mut self) {
        let newest = self.entries().find(|one| matches!(one.text, Text::Put(_)));
        let is_opened = newest.is_some_and(|one| {
            one.of.as_deref().is_some_and(|of| self.is_opened_as(of, &one.text))
        });
        let outcome = if is_opened { Outcome::Answered } else { Outcome::Unheard };
        if let Some(one) = self.0.iter_mut().rev().find(|one| matches!(one.text, Text::Put(_))) {
            one.how = How::Put(outcome);
        }
    }

    /// This was put, elsewhere, after all that is held: what it was made from is, and it is there now, so nobody was shown
    /// the note without it since.
    pub(super) fn had_put(&mut self, hash: String, of: String, outcome: Outcome) {
        self.0.push(Entry {
            text: Text::Put(hash),
            how: How::Put(outcome),
            bytes: 0,
            of: Some(of),
            is_as_put: false,
            is_old: true,
            is_after_loss: false,
        });
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
mod tests;
