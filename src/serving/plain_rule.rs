//! Which calls are taken over connections that are not encrypted.

use std::net::SocketAddr;

use tonic::{Status, codegen::http::Request};

use crate::{node_auth::NodeAuth, settings::PlainCalls, tls::Protection};

/// How calls of the classic protocol begin, whose clients cannot encrypt anything.
const CLASSIC: [&str; 2] = ["/csce662.SNSService/", "/csce438.SNSService/"];
/// How calls of nodes begin, which are refused elsewhere, with reasons that nodes understand.
const NODES: &str = "/tinysns.internal.v1.";
/// How calls of the health service begin, which says nothing that is worth protecting, to whatever
/// watches this process.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Decides about calls.
#[derive(Clone)]
pub struct PlainRule {
    clients: PlainCalls,
    /// Who are the nodes, which have a rule of their own.
    nodes: Option<NodeAuth>,
}

impl PlainRule {
    /// All calls are taken.
    pub const NONE: Self = Self { clients: PlainCalls::Allow, nodes: None };

    /// Calls of these clients are taken, and those of nodes.
    pub fn new(clients: PlainCalls, nodes: NodeAuth) -> Self {
        Self { clients, nodes: Some(nodes) }
    }

    /// Whether a call is taken that has come from `peer` over a connection that is protected like
    /// this. Classic calls are not served at all where they are not wanted.
    pub fn check<T>(
        &self,
        request: &Request<T>,
        peer: SocketAddr,
        protection: Protection,
    ) -> Result<(), Status> {
        let path = request.uri().path();
        let is_node = || {
            self.nodes.as_ref().is_some_and(|nodes| nodes.is_node(request.headers(), protection))
        };
        let is_taken = protection != Protection::InClear
            || self.takes_clear(peer)
            || CLASSIC.iter().any(|classic| path.starts_with(classic))
            || path.starts_with(HEALTH)
            || path.starts_with(NODES)
            || is_node();
        if is_taken { Ok(()) } else { Err(refusal()) }
    }

    /// Whether clients at this address may call without encryption.
    pub fn takes_clear(&self, peer: SocketAddr) -> bool {
        match self.clients {
            PlainCalls::Allow => true,
            PlainCalls::Loopback => peer.ip().to_canonical().is_loopback(),
            PlainCalls::Refuse => false,
        }
    }
}

fn refusal() -> Status {
    Status::failed_precondition(
        "this network takes encrypted connections only: begin its address with https://, such as \
         `--router https://NAME:PORT`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    const FROM_HERE: &str = "[::ffff:127.0.0.1]:4000";
    const FROM_ELSEWHERE: &str = "192.0.2.7:4000";
    const PUBLISH: &str = "/tinysns.v1.SocialService/Publish";

    #[test]
    fn calls_in_clear_are_taken_from_those_who_may_and_for_what_needs_no_protection() {
        use PlainCalls::{Allow, Loopback, Refuse};
        use Protection::{Encrypted, InClear, Node};
        for (clients, from, path, protection, is_taken) in [
            (Allow, FROM_ELSEWHERE, PUBLISH, InClear, true),
            (Loopback, FROM_ELSEWHERE, PUBLISH, InClear, false),
            (Loopback, FROM_HERE, PUBLISH, InClear, true),
            (Refuse, FROM_HERE, PUBLISH, InClear, false),
            (Refuse, FROM_ELSEWHERE, PUBLISH, Encrypted, true),
            (Refuse, FROM_ELSEWHERE, PUBLISH, Node, true),
            (Refuse, FROM_ELSEWHERE, "/csce662.SNSService/List", InClear, true),
            (Refuse, FROM_ELSEWHERE, "/csce438.SNSService/List", InClear, true),
            (Refuse, FROM_ELSEWHERE, "/grpc.health.v1.Health/Check", InClear, true),
            (Refuse, FROM_ELSEWHERE, "/grpc.reflection.v1.ServerReflection/X", InClear, false),
        ] {
            let nodes = NodeAuth::in_clear(Secret::new("the secret of the cluster"));
            let rule = PlainRule::new(clients, nodes);
            let request = Request::builder().uri(path).body(()).expect("a path");
            let outcome = rule.check(&request, from.parse().expect("an address"), protection);
            assert_eq!(outcome.is_ok(), is_taken, "{clients:?} {from} {path} {protection:?}");
        }
    }
}
