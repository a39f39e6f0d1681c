//! Whether what somebody has made of a text is in another one. Must not know documents.

use super::words::{Change, changes};

/// Of so many parts that have changed it is looked whether they are there, the first ones.
const LOOKED_FOR: usize = 16;
/// A part is known by so many characters beside it, on its line.
const BESIDE: usize = 8;

/// Whether what `put` changes of `base` is found in what there is `now`, beside what it stood at.
pub fn has_come(base: &str, put: &str, now: &str) -> bool {
    let is_more = |part: &str| now.matches(part).count() > base.matches(part).count();
    let lines = |text: &str, line: &str| text.lines().filter(|one| one.trim() == line).count();
    changes(base, put).iter().take(LOOKED_FOR).all(|change| {
        let inserted = change.inserted.trim_matches('\n');
        let (left, right) = beside(put, change);
        if inserted.trim().is_empty() {
            return is_more(&[left, inserted, right].concat());
        }
        let says = |text: &str| text.chars().any(char::is_alphanumeric);
        match (says(left), says(right)) {
            (false, false) => {
                let line = inserted.trim();
                line.lines().count() > 1 && is_more(line) || lines(now, line) > lines(base, line)
            }
            (has_left, has_right) => {
                (has_left && is_more(&[left, inserted].concat()))
                    || (has_right && is_more(&[inserted, right].concat()))
            }
        }
    })
}

/// What stands before and behind a change on its line.
fn beside<'a>(put: &'a str, change: &Change) -> (&'a str, &'a str) {
    let (left, right) = (&put[..change.at], &put[change.at + change.inserted.len()..]);
    let (on_new_line, ends_line) =
        (change.inserted.starts_with('\n'), change.inserted.ends_with('\n'));
    let left = left.rsplit('\n').next().filter(|_| !on_new_line).unwrap_or_default();
    let right = right.split('\n').next().filter(|_| !ends_line).unwrap_or_default();
    let from = left.char_indices().rev().nth(BESIDE - 1).map_or(0, |(at, _)| at);
    let to = right.char_indices().nth(BESIDE).map_or(right.len(), |(at, _)| at);
    (&left[from..], &right[..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_where_it_was_put() {
        let base = "[ ] call Cleo\n[ ] buy chalk";
        let put = "[x] call Cleo\n[ ] buy chalk";
        assert!(has_come(base, put, put));
        assert!(
            has_come(base, put, "[x] call Cleo today\n[x] buy chalk"),
            "others write beside it"
        );
        assert!(!has_come(base, put, "[ ] call Cleo\n[x] buy chalk"), "another box");
        assert!(!has_come(base, put, base), "it was taken back");
        let (base, put) = ("Shopping\none", "Shopping\none\neggs");
        assert!(has_come(base, put, "Shopping\none\nmilk\neggs\ntea"));
        assert!(!has_come(base, put, "Shopping\none\nmilk\nno eggs\ntea"), "another line");
        assert!(!has_come(base, put, "Shopping\none\nmilk\ntea"));
        let (base, put) = ("alpha beta gamma", "alpha gamma");
        assert!(has_come(base, put, "alpha gamma delta"));
        assert!(!has_come(base, put, "alpha beta gamma delta"), "it is there again");
        let (base, put) = ("\u{4eca}\u{65e5}", "\u{4eca}\u{5929}\u{65e5}");
        assert!(has_come(base, put, "\u{4eca}\u{5929}\u{65e5}\u{306f}"));
        assert!(!has_come(base, put, "\u{4eca}\u{65e5}\u{306f}"));
    }
}
