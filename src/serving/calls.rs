//! One call after the other of a connection: let in, worked off within its time, and answered.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{
    Status,
    body::Body,
    codegen::http::{
        HeaderMap, HeaderValue, Method, Request, Response, Version, request::Parts as Head,
    },
    service::Routes,
    transport::server::TcpConnectInfo,
};
use tower::{BoxError, Service};
use tracing::{Instrument as _, Span};

use super::{
    admission::{Admission, ConnectionState},
    answer::{self, Answer, Arriving},
    counted::CountedCall,
    full,
    pages::{self, Pages, Visitor},
    plain_rule::PlainRule,
    upgrade::Upgrade,
};
use crate::{
    host::label, network::CallId, node_auth::ORIGIN_KEY, tls::Protection, wire::CALL_ID_KEY,
};

/// The most bytes of a request over HTTP: a post of 10,000 characters of four bytes, of which a form makes three times
/// as many, and some more.
pub const WEB_REQUEST_BYTES: usize = 256 << 10;

/// For how long, at most, a request may arrive that brings pictures. Whoever receives it gives up before.
const PICTURES_ARRIVE_WITHIN: Duration = Duration::from_secs(90);

/// What a request may have until its answer begins.
#[derive(Clone, Copy)]
struct RequestLimits {
    /// The most bytes.
    bytes: usize,
    /// Whether they count among those that wait. Those that do not are read by somebody who counts them.
    are_counted: bool,
    /// All must have arrived within this time.
    arrives_within: Duration,
}

/// What is served to those who speak HTTP and not gRPC.
#[derive(Clone)]
pub struct Web {
    /// The routes.
    pub routes: axum::Router,
    /// Which requests bring pictures, of at most so many bytes; the routes count what they receive of them.
    pub brings_pictures: (fn(&Method, &str) -> bool, usize),
}

/// Where a call comes from, according to its headers, the address of its connection, and how that is
/// protected.
pub type Origin = Arc<dyn Fn(&HeaderMap, IpAddr, Protection) -> IpAddr + Send + Sync>;

/// What is served, and within which limits a call is.
#[derive(Clone)]
pub struct Calls {
    pub routes: Routes,
    pub origin: Origin,
    pub plain: PlainRule,
    /// For those who do not speak gRPC.
    pub pages: Pages,
    /// What is served to them beyond that.
    pub web: Option<Web>,
    pub admission: Admission,
    /// Of what nodes of the cluster themselves ask for, which the load of others must not keep out.
    pub of_nodes: Admission,
    /// The most bytes that a call of gRPC may have until its answer begins.
    pub request_bytes: usize,
    /// A request must have arrived within this time, unless its answer has begun.
    pub arrives_within: Duration,
    /// An answer must have begun within this time.
    pub answered_within: Duration,
}

/// The calls of one connection.
#[derive(Clone)]
pub struct CallsOf {
    pub calls: Arc<Calls>,
    pub connection: Arc<ConnectionState>,
    pub peer: SocketAddr,
    pub protection: Protection,
    /// What becomes of the connection, if it does not stay HTTP.
    pub upgrade: Upgrade,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for CallsOf {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let this = self.clone();
        Box::pin(async move { Ok(this.answer(request).await) })
    }
}

impl CallsOf {
    async fn answer(self, mut request: Request<Incoming>) -> Response<Answer> {
        let id = call_id(request.headers());
        request.extensions_mut().insert(id.clone());
        let span = span(&request, self.peer, &id);
        let answered = async {
            let is_call = request.version() == Version::HTTP_2 && pages::is_grpc(request.headers());
            if is_call && !self.calls.pages.only_refer() {
                self.let_in(request).await
            } else {
                self.show_page(request).await
            }
        };
        let mut answer = answered.instrument(span).await;
        // Whoever asks about this call can name it.
        let id = HeaderValue::from_str(id.as_str()).expect("it is ASCII");
        answer.headers_mut().insert(CALL_ID_KEY, id);
        answer
    }

    async fn let_in(self, request: Request<Incoming>) -> Response<Answer> {
        let Self { calls, connection, peer, protection, .. } = self;
        let counted = CountedCall::arrives(request.uri().path());
        let address = (calls.origin)(request.headers(), peer.ip(), protection);
        let admission = calls.admission_of(&request, protection);
        let call = match admission.call(Some(address).into(), &connection) {
            Ok(call) => call,
            Err(why) => return counted.refused(full(why)),
        };
        let arriving = Arc::new(answer::Request::new(call, !request.body().is_end_stream()));
        let answer = match calls.plain.check(&request, peer, protection) {
            Ok(()) => {
                let limits = calls.limits_of_calls();
                calls
                    .work(calls.routes.clone(), request, (peer, protection), &arriving, limits)
                    .await
            }
            Err(refusal) => Err(refusal),
        };
        let call = arriving.begin_answer();
        let (head, body) = answer.unwrap_or_else(Status::into_http).into_parts();
        match Answer::new(body, call).await {
            Ok(body) => {
                counted.answered(&head.headers);
                Response::from_parts(head, body)
            }
            Err(status) => counted.refused(status),
        }
    }

