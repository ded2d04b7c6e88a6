//! The bare server: tonic as it comes, on a thread of its own, with answers of the same sizes and
//! nothing behind them. No network that does anything can be faster on this machine.

use std::{io, net::SocketAddr, pin::Pin};

use futures::stream::{self, Stream};
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::people::Answers;
use crate::{
    client::ClientOptions,
    directory::{AskTheRouter, Available, DirectoryServer, Location},
    grpc::messages,
    host::{
        task,
        thread::{self, JobLost},
    },
    runtime,
    wire::v1::{
        FollowReply, FollowRequest, ListReply, ListRequest, LogInReply, LogInRequest, PostPage,
        PostsRequest, PublishReply, PublishRequest, SetPasswordReply, SetPasswordRequest,
        SubscribeEvent, SubscribeRequest, TimelineRequest, UnfollowReply, UnfollowRequest,
        directory_service_server::DirectoryServiceServer,
        social_service_server::{SocialService, SocialServiceServer},
    },
};

/// A running bare server.
pub struct Ceiling {
    address: SocketAddr,
    /// Dropped, it ends.
    stop: DropGuard,
    ended: AbortOnDropHandle<Result<io::Result<()>, JobLost>>,
}

impl Ceiling {
    /// Answers the same as the network has.
    pub fn start(answers: Answers) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stopped = CancellationToken::new();
        let (bare, stop) = (Bare::from(answers), stopped.clone().drop_guard());
        let serving = move || runtime::run(serve(listener, address, bare, stopped));
        Ok(Self { address, stop, ended: task::spawn_owned(thread::run(serving)) })
    }

    /// How it is called.
    pub fn options(&self) -> ClientOptions {
        ClientOptions::new(self.address.to_string())
    }

    /// Ends it.
    pub async fn end(self) {
        drop(self.stop);
        let _ended = self.ended.await;
    }
}

async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    bare: Bare,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let available = Available { name: "bare".to_owned(), address: address.to_string() };
    let location = Location { available: Some(available), ..Location::default() };
    let (_unchanged, location) = watch::channel(location);
    let directory = DirectoryServer::new(location, AskTheRouter);
    let serving = Server::builder()
        .add_service(DirectoryServiceServer::new(directory))
        .add_service(SocialServiceServer::new(bare))
        .serve_with_incoming(incoming);
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        ended = serving => ended.map_err(io::Error::other),
    }
}

struct Bare {
    logged_in: LogInReply,
    published: PublishReply,
    following: ListReply,
    timeline: PostPage,
    posts: PostPage,
}

impl From<Answers> for Bare {
    fn from(answers: Answers) -> Self {
        Self {
            logged_in: messages::logged_in_to_wire(answers.logged_in),
            published: messages::published_to_wire(answers.published),
            following: messages::name_page_to_wire(answers.following),
            timeline: messages::post_page_to_wire(answers.timeline),
            posts: messages::post_page_to_wire(answers.posts),
        }
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<SubscribeEvent, Status>> + Send>>;

#[tonic::async_trait]
impl SocialService for Bare {
    type SubscribeStream = Events;

    async fn log_in(&self, _: Request<LogInRequest>) -> Result<Response<LogInReply>, Status> {
        Ok(Response::new(self.logged_in.clone()))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishReply>, Status> {
        Ok(Response::new(self.published))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(self.following.clone()))
    }

    async fn timeline(&self, _: Request<TimelineRequest>) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.timeline.clone()))
    }

    async fn posts(&self, _: Request<PostsRequest>) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.posts.clone()))
    }

    async fn set_password(
        &self,
        _: Request<SetPasswordRequest>,
    ) -> Result<Response<SetPasswordReply>, Status> {
        Ok(Response::new(SetPasswordReply {}))
    }

    async fn follow(&self, _: Request<FollowRequest>) -> Result<Response<FollowReply>, Status> {
        Ok(Response::new(FollowReply {}))
    }

    async fn unfollow(
        &self,
        _: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowReply>, Status> {
        Ok(Response::new(UnfollowReply {}))
    }

    async fn subscribe(&self, _: Request<SubscribeRequest>) -> Result<Response<Events>, Status> {
        Ok(Response::new(Box::pin(stream::pending())))
    }
}
