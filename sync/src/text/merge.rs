//! Three texts become one: what one person made of a base, and what it has become meanwhile.

use std::{mem, ops::Range};

use super::{
    ends::put_back,
    seen::has_seen,
    words::{Change, changes, choose, is_glued, is_mark, pieces, stands_alone},
};

/// `theirs` with what `mine` changed of `base`, by whole words. What both deleted is gone, what both
/// inserted at one place is there twice, theirs first. Where both changed the same words, or one changed
/// what the other deleted, there is what each made of them, in one piece; what one of them only deleted
/// stays as the other has it.
///
/// `base` is a guess at what the writer of `mine` began with. Where `mine` shows that they had seen
/// `theirs` some other way, `mine` is what they want.
pub fn merged(base: &str, mine: &str, theirs: &str) -> String {
    merged_so(false, [base, mine, theirs])
}

/// The same of what its writer may have put before without knowing, and have written on since: of what both have added
/// at one place, what one says at an edge of the other's is there once. Of two people that would take what they say
/// alike ("+1" beside "+1 Ada").
pub fn merged_again(base: &str, mine: &str, theirs: &str) -> String {
    merged_so(true, [base, mine, theirs])
}

fn merged_so(is_again: bool, [base, mine, theirs]: [&str; 3]) -> String {
    match () {
        () if theirs == base => mine.to_owned(),
        () if mine == base => theirs.to_owned(),
        () => put_back([base, mine, theirs], |texts| merged_lines(is_again, texts)),
    }
}

/// The same of texts without blanks at their lines' ends.
fn merged_lines(is_again: bool, [base, mine, theirs]: [&str; 3]) -> String {
    let mut their = changes(base, theirs);
    if their.is_empty() || has_seen((base, mine, theirs), &their) {
        return mine.to_owned();
    }
    let mut my = changes(base, mine);
    if my.is_empty() {
        return theirs.to_owned();
    }
    choose(base, &mut my, &their);
    choose(base, &mut their, &my);
    let [their, my] = beside(base, [their, my]);
    let piece = |by| move |(change, is_line)| Piece { change, is_line, by };
    let their = their.into_iter().flat_map(|change| pieces(base, change)).map(piece(By::Them));
    let my = my.into_iter().flat_map(|change| pieces(base, change)).map(piece(By::Me));
    let text = String::with_capacity(theirs.len());
    let merge = Merge { base, theirs, mine, is_again, text, from: 0, owes_break: false };
    merge.with(their.chain(my).collect())
}

/// A line that is added after a line break is as well one that is added before it. Where the other deletes
/// that line break with the line beside it, it is added on the other side of the deletion.
fn beside(base: &str, [mut their, mut my]: [Vec<Change>; 2]) -> [Vec<Change>; 2] {
    turn(base, &mut their, &my);
    turn(base, &mut my, &their);
    [their, my]
}