    async fn show_page(self, request: Request<Incoming>) -> Response<Answer> {
        let Self { calls, connection, peer, protection, upgrade } = self;
        let counted = CountedCall::arrives(pages::counted_as(request.uri().path()));
        let address = (calls.origin)(request.headers(), peer.ip(), protection);
        let visitor = Visitor { protection, is_taken_in_clear: calls.plain.takes_clear(peer) };
        let call = match calls.admission.call(Some(address).into(), &connection) {
            Ok(call) => call,
            Err(why) => {
                let full = pages::full(full(why).message());
                counted.answered_by_page(full.status());
                return full.map(|body| Answer::page(body, None));
            }
        };
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let (page, call) = match (calls.pages.answer(&head, visitor).await, &calls.web) {
            // Nobody would count what waits of its body.
            (Some(page), _) => (page, call),
            (None, None) => (pages::nothing(), call),
            (None, Some(web)) => {
                let arriving = Arc::new(answer::Request::new(call, !body.is_end_stream()));
                let limits = calls.limits_of_pages(web, &head);
                let (mut request, routes) = (Request::from_parts(head, body), web.routes.clone());
                if request.version() == Version::HTTP_11 {
                    request.extensions_mut().insert(upgrade.clone());
                }
                let work = calls.work(routes, request, (peer, protection), &arriving, limits).await;
                let page = work.unwrap_or_else(|late| pages::full(late.message()));
                (page, arriving.begin_answer())
            }
        };
        let page = pages::complete(page, &method, protection);
        counted.answered_by_page(page.status());
        let Some(call) = upgrade.keep(call) else {
            return page.map(|body| Answer::page(body, None));
        };
        let (head, body) = page.into_parts();
        match Answer::new(body, call).await {
            Ok(body) => Response::from_parts(head, body),
            Err(why) => pages::full(why.message()).map(Answer::refusal),
        }
    }
}

impl Calls {
    /// Where a call is counted: one that a node relays is its caller's.
    fn admission_of<T>(&self, request: &Request<T>, protection: Protection) -> &Admission {
        let is_relayed = request.headers().contains_key(ORIGIN_KEY);
        if protection == Protection::Node && !is_relayed { &self.of_nodes } else { &self.admission }
    }

    fn limits_of_calls(&self) -> RequestLimits {
        let arrives_within = self.arrives_within.min(self.answered_within);
        RequestLimits { bytes: self.request_bytes, are_counted: true, arrives_within }
    }

    fn limits_of_pages(&self, web: &Web, head: &Head) -> RequestLimits {
        let (brings_pictures, bytes) = web.brings_pictures;
        if brings_pictures(&head.method, head.uri.path()) {
            RequestLimits { bytes, are_counted: false, arrives_within: PICTURES_ARRIVE_WITHIN }
        } else {
            RequestLimits { bytes: WEB_REQUEST_BYTES, ..self.limits_of_calls() }
        }
    }

    /// The answer of what is served, as far as it comes in time.
    async fn work<Served, Sent>(
        &self,
        mut served: Served,
        request: Request<Incoming>,
        (peer, protection): (SocketAddr, Protection),
        arriving: &Arc<answer::Request>,
        limits: RequestLimits,
    ) -> Result<Response<Body>, Status>
    where
        Served: Service<Request<Body>, Response = Response<Sent>, Error = Infallible>,
        Sent: http_body::Body<Data = Bytes> + Send + 'static,
        Sent::Error: Into<BoxError>,
    {
        let began = Instant::now();
        let RequestLimits { bytes, are_counted, arrives_within } = limits;
        let mut request = request.map(|body| {
            let arriving = Arriving::new(body, Arc::clone(arriving), bytes);
            Body::new(if are_counted { arriving } else { arriving.uncounted() })
        });
        let caller = TcpConnectInfo { local_addr: None, remote_addr: Some(peer) };
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(protection);
        let work = served.call(request);
        let too_late = async {
            sleep(arrives_within).await;
            if !arriving.has_arrived() {
                return Status::deadline_exceeded("the request did not arrive in time");
            }
            sleep_until(began + self.answered_within.max(arrives_within)).await;
            Status::deadline_exceeded("this server could not answer in time")
        };
        tokio::select! {
            biased;
            Ok(answer) = work => Ok(answer.map(Body::new)),
            status = too_late => Err(status),
        }
    }
}

/// What its caller calls it, or else a new name.
fn call_id(headers: &HeaderMap) -> CallId {
    let given = headers.get(CALL_ID_KEY).and_then(|id| CallId::new(id.to_str().ok()?));
    given.unwrap_or_else(|| CallId::new(&label::next()).expect("a label is short"))
}

/// The span of a call, for those who log at the level debug.
fn span<T>(request: &Request<T>, peer: SocketAddr, id: &CallId) -> Span {
    tracing::debug_span!("call", method = request.uri().path(), %peer, request = %id)
}
