//! Three texts become one: what one person made of a base, and what it has become meanwhile.

use super::diff::{self, Edit};

/// `theirs` with what `mine` changed of `base`. What both deleted is gone, what both inserted at one
/// place is there twice, theirs first.
pub fn merged(base: &str, mine: &str, theirs: &str) -> String {
    if base == theirs {
        return mine.to_owned();
    }
    let units: Vec<u16> = base.encode_utf16().collect();
    let (theirs, mine) = (diff::edits(base, theirs), diff::edits(base, mine));
    let mut gone = vec![false; units.len()];
    for edit in theirs.iter().chain(&mine) {
        let start = edit.start as usize;
        let end = (start + edit.deleted as usize).min(gone.len());
        gone[start.min(end)..end].fill(true);
    }
    let mut merged = Vec::with_capacity(units.len());
    let (mut theirs, mut mine) = (theirs.iter().peekable(), mine.iter().peekable());
    for at in 0..=units.len() {
        let is_here = |edit: &&Edit<'_>| edit.start as usize <= at;
        for edits in [&mut theirs, &mut mine] {
            while let Some(edit) = edits.next_if(is_here) {
                merged.extend(edit.inserted.encode_utf16());
            }
        }
        if at < units.len() && !gone[at] {
            merged.push(units[at]);
        }
    }
    String::from_utf16_lossy(&merged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_peoples_changes_survive() {
        let base = "one two three";
        let bob = "one two three BOB TYPED THIS";
        assert_eq!(merged(base, "ONE two three", bob), "ONE two three BOB TYPED THIS");
        assert_eq!(merged(base, "one three", "one two 2 three"), "one 2 three");
        assert_eq!(merged("", "mine", "theirs"), "theirsmine");
        assert_eq!(merged("a😀b", "a😀c", "x a😀b"), "x a😀c");
    }

    proptest! {
        #[test]
        fn who_changed_nothing_changes_nothing(base in ".{0,40}", other in ".{0,40}") {
            prop_assert_eq!(merged(&base, &base, &other), other.clone());
            prop_assert_eq!(merged(&base, &other, &base), other);
        }
    }
}