fn turn(base: &str, changes: &mut [Change], by: &[Change]) {
    for change in changes.iter_mut().filter(|change| change.only_adds()) {
        let at = change.start;
        let is_within = |other: &Change| other.only_deletes() && other.start < at && at < other.end;
        let near = by.partition_point(|other| other.end <= at);
        let Some(other) = by.get(near).filter(|other| is_within(other)) else { continue };
        // Of each line that is deleted it is either the break before it or the one behind it.
        let begins_line = other.start == 0 || base[..other.start].ends_with('\n');
        if (other.start + 1 == at || !begins_line) && base[..at].ends_with('\n') {
            if let Some(line) = change.inserted.strip_suffix('\n') {
                (change.inserted, change.at) = (format!("\n{line}"), change.at - 1);
                (change.start, change.end) = (at - 1, at - 1);
            }
        } else if (at + 1 == other.end || begins_line)
            && base[at..].starts_with('\n')
            && let Some(line) = change.inserted.strip_prefix('\n')
        {
            (change.inserted, change.at) = (format!("{line}\n"), change.at + 1);
            (change.start, change.end) = (at + 1, at + 1);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Them,
    Me,
}

/// A change, or one line or word of a deletion.
#[derive(Debug)]
struct Piece {
    change: Change,
    /// Whether it is a line that is deleted whole.
    is_line: bool,
    by: By,
}

impl Piece {
    /// Whether what is added is added to the line that this deletes.
    fn is_line_of(&self, added: &Change, base: &str) -> bool {
        let (start, end) = (self.change.start, self.change.end);
        let is_at_start = (start == 0 || base[..start].ends_with('\n'))
            && added.start == start
            && !added.inserted.ends_with('\n');
        let is_at_end = !base[start..end].ends_with('\n')
            && added.start == end
            && !added.inserted.starts_with('\n');
        self.is_line && (is_at_start || is_at_end)
    }
}

/// Changes that cannot be made one without the other, and what they are of.
#[derive(Debug)]
struct Group {
    range: Range<usize>,
    pieces: Vec<Piece>,
}

impl Group {
    fn meets(&self, piece: &Piece, base: &str) -> bool {
        let change = &piece.change;
        let is_in = self.range.start <= change.start && change.start < self.range.end;
        let added = |one: &Piece, other: &Piece| {
            one.by != other.by && other.change.only_adds() && one.is_line_of(&other.change, base)
        };
        is_in || self.pieces.iter().any(|one| added(one, piece) || added(piece, one))
    }

    fn take(&mut self, piece: Piece) {
        self.range.end = self.range.end.max(piece.change.end);
        self.pieces.push(piece);
    }

    fn only_adds(&self) -> bool {
        self.range.is_empty()
    }
}

/// Puts what belongs together into groups, in order.
fn groups(base: &str, mut pieces: Vec<Piece>) -> Vec<Group> {
    // Theirs come first where all is the same.
    pieces.sort_by_key(|piece| (piece.change.start, piece.change.end));
    let mut groups: Vec<Group> = Vec::new();
    for piece in pieces {
        let start = piece.change.start;
        // What was added right here, by one or by both, may be of the line that is deleted now.
        let here = groups.iter().rev().take_while(|group| group.range.end >= start).count();
        let here = groups.split_off(groups.len() - here);
        let (met, others): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|group| group.meets(&piece, base));
        groups.extend(others);
        let mut met = met.into_iter();
        let new = Group { range: start..start, pieces: Vec::new() };
        let mut group = met.next().unwrap_or(new);
        for piece in met.flat_map(|group| group.pieces).chain([piece]) {
            group.take(piece);
        }
        groups.push(group);
    }
    groups
}

/// The text as it grows.
struct Merge<'a> {
    base: &'a str,
    theirs: &'a str,
    mine: &'a str,
    is_again: bool,
    text: String,
    /// Up to where in the base all is said.
    from: usize,
    /// Whether a whole line was said last, and what set it apart may be deleted.
    owes_break: bool,
}

