//! The network, from a master: [here](super::here), if this master is the available server, or else
//! [relayed](crate::client::Relayed) to the one that is. A call that is cut off here by the loss of
//! leadership is repeated there, under the same key.

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use super::here::Here;
use crate::{
    client::{ClientOptions, Relayed},
    domain::{
        EndedSessions, Mark, NotificationChange, Person, PersonalChange, PersonalId, Post, PostId,
        Profile, RelationChange, Relationship, RequestKey, Revision, UserId, UserName,
    },
    network::{
        Advice, Begins, Call, Cursor, FollowOutcome, Found, ListKind, LoggedIn, Login, NamePage,
        NamePosition, Network, NewPost, NotificationPage, PasswordChange, PersonRef, PersonView,
        PersonalAnswer, PersonalQuestion, PostPage, PostWords, Published, Refusal, SearchKind,
        SessionInfo, StreamKind, Thread, Timeline, TimelineEvent, TimelineKind,
    },
};

/// The network, from a master. Cheap to clone.
#[derive(Clone)]
pub struct Nearest {
    here: Here,
    relayed: Relayed,
}

/// Makes a call here, and elsewhere if that is of no use: if it is refused for now, or takes as long
/// as a call to another server may.
macro_rules! nearest {
    ($self:ident.$method:ident($($argument:expr),*)) => {{
        let here = $self.here.$method($($argument),*);
        match timeout(ClientOptions::ATTEMPT_TIMEOUT, here).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) if refusal.kind.advice() == Advice::Never => Err(refusal),
            Ok(Err(_)) | Err(_) => $self.relayed.$method($($argument),*).await,
        }
    }};
}

mod administration;
mod apps;
mod pictures;

impl Nearest {
    /// The network `here`, or else `relayed`.
    pub fn new(here: Here, relayed: Relayed) -> Self {
        Self { here, relayed }
    }
}

impl Network for Nearest {
    async fn log_in(
        &self,
        call: &Call,
        login: &Login,
        begins: &Begins,
    ) -> Result<LoggedIn, Refusal> {
        nearest!(self.log_in(call, login, begins))
    }

    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> Result<(), Refusal> {
        nearest!(self.set_password(call, key, change))
    }

    async fn delete_account(
        &self,
        call: &Call,
        key: &RequestKey,
        password: &str,
    ) -> Result<(), Refusal> {
        nearest!(self.delete_account(call, key, password))
    }

    async fn sessions(&self, call: &Call) -> Result<Vec<SessionInfo>, Refusal> {
        nearest!(self.sessions(call))
    }

    async fn end_sessions(
        &self,
        call: &Call,
        key: &RequestKey,
        which: EndedSessions,
    ) -> Result<(), Refusal> {
        nearest!(self.end_sessions(call, key, which))
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<FollowOutcome, Refusal> {
        nearest!(self.follow(call, key, target))
    }

    async fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        nearest!(self.unfollow(call, key, target))
    }

