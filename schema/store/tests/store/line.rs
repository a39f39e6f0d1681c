//! A line to an HTTP server, which a test makes slow, or at whose other end somebody else answers.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What the line does with a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quality {
    /// It passes on what comes.
    Good,
    /// What the server says comes so much later.
    Slow(Duration),
    /// Each request is answered with this status.
    Answers(u16),
    /// Each request is cut off before it is answered.
    Cuts,
}

/// A line of one test; it ends with it.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    quality: watch::Sender<Quality>,
    _accepting: JoinSet<()>,
}

impl Line {
    /// A good line to this server.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (quality, seen) = watch::channel(Quality::Good);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(connection(near, server, seen.clone()));
            }
        });
        Self { address, quality, _accepting: accepting }
    }

    /// From now on it is so; what was on its way is cut off.
    pub(crate) fn becomes(&self, quality: Quality) {
        self.quality.send_replace(quality);
    }
}

async fn connection(near: TcpStream, server: SocketAddr, mut quality: watch::Receiver<Quality>) {
    let now = *quality.borrow_and_update();
    tokio::select! {
        _ = quality.changed() => {}
        () = carry(near, server, now) => {}
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, quality: Quality) {
    match quality {
        Quality::Good => {
            let Ok(mut far) = TcpStream::connect(server).await else { return };
            let _ = copy_bidirectional(&mut near, &mut far).await; // either may go
        }
        Quality::Slow(by) => {
            let Ok(far) = TcpStream::connect(server).await else { return };
            let (mut asked, mut answers) = near.into_split();
            let (mut said, mut takes) = far.into_split();
            let there = async { tokio::io::copy(&mut asked, &mut takes).await.map(drop) };
            tokio::select! {
                _ = there => {}
                () = later(&mut said, &mut answers, by) => {}
            }
        }
        Quality::Answers(status) => {
            while let Some(()) = request(&mut near).await {
                let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n");
                if near.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
        Quality::Cuts => drop(request(&mut near).await),
    }
}

/// Reads what has come of a request; nothing when the client is gone.
async fn request(near: &mut TcpStream) -> Option<()> {
    let mut bytes = vec![0; 1 << 16];
    near.read(&mut bytes).await.ok().filter(|read| *read > 0).map(drop)
}

async fn later(
    said: &mut (impl AsyncRead + Unpin),
    answers: &mut (impl AsyncWrite + Unpin),
    by: Duration,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = said.read(&mut bytes).await {
        tokio::time::sleep(by).await;
        if answers.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
