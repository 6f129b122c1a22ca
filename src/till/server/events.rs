//! What happens at the terminal, as it happens: `GET /v1/events`, server-sent events as WHATWG HTML has them.
//!
//! - A client that connects is told everything first (`snapshot`), or what it missed, when it says what it heard last (`Last-Event-ID`) and that is not too
//!   long ago. An id names the run of the daemon and the event in it.
//! - Something is sent every two seconds at least, so that a client notices a dead daemon as soon.
//! - A client that does not read is let go. A stream ends when the daemon stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::{Semaphore, TryAcquireError, mpsc, watch};
use utoipa::ToSchema;

use super::input::{Failure, Speak};
use super::{Api, Problems};
use crate::domain::RequestId;
use crate::domain::refusal::Language;
use crate::machine::sale::{Outcome, View};
use crate::till::json::{Answered, Card, Labels, LanguageQuery, ProblemKind, Status};
use crate::till::{self, Desk, DeskGone};

/// How many clients hear events at a time: pages, tills, and some to spare.
const STREAMS_MAX: usize = 16;
/// How many events are kept for clients that come back.
const KEPT_MAX: usize = 256;
/// How long nothing is sent at most.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often the terminal's own state is looked at while somebody listens.
const LOOK: Duration = Duration::from_secs(1);
/// How long a client may take to read.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Something that happened. In no language yet: each client hears it in its own.
#[derive(Clone, Debug)]
enum Happened {
    Card(View),
    Status(Box<till::Status>),
    Outcome(RequestId, Box<(Outcome, View)>),
}

/// The newest events.
#[derive(Debug, Default)]
struct Kept {
    /// The number of the newest event; 0 before the first.
    newest: u64,
    events: VecDeque<(u64, Happened)>,
}

/// All that is told to those who listen.
#[derive(Debug)]
pub(in crate::till) struct Events {
    /// Tells this run of the daemon from others.
    run: String,
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
    ended: watch::Sender<bool>,
    streams: Arc<Semaphore>,
}

impl Events {
    pub(super) fn new(run: String) -> Self {
        let (newest, _) = watch::channel(0);
        let (ended, _) = watch::channel(false);
        Self { run, kept: Mutex::default(), newest, ended, streams: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }

    /// A client was answered.
    pub(super) fn answered(&self, request: RequestId, outcome: &Outcome, view: View) {
        self.push(Happened::Outcome(request, Box::new((outcome.clone(), view))));
    }

    /// The daemon stops: all streams end.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    fn push(&self, happened: Happened) {
        let mut kept = self.lock();
        kept.newest += 1;
        if kept.events.len() == KEPT_MAX {
            kept.events.pop_front();
        }
        let newest = kept.newest;
        kept.events.push_back((newest, happened));
        self.newest.send_replace(newest);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events after `seen`; nothing when some of them are forgotten.
    fn after(&self, seen: u64) -> Option<Vec<(u64, Happened)>> {
        let kept = self.lock();
        let oldest = kept.events.front().map_or(kept.newest + 1, |(number, _)| *number);
        let whole = seen <= kept.newest && oldest <= seen + 1;
        whole.then(|| kept.events.iter().filter(|(number, _)| *number > seen).cloned().collect())
    }

    /// What a client heard last, when it was of this run.
    fn heard(&self, headers: &HeaderMap) -> Option<u64> {
        let id = headers.get("last-event-id")?.to_str().ok()?;
        let (run, number) = id.split_once('-')?;
        (run == self.run).then(|| number.parse().ok()).flatten()
    }

    /// Notices what happens at the desk, until the desk is gone.
    pub(super) async fn notice(&self, desk: &dyn Desk) {
        let mut seen = desk.view();
        let mut known = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                view = desk.view_after(seen.clone()) => match view {
                    Ok(view) => {
                        seen = view.clone();
                        self.push(Happened::Card(view));
                    }
                    Err(DeskGone) => return,
                },
                _ = look.tick(), if self.streams.available_permits() < STREAMS_MAX => {
                    let Ok(status) = desk.status().await else { continue };
                    let now = lasting(&status);
                    if known.as_ref() != Some(&now) {
                        known = Some(now);
                        self.push(Happened::Status(Box::new(status)));
                    }
                }
            }
        }
    }
}

