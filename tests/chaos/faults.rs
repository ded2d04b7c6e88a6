//! The faults: what each is called, whom it befalls and for how long. `docs/faults.md` says of each
//! what a user sees and what an operator does. To add one: a line here and in that page, and what it
//! does in `injection`.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    MasterKilled,
    RouterKilled,
    SiteLost,
    PowerLost,
    MasterPaused,
    RouterPaused,
    NodeCutOff,
    OneWayCut,
    PairCut,
    FlappingLink,
    LossyLink,
    SlowLink,
    DiskFull,
    DiskReadOnly,
    BytesFlipped,
    FileTorn,
    MasterDiskLost,
    RouterDiskLost,
    ClockStep,
    FewDescriptors,
    LittleMemory,
    MasterStopped,
}

/// Whom a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// One master: often the available server.
    Master,
    Router,
    /// A master or the router.
    Any,
    /// Several nodes.
    Several,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::MasterKilled,
        Self::RouterKilled,
        Self::SiteLost,
        Self::PowerLost,
        Self::MasterPaused,
        Self::RouterPaused,
        Self::NodeCutOff,
        Self::OneWayCut,
        Self::PairCut,
        Self::FlappingLink,
        Self::LossyLink,
        Self::SlowLink,
        Self::DiskFull,
        Self::DiskReadOnly,
        Self::BytesFlipped,
        Self::FileTorn,
        Self::MasterDiskLost,
        Self::RouterDiskLost,
        Self::ClockStep,
        Self::FewDescriptors,
        Self::LittleMemory,
        Self::MasterStopped,
    ];

    /// What it is called on the command line, in tables and in `docs/faults.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MasterKilled => "master-killed",
            Self::RouterKilled => "router-killed",
            Self::SiteLost => "site-lost",
            Self::PowerLost => "power-lost",
            Self::MasterPaused => "master-paused",
            Self::RouterPaused => "router-paused",
            Self::NodeCutOff => "node-cut-off",
            Self::OneWayCut => "one-way-cut",
            Self::PairCut => "pair-cut",
            Self::FlappingLink => "flapping-link",
            Self::LossyLink => "lossy-link",
            Self::SlowLink => "slow-link",
            Self::DiskFull => "disk-full",
            Self::DiskReadOnly => "disk-read-only",
            Self::BytesFlipped => "bytes-flipped",
            Self::FileTorn => "file-torn",
            Self::MasterDiskLost => "master-disk-lost",
            Self::RouterDiskLost => "router-disk-lost",
            Self::ClockStep => "clock-step",
            Self::FewDescriptors => "few-descriptors",
            Self::LittleMemory => "little-memory",
            Self::MasterStopped => "master-stopped",
        }
    }

    /// The fault of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whom it befalls.
    pub fn victim(self) -> Victim {
        match self {
            Self::MasterKilled
            | Self::MasterPaused
            | Self::DiskReadOnly
            | Self::MasterDiskLost
            | Self::LittleMemory
            | Self::MasterStopped => Victim::Master,
            Self::RouterKilled | Self::RouterPaused | Self::RouterDiskLost => Victim::Router,
            Self::NodeCutOff
            | Self::OneWayCut
            | Self::PairCut
            | Self::FlappingLink
            | Self::LossyLink
            | Self::SlowLink
            | Self::DiskFull
            | Self::BytesFlipped
            | Self::FileTorn
            | Self::ClockStep
            | Self::FewDescriptors => Victim::Any,
            Self::SiteLost | Self::PowerLost => Victim::Several,
        }
    }

    /// How long it lasts, in milliseconds: at least and at most.
    pub fn lasting_ms(self) -> [u64; 2] {
        match self {
            // Shorter and longer than the router's patience with a silent master.
            Self::MasterPaused | Self::RouterPaused => [300, 3_000],
            // Until the reboot.
            Self::MasterKilled => [1_000, 1_500],
            // Done when it begins.
            Self::BytesFlipped | Self::FileTorn | Self::MasterDiskLost | Self::RouterDiskLost => {
                [200, 1_000]
            }
            _ => [1_000, 3_000],
        }
    }

    /// Whether another fault may strike at the same time: only one that loses no disk, so that the two
    /// together lose no quorum of disks.
    pub fn combines(self) -> bool {
        !matches!(
            self,
            Self::SiteLost
                | Self::PowerLost
                | Self::DiskReadOnly
                | Self::BytesFlipped
                | Self::FileTorn
                | Self::MasterDiskLost
                | Self::RouterDiskLost
                | Self::MasterStopped
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
