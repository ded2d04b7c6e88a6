//! How much room this master has on its disk, measured again and again, and whether the network is read-only
//! because of that.
//!
//! The router hears of it with every report: it has another master lead, if one has room, and passes it on. What
//! the measurements mean is decided by [`control::room`](crate::control::room).

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    control::{
        ReceivedRoster, Room, RoomCondition,
        room::{self, Disk, Measured, RoomLimits},
    },
    host::{
        disk::{self, DiskSpace},
        thread,
    },
    metrics::{self, whole},
    replication::{compaction, node::Node},
    settings::DiskLimits,
};

/// Between two measurements: what fills up in less is more than any disk takes.
const EVERY: Duration = Duration::from_secs(1);

/// Knows how much room there is; clones share it.
#[derive(Clone)]
pub struct RoomHandle {
    room: watch::Receiver<Room>,
    roster: watch::Receiver<ReceivedRoster>,
}

impl RoomHandle {
    /// Of a master that always has this much room.
    #[cfg(test)]
    pub fn fixed(condition: RoomCondition) -> Self {
        let (_, room) = watch::channel(Room { condition, left: 0 });
        let (_, roster) = watch::channel(ReceivedRoster::default());
        Self { room, roster }
    }

    /// How much room this master has.
    pub fn room(&self) -> Room {
        *self.room.borrow()
    }

    /// Why nothing may be added at present, according to this master, which is `node`; none if something may.
    pub fn read_only(&self, node: &Node) -> Option<String> {
        let own_is_full = self.room().condition == RoomCondition::None;
        let roster = self.roster.borrow();
        let listed = roster.members.iter().filter(|(id, listed)| listed.full && **id != node.id());
        let mut full: Vec<_> = listed.map(|(id, listed)| (*id, listed.info.name.clone())).collect();
        if own_is_full {
            let name = node.peers().own().map_or_else(|| "this server".to_owned(), |own| own.name);
            full.push((node.id(), name));
        }
        if full.is_empty() {
            return None;
        }
        let metrics = node.raft().server_metrics().borrow().clone();
        room::read_only(metrics.membership_config.membership().get_joint_config(), &full)
    }
}

/// Measures, until cancelled.
pub struct RoomMeter {
    slot: PathBuf,
    limits: RoomLimits,
    room: watch::Sender<Room>,
}

impl RoomMeter {
    /// Of the master in `slot`, which hears of the others by `roster`.
    pub fn new(
        slot: PathBuf,
        DiskLimits { quota, reserve }: DiskLimits,
        roster: watch::Receiver<ReceivedRoster>,
    ) -> (Self, RoomHandle) {
        let limits = RoomLimits { quota, reserve };
        let (room, measured) = watch::channel(Room::default());
        (Self { slot, limits, room }, RoomHandle { room: measured, roster })
    }

    /// Measures again and again.
    pub async fn run(self, cancelled: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            tokio::select! {
                biased;
                () = cancelled.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let slot = self.slot.clone();
            // A disk that hangs must not stop anybody else.
            let measured = tokio::select! {
                biased;
                () = cancelled.cancelled() => return,
                measured = thread::run(move || measure(&slot)) => measured,
            };
            match measured.map_err(io::Error::from).flatten() {
                Ok(measured) => {
                    self.note(measured);
                    failed = false;
                }
                Err(error) if !failed => {
                    tracing::warn!(%error, "cannot measure how much room there is on disk");
                    failed = true;
                }
                Err(_) => {}
            }
        }
    }

    fn note(&self, measured: Measured) {
        let before = self.room.borrow().condition;
        let room = Room::of(measured, self.limits, before);
        metrics::ROOM_LEFT.set(whole(room.left));
        if room.condition != before {
            let left_mib = room.left >> 20;
            match room.condition {
                RoomCondition::Plenty => tracing::info!(left_mib, "there is room on disk again"),
                RoomCondition::Low => tracing::warn!(left_mib, "there is little room on disk"),
                RoomCondition::None => tracing::error!("there is no room for more on disk"),
            }
        }
        self.room.send_replace(room);
    }
}

fn measure(slot: &Path) -> io::Result<Measured> {
    let disk = disk::space(slot)?.map(|DiskSpace { total, free }| Disk { total, free });
    Ok(Measured { used: compaction::length(slot)?, disk })
}
