//! The cluster to which the masters of one data directory belong.
//!
//! If the router has lost its disk and a master in a new slot happens to report first, it must not
//! be taken for the first master of a new cluster. So the cluster's id is also kept in the data
//! directory.

use std::{io, path::PathBuf};

use crate::{
    domain::ClusterId,
    host::disk,
    slot::{self, CLUSTER_ID_FILE, ClusterIdLineError, SlotInfo},
};

/// The file's contents cannot be read. A master that treated the file as absent might bootstrap a
/// second cluster beside the first.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path}: {source}{}", remedy(.source))]
pub struct ClusterIdFileError {
    path: PathBuf,
    source: Unreadable,
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    Disk(#[source] io::Error),
    #[error("{0}")]
    Line(#[from] ClusterIdLineError),
}

fn remedy(source: &Unreadable) -> &'static str {
    match source {
        Unreadable::Disk(_) => "",
        Unreadable::Line(error) if error.is_another_version() => "",
        Unreadable::Line(_) => {
            "; remove the file: it is written again when a master has found its cluster"
        }
    }
}

fn path(slot: &SlotInfo) -> Option<PathBuf> {
    Some(slot.directory.parent()?.join(CLUSTER_ID_FILE))
}

/// The cluster of the other slots in this data directory, if it is known.
pub fn load(slot: &SlotInfo) -> Result<Option<ClusterId>, ClusterIdFileError> {
    let Some(path) = path(slot) else { return Ok(None) };
    let read = || match disk::read_text(&path).map_err(Unreadable::Disk)? {
        Some(text) => Ok(Some(slot::cluster_in(&text)?)),
        None => Ok(None),
    };
    read().map_err(|source| ClusterIdFileError { path: path.clone(), source })
}

/// Removes the saved cluster if it is this one, which was abandoned.
pub fn forget(slot: &SlotInfo, cluster: ClusterId) -> io::Result<()> {
    match path(slot) {
        Some(path) if matches!(load(slot), Ok(Some(known)) if known == cluster) => {
            disk::remove(&path).map(drop)
        }
        _ => Ok(()),
    }
}

/// Saves the cluster for future slots.
pub fn save(slot: &SlotInfo, cluster: ClusterId) {
    if matches!(load(slot), Ok(Some(known)) if known == cluster) {
        return;
    }
    let data_dir = slot.directory.parent();
    let written =
        data_dir.map_or(Ok(()), |data_dir| slot::save_cluster_id(data_dir, slot.number, cluster));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot save the cluster's id in the data directory");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli;

    const CLUSTER: ClusterId = ClusterId::new(0xab);

    fn slot_in(data: &tempfile::TempDir) -> SlotInfo {
        let directory = data.path().join("slot-002");
        SlotInfo { number: 2, directory, reboots: 0 }
    }

    #[test]
    fn the_cluster_is_remembered_in_a_line_that_people_can_read() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let slot = slot_in(&data);
        assert_eq!(load(&slot).expect("readable"), None);
        save(&slot, CLUSTER);
        assert_eq!(load(&slot).expect("readable"), Some(CLUSTER));
        let line = fs::read_to_string(data.path().join("cluster-id")).expect("readable");
        assert!(
            line.starts_with("tinysns cluster-id 1 000000000000000000000000000000ab "),
            "{line}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_absent() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let slot = slot_in(&data);
        let newer = "tinysns cluster-id 2 ab";
        let newer = format!("{newer} {:08x}\n", crc32fast::hash(newer.as_bytes()));
        for (text, said, code) in [
            ("", "remove the file", 1),
            ("000000000000000000000000000000ab\n", "remove the file", 1),
            (&newer, "upgrade this node", 64),
        ] {
            fs::write(data.path().join("cluster-id"), text).expect("written");
            let error = load(&slot).expect_err("refused");
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(cli::exit_code(Err(error.into())), code, "{text:?}");
        }
    }
}
