//! The Unix socket: who may have its path, who may connect, how many, how slowly, and how it ends.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::input::BODY_BYTES_MAX;
use crate::till::Desk;

/// Read and write for the owner and the group: who may connect.
const SOCKET_MODE: u32 = 0o660;
/// How many clients are served at a time; the next ones wait to be accepted.
const CONNECTIONS_MAX: usize = 32;
/// How long the head of a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes of a connection are buffered, and so the largest head of a request.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long the answers that are under way may take when the daemon stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait before the next connection is accepted when the system refused one (no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A daemon answers there.
    #[error("another daemon answers on {}: one terminal runs once", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// A file of another kind has that name.
    #[error("{} is no socket: it was left as it is", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("the socket {} cannot be opened: {error}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The local API on its Unix socket.
#[derive(Debug)]
pub struct LocalServer {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalServer {
    /// Opens the socket at `path`: from here on clients can connect, and are answered once [`LocalServer::serve`] runs.
    /// The file that a dead daemon left is replaced. Two daemons that start at the same instant are kept apart by the
    /// ledger's lock, which is to be taken before.
    ///
    /// # Errors
    /// [`BindError`]. Needs a tokio runtime.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let io = |error| BindError::Io { path: path.to_owned(), error };
        check_free(path)?;
        // Bound under another name and renamed, so that nobody ever finds it with a wider mode.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        remove(&fresh).map_err(io)?;
        let listener = UnixListener::bind(&fresh).map_err(io)?;
        fs::set_permissions(&fresh, Permissions::from_mode(SOCKET_MODE)).map_err(io)?;
        fs::rename(&fresh, path).map_err(io)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers clients until `shutdown` is done. Then the socket is removed, nobody new is accepted, and the answers
    /// that are under way have three seconds.
    pub async fn serve(self, desk: Arc<dyn Desk>, shutdown: impl Future<Output = ()>) {
        let router = super::router(desk).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        log_peer(&stream);
                        connections.spawn(converse(stream, router.clone(), stopping.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a client of the local API could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket could not be removed");
        }
        drop(stop);
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!(left = connections.len(), "clients of the local API were cut off");
            connections.shutdown().await;
        }
    }
}

/// One request and its answer. Connections are cheap here, and one that is not kept needs no limit for its idleness.
async fn converse(stream: UnixStream, router: Router, mut stopping: watch::Receiver<()>) {
    let service = TowerToHyperService::new(router);
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

fn log_peer(stream: &UnixStream) {
    if let Ok(peer) = stream.peer_cred() {
        tracing::debug!(uid = peer.uid(), pid = peer.pid(), "a client of the local API");
    }
}

/// That nobody answers at `path`, and that what lies there may be replaced.
fn check_free(path: &Path) -> Result<(), BindError> {
    let io = |error| BindError::Io { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket { path: path.to_owned() }),
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(BindError::InUse { path: path.to_owned() }),
        // It went away by itself, or nobody listens any more.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(()),
        Err(error) => Err(io(error)),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
