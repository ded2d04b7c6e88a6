//! One call, repeated until it is answered: on the next available server when one fails, at once
//! when the directory names another, and after a pause when there is no other to try.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tonic::{Code, Request, Response, Status, transport::Channel};

use super::{
    ClientError, ClientOptions,
    active_server::ActiveServerMonitor,
    choice::{self, Attempts, Choice},
    connections::Connections,
    directory::{self, Directory},
    known_cluster::{KnownCluster, Server},
    request_window::RequestWindow,
    retry_policy::{self, RetryDecision},
    session::{Bearer, ClientSession},
};
use crate::{
    backoff::Backoff,
    host::random,
    wire::v1::{self, social_service_client::SocialServiceClient},
};

/// The first pause is about as long as a failover; the longest keeps a thousand waiting clients from
/// overloading a server.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

/// The generated client.
pub type Api = SocialServiceClient<Channel>;

/// What all handles of one client share. Clients for several users in one process may share parts
/// of it.
#[derive(Clone)]
pub struct Core {
    pub options: ClientOptions,
    pub directory: Arc<Directory>,
    pub connections: Arc<Connections>,
    pub session: Arc<ClientSession>,
    pub window: Arc<RequestWindow>,
    pub active_server: Arc<ActiveServerMonitor>,
}

/// An answer, and who gave it.
pub struct Answered<Reply> {
    pub reply: Reply,
    pub server: Server,
}

/// How one attempt ended.
enum Outcome<Reply> {
    Answer(Reply),
    Refusal(Status),
    Superseded,
    Silence,
}

impl Core {
    /// Makes a call that needs a session, and logs in again if the session has ended.
    pub async fn call<Message, Reply, Attempt, Answer>(
        &self,
        attempts: Attempts,
        message: Message,
        attempt: Attempt,
    ) -> Result<Answered<Reply>, ClientError>
    where
        Message: Clone,
        Attempt: Fn(Api, Request<Message>) -> Answer,
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let deadline = Instant::now() + self.options.call_timeout;
        let bearer = self.session.bearer()?;
        let first = self.deliver(attempts, Some(&bearer), &message, &attempt, deadline).await;
        match first {
            Err(ClientError::Refused { code: Code::Unauthenticated, .. }) => {
                // Boxed, because it is rare and would make every call's future three times as
                // large.
                let bearer = Box::pin(self.renew(&bearer, deadline)).await?;
                let again = Attempts::default();
                Box::pin(self.deliver(again, Some(&bearer), &message, &attempt, deadline)).await
            }
            other => other,
        }
    }

    /// Makes a call that needs no session.
    pub async fn log_in(
        &self,
        request: v1::LogInRequest,
        deadline: Instant,
    ) -> Result<v1::LogInReply, ClientError> {
        let attempt = |mut api: Api, request| async move { api.log_in(request).await };
        let answered =
            self.deliver(Attempts::default(), None, &request, &attempt, deadline).await?;
        Ok(answered.reply)
    }

    /// Logs in again, unless another call has done so since `ended` was found to have ended. If the
    /// password is refused, tries the one that a change of unknown outcome asked for.
    pub async fn renew(&self, ended: &Bearer, deadline: Instant) -> Result<Bearer, ClientError> {
        let _one_at_a_time = self.session.renewal.lock().await;
        let held = self.session.bearer()?;
        if held != *ended {
            return Ok(held);
        }
        let mut refusal = ClientError::NotLoggedIn;
        for credentials in self.session.credentials()? {
            let request = v1::LogInRequest {
                username: credentials.username.clone(),
                password: credentials.password.clone(),
                must_exist: true,
            };
            match self.log_in(request, deadline).await {
                Ok(reply) => {
                    self.session.begin(credentials, reply.username, &reply.session_token)?;
                    return self.session.bearer();
                }
                Err(error @ ClientError::Refused { code: Code::PermissionDenied, .. }) => {
                    refusal = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(refusal)
    }

    async fn deliver<Message, Reply, Attempt, Answer>(
        &self,
        attempts: Attempts,
        bearer: Option<&Bearer>,
        message: &Message,
        attempt: &Attempt,
        deadline: Instant,
    ) -> Result<Answered<Reply>, ClientError>
    where
        Message: Clone,
        Attempt: Fn(Api, Request<Message>) -> Answer,
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let mut last_failure = None;
        let request = || {
            let mut request = Request::new(message.clone());
            if let Some(bearer) = bearer {
                request.metadata_mut().insert("authorization", bearer.clone());
            }
            request
        };
        let repeat = self.repeat(attempts, &mut last_failure, |api| attempt(api, request()));
        if let Ok(result) = time::timeout_at(deadline, repeat).await {
            return result;
        }
        let view = self.directory.watch().borrow().clone();
        let reason = view.waiting.or(last_failure).or(view.router_error);
        let reason = reason.unwrap_or_else(|| "no server is available".to_owned());
        Err(ClientError::Unanswered { call_timeout: self.options.call_timeout, reason })
    }

    /// Repeats the call until it is answered. `last_failure` says why it has not been answered yet.
    async fn repeat<Reply, Answer>(
        &self,
        mut attempts: Attempts,
        last_failure: &mut Option<String>,
        attempt: impl Fn(Api) -> Answer,
    ) -> Result<Answered<Reply>, ClientError>
    where
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let mut views = self.directory.watch();
        loop {
            let pause = BACKOFF.pause(attempts.failures, random::id());
            let server = next_server(&mut views, &attempts, pause).await;
            let asked_at = Instant::now();
            let connection = match self.connections.to(&server.address) {
                Ok(connection) => connection,
                Err(error) => {
                    *last_failure = Some(format!("{}: {error}", server.address));
                    attempts.failed(&server, None);
                    continue;
                }
            };
            let answer = attempt(Api::new(connection.channel.clone()));
            let outcome = self.attempt(answer, &mut views, &server).await;
            let status = match outcome {
                Outcome::Answer(reply) => {
                    self.active_server.answered(&server, asked_at, Instant::now());
                    return Ok(Answered { reply, server });
                }
                Outcome::Superseded => {
                    self.active_server.failed(&server, Instant::now());
                    attempts.superseded();
                    continue;
                }
                Outcome::Silence => Status::unavailable("it does not answer"),
                Outcome::Refusal(status) => status,
            };
            let decision = retry_policy::decide(&status);
            match decision {
                RetryDecision::Never => {
                    self.active_server.answered(&server, asked_at, Instant::now());
                    return Err(ClientError::Refused {
                        code: status.code(),
                        message: status.message().to_owned(),
                    });
                }
                RetryDecision::Here => attempts.asked_to_wait(&server),
                RetryDecision::Elsewhere { available } => attempts.failed(&server, available),
                RetryDecision::Lost => {
                    self.connections.lost(&connection);
                    attempts.failed(&server, None);
                }
            }
            self.active_server.failed(&server, Instant::now());
            *last_failure =
                Some(format!("{}: {}", server.address, directory::innermost_cause(&status)));
        }
    }
}

