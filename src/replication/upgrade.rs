//! In which version of the format the cluster writes: the newest that all its members speak.
//!
//! The leader proposes it when the last member has been upgraded, and the state machine of every
//! master checks it again against the membership at that place in the log. The version never
//! decreases. A command that was introduced with a version is not logged before the cluster has
//! reached it.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Batch, StoredMembership, node::Node};
use crate::{
    envelope::{SupportedVersions, Version},
    planted::{self, PlantedFault},
};

/// Between attempts: there is no hurry.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The version to which a cluster that writes in `current` should change, given what its members
/// speak.
pub fn next(current: Version, members: &[SupportedVersions]) -> Option<Version> {
    let newest = if planted::is(PlantedFault::UpgradeBeforeAllCan) {
        members.iter().map(|member| member.newest).max()?
    } else {
        members.iter().map(|member| member.newest).min()?
    };
    is_due(current, newest, members).then_some(newest)
}

/// Whether a cluster that writes in `current` may change to `version`, given what its members
/// speak.
pub fn is_due(current: Version, version: Version, members: &[SupportedVersions]) -> bool {
    let can = |member: &SupportedVersions| member.includes(version);
    version > current
        && (members.iter().all(can)
            || planted::is(PlantedFault::UpgradeBeforeAllCan) && members.iter().any(can))
}

/// Which versions the members speak, voters and learners.
pub fn supported_by_members(membership: &StoredMembership) -> Vec<SupportedVersions> {
    membership.membership().nodes().map(|(_, info)| info.supported_versions).collect()
}

/// Whether a command that was introduced with the version `since` may be logged in a cluster that
/// writes in `cluster`.
pub fn may_be_logged(since: Version, cluster: Version) -> bool {
    since <= cluster
}

/// Reports changes, and makes them while this node leads; runs until cancelled.
pub async fn run(node: Node, cancelled: CancellationToken) {
    let mut metrics = node.raft().server_metrics();
    let mut version = node.version();
    let mut told = None;
    loop {
        let current = *version.borrow_and_update();
        if told.replace(current) != Some(current) {
            node.peers().set_version(current);
            tracing::info!(version = %current, "format of the cluster");
        }
        let due = {
            let now = metrics.borrow_and_update();
            next(current, &supported_by_members(&now.membership_config)).filter(|_| node.leads())
        };
        let retry = async {
            match due {
                Some(_) => sleep(RETRY_AFTER).await,
                None => std::future::pending().await,
            }
        };
        if let Some(due) = due
            && let Err(error) = node.raft().client_write(Batch::upgrade(due)).await
        {
            tracing::debug!(%error, "the cluster's format is not changed yet");
        }
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            changed = metrics.changed() => if changed.is_err() { return },
            changed = version.changed() => if changed.is_err() { return },
            () = retry => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_all_members_speak_comes_next_and_never_an_older_one() {
        for (current, members, expected) in [
            (1, &[(1, 1), (1, 1)][..], None),
            (1, &[(1, 2), (1, 1)], None),
            (1, &[(1, 2), (1, 2)], Some(2)),
            (1, &[(1, 3), (2, 2)], Some(2)),
            (1, &[(1, 3), (1, 4)], Some(3)),
            (1, &[(1, 2), (3, 4)], None),
            (2, &[(1, 2), (1, 2)], None),
            (2, &[(1, 1), (1, 2)], None),
            (2, &[(1, 1), (1, 1)], None),
            (1, &[], None),
        ] {
            let members: Vec<SupportedVersions> =
                members.iter().map(|supported_versions| member(*supported_versions)).collect();
            let found = next(Version::new(current), &members);
            assert_eq!(found, expected.map(Version::new), "{current}: {members:?}");
        }
    }

    #[test]
    fn a_command_waits_for_the_version_that_it_came_with() {
        for (since, cluster, logged) in [(1, 1, true), (1, 2, true), (2, 1, false), (2, 2, true)] {
            let found = may_be_logged(Version::new(since), Version::new(cluster));
            assert_eq!(found, logged, "{since} in {cluster}");
        }
    }

    fn member((oldest, newest): (u8, u8)) -> SupportedVersions {
        SupportedVersions { oldest: Version::new(oldest), newest: Version::new(newest) }
    }
}
