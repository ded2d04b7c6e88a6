//! `tinysns restore`: makes the beginning of a new cluster of a backup, in an empty data directory.

use std::{
    io::{self, BufReader},
    path::PathBuf,
    process::ExitCode,
};

use chrono::DateTime;

use crate::{
    domain::{ClusterId, NodeId},
    host::{disk, random, stdio, untouched},
    progress::ProgressLines,
    replication::backup::{
        file::{BackupReader, ReadError},
        format::BackupHeader,
        founding::{self, SessionsAfter},
    },
    settings::RestoreSettings,
    slot::{self, Slot},
};

const KIB: u64 = 1 << 10;

/// Something that was asked for cannot be done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It is something else, or damaged in its beginning.
    #[error("{path} is no backup that can be restored: {source}; nothing was changed")]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
}

/// Restores, and says what was made and how to go on.
pub fn run(settings: &RestoreSettings) -> anyhow::Result<ExitCode> {
    let RestoreSettings { file: path, data_dir, keeps_sessions } = settings;
    let unreadable = |source| Refusal::Unreadable { path: path.clone(), source };
    let file = untouched::open(path).map_err(unreadable)?;
    let file = file.ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
    let mut backup = BackupReader::new(BufReader::new(file));
    let header = backup.header();
    let header = header.map_err(|source| Refusal::NoBackup { path: path.clone(), source })?;
    slot::must_be_new(data_dir)?;
    stdio::print_error(&format!("restoring {}", describe(&header)));
    let slot = Slot::claim(data_dir)?;
    let sessions = if *keeps_sessions { SessionsAfter::Kept } else { SessionsAfter::Ended };
    let cluster = ClusterId::new(random::wide_id());
    let name = slot::server_name(slot.number());
    let node = NodeId::new(random::id());
    let (mut lines, mut so_far) = (ProgressLines::new(), 0);
    let directory = slot.info(0).directory;
    let made = founding::found(
        backup,
        header.applied,
        &directory,
        (cluster, node, &name),
        sessions,
        &mut |bytes| {
            so_far += bytes;
            lines.print(|| format!("restored {} KiB", so_far / KIB));
        },
    );
    let content = match made {
        Ok(content) => content,
        Err(error) => {
            drop(slot);
            disk::remove_directory(&directory)?;
            let path = path.display();
            return Err(anyhow::Error::new(error)
                .context(format!("{path} cannot be restored, and nothing was")));
        }
    };
    slot::save_cluster_id(data_dir, slot.number(), cluster)?;
    let logged_in = match sessions {
        SessionsAfter::Ended => "everybody has to log in again",
        SessionsAfter::Kept => "who was logged in still is",
    };
    Ok(stdio::exit_code(stdio::print(&format!(
        "{}: {} accounts and {} posts, as the new cluster {cluster}; {logged_in}\n\
         start a router with an empty directory (router_data_dir), then a slave with this one (data_dir = {}), and \
         further slaves with empty ones\n",
        directory.display(),
        content.users,
        content.posts,
        data_dir.display(),
    ))))
}

fn describe(BackupHeader { made_at, cluster, applied }: &BackupHeader) -> String {
    let moment = DateTime::from_timestamp_millis(made_at.get()).unwrap_or_default();
    let moment = moment.format("%Y-%m-%d %H:%M:%S UTC");
    format!("cluster {cluster} up to entry {}, as it was at {moment}", applied.index)
}
