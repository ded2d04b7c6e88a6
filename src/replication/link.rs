//! One stream to another node, which carries all short calls to it.
//!
//! It is opened as soon as the other node is known, not when it is needed: an election has no time
//! to set up connections. And a call on an open stream costs less than one with a stream of its
//! own.
//!
//! A broken stream is opened again by the next call, or when there is news of the node;
//! `address_gossip` regularly calls all nodes whose stream is not open. Unanswered calls then fail,
//! and their callers decide what to do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status, Streaming, transport::Channel};

use super::node_credentials::NodeCredentials;
use crate::{
    domain::NodeId,
    host::{net, task},
    wire::internal::{
        PeerAnswer, PeerCall, peer_call::Call, peer_service_client::PeerServiceClient,
    },
};

/// The largest message between nodes, in bytes; replication messages are far smaller.
pub const MESSAGE_BYTES: usize = 64 << 20;
/// A node that has not admitted us within this time cannot be reached.
const OPEN_WITHIN: Duration = Duration::from_secs(3);
/// Calls that may wait to be sent; a node that accepts no more is hung.
const CALLS_WAITING: usize = 64;
/// From this many unanswered calls on, those whose callers have gone are forgotten.
const UNANSWERED: usize = 256;

/// The generated client.
pub type Client = PeerServiceClient<Channel>;

/// Handle for the stream to one node; dropping it closes the stream.
pub struct Link {
    address: String,
    client: Client,
    calls: mpsc::Sender<PendingCall>,
    reopen: Arc<Notify>,
    broken: BrokenSince,
    stream_state: Arc<StreamState>,
    answered: Arc<Mutex<Option<Instant>>>,
    _task: AbortOnDropHandle<()>,
}

/// Since when the stream has been broken, or could not be opened.
#[derive(Clone, Default)]
struct BrokenSince(Arc<Mutex<Option<Instant>>>);

impl BrokenSince {
    fn since(&self) -> Option<Instant> {
        *self.0.lock()
    }

    fn note(&self, broken: bool) {
        let mut since = self.0.lock();
        *since = broken.then(|| since.unwrap_or_else(Instant::now));
    }
}

/// What the task reports about its stream.
#[derive(Default)]
struct StreamState {
    open: AtomicBool,
    /// The version of what the node was told over this stream; 0 for nothing.
    addresses_sent: AtomicU64,
}

struct PendingCall {
    call: Call,
    answer: oneshot::Sender<Result<PeerAnswer, Status>>,
}

impl Link {
    /// A link to `node` at `address` (host:port). Must be called inside a runtime.
    pub fn new(
        node: NodeId,
        address: String,
        credentials: Arc<NodeCredentials>,
    ) -> Result<Self, tonic::transport::Error> {
        let client = Client::new(net::node_channel(&address, credentials.security())?)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        let (calls, waiting) = mpsc::channel(CALLS_WAITING);
        let reopen = Arc::new(Notify::new());
        let broken = BrokenSince::default();
        let stream_state = Arc::new(StreamState::default());
        let answered = Arc::new(Mutex::default());
        let stream_task = StreamTask {
            client: client.clone(),
            credentials,
            node,
            broken: broken.clone(),
            stream_state: Arc::clone(&stream_state),
            answered: Arc::clone(&answered),
        };
        let task = task::spawn_owned(stream_task.run(waiting, Arc::clone(&reopen)));
        Ok(Self { address, client, calls, reopen, broken, stream_state, answered, _task: task })
    }

    /// Where the node listens, host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Since when the stream has been broken; none while it is open, and before it was first
    /// opened. The kernel reports the death of the other process at once, whether or not a call is
    /// in progress.
    pub fn broken_since(&self) -> Option<Instant> {
        self.broken.since()
    }

    /// For calls that need a stream of their own.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The node is alive: opens the stream, unless it is open.
    pub fn open(&self) {
        self.reopen.notify_one();
    }

    /// Whether the stream is open, as far as this side knows.
    pub fn is_open(&self) -> bool {
        self.stream_state.open.load(Ordering::Relaxed)
    }

    /// The version of what the node has been told since the stream was opened; 0 for nothing.
    pub fn addresses_sent(&self) -> u64 {
        self.stream_state.addresses_sent.load(Ordering::Relaxed)
    }

    /// The node was told version `version`.
    pub fn set_addresses_sent(&self, version: u64) {
        self.stream_state.addresses_sent.store(version, Ordering::Relaxed);
    }

    /// When the node last answered any call, even one whose caller had gone.
    pub fn answered(&self) -> Option<Instant> {
        *self.answered.lock()
    }

