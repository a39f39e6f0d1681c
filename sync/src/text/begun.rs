//! Which of some texts the writer of another began with: found out from what has been typed since each, what
//! deleted, and what others added from one to the next. Must not know documents.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    ops::Range,
};

use super::words::{changes, words};

/// Less than this may two people have typed alike, in bytes: a word, a tick.
const ALIKE: usize = 12;
/// So much in one piece nobody types as somebody else has it, in words and in bytes.
const ONE_PIECE: (usize, usize) = (5, 24);

/// What has been done to a text until it was another, without the space.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Since {
    typed: usize,
    deleted: usize,
    /// Where it was changed: words that are another's now, or nobody's.
    changed: Vec<Range<usize>>,
    /// The hashes of the words that were deleted, and how often each.
    gone: HashMap<u64, usize>,
    /// Whether something of it is left, or there was nothing.
    is_kept: bool,
    /// Whether it was that already, to the last sign.
    is_same: bool,
}

impl Since {
    /// From one text to another.
    pub fn between(base: &str, text: &str) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut since = Self { is_same: base == text, ..Self::default() };
        let (head, old, new) = differing(base, text);
        for change in changes(old, new) {
            since.changed.push(head + change.start..head + change.end);
            let (gone, come) = apart(&old[change.start..change.end], &change.inserted);
            since.typed += letters(come);
            since.deleted += letters(gone);
            for word in words(gone) {
                *since.gone.entry(hasher.hash_one(word)).or_default() += 1;
            }
        }
        since.is_kept = since.deleted == 0 || since.deleted < letters(base);
        since
    }

    fn size(&self) -> usize {
        self.typed + self.deleted
    }

    /// Whether nothing was deleted that was not deleted since another as well.
    fn takes_no_more(&self, other: &Self) -> bool {
        self.gone.iter().all(|(word, times)| other.gone.get(word).is_some_and(|most| times <= most))
    }
}

/// How the writer knows a text; of one that they know in several ways, the last of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// It was shown to them.
    #[default]
    Shown,
    /// They asked for it.
    Opened,
    /// They have put it themselves.
    Put,
    /// They have put it and gone on from it: it says which words are their own, and they do not hold it any more.
    Left,
}

/// A text that somebody may have begun with.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub text: &'a str,
    /// What they would have done to it.
    pub since: &'a Since,
    pub known: Known,
    /// Whether they have opened the note since.
    pub is_reopened: bool,
}

impl<'a> Candidate<'a> {
    fn is_put(self) -> bool {
        self.known >= Known::Put
    }

    /// Whether nothing says that they began with this: they kept nothing of it, and have it from others, or have
    /// opened the note since.
    fn is_far(self) -> bool {
        !self.since.is_kept && (!self.is_put() || self.is_reopened)
    }

    /// Whether what others `added` here has been seen by who wrote a text of their own of it or of something
    /// older; none where no word was added. They have, where all of that is in their text, or most, or more in
    /// one piece than two people write alike; or where they only took away.
    fn has_been_seen(self, added: &[Range<usize>]) -> Option<bool> {
        let all = self.telling(added);
        let is_left = without(added, &self.since.changed);
        let left = self.telling(&is_left);
        let is_one_piece = |piece: &Range<usize>| {
            let text = &self.text[piece.clone()];
            let whole = self.lines_of(piece).any(|line| letters(line) >= ALIKE);
            whole || (words(text).len() >= ONE_PIECE.0 && letters(text) >= ONE_PIECE.1)
        };
        let only_takes = || self.since.typed == 0 && (left > ALIKE || 2 * left >= all);
        (all > 0).then(|| 3 * left >= 2 * all || only_takes() || is_left.iter().any(is_one_piece))
    }

    /// The lines of which all is in this part.
    fn lines_of(self, part: &Range<usize>) -> impl Iterator<Item = &'a str> + use<'a> {
        let begins = part.start == 0 || self.text[..part.start].ends_with('\n');
        let ends = part.end == self.text.len() || self.text[part.end..].starts_with('\n');
        let lines = self.text[part.clone()].split('\n');
        let last = lines.clone().count() - 1;
        let is_whole = move |at: usize| (at > 0 || begins) && (at < last || ends);
        lines.enumerate().filter(move |(at, _)| is_whole(*at)).map(|(_, line)| line)
    }

