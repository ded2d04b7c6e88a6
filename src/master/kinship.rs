//! Which cluster the masters of one data directory belong to.
//!
//! A new slot beside old ones must not be taken for the first master of a new cluster, should the
//! router have lost its disk and this master happen to report first. So the cluster's id lies in
//! the data directory too.

use std::{fs, path::PathBuf};

use crate::{domain::ClusterId, slot::Berth};

fn path(berth: &Berth) -> Option<PathBuf> {
    Some(berth.directory.parent()?.join("cluster-id"))
}

/// The cluster of the slots beside this one.
pub fn recall(berth: &Berth) -> Option<ClusterId> {
    fs::read_to_string(path(berth)?).ok()?.trim().parse().ok()
}

/// Notes the cluster for slots to come.
pub fn remember(berth: &Berth, cluster: ClusterId) {
    if recall(berth) == Some(cluster) {
        return;
    }
    let written = path(berth).map_or(Ok(()), |path| fs::write(path, format!("{cluster}\n")));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot note the cluster's id in the data directory");
    }
}