impl Merge<'_> {
    fn with(mut self, pieces: Vec<Piece>) -> String {
        let mut groups = groups(self.base, pieces).into_iter().peekable();
        while let Some(group) = groups.next() {
            self.keep(group.range.start);
            if group.only_adds() {
                let mut added = vec![self.said(&group)];
                let is_here = |next: &Group| next.only_adds() && next.range == group.range;
                while let Some(next) = groups.next_if(is_here) {
                    added.push(self.said(&next));
                }
                for one in &mut added {
                    one.replaces_line = groups.peek().is_some_and(|next| {
                        next.range.start == group.range.end
                            && next.pieces.iter().any(|piece| piece.is_line && piece.by == one.by)
                    });
                }
                self.side_by_side(added);
                continue;
            }
            let is_kept_line = group.pieces.iter().any(|piece| piece.is_line)
                && group.pieces.iter().any(|piece| !piece.change.only_deletes());
            let begins_line = self.base[..group.range.start].ends_with('\n');
            self.begin_line_if(is_kept_line && begins_line);
            let line = if self.owes_break { "" } else { self.line() };
            let said = said(self.base, &group, line);
            self.say(&said);
            let (before, after) = self.base.split_at(group.range.end);
            let ends_line = after.is_empty() || before.ends_with('\n') || after.starts_with('\n');
            let is_indented = self.line().trim().is_empty();
            self.owes_break |= is_kept_line && ends_line && !is_indented;
            self.from = group.range.end;
        }
        self.keep(self.base.len());
        self.text
    }

    /// What is said of the last line.
    fn line(&self) -> &str {
        self.text.rsplit('\n').next().unwrap_or_default()
    }

    fn keep(&mut self, to: usize) {
        let kept = &self.base[self.from..to];
        self.say(kept);
        self.from = to;
    }

    fn say(&mut self, said: &str) {
        let Some(first) = said.chars().next() else { return };
        let ends_line = self.text.is_empty() || self.text.ends_with('\n');
        if mem::take(&mut self.owes_break) && !ends_line && first != '\n' {
            self.text.push('\n');
            if said.trim().is_empty() {
                return; // space between words of one line
            }
        } else if is_glued(&self.text, said) {
            self.text.push(' ');
        }
        self.text += said;
    }

    /// What an addition says.
    fn said(&self, group: &Group) -> Said {
        let by = group.pieces[0].by;
        let text = said(self.base, group, self.line());
        let [Piece { change, .. }] = group.pieces.as_slice() else {
            let (begins_line, ends_line, replaces_line) = (false, false, false);
            return Said { by, text, begins_line, ends_line, replaces_line };
        };
        let own = if by == By::Them { self.theirs } else { self.mine };
        let (before, after) = (&own[..change.at], &own[change.at + text.len()..]);
        let (begins, ends) = (text.starts_with('\n'), text.ends_with('\n'));
        let is_lines = (begins || before.is_empty() || before.ends_with('\n'))
            && (ends || after.is_empty() || after.starts_with('\n'));
        let (begins_line, ends_line) = (is_lines && !begins, is_lines && !ends);
        Said { by, text, begins_line, ends_line, replaces_line: false }
    }

    fn put(&mut self, said: &Said) {
        self.begin_line_if(said.begins_line);
        self.say(&said.text);
        self.owes_break |= said.ends_line;
    }

    fn begin_line_if(&mut self, has_to: bool) {
        if has_to && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// What is added at one place, theirs and mine.
    fn side_by_side(&mut self, mut added: Vec<Said>) {
        let (around, is_again) = (self.base.split_at(self.from), self.is_again);
        let texts: Vec<(By, String)> = added.iter().map(|one| (one.by, one.text.clone())).collect();
        // Space that the other has put here too, and signs that both have put to a word.
        added.retain(|one| {
            let is_mine_too = |(by, text): &(By, String)| {
                (*by, one.by) == (By::Them, By::Me) && *text == one.text
                    || is_again && *by != one.by && is_edge_of(&one.text, text)
            };
            let is_in = |(by, text): &(By, String)| {
                let is_line = text.ends_with('\n') && !one.text.contains('\n');
                // An empty line is one beside a line that has its own break, but behind a last line without.
                let is_last = around.1.is_empty() && !around.0.ends_with('\n');
                let breaks = |text: &str| text.matches('\n').count();
                let empty = breaks(&one.text);
                let is_apart = empty > 0
                    && !text.trim().is_empty()
                    && !is_last
                    && breaks(text) - breaks(text.trim()) <= empty;
                *by != one.by
                    && !is_apart
                    && ((text.starts_with(&one.text) && !is_line) || text.ends_with(&one.text))
                    && *text != one.text
            };
            let is_space = one.text.trim().is_empty();
            let is_twice = texts.iter().any(is_mine_too);
            let is_said = is_space && texts.iter().any(is_in);
            !(is_twice || is_said)
        });
        let is_empty_line = (around.0.is_empty() || around.0.ends_with('\n'))
            && (around.1.is_empty() || around.1.starts_with('\n'));
        let (theirs, mine): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|one| one.by == By::Them);
        let (mut theirs, mut mine) = (theirs.into_iter().peekable(), mine.into_iter().peekable());
        let place = |one: &Said| (rank(around, &one.text), one.replaces_line);
        let mut before = None;
        loop {
            let is_theirs = match (theirs.peek(), mine.peek()) {
                (Some(one), Some(other)) => place(one) <= place(other),
                (theirs, _) => theirs.is_some(),
            };
            let Some(one) = (if is_theirs { theirs.next() } else { mine.next() }) else { return };
            if before.is_some_and(|by| by != one.by) && rank(around, &one.text) > 0 {
                self.text.extend(between(&self.text, &one.text, is_empty_line));
            }
            self.put(&one);
            before = Some(one.by);
        }
    }
}

/// An addition.
struct Said {
    by: By,
    text: String,
    /// Whether it is lines of their own that begin, and end, where one of their writer's lines does.
    begins_line: bool,
    ends_line: bool,
    /// Whether its writer has put it in place of the line that follows.
    replaces_line: bool,
}

/// Whether a text is the first or the last words, or lines, of another.
fn is_edge_of(text: &str, other: &str) -> bool {
    let parts = |sign: Option<char>| sign.is_some_and(char::is_whitespace);
    let is_first = other.strip_prefix(text).is_some_and(|rest| {
        !rest.is_empty() && (parts(text.chars().next_back()) || parts(rest.chars().next()))
    });
    let is_last = other.strip_suffix(text).is_some_and(|rest| {
        !rest.is_empty() && (parts(text.chars().next()) || parts(rest.chars().next_back()))
    });
    (is_first || is_last) && !text.trim().is_empty()
}

