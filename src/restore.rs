//! `tinysns restore`: makes the beginning of a new cluster of a backup, in an empty data directory.

use std::{io::Read, process::ExitCode};

use chrono::DateTime;

use crate::{
    domain::{ClusterId, NodeId},
    host::{disk, random, stdio, thread},
    progress::ProgressLines,
    replication::backup::{
        file::{BackupReader, ReadError},
        format::BackupHeader,
        founding::{self, SessionsAfter},
        place::Place,
    },
    settings::RestoreSettings,
    slot::{self, Slot},
};

const KIB: u64 = 1 << 10;

/// Something that was asked for cannot be done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The backup.
    #[error("cannot read {0}: it is not there; nothing was changed")]
    NotThere(String),
    /// It is something else, or damaged in its beginning.
    #[error("{place} is no backup that can be restored: {source}; nothing was changed")]
    NoBackup {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        source: ReadError,
    },
}

/// Restores, and says what was made and how to go on.
pub async fn run(settings: RestoreSettings) -> anyhow::Result<ExitCode> {
    let place = Place::open(settings.place.clone()).await?;
    let backup = place.read().await?.ok_or_else(|| Refusal::NotThere(place.to_string()))?;
    thread::run(move || restore(BackupReader::new(backup), &settings)).await?
}

fn restore(
    mut backup: BackupReader<impl Read>,
    settings: &RestoreSettings,
) -> anyhow::Result<ExitCode> {
    let RestoreSettings { place, data_dir, keeps_sessions } = settings;
    let header = backup.header();
    let header = header.map_err(|source| Refusal::NoBackup { place: place.to_string(), source })?;
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
            return Err(anyhow::Error::new(error)
                .context(format!("{place} cannot be restored, and nothing was")));
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
