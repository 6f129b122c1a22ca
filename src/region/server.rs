//! The region on the network: HTTP around [`Region::enrol`] and [`Region::exchange`], and nothing that they do not say themselves.
//!
//! `GET /v1/partners` is the public list of partners ([`super::public`]). `POST /v1/enrolments` and `POST /v1/exchanges` take and give
//! `application/cose`; what is refused is an RFC 9457 problem; `GET /healthz` tells that the process is alive, `GET /readyz` that store and key answer; the desk has its own routes ([`api`]). The
//! messages are signed, so TLS may end here or at a proxy. Bodies, headers, time and the number of requests
//! at once are bounded. The store blocks, so it is asked on blocking threads. Logs have terminals and numbers, never cards.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::Judging;
use super::Region;
use super::api;
use super::enrolment::ENROLMENT_BYTES_MAX;
use super::error::RegionError;
use super::holders::post::Sender;
use super::limits::{Limits, asker};
use super::message::Refused;
use super::public::{self, KeptList};
use super::settings::{ApiSettings, Settings};
use super::worker::Worker;
use crate::domain::Timestamp;
use crate::metrics::{self, Telling};
use crate::wire::exchange::REQUEST_BYTES_MAX;

/// The content type of every message (RFC 9052, 2).
const COSE: &str = "application/cose";

/// Requests whose bodies are waited for at once; one more is told to come again. Many, because it costs nothing to be slow; not more, because of the
/// memory that they take.
const BODIES_MAX: usize = 256;
/// Requests that are dealt with at once, of those that have come whole; the others wait for so long.
const REQUESTS_MAX: usize = 64;
const ROOM_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to send its header, and then its body.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the store may take to answer whoever asks whether it does.
const READY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long requests that are under way are waited for at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// When a client that found no room may come again, in seconds.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// How long nobody looks for mails when none was due.
const MAIL_PAUSE: Duration = Duration::from_secs(2);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where the TLS certificate chain and its key are, PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and those that certify it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What the region does with a message: the body, and the time it came.
type Deal = fn(&Region, &[u8], Timestamp) -> Result<Vec<u8>, Refused>;

struct Service {
    region: Arc<Region>,
    addresses: Limits,
    proxies: Vec<IpAddr>,
    /// Who settles accounts, where exchanges do not.
    worker: Option<Worker>,
    clock: Clock,
    bodies: Semaphore,
    room: Semaphore,
    partners: KeptList,
}

/// Serves `region` on `address` until the process is told to end (SIGTERM, SIGINT). `listening` is told the real address, once it
/// can be connected to, and where the metrics are.
///
/// # Errors
/// [`RegionError::Listen`], [`RegionError::Tls`], [`RegionError::System`].
pub fn serve(
    region: Region,
    clock: Clock,
    address: &str,
    tls: Option<&TlsFiles>,
    settings: &Settings,
    listening: impl FnOnce(&str, Option<&str>),
) -> Result<(), RegionError> {
    let mut sender = settings.mail.as_ref().map(Sender::new).transpose().map_err(RegionError::Mail)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(RegionError::System)?;
    runtime.block_on(async {
        let tls = match tls {
            Some(files) => Some(tls_config(files).await?),
            None => None,
        };
        let cannot_listen = |error| RegionError::Listen { address: address.to_owned(), error };
        let listener = TcpListener::bind(address).map_err(cannot_listen)?;
        let real = listener.local_addr().map_err(cannot_listen)?;
        let handle = Handle::new();
        end_on_signal(&handle)?;
        let region = ready_to_serve(region);
        let measured = match &settings.metrics {
            Some(address) => Some(tell_metrics(Arc::clone(&region), Arc::clone(&clock), address)?),
            None => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let metrics_at = measured.as_ref().map(|told| format!("http://{}/metrics", told.address()));
        listening(&format!("{scheme}://{real}"), metrics_at.as_deref());
        if let Some(sender) = sender.take() {
            tokio::spawn(send_mails(Arc::clone(&region), Arc::clone(&clock), sender));
        }
        let ended = run(router(region, clock, &settings.api)?, listener, tls, handle).await.map_err(cannot_listen);
        drop(measured);
        ended
    })
}

/// Sends mails as they fall due. When the program ends, the one that is under way is still sent and settled: the runtime waits for its thread.
async fn send_mails(region: Arc<Region>, clock: Clock, sender: Sender) {
    let sender = Arc::new(Mutex::new(sender));
    loop {
        let (region, now, sender) = (Arc::clone(&region), clock(), Arc::clone(&sender));
        let sent = tokio::task::spawn_blocking(move || {
            sender.lock().unwrap_or_else(PoisonError::into_inner).send_next(&region, now)
        });
        match sent.await {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => (),
            Ok(Err(error)) => tracing::error!(%error, "the store keeps mails from being sent"),
            Err(error) => tracing::error!(%error, "a mail could not be dealt with"),
        }
        tokio::time::sleep(MAIL_PAUSE).await;
    }
}

async fn tls_config(files: &TlsFiles) -> Result<RustlsConfig, RegionError> {
    for file in [&files.certificate, &files.key] {
        if !file.exists() {
            return Err(RegionError::NoFile(file.clone()));
        }
    }
    // A provider that is installed already is this one: the project has no other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = RustlsConfig::from_pem_file(&files.certificate, &files.key).await.map_err(RegionError::Tls)?;
    // HTTP/2 is not spoken here: who offers both must not be told that it is.
    let mut tls = rustls::ServerConfig::clone(&config.get_inner());
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.reload_from_config(Arc::new(tls));
    Ok(config)
}

fn end_on_signal(handle: &Handle<SocketAddr>) -> Result<(), RegionError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RegionError::System)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RegionError::System)?;
    let handle = handle.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        tracing::info!("ending: requests under way are finished first");
        handle.graceful_shutdown(Some(DRAIN_TIMEOUT));
    });
    Ok(())
}

