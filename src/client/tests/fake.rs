//! Nodes that behave as a test tells them to. Each runs on a thread of its own, so that killing it
//! closes its sockets as the death of a process would. All share one memory, as if replicated.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    thread,
};

use futures::{Stream, StreamExt as _};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::{ReceiverStream, WatchStream};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, service::Routes};

use crate::{
    grpc::metadata::CallReader,
    host::net,
    node_auth::NodeAuth,
    serving::{self, Served},
    settings::Secret,
    wire::{
        AVAILABLE_KEY, RETRY_KEY,
        v1::{
            self,
            directory_service_server::{DirectoryService, DirectoryServiceServer},
            social_service_server::{SocialService, SocialServiceServer},
        },
    },
};

/// The secret of the nodes' cluster.
pub const SECRET: &str = "the cluster's";

/// What a node does with a call.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Serve,
    /// Neither answers nor does anything; streams stay silent.
    Hang,
    /// Does what it is asked, but never answers.
    ApplyWithoutAnswer,
    /// Streams start one post before the cursor.
    RepeatOnePost,
    Elsewhere(String),
    Refuse(Code),
}

type Id = (Vec<u8>, u64);

/// A request that changes something, as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub node: String,
    pub id: Id,
}

/// What all nodes know.
#[derive(Clone, Default)]
pub struct Network {
    memory: Arc<Mutex<Memory>>,
    /// Counts changes.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Memory {
    posts: Vec<v1::Post>,
    replies: HashMap<Id, u64>,
    seen: Vec<Seen>,
    newest: BTreeMap<Vec<u8>, u64>,
    widest_spread: u64,
    logins: u32,
    /// Where logins have come from.
    origins: Vec<IpAddr>,
    sessions: u32,
    password: String,
    streaming: Vec<String>,
    /// Nodes that were asked where the available server is.
    dialled: Vec<String>,
}

/// A running node.
pub struct Node {
    name: String,
    port: u16,
    location: watch::Sender<v1::Location>,
    behaviour: watch::Sender<Behaviour>,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Network {
    pub fn start(&self, name: &str) -> Node {
        self.start_at(name, "127.0.0.1:0")
    }

    pub fn start_at(&self, name: &str, address: &str) -> Node {
        let address: SocketAddr = address.parse().expect("an address");
        let location = watch::Sender::new(v1::Location::default());
        let behaviour = watch::Sender::new(Behaviour::Serve);
        let service = Service {
            node: name.to_owned(),
            network: self.clone(),
            location: location.clone(),
            behaviour: behaviour.clone(),
        };
        let (kill, killed) = oneshot::channel();
        let (started, port) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = net::listen("test", address).await.expect("a free port");
                started.send(listener.port()).expect("the test waits");
                let routes = Routes::new(DirectoryServiceServer::new(service.clone()))
                    .add_service(SocialServiceServer::new(service));
                let served = Served::to_anybody(routes);
                tokio::select! {
                    () = serving::serve(listener, served, CancellationToken::new()) => {}
                    _ = killed => {}
                }
            });
        });
        let port = port.recv().expect("the node starts");
        Node {
            name: name.to_owned(),
            port,
            location,
            behaviour,
            kill: Some(kill),
            thread: Some(thread),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock()
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub fn post(&self, text: &str) {
        self.memory().publish("other", text);
        self.changed();
    }

    pub fn end_sessions(&self) {
        self.memory().sessions += 1;
    }

    pub fn password(&self) -> String {
        self.memory().password.clone()
    }

    pub fn origins(&self) -> Vec<IpAddr> {
        self.memory().origins.clone()
    }

    pub fn logins(&self) -> u32 {
        self.memory().logins
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.memory().seen.clone()
    }

    pub fn texts(&self) -> Vec<String> {
        self.memory().posts.iter().map(|post| post.text.clone()).collect()
    }

    pub fn widest_spread(&self) -> u64 {
        self.memory().widest_spread
    }

    pub async fn until(&self, condition: impl Fn(&[Seen]) -> bool) {
        let mut changes = self.changes.subscribe();
        changes.wait_for(|_| condition(&self.memory().seen)).await.expect("the network lives");
    }

    pub async fn until_streaming(&self, node: &str) {
        let mut changes = self.changes.subscribe();
        let is_streaming = |_: &u64| self.memory().streaming.iter().any(|name| name == node);
        changes.wait_for(is_streaming).await.expect("the network lives");
    }

    pub async fn until_dialled(&self, node: &str) {
        let mut changes = self.changes.subscribe();
        let is_dialled = |_: &u64| self.memory().dialled.iter().any(|name| name == node);
        changes.wait_for(is_dialled).await.expect("the network lives");
    }
}