/// A status without what changes by itself: the time, and what the card's own events tell. It is another each minute all the same, so that ages are shown
/// as they are.
fn lasting(status: &till::Status) -> till::Status {
    let minute = crate::domain::Timestamp::new(status.time.get() / 60 * 60);
    till::Status { view: View::Idle, time: minute, ..status.clone() }
}

/// The data of a `snapshot`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Snapshot {
    /// Everything that is known now.
    status: Status,
}

/// One stream of text, written by a task, read by a connection.
struct Text(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

/// Events as they happen
///
/// Server-sent events: `snapshot` (on connect, unless `Last-Event-ID` names an event that is still known: then what was missed), `card`, `status`, `outcome`.
/// The data is JSON: of a `snapshot` an object with a `status`; of the others what `/v1/card`, `/v1/status` and the requests answer. A comment comes every two
/// seconds when nothing happens.
#[utoipa::path(get, path = "/v1/events", tag = "terminal",
    params(LanguageQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard")),
    responses((status = 200, description = "Events, until the client or the daemon ends them", body = String, content_type = "text/event-stream"), Problems))]
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    Speak(language): Speak,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let permit = Arc::clone(&api.events.streams).try_acquire_owned();
    let permit = permit.map_err(|refused| match refused {
        TryAcquireError::NoPermits => Failure::new(ProblemKind::TooManyStreams, language),
        TryAcquireError::Closed => Failure::new(ProblemKind::TerminalStopping, language),
    })?;
    let (writer, reader) = mpsc::channel(1);
    let heard = api.events.heard(&headers);
    tokio::spawn(async move {
        let _one_of_few = permit;
        let mut ended = api.events.ended.subscribe();
        let mut teller = Teller { api: &api, language, writer };
        tokio::select! {
            // It ends when the client is gone, or too slow.
            _gone = teller.tell(heard) => (),
            _ended = ended.wait_for(|ended| *ended) => (),
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, Body::new(Text(reader))).into_response())
}

/// The client is gone, does not read, or there is nothing more to tell.
struct Over;

struct Teller<'a> {
    api: &'a Api,
    language: Language,
    writer: mpsc::Sender<Bytes>,
}

impl Teller<'_> {
    async fn tell(&mut self, heard: Option<u64>) -> Result<Infallible, Over> {
        let events = &self.api.events;
        let mut grown = events.newest.subscribe();
        // A client that waits for the first byte has it.
        self.write("retry: 1000\n\n".to_owned()).await?;
        let mut seen = heard;
        loop {
            let newest = *grown.borrow_and_update();
            match seen.and_then(|seen| events.after(seen)) {
                Some(missed) => {
                    for (number, happened) in missed {
                        seen = Some(number);
                        self.one(number, &happened).await?;
                    }
                }
                None => {
                    // What happens from here on is told after it.
                    seen = Some(newest);
                    self.everything(newest).await?;
                }
            }
            while tokio::time::timeout(HEARTBEAT, grown.changed()).await.is_err() {
                self.write(":\n\n".to_owned()).await?;
            }
        }
    }

    async fn everything(&self, number: u64) -> Result<(), Over> {
        let status = self.api.desk.status().await.map_err(|DeskGone| Over)?;
        self.event(number, "snapshot", &Snapshot { status: Status::new(&status, self.language) }).await
    }

    async fn one(&self, number: u64, happened: &Happened) -> Result<(), Over> {
        match happened {
            Happened::Card(view) => self.event(number, "card", &Card::new(view, self.language)).await,
            Happened::Status(status) => self.event(number, "status", &Status::new(status, self.language)).await,
            Happened::Outcome(request, told) => {
                let (outcome, view) = told.as_ref();
                let answered = Answered::new(*request, outcome, Labels::new(view, self.language));
                self.event(number, "outcome", &answered).await
            }
        }
    }

    async fn event(&self, number: u64, name: &str, data: &impl Serialize) -> Result<(), Over> {
        let data = serde_json::to_string(data).map_err(|_| Over)?;
        self.write(format!("id: {}-{number}\nevent: {name}\ndata: {data}\n\n", self.api.events.run)).await
    }

    async fn write(&self, text: String) -> Result<(), Over> {
        let sent = tokio::time::timeout(READ_TIMEOUT, self.writer.send(Bytes::from(text))).await;
        sent.map_err(|_| Over)?.map_err(|_| Over)
    }
}