async fn run(
    router: Router,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(tls) => {
            let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle).http1_only();
            server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT);
            server.serve(service).await
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.handle(handle).http1_only();
            server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT);
            server.serve(service).await
        }
    }
}

/// The region as a server has it: on a store that other programs share, exchanges leave the accounts to the router's own time.
pub fn ready_to_serve(mut region: Region) -> Arc<Region> {
    if !region.store().is_embedded() {
        region.set_judging(Judging::Apart);
    }
    Arc::new(region)
}

/// The routes. Accounts that exchanges leave open are settled beside them, as long as the router lives.
///
/// # Errors
/// [`RegionError::System`].
pub fn router(region: Arc<Region>, clock: Clock, settings: &ApiSettings) -> Result<Router, RegionError> {
    let worker = match region.judging {
        Judging::AtOnce => None,
        Judging::Apart => Some(Worker::start(Arc::clone(&region), Arc::clone(&clock))?),
    };
    let desk = api::router(Arc::clone(&region), Arc::clone(&clock), settings);
    let measured = Arc::clone(&region);
    let service = Arc::new(Service {
        region,
        addresses: Limits::new(settings.address_messages_per_minute),
        proxies: settings.proxies.clone(),
        worker,
        clock,
        bodies: Semaphore::new(BODIES_MAX),
        room: Semaphore::new(REQUESTS_MAX),
        partners: KeptList::default(),
    });
    let router = Router::new()
        .route("/v1/exchanges", post(exchange))
        .route("/v1/enrolments", post(enrolment))
        .route("/v1/partners", get(partners))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(service)
        .merge(desk)
        // Both for the routes above.
        .fallback(async || problem(StatusCode::NOT_FOUND, "not-found", "There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            problem(StatusCode::METHOD_NOT_ALLOWED, "method", "This address does not take this method.")
        })
        .layer(middleware::from_fn_with_state(measured, measure));
    Ok(router)
}

async fn exchange(State(service): State<Arc<Service>>, request: Request) -> Response {
    let answered = answer(Arc::clone(&service), request, REQUEST_BYTES_MAX, Region::exchange).await;
    if let Some(worker) = &service.worker {
        worker.wake();
    }
    answered
}

async fn enrolment(State(service): State<Arc<Service>>, request: Request) -> Response {
    answer(service, request, ENROLMENT_BYTES_MAX, Region::enrol).await
}

async fn answer(service: Arc<Service>, request: Request, bytes_max: usize, deal: Deal) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    if !service.addresses.take(&asker(peer, request.headers(), &service.proxies), Instant::now()) {
        return too_many();
    }
    if !is_cose(&request) {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Send the message as application/cose.");
    }
    let Ok(_body) = service.bodies.try_acquire() else { return full() };
    let body = match read_body(request.into_body(), bytes_max).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    // Who sends slowly keeps nobody from being dealt with.
    let Ok(Ok(_room)) = tokio::time::timeout(ROOM_TIMEOUT, service.room.acquire()).await else { return full() };
    let (region, now) = (Arc::clone(&service), (service.clock)());
    match tokio::task::spawn_blocking(move || deal(&region.region, &body, now)).await {
        Ok(Ok(message)) => ([(header::CONTENT_TYPE, COSE)], message).into_response(),
        Ok(Err(refused)) => refusal(&refused),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The region could not deal with the message."),
    }
}

