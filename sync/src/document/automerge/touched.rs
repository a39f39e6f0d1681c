//! Which entries of a document's root maps its changes have touched, by what the library says of each batch:
//! a projection that knows them need not read a thousand todos for one.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{AutoCommit, Change, Patch, PatchAction, Prop, ROOT};

/// Batches of more bytes are not looked through: to read all is as fast.
const MOST: usize = 64 << 10;

/// What was touched since somebody asked.
#[derive(Default)]
pub(super) enum Touched {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// Any of them may have been.
    Any,
    /// Entries with these keys, of any root.
    Keys(HashSet<String>),
}

impl Touched {
    /// Gives the library changes, and notes what they touch.
    ///
    /// # Panics
    /// When the library refuses what was checked.
    pub(super) fn apply(&mut self, doc: &mut AutoCommit, changes: Vec<Change>) {
        let bytes: usize = changes.iter().map(|change| change.raw_bytes().len()).sum();
        if bytes > MOST && matches!(self, Self::Keys(_)) {
            *self = Self::Any;
            doc.reset_diff_cursor();
        }
        doc.apply_changes(changes).expect("a checked change applies");
        let Self::Keys(keys) = self else { return };
        let patches = catch_unwind(AssertUnwindSafe(|| doc.diff_incremental()));
        if patches.is_err() {
            tracing::warn!(
                "the library panics when it is to say what changed; all is read instead"
            );
        }
        let touched = patches.ok().and_then(|patches| patches.iter().map(key).collect());
        let touched: Option<Vec<String>> = touched;
        if let Some(touched) = touched {
            keys.extend(touched);
        } else {
            *self = Self::Any;
            doc.reset_diff_cursor();
        }
    }

    /// The keys of what was touched since this was called last; `None` when that is not known.
    pub(super) fn take(&mut self, doc: &mut AutoCommit) -> Option<HashSet<String>> {
        let touched = std::mem::replace(self, Self::Keys(HashSet::new()));
        if let Self::Keys(keys) = touched {
            return Some(keys);
        }
        doc.update_diff_cursor();
        None
    }
}

/// The key of the entry that a patch is of; `None` of what concerns a whole root.
fn key(patch: &Patch) -> Option<String> {
    let key = match patch.path.get(1) {
        Some((_, prop)) => match prop {
            Prop::Map(key) => Some(key),
            Prop::Seq(_) => None,
        },
        None if patch.obj == ROOT => None,
        None => match &patch.action {
            PatchAction::PutMap { key, .. }
            | PatchAction::DeleteMap { key }
            | PatchAction::Increment { prop: Prop::Map(key), .. }
            | PatchAction::Conflict { prop: Prop::Map(key) } => Some(key),
            _ => None,
        },
    };
    key.cloned()
}
