//! What a put text may have been made from, and whether a put is in the document.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use studyhall_schema::ids::UserId;

pub use crate::text::Known;
use crate::{
    SyncFault, heavy,
    people::Taken,
    text::{self, Candidate, Since, begun_with},
};

use super::{ANSWERS_WITHIN, Documents, PutText};

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
pub struct Made(Arc<Mutex<Option<(u64, u32)>>>);

impl From<(u64, u32)> for Made {
    /// What [`Made::noted`] told, maybe on another node.
    fn from(noted: (u64, u32)) -> Self {
        Self(Arc::new(Mutex::new(Some(noted))))
    }
}

impl Made {
    /// Under which client id it was made, and how much was written under it before.
    pub fn noted(&self) -> Option<(u64, u32)> {
        *self.note()
    }

    /// Under this client id; `begun` is how much was written under it before.
    fn under(&self, client: u64, begun: u32) {
        self.note().get_or_insert((client, begun)); // where another came first, it is made once more
    }

    /// It was refused: what else is written under that client id is not this.
    fn never(&self) {
        *self.note() = None;
    }

    /// Whether a document has it.
    fn is_in(&self, clock: impl Fn(u64) -> u32) -> bool {
        self.noted().is_some_and(|(client, begun)| clock(client) > begun)
    }

    fn note(&self) -> MutexGuard<'_, Option<(u64, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A text that is put into what there is by then: what its writer has changed of what they began with.
pub(super) struct Rewrite {
    pub(super) text: String,
    bases: Bases,
    has_forgotten_base: bool,
    may_be_again: bool,
    begun: Begun,
    /// A long one is compared in its turn.
    pub(super) turn: Option<Taken>,
}

/// Which of the bases it was taken from, in the end, and how it was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Option<usize>>>, Made);

impl Begun {
    pub(super) fn number(&self) -> Option<usize> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of the put. Only of one that could not be answered is it not known whether it was made.
    pub(super) fn ended<T>(&self, put: Result<T, SyncFault>) -> Result<T, SyncFault> {
        if put.as_ref().is_err_and(|fault| *fault != SyncFault::Unavailable) {
            self.1.never();
        }
        put
    }
}

/// What is larger, with what it is compared with, than the first of these waits for no smaller text's turn, and no
/// smaller text for its; than the second, the same once more.
const VERY_LARGE: [usize; 2] = [32 << 10, 256 << 10];

impl Documents {
    /// Compares a text with all that its writer may have begun with.
    pub(super) async fn rewrite(&self, by: UserId, put: PutText) -> Result<Rewrite, SyncFault> {
        let PutText { text, bases, has_forgotten_base, may_be_again, made, .. } = put;
        // Each is compared with the text, and with some of the others.
        let compared: usize = bases.iter().map(|base| base.text.len()).sum();
        let is_large = text.len() + compared > text::LARGE;
        let turn = if is_large {
            let size = VERY_LARGE.iter().filter(|most| text.len() + compared > **most).count();
            let share = self.node.large_puts[size].of(by);
            let turn = tokio::time::timeout(ANSWERS_WITHIN, share.take(1)).await;
            turn.map_err(|_| SyncFault::Unavailable)?
        } else {
            None
        };
        let compared = || Bases::compared(bases, &text);
        let bases = if is_large { heavy::aside(compared) } else { compared() };
        let begun = Begun(Arc::default(), made);
        Ok(Rewrite { text, bases, has_forgotten_base, may_be_again, begun, turn })
    }
}

impl Rewrite {
    /// What it was taken from is told there, once it is made.
    pub(super) fn begun(&self) -> Begun {
        self.begun.clone()
    }

    /// Looks what it is taken from in this document, of which `written` tells how much was written under a
    /// client id. It is made under `client`.
    pub(super) fn begins(&mut self, client: u64, written: impl Fn(u64) -> u32) {
        let base = self.bases.begun_with(&written).map(|(number, _)| number);
        *self.begun.0.lock().unwrap_or_else(PoisonError::into_inner) = base;
        self.begun.1.under(client, written(client));
    }

    /// What the text comes to be where it is `now`.
    pub(super) fn over(&self, now: &str) -> Cow<'_, str> {
        match self.begun.number() {
            Some(base) => {
                let merged = if self.may_be_again { text::merged_again } else { text::merged };
                merged(&self.bases.bases[base].0.text, &self.text, now).into()
            }
            None if self.has_forgotten_base => text::both(&self.text, now).into(),
            None => Cow::Borrowed(&self.text),
        }
    }
}
