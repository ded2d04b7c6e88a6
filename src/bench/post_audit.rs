//! Whether every acknowledged post is there, exactly once. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::PostId;

/// What an author was told, and what was then read, by the numbers of the posts.
#[derive(Default)]
pub struct PostAudit {
    acknowledged: BTreeMap<u32, PostId>,
    read: BTreeMap<u32, Vec<PostId>>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditFindings {
    /// Acknowledged posts that are not there, or under another id.
    pub lost: u64,
    /// Posts that are there more than once, acknowledged or not.
    pub doubled: u64,
}

impl PostAudit {
    /// The post with this number was acknowledged under this id.
    pub fn acknowledge(&mut self, number: u32, id: PostId) {
        self.acknowledged.insert(number, id);
    }

    /// A post with this number was read under this id.
    pub fn read(&mut self, number: u32, id: PostId) {
        self.read.entry(number).or_default().push(id);
    }

    /// Once everything was read.
    pub fn findings(&self) -> AuditFindings {
        let is_there = |number, id| self.read.get(number).is_some_and(|ids| ids.contains(id));
        let lost = self.acknowledged.iter().filter(|(number, id)| !is_there(number, id)).count();
        let doubled = self.read.values().filter(|ids| ids.len() > 1).count();
        AuditFindings { lost: lost as u64, doubled: doubled as u64 }
    }
}

impl AuditFindings {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { lost: self.lost + other.lost, doubled: self.doubled + other.doubled }
    }

    /// Whether nothing is wrong.
    pub fn is_good(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_there_twice_is_found_and_what_was_not_answered_may_be_there() {
        let mut audit = PostAudit::default();
        (1..=4).for_each(|number| audit.acknowledge(number, PostId::new(u64::from(number))));
        // 5 was not answered, 2 is missing, 3 is there twice, and 4 under another id.
        for (number, id) in [(1, 1), (3, 3), (3, 9), (4, 10), (5, 5)] {
            audit.read(number, PostId::new(id));
        }
        let found = audit.findings();
        assert_eq!(found, AuditFindings { lost: 2, doubled: 1 });
        assert_eq!(found.and(found), AuditFindings { lost: 4, doubled: 2 });
        assert!(!found.is_good() && PostAudit::default().findings().is_good());
    }
}