impl Memory {
    fn verify_password(&self, password: &str) -> Result<(), Status> {
        if self.password == password {
            return Ok(());
        }
        Err(refusal(Code::PermissionDenied, "never", None))
    }

    fn publish(&mut self, author: &str, text: &str) -> u64 {
        let id = self.posts.len() as u64 + 1;
        let (author, text) = (author.to_owned(), text.to_owned());
        self.posts.push(v1::Post { id, author, posted_at_ms: 0, text });
        id
    }
}

impl Node {
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn name_available(&self, available: &Node, term: u64, masters: &[&Node]) {
        self.location.send_replace(v1::Location {
            hostname: "127.0.0.1".to_owned(),
            port: available.port.into(),
            term,
            name: available.name.clone(),
            masters: masters.iter().map(|master| master.address()).collect(),
            ..v1::Location::default()
        });
    }

    pub fn name_the_missing(&self, waiting: &str) {
        let waiting = waiting.to_owned();
        self.location.send_replace(v1::Location { waiting, ..v1::Location::default() });
    }

    /// None is available, and this one is being elected.
    pub fn name_candidate(&self, candidate: &Node) {
        let candidate = candidate.address();
        self.location.send_replace(v1::Location { candidate, ..v1::Location::default() });
    }

    pub fn name_nobody(&self) {
        self.location.send_replace(v1::Location::default());
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// All its sockets are closed when this returns.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.kill.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the node has not panicked");
        }
    }
}

#[derive(Clone)]
struct Service {
    node: String,
    network: Network,
    location: watch::Sender<v1::Location>,
    behaviour: watch::Sender<Behaviour>,
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    fn check_session<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let wanted = format!("Bearer {}", self.network.memory().sessions);
        let bearer = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        if bearer == Some(&wanted) { Ok(()) } else { Err(Status::unauthenticated("log in again")) }
    }

    /// Records a request and handles it as the test wants.
    async fn change(
        &self,
        id: Option<v1::RequestId>,
        apply: impl FnOnce(&mut Memory) -> u64,
    ) -> Result<u64, Status> {
        let id = id.map(|id| (id.client_id, id.sequence)).expect("a request id");
        let behaviour = self.behaviour.borrow().clone();
        let reply = {
            let mut memory = self.network.memory();
            memory.seen.push(Seen { node: self.node.clone(), id: id.clone() });
            let newest = memory.newest.entry(id.0.clone()).or_default();
            *newest = id.1.max(*newest);
            let spread = *newest - id.1;
            memory.widest_spread = spread.max(memory.widest_spread);
            match behaviour {
                Behaviour::Serve | Behaviour::ApplyWithoutAnswer | Behaviour::RepeatOnePost => {
                    let known = memory.replies.get(&id).copied();
                    let reply = known.unwrap_or_else(|| apply(&mut memory));
                    memory.replies.insert(id, reply);
                    reply
                }
                _ => 0,
            }
        };
        self.network.changed();
        match behaviour {
            Behaviour::Serve | Behaviour::RepeatOnePost => Ok(reply),
            Behaviour::Hang | Behaviour::ApplyWithoutAnswer => std::future::pending().await,
            Behaviour::Refuse(code) => Err(refusal(code, "never", None)),
            Behaviour::Elsewhere(at) => Err(refusal(Code::Unavailable, "elsewhere", Some(&at))),
        }
    }
}

fn refusal(code: Code, retry: &str, available: Option<&str>) -> Status {
    let mut status = Status::new(code, "no");
    status.metadata_mut().insert(RETRY_KEY, retry.parse().expect("a value"));
    if let Some(available) = available {
        status.metadata_mut().insert(AVAILABLE_KEY, available.parse().expect("a value"));
    }
    status
}

#[tonic::async_trait]
impl DirectoryService for Service {
    type WatchStream = Events<v1::Location>;

    async fn locate(
        &self,
        _request: Request<v1::LocateRequest>,
    ) -> Result<Response<v1::Location>, Status> {
        self.network.memory().dialled.push(self.node.clone());
        self.network.changes.send_modify(|changes| *changes += 1);
        Ok(Response::new(self.location.borrow().clone()))
    }

    async fn watch(
        &self,
        _request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let locations = WatchStream::new(self.location.subscribe());
        Ok(Response::new(Box::pin(locations.map(Ok))))
    }

    async fn cluster(
        &self,
        _request: Request<v1::ClusterRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        Ok(Response::new(v1::ClusterStatus::default()))
    }
}

