//! Programs that speak the gRPC API and reach only the router's port.

use nix::sys::signal::Signal;
use tinysns::wire::v1::{
    LogInRequest, PostsRequest, PublishRequest, RequestId,
    social_service_client::SocialServiceClient, subscribe_event::Event,
};
use tokio::time::timeout;
use tonic::{Request, transport::Endpoint};

use super::{
    BINARY,
    callers::{Api, Caller, channel},
    processes::{Cluster, DEADLINE, signal},
};

#[tokio::test]
async fn whoever_reaches_only_the_router_is_served_there_through_a_failover() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let router = Endpoint::from_shared(format!("http://{}", cluster.router())).unwrap();
    let mut router = SocialServiceClient::new(router.connect_lazy());
    let ann = LogInRequest { username: "ann".to_owned(), ..LogInRequest::default() };
    let session = router.log_in(ann).await.expect("logged in").into_inner().session_token;
    let bearer = format!("Bearer {session}");
    let publish = || {
        let key = RequestId { opaque_key: b"a key of its own".to_vec(), ..RequestId::default() };
        let text = "only the router is in reach".to_owned();
        let request = PublishRequest { request_id: Some(key), text, ..PublishRequest::default() };
        let mut request = Request::new(request);
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        request
    };
    let first = router.publish(publish()).await.expect("published").into_inner();
    signal(cluster.available().await.pid, Signal::SIGKILL);
    let again = router.publish(publish()).await.expect("answered by the next server").into_inner();
    assert_eq!(again, first, "it is the same request");

    let mut posts = Request::new(PostsRequest { username: "ann".to_owned(), ..Default::default() });
    posts.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let page = router.posts(posts).await.expect("read").into_inner();
    assert_eq!(page.posts.len(), 1);
    let refused = router.publish(PublishRequest::default()).await.expect_err("refused");
    assert_eq!(refused.metadata().get("tinysns-retry").unwrap(), "never", "{refused:?}");
}

#[tokio::test]
async fn hundreds_of_live_timelines_are_relayed_at_a_time() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let author = cluster.client("author").await;
    let mut timelines = Vec::new();
    for reader in ["ann", "bob", "cid"] {
        let api = Api::new(channel(&cluster.router(), "127.0.0.2").await);
        let mut reader = Caller::new(api, reader).await;
        reader.follow("a follow", "author").await.expect("followed");
        for _ in 0..100 {
            timelines.push(reader.subscribe().await.expect("opened"));
        }
    }
    author.publish("hello").await.expect("published");
    for timeline in &mut timelines {
        let post = loop {
            let event = timeout(DEADLINE, timeline.message()).await.expect("in time");
            if let Some(Event::Post(post)) = event.expect("it goes on").expect("open").event {
                break post;
            }
        };
        assert_eq!(post.text, "hello");
    }
}