    /// Makes a call. Waits for as long as the node neither answers nor breaks the connection.
    pub async fn call(&self, call: Call) -> Result<PeerAnswer, Status> {
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(PendingCall { call, answer }).map_err(|_| full())?;
        answered.await.unwrap_or_else(|_| Err(Status::unavailable("the link is closed")))
    }
}

fn full() -> Status {
    Status::resource_exhausted("the node accepts no more calls")
}

/// The task that opens the stream, again and again.
struct StreamTask {
    client: Client,
    credentials: Arc<NodeCredentials>,
    node: NodeId,
    broken: BrokenSince,
    stream_state: Arc<StreamState>,
    answered: Arc<Mutex<Option<Instant>>>,
}

impl StreamTask {
    async fn run(self, mut calls: mpsc::Receiver<PendingCall>, reopen: Arc<Notify>) {
        loop {
            let first = tokio::select! {
                biased;
                call = calls.recv() => match call {
                    Some(call) => Some(call),
                    None => return,
                },
                () = reopen.notified() => None,
            };
            let status = match open(self.client.clone(), &self.credentials, self.node).await {
                Ok(stream) => {
                    self.broken.note(false);
                    self.stream_state.open.store(true, Ordering::Relaxed);
                    let status = stream.carry(first, &mut calls, &self.answered).await;
                    self.stream_state.open.store(false, Ordering::Relaxed);
                    self.stream_state.addresses_sent.store(0, Ordering::Relaxed);
                    // News from the time when the stream was open is no reason to call a node that
                    // has died.
                    let _stale = reopen.notified().now_or_never();
                    status
                }
                Err(status) => {
                    if let Some(first) = first {
                        // A caller that has gone has already counted the call as failed.
                        let _gone = first.answer.send(Err(status.clone()));
                    }
                    status
                }
            };
            if status.code() == Code::Unavailable {
                self.broken.note(true);
            }
            while let Ok(waiting) = calls.try_recv() {
                let _gone = waiting.answer.send(Err(status.clone()));
            }
        }
    }
}

async fn open(
    mut client: Client,
    credentials: &NodeCredentials,
    node: NodeId,
) -> Result<Stream, Status> {
    let (outgoing, calls) = mpsc::channel(CALLS_WAITING);
    let request = credentials.request(node, ReceiverStream::new(calls));
    let answers = timeout(OPEN_WITHIN, client.exchange(request))
        .await
        .map_err(|_| Status::unavailable("the node does not answer"))??
        .into_inner();
    Ok(Stream { outgoing, answers, unanswered: BTreeMap::new(), number: 0 })
}

/// The stream, open.
struct Stream {
    outgoing: mpsc::Sender<PeerCall>,
    answers: Streaming<PeerAnswer>,
    unanswered: BTreeMap<u64, oneshot::Sender<Result<PeerAnswer, Status>>>,
    number: u64,
}

impl Stream {
    /// Carries calls and answers until the stream breaks; returns why it did.
    async fn carry(
        mut self,
        first: Option<PendingCall>,
        calls: &mut mpsc::Receiver<PendingCall>,
        last_answered: &Mutex<Option<Instant>>,
    ) -> Status {
        if let Some(first) = first {
            self.send(first);
        }
        let broken = loop {
            tokio::select! {
                // Answers make room for calls; and there are no more of them than calls.
                biased;
                answer = self.answers.message() => match answer {
                    Ok(Some(answered)) => {
                        *last_answered.lock() =
                            Some(Instant::now());
                        if let Some(answer) = self.unanswered.remove(&answered.number) {
                            let _gone = answer.send(Ok(answered));
                        }
                    }
                    Ok(None) => break Status::unavailable("the node has closed the connection"),
                    Err(status) => {
                        break Status::unavailable(format!("the connection is lost: {status}"));
                    }
                },
                call = calls.recv() => match call {
                    Some(call) => self.send(call),
                    None => break Status::unavailable("the link is closed"),
                },
            }
        };
        for (_, answer) in self.unanswered {
            let _gone = answer.send(Err(broken.clone()));
        }
        broken
    }

    fn send(&mut self, PendingCall { call, answer }: PendingCall) {
        if self.unanswered.len() >= UNANSWERED {
            self.unanswered.retain(|_, answer| !answer.is_closed());
        }
        self.number += 1;
        let number = self.number;
        if self.outgoing.try_send(PeerCall { number, call: Some(call) }).is_ok() {
            self.unanswered.insert(number, answer);
        } else {
            let _gone = answer.send(Err(full()));
        }
    }
}
