//! The floor: a hub that holds no document and stores nothing, and sends each update to everybody at
//! the same path. What a server costs above this is the price of documents. Knows no CRDT.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Router,
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
    serve::ListenerExt,
};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt, stream::SplitSink};
use tokio::{net::TcpListener, sync::mpsc};

type Outbox = mpsc::UnboundedSender<Bytes>;
/// Who sits at each path, and the number of the next one who comes.
type Rooms = Arc<Mutex<(u64, HashMap<String, Vec<(u64, Outbox)>>)>>;

/// Step2 of an empty document: enough for a client to believe that it is in step.
const NOTHING: &[u8] = &[0, 1, 2, 0, 0];

pub(crate) async fn serve(port: u16) -> Result<()> {
    let rooms = Rooms::default();
    let router = Router::new().route("/{document}", get(upgrade)).with_state(rooms);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

async fn upgrade(
    Path(document): Path<String>,
    State(rooms): State<Rooms>,
    socket: WebSocketUpgrade,
) -> Response {
    socket.on_upgrade(move |socket| sit(socket, document, rooms))
}

async fn sit(socket: WebSocket, document: String, rooms: Rooms) {
    let (sink, mut stream) = socket.split();
    let (outbox, inbox) = mpsc::unbounded_channel();
    let me = {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.0 += 1;
        let me = rooms.0;
        rooms.1.entry(document.clone()).or_default().push((me, outbox.clone()));
        me
    };
    let writing = tokio::spawn(write(sink, inbox));
    while let Some(Ok(first)) = stream.next().await {
        let mut frames = vec![first];
        while frames.len() < 64
            && let Some(Some(Ok(next))) = stream.next().now_or_never()
        {
            frames.push(next);
        }
        relay(&rooms, &document, &outbox, frames);
    }
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(room) = rooms.1.get_mut(&document) {
        room.retain(|(who, _)| *who != me);
    }
    writing.abort();
}

fn relay(rooms: &Rooms, document: &str, outbox: &Outbox, frames: Vec<Message>) {
    let rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(room) = rooms.1.get(document) else { return };
    for frame in frames {
        let Message::Binary(frame) = frame else { continue };
        if frame.starts_with(&[0, 0]) {
            let _ = outbox.send(Bytes::from_static(NOTHING));
            continue;
        }
        for (_, other) in room {
            let _ = other.send(frame.clone());
        }
    }
}

/// Sends all that waits and flushes once.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut inbox: mpsc::UnboundedReceiver<Bytes>,
) -> Result<(), axum::Error> {
    let mut waiting = Vec::new();
    while inbox.recv_many(&mut waiting, 256).await > 0 {
        for frame in waiting.drain(..) {
            sink.feed(Message::Binary(frame)).await?;
        }
        sink.flush().await?;
    }
    Ok(())
}
