//! `tinysns restore`: makes the beginning of a new cluster of a backup, in an empty data directory.

use std::{
    io::{self, BufReader},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use chrono::DateTime;

use crate::{
    domain::{ClusterId, NodeId},
    host::{disk, random, stdio, untouched},
    replication::backup::{
        file::{BackupReader, ReadError},
        format::BackupHeader,
        founding::{self, SessionsAfter},
    },
    settings::RestoreSettings,
    slot::{self, Slot},
};

/// Between two lines about how far it is.
const TELLS_EVERY: Duration = Duration::from_secs(2);
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
    /// Nothing is replaced.
    #[error(
        "{0} (data_dir) is not empty, and nothing in it is replaced: name an empty directory, or one that is not \
         there yet; nothing was changed"
    )]
    NotEmpty(PathBuf),
    /// It cannot be looked at.
    #[error("cannot use {path} (data_dir): {source}{}", disk::remedy(.source))]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
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
    match disk::names(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Refusal::Unusable { path: data_dir.clone(), source }.into()),
        Ok(names) if names.is_empty() => {}
        Ok(_) => return Err(Refusal::NotEmpty(data_dir.clone()).into()),
    }
    stdio::print_error(&format!("restoring {}", describe(&header)));
    let slot = Slot::claim(data_dir)?;
    let sessions = if *keeps_sessions { SessionsAfter::Kept } else { SessionsAfter::Ended };
    let cluster = ClusterId::new(random::wide_id());
    let name = slot::server_name(slot.number());
    let node = NodeId::new(random::id());
    let mut lines = ProgressLines::new();
    let directory = slot.info(0).directory;
    let made =
        founding::found(backup, &directory, (cluster, node, &name), sessions, &mut |bytes| {
            lines.read(bytes);
        });
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

/// How far it is, on standard error.
struct ProgressLines {
    bytes: u64,
    last: Instant,
}

impl ProgressLines {
    fn new() -> Self {
        Self { bytes: 0, last: Instant::now() }
    }

    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.last.elapsed() >= TELLS_EVERY {
            self.last = Instant::now();
            stdio::print_error(&format!("restored {} KiB", self.bytes / KIB));
        }
    }
}
