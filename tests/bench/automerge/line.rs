//! A socket of automerge-repo to one document: frames in CBOR, as a stock client sends and reads them.
//! Knows nothing of what is synced.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use minicbor::{Decoder, Encoder};
use studyhall_sync::wire::repo::{Frame, Route, sync};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::seat::{Socket, connect};

/// How long a server may take to answer a `join`.
const ANSWER: Duration = Duration::from_secs(2);

/// Where an Automerge document is reached.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) url: String,
    /// Its id in base58.
    pub(crate) document: String,
}

pub(super) struct Line {
    socket: Socket,
    me: String,
    server: String,
    document: String,
}

impl Line {
    /// Connects as `me`, again if the server does not answer: those from npm listen before they hear.
    pub(super) async fn open(gate: &Gate, me: &str) -> Result<Self> {
        for _ in 0..10 {
            if let Ok(line) = timeout(ANSWER, Self::join(gate, me)).await {
                return line;
            }
        }
        bail!("{} does not say who it is", gate.url)
    }

    async fn join(gate: &Gate, me: &str) -> Result<Self> {
        let mut socket = connect(&gate.url).await?;
        socket.send(Message::Binary(join(me)?)).await?;
        while let Some(frame) = socket.next().await {
            let Message::Binary(frame) = frame? else { continue };
            let server = sender(&frame)?;
            let me = me.to_owned();
            return Ok(Self { socket, me, server, document: gate.document.clone() });
        }
        bail!("{} closed before it said who it is", gate.url)
    }

    /// Hands over a message, which leaves with the next flush.
    pub(super) async fn feed(&mut self, data: &[u8]) -> Result<()> {
        let route = Route { sender: &self.me, target: &self.server };
        Ok(self.socket.feed(Message::Binary(sync(route, &self.document, data))).await?)
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        Ok(self.socket.flush().await?)
    }

    /// The next sync message for the document.
    pub(super) async fn next(&mut self) -> Result<Bytes> {
        loop {
            let frame = self.socket.next().await.context("the server closed the socket")??;
            if let Some(data) = self.read(&frame)? {
                return Ok(data);
            }
        }
    }

    /// A sync message that is here already.
    pub(super) fn waiting(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.socket.next().now_or_never() {
            let frame = frame.context("the server closed the socket")??;
            let data = self.read(&frame)?;
            if data.is_some() {
                return Ok(data);
            }
        }
        Ok(None)
    }

    fn read(&self, frame: &Message) -> Result<Option<Bytes>> {
        match frame {
            Message::Binary(frame) => match Frame::decode(frame)? {
                Frame::Sync { document, data, .. } => {
                    ensure!(document == self.document, "a message for another document");
                    Ok(Some(data))
                }
                _ => Ok(None),
            },
            Message::Close(why) => bail!("the server closed the socket: {why:?}"),
            _ => Ok(None),
        }
    }

    /// Goes, as a client does whose page is closed.
    pub(super) async fn leave(mut self) -> Result<()> {
        Ok(self.socket.close(None).await?)
    }
}

fn join(me: &str) -> Result<Bytes> {
    let mut frame = Vec::new();
    let mut to = Encoder::new(&mut frame);
    to.map(4)?.str("type")?.str("join")?.str("senderId")?.str(me)?;
    to.str("peerMetadata")?.map(1)?.str("isEphemeral")?.bool(true)?;
    to.str("supportedProtocolVersions")?.array(1)?.str("1")?;
    Ok(frame.into())
}

/// Who sends a frame.
fn sender(frame: &[u8]) -> Result<String> {
    let mut from = Decoder::new(frame);
    for _ in 0..from.map()?.context("a map without a length")? {
        if from.str()? == "senderId" {
            return Ok(from.str()?.to_owned());
        }
        from.skip()?;
    }
    bail!("a frame without a sender")
}
