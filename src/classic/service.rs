//! The calls of `SNSService`.

use std::{borrow::Cow, future::Future, net::IpAddr, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{caller, open_timelines::OpenTimelines, reply_text, timeline_stream};
use crate::{
    client::{Client, ClientError},
    directory::{Location, split_address},
    domain::UserName,
    grpc::metadata::CallReader,
    network::{ListKind, Network, Refusal, RefusalKind},
    wire::classic::{
        ListReply, Message, Regmessage, Reply, Request as Call, sns_service_server::SnsService,
    },
};

/// How long a call is held while there is no available server: longer than rebooting all masters.
pub const HOLD: Duration = Duration::from_secs(30);
/// How long to wait for confirmation when a client says that a server has crashed. A hung server is
/// noticed in half that time. This also limits how often a client can repeat the claim.
const CRASH_REPORT_GRACE: Duration = Duration::from_secs(1);
/// Names in one reply, of each kind: both lists fit into the 4 MiB that gRPC clients accept.
const NAMES: usize = 60_000;

/// Which kind of server serves the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The router: its clients give up if a login is refused.
    Router,
    /// A master: its clients take every error for a crash, and would retry for ever.
    Master,
}

/// Serves the classic protocol.
pub struct Classic<N> {
    host: Host,
    /// Clients are told to stay here, and every call is relayed for them.
    is_relayed: bool,
    /// Whose calls are made for the users of this server.
    client: Client<N>,
    calls: CallReader,
    location: watch::Receiver<Location>,
    timelines: OpenTimelines,
    stop: CancellationToken,
}

impl<N: Network> Classic<N> {
    /// Serves `network` at `host` until `stop`.
    pub fn new(
        host: Host,
        is_relayed: bool,
        network: N,
        calls: CallReader,
        location: watch::Receiver<Location>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            host,
            is_relayed,
            client: Client::of(network, HOLD),
            calls,
            location,
            timelines: OpenTimelines::default(),
            stop,
        }
    }

    /// A client that acts for `username`.
    async fn of(&self, username: &[u8], origin: Option<IpAddr>) -> Result<Client<N>, ClientError> {
        let client = self.client.for_another_user(origin);
        client.log_in_existing(&text(username), None).await?;
        Ok(client)
    }

    /// The address by which a client has reached this server, if it is to stay here.
    fn here<T>(&self, request: &Request<T>) -> Option<(String, u16)> {
        self.is_relayed.then(|| caller::reached_at(request)).flatten()
    }

    /// Where the available server is, as soon as there is one.
    async fn available(&self) -> Option<(String, u16)> {
        let mut location = self.location.clone();
        let known = location.wait_for(|location| location.available.is_some());
        let location = timeout(HOLD, known).await.ok()?.ok()?;
        let (host, port) = split_address(&location.available.as_ref()?.address)?;
        Some((host.to_owned(), port))
    }

    async fn names(client: &Client<N>, kind: &ListKind) -> Result<Vec<String>, ClientError> {
        let mut names = Vec::new();
        let mut next = None;
        loop {
            let page = client.list_page(kind, next.as_ref(), None).await?;
            names.extend(page.names.into_iter().map(UserName::into));
            next = page.next;
            if next.is_none() || names.len() >= NAMES {
                names.truncate(NAMES);
                return Ok(names);
            }
        }
    }
}

/// Limits how long a call is held.
pub async fn bounded<T>(
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let late = |_| ClientError::from(Refusal::unanswered(HOLD, "no answer"));
    timeout(HOLD, call).await.map_err(late)?
}

/// A client's error as a status of ours.
pub fn status(error: ClientError) -> Status {
    match error {
        ClientError::Refused(refusal) => refusal.into(),
        other => Status::unavailable(format!("{other}; ask again")),
    }
}

/// An outcome for which the protocol may have a text.
fn told(outcome: Result<(), ClientError>) -> Result<Result<(), RefusalKind>, Status> {
    match outcome {
        Ok(()) => Ok(Ok(())),
        Err(ClientError::Refused(refusal)) => Ok(Err(refusal.kind)),
        Err(error) => Err(status(error)),
    }
}

fn reply(msg: impl Into<String>) -> Response<Reply> {
    Response::new(Reply { msg: msg.into(), ..Reply::default() })
}

/// Whom a call is about.
pub(crate) fn target(call: &Call) -> String {
    call.arguments.first().map_or_else(String::new, |name| text(name).trim().to_owned())
}