    async fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        post: &NewPost,
    ) -> Result<Published, Refusal> {
        nearest!(self.publish(call, key, post))
    }

    async fn edit(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        says: &PostWords,
    ) -> Result<(), Refusal> {
        nearest!(self.edit(call, key, post, says))
    }

    async fn delete(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        nearest!(self.delete(call, key, post))
    }

    async fn boost(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> Result<Published, Refusal> {
        nearest!(self.boost(call, key, post))
    }

    async fn unboost(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        nearest!(self.unboost(call, key, post))
    }

    async fn mark(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        mark: Mark,
        set: bool,
    ) -> Result<(), Refusal> {
        nearest!(self.mark(call, key, post, mark, set))
    }

    async fn relate(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
        change: &RelationChange,
    ) -> Result<(), Refusal> {
        nearest!(self.relate(call, key, target, change))
    }

    async fn set_profile(
        &self,
        call: &Call,
        key: &RequestKey,
        profile: &Profile,
    ) -> Result<(), Refusal> {
        nearest!(self.set_profile(call, key, profile))
    }

    async fn change_notifications(
        &self,
        call: &Call,
        key: &RequestKey,
        change: NotificationChange,
    ) -> Result<(), Refusal> {
        nearest!(self.change_notifications(call, key, change))
    }

    async fn change_personal(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PersonalChange,
    ) -> Result<Option<PersonalId>, Refusal> {
        nearest!(self.change_personal(call, key, change))
    }

    async fn personal(
        &self,
        call: &Call,
        question: &PersonalQuestion,
    ) -> Result<PersonalAnswer, Refusal> {
        nearest!(self.personal(call, question))
    }

    async fn list(
        &self,
        call: &Call,
        kind: &ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        nearest!(self.list(call, kind, position, limit))
    }

    async fn timeline(
        &self,
        call: &Call,
        kind: &TimelineKind,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        nearest!(self.timeline(call, kind, cursor, limit))
    }

    async fn post(&self, call: &Call, post: PostId) -> Result<Post, Refusal> {
        nearest!(self.post(call, post))
    }

    async fn thread(&self, call: &Call, post: PostId) -> Result<Thread, Refusal> {
        nearest!(self.thread(call, post))
    }

    async fn history(&self, call: &Call, post: PostId) -> Result<Vec<Revision>, Refusal> {
        nearest!(self.history(call, post))
    }

    async fn notifications(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<NotificationPage, Refusal> {
        nearest!(self.notifications(call, cursor, limit))
    }

    async fn person(&self, call: &Call, name: &UserName) -> Result<PersonView, Refusal> {
        nearest!(self.person(call, name))
    }

    async fn people(
        &self,
        call: &Call,
        whom: &[PersonRef],
    ) -> Result<Vec<Option<Person>>, Refusal> {
        nearest!(self.people(call, whom))
    }

    async fn relationships(
        &self,
        call: &Call,
        whom: &[UserId],
    ) -> Result<Vec<(UserId, Relationship)>, Refusal> {
        nearest!(self.relationships(call, whom))
    }

    async fn search(
        &self,
        call: &Call,
        kind: SearchKind,
        text: &str,
        before: Option<PostId>,
        limit: Option<u32>,
    ) -> Result<Found, Refusal> {
        nearest!(self.search(call, kind, text, before, limit))
    }

    /// Ends only with a refusal that is final: an outage is a pause.
    async fn subscribe(
        &self,
        call: &Call,
        kind: &StreamKind,
        after: Option<PostId>,
    ) -> Result<Timeline, Refusal> {
        let after = match after {
            Some(after) => after,
            // Where to go on elsewhere, should the stream break before its first event.
            None => {
                self.timeline(call, &TimelineKind::Followed, Cursor::Newest, Some(1)).await?.as_of
            }
        };
        match self.here.subscribe(call, kind, Some(after)).await {
            Ok(events) => {
                let elsewhere = Some((self.relayed.clone(), call.clone(), kind.clone()));
                Ok(go_on_elsewhere(Resumable { events, after, elsewhere }))
            }
            Err(refusal) if refusal.kind.advice() == Advice::Never => Err(refusal),
            Err(_) => self.relayed.subscribe(call, kind, Some(after)).await,
        }
    }
}

/// A live timeline of this master, until it no longer leads or the reader was too slow; then that of
/// the available server, wherever it is.
struct Resumable {
    events: Timeline,
    /// Everything up to this post was delivered.
    after: PostId,
    /// How to go on; none once that was done.
    elsewhere: Option<(Relayed, Call, StreamKind)>,
}

fn go_on_elsewhere(timeline: Resumable) -> Timeline {
    Box::pin(stream::unfold(timeline, |mut timeline| async move {
        let event = timeline.next().await?;
        Some((event, timeline))
    }))
}

impl Resumable {
    async fn next(&mut self) -> Option<Result<TimelineEvent, Refusal>> {
        let ended = match self.events.next().await {
            Some(Ok(event)) => {
                self.after =
                    event.position().map_or(self.after, |position| self.after.max(position));
                return Some(Ok(event));
            }
            ended => ended,
        };
        let is_final = matches!(&ended, Some(Err(why)) if why.kind.advice() == Advice::Never);
        match self.elsewhere.take() {
            Some((relayed, call, kind)) if !is_final => {
                let call = call.renewed(Instant::now());
                match relayed.subscribe(&call, &kind, Some(self.after)).await {
                    Ok(events) => self.events = events,
                    Err(refusal) => return Some(Err(refusal)),
                }
                // Its first event, after which it goes on by itself.
                self.events.next().await
            }
            _ => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;
    use tokio_util::sync::{CancellationToken, DropGuard};
    use tonic::service::Routes;

    use super::*;
    use crate::{
        directory::{Available, Location},
        domain::{ClientId, ClientName, LoginId, PostId, Scopes},
        grpc::{app_service, picture_service, social_service},
        host::net,
        master::here::tests::{bootstrap, calls, here_on},
        network::{
            Apps, CallId, Deadline, RefusalKind, SessionToken,
            apps::{AppCredentials, Grant, GrantCode, NewApp, Redemption},
        },
        node_auth::NodeAuth,
        replication::tests::cluster::{Member, cluster},
        serving::{self, CLIENT_MESSAGE_BYTES, Served},
        settings::Secret,
    };

    const PATIENCE: Duration = Duration::from_mins(1);

    fn call(session: Option<SessionToken>) -> Call {
        let deadline = Deadline::after(Instant::now(), PATIENCE);
        Call {
            id: CallId::new("a-call").expect("allowed"),
            session,
            deadline,
            origin: None,
            connection: None,
            by_operator: false,
        }
    }

    fn key(sequence: u64) -> RequestKey {
        RequestKey::Counted { client: ClientId(5), sequence, answered_below: 0 }
    }

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    async fn log_in(network: &impl Network, username: &str) -> Call {
        let login = Login { name: name(username), password: String::new(), must_exist: false };
        let begins = Begins { login: LoginId(1), client: ClientName::default() };
        let granted = network.log_in(&call(None), &login, &begins).await.expect("logged in");
        call(Some(granted.session))
    }

    /// Relays to a server that is to be named.
    fn relay() -> (watch::Sender<Location>, Relayed) {
        let (location, known) = watch::channel(Location::default());
        (location, Relayed::by_node(known, &NodeAuth::in_clear(Secret::new("the cluster's"))))
    }

    /// Where a server is that serves `here` until the guard is dropped.
    async fn serve(here: Here, term: u64) -> (Location, DropGuard) {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = format!("127.0.0.1:{}", listener.port());
        let available = Some(Available { name: "server".to_owned(), address });
        let stop = CancellationToken::new();
        let apps = app_service::service(here.clone(), calls(), CLIENT_MESSAGE_BYTES);
        let pictures = picture_service::service(here.clone(), calls());
        let social = social_service::service(here, calls(), CLIENT_MESSAGE_BYTES);
        let routes = Routes::new(social).add_service(apps).add_service(pictures);
        tokio::spawn(serving::serve(listener, Served::to_anybody(routes), stop.clone()));
        (Location { available, term, ..Location::default() }, stop.drop_guard())
    }

    async fn two_masters() -> (Member, Member, Member) {
        let (masters, witness) = cluster(2).await;
        bootstrap(&masters[0]).await;
        let [first, second] = masters.try_into().unwrap_or_else(|_| panic!("two masters"));
        (first, second, witness)
    }

    #[tokio::test]
    async fn the_available_server_asks_nobody_and_another_master_asks_it() {
        let (first, second, _witness) = two_masters().await;
        let (_nobody, relayed) = relay();
        let at_first = Nearest::new(here_on(&first).0, relayed);
        let ann = log_in(&at_first, "ann").await;
        let published =
            at_first.publish(&ann, &key(1), &NewPost::of("one")).await.expect("published");

        let (location, relayed) = relay();
        let at_second = Nearest::new(here_on(&second).0, relayed);
        let (available, _serves) = serve(here_on(&first).0, 1).await;
        location.send_replace(available);
        assert_eq!(
            at_second.publish(&ann, &key(1), &NewPost::of("one")).await,
            Ok(published),
            "the same request"
        );
        let of_ann = TimelineKind::Of { author: name("ann"), replies: true, boosts: false };
        let page = at_second.timeline(&ann, &of_ann, Cursor::Newest, None).await.expect("read");
        assert_eq!(page.posts.len(), 1);
        let refused = at_second.follow(&ann, &key(2), &name("nobody")).await;
        assert_eq!(refused, at_first.follow(&ann, &key(2), &name("nobody")).await, "word by word");
    }

    #[tokio::test]
    async fn an_app_registers_at_one_master_and_acts_at_any() {
        let (first, second, _witness) = two_masters().await;
        let (_nobody, relayed) = relay();
        let at_first = Nearest::new(here_on(&first).0, relayed);
        let (location, relayed) = relay();
        let at_second = Nearest::new(here_on(&second).0, relayed);
        let (available, _serves) = serve(here_on(&first).0, 1).await;
        location.send_replace(available);
        let login = Login {
            name: name("ann"),
            password: "a long password of ann's".to_owned(),
            must_exist: false,
        };
        let begins = Begins { login: LoginId(1), client: ClientName::default() };
        at_first.log_in(&call(None), &login, &begins).await.expect("logged in");

        let scopes = Scopes::parse("read push").expect("scopes");
        let redirect_uri = "app://".to_owned();
        let app = NewApp {
            name: "an app".to_owned(),
            website: None,
            redirect_uris: vec![redirect_uri.clone()],
            scopes: scopes.clone(),
        };
        let app = at_second.register_app(&call(None), &app).await.expect("registered");
        assert_eq!(at_second.app(&call(None), &app.client_id).await.as_ref(), Ok(&app.app));
        let (client_id, client_secret) = (app.client_id.clone(), app.client_secret.clone());
        let wanted = Grant {
            client_id: client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            scopes: scopes.clone(),
            challenge: None,
            login,
            attempt: LoginId(2),
        };
        let code = at_second.grant(&call(None), &wanted).await.expect("granted");
        assert_eq!(at_first.grant(&call(None), &wanted).await.as_ref(), Ok(&code));
        let redemption = Redemption {
            client_id: client_id.clone(),
            client_secret: Some(client_secret.clone()),
            code,
            redirect_uri,
            verifier: None,
            attempt: LoginId(3),
        };
        let token = at_second.redeem(&call(None), &redemption).await.expect("redeemed");
        assert_eq!(at_first.redeem(&call(None), &redemption).await.as_ref(), Ok(&token));
        let by_app = call(Some(token.token.clone()));
        let me = at_second.me(&by_app).await.expect("known");
        assert_eq!(at_first.me(&by_app).await.as_ref(), Ok(&me));
        assert_eq!((me.person.name, me.scopes), (name("ann"), scopes.clone()));
        let of_token = at_second.app_of_token(&by_app).await;
        assert_eq!(at_first.app_of_token(&by_app).await, of_token);
        let credentials = AppCredentials { client_id, client_secret };
        let alone = at_second.app_token(&call(None), &credentials, &scopes).await.expect("given");

        let post = NewPost::of("no");
        let stranger = AppCredentials { client_secret: String::new(), ..credentials.clone() };
        let other = Redemption { code: GrantCode::new("a.b"), ..redemption.clone() };
        for at in [&at_first, &at_second] {
            let refused = at.publish(&by_app, &key(1), &post).await.expect_err("refused");
            assert_eq!(refused.kind, RefusalKind::OutsideScope);
            let refused = at.me(&call(Some(alone.token.clone()))).await.expect_err("refused");
            assert_eq!(refused.kind, RefusalKind::UserNeeded);
            let refused = at.app_token(&call(None), &stranger, &scopes).await.expect_err("refused");
            assert_eq!(refused.kind, RefusalKind::UnknownApp);
            let refused = at.redeem(&call(None), &other).await.expect_err("refused");
            assert_eq!(refused.kind, RefusalKind::BadGrant);
        }
        let presented = token.token.expose();
        let revoked = at_second.revoke_token(&call(None), &credentials, presented).await;
        assert_eq!(revoked, Ok(()));
        assert_eq!(
            at_first.me(&by_app).await.expect_err("ended").kind,
            RefusalKind::SessionRevoked
        );
    }

    #[tokio::test]
    async fn a_live_timeline_goes_on_at_the_next_available_server_without_gap_or_duplicate() {
        let (first, second, _witness) = two_masters().await;
        let (location, relayed) = relay();
        let (here, delivery) = here_on(&first);
        let at_first = Nearest::new(here, relayed);
        let [ann, bob] = [log_in(&at_first, "ann").await, log_in(&at_first, "bob").await];
        at_first.follow(&bob, &key(1), &name("ann")).await.expect("followed");
        at_first.publish(&ann, &key(1), &NewPost::of("one")).await.expect("published");
        let mut timeline = at_first
            .subscribe(&bob, &StreamKind::Followed, Some(PostId::NONE))
            .await
            .expect("opened");
        let mut next = async || loop {
            match timeline.next().await.expect("it goes on").expect("an event") {
                TimelineEvent::Posts(posts) => return posts[0].text.clone(),
                TimelineEvent::Position(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(next().await, "one");

        second.level_with(&first).await;
        second.node.campaign(0).await;
        second.leads().await;
        delivery.close_all();
        let (available, _serves) = serve(here_on(&second).0, 2).await;
        location.send_replace(available);
        at_first.publish(&ann, &key(2), &NewPost::of("two")).await.expect("published, elsewhere");
        assert_eq!(next().await, "two");
    }
}