/// Of what is added at one place: what belongs to the word before it comes first, what belongs to the one
/// after it last, and lines between the rest of the line before and the beginning of the one after.
fn rank((before, after): (&str, &str), added: &str) -> u8 {
    let is_beside = |one: Option<char>, other: Option<char>| {
        [one, other].iter().all(|sign| sign.is_some_and(|sign| !sign.is_whitespace()))
    };
    let is_space =
        |sign: Option<char>| sign.is_some_and(|sign| sign.is_whitespace() && sign != '\n');
    let (first, last) = (added.chars().next(), added.chars().next_back());
    match () {
        () if is_beside(before.chars().next_back(), first) => 0,
        () if is_beside(last, after.chars().next()) => 4,
        () if is_space(first) && !before.is_empty() && !before.ends_with('\n') => 1,
        () if is_space(last) => 3,
        () => 2,
    }
}

/// What sets two texts apart that two people have put at one place.
fn between(before: &str, after: &str, is_line: bool) -> Option<char> {
    let (last, first) = (before.chars().next_back()?, after.chars().next()?);
    let is_apart = last.is_whitespace() || first.is_whitespace();
    let is_together = !is_line && stands_alone(last) && stands_alone(first);
    (!is_apart && !is_together).then_some(if is_line { '\n' } else { ' ' })
}

/// Whether it is what a line of a list, a quote or a heading begins with, or signs at the edge of its words.
fn begins_words(line: &str) -> bool {
    let mut parts = line.split_whitespace();
    parts.all(|part| {
        let item = part.strip_suffix(['.', ')']).unwrap_or_default();
        let is_number = !item.is_empty() && item.bytes().all(|digit| digit.is_ascii_digit());
        let is_box = matches!(part, "[x]" | "[X]");
        is_number || is_box || part.chars().all(|sign| is_mark(sign) || "-+#>|".contains(sign))
    })
}

/// What stands in place of a group's part of the base, behind what is said of its line.
fn said(base: &str, group: &Group, line: &str) -> String {
    let is_of = |by| move |piece: &&Piece| piece.by == by;
    let of = |by| version(base, &group.range, group.pieces.iter().filter(is_of(by)));
    let only_deletes =
        |by| group.pieces.iter().filter(is_of(by)).all(|one| one.change.only_deletes());
    match (only_deletes(By::Them), only_deletes(By::Me)) {
        (true, true) => {
            let left = version(base, &group.range, group.pieces.iter());
            let is_apart = |text: &str| text.contains('\n');
            // Each has deleted the break on another side of the same lines.
            let is_joined = is_apart(&of(By::Them)) && is_apart(&of(By::Me)) && !is_apart(&left);
            return if is_joined { format!("\n{left}") } else { left };
        }
        (true, false) => return of(By::Me),
        (false, true) => return of(By::Them),
        (false, false) => {}
    }
    let (theirs, mine) = (of(By::Them), of(By::Me));
    let says_all = |text: &str, other: &str| changes(other, text).iter().all(Change::only_adds);
    if says_all(&mine, &theirs) {
        return mine;
    }
    if says_all(&theirs, &mine) {
        return theirs;
    }
    let (before, after) = (&base[..group.range.start], &base[group.range.end..]);
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.split('\n').next().unwrap_or_default();
    // Where all of a line is changed, each has a line, with the signs that stay at its edges.
    if begins_words(before) && begins_words(line) && after.chars().all(is_mark) {
        let space = if is_glued(line, &mine) { " " } else { "" };
        return format!("{theirs}{after}\n{line}{space}{mine}");
    }
    let is_line = theirs.contains('\n') || mine.contains('\n');
    let between = between(&theirs, &mine, is_line);
    theirs.chars().chain(between).chain(mine.chars()).collect()
}

/// A part of the base with some changes.
fn version<'a>(
    base: &str,
    range: &Range<usize>,
    pieces: impl Iterator<Item = &'a Piece>,
) -> String {
    let (mut text, mut from) = (String::new(), range.start);
    for Change { start, end, inserted, .. } in pieces.map(|piece| &piece.change) {
        if from < *start {
            text += &base[from..*start];
        }
        text += inserted;
        from = from.max(*end);
    }
    text + &base[from..range.end]
}

#[cfg(test)]
mod tests;
