//! One change of a text: and which of equal lines, or words, is the one that is gone.

/// Of so many bytes that are deleted it is looked whether the last lines stand behind them once more.
const LOOKED_AT: usize = 64 << 10;

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

    /// A line in place of one that stands behind it once more is a new line, and one of two equal ones is gone: whoever
    /// takes out the other would take out both.
    fn apart(self, (old, new): (&str, &str), next: usize) -> Vec<Self> {
        let (gone, behind) = (&old[self.start..self.end], &old[self.end..]);
        let begins = self.start == 0 || old[..self.start].ends_with('\n');
        let is_line = begins && !gone.is_empty() && !self.inserted.is_empty();
        let again = behind.strip_prefix('\n').and_then(|line| line.strip_prefix(gone));
        let is_again = again.is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'));
        let at = self.at + self.inserted.len() + 1;
        let ends_line = self.end < next && new.as_bytes().get(at - 1) == Some(&b'\n');
        if !(is_line && is_again && ends_line) {
            return vec![self];
        }
        let inserted = new[self.at..at].to_owned();
        let line = Self { start: self.start, end: self.start, inserted, at: self.at };
        vec![line, Self { start: self.start, end: self.end + 1, inserted: String::new(), at }]
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

/// Changes so that two who have done the same have the same ones.
pub(super) fn settled(found: Vec<Change>, old: &str, new: &str) -> Vec<Change> {
    let starts: Vec<_> = found.iter().skip(1).map(|one| one.start).chain([old.len()]).collect();
    let apart = found.into_iter().zip(starts).flat_map(|(one, next)| one.apart((old, new), next));
    let mut found: Vec<_> = apart.flat_map(|one| one.without_copy(old)).collect();
    let mut next = old.len() + 1;
    for change in found.iter_mut().rev() {
        change.slide(old, next);
        next = change.start;
    }
    found
}
