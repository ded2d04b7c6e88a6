//! Which nodes' data is in a directory, and that none of them is running meanwhile.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use super::{
    Inspection, InspectionError, LookedSoFar, NodeKind,
    finding::{Finding, Remedy},
    has_state, inspect, is_of_node, locks,
};
use crate::{
    host::{
        disk,
        untouched::{self, Claim},
    },
    progress::ProgressLines,
    serving::{CERTIFICATION_FILE, certification_in},
    slot::{self, CLUSTER_ID_FILE},
};

/// A directory that cannot be looked at now.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not there, or may not be read.
    #[error("cannot look at {path}: {source}")]
    Unusable {
        /// What cannot be read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There is nothing of ours in it.
    #[error(
        "there is no data of tinysns in {0}: name a data directory (data_dir), one of its slots, or the \
         router's directory (router_data_dir)"
    )]
    NoData(PathBuf),
    /// A process has it open.
    #[error(
        "{directory} is in use by a running node{}: stop its slave, or the router, first; nothing was looked at",
        .process.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The node's directory.
        directory: PathBuf,
        /// The master's process, if it is recorded.
        process: Option<String>,
    },
    /// A file is of another version.
    #[error("cannot look at {path}: {source}")]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The data of some nodes.
pub struct Data {
    directory: PathBuf,
    /// Each of them.
    pub nodes: Vec<NodeData>,
}

/// The data of one node.
pub struct NodeData {
    /// What its directory is called.
    pub name: String,
    /// Where it is.
    pub directory: PathBuf,
    /// Whose it is.
    pub kind: NodeKind,
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::Unusable { path: path.to_owned(), source }
}

impl NodeData {
    /// Looks at it, and says how far that is: of the node that is `called` so, for people who wait.
    pub fn inspect(&self, called: &str) -> Result<Inspection, InspectionError> {
        let (mut lines, mut so_far) = (ProgressLines::new(), LookedSoFar::default());
        inspect(&self.directory, self.kind, &mut |looked| {
            so_far.add(looked);
            lines.print(|| format!("{called}: {so_far}"));
        })
    }
}

impl Data {
    /// Finds out what is in `directory`.
    pub fn in_directory(directory: &Path) -> Result<Self, Refusal> {
        let unusable = unusable(directory);
        let slots = slot::names_in(directory).map_err(&unusable)?;
        let slot = |name: String| NodeData {
            directory: directory.join(&name),
            name,
            kind: NodeKind::Master,
        };
        let mut nodes: Vec<_> = slots.into_iter().map(slot).collect();
        if nodes.is_empty() && is_of_node(directory).map_err(&unusable)? {
            nodes.push(NodeData {
                name: name_of(directory),
                directory: directory.to_owned(),
                kind: kind_of(directory).map_err(&unusable)?,
            });
        }
        if nodes.is_empty() {
            return Err(Refusal::NoData(directory.to_owned()));
        }
        Ok(Self { directory: directory.to_owned(), nodes })
    }

    /// Keeps all of these nodes from being started, unless one is running.
    pub fn claim(&self) -> Result<Vec<Claim>, Refusal> {
        let mut claims = Vec::new();
        for NodeData { directory, .. } in &self.nodes {
            let locks = locks(directory).into_iter();
            for path in locks.chain([slot::lock_file(directory)]) {
                match untouched::claim(&path) {
                    Ok(claim) => claims.push(claim),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let (directory, process) = (directory.clone(), master_of(directory));
                        return Err(Refusal::InUse { directory, process });
                    }
                    Err(source) => return Err(Refusal::Unusable { path, source }),
                }
            }
        }
        Ok(claims)
    }

    /// What is damaged of the file that says to which cluster the slots belong, if it is there.
    pub fn look_at_cluster_id(&self) -> Result<Vec<Finding>, Refusal> {
        let path = self.directory.join(CLUSTER_ID_FILE);
        let Some(line) = untouched::read(&path).map_err(unusable(&path))? else {
            return Ok(Vec::new());
        };
        match slot::cluster_in(&String::from_utf8_lossy(&line)) {
            Ok(_) => Ok(Vec::new()),
            Err(error) if error.is_another_version() => {
                Err(Refusal::OtherVersion { path, source: error.into() })
            }
            Err(error) => Ok(vec![Finding {
                file: CLUSTER_ID_FILE.into(),
                position: None,
                damage: error.to_string(),
                remedy: Remedy::RemoveFile,
            }]),
        }
    }
}

impl NodeData {
    /// What is damaged of the certificate of which a router keeps a copy, if it does.
    pub fn look_at_certification(&self) -> Result<Option<Finding>, Refusal> {
        if self.kind == NodeKind::Master {
            return Ok(None);
        }
        let path = self.directory.join(CERTIFICATION_FILE);
        let Some(text) = untouched::read(&path).map_err(unusable(&path))? else { return Ok(None) };
        match certification_in(&text) {
            Ok(_) => Ok(None),
            Err(error) if error.is_another_version() => {
                Err(Refusal::OtherVersion { path, source: error.into() })
            }
            Err(error) => Ok(Some(Finding {
                file: CERTIFICATION_FILE.into(),
                position: None,
                damage: error.to_string(),
                remedy: Remedy::StartRouter,
            })),
        }
    }
}

fn name_of(directory: &Path) -> String {
    directory
        .file_name()
        .map_or_else(|| directory.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// A slot has a name and a lock of its own, and a state; the router's directory has none of these.
fn kind_of(directory: &Path) -> io::Result<NodeKind> {
    let has_lock = disk::length(&slot::lock_file(directory))?.is_some();
    let is_slot = has_lock || has_state(directory) || slot::is_name(&name_of(directory));
    Ok(if is_slot { NodeKind::Master } else { NodeKind::Witness })
}

fn master_of(slot: &Path) -> Option<String> {
    let pid = untouched::read(&slot::pid_file(slot)).ok()??;
    Some(String::from_utf8_lossy(&pid).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{domain::Certification, serving::certification_text};

    #[test]
    fn the_certificate_that_a_router_keeps_is_decoded_and_what_is_damaged_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let router = NodeData {
            name: "router".to_owned(),
            directory: directory.path().to_owned(),
            kind: NodeKind::Witness,
        };
        assert_eq!(router.look_at_certification().expect("readable"), None, "it keeps none");
        let text = certification_text(&Certification::default());
        let path = directory.path().join(CERTIFICATION_FILE);
        fs::write(&path, &text).expect("written");
        assert_eq!(router.look_at_certification().expect("readable"), None);
        for damaged in [String::new(), "no such text".to_owned(), text.replacen('A', "B", 1)] {
            fs::write(&path, damaged).expect("written");
            let found = router.look_at_certification().expect("readable").expect("damaged");
            assert_eq!(found.file, Path::new("certification"));
            assert_eq!(found.remedy, Remedy::StartRouter);
        }
        let master = NodeData { kind: NodeKind::Master, ..router };
        assert_eq!(master.look_at_certification().expect("readable"), None, "it is no router's");
    }
}
