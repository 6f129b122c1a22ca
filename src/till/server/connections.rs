//! Connections, of whichever kind: how many, how slowly, and how they end.
//!
//! - Each connection carries one request. A client that goes away drops the future that the desk works on.
//! - Where strangers can connect, the one that has waited longest without saying who it is makes room for the next: a thousand open connections keep nobody
//!   out.
//! - At the end nobody new is accepted, and the answers that are under way have three seconds.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::Api;

/// How long the head of a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes of a connection are buffered, and so the largest head of a request.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long the answers that are under way may take when the daemon stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait before the next connection is accepted when the system refused one (no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether the client of a connection has said who it is. In the extensions of each request.
#[derive(Clone, Debug)]
pub(in crate::till) struct Introduced(Arc<AtomicBool>);

impl Introduced {
    /// From now on this connection is not closed to make room.
    pub(in crate::till) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who can connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    /// Only those that the file system lets in.
    Known,
    /// Every program of the machine.
    Strangers,
}

/// The connections of one server.
struct Crowd {
    connections: JoinSet<()>,
    connections_max: usize,
    clients: Clients,
    /// Oldest first; some have ended.
    strangers: VecDeque<(AbortHandle, Introduced)>,
}

impl Crowd {
    fn has_room(&self) -> bool {
        self.connections.len() < self.connections_max || self.strangers.iter().any(|(_, introduced)| !introduced.is())
    }

    fn take_in(&mut self, connection: impl Future<Output = ()> + Send + 'static, introduced: Introduced) {
        self.strangers.retain(|(handle, introduced)| !handle.is_finished() && !introduced.is());
        if self.connections.len() >= self.connections_max
            && let Some((oldest, _)) = self.strangers.pop_front()
        {
            oldest.abort();
        }
        let handle = self.connections.spawn(connection);
        if self.clients == Clients::Strangers {
            self.strangers.push_back((handle, introduced));
        }
    }
}

/// Where clients come from.
pub(super) trait Door {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Who can come.
    const CLIENTS: Clients;

    /// How many are served at a time.
    const CONNECTIONS_MAX: usize;

    /// The next one.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Answers the clients that come in by `door` until `shutdown` is done.
pub(super) async fn serve<D: Door>(api: &Api, router: Router, door: &D, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(());
    let mut crowd = Crowd {
        connections: JoinSet::new(),
        connections_max: D::CONNECTIONS_MAX,
        clients: D::CLIENTS,
        strangers: VecDeque::new(),
    };
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = crowd.connections.join_next() => {}
            accepted = door.accept(), if crowd.has_room() => match accepted {
                Ok(stream) => {
                    let introduced = Introduced(Arc::new(AtomicBool::new(D::CLIENTS == Clients::Known)));
                    crowd.take_in(converse(stream, router.clone(), introduced.clone(), stopping.clone()), introduced);
                }
                Err(error) => {
                    tracing::warn!(%error, "a client of the local API could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    api.events.end();
    drop(stop);
    let connections = &mut crowd.connections;
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(left = connections.len(), "clients of the local API were cut off");
        connections.shutdown().await;
    }
}

/// One request and its answer. Connections are cheap here, and one that is not kept needs no limit for its idleness.
async fn converse<S>(stream: S, router: Router, introduced: Introduced, mut stopping: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(introduced.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The sender is dropped, never used.
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client of the local API went away");
    }
}