    /// How many bytes of these parts are letters and digits: brackets, bullets and bars are everybody's.
    fn telling(self, parts: &[Range<usize>]) -> usize {
        let signs = parts.iter().flat_map(|part| self.text[part.clone()].chars());
        signs.filter(|sign| sign.is_alphanumeric()).map(char::len_utf8).sum()
    }
}

/// Which of these, the newest first, the writer began with.
pub fn begun_with(candidates: &[Candidate<'_>]) -> Option<usize> {
    let held: Vec<usize> =
        (0..candidates.len()).filter(|at| candidates[*at].known != Known::Left).collect();
    let (first, older) = held.split_first()?;
    let mut found = Newer::of(candidates, *first);
    for older in older {
        if found.is_left_for(*older) {
            found = Newer::of(candidates, *older);
        }
    }
    Some(found.at)
}

/// The text that they began with, as far as was looked, among all of them.
struct Newer<'a> {
    candidates: &'a [Candidate<'a>],
    at: usize,
    /// Where it has what each older one has not.
    added: HashMap<usize, Vec<Range<usize>>>,
}

impl<'a> Newer<'a> {
    fn of(candidates: &'a [Candidate<'a>], at: usize) -> Self {
        Self { candidates, at, added: HashMap::new() }
    }

    /// Whether they began with an older one instead.
    fn is_left_for(&mut self, older: usize) -> bool {
        let (this, that) = (self.candidates[self.at], self.candidates[older]);
        let is_nearer = that.since.size() < this.since.size();
        if this.since.is_same || that.since.is_same {
            return !this.since.is_same;
        }
        if that.is_far() {
            return false;
        }
        let has_put = self.candidates[self.at..older].iter().any(|one| one.is_put());
        let added = self.by_others(older);
        match this.has_been_seen(&added) {
            // What they have put since, and nobody added to, is as they have it.
            None => !has_put && is_nearer,
            Some(true) => false,
            // They have left what they put only for a text from which they have taken nothing else.
            Some(false) if this.is_put() => {
                let only_takes_back = this.since.typed == 0 && that.since.typed > 0;
                !only_takes_back && is_nearer && that.since.takes_no_more(this.since)
            }
            // What nobody has seen is kept, in doubt: a text that is there twice can be mended.
            Some(false) => this.known != Known::Opened || !self.is_written_over(older, &added),
        }
    }

    /// Whether all that others `added` here, and is not in the text, stands in place of something older that is
    /// not in it either: who has opened this has rewritten what they have.
    fn is_written_over(&self, older: usize, added: &[Range<usize>]) -> bool {
        let (this, that) = (self.candidates[self.at], self.candidates[older]);
        replaced(that.text, this.text).all(|(gone, come)| {
            let theirs = within(added, &[come]);
            if this.has_been_seen(&theirs) != Some(false) {
                return true;
            }
            let gone = [gone];
            let left = without(&gone, &that.since.changed);
            that.telling(&gone) > 2 * that.telling(&left)
        })
    }

    /// Where this has what others added since an older one. What was put meanwhile is not theirs; in what was put
    /// itself it is what had been shown, and not been put before that.
    fn by_others(&mut self, older: usize) -> Vec<Range<usize>> {
        let all = self.since(older).to_vec();
        if !self.candidates[self.at].is_put() {
            return self.without_own(all, self.at);
        }
        let mut found = Vec::new();
        for shown in self.at + 1..older {
            if !self.candidates[shown].is_put() {
                let new = without(&all, &found);
                let there = without(&new, self.since(shown));
                found.extend(self.without_own(there, shown));
                found.sort_by_key(|part| part.start);
            }
        }
        found
    }

    /// Parts of this without what was put before another.
    fn without_own(&mut self, parts: Vec<Range<usize>>, before: usize) -> Vec<Range<usize>> {
        (before + 1..self.candidates.len()).fold(parts, |parts, at| {
            if parts.is_empty() || !self.candidates[at].is_put() {
                return parts;
            }
            let new = within(&parts, self.since(at));
            let again = self.said_again(&new, self.candidates[at].text);
            without(&new, &again)
        })
    }

    /// Lines of these parts that are in a text as well: where it was not known what to take that from, what is there
    /// already was put beside it once more.
    fn said_again(&self, parts: &[Range<usize>], put: &str) -> Vec<Range<usize>> {
        let said: HashSet<&str> = put.lines().map(str::trim).collect();
        let lines = parts.iter().flat_map(|part| {
            let whole = &self.candidates[self.at].text[part.clone()];
            let at = move |line: &str| part.start + line.as_ptr().addr() - whole.as_ptr().addr();
            whole.split('\n').map(move |line| (at(line)..at(line) + line.len(), line.trim()))
        });
        lines.filter(|(_, line)| said.contains(line)).map(|(at, _)| at).collect()
    }

    fn since(&mut self, older: usize) -> &[Range<usize>] {
        let (old, new) = (self.candidates[older].text, self.candidates[self.at].text);
        self.added.entry(older).or_insert_with(|| added(old, new))
    }
}

