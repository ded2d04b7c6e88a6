//! The network, from a master: [here](super::here), if this master is the available server, or else
//! [relayed](crate::client::Relayed) to the one that is. A call that is cut off here by the loss of
//! leadership is repeated there, under the same key.

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use super::here::Here;
use crate::{
    client::{ClientOptions, Relayed},
    domain::{PostId, RequestKey, UserName},
    network::{
        Advice, Call, Cursor, ListKind, LoggedIn, Login, NamePage, NamePosition, Network,
        PasswordChange, PostPage, Published, Refusal, Timeline, TimelineEvent,
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

impl Nearest {
    /// The network `here`, or else `relayed`.
    pub fn new(here: Here, relayed: Relayed) -> Self {
        Self { here, relayed }
    }
}

impl Network for Nearest {
    async fn log_in(&self, call: &Call, login: &Login) -> Result<LoggedIn, Refusal> {
        nearest!(self.log_in(call, login))
    }

    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> Result<(), Refusal> {
        nearest!(self.set_password(call, key, change))
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
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
        text: &str,
    ) -> Result<Published, Refusal> {
        nearest!(self.publish(call, key, text))
    }

    async fn list(
        &self,
        call: &Call,
        kind: ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        nearest!(self.list(call, kind, position, limit))
    }

    async fn timeline(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        nearest!(self.timeline(call, cursor, limit))
    }

    async fn posts(
        &self,
        call: &Call,
        author: &UserName,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        nearest!(self.posts(call, author, cursor, limit))
    }

    /// Ends only with a refusal that is final: an outage is a pause.
    async fn subscribe(&self, call: &Call, after: Option<PostId>) -> Result<Timeline, Refusal> {
        let after = match after {
            Some(after) => after,
            // Where to go on elsewhere, should the stream break before its first event.
            None => self.timeline(call, Cursor::Newest, Some(1)).await?.as_of,
        };
        match self.here.subscribe(call, Some(after)).await {
            Ok(here) => Ok(go_on_elsewhere(here, self.relayed.clone(), call.clone(), after)),
            Err(refusal) if refusal.kind.advice() == Advice::Never => Err(refusal),
            Err(_) => self.relayed.subscribe(call, Some(after)).await,
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
    elsewhere: Option<(Relayed, Call)>,
}

fn go_on_elsewhere(here: Timeline, relayed: Relayed, call: Call, after: PostId) -> Timeline {
    let timeline = Resumable { events: here, after, elsewhere: Some((relayed, call)) };
    Box::pin(stream::unfold(timeline, |mut timeline| async move {
        let event = timeline.next().await?;
        Some((event, timeline))
    }))
}

impl Resumable {
    async fn next(&mut self) -> Option<Result<TimelineEvent, Refusal>> {
        let ended = match self.events.next().await {
            Some(Ok(event)) => {
                self.after = self.after.max(event.position());
                return Some(Ok(event));
            }
            ended => ended,
        };
        let is_final = matches!(&ended, Some(Err(why)) if why.kind.advice() == Advice::Never);
        match self.elsewhere.take() {
            Some((relayed, call)) if !is_final => {
                match relayed.subscribe(&call.renewed(Instant::now()), Some(self.after)).await {
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
        domain::{ClientId, PostId},
        grpc::social_service,
        host::net,
        master::here::tests::{bootstrap, calls, here_on},
        network::{CallId, Deadline, SessionToken},
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
        let granted = network.log_in(&call(None), &login).await.expect("logged in");
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
        let routes = Routes::new(social_service::service(here, calls(), CLIENT_MESSAGE_BYTES));
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
        let published = at_first.publish(&ann, &key(1), "one").await.expect("published");

        let (location, relayed) = relay();
        let at_second = Nearest::new(here_on(&second).0, relayed);
        let (available, _serves) = serve(here_on(&first).0, 1).await;
        location.send_replace(available);
        assert_eq!(
            at_second.publish(&ann, &key(1), "one").await,
            Ok(published),
            "the same request"
        );
        let page = at_second.posts(&ann, &name("ann"), Cursor::Newest, None).await.expect("read");
        assert_eq!(page.posts.len(), 1);
        let refused = at_second.follow(&ann, &key(2), &name("nobody")).await;
        assert_eq!(refused, at_first.follow(&ann, &key(2), &name("nobody")).await, "word by word");
    }

    #[tokio::test]
    async fn a_live_timeline_goes_on_at_the_next_available_server_without_gap_or_duplicate() {
        let (first, second, _witness) = two_masters().await;
        let (location, relayed) = relay();
        let (here, delivery) = here_on(&first);
        let at_first = Nearest::new(here, relayed);
        let [ann, bob] = [log_in(&at_first, "ann").await, log_in(&at_first, "bob").await];
        at_first.follow(&bob, &key(1), &name("ann")).await.expect("followed");
        at_first.publish(&ann, &key(1), "one").await.expect("published");
        let mut timeline = at_first.subscribe(&bob, Some(PostId::NONE)).await.expect("opened");
        let mut next = async || loop {
            match timeline.next().await.expect("it goes on").expect("an event") {
                TimelineEvent::Posts(posts) => return posts[0].text.clone(),
                TimelineEvent::Position(_) => {}
            }
        };
        assert_eq!(next().await, "one");

        second.level_with(&first).await;
        second.node.campaign(0).await;
        second.leads().await;
        delivery.close_all();
        let (available, _serves) = serve(here_on(&second).0, 2).await;
        location.send_replace(available);
        at_first.publish(&ann, &key(2), "two").await.expect("published, elsewhere");
        assert_eq!(next().await, "two");
    }
}
