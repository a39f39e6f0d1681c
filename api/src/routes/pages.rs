//! `?cursor=&limit=` of every list.

use garde::Validate;
use serde::Deserialize;
use studyhall_store::{Page, StoreError};
use utoipa::IntoParams;

use crate::fault::Fault;

/// Which page of a list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next_cursor` of the page before this one.
    #[garde(inner(length(chars, max = 4096)))]
    #[param(max_length = 4096)]
    pub(crate) cursor: Option<String>,
    /// How many items, 1 to 100.
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: usize,
}

/// Which of one's todos are listed.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTodos {
    /// `next_cursor` of the page before this one.
    #[garde(inner(length(chars, max = 4096)))]
    #[param(max_length = 4096)]
    pub(crate) cursor: Option<String>,
    /// How many items, 1 to 100.
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: usize,
    /// Those that one is to do, instead of those that one has made.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) assigned: bool,
}

fn twenty() -> usize {
    20
}

impl Paging {
    /// This page of an index.
    pub(crate) fn of(self, index: &str) -> Page<'_> {
        Page::of(index).limit(self.limit).cursor(self.cursor)
    }
}

/// A cursor of another list fits the schema and not the list.
pub(crate) fn refused(error: StoreError) -> Fault {
    match error {
        StoreError::Invalid(_) => Fault::Conflict {
            code: "foreign-cursor",
            detail: "this cursor is not of this list: begin again without one",
        },
        other => other.into(),
    }
}