/// What a client has sent as a name. Bytes that are not UTF-8 become a character that no name
/// contains.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[tonic::async_trait]
impl<N: Network> SnsService for Classic<N> {
    async fn login(&self, request: Request<Call>) -> Result<Response<Reply>, Status> {
        let here = self.here(&request);
        let origin = self.calls.origin(&request);
        let Call { username, .. } = request.into_inner();
        let client = self.client.for_another_user(origin);
        let msg = match bounded(client.log_in(&text(&username), None)).await {
            Ok(_) => reply_text::LOGGED_IN.to_owned(),
            Err(ClientError::Refused(refusal)) if self.host == Host::Master => {
                reply_text::not_logged_in(&refusal.message)
            }
            Err(error) => return Err(status(error)),
        };
        let named = match here {
            Some(here) => Some(here),
            None => self.available().await,
        };
        let Some((hostname, port)) = named else {
            return Err(Status::unavailable("there is no available server: ask again"));
        };
        Ok(Response::new(Reply { msg, hostname, port: port.to_string() }))
    }

    async fn list(&self, request: Request<Call>) -> Result<Response<ListReply>, Status> {
        let origin = self.calls.origin(&request);
        let Call { username, .. } = request.into_inner();
        let lists = bounded(async {
            let client = self.of(&username, origin).await?;
            let all_users = Self::names(&client, &ListKind::Users).await?;
            let followers = Self::names(&client, &ListKind::Followers).await?;
            Ok(ListReply { all_users, followers })
        });
        match lists.await {
            Ok(lists) => Ok(Response::new(lists)),
            Err(ClientError::Refused(Refusal { kind, .. }))
                if reply_text::is_about_a_name(&kind) =>
            {
                Ok(Response::new(ListReply::default()))
            }
            Err(error) => Err(status(error)),
        }
    }

    async fn follow(&self, request: Request<Call>) -> Result<Response<Reply>, Status> {
        let origin = self.calls.origin(&request);
        let call = request.into_inner();
        let done =
            bounded(async { self.of(&call.username, origin).await?.follow(&target(&call)).await });
        // This protocol has no words for being asked first.
        let outcome = told(done.await.map(drop))?;
        let text = reply_text::followed(outcome.as_ref().copied());
        text.map(reply).ok_or_else(|| unexpected_refusal(outcome))
    }

    async fn un_follow(&self, request: Request<Call>) -> Result<Response<Reply>, Status> {
        let origin = self.calls.origin(&request);
        let call = request.into_inner();
        let done = bounded(async {
            self.of(&call.username, origin).await?.unfollow(&target(&call)).await
        });
        let outcome = told(done.await)?;
        let text = reply_text::unfollowed(outcome.as_ref().copied());
        text.map(reply).ok_or_else(|| unexpected_refusal(outcome))
    }

    type TimelineStream = timeline_stream::Messages;

    async fn timeline(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::TimelineStream>, Status> {
        let origin = self.calls.origin(&request);
        let Some(permit) = self.timelines.open(origin.into()) else {
            let why = "this server has as many open timelines as it may, in all or from your \
                       address: ask another";
            return Err(Status::resource_exhausted(why));
        };
        let client = self.client.for_another_user(origin);
        let messages =
            timeline_stream::open(client, request.into_inner(), self.stop.clone(), permit);
        Ok(Response::new(messages))
    }

    async fn register(&self, _request: Request<Regmessage>) -> Result<Response<Reply>, Status> {
        Err(Status::unimplemented("masters report to the router by a protocol of their own"))
    }

    async fn report_crash(&self, request: Request<Regmessage>) -> Result<Response<Reply>, Status> {
        let here = self.here(&request);
        let Regmessage { hostname, port } = request.into_inner();
        let (hostname, port) = (text(&hostname).into_owned(), text(&port).into_owned());
        let claimed = format!("{hostname}:{port}");
        if let Some((hostname, port)) = here {
            if claimed == format!("{hostname}:{port}") {
                sleep(CRASH_REPORT_GRACE).await;
            }
            return Ok(Response::new(Reply {
                msg: String::new(),
                hostname,
                port: port.to_string(),
            }));
        }
        let mut location = self.location.clone();
        let disproved = location.wait_for(|location| {
            location.available.as_ref().is_some_and(|available| available.address != claimed)
        });
        let _its_word_is_not_enough = timeout(CRASH_REPORT_GRACE, disproved).await.is_ok();
        // If there is still none, the client had better ask the same server again.
        let (hostname, port) = match self.available().await {
            Some((hostname, port)) => (hostname, port.to_string()),
            None => (hostname, port),
        };
        Ok(Response::new(Reply { msg: String::new(), hostname, port }))
    }
}

/// A refusal for which the classic protocol has no text.
fn unexpected_refusal(outcome: Result<(), RefusalKind>) -> Status {
    let kind = outcome.err().unwrap_or(RefusalKind::Broken);
    Refusal::new(kind, "the request was refused").into()
}
