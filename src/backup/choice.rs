//! From which master a backup is taken. Pure.

use crate::{
    client::{ClusterStatus, MasterState, MasterStatus},
    domain::NodeId,
};

/// A master that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, for people.
    pub name: String,
    /// Its id.
    pub node: NodeId,
    /// Where it is asked, host:port.
    pub address: String,
    /// Whether it has other things to do: it is the available server.
    pub leads: bool,
}

/// Who is asked, one after the other: standbys, from the one that has applied most; then the available server,
/// which has other things to do.
pub fn in_order(status: &ClusterStatus) -> Vec<Candidate> {
    let rank = |master: &&MasterStatus| match master.state {
        MasterState::Standby => Some(0),
        MasterState::CatchingUp => Some(1),
        MasterState::Available => Some(2),
        MasterState::Down | MasterState::Unknown => None,
    };
    let mut masters: Vec<_> = status.masters.iter().filter(|it| rank(it).is_some()).collect();
    masters.sort_by_key(|master| (rank(master), u64::MAX - master.applied_index));
    let candidate = |master: &MasterStatus| {
        Some(Candidate {
            name: master.name.clone(),
            leads: master.state == MasterState::Available,
            node: master.node?,
            address: Some(master.peer_address.clone()).filter(|address| !address.is_empty())?,
        })
    };
    masters.into_iter().filter_map(candidate).collect()
}

/// The log index that a backup has to reach, so that nothing is missing of what the available server had when the
/// router last heard of it.
pub fn must_reach(status: &ClusterStatus) -> u64 {
    let available = status.masters.iter().find(|it| it.state == MasterState::Available);
    let masters = status.masters.iter().map(|master| master.applied_index);
    available.map_or_else(|| masters.max().unwrap_or_default(), |leader| leader.applied_index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{RouterStatus, StatusView},
        domain::UnixMillis,
    };

    fn status_of(masters: &[(&str, MasterState, u64)]) -> ClusterStatus {
        let master = |(name, state, applied_index): &(&str, MasterState, u64)| MasterStatus {
            name: (*name).to_owned(),
            address: "10.0.0.1:3011".to_owned(),
            node: Some(NodeId::new(4)),
            peer_address: "10.0.0.1:3013".to_owned(),
            pid: 41,
            state: *state,
            term: 7,
            last_log_index: 9,
            applied_index: *applied_index,
            reboots: 0,
            since: UnixMillis::EPOCH,
            voter: true,
            host: "here".to_owned(),
            clock_ahead_ms: 0,
        };
        ClusterStatus {
            cluster_id: None,
            available: None,
            masters: masters.iter().map(master).collect(),
            router: RouterStatus::default(),
            problems: Vec::new(),
            format: None,
            view: StatusView::Operator,
        }
    }

    #[test]
    fn standbys_are_asked_first_and_the_available_server_only_if_there_is_nobody_else() {
        let all = [
            ("leader", MasterState::Available, 9),
            ("behind", MasterState::CatchingUp, 2),
            ("older", MasterState::Standby, 8),
            ("newer", MasterState::Standby, 9),
            ("gone", MasterState::Down, 9),
        ];
        let status = status_of(&all);
        let names: Vec<_> = in_order(&status).into_iter().map(|it| (it.name, it.leads)).collect();
        let expected = ["newer", "older", "behind", "leader"];
        assert_eq!(names, expected.map(|name| (name.to_owned(), name == "leader")));
        assert_eq!(must_reach(&status), 9);
        assert_eq!(must_reach(&status_of(&all[1..])), 9, "nobody is available");
        assert_eq!(must_reach(&status_of(&[])), 0);
        let mut told_nothing = status_of(&all);
        told_nothing.masters[0].node = None;
        told_nothing.masters[3].peer_address.clear();
        let names: Vec<_> = in_order(&told_nothing).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["older", "behind"]);
    }
}
