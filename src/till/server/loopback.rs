//! The API and the page over loopback TCP: which addresses, and how many connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use tokio::net::{TcpListener, TcpStream};

use super::Api;
use super::connections::{self, Clients, Door};
use super::input::BODY_BYTES_MAX;

/// Why the address could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It can be reached from other machines.
    #[error("{address} is no address of this machine alone: the page listens on 127.0.0.1 or [::1]")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("the page cannot listen on {address}: {error}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The local API and the page on a loopback address.
#[derive(Debug)]
pub struct LoopbackServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl LoopbackServer {
    /// Whether a page may listen there: 127.0.0.1 and ::1 alone, of all the machine's addresses.
    ///
    /// # Errors
    /// [`ListenError::NotLoopback`].
    pub fn check(address: SocketAddr) -> Result<(), ListenError> {
        let own =
            [SocketAddr::from(([127, 0, 0, 1], 0)).ip(), SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0)).ip()];
        if own.contains(&address.ip()) { Ok(()) } else { Err(ListenError::NotLoopback { address }) }
    }

    /// Listens on `address`: clients can connect, and are answered once [`LoopbackServer::serve`] runs.
    ///
    /// # Errors
    /// [`ListenError`]. Needs a tokio runtime.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        Self::check(address)?;
        let io = |error| ListenError::Io { address, error };
        let listener = TcpListener::bind(address).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers clients until `shutdown` is done. Then nobody new is accepted, and the answers that are under way have three seconds.
    pub async fn serve(self, api: Arc<Api>, shutdown: impl Future<Output = ()>) {
        let router =
            super::loopback_router(Arc::clone(&api), self.address).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        connections::serve(&api, router, &self.listener, shutdown).await;
    }
}

impl Door for TcpListener {
    type Stream = TcpStream;
    const CLIENTS: Clients = Clients::Strangers;
    const CONNECTIONS_MAX: usize = 128;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        // An answer is small, and somebody waits for it.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
