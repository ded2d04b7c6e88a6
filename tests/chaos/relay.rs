//! A slow way to a node and away from it: relays that keep everything they are sent for a while.
//!
//! There is no `netem` in many kernels, so connections are led through this process. Those that are
//! open already are reset when the fault begins, and those through the relays when it ends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::network::{Node, Place, RELAYS, Rule, address, ports};

/// Chunks that may be on their way in one direction of a connection.
const ON_THE_WAY: usize = 1024;
const CHUNK: usize = 16 * 1024;

/// Slow ways, for as long as it is kept.
pub struct Relays {
    _tasks: JoinSet<()>,
    /// What leads connections through them.
    pub rules: Vec<Rule>,
}

impl Relays {
    /// Everything between a node and all other places takes this long in each direction.
    pub async fn around(slow: Node, others: &[Place], delay: Duration) -> Self {
        let mut tasks = JoinSet::new();
        let mut rules = Vec::new();
        for port in ports(slow) {
            let relay = listen(&mut tasks, (address(slow), port).into(), delay).await;
            rules.extend(others.iter().map(|place| lead(*place, slow, port, relay)));
        }
        for place in others {
            let Place::Node(other) = *place else { continue };
            for port in ports(other) {
                let relay = listen(&mut tasks, (address(other), port).into(), delay).await;
                rules.push(lead(Place::Node(slow), other, port, relay));
            }
        }
        let node = Place::Node(slow);
        let reset = "-p tcp -m conntrack ! --ctstate DNAT -j REJECT --reject-with tcp-reset";
        rules.push(Rule::filter(node, format!("INPUT -i eth0 ! -s {RELAYS} {reset}")));
        rules.push(Rule::filter(node, format!("OUTPUT -o eth0 ! -d {RELAYS} {reset}")));
        Self { _tasks: tasks, rules }
    }
}

/// Connections from a place to a node's port go to a relay, but not the relay's own.
fn lead(from: Place, to: Node, port: u16, relay: SocketAddr) -> Rule {
    let to = address(to);
    let words = format!(
        "OUTPUT -p tcp ! -s {RELAYS} -d {to} --dport {port} -j DNAT --to-destination {relay}"
    );
    Rule::nat(from, words)
}

async fn listen(tasks: &mut JoinSet<()>, to: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind((RELAYS, 0)).await.expect("a free port of our own network");
    let own = listener.local_addr().expect("it is bound");
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        // A connection that breaks is of no concern here: its two ends notice.
        while let Ok((caller, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(relay(caller, to, delay));
        }
    });
    own
}

async fn relay(caller: TcpStream, to: SocketAddr, delay: Duration) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((RELAYS, 0).into()).expect("an address of our own network");
    let Ok(called) = socket.connect(to).await else { return };
    let _plain = (caller.set_nodelay(true), called.set_nodelay(true));
    let (caller_reads, caller_writes) = caller.into_split();
    let (called_reads, called_writes) = called.into_split();
    tokio::join!(
        one_way(caller_reads, called_writes, delay),
        one_way(called_reads, caller_writes, delay)
    );
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            match from.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(length) => chunk.truncate(length),
            }
            if sender.send((Instant::now() + delay, chunk)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = on_the_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
