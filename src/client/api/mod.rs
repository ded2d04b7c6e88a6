//! [`Client`]: one method a call. Here are clients and their sessions; `changes`, `reads`
//! and `pictures` are the calls.

mod administration;
mod apps;
mod changes;
mod pictures;
mod reads;

pub use administration::Operator;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::{
    ActiveServer, ClientError, ClientOptions, ClusterStatus, Relayed,
    request_window::RequestWindow,
    session::{ClientSession, LoginCredentials},
    status::{self, Viewer},
};
use crate::{
    domain::{ClientId, ClientName, EndedSessions, LoginId, PostId, RequestKey, UserName},
    host::{label, random},
    network::{
        Begins, Call, CallId, Deadline, LoggedIn, Login, Network, PasswordChange, Refusal,
        RefusalKind, SessionInfo, SessionToken, StreamKind, Timeline,
    },
};

/// A user of the social network. Cheap to clone; all clones share one session.
///
/// Every call is repeated, on one available server after another, until it is answered or
/// [`ClientOptions::call_timeout`] has run out. A call that changes something carries the same key
/// each time, so it is carried out once. Dropping a call's future abandons it: the call may or may
/// not have been carried out.
pub struct Client<N = Relayed> {
    core: Arc<Core<N>>,
}

impl<N> Clone for Client<N> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

/// What all clones of a client share.
pub struct Core<N> {
    pub network: N,
    /// How long one call may take in all.
    call_timeout: Duration,
    /// On whose behalf calls are made, if not on that of this process.
    origin: Option<IpAddr>,
    /// What it calls itself, for those who look through their sessions.
    name: ClientName,
    pub session: ClientSession,
    window: Arc<RequestWindow>,
}

impl<N: Network> Core<N> {
    /// Of `network`, with nobody logged in, each of whose calls may take as long as `call_timeout` in all.
    fn of(network: N, call_timeout: Duration) -> Self {
        let window = Arc::new(RequestWindow::new(ClientId(random::wide_id())));
        let (name, session) = (ClientName::default(), ClientSession::default());
        Self { network, call_timeout, origin: None, name, session, window }
    }

    /// A session that a login begins, however often it is repeated.
    fn begins(&self) -> Begins {
        Begins { login: LoginId(random::wide_id()), client: self.name.clone() }
    }

