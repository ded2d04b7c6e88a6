//! [`Client`]: one method a call.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use tonic::Code;

use super::{
    ActiveServer, ClientError, ClientOptions, ClusterStatus, Cursor, ListKind, LoggedIn, NamePage,
    Page, Published, Subscription,
    active_server::ActiveServerMonitor,
    call::{Api, Core},
    choice::Attempts,
    directory::Directory,
    request_window::RequestWindow,
    session::LoginCredentials,
    status, subscription,
};
use crate::{
    directory::Location,
    domain::{ClientId, PostId, UnixMillis},
    host::random,
    wire::v1,
};

/// A client of the social network. Cheap to clone; all clones share one session.
///
/// Every call is repeated, on one available server after another, until it is answered or
/// [`ClientOptions::call_timeout`] has run out. A call that changes something carries the same
/// request id each time, so it is carried out once. Dropping a call's future abandons it: the call
/// may or may not have been carried out.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
}

/// Makes one attempt at a call.
macro_rules! attempt {
    ($method:ident) => {
        |mut api: Api, request| async move { api.$method(request).await }
    };
}

impl Client {
    /// A client of the cluster behind a router. Starts looking for the available server at once,
    /// without waiting for it. Must be called inside a runtime.
    pub fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        Ok(Self::new(Directory::open(&options)?, options))
    }

    /// A client inside a server of the cluster, which knows where the available server is. It has
    /// no router to ask, so [`Client::cluster`] does not work.
    pub fn inside(location: watch::Receiver<Location>, call_timeout: Duration) -> Self {
        let options = ClientOptions { call_timeout, ..ClientOptions::new("") };
        Self::new(Directory::inside(location), options)
    }

    fn new(directory: Directory, options: ClientOptions) -> Self {
        let core = Core {
            options,
            directory: Arc::new(directory),
            connections: Arc::default(),
            session: Arc::default(),
            window: Arc::new(RequestWindow::new(ClientId(random::wide_id()))),
            active_server: Arc::new(ActiveServerMonitor::new()),
        };
        Self { core: Arc::new(core) }
    }

    /// A client for another user, who has not logged in yet. The two share what they know of the
    /// cluster, the connection, and the numbering of requests.
    #[must_use]
    pub fn for_another_user(&self) -> Self {
        let core = Core { session: Arc::default(), ..Core::clone(&self.core) };
        Self { core: Arc::new(core) }
    }

    /// Like [`Client::for_another_user`], with a connection of its own: for long streams, of which
    /// a server allows only a limited number on one connection.
    #[must_use]
    pub fn for_another_stream(&self) -> Self {
        let core = Core {
            connections: Arc::default(),
            active_server: Arc::new(ActiveServerMonitor::new()),
            session: Arc::default(),
            ..Core::clone(&self.core)
        };
        Self { core: Arc::new(core) }
    }

    /// Waits until the router cannot be reached and no other node of the cluster has ever been
    /// heard of, and says why: the address may be wrong.
    pub async fn out_of_reach(&self) -> String {
        let mut views = self.core.directory.watch();
        let reason = views.wait_for(|view| view.out_of_reach().is_some()).await;
        match reason.ok().and_then(|view| view.out_of_reach().map(str::to_owned)) {
            Some(reason) => reason,
            // The directory's task has ended: the runtime is shutting down.
            None => std::future::pending().await,
        }
    }

    /// Waits until the router can be reached again, or another node is known.
    pub async fn within_reach(&self) {
        let mut views = self.core.directory.watch();
        let _ends_only_with_the_runtime =
            views.wait_for(|view| view.out_of_reach().is_none()).await;
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

    /// Like [`Client::log_in`], but refused with `NotFound` if there is no such account.
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
        let credentials = LoginCredentials {
            username: username.to_owned(),
            password: password.unwrap_or_default().to_owned(),
        };
        let request = v1::LogInRequest {
            username: credentials.username.clone(),
            password: credentials.password.clone(),
            must_exist,
        };
        let deadline = Instant::now() + self.core.options.call_timeout;
        let reply = self.core.log_in(request, deadline).await?;
        let v1::LogInReply { session_token, username, created, expires_at_ms } = reply;
        self.core.session.begin(credentials, username.clone(), &session_token)?;
        Ok(LoggedIn { username, created, expires_at: UnixMillis::new(expires_at_ms) })
    }

    /// Who is logged in, spelled as when the account was created.
    pub fn username(&self) -> Option<String> {
        self.core.session.username()
    }

    /// Whether the account has a password, as far as this client knows.
    pub fn has_password(&self) -> bool {
        self.core.session.has_password()
    }

    /// Changes the password from `current` (none if there is none yet) to `new` (none removes it).
    /// All sessions of the account end; this client begins a new one.
    ///
    /// The change may be made and its answer lost. The repeated call then carries a session that
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
        let Core { session, options, .. } = &*self.core;
        let deadline = Instant::now() + options.call_timeout;
        let _one_at_a_time = session.change.lock().await;
        if session.is_in_doubt() {
            self.core.renew(&session.bearer()?, deadline).await?;
        }
        let new = new.unwrap_or_default();
        let ticket = self.core.window.begin().await;
        let request = v1::SetPasswordRequest {
            request_id: Some(ticket.id()),
            current_password: current.unwrap_or_default().to_owned(),
            new_password: new.to_owned(),
        };
        session.ask_for(new);
        let can_tell = session.is_in_doubt();
        let outcome = self.core.call(Attempts::default(), request, attempt!(set_password)).await;
        let Err(error) = outcome else {
            session.changed_to(new);
            // If this fails, the next call that finds no session begins one.
            let _begun = self.core.renew(&session.bearer()?, deadline).await;
            return Ok(());
        };
        let ClientError::Refused { code, .. } = &error else { return Err(error) };
        if *code == Code::Unauthenticated {
            // The session was renewed for this call, and has ended again.
            let renewed = self.core.renew(&session.bearer()?, deadline).await;
            if let Err(unanswered @ ClientError::Unanswered { .. }) = renewed {
                return Err(unanswered);
            }
        }
        let was_done = can_tell && !session.is_in_doubt();
        session.forget_what_was_asked_for();
        if was_done { Ok(()) } else { Err(error) }
    }

    /// Follows a user: their posts from now on appear in the caller's timeline.
    pub async fn follow(&self, username: &str) -> Result<(), ClientError> {
        let ticket = self.core.window.begin().await;
        let request =
            v1::FollowRequest { request_id: Some(ticket.id()), username: username.to_owned() };
        self.core.call(Attempts::default(), request, attempt!(follow)).await?;
        Ok(())
    }

    /// Stops following a user: their posts leave the caller's timeline.
    pub async fn unfollow(&self, username: &str) -> Result<(), ClientError> {
        let ticket = self.core.window.begin().await;
        let request =
            v1::UnfollowRequest { request_id: Some(ticket.id()), username: username.to_owned() };
        self.core.call(Attempts::default(), request, attempt!(unfollow)).await?;
        Ok(())
    }

    /// Publishes a post. When this returns, it is durable on a quorum of the cluster.
    pub async fn publish(&self, text: &str) -> Result<Published, ClientError> {
        let ticket = self.core.window.begin().await;
        let request = v1::PublishRequest { request_id: Some(ticket.id()), text: text.to_owned() };
        let reply = self.core.call(Attempts::default(), request, attempt!(publish)).await?.reply;
        Ok(Published { id: reply.post_id, posted_at: UnixMillis::new(reply.posted_at_ms) })
    }

    /// Lists users, sorted by name, through all pages.
    pub async fn list(&self, kind: ListKind) -> Result<Vec<String>, ClientError> {
        let mut page = self.list_page(kind, None, 0).await?;
        let mut names = page.names;
        while let Some(next) = page.next.take() {
            page = self.list_page(kind, Some(&next), 0).await?;
            names.append(&mut page.names);
        }
        Ok(names)
    }

    /// One page of users: the first, or the one that `next` of the previous page asks for. A
    /// `limit` of 0 means the server's page size.
    pub async fn list_page(
        &self,
        kind: ListKind,
        next: Option<&str>,
        limit: u32,
    ) -> Result<NamePage, ClientError> {
        let request = v1::ListRequest {
            kind: v1::ListKind::from(kind).into(),
            page_size: limit,
            page_token: next.unwrap_or_default().to_owned(),
        };
        let reply = self.core.call(Attempts::default(), request, attempt!(list)).await?.reply;
        let next = Some(reply.next_page_token).filter(|token| !token.is_empty());
        Ok(NamePage { names: reply.usernames, next })
    }

    /// One page of the caller's timeline. A `limit` of 0 means 20 posts.
    pub async fn timeline(&self, cursor: Cursor, limit: u32) -> Result<Page, ClientError> {
        use v1::timeline_request::Cursor as Wire;
        let cursor = match cursor {
            Cursor::Newest => None,
            Cursor::Before(id) => Some(Wire::Before(id)),
            Cursor::After(id) => Some(Wire::After(id)),
        };
        let request = v1::TimelineRequest { cursor, page_size: limit };
        let reply = self.core.call(Attempts::default(), request, attempt!(timeline)).await?.reply;
        Ok(reply.into())
    }

    /// One page of a user's posts. A `limit` of 0 means 20 posts.
    pub async fn posts(
        &self,
        username: &str,
        cursor: Cursor,
        limit: u32,
    ) -> Result<Page, ClientError> {
        use v1::posts_request::Cursor as Wire;
        let cursor = match cursor {
            Cursor::Newest => None,
            Cursor::Before(id) => Some(Wire::Before(id)),
            Cursor::After(id) => Some(Wire::After(id)),
        };
        let request = v1::PostsRequest { username: username.to_owned(), cursor, page_size: limit };
        let reply = self.core.call(Attempts::default(), request, attempt!(posts)).await?.reply;
        Ok(reply.into())
    }

    /// Receives the caller's timeline as it grows: the posts after `after`, or those made from now
    /// on. Once this returns, no later post will be missed.
    pub async fn subscribe(&self, after: Option<PostId>) -> Result<Subscription, ClientError> {
        let cursor = match after {
            Some(cursor) => cursor,
            // Fixes the position before anything is streamed, so that a stream that breaks before
            // its first event loses nothing.
            None => self.timeline(Cursor::Newest, 1).await?.as_of,
        };
        // Without a session, fail here and not in the stream.
        self.core.session.bearer()?;
        Ok(subscription::open(Arc::clone(&self.core), cursor))
    }

    /// The whole cluster, as the router sees it.
    pub async fn cluster(&self) -> Result<ClusterStatus, ClientError> {
        status::cluster(&self.core.options.router).await
    }

    /// The active server and every move to another.
    pub fn active_server(&self) -> watch::Receiver<Option<ActiveServer>> {
        self.core.active_server.watch()
    }
}