/// Where the newer text has what the older one has not. Words that went from elsewhere are not new, as where a
/// line was broken: whoever had them before has not seen anything.
fn added(older: &str, newer: &str) -> Vec<Range<usize>> {
    let changes: Vec<_> = replaced(older, newer).collect();
    let mut before: HashMap<&str, usize> = HashMap::new();
    for word in changes.iter().flat_map(|(gone, _)| words(&older[gone.clone()])) {
        *before.entry(word).or_default() += 1;
    }
    let mut is_old = |word: &&str| {
        let times = before.get_mut(*word).filter(|times| **times > 0);
        times.map(|times| *times -= 1).is_some()
    };
    let new = |(_, come): (Range<usize>, Range<usize>)| {
        let at = |word: &str| word.as_ptr().addr() - newer.as_ptr().addr();
        let old = words(&newer[come.clone()]).into_iter().filter(&mut is_old);
        let old: Vec<_> = old.map(|word| at(word)..at(word) + word.len()).collect();
        without(&[come], &old)
    };
    changes.into_iter().flat_map(new).collect()
}

/// What of the older text is gone, and what of the newer one stands in its place.
fn replaced(older: &str, newer: &str) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (head, old, new) = differing(older, newer);
    let at = move |begin: usize, length: usize| head + begin..head + begin + length;
    changes(old, new).into_iter().map(move |change| {
        let gone = at(change.start, change.end - change.start);
        (gone, at(change.at, change.inserted.len()))
    })
}

/// What of these parts is in those as well; both are in order and apart.
fn within(parts: &[Range<usize>], those: &[Range<usize>]) -> Vec<Range<usize>> {
    let both = |part: &Range<usize>| {
        let (start, end) = (part.start, part.end);
        those.iter().map(move |that| that.start.max(start)..that.end.min(end))
    };
    parts.iter().flat_map(both).filter(|part| !part.is_empty()).collect()
}

/// What of these parts is in none of those; both are in order and apart.
fn without(parts: &[Range<usize>], those: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut left = Vec::new();
    for part in parts {
        let mut from = part.start;
        for that in those.iter().filter(|that| that.start < part.end && that.end > part.start) {
            left.push(from..that.start.max(from));
            from = that.end;
        }
        left.push(from..part.end.max(from));
    }
    left.retain(|part| !part.is_empty());
    left
}

/// Two texts without the lines that both begin with, and end with; how many bytes they begin with.
fn differing<'a>(old: &'a str, new: &'a str) -> (usize, &'a str, &'a str) {
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let head = old.as_bytes()[..same].iter().rposition(|byte| *byte == b'\n');
    let head = head.map_or(0, |last| last + 1);
    let (old, new) = (&old[head..], &new[head..]);
    let same = old.bytes().rev().zip(new.bytes().rev()).take_while(|(a, b)| a == b).count();
    let tail = old.as_bytes()[old.len() - same..].iter().position(|byte| *byte == b'\n');
    let tail = tail.map_or(0, |first| same - first - 1);
    (head, &old[..old.len() - tail], &new[..new.len() - tail])
}

/// What is in place of what, without the letters that both begin with, and end with: who types on at a word
/// has not deleted it.
fn apart<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let same = |signs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        signs.take_while(|(a, b)| a == b).map(|(sign, _)| sign.len_utf8()).sum()
    };
    let head = same(&mut old.chars().zip(new.chars()));
    let (old, new) = (&old[head..], &new[head..]);
    let tail = same(&mut old.chars().rev().zip(new.chars().rev()));
    (&old[..old.len() - tail], &new[..new.len() - tail])
}

/// How many bytes are no space.
fn letters(text: &str) -> usize {
    text.split_whitespace().map(str::len).sum()
}

#[cfg(test)]
mod tests;
