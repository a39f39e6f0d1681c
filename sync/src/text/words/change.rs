//! One change of a text: and which of equal lines, or words, is the one that is gone.

/// Of so many bytes that are deleted it is looked whether the last lines stand behind them once more.
const LOOKED_AT: usize = 64 << 10;

/// So many of equal lines are looked at.
const PLACES: usize = 256;

/// A part of the old text, in bytes, and what stands in its place. It cuts no word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::text) struct Change {
    pub(in crate::text) start: usize,
    pub(in crate::text) end: usize,
    pub(in crate::text) inserted: String,
    /// Where in the new text that is.
    pub(in crate::text) at: usize,
}

impl Change {
    /// Whether nothing is deleted.
    pub(in crate::text) fn only_adds(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing is inserted.
    pub(in crate::text) fn only_deletes(&self) -> bool {
        self.inserted.is_empty()
    }

    /// Of equal lines, and equal words, beside each other the last ones are deleted, and of the line breaks before a
    /// line and behind it the one behind it: so two who delete the same delete the same. Else one of two equal lines
    /// would be gone for who takes out the one, and the other for who takes out the other.
    fn slide(&mut self, old: &str, next: usize) {
        let next = next.min(old.len());
        while self.only_deletes()
            && let Some(same) = self.same_behind(old).filter(|same| self.end + same <= next)
        {
            (self.start, self.end, self.at) = (self.start + same, self.end + same, self.at + same);
        }
    }

    /// Lines that are deleted, apart from the last of them that stand behind them once more.
    fn without_copy(self, old: &str) -> Vec<Self> {
        let (gone, behind) = (&old[self.start..self.end], &old[self.end..]);
        let begins = self.start == 0 || old[..self.start].ends_with('\n');
        if !(begins && self.only_deletes() && gone.ends_with('\n')) || gone.len() > LOOKED_AT {
            return vec![self];
        }
        let is_copy = |copy: &str| {
            behind.starts_with(copy)
                || Some(behind) == copy.strip_suffix('\n') && !behind.is_empty()
        };
        let places = gone.match_indices('\n').map(|(at, _)| at + 1);
        let Some(copy) = [0].into_iter().chain(places).find(|at| is_copy(&gone[*at..])) else {
            return vec![self];
        };
        let middle = self.start + copy;
        let part = |start, end| Self { start, end, inserted: String::new(), at: self.at };
        let parts = [part(self.start, middle), part(middle, self.end)];
        parts.into_iter().filter(|part| part.start < part.end).collect()
    }

    /// How much of what is deleted stands behind it again: a line break, a line, or all of it.
    fn same_behind(&self, old: &str) -> Option<usize> {
        let (gone, behind) = (&old[self.start..self.end], &old[self.end..]);
        if gone.starts_with('\n') && behind.starts_with('\n') {
            return Some(1);
        }
        let begins = self.start == 0 || old[..self.start].ends_with('\n');
        if begins && gone.ends_with('\n') {
            let line = &gone[..=gone.find('\n')?];
            let is_last = behind == line.trim_end_matches('\n') && !behind.is_empty();
            return (is_last || behind.starts_with(line)).then(|| line.len().min(behind.len()));
        }
        let rest =
            behind.strip_prefix(gone).filter(|_| !gone.is_empty() && !gone.contains('\n'))?;
        let is_in_word =
            gone.ends_with(char::is_alphanumeric) && rest.starts_with(char::is_alphanumeric);
        (!is_in_word).then_some(gone.len())
    }
}

/// Lines that one deletes of equal ones are those that the other has put something else in place of, or has deleted:
/// else of two equal ones none would be left. And they are none that the other has changed.
pub(in crate::text) fn choose(base: &str, mine: &mut [Change], theirs: &[Change]) {
    let mut before = None;
    for change in mine {
        let places = change.places(base, before);
        let best = places.into_iter().min_by_key(|place| place.fate(base, theirs));
        if let Some(best) = best.filter(|best| best.start < change.start) {
            *change = best;
        }
        before = Some(change.end);
    }
}

/// What the other has done to lines.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Gone,
    Untouched,
    Changed,
}

impl Change {
    /// Where else the lines could be that are deleted, the last first; nowhere where no lines are.
    fn places(&self, base: &str, before: Option<usize>) -> Vec<Self> {
        let mut places = Vec::new();
        let mut next = Some(self.clone()).filter(|one| one.deletes_lines(base));
        while let Some(place) = next.filter(|_| places.len() < PLACES) {
            next =
                place.one_before(base).filter(|one| before.is_none_or(|before| before < one.start));
            places.push(place);
        }
        places
    }

    fn deletes_lines(&self, base: &str) -> bool {
        let gone = &base[self.start..self.end];
        let begins = self.start == 0 || base[..self.start].ends_with('\n');
        let is_at_end = self.end == base.len() && gone.starts_with('\n');
        self.only_deletes() && (begins && gone.ends_with('\n') || is_at_end)
    }

    /// The same a line earlier, where the line before is the last one that is deleted.
    fn one_before(&self, base: &str) -> Option<Self> {
        let (before, gone) = (&base[..self.start], &base[self.start..self.end]);
        let last = match gone.strip_suffix('\n') {
            Some(lines) => &gone[lines.rfind('\n').map_or(0, |at| at + 1)..],
            None => gone.rsplit('\n').next()?,
        };
        let rest =
            before.strip_suffix(last).filter(|rest| rest.is_empty() || rest.ends_with('\n'))?;
        let (start, end) = (rest.len(), self.end - last.len());
        (!last.is_empty()).then(|| Self {
            start,
            end,
            at: self.at - last.len().min(self.at),
            ..self.clone()
        })
    }

    fn fate(&self, base: &str, theirs: &[Self]) -> Fate {
        let gone = &base[self.start..self.end];
        let start = self.start + (gone.len() - gone.trim_start_matches('\n').len());
        let end = start + gone.trim_matches('\n').len();
        let near = theirs.partition_point(|one| one.end < start);
        let (mut left, mut is_changed) = (start, false);
        for one in theirs[near..].iter().take_while(|one| one.start <= end) {
            let is_line = one.start == start && one.inserted.ends_with('\n')
                || one.start == end && one.inserted.starts_with('\n');
            is_changed |=
                if one.only_adds() { !is_line } else { one.start < end && start < one.end };
            if one.start <= left {
                left = left.max(one.end);
            }
        }
        match () {
            () if start < end && left >= end => Fate::Gone,
            () if is_changed => Fate::Changed,
            () => Fate::Untouched,
        }
    }
}

/// Changes so that two who have done the same have the same ones. What stands in place of something, as a line in
/// place of a line, leaves the ones equal to that alone: somebody may be writing there.
pub(super) fn settled(found: Vec<Change>, old: &str) -> Vec<Change> {
    let mut found: Vec<_> = found.into_iter().flat_map(|one| one.without_copy(old)).collect();
    let mut next = old.len() + 1;
    for at in (0..found.len()).rev() {
        let is_replaced = |before: &Change| before.only_adds() && before.end == found[at].start;
        if !at.checked_sub(1).is_some_and(|before| is_replaced(&found[before])) {
            found[at].slide(old, next);
        }
        next = found[at].start;
    }
    found
}
