//! One call after the other of a connection: let in, worked off within its time, and answered.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{
    Status,
    body::Body,
    codegen::http::{HeaderMap, HeaderValue, Request, Response, Version},
    service::Routes,
    transport::server::TcpConnectInfo,
};
use tower::Service as _;
use tracing::{Instrument as _, Span};

use super::{
    admission::{Admission, ConnectionState},
    answer::{self, Answer, Arriving},
    counted::CountedCall,
    full,
    pages::{self, Pages, Visitor},
    plain_rule::PlainRule,
};
use crate::{
    host::label, network::CallId, node_auth::ORIGIN_KEY, tls::Protection, wire::CALL_ID_KEY,
};

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
    pub admission: Admission,
    /// Of what nodes of the cluster themselves ask for, which the load of others must not keep out.
    pub of_nodes: Admission,
    /// The most bytes that a request may have until its answer begins.
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
        let Self { calls, connection, peer, protection } = self;
        let counted = CountedCall::arrives(request.uri().path());
        let address = (calls.origin)(request.headers(), peer.ip(), protection);
        let admission = calls.admission_of(&request, protection);
        let call = match admission.call(Some(address).into(), &connection) {
            Ok(call) => call,
            Err(why) => return counted.refused(full(why)),
        };
        let arriving = Arc::new(answer::Request::new(call, !request.body().is_end_stream()));
        let answer = match calls.plain.check(&request, peer, protection) {
            Ok(()) => calls.work(request, (peer, protection), &arriving).await,
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
        let Self { calls, connection, peer, protection } = self;
        let counted = CountedCall::arrives(pages::counted_as(request.uri().path()));
        let address = (calls.origin)(request.headers(), peer.ip(), protection);
        let visitor = Visitor { protection, is_taken_in_clear: calls.plain.takes_clear(peer) };
        // Nobody would count what waits of its body.
        let (request, body) = request.into_parts();
        drop(body);
        let (page, call) = match calls.admission.call(Some(address).into(), &connection) {
            Ok(call) => (calls.pages.answer(&request, visitor).await, Some(call)),
            Err(why) => (pages::full(full(why).message()), None),
        };
        counted.answered_by_page(page.status());
        page.map(|body| Answer::page(body, call))
    }
}

impl Calls {
    /// Where a call is counted: one that a node relays is its caller's.
    fn admission_of<T>(&self, request: &Request<T>, protection: Protection) -> &Admission {
        let is_relayed = request.headers().contains_key(ORIGIN_KEY);
        if protection == Protection::Node && !is_relayed { &self.of_nodes } else { &self.admission }
    }

    /// The answer of what is served, as far as it comes in time.
    async fn work(
        &self,
        request: Request<Incoming>,
        (peer, protection): (SocketAddr, Protection),
        arriving: &Arc<answer::Request>,
    ) -> Result<Response<Body>, Status> {
        let began = Instant::now();
        let mut request = request
            .map(|body| Body::new(Arriving::new(body, Arc::clone(arriving), self.request_bytes)));
        let caller = TcpConnectInfo { local_addr: None, remote_addr: Some(peer) };
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(protection);
        let mut routes = self.routes.clone();
        let work = routes.call(request);
        let too_late = async {
            sleep(self.arrives_within.min(self.answered_within)).await;
            if !arriving.has_arrived() {
                return Status::deadline_exceeded("the request did not arrive in time");
            }
            sleep_until(began + self.answered_within).await;
            Status::deadline_exceeded("this server could not answer in time")
        };
        tokio::select! {
            biased;
            Ok(answer) = work => Ok(answer),
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
