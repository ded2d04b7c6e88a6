//! Calls to a master in this process, which leads a cluster of its own.

use std::{
    pin::Pin,
    task::{self, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};
use parking_lot::Mutex;
use tonic::{Code, Request, Status};

use super::{Here, Parts};
use crate::{
    control::RoomCondition,
    domain::{Post, PostId, UnixMillis, UserId, UserName},
    grpc::{
        metadata::CallReader,
        social_service::{self, SocialServer},
    },
    master::{
        delivery::{Delivery, StreamLimits},
        passwords::Passwords,
        picture_processor::PictureProcessor,
        rate_limits::RateLimits,
        room::RoomHandle,
        sessions::Sessions,
    },
    node_auth::NodeAuth,
    replication::{
        tests::{
            cluster::{Member, cluster},
            entries::{account, context, publish},
        },
        writes::Writes,
    },
    serving::CLIENT_MESSAGE_BYTES,
    settings::{Limits, Secret},
    social::{Command, Event, Reply},
    wire::{
        RETRY_KEY,
        v1::{
            FollowRequest, ListKind, ListRequest, LogInRequest, PublishRequest, RequestId,
            SubscribeRequest, TimelineRequest, UnfollowRequest,
            social_service_client::SocialServiceClient, social_service_server::SocialService as _,
            subscribe_event,
        },
    },
};

const LIMITS: Limits = Limits {
    post_chars: 1_000,
    page_size: 100,
    subscriptions: 8,
    subscriptions_per_account: 8,
    stream_queue: 8,
    streams_per_connection: 8,
    pending_writes: 8,
    session_lifetime: Duration::from_hours(1),
    limits_rates: true,
};

/// The network on a master, with the live timelines that are open there.
pub fn here_on(master: &Member) -> (Here, Delivery) {
    here_with(master, RoomCondition::Plenty)
}

/// The same, with this much room on disk.
fn here_with(master: &Member, room: RoomCondition) -> (Here, Delivery) {
    let state = master.state().clone();
    let streams = StreamLimits { in_all: LIMITS.subscriptions, of_account: LIMITS.subscriptions };
    let delivery = Delivery::new(LIMITS.stream_queue, streams);
    let here = Here::new(Parts {
        node: master.node.clone(),
        state: state.clone(),
        writes: master.writes(),
        reads: master.reads(),
        delivery: delivery.clone(),
        sessions: Sessions::new(state, LIMITS.session_lifetime),
        passwords: Passwords::start(LIMITS.limits_rates),
        pictures: PictureProcessor::default(),
        room: RoomHandle::fixed(room),
        rate_limits: Mutex::new(RateLimits::new(LIMITS.limits_rates)),
        limits: LIMITS,
    });
    (here, delivery)
}

/// Reads calls from anybody.
pub fn calls() -> CallReader {
    CallReader::new(NodeAuth::in_clear(Secret::new("the cluster's")))
}

/// Gives the cluster of `leader` a key for its session tokens.
pub async fn bootstrap(leader: &Member) {
    let bootstrap = Command::BootstrapCluster { signing_key: [7; 32] };
    leader.writes().submit(bootstrap).await.expect("written");
}

/// The available server of a founded cluster.
async fn available() -> (SocialServer<Here>, Writes, [Member; 2]) {
    let (mut masters, witness) = cluster(1).await;
    let master = masters.remove(0);
    bootstrap(&master).await;
    (SocialServer::new(here_on(&master).0, calls()), master.writes(), [master, witness])
}

#[tokio::test]
async fn without_room_what_was_done_before_is_answered_what_adds_is_refused_and_the_rest_goes_on() {
    let (masters, _witness) = cluster(1).await;
    let master = &masters[0];
    bootstrap(master).await;
    let api = SocialServer::new(here_on(master).0, calls());
    for name in ["ann", "bob"] {
        token(&api, name).await;
    }
    let session = token(&api, "ann").await;
    let request_id = |sequence| {
        let client_id = vec![7; 16];
        Some(RequestId { client_id, sequence, answered_below: 1, opaque_key: Vec::new() })
    };
    let publish = |sequence| {
        let text = format!("post {sequence}");
        in_session(
            &session,
            PublishRequest { text, request_id: request_id(sequence), ..PublishRequest::default() },
        )
    };
    let follow = |sequence| {
        let username = "bob".to_owned();
        in_session(&session, FollowRequest { username, request_id: request_id(sequence) })
    };
    let first = api.publish(publish(1)).await.expect("published").into_inner();
    api.follow(follow(2)).await.expect("followed");

    let full = SocialServer::new(here_with(master, RoomCondition::None).0, calls());
    let again = full.publish(publish(1)).await.expect("it was done before").into_inner();
    assert_eq!(again, first);
    let refused = full.publish(publish(3)).await.expect_err("there is no room");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("the network is read-only"), "{}", refused.message());
    let request = LogInRequest { username: "eve".to_owned(), ..LogInRequest::default() };
    let refused = full.log_in(Request::new(request)).await.expect_err("there is no room");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    token(&full, "bob").await;
    full.timeline(in_session(&session, TimelineRequest::default())).await.expect("readable");
    let username = "bob".to_owned();
    let unfollow = UnfollowRequest { username, request_id: request_id(4) };
    full.unfollow(in_session(&session, unfollow)).await.expect("it takes no room");
    // What was refused is done when there is room.
    api.publish(publish(3)).await.expect("published");
}

