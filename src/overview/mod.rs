//! The whole cluster at a glance, as the router sees it. Both `tinysns status` and the terminal
//! client show it.
//!
//! | file | what it is |
//! | --- | --- |
//! | `table` | pure: for people |
//! | `json` | pure: for programs, with stable names |
//! | `output_size` | how much room there is for a table |

pub mod json;
pub mod output_size;
pub mod table;

#[cfg(test)]
pub(crate) mod tests {
    use crate::{
        client::{ClusterStatus, MasterState, MasterStatus, RouterStatus, StatusView},
        domain::{NodeId, UnixMillis},
    };

    /// A cluster of two, one of which is down.
    pub fn cluster() -> ClusterStatus {
        let master = |name: &str, state, since_ms| MasterStatus {
            name: name.to_owned(),
            address: "10.0.0.1:3011".to_owned(),
            node: Some(NodeId::new(4)),
            peer_address: "10.0.0.1:3013".to_owned(),
            pid: 41,
            state,
            term: 7,
            last_log_index: 120,
            applied_index: 119,
            reboots: 2,
            since: UnixMillis::new(since_ms),
            voter: state != MasterState::Down,
            host: "here".to_owned(),
            clock_ahead_ms: 0,
        };
        ClusterStatus {
            cluster_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
            available: Some("server-2".to_owned()),
            masters: vec![
                master("server-1", MasterState::Down, 1_000),
                master("server-2", MasterState::Available, 61_000),
            ],
            router: RouterStatus {
                address: "10.0.0.9:3010".to_owned(),
                pid: 40,
                since: UnixMillis::EPOCH,
                term: 7,
                last_log_index: 120,
                voter: true,
                host: "here".to_owned(),
            },
            problems: Vec::new(),
            format: Some(1),
            view: StatusView::Operator,
        }
    }

    /// The same, as everybody sees it.
    pub fn public_cluster() -> ClusterStatus {
        let mut status = cluster();
        for master in &mut status.masters {
            (master.address, master.pid, master.host) = Default::default();
        }
        let router = &mut status.router;
        (router.address, router.pid, router.host) = Default::default();
        status.view = StatusView::Public;
        status
    }
}
