//! Calls to a master in this process, which leads a cluster of its own.

use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::Mutex;
use tonic::{Code, Request};

use super::{Here, Parts};
use crate::{
    grpc::{metadata::CallReader, social_service::SocialServer},
    master::{
        delivery::{Delivery, StreamLimits},
        passwords::Passwords,
        rate_limits::RateLimits,
        sessions::Sessions,
    },
    replication::{
        tests::{
            cluster::{Member, cluster},
            entries::context,
        },
        writes::Writes,
    },
    settings::{Limits, Secret},
    social::{Command, Reply},
    wire::{
        RETRY_KEY,
        v1::{
            FollowRequest, ListKind, ListRequest, LogInRequest, PublishRequest, RequestId,
            social_service_server::SocialService as _,
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
        rate_limits: Mutex::new(RateLimits::new(LIMITS.limits_rates)),
        limits: LIMITS,
    });
    (here, delivery)
}

/// Serves the network of a master by gRPC.
pub fn served(here: Here) -> SocialServer<Here> {
    SocialServer::new(here, CallReader::new(Secret::new("the cluster's")))
}

/// Gives the cluster of `leader` a key for its session tokens.
pub async fn bootstrap(leader: &Member) {
    let bootstrap = Command::BootstrapCluster { signing_key: [7; 32] };
    leader.writes().submit(bootstrap).await.expect("written");
}

/// The available server of a founded cluster.
async fn available() -> (SocialServer<Here>, Writes, Member) {
    let (mut masters, _witness) = cluster(1).await;
    let master = masters.remove(0);
    bootstrap(&master).await;
    (served(here_on(&master).0), master.writes(), master)
}

/// Logs in, and makes requests with that session.
async fn log_in<T>(api: &SocialServer<Here>, username: &str) -> impl Fn(T) -> Request<T> {
    let request = LogInRequest { username: username.to_owned(), ..LogInRequest::default() };
    let reply = api.log_in(Request::new(request)).await.expect("logged in").into_inner();
    let bearer = format!("Bearer {}", reply.session_token);
    move |message| {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", bearer.parse().expect("ASCII"));
        request
    }
}

#[tokio::test]
async fn a_session_that_has_ended_before_a_read_is_confirmed_reads_nothing() {
    let (api, writes, _master) = available().await;
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
    let (api, _writes, _master) = available().await;
    let id = Some(RequestId {
        client_id: vec![7; 16],
        sequence: 1,
        answered_below: 1,
        opaque_key: Vec::new(),
    });
    let post = |text: &str| PublishRequest { request_id: id.clone(), text: text.to_owned() };
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
