//! What is counted of a request, and what is refused because there were too many.
//!
//! Three layers share one `Slot` in the extensions of a request: [`MeterLayer`] around everything that makes an answer,
//! which counts bytes and hands the record over when the answer's body has ended or nobody waits for it any more;
//! [`AdmitLayer`] behind the identification of the caller, which holds callers to their limits; [`RouteLayer`] behind the
//! router, which notes the route. A request costs four small allocations for its texts, one for the slot, and what
//! [`usage`](crate::usage) and [`key_limits`](crate::auth::key_limits) say; nothing of it waits for the database.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    response::{IntoResponse as _, Response},
};
use bytes::Buf as _;
use futures_util::{FutureExt as _, future::Either};
use http_body::{Frame, SizeHint};
use tonic::Code;
use tower::{Layer, Service};

use super::{is_api_path, otlp::status::grpc_error, request_log::REQUEST_ID, rest::problem::Problem};
use crate::{
    auth::{
        key_limits::{Admitted, Class, Exceeded, KeyLimiter, Permit, Standing},
        layer::{Identified, RefusedKey},
        principal::{Credential, Principal},
    },
    domain::{
        access::{Access, Actor},
        client_address::ClientAddress,
        project::ProjectRef,
        time::{Clock, UnixNanos},
    },
    error::Error,
    service::ingest::{Export, Rejected},
    telemetry::{
        metrics::HttpMetrics,
        traces::{self, Active, Done, Kind, Tracer},
    },
    usage::Recorder,
};

/// Status of a request whose client went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What remembers and what limits.
#[derive(Clone, Debug)]
pub struct Metering {
    /// Remembers requests; nobody when authentication is off, since there is nobody to tell apart.
    pub recorder: Option<Recorder>,
    /// Counts requests, if anybody may ask for the numbers.
    pub metrics: Option<HttpMetrics>,
    /// Makes spans of requests, if there is a collector.
    pub tracer: Option<Tracer>,
    /// Limits requests.
    pub limiter: Option<KeyLimiter>,
    /// Tells when a request came.
    pub clock: Clock,
}

/// What an export stored, left in the extensions of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Spans that were taken.
    pub(crate) spans: usize,
    /// Project of the first of them.
    pub(crate) project: Option<String>,
}

impl Stored {
    /// Returns what an export asks for; of the spans, those must be taken off that are refused in the end.
    pub(crate) fn of(export: &Export) -> Self {
        let spans = export.batches.iter().map(|batch| batch.spans.len()).sum::<usize>() + export.rejected.spans;
        Self { spans, project: export.batches.first().map(|batch| batch.project.clone()) }
    }

    /// Takes refused spans off.
    pub(crate) fn less(self, rejected: &Rejected) -> Self {
        Self { spans: self.spans.saturating_sub(rejected.spans), ..self }
    }
}

/// The sentence that the caller of a failed request was told, left in the extensions of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub(crate) Arc<str>);

/// What the layers know of one request.
#[derive(Debug, Default)]
struct Slot {
    caller: OnceLock<Arc<Principal>>,
    refused: OnceLock<Arc<Principal>>,
    route: OnceLock<Arc<str>>,
    bytes_in: AtomicU64,
    permit: Mutex<Option<Permit>>,
}

/// The slot in the extensions of a request.
#[derive(Clone, Debug)]
struct InSlot(Arc<Slot>);

/// A request under way. Dropped when its answer has ended or nobody waits for it: then the record is handed over.
#[derive(Debug)]
struct Pending {
    /// Nobody for what is no request of an API.
    recorder: Option<Recorder>,
    metrics: Option<HttpMetrics>,
    span: Option<Active>,
    slot: Arc<Slot>,
    at: UnixNanos,
    started: Instant,
    method: Method,
    uri: Uri,
    address: IpAddr,
    user_agent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    project: Option<HeaderValue>,
    status: u16,
    bytes_out: u64,
    stored: Option<Stored>,
    told: Option<Arc<str>>,
}