#[tonic::async_trait]
impl SocialService for Service {
    type SubscribeStream = Events<v1::SubscribeEvent>;

    async fn log_in(
        &self,
        request: Request<v1::LogInRequest>,
    ) -> Result<Response<v1::LogInReply>, Status> {
        let origin = CallReader::new(NodeAuth::in_clear(Secret::new(SECRET))).origin(&request);
        let mut memory = self.network.memory();
        let request = request.into_inner();
        memory.logins += 1;
        memory.origins.push(origin.expect("of the connection, if of nothing else"));
        memory.verify_password(&request.password)?;
        Ok(Response::new(v1::LogInReply {
            session_token: memory.sessions.to_string(),
            username: request.username,
            created: true,
            expires_at_ms: 0,
        }))
    }

    async fn set_password(
        &self,
        request: Request<v1::SetPasswordRequest>,
    ) -> Result<Response<v1::SetPasswordReply>, Status> {
        self.check_session(&request)?;
        let v1::SetPasswordRequest { request_id, current_password, new_password } =
            request.into_inner();
        self.network.memory().verify_password(&current_password)?;
        let apply = |memory: &mut Memory| {
            memory.password = new_password;
            memory.sessions += 1;
            0
        };
        self.change(request_id, apply).await?;
        Ok(Response::new(v1::SetPasswordReply {}))
    }

    async fn follow(
        &self,
        request: Request<v1::FollowRequest>,
    ) -> Result<Response<v1::FollowReply>, Status> {
        self.check_session(&request)?;
        self.change(request.into_inner().request_id, |_| 0).await?;
        Ok(Response::new(v1::FollowReply {}))
    }

    async fn unfollow(
        &self,
        request: Request<v1::UnfollowRequest>,
    ) -> Result<Response<v1::UnfollowReply>, Status> {
        self.check_session(&request)?;
        self.change(request.into_inner().request_id, |_| 0).await?;
        Ok(Response::new(v1::UnfollowReply {}))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListReply>, Status> {
        self.check_session(&request)?;
        let (names, next): (&[&str], _) = match &*request.into_inner().page_token {
            "" => (&["a", "b"], "2"),
            "2" => (&["c", "d"], "3"),
            _ => (&["e"], ""),
        };
        Ok(Response::new(v1::ListReply {
            usernames: names.iter().map(ToString::to_string).collect(),
            next_page_token: next.to_owned(),
        }))
    }

    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        self.check_session(&request)?;
        let v1::PublishRequest { request_id, text } = request.into_inner();
        let post_id = self.change(request_id, |memory| memory.publish("u1", &text)).await?;
        Ok(Response::new(v1::PublishReply { post_id, posted_at_ms: 1 }))
    }

    async fn timeline(
        &self,
        request: Request<v1::TimelineRequest>,
    ) -> Result<Response<v1::PostPage>, Status> {
        self.check_session(&request)?;
        let as_of = self.network.memory().posts.len() as u64;
        Ok(Response::new(v1::PostPage { posts: vec![], as_of, more: false }))
    }

    async fn posts(
        &self,
        request: Request<v1::PostsRequest>,
    ) -> Result<Response<v1::PostPage>, Status> {
        self.check_session(&request)?;
        let author = request.into_inner().username;
        let mut posts = self.network.memory().posts.clone();
        let as_of = posts.len() as u64;
        posts.retain(|post| post.author == author);
        posts.reverse();
        Ok(Response::new(v1::PostPage { posts, as_of, more: false }))
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.check_session(&request)?;
        let behaviour = self.behaviour.borrow().clone();
        if let Behaviour::Refuse(code) = behaviour {
            return Err(refusal(code, "never", None));
        }
        let after = request.into_inner().after.expect("a cursor");
        let back = u64::from(matches!(behaviour, Behaviour::RepeatOnePost));
        let mut next = usize::try_from(after.saturating_sub(back)).expect("few posts");
        let (sender, events) = mpsc::channel(4);
        let (network, behaviour) = (self.network.clone(), self.behaviour.clone());
        network.memory().streaming.push(self.node.clone());
        network.changed();
        tokio::spawn(async move {
            let mut changes = network.changes.subscribe();
            loop {
                while matches!(*behaviour.borrow(), Behaviour::Serve | Behaviour::RepeatOnePost)
                    && let Some(post) = { network.memory().posts.get(next).cloned() }
                {
                    next += 1;
                    let event = Some(v1::subscribe_event::Event::Post(post));
                    if sender.send(Ok(v1::SubscribeEvent { event })).await.is_err() {
                        return;
                    }
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(events))))
    }
}
