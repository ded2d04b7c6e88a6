//! The network of a run: a namespace a node, each connected to a bridge. The clients are at the
//! bridge itself.

use std::{fmt::Write as _, net::Ipv4Addr, process::Stdio};

use tokio::process::Command;

/// The clients, at the bridge.
pub const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The relays that delay what is sent, at the bridge.
pub const RELAYS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Where clients find the router.
pub const ROUTER_PORT: u16 = 3010;
/// Where masters find the router's witness.
pub const WITNESS_PORT: u16 = 3011;
/// Where clients find a master.
pub const CLIENT_PORT: u16 = 4000;
/// Where the other nodes find a master.
pub const PEER_PORT: u16 = 4001;

/// A node: the router is 0, and the masters are counted from 1.
pub type Node = usize;

/// The router.
pub const ROUTER: Node = 0;

/// A node's address.
pub fn address(node: Node) -> Ipv4Addr {
    let number = u8::try_from(node).expect("a run has few nodes");
    Ipv4Addr::new(10, 0, 0, 10 + number)
}

/// The ports at which a node listens.
pub fn ports(node: Node) -> [u16; 2] {
    if node == ROUTER { [ROUTER_PORT, WITNESS_PORT] } else { [CLIENT_PORT, PEER_PORT] }
}

/// Where something happens on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the bridge.
    Clients,
    /// In a node's namespace.
    Node(Node),
}

impl Place {
    /// Its address.
    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Clients => CLIENTS,
            Self::Node(node) => address(node),
        }
    }

    /// The words before a command that is to run there.
    pub fn enter(self) -> String {
        match self {
            Self::Clients => String::new(),
            Self::Node(node) => format!("nsenter --net=/run/netns/node-{node} "),
        }
    }
}

/// A rule of a packet filter that is in force until it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    place: Place,
    /// As `iptables` takes it after the name of the command: chain, conditions, target.
    words: String,
    table: &'static str,
}

impl Rule {
    /// A rule that lets packets pass or not.
    pub fn filter(place: Place, words: impl Into<String>) -> Self {
        Self { place, words: words.into(), table: "filter" }
    }

    /// A rule that sends packets elsewhere.
    pub fn nat(place: Place, words: impl Into<String>) -> Self {
        Self { place, words: words.into(), table: "nat" }
    }

    fn command(&self, action: &str) -> String {
        let Self { place, words, table } = self;
        format!("{}iptables -w -t {table} {action} {words}\n", place.enter())
    }
}

/// Puts rules in force, all or none.
pub async fn add(rules: &[Rule]) {
    let script: String = rules.iter().map(|rule| rule.command("-A")).collect();
    shell(&script).await;
}

/// Removes rules that are in force.
pub async fn remove(rules: &[Rule]) {
    let script: String = rules.iter().map(|rule| rule.command("-D")).collect();
    shell(&script).await;
}

/// Nothing gets from one place to another.
pub fn cut(from: Place, to: Place) -> Rule {
    Rule::filter(to, format!("INPUT -s {} -j DROP", from.address()))
}

/// Nothing gets to a node or away from it.
pub fn cut_off(node: Node) -> Vec<Rule> {
    let rule = |words: &str| Rule::filter(Place::Node(node), words);
    vec![rule("INPUT -i eth0 -j DROP"), rule("OUTPUT -o eth0 -j DROP")]
}

/// Makes the bridge, and the namespaces of the router and this many masters.
pub async fn build(masters: usize) {
    let mut script = format!(
        "ip link add name hub type bridge
        ip address add {CLIENTS}/24 dev hub
        ip address add {RELAYS}/24 dev hub
        ip link set hub up\n"
    );
    for node in 0..=masters {
        let inside = Place::Node(node).enter();
        let address = address(node);
        writeln!(
            script,
            "ip netns add node-{node}
            ip link add name to-{node} type veth peer name eth0 netns node-{node}
            ip link set to-{node} master hub up
            {inside} ip address add {address}/24 dev eth0
            {inside} ip link set lo up
            {inside} ip link set eth0 up"
        )
        .expect("text grows");
    }
    shell(&script).await;
}

/// Runs commands, each of which must succeed; returns what they print.
pub async fn shell(script: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