impl Pending {
    /// Returns the record of a request that somebody remembers or counts.
    fn of(request: &Request, metering: &Metering) -> Option<Self> {
        let recorder = metering.recorder.as_ref().filter(|_| is_api_path(request.uri().path())).cloned();
        let at = metering.clock.now();
        // Whoever asks whether the server lives does so all the time, and learns no more than that.
        let is_work = !matches!(request.uri().path(), "/healthz" | "/readyz");
        let tracer = metering.tracer.as_ref().filter(|_| is_work);
        let span = tracer.and_then(|tracer| tracer.request(request.headers(), at));
        let is_wanted = recorder.is_some() || metering.metrics.is_some() || span.is_some();
        is_wanted.then(|| {
            let mut pending = Self::new(at, request);
            (pending.recorder, pending.metrics, pending.span) = (recorder, metering.metrics.clone(), span);
            pending
        })
    }

    fn new(at: UnixNanos, request: &Request) -> Self {
        let header = |name: &HeaderName| request.headers().get(name).cloned();
        Self {
            recorder: None,
            metrics: None,
            span: None,
            slot: Arc::default(),
            at,
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            address: request.extensions().get::<ClientAddress>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |a| a.0),
            user_agent: header(&header::USER_AGENT),
            request_id: header(&REQUEST_ID),
            project: header(&HeaderName::from_static("x-project-name")),
            status: CLIENT_CLOSED_REQUEST,
            bytes_out: 0,
            stored: None,
            told: None,
        }
    }

    /// Reads what an answer says without its body.
    fn see<B>(&mut self, response: &axum::http::Response<B>) {
        self.status = response.status().as_u16();
        let extensions = response.extensions();
        self.stored = extensions.get::<Stored>().cloned();
        self.told = extensions.get::<Told>().map(|told| Arc::clone(&told.0));
        if let Some(status) = extensions.get::<tonic::Status>() {
            self.status = http_status(status.code());
            self.told = Some(status.message().into());
        }
    }

    /// Reads the status that a gRPC answer ends with.
    fn see_trailers(&mut self, trailers: &HeaderMap) {
        if let Some(code) = trailers.get("grpc-status") {
            self.status = http_status(Code::from_bytes(code.as_bytes()));
        }
    }

    /// Returns what a span says of the request, in the words of OpenTelemetry's conventions for HTTP. No query and no header:
    /// both carry secrets.
    fn trace(&self) -> Done {
        let route = self.slot.route.get();
        let mut attributes = vec![
            traces::text("http.request.method", self.method.as_str()),
            traces::text("url.path", self.uri.path()),
            traces::number("http.response.status_code", usize::from(self.status)),
            traces::text("client.address", self.address.to_string()),
            traces::text("phoenix.request_id", text(self.request_id.as_ref()).unwrap_or_default()),
        ];
        attributes.extend(route.map(|route| traces::text("http.route", &**route)));
        attributes.extend(self.stored.as_ref().map(|stored| traces::number("phoenix.spans", stored.spans)));
        Done {
            name: format!("{} {}", self.method, route.map_or("other", |route| route)),
            kind: Kind::Server,
            attributes,
            links: Vec::new(),
            error: (self.status >= 500).then(|| self.told.as_deref().unwrap_or_default().to_owned()),
        }
    }

    fn actor(&self) -> Actor {
        let Some(principal) = self.slot.caller.get() else {
            return match self.slot.refused.get().map(|p| (p.credential, p.user_id)) {
                Some((Credential::ApiKey(id, kind), user)) => Actor::RefusedKey(id, kind, user),
                _ => Actor::Anonymous,
            };
        };
        match principal.credential {
            Credential::Session(_) => Actor::Session(principal.user_id),
            Credential::ApiKey(id, kind) => Actor::Key(id, kind, principal.user_id),
            Credential::AdminSecret => Actor::AdminSecret(principal.user_id),
            Credential::Open => Actor::Anonymous,
        }
    }

    /// Returns the project that the request is about: the one that spans went to, the one in the path, or the one in the
    /// header of an export that failed.
    fn project(&self) -> Option<ProjectRef> {
        if let Some(name) = self.stored.as_ref().and_then(|stored| stored.project.clone()) {
            return Some(ProjectRef::Name(name));
        }
        if self.slot.route.get().is_some_and(|route| route.starts_with("/v1/projects/{project_identifier}")) {
            let segment = self.uri.path().split('/').nth(3)?;
            return Some(ProjectRef::parse(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy()));
        }
        text(self.project.as_ref()).map(ProjectRef::Name)
    }
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Drop for Pending {
    fn drop(&mut self) {
        drop(self.slot.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
        let latency = self.started.elapsed();
        if let Some(metrics) = &self.metrics {
            metrics.count(&self.method, self.slot.route.get(), self.status, latency);
        }
        if let Some(span) = self.span.take() {
            span.end(self.trace());
        }
        let Some(recorder) = self.recorder.take() else { return };
        let actor = self.actor();
        // Who is not let in is remembered for what was refused: wrong credentials and wrong passwords.
        if !actor.is_admitted() && !matches!(self.status, 401 | 403 | 429) {
            return;
        }
        recorder.record(Access {
            at: self.at,
            actor,
            method: self.method.as_str().to_owned(),
            path: self.uri.path().to_owned(),
            route: self.slot.route.get().cloned(),
            status: self.status,
            latency,
            bytes_in: self.slot.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out,
            address: self.address,
            user_agent: text(self.user_agent.as_ref()),
            project: self.project(),
            spans: self.stored.as_ref().map_or(0, |stored| stored.spans as u64),
            request_id: text(self.request_id.as_ref()).unwrap_or_default(),
            error: self.told.as_deref().map(str::to_owned),
        });
    }
}

/// The HTTP status that a gRPC status stands for.
const fn http_status(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => CLIENT_CLOSED_REQUEST,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    }
}