/// Logs in; the session's token.
async fn token(api: &SocialServer<Here>, username: &str) -> String {
    let request = LogInRequest { username: username.to_owned(), ..LogInRequest::default() };
    api.log_in(Request::new(request)).await.expect("logged in").into_inner().session_token
}

/// A request in the session of this token.
fn in_session<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}");
    request.metadata_mut().insert("authorization", bearer.parse().expect("ASCII"));
    request
}

/// Logs in, and makes requests with that session.
async fn log_in<T>(api: &SocialServer<Here>, username: &str) -> impl Fn(T) -> Request<T> {
    let token = token(api, username).await;
    move |message| in_session(&token, message)
}

/// Passes a future's polls on, and notes the longest, in the thread's own time: what others do on the
/// machine does not count.
pub struct Measured<F> {
    inner: Pin<Box<F>>,
    longest: Duration,
}

impl<F: Future> Future for Measured<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        let before = thread_time();
        let polled = self.inner.as_mut().poll(context);
        self.longest = self.longest.max(thread_time().saturating_sub(before));
        polled.map(|output| (output, self.longest))
    }
}

pub fn measured<F: Future>(inner: F) -> Measured<F> {
    Measured { inner: Box::pin(inner), longest: Duration::ZERO }
}

pub fn thread_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("of Linux");
    let micros = |time: TimeVal| time.num_microseconds().try_into().expect("not negative");
    Duration::from_micros(micros(usage.user_time()))
        + Duration::from_micros(micros(usage.system_time()))
}

