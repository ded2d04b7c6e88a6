//! The witness as the registry's neighbour: reports as a master does, and obeys as one.

use openraft::ServerState;
use tokio::sync::mpsc;

use super::{hub::Handle, registry::Progress};
use crate::{
    replication::node::{Node, Standing},
    wire::internal::{Directive, directive},
};

/// Reports to `hub` until the router stops.
pub async fn run(node: Node, hub: Handle, mut directives: mpsc::Receiver<Directive>) {
    let mut server = node.raft().server_metrics();
    let mut data = node.raft().data_metrics();
    let mut probe = 0;
    loop {
        let progress = progress(&node, probe).await;
        hub.witness(node.id(), progress).await;
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

async fn progress(node: &Node, probe: u64) -> Progress {
    let Standing { term, last_log, applied, leading, voter, voters } = node.standing().await;
    Progress { term, last_log, applied, leading, voter, voters, cluster: node.cluster(), probe }
}
