//! How HTTP/1.1 is listened to: a client that does not say what it wants is not waited for, and there are as many
//! descriptors as the system grants.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// A connection may be without a whole request head for so long. More than proxies keep theirs open: who closes
/// first must not be here.
const WITHOUT_REQUEST: Duration = Duration::from_secs(75);
/// So much of a request is read ahead, in bytes; its head is no longer.
const AHEAD: usize = 32 << 10;
/// Where no connection could be taken, it is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// Each socket takes a descriptor, and the limit that a shell gives is often 1,024: it is raised to what may be had.
pub fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Listens on an address.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on; is another server running?"))
}

/// Serves a router until it is told to stop, and then what has been asked.
pub async fn answer(listener: TcpListener, router: Router, stopped: impl Future<Output = ()>) {
    let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, router.clone(), stop.clone()));
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    drop(listener);
    stop.cancel();
    connections.close();
    connections.wait().await;
}

/// Whether a client has gone before it was taken: the next is there.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    // Without it an acknowledgement waits 40 ms for the next packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answering.await.unwrap_or_else(|never| match never {})) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(WITHOUT_REQUEST).max_buf_size(AHEAD);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}