#[tokio::test]
async fn no_read_holds_up_others_for_long_however_many_a_reader_follows() {
    /// As much as anything may take of the one thread at a time.
    const LONGEST: Duration = Duration::from_millis(5);
    const AUTHORS: u64 = 3_000;
    let (api, writes, _nodes) = available().await;
    let [ann, bob] = [token(&api, "ann").await, token(&api, "bob").await];
    let all = async |command: &dyn Fn(u64) -> Command| {
        for some in (3..3 + AUTHORS).collect::<Vec<_>>().chunks(500) {
            let written = join_all(some.iter().map(|user| writes.submit(command(*user)))).await;
            assert!(written.iter().all(|reply| !matches!(reply, Err(_) | Ok(Reply::Refused(_)))));
        }
    };
    all(&|user| account(&format!("user{user}"))).await;
    all(&|user| {
        let target = UserName::new(format!("user{user}")).expect("valid");
        Command::Follow { context: context(1, user), target }
    })
    .await;
    all(&|user| publish(user, 1)).await;

    let timeline = |request| measured(api.timeline(in_session(&ann, request)));
    let page = TimelineRequest { page_size: 100, ..TimelineRequest::default() };
    let (read, longest) = timeline(page.clone()).await;
    assert_eq!(read.expect("read").into_inner().posts.len(), 100);
    assert!(longest < LONGEST, "a page takes {longest:?} at a time");
    let live = SubscribeRequest { after: Some(0), ..SubscribeRequest::default() };
    let (live, longest) = measured(api.subscribe(in_session(&ann, live))).await;
    assert!(longest < LONGEST, "a live timeline takes {longest:?} at a time");
    drop(live.expect("opened"));

    let pages = join_all((0..250).map(|_| timeline(page.clone())));
    let names = ListRequest { kind: ListKind::Users.into(), ..ListRequest::default() };
    let neighbours = measured(api.list(in_session(&bob, names)));
    let (pages, (names, _)) = tokio::join!(pages, neighbours);
    names.expect("read").into_inner();
    let (mut read, mut refused) = (0, 0);
    for (page, _) in pages {
        match page {
            Ok(_) => read += 1,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(status.metadata().contains_key(RETRY_KEY), "{status:?}");
                refused += 1;
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} of {} are answered", read + refused);
}

#[tokio::test]
async fn a_session_that_has_ended_before_a_read_is_confirmed_reads_nothing() {
    let (api, writes, _nodes) = available().await;
    let by_ann = log_in(&api, "ann").await;
    let names = || ListRequest { kind: ListKind::Users.into(), ..ListRequest::default() };
    assert_eq!(api.list(by_ann(names())).await.expect("read").into_inner().usernames, ["ann"]);

    // As on a new leader, which does not know yet that the session has ended.
    let mut read = api.list(by_ann(names()));
    assert!(read.as_mut().now_or_never().is_none(), "it waits for the quorum");
    let change = Command::SetPassword { context: context(1, 1), password_hash: None };
    assert_eq!(writes.submit(change).await, Ok(Reply::Done));
    assert_eq!(read.await.expect_err("refused").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_request_id_that_is_used_for_something_else_is_the_callers_mistake() {
    let (api, _writes, _nodes) = available().await;
    let id = Some(RequestId {
        client_id: vec![7; 16],
        sequence: 1,
        answered_below: 1,
        opaque_key: Vec::new(),
    });
    let post = |text: &str| PublishRequest {
        request_id: id.clone(),
        text: text.to_owned(),
        ..PublishRequest::default()
    };
    let by_ann = log_in(&api, "ann").await;
    let first = api.publish(by_ann(post("one"))).await.expect("published").into_inner();
    assert_eq!(api.publish(by_ann(post("one"))).await.expect("answered").into_inner(), first);

    let follow = FollowRequest { request_id: id.clone(), username: "bob".to_owned() };
    let by_her_too = log_in(&api, "ann").await;
    let refusals = [
        api.publish(by_ann(post("two"))).await.expect_err("refused"),
        api.follow(by_her_too(follow)).await.expect_err("refused"),
    ];
    for refusal in refusals {
        assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal}");
        assert_eq!(refusal.metadata().get(RETRY_KEY).expect("a word"), "never");
    }
}

#[tokio::test]
async fn a_generated_client_reads_a_live_timeline_and_why_it_ends() {
    let (mut masters, _witness) = cluster(1).await;
    let master = masters.remove(0);
    bootstrap(&master).await;
    let (here, delivery) = here_on(&master);
    let api = SocialServer::new(here.clone(), calls());
    let [_ann, bob] = [token(&api, "ann").await, token(&api, "bob").await];
    let target = UserName::new("ann").expect("valid");
    let follow = Command::Follow { context: context(2, 1), target: target.clone() };
    for command in [follow, publish(1, 1), publish(1, 2)] {
        master.writes().submit(command).await.expect("written");
    }

    let mut client =
        SocialServiceClient::new(social_service::service(here, calls(), CLIENT_MESSAGE_BYTES));
    let live = client
        .subscribe(in_session(
            &bob,
            SubscribeRequest { after: Some(0), ..SubscribeRequest::default() },
        ))
        .await;
    let mut live = live.expect("opened").into_inner();
    let mut next = async || live.message().await.map(|event| event.expect("goes on").event);
    let told = |event: Result<_, Status>| match event.expect("an event") {
        Some(subscribe_event::Event::Post(post)) => format!("{} {}", post.id, post.text),
        Some(subscribe_event::Event::Position(position)) => format!("position {position}"),
        other => panic!("{other:?}"),
    };
    for missed in ["2 post 1", "3 post 2", "position 3"] {
        assert_eq!(told(next().await), missed);
    }
    let live_post = |id: u64| {
        let (id, text) = (PostId::new(id), format!("live {id}"));
        Event::Published(Post::plain(id, UserId(1), target.clone(), UnixMillis::EPOCH, text))
    };
    delivery.dispatch(&[live_post(3), live_post(4), live_post(5)], master.state());
    delivery.close_all();
    for applied in ["4 live 4", "5 live 5"] {
        assert_eq!(told(next().await), applied);
    }
    let ended = next().await.expect_err("this master no longer leads");
    assert_eq!(ended.code(), Code::Aborted, "{ended}");
    assert!(ended.metadata().contains_key(RETRY_KEY), "{ended:?}");
}
