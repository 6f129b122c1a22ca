//! The client of the local API: one connection for each request, JSON both ways. For the command line and the tests; a
//! till in another language needs only HTTP.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::json::Problem;
use super::server::SESSION_HEADER;

/// The largest answer: a journal of a thousand entries has half of a million bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers on the socket: nothing was asked.
    #[error("no daemon answers on {}: {error}", path.display())]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The daemon was asked, and the answer did not come: nobody knows what became of the request.
    #[error("the connection to the daemon was lost before its answer: {why}")]
    Lost {
        /// What is known of it.
        why: String,
    },
    /// The daemon says that the request is wrong, or that it is stopping.
    #[error("{}", .0.title)]
    Problem(Problem),
    /// The request could not be written as HTTP and JSON: nothing was asked.
    #[error("the request cannot be written: {why}")]
    Request {
        /// Why.
        why: String,
    },
}

/// A client of the daemon that listens on a Unix socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    session: Option<String>,
}

impl Client {
    /// A client of the daemon on this socket. Connects at each request.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), session: None }
    }

    /// The same, for the cashier of this session.
    #[must_use]
    pub fn with_session(self, session: Option<String>) -> Self {
        Self { session, ..self }
    }

    /// `DELETE target`, answered within `timeout`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete<A: DeserializeOwned>(&self, target: &str, timeout: Duration) -> Result<A, ClientError> {
        self.ask(Method::DELETE, target, Bytes::new(), timeout).await
    }

    /// `GET target`, answered within `timeout`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<A: DeserializeOwned>(&self, target: &str, timeout: Duration) -> Result<A, ClientError> {
        self.ask(Method::GET, target, Bytes::new(), timeout).await
    }

    /// `POST target` with `body` as JSON, answered within `timeout`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<A: DeserializeOwned>(
        &self,
        target: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Request { why: error.to_string() })?;
        self.ask(Method::POST, target, Bytes::from(body), timeout).await
    }

    async fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<A, ClientError> {
        let session = self.session.as_deref().map(|session| (SESSION_HEADER, session));
        let request =
            session.into_iter().fold(Request::builder(), |request, (name, value)| request.header(name, value));
        let request = request
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| ClientError::Request { why: error.to_string() })?;
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| ClientError::NoDaemon { path: self.socket.clone(), error })?;
        let late = || ClientError::Lost { why: format!("no answer within {} s", timeout.as_secs()) };
        tokio::time::timeout(timeout, converse(stream, request)).await.map_err(|_| late())?
    }
}

async fn converse<A: DeserializeOwned>(stream: UnixStream, request: Request<Full<Bytes>>) -> Result<A, ClientError> {
    let lost = |error: hyper::Error| ClientError::Lost { why: error.to_string() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(lost)?;
        read(response).await
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = exchange.as_mut() => answer,
        // The connection ends as soon as the whole answer has arrived; the answer is then still to be taken.
        ended = connection.as_mut() => {
            ended.map_err(lost)?;
            exchange.await
        }
    }
}

async fn read<A: DeserializeOwned>(response: Response<Incoming>) -> Result<A, ClientError> {
    let lost = |why: String| ClientError::Lost { why };
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| lost(error.to_string()))?;
    let body = body.to_bytes();
    if head.status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| lost(format!("the answer is not understood: {error}")));
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(ClientError::Problem(problem)),
        Err(_) => Err(lost(format!("the daemon answered {}", head.status))),
    }
}
