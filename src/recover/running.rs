//! What the router says of nodes that are still up: whether anything has to be recovered at all, and whether one of
//! them has something newer than what was named.

use std::collections::BTreeSet;

use crate::{
    client::{self, ClientError, ClusterStatus, MasterState},
    domain::{ClusterId, NodeId},
    operator,
    replication::recovery::assessment::{Copy, Plan},
    settings::RecoverSettings,
};

/// A node that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningNode {
    /// In words.
    pub name: String,
    /// Which one, if the router tells, and if it is known to have what it had.
    pub node: Option<NodeId>,
    /// The end of its log.
    pub last_log_index: u64,
    /// Whether it is the router's witness.
    pub witness: bool,
}

/// What the router at `router` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its address.
    pub router: String,
    /// What it says.
    pub answer: Answer,
}

/// What a router says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: it cannot be asked, for this reason.
    None(String),
    /// It is of another cluster, or of none.
    OfAnother(Option<ClusterId>),
    /// These nodes of the cluster are up, and none of them serves.
    Up(Vec<RunningNode>),
}

/// Nothing is made while these are up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RunningError {
    /// The cluster serves.
    #[error("the cluster is up, and {0} serves it: nothing has to be recovered")]
    Serves(String),
    /// It was recovered before.
    #[error(
        "the router at {router} is of cluster {cluster}, which was made of what was left of this one: nothing has to \
         be recovered again"
    )]
    Recovered {
        /// The router.
        router: String,
        /// The new cluster.
        cluster: ClusterId,
    },
    /// More would be lost than has to be.
    #[error(
        "{} is up, and its log goes to entry {}, further than any that was named: stop {}, and name its \
         directory, too",
        .0.name, .0.last_log_index, if .0.witness { "the router" } else { "it" }
    )]
    Newer(RunningNode),
}

impl Running {
    /// Asks the router that the settings name. `copies` are stopped, whatever it says.
    pub async fn ask(settings: &RecoverSettings, copies: &[Copy]) -> anyhow::Result<Self> {
        let RecoverSettings { client, secret, nodes, .. } = settings;
        let viewer = operator::viewer(client, secret.as_ref(), nodes)?;
        let router = client.router.clone();
        let asked = client::cluster_for(&router, &viewer).await;
        Ok(Self::of(router, &asked, copies).map_err(super::Refusal::Running)?)
    }

    fn of(
        router: String,
        asked: &Result<ClusterStatus, ClientError>,
        copies: &[Copy],
    ) -> Result<Self, RunningError> {
        let status = match asked {
            Ok(status) => status,
            Err(error) => return Ok(Self { router, answer: Answer::None(error.to_string()) }),
        };
        let of_router = status.cluster();
        let own = copies.first().map(|copy| copy.cluster);
        if of_router.is_none() || of_router != own {
            if let Some((cluster, own)) = of_router.zip(own)
                && cluster.succeeds(own)
            {
                return Err(RunningError::Recovered { router, cluster });
            }
            return Ok(Self { router, answer: Answer::OfAnother(of_router) });
        }
        if let Some(name) = &status.available {
            return Err(RunningError::Serves(name.clone()));
        }
        let is_stopped = |node: Option<NodeId>| copies.iter().any(|copy| Some(copy.node) == node);
        let masters = status.masters.iter().filter(|master| master.state != MasterState::Down);
        let masters = masters.filter(|master| !is_stopped(master.node)).map(|master| RunningNode {
            name: master.name.clone(),
            node: master.node,
            last_log_index: master.last_log_index,
            witness: false,
        });
        // Its log may be a new one, which says nothing; and the router does not tell its id.
        let witness = Some(status.router.last_log_index).filter(|last| *last > 0);
        let witness = witness.map(|last_log_index| RunningNode {
            name: "the router's witness".to_owned(),
            node: None,
            last_log_index,
            witness: true,
        });
        Ok(Self { router, answer: Answer::Up(masters.chain(witness).collect()) })
    }

    /// Who is up.
    pub fn up(&self) -> BTreeSet<NodeId> {
        self.nodes().iter().filter_map(|running| running.node).collect()
    }

    /// Refuses a plan that leaves out something newer.
    pub fn check(&self, plan: &Plan) -> Result<(), RunningError> {
        let newer = self.nodes().iter().find(|running| running.last_log_index > plan.end.index);
        newer.map_or(Ok(()), |newer| Err(RunningError::Newer(newer.clone())))
    }

    fn nodes(&self) -> &[RunningNode] {
        if let Answer::Up(nodes) = &self.answer { nodes } else { &[] }
    }
}
