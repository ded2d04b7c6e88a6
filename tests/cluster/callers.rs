//! Callers from addresses of their own, who speak the API without our client library, which would wait
//! for them.

use std::{net::IpAddr, time::Duration};

use tinysns::wire::v1::{
    FollowRequest, LogInRequest, PublishReply, PublishRequest, RequestId, SubscribeEvent,
    SubscribeRequest, social_service_client::SocialServiceClient,
};
use tokio::time::timeout;
use tonic::{
    Code, Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

use super::processes::{Cluster, DEADLINE};

/// The API of one server, from one address.
pub type Api = SocialServiceClient<Channel>;

/// A connection of its own to the available server, from this address.
pub async fn connect(cluster: &Cluster, from: &str) -> Api {
    Api::new(channel(&cluster.available().await.address, from).await)
}

/// A connection of its own to a server, from this address.
pub async fn channel(server: &str, from: &str) -> Channel {
    let from: IpAddr = from.parse().expect("an address");
    let endpoint = Endpoint::from_shared(format!("http://{server}")).expect("an address");
    endpoint.local_address(Some(from)).connect().await.expect("it listens")
}

/// Logs in; a new name makes an account.
pub async fn log_in(api: &mut Api, username: &str, password: &str) -> Result<String, Status> {
    let request = LogInRequest {
        username: username.to_owned(),
        password: password.to_owned(),
        must_exist: false,
        ..LogInRequest::default()
    };
    let answered = timeout(DEADLINE, api.log_in(request)).await.expect("it is answered");
    answered.map(|reply| reply.into_inner().session_token)
}

/// When somebody who was refused may come again.
pub fn pushback(refused: &Status) -> Duration {
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(refused.metadata().get("tinysns-retry").expect("advice"), "here");
    let pause = refused.metadata().get("grpc-retry-pushback-ms").expect("when to come again");
    Duration::from_millis(pause.to_str().expect("ASCII").parse().expect("a number"))
}

/// Somebody who has logged in.
pub struct Caller {
    api: Api,
    session: String,
}

impl Caller {
    /// Logs in over a connection.
    pub async fn new(mut api: Api, username: &str) -> Self {
        let session = log_in(&mut api, username, "").await.expect("logged in");
        Self { api, session }
    }

    /// Publishes a post under a key, which distinguishes it from others.
    pub async fn publish(&mut self, key: &str, text: &str) -> Result<PublishReply, Status> {
        let (request_id, text) = (Some(request_id(key)), text.to_owned());
        let request = PublishRequest { request_id, text, ..PublishRequest::default() };
        let request = self.request(request);
        let answered = timeout(DEADLINE, self.api.publish(request)).await.expect("it is answered");
        Ok(answered?.into_inner())
    }

    /// Follows somebody, under a key.
    pub async fn follow(&mut self, key: &str, username: &str) -> Result<(), Status> {
        let request =
            FollowRequest { request_id: Some(request_id(key)), username: username.to_owned() };
        let request = self.request(request);
        timeout(DEADLINE, self.api.follow(request)).await.expect("it is answered").map(drop)
    }

    /// Opens a live timeline.
    pub async fn subscribe(&mut self) -> Result<Streaming<SubscribeEvent>, Status> {
        let request = self.request(SubscribeRequest::default());
        let answered = timeout(DEADLINE, self.api.subscribe(request)).await;
        Ok(answered.expect("it is answered")?.into_inner())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.session).parse().expect("ASCII");
        request.metadata_mut().insert("authorization", bearer);
        request
    }
}

fn request_id(key: &str) -> RequestId {
    RequestId { opaque_key: key.as_bytes().to_vec(), ..RequestId::default() }
}
