//! How much of the log is kept, and how far behind it a node may be.
//!
//! The lengths belong together: a voter that is too far behind loses its vote well before the others
//! lack what it needs, since the witness must be able to give a master everything that it lacks. In a
//! simulation they are shorter, so that within minutes everything happens that a long log brings.

/// How many times shorter they are in a simulation.
#[cfg(feature = "laboratory")]
const SIMULATED: u64 = 20;

/// Log entries between two checkpoints of the state. A restart applies about this many again at
/// most; an entry holds up to a few hundred commands.
pub fn checkpoint_every() -> u64 {
    scaled(2_000)
}

/// Entries kept before a checkpoint, so that a node that was away for a while can catch up from the
/// log instead of from a whole snapshot.
pub fn entries_kept() -> u64 {
    scaled(5_000)
}

/// Entries are purged this many at a time: each purge waits for the disk.
pub fn purge_batch() -> u64 {
    scaled(500)
}

/// Entries that a caught-up node may be behind: those in progress.
pub fn caught_up_within() -> u64 {
    scaled(64)
}

/// A voter that is further behind loses its vote until it has caught up again.
pub fn lagging_beyond() -> u64 {
    scaled(1_000)
}

fn scaled(entries: u64) -> u64 {
    #[cfg(feature = "laboratory")]
    if crate::host::simulated::Machine::current().is_some() {
        return entries / SIMULATED;
    }
    entries
}