impl Core {
    /// Waits for `server` to answer, unless another takes over from it or it takes too long.
    async fn attempt<Reply>(
        &self,
        answer: impl Future<Output = Result<Response<Reply>, Status>>,
        views: &mut watch::Receiver<KnownCluster>,
        server: &Server,
    ) -> Outcome<Reply> {
        tokio::select! {
            biased;
            answer = time::timeout(self.options.attempt_timeout, answer) => match answer {
                Ok(Ok(response)) => Outcome::Answer(response.into_inner()),
                Ok(Err(status)) => Outcome::Refusal(status),
                Err(_) => Outcome::Silence,
            },
            () = superseded(views, server) => Outcome::Superseded,
        }
    }
}

/// Waits until there is a server to try. Returns at once if one is known that was not tried yet.
async fn next_server(
    views: &mut watch::Receiver<KnownCluster>,
    attempts: &Attempts,
    pause: Duration,
) -> Server {
    let pause = time::sleep(pause);
    tokio::pin!(pause);
    loop {
        let choice = choice::choose(&views.borrow_and_update(), attempts);
        let news = match choice {
            Choice::Go(server) => return server,
            Choice::Pause(server) => tokio::select! {
                biased;
                news = views.changed() => news,
                () = &mut pause => return server,
            },
            Choice::Wait => views.changed().await,
        };
        if news.is_err() {
            // The directory's task has ended before its client: the runtime is shutting down.
            return std::future::pending().await;
        }
    }
}

/// Returns when another server has taken over from `server`.
pub async fn superseded(views: &mut watch::Receiver<KnownCluster>, server: &Server) {
    if views.wait_for(|view| choice::is_superseded(view, server)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
