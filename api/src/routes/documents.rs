//! Documents as answers name them.

use serde::Serialize;
use studyhall_schema::document::{DocumentId, Engine};
use utoipa::ToSchema;

/// The CRDT library of a document.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the schema's Engine")]
pub(crate) enum EngineName {
    Yjs,
    Automerge,
}

/// A document on the sockets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentView {
    /// Its name there.
    name: String,
    #[schema(value_type = EngineName)]
    engine: Engine,
}

impl DocumentView {
    pub(super) fn new(id: DocumentId, engine: Engine) -> Self {
        Self { name: id.to_string(), engine }
    }
}