/// There is no room for one more.
pub(super) fn full() -> Response {
    let mut full = problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many requests at once: send it again.");
    full.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    full
}

/// Whoever asks has asked too often.
pub(super) fn too_many() -> Response {
    let mut many = problem(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests: come again later.");
    many.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    many
}

/// A message without content type is taken for what it should be.
fn is_cose(request: &Request) -> bool {
    let given = request.headers().get(header::CONTENT_TYPE).map(|given| given.to_str().unwrap_or_default());
    given.is_none_or(|given| {
        let essence = given.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(COSE)
    })
}

async fn read_body(body: Body, bytes_max: usize) -> Result<Bytes, Response> {
    // One that says itself that it is too long is not waited for.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(refusal(&Refused::TooLarge));
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, bytes_max)).await {
        Ok(Ok(body)) => Ok(body),
        // The one error that the limit gives; a connection that broke will not see the answer.
        Ok(Err(_)) => Err(refusal(&Refused::TooLarge)),
        Err(_) => {
            Err(problem(StatusCode::REQUEST_TIMEOUT, "timeout", "The message did not come in time: send it again."))
        }
    }
}

fn refusal(refused: &Refused) -> Response {
    match refused {
        Refused::Failed(error) => tracing::error!(%error, "a message could not be dealt with"),
        _ => tracing::info!(code = refused.code(), "a message was refused"),
    }
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem(status, refused.code(), &refused.sentence())
}

/// A problem of RFC 9457. Its type is a name for programs, its detail one sentence for people.
pub(super) fn problem(status: StatusCode, code: &str, sentence: &str) -> Response {
    let body = serde_json::json!({
        "type": format!("urn:pass:problem:{code}"),
        "title": status.canonical_reason().unwrap_or("Problem"),
        "status": status.as_u16(),
        "detail": sentence,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// The public list (R10).
async fn partners(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response {
    let (asking, now) = (Arc::clone(&service), (service.clock)());
    let Ok(_room) = service.room.try_acquire() else { return full() };
    let asked = tokio::task::spawn_blocking(move || asking.partners.get(&asking.region, now)).await;
    match asked {
        Ok(Ok(list)) => public::answer(&list, &uri, &headers)
            .unwrap_or_else(|| problem(StatusCode::NOT_ACCEPTABLE, "format", "The list comes as json or as csv.")),
        Ok(Err(_)) | Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "store", "The store does not answer."),
    }
}

/// Says that the process can answer; whether what it needs answers too, [`ready`] says.
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether requests should be sent here: the store answers, and the key is here that answers are signed with.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    let asked = tokio::task::spawn_blocking(move || service.region.ready());
    match tokio::time::timeout(READY_TIMEOUT, asked).await {
        Ok(Ok(Ok(()))) => "ok\n".into_response(),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "not ready");
            problem(StatusCode::SERVICE_UNAVAILABLE, "store", "The store or the key does not answer.")
        }
        Ok(Err(_)) | Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "store", "The store does not answer."),
    }
}

async fn measure(State(region): State<Arc<Region>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let under_way = UnderWay::begin(&region);
    let response = next.run(request).await;
    region.metrics().answered(method.as_str(), route.as_deref(), response.status().as_u16(), began.elapsed());
    drop(under_way);
    response
}

/// A request, also one whose client leaves before its answer.
struct UnderWay<'a>(&'a Region);

impl<'a> UnderWay<'a> {
    fn begin(region: &'a Region) -> Self {
        region.metrics().asked();
        Self(region)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.metrics().left();
    }
}

/// Tells the metrics at an address of their own, which is not the network's.
fn tell_metrics(region: Arc<Region>, clock: Clock, address: &str) -> Result<Telling, RegionError> {
    let cannot_listen = |error| RegionError::Listen { address: address.to_owned(), error };
    let listener = TcpListener::bind(address).map_err(cannot_listen)?;
    let text = move || {
        let (region, clock) = (Arc::clone(&region), Arc::clone(&clock));
        async move {
            let text = tokio::task::spawn_blocking(move || region.metrics_text(clock())).await;
            text.ok()?.ok()
        }
    };
    metrics::tell(listener, text).map_err(cannot_listen)
}
