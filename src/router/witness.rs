//! The witness as the registry's neighbour: reports as a master does, and obeys as one.

use openraft::ServerState;
use tokio::sync::mpsc;

use super::hub::Handle;
use crate::{
    replication::node::Node,
    wire::internal::{Directive, directive},
};

/// Reports to `hub` until the router stops.
pub async fn run(node: Node, hub: Handle, mut directives: mpsc::Receiver<Directive>) {
    let mut server = node.raft().server_metrics();
    let mut data = node.raft().data_metrics();
    let mut probe = 0;
    loop {
        hub.witness(node.id(), node.progress(probe).await).await;
        let leads = server.borrow_and_update().state == ServerState::Leader;
        tokio::select! {
            changed = server.changed() => if changed.is_err() { return },
            // While it leads, the registry waits for its entries to be where they are needed.
            changed = data.changed(), if leads => if changed.is_err() { return },
            directive = directives.recv() => match directive {
                Some(Directive { directive }) => match directive {
                    Some(directive::Directive::Probe(asked)) => probe = asked.number,
                    Some(directive::Directive::Stand(_)) => {
                        tracing::info!("the witness stands for election");
                        node.stand().await;
                    }
                    _ => {}
                },
                None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::{
        replication::tests::{
            cluster::{CLUSTER, DEADLINE, Member, only_the_witness_knows},
            entries::{name, view},
        },
        router::{
            hub::{Hub, Place, Session},
            registry::Hello,
        },
    };

    const PATIENT: Duration = Duration::from_mins(1);

    fn hello(master: &Member) -> Hello {
        Hello {
            node: master.id(),
            name: master.info.name.clone(),
            cluster: Some(CLUSTER),
            client_address: "nowhere:1".to_owned(),
            peer_address: master.info.peer_address.clone(),
            pid: 1,
            reboots: 0,
            host: String::new(),
        }
    }

    /// Reports and obeys for a master.
    async fn report(node: Node, hub: Handle, Session { id, mut directives }: Session) {
        let mut server = node.raft().server_metrics();
        let mut probe = 0;
        loop {
            hub.progress(id, node.progress(probe).await).await;
            server.borrow_and_update();
            tokio::select! {
                changed = server.changed() => changed.expect("runs"),
                directive = directives.recv() => match directive.and_then(|said| said.directive) {
                    Some(directive::Directive::Probe(asked)) => probe = asked.number,
                    Some(directive::Directive::Stand(_)) => node.stand().await,
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    #[tokio::test]
    async fn a_master_serves_what_only_the_witness_had() {
        let (master, witness) = only_the_witness_knows().await;

        let (directives, obeyed) = mpsc::channel(8);
        let place = Place { address: "nowhere:2".to_owned(), witness_port: 0 };
        let (hub, handle) = Hub::new(witness.node.clone(), directives, PATIENT, place);
        tokio::spawn(hub.run());
        tokio::spawn(run(witness.node.clone(), handle.clone(), obeyed));
        let session = handle.open(hello(&master)).await.expect("the hub runs");
        tokio::spawn(report(master.node.clone(), handle.clone(), session));

        let mut location = handle.location();
        let serves = location.wait_for(|now| now.available.is_some());
        let serves = timeout(DEADLINE, serves).await.expect("in time").expect("the hub runs");
        let available = serves.available.as_ref().map(|server| server.name.as_str());
        assert_eq!(available, Some("server-2"));
        master.reads().confirm().await.expect("it leads");
        let found = view(master.state()).account_by_name(&name("ann")).expect("readable");
        assert!(found.is_some(), "what was acknowledged is there");
    }
}
