//! Nodes that behave as a test tells them to. Each runs on a thread of its own, so that killing it
//! closes its sockets as the death of a process would. All share one memory, as if replicated.
//! `service` is what they answer.

mod service;

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    thread,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::Routes};

use self::service::{Service, refusal};
use crate::{
    host::net,
    serving::{self, Served},
    wire::v1::{
        self, directory_service_server::DirectoryServiceServer,
        social_service_server::SocialServiceServer,
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
    /// What the streams of home timelines bring: the event at position 1, and so on.
    happened: Vec<v1::subscribe_event::Event>,
    streaming: Vec<String>,
    preferences: v1::Preferences,
    filters: Vec<v1::WordFilter>,
    /// In words.
    asked: Vec<String>,
    /// Nodes that were asked to relay a call.
    relayed: Vec<String>,
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

    /// Something comes in home timelines, at the next position.
    pub fn happen(&self, event: v1::subscribe_event::Event) {
        self.memory().happened.push(event);
        self.changed();
    }

    /// What was asked beside the calls of the classic client, in words.
    pub fn asked(&self) -> Vec<String> {
        self.memory().asked.clone()
    }

    /// Nodes that were asked to relay a call, one for each call.
    pub fn relayed(&self) -> Vec<String> {
        self.memory().relayed.clone()
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

    /// What a stream brings at an index.
    fn event(&self, kind: v1::StreamKind, index: usize) -> Option<v1::subscribe_event::Event> {
        match kind {
            v1::StreamKind::Home => self.happened.get(index).cloned(),
            _ => self.posts.get(index).cloned().map(v1::subscribe_event::Event::Post),
        }
    }

    fn publish(&mut self, author: &str, text: &str) -> u64 {
        let id = self.posts.len() as u64 + 1;
        let (author, text) = (author.to_owned(), text.to_owned());
        self.posts.push(v1::Post { id, author, text, ..v1::Post::default() });
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