    /// When a call that begins now gives up.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(Instant::now(), self.call_timeout)
    }

    fn new_call(&self, session: Option<SessionToken>, deadline: Deadline) -> Call {
        let id = CallId::new(&label::next()).expect("a label is short");
        Call { id, session, deadline, origin: self.origin, connection: None, by_operator: false }
    }

    fn call_in(&self, session: SessionToken, deadline: Deadline) -> Call {
        self.new_call(Some(session), deadline)
    }

    /// Makes a call in the session, and again in a new one if the session has ended.
    async fn call<Reply, Answer>(
        &self,
        attempt: impl Fn(Call) -> Answer,
    ) -> Result<Reply, ClientError>
    where
        Answer: Future<Output = Result<Reply, Refusal>>,
    {
        let deadline = self.deadline();
        let token = self.session.token()?;
        match attempt(self.call_in(token.clone(), deadline)).await {
            Err(Refusal { kind: RefusalKind::SessionEnded, .. }) => {
                // Boxed, because it is rare and would make every call's future three times as
                // large.
                let token = Box::pin(self.renew(&token, deadline)).await?;
                Ok(Box::pin(attempt(self.call_in(token, deadline))).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Makes a call that changes something, under a key of its own: the same in every repetition.
    async fn change<Reply, Answer>(
        &self,
        attempt: impl Fn(Call, RequestKey) -> Answer,
    ) -> Result<Reply, ClientError>
    where
        Answer: Future<Output = Result<Reply, Refusal>>,
    {
        let permit = self.window.begin().await;
        self.call(|call| attempt(call, permit.key())).await
    }

    pub async fn subscribe(
        &self,
        token: &SessionToken,
        kind: &StreamKind,
        after: PostId,
    ) -> Result<Timeline, Refusal> {
        let call = self.call_in(token.clone(), self.deadline());
        self.network.subscribe(&call, kind, Some(after)).await
    }

    async fn log_in(
        &self,
        credentials: LoginCredentials,
        must_exist: bool,
        deadline: Deadline,
    ) -> Result<LoggedIn, ClientError> {
        let LoginCredentials { name, password } = credentials.clone();
        let call = self.new_call(None, deadline);
        let login = Login { name, password, must_exist };
        let logged_in = self.network.log_in(&call, &login, &self.begins()).await?;
        self.session.begin(credentials, &logged_in);
        Ok(logged_in)
    }

    /// Logs in again, unless another call has done so since `ended` was found to have ended. If the
    /// password is refused, tries the one that a change of unknown outcome asked for.
    pub async fn renew(
        &self,
        ended: &SessionToken,
        deadline: Deadline,
    ) -> Result<SessionToken, ClientError> {
        let _one_at_a_time = self.session.renewal.lock().await;
        let held = self.session.token()?;
        if held != *ended {
            return Ok(held);
        }
        let mut refusal = ClientError::NotLoggedIn;
        for credentials in self.session.credentials()? {
            match self.log_in(credentials, true, deadline).await {
                Ok(logged_in) => return Ok(logged_in.session),
                Err(error) if error.refusal_kind() == Some(&RefusalKind::WrongPassword) => {
                    refusal = error;
                }
                // That there is no such account says nothing of what was asked for: an earlier attempt of it may have
                // been carried out.
                Err(ClientError::Refused(Refusal {
                    kind: RefusalKind::NotFound, message, ..
                })) => {
                    return Err(Refusal::new(RefusalKind::SessionEnded, message).into());
                }
                Err(error) => return Err(error),
            }
        }
        Err(refusal)
    }
}

impl Client {
    /// A client of the cluster behind a router. Starts looking for the available server at once,
    /// without waiting for it. Must be called inside a runtime.
    pub fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let (call_timeout, name) = (options.call_timeout, options.name.clone());
        let core = Core { name, ..Core::of(Relayed::from_outside(options)?, call_timeout) };
        Ok(Self { core: Arc::new(core) })
    }

    /// Waits until the router cannot be reached and no other node of the cluster has ever been
    /// heard of, and says why: the address may be wrong.
    pub async fn out_of_reach(&self) -> String {
        let mut views = self.core.network.known_cluster();
        let reason = views.wait_for(|view| view.out_of_reach().is_some()).await;
        match reason.ok().and_then(|view| view.out_of_reach().map(str::to_owned)) {
            Some(reason) => reason,
            // The directory's task has ended: the runtime is shutting down.
            None => std::future::pending().await,
        }
    }

    /// Waits until the router can be reached again, or another node is known.
    pub async fn within_reach(&self) {
        let mut views = self.core.network.known_cluster();
        let _ends_only_with_the_runtime =
            views.wait_for(|view| view.out_of_reach().is_none()).await;
    }

    /// The whole cluster, as the router sees it.
    pub async fn cluster(&self) -> Result<ClusterStatus, ClientError> {
        let (router, security) = self.core.network.router();
        let viewer = Viewer { security: security.clone(), operator: None };
        status::cluster_for(router, &viewer).await
    }

    /// How often servers have refused a call because it was too much, by the reason that they gave: since
    /// then, it was repeated. Counts those of all who share the network with this one.
    pub fn pushbacks(&self) -> BTreeMap<String, u64> {
        self.core.network.pushbacks().counts()
    }

    /// The active server and every move to another.
    pub fn active_server(&self) -> watch::Receiver<Option<ActiveServer>> {
        self.core.network.active_server().watch()
    }
}

impl<N: Network> Client<N> {
    /// A client of `network`, each of whose calls may take as long as `call_timeout` in all.
    pub fn of(network: N, call_timeout: Duration) -> Self {
        Self { core: Arc::new(Core::of(network, call_timeout)) }
    }

    /// A client for another user, at `origin`, who has not logged in yet. The two share the network
    /// and the numbering of requests.
    #[must_use]
    pub fn for_another_user(&self, origin: Option<IpAddr>) -> Self {
        let core = Core {
            network: self.core.network.clone(),
            call_timeout: self.core.call_timeout,
            origin,
            name: self.core.name.clone(),
            session: ClientSession::default(),
            window: Arc::clone(&self.core.window),
        };
        Self { core: Arc::new(core) }
    }

    /// Logs in; the first login of a name creates the account. The client remembers both, and logs
    /// in again by itself when the session ends.
    pub async fn log_in(
        &self,
        username: &str,
        password: Option<&str>,
    ) -> Result<LoggedIn, ClientError> {
        self.begin_session(username, password, false).await
    }

    /// Like [`Client::log_in`], but refused as not found if there is no such account.
    pub async fn log_in_existing(
        &self,
        username: &str,
        password: Option<&str>,
    ) -> Result<LoggedIn, ClientError> {
        self.begin_session(username, password, true).await
    }

    async fn begin_session(
        &self,
        username: &str,
        password: Option<&str>,
        must_exist: bool,
    ) -> Result<LoggedIn, ClientError> {
        let name = UserName::new(username)?;
        let credentials =
            LoginCredentials { name, password: password.unwrap_or_default().to_owned() };
        self.core.log_in(credentials, must_exist, self.core.deadline()).await
    }

    /// Who is logged in, spelled as when the account was created.
    pub fn username(&self) -> Option<UserName> {
        self.core.session.name()
    }

    /// Whether the account has a password, as far as this client knows.
    pub fn has_password(&self) -> bool {
        self.core.session.has_password()
    }

    /// Deletes the account of this client: its sessions end, and nobody sees it any more.
    pub async fn delete_account(&self, password: Option<&str>) -> Result<(), ClientError> {
        let (network, password) = (&self.core.network, password.unwrap_or_default());
        self.core
            .change(|call, key| async move { network.delete_account(&call, &key, password).await })
            .await
    }

    /// The sessions of the account, the newest first. Of an account without a password none is kept.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.sessions(&call).await }).await
    }

    /// Ends sessions of the account, wherever they are.
    pub async fn end_sessions(&self, which: EndedSessions) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.end_sessions(&call, &key, which).await })
            .await
    }

    /// Ends this client's session, if it is one that is kept until it ends.
    pub async fn log_out(&self) -> Result<(), ClientError> {
        if !self.has_password() {
            return Ok(());
        }
        let Core { session, network, window, .. } = &*self.core;
        let permit = window.begin().await;
        let call = self.core.call_in(session.token()?, self.core.deadline());
        Ok(network.end_sessions(&call, &permit.key(), EndedSessions::Own).await?)
    }

    /// The same for a program that ends: what cannot be ended soon ends by itself.
    pub async fn log_out_soon(&self) {
        const WITHIN: Duration = Duration::from_secs(1);
        let _soon = tokio::time::timeout(WITHIN, self.log_out()).await;
    }

    /// Changes the password from `current` (none if there is none yet) to `new` (none removes it).
    /// All other sessions of the account end; of an account that had no password this one too, and the client begins
    /// another.
    ///
    /// The change may be made and its answer lost. The repeated call then may carry a session that
    /// the change itself has ended, and a password that is no longer the current one. So the new
    /// password is remembered beside the old one before the call is made, and every later login, by
    /// this call or another of this client, tries both, the old one first. If the new one is
    /// accepted, a refusal of the repeated call only means that the change had already been made.
    /// If nobody answers at all, both stay remembered, and the next call finds out.
    pub async fn set_password(
        &self,
        current: Option<&str>,
        new: Option<&str>,
    ) -> Result<(), ClientError> {
        let Core { session, network, window, .. } = &*self.core;
        let deadline = self.core.deadline();
        let _one_at_a_time = session.change.lock().await;
        if session.is_in_doubt() {
            self.core.renew(&session.token()?, deadline).await?;
        }
        let new = new.unwrap_or_default();
        let permit = window.begin().await;
        let key = &permit.key();
        let change = &PasswordChange {
            current: current.unwrap_or_default().to_owned(),
            new: new.to_owned(),
        };
        session.ask_for(new);
        let can_tell = session.is_in_doubt();
        let attempt = |call| async move { network.set_password(&call, key, change).await };
        let Err(error) = self.core.call(attempt).await else {
            session.changed_to(new);
            if change.current.is_empty() {
                // If this fails, the next call that finds no session begins one.
                let _begun = self.core.renew(&session.token()?, deadline).await;
            }
            return Ok(());
        };
        let Some(kind) = error.refusal_kind() else { return Err(error) };
        if *kind == RefusalKind::SessionEnded {
            // The session was renewed for this call, and has ended again.
            let renewed = self.core.renew(&session.token()?, deadline).await;
            if let Err(unanswered @ ClientError::Unanswered { .. }) = renewed {
                return Err(unanswered);
            }
        }
        let was_done = can_tell && !session.is_in_doubt();
        session.forget_what_was_asked_for();
        if was_done { Ok(()) } else { Err(error) }
    }
}
