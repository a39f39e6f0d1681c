//! What a socket's person may do with the documents that it has open, asked again after a change of access was
//! heard. Must not know what follows from an answer.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use studyhall_schema::{
    access::{AccessError, Caller, Permission},
    document::DocumentId,
};

use super::permission;
use crate::{document::PeerId, node::Node, outbox::Outbox};

/// Places that are asked for side by side.
const AT_ONCE: usize = 16;

/// A place in a document, and for whom it is asked.
pub(super) struct Question<P> {
    pub(super) place: P,
    pub(super) caller: Caller,
    pub(super) document: DocumentId,
    pub(super) peer: PeerId,
}

/// What came of it.
pub(super) struct Answer<P> {
    pub(super) question: Question<P>,
    /// After how many changes it was asked.
    pub(super) since: u64,
    pub(super) permission: Result<Permission, AccessError>,
}

/// Asks for all of these places that a change concerns, those that one names first; for all of them where none
/// was heard.
pub(super) fn ask<P>(
    node: &Arc<Node>,
    outbox: &Arc<Outbox>,
    mut questions: Vec<Question<P>>,
) -> impl Stream<Item = Answer<P>> + use<P> {
    if outbox.is_in_doubt() {
        let doubts = |one: &Question<P>| outbox.doubts(one.document, one.peer);
        questions.retain(|one| doubts(one).0);
        questions.sort_by_key(|one| !doubts(one).1);
    }
    let (node, outbox) = (node.clone(), outbox.clone());
    let ask = move |question: Question<P>| {
        let (node, outbox) = (node.clone(), outbox.clone());
        async move {
            let since = outbox.heard();
            let permission = permission(&node, question.caller, question.document).await;
            Answer { question, since, permission }
        }
    };
    stream::iter(questions).map(ask).buffered(AT_ONCE)
}
