//! Tests of the replication: `suite` is the consensus library's own tests of stores, `stores` and
//! `snapshots` are about what crashes leave behind, `repair` is about damaged files, `log_cache`
//! compares the log with a plain vector, `erasure` is about how it forgets, `own_disk` is about a leader whose disk is slower than the
//! others' (`slow_disk`), `full_disk` is a disk that accepts nothing for a while, `memory_folder` is
//! where the segments of such logs are, `upgrades` takes
//! a cluster from one version of the format to the next, `addresses`, `admission`, `links`,
//! `elections`, `writing` and `membership` run whole nodes (`cluster`) over loopback, and `cut_off`
//! does so over a network that can be cut (`network`).

mod addresses;
mod admission;
pub(crate) mod cluster;
mod compaction;
mod cut_off;
mod damage;
mod elections;
pub(crate) mod entries;
mod erasure;
pub(crate) mod full_disk;
mod links;
mod log_cache;
mod membership;
pub(crate) mod memory_folder;
pub(crate) mod network;
mod own_disk;
mod slow_disk;
mod snapshots;
pub(crate) mod state_fetch;
mod stores;
mod suite;
mod upgrades;
mod writing;
