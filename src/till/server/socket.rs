//! The Unix socket: who may have its path, who may connect, and how it ends.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use tokio::net::{UnixListener, UnixStream};

use super::Api;
use super::connections::{self, Clients, Door};
use super::input::BODY_BYTES_MAX;

/// Read and write for the owner and the group: who may connect.
const SOCKET_MODE: u32 = 0o660;
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
    pub async fn serve(self, api: Arc<Api>, shutdown: impl Future<Output = ()>) {
        let router = super::socket_router(Arc::clone(&api)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let Self { listener, path } = self;
        let removed = async {
            shutdown.await;
            if let Err(error) = remove(&path) {
                tracing::warn!(%error, path = %path.display(), "the socket could not be removed");
            }
        };
        connections::serve(&api, router, &listener, removed).await;
    }
}

impl Door for UnixListener {
    type Stream = UnixStream;
    const CLIENTS: Clients = Clients::Known;
    const CONNECTIONS_MAX: usize = 32;

    async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = Self::accept(self).await?;
        log_peer(&stream);
        Ok(stream)
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
