//! Documents as answers name them.

use serde::Serialize;
use studyhall_schema::{
    document::{DocumentId, Engine},
    wire_id::WireId,
};
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
    /// Its URL for automerge-repo, when it is an Automerge document.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The URL of a document for automerge-repo, when it is an Automerge document.
pub(super) fn url(id: DocumentId, engine: Engine) -> Option<String> {
    (engine == Engine::Automerge).then(|| WireId::from(id).url())
}

impl DocumentView {
    pub(super) fn new(id: DocumentId, engine: Engine) -> Self {
        Self { name: id.to_string(), engine, url: url(id, engine) }
    }
}
