//! Somebody who has nothing and opens a document, with the library itself as the client.

use anyhow::{Context, Result, ensure};
use automerge::{
    Automerge, ChangeHash,
    sync::{Message, State, SyncDoc},
};

use super::line::{Gate, Line};

/// Opens the document, and returns when it is here, as the server has it, with these heads.
pub(super) async fn open(gate: &Gate, me: &str, heads: &[ChangeHash]) -> Result<()> {
    let mut line = Line::open(gate, me).await?;
    let (mut doc, mut state) = (Automerge::new(), State::new());
    let mut heads = heads.to_vec();
    heads.sort_unstable();
    loop {
        if let Some(message) = doc.generate_sync_message(&mut state) {
            line.feed(&message.encode()).await?;
            line.flush().await?;
        }
        let mut here = doc.get_heads();
        here.sort_unstable();
        if here == heads {
            return line.leave().await;
        }
        let data = line.next().await.context("the document did not come")?;
        let message = Message::decode(&data)?;
        ensure!(!message.heads.is_empty(), "the server does not have the document");
        doc.receive_sync_message(&mut state, message)?;
    }
}
