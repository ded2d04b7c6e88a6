//! A cluster whose nodes reach each other through relays, each of which can be told to block either
//! direction. What is sent meanwhile waits, as on a network that drops packets.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    cluster::{CLUSTER, DEADLINE, Member},
    entries::account,
};
use crate::{
    replication::{NodeInfo, addresses::AddressSource},
    settings::ConsensusSettings,
};

/// As in a cluster with default settings.
pub const TIMING: ConsensusSettings = ConsensusSettings {
    heartbeat: Duration::from_millis(100),
    election_min: Duration::from_millis(500),
    election_max: Duration::from_secs(1),
};

/// Whether what the first of two nodes sends to the second arrives.
type Wires = HashMap<(usize, usize), watch::Sender<bool>>;

/// Masters, of which the first leads, and the witness, which is the last; all of them vote.
pub struct Network {
    pub members: Vec<Member>,
    wires: Arc<Wires>,
}

impl Network {
    /// With this many masters. None of them campaigns by itself yet.
    pub async fn new(masters: usize) -> Self {
        let mut members = Vec::new();
        for number in 1..=masters {
            members.push(Member::master_timed(&format!("server-{number}"), TIMING).await);
        }
        members.push(Member::witness_timed(TIMING).await);
        let pairs = |nodes: usize| (0..nodes).flat_map(move |a| (0..nodes).map(move |b| (a, b)));
        let wires = pairs(members.len()).map(|pair| (pair, watch::Sender::new(true))).collect();
        let network = Self { members, wires: Arc::new(wires) };
        let first = &network.members[0];
        first.node.bootstrap(CLUSTER, first.info.clone()).await.expect("bootstrapped");
        first.leads().await;
        for member in &network.members {
            member.node.raft().runtime_config().elect(false);
            member.node.join(CLUSTER).await.expect("of no other cluster");
        }
        for (from, to) in pairs(network.members.len()).filter(|(from, to)| from != to) {
            let address = network.relay(from, to).await;
            let to = &network.members[to];
            // Newer than what the node itself reports about its address.
            let address_version = to.info.address_version + 1_000;
            let info = NodeInfo { peer_address: address, address_version, ..to.info.clone() };
            network.members[from].node.peers().learn(to.id(), info, AddressSource::Router);
        }
        let mut voters = BTreeSet::from([first.id()]);
        for other in &network.members[1..] {
            let info = other.info.clone();
            first.node.raft().add_learner(other.id(), info, true).await.expect("added");
            voters.insert(other.id());
        }
        first.node.raft().change_membership(voters, true).await.expect("changed");
        for other in &network.members[1..] {
            other.level_with(first).await;
        }
        network
    }

    /// From now on the masters campaign, as they do without a router.
    pub fn elect_by_themselves(&self) {
        for master in &self.members[..self.members.len() - 1] {
            master.node.raft().runtime_config().elect(true);
        }
    }

    pub fn witness(&self) -> &Member {
        self.members.last().expect("there is one")
    }

    /// Whether what `from` sends arrives at `to`.
    pub fn connect(&self, from: usize, to: usize, gets_through: bool) {
        self.wires[&(from, to)].send_replace(gets_through);
    }

    /// Listens on behalf of `from`, which calls `to`.
    async fn relay(&self, from: usize, to: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound").to_string();
        let target = self.members[to].info.peer_address.clone();
        let wires = Arc::clone(&self.wires);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let Ok(called) = TcpStream::connect(&target).await else { continue };
                let _small = (caller.set_nodelay(true), called.set_nodelay(true));
                let (heard, told) = caller.into_split();
                let (answered, asked) = called.into_split();
                tokio::spawn(carry(heard, asked, wires[&(from, to)].subscribe()));
                tokio::spawn(carry(answered, told, wires[&(to, from)].subscribe()));
            }
        });
        address
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        let open = wire.wait_for(|open| *open).await.is_ok();
        if !open || to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}

/// Waits until `member` leads and has written; on a busy machine it may seem cut off again
/// meanwhile.
pub async fn serves(member: &Member) {
    let writes = member.writes();
    let named = format!("by-{}", member.info.name);
    while writes.submit(account(&named)).await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
    while member.reads().confirm().await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `member` knows that no quorum answers it.
pub async fn is_cut_off(member: &Member) {
    let mut cut_off = member.node.peers().cut_off();
    let told = cut_off.wait_for(|cut_off| *cut_off);
    timeout(DEADLINE, told).await.expect("in time").expect("the node runs");
}