/// Layer that counts and remembers requests of the APIs.
#[derive(Clone, Debug)]
pub struct MeterLayer(pub Metering);

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter { inner, metering: self.0.clone() }
    }
}

/// Service of [`MeterLayer`].
#[derive(Clone, Debug)]
pub struct Meter<S> {
    inner: S,
    metering: Metering,
}

impl<S, B> Service<Request> for Meter<S>
where
    S: Service<Request, Response = axum::http::Response<B>>,
    S::Future: Send + 'static,
{
    type Response = axum::http::Response<MeteredBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut pending = Pending::of(&request, &self.metering);
        if let Some(pending) = &pending {
            let slot = Arc::clone(&pending.slot);
            request.extensions_mut().insert(InSlot(Arc::clone(&slot)));
            if !request.body().is_end_stream() {
                request = request.map(|body| Body::new(CountedBody { body, slot }));
            }
        }
        let context = pending.as_ref().and_then(|pending| Some(pending.span.as_ref()?.context()));
        let answer = self.inner.call(request);
        let answer = match context {
            Some(context) => Either::Left(context.around(answer)),
            None => Either::Right(answer),
        };
        Box::pin(async move {
            let response = answer.await?;
            if let Some(pending) = &mut pending {
                pending.see(&response);
            }
            Ok(response.map(|body| MeteredBody { body, pending }))
        })
    }
}

/// Body of a request whose bytes are counted.
struct CountedBody {
    body: Body,
    slot: Arc<Slot>,
}

impl HttpBody for CountedBody {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.slot.bytes_in.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project_lite::pin_project! {
    /// Body of an answer whose bytes are counted; with its end ends the request.
    #[derive(Debug)]
    pub struct MeteredBody<B> {
        #[pin]
        body: B,
        pending: Option<Pending>,
    }
}

impl<B: HttpBody> HttpBody for MeteredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let Some(pending) = this.pending.as_mut() {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        pending.bytes_out += data.remaining() as u64;
                    } else if let Some(trailers) = frame.trailers_ref() {
                        pending.see_trailers(trailers);
                    }
                }
                Some(Err(_)) | None => drop(this.pending.take()),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Layer that notes which route a request took.
#[derive(Clone, Copy, Debug)]
pub struct RouteLayer;

impl<S> Layer<S> for RouteLayer {
    type Service = NoteRoute<S>;

    fn layer(&self, inner: S) -> NoteRoute<S> {
        NoteRoute { inner }
    }
}

/// Service of [`RouteLayer`].
#[derive(Clone, Debug)]
pub struct NoteRoute<S> {
    inner: S,
}

impl<S: Service<Request>> Service<Request> for NoteRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        let extensions = request.extensions();
        if let (Some(InSlot(slot)), Some(path)) = (extensions.get(), extensions.get::<MatchedPath>()) {
            let _ = slot.route.set(path.as_str().into());
        }
        self.inner.call(request)
    }
}

/// Layer that holds identified callers to their limits.
#[derive(Clone, Debug)]
pub struct AdmitLayer(pub Option<KeyLimiter>);

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit { inner, limiter: self.0.clone() }
    }
}

