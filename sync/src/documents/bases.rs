//! What a put text may have been made from, and whether a put is in the document.

use std::sync::{Arc, OnceLock};

pub use crate::text::Known;
use crate::text::{Candidate, Since, begun_with};

/// A text that somebody may have begun with.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// The text.
    pub text: String,
    /// How the writer knows it.
    pub known: Known,
    /// Whether they have opened the note since.
    pub is_reopened: bool,
    /// It was put, and it is a base only if that was made.
    pub only_if: Option<Made>,
}

/// How a put was made, if it was: whether it is in the document can be looked up when its answer was lost.
#[derive(Debug, Clone, Default)]
pub struct Made(Arc<OnceLock<(u64, u32)>>);

impl From<(u64, u32)> for Made {
    /// What [`Made::noted`] told, maybe on another node.
    fn from(noted: (u64, u32)) -> Self {
        Self(Arc::new(noted.into()))
    }
}

impl Made {
    /// Under which client id it was made, and how much was written under it before.
    pub fn noted(&self) -> Option<(u64, u32)> {
        self.0.get().copied()
    }

    /// Under this client id; `begun` is how much was written under it before.
    pub(super) fn under(&self, client: u64, begun: u32) {
        let _ = self.0.set((client, begun)); // a put is made once
    }

    /// Whether a document has it.
    fn is_in(&self, clock: impl Fn(u64) -> u32) -> bool {
        self.0.get().is_some_and(|(client, begun)| clock(*client) > *begun)
    }
}

/// What a put may be taken from, and what its writer would have done to each.
pub(super) struct Bases {
    bases: Vec<(Base, Since)>,
    /// Which one it is if all of them are in the document.
    of_all: Option<usize>,
}

impl Bases {
    pub(super) fn compared(bases: Vec<Base>, text: &str) -> Self {
        let is_only = bases.len() == 1;
        let since = |base: Base| {
            let since = if is_only { Since::default() } else { Since::between(&base.text, text) };
            (base, since)
        };
        let mut compared = Self { bases: bases.into_iter().map(since).collect(), of_all: None };
        compared.of_all = compared.found(&compared.numbers(|_| true));
        compared
    }

    /// The one that it is taken from, of those that are in the document.
    pub(super) fn begun_with(&self, clock: impl Fn(u64) -> u32) -> Option<(usize, &str)> {
        let is_there = |base: &Base| base.only_if.as_ref().is_none_or(|made| made.is_in(&clock));
        let there = self.numbers(is_there);
        let found = if there.len() == self.bases.len() { self.of_all } else { self.found(&there) };
        found.map(|number| (number, self.bases[number].0.text.as_str()))
    }

    fn numbers(&self, is_there: impl Fn(&Base) -> bool) -> Vec<usize> {
        (0..self.bases.len()).filter(|number| is_there(&self.bases[*number].0)).collect()
    }

    fn found(&self, numbers: &[usize]) -> Option<usize> {
        let candidate = |number: &usize| {
            let (Base { text, known, is_reopened, .. }, since) = &self.bases[*number];
            Candidate { text, since, known: *known, is_reopened: *is_reopened }
        };
        let candidates: Vec<_> = numbers.iter().map(candidate).collect();
        begun_with(&candidates).map(|place| numbers[place])
    }
}
