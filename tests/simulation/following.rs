//! Whether those who vote follow: each comes, in time, as far as the log had been committed.

use std::collections::BTreeMap;

use tinysns::host::simulated::Machine;

/// How far each has to come, and since when.
#[derive(Default)]
pub struct Following {
    goals: BTreeMap<Machine, Goal>,
}

#[derive(Clone, Copy)]
struct Goal {
    index: u64,
    since: u64,
}

impl Following {
    /// Notes how far a machine has come, now that the log is committed up to `committed`, and returns
    /// since when it has not come as far as it should have then.
    pub fn behind_since(
        &mut self,
        machine: Machine,
        has_come_to: u64,
        committed: u64,
        now: u64,
    ) -> u64 {
        let next = Goal { index: committed, since: now };
        let goal = self.goals.entry(machine).or_insert(next);
        if has_come_to >= goal.index {
            *goal = next;
        }
        goal.since
    }
}
