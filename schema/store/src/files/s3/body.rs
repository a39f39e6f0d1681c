//! A body that is sent while it comes in, and is refused when it is not what was declared.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::{Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::files::{FileRefusal, Upload};

/// Pieces that wait to be sent.
const WAITING: usize = 4;

/// What is to be sent.
pub(super) struct Body {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
}

/// The body of an upload, and what must run for it to be filled: that ends with a refusal when other
/// content comes than was declared, and then the body is never whole.
pub(super) fn piped<E: std::fmt::Display>(
    upload: &Upload,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
) -> (impl Future<Output = Result<(), FileRefusal>>, Body) {
    let (sender, pieces) = mpsc::channel(WAITING);
    let (size, sha256) = (upload.size, upload.sha256);
    let feed = async move {
        let mut content = std::pin::pin!(content);
        let (mut hash, mut left) = (Sha256::new(), size);
        // The last piece is sent when all has been found to be right.
        let mut last = Bytes::new();
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(|error| FileRefusal::CutOff(error.to_string()))?;
            left = left.checked_sub(piece.len() as u64).ok_or(FileRefusal::Size)?;
            hash.update(&piece);
            if !piece.is_empty() {
                send(&sender, std::mem::replace(&mut last, piece)).await;
            }
        }
        if left > 0 {
            return Err(FileRefusal::Size);
        }
        if <[u8; 32]>::from(hash.finalize()) != sha256 {
            return Err(FileRefusal::Hash);
        }
        send(&sender, last).await;
        Ok(())
    };
    (feed, Body { pieces, left: size })
}

/// Nobody takes it when the request has ended, which then says why.
async fn send(sender: &mpsc::Sender<Bytes>, piece: Bytes) {
    if !piece.is_empty() {
        let _ = sender.send(piece).await;
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            self.left -= piece.len() as u64;
            Some(Ok(Frame::data(piece)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