/// Service of [`AdmitLayer`].
#[derive(Clone, Debug)]
pub struct Admit<S> {
    inner: S,
    limiter: Option<KeyLimiter>,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Service<Request> for Admit<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Telling<S::Future>, Answering<S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let extensions = request.extensions();
        let Some(Identified::Caller(Ok(principal))) = extensions.get() else {
            if let (Some(InSlot(slot)), Some(RefusedKey(key))) = (extensions.get(), extensions.get()) {
                let _ = slot.refused.set(Arc::clone(key));
            }
            return Either::Left(Telling { answer: self.inner.call(request), standing: None });
        };
        let slot = extensions.get::<InSlot>().map(|slot| Arc::clone(&slot.0));
        if let Some(slot) = &slot {
            let _ = slot.caller.set(Arc::clone(principal));
        }
        let limiter = self.limiter.as_ref().filter(|limiter| limiter.applies_to(principal));
        let Some((limiter, class)) = limiter.cloned().zip(class_of(request.method(), request.uri().path())) else {
            return Either::Left(Telling { answer: self.inner.call(request), standing: None });
        };
        // Nearly always there is nothing to wait for, and the answer needs no box.
        match limiter.admit(principal, class).now_or_never() {
            Some(Ok(admitted)) => {
                let standing = admitted.standing;
                hold(slot.as_deref(), admitted);
                return Either::Left(Telling { answer: self.inner.call(request), standing });
            }
            Some(Err(exceeded)) => {
                let response = refuse(&exceeded, request.uri().path());
                return Either::Right(Box::pin(async move { Ok(response) }));
            }
            None => {}
        }
        let principal = Arc::clone(principal);
        // The clone is kept for the next call; the one that was polled ready takes this one.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Either::Right(Box::pin(async move {
            match limiter.admit(&principal, class).await {
                Ok(admitted) => {
                    let standing = admitted.standing;
                    hold(slot.as_deref(), admitted);
                    Telling { answer: inner.call(request), standing }.await
                }
                Err(exceeded) => Ok(refuse(&exceeded, request.uri().path())),
            }
        }))
    }
}

pin_project_lite::pin_project! {
    /// An answer that tells its caller how they stand.
    #[derive(Debug)]
    pub struct Telling<F> {
        #[pin]
        answer: F,
        standing: Option<Standing>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Telling<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(cx));
        if let (Ok(response), Some(standing)) = (&mut answer, this.standing.take()) {
            tell(standing, response.headers_mut());
        }
        Poll::Ready(answer)
    }
}

/// Keeps the place of a request until its answer's body has ended; without a slot there is none who would know of that.
fn hold(slot: Option<&Slot>, admitted: Admitted) {
    if let (Some(slot), Some(permit)) = (slot, admitted.permit) {
        *slot.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }
}

fn refuse(exceeded: &Exceeded, path: &str) -> Response {
    let error = Error::TooManyRequests { detail: exceeded.detail, retry_after: exceeded.retry_after };
    let mut response = if is_grpc(path) { grpc_error(&error).into_http() } else { Problem(error).into_response() };
    if let Some(standing) = exceeded.standing {
        tell(standing, response.headers_mut());
    }
    response
}

fn is_grpc(path: &str) -> bool {
    path.starts_with("/opentelemetry.proto.")
}

/// Returns what a request is counted as, if it is: logins and pages are not.
pub(crate) fn class_of(method: &Method, path: &str) -> Option<Class> {
    let spans = || path.starts_with("/v1/projects/") && path.ends_with("/spans");
    if is_grpc(path) || method == Method::POST && (path == "/v1/traces" || spans()) {
        return Some(Class::Ingest);
    }
    ["/v1", "/api", "/graphql"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        .then_some(Class::Api)
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Tells a caller how they stand: the trio that everybody reads, and the fields of the IETF draft
/// (draft-ietf-httpapi-ratelimit-headers-10).
fn tell(standing: Standing, headers: &mut HeaderMap) {
    let Standing { class, limit, remaining, reset_at, reset_after } = standing;
    let seconds = |nanos: u128| u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
    let after = seconds(reset_after.as_nanos());
    let at = seconds(u128::try_from(reset_at.0).unwrap_or(0));
    let class = class.as_str();
    headers.reserve(5);
    headers.insert(LIMIT, limit.into());
    headers.insert(REMAINING, remaining.into());
    headers.insert(RESET, at.into());
    let mut structured = |name, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    structured(RATE_LIMIT_POLICY, format!("\"{class}\";q={limit};w=60"));
    structured(RATE_LIMIT, format!("\"{class}\";r={remaining};t={after}"));
}
