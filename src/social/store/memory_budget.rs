//! How much memory the state may take.

/// The memory of a state, in bytes: a quarter each for what has been changed, for that while it is being
/// flushed, for rows and for blocks of the tree that were read lately. What a state that is being replaced
/// or received takes comes on top, for as long as that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget(usize);

impl MemoryBudget {
    /// So many times 1,048,576 bytes.
    pub const fn mib(mib: usize) -> Self {
        Self(mib << 20)
    }

    /// What is changed in memory before it should be flushed. The same again is in memory while it is being
    /// flushed.
    pub(super) fn changes(self) -> usize {
        self.0 / 4
    }

    /// Rows of the tree that are kept one by one.
    pub(super) fn rows(self) -> u64 {
        self.quarter()
    }

    /// Blocks of the tree's tables.
    pub(super) fn blocks(self) -> u64 {
        self.quarter()
    }

    fn quarter(self) -> u64 {
        (self.0 / 4) as u64
    }
}

impl Default for MemoryBudget {
    /// Enough for the accounts of tens of thousands who are there at the same time.
    fn default() -> Self {
        Self::mib(64)
    }
}
