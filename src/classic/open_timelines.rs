//! How many classic timelines may be open: in all, since each holds a connection to the available
//! server, and from one origin, so that there is room for the others.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::network::Origin;

/// In all.
const IN_ALL: usize = 1_000;
/// From one origin: a class in one room.
const FROM_ONE_ORIGIN: usize = 100;

/// The timelines that are open; clones share them.
#[derive(Clone, Default)]
pub struct OpenTimelines {
    by_origin: Arc<Mutex<BTreeMap<Origin, usize>>>,
}

/// The place of a timeline, which is free again when this is dropped.
pub struct TimelinePermit {
    timelines: OpenTimelines,
    origin: Origin,
}

impl OpenTimelines {
    /// A place for one more from `origin`; none if there is no room.
    pub fn open(&self, origin: Origin) -> Option<TimelinePermit> {
        let mut by_origin = self.by_origin.lock();
        let own = by_origin.get(&origin).copied().unwrap_or_default();
        if own >= FROM_ONE_ORIGIN || by_origin.values().sum::<usize>() >= IN_ALL {
            return None;
        }
        by_origin.insert(origin, own + 1);
        Some(TimelinePermit { timelines: self.clone(), origin })
    }
}

impl Drop for TimelinePermit {
    fn drop(&mut self) {
        let mut by_origin = self.timelines.by_origin.lock();
        match by_origin.get_mut(&self.origin) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => _ = by_origin.remove(&self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn origin(number: u32) -> Origin {
        Some(Ipv4Addr::from_bits(number).into()).into()
    }

    #[test]
    fn one_origin_leaves_room_for_others_until_there_is_none() {
        let timelines = OpenTimelines::default();
        let open_all = |number| {
            let permits: Vec<_> =
                std::iter::from_fn(|| timelines.open(origin(number))).take(IN_ALL).collect();
            permits
        };
        let first = open_all(0);
        assert_eq!(first.len(), FROM_ONE_ORIGIN);
        let others: Vec<_> = (1..=20).flat_map(open_all).collect();
        assert_eq!(first.len() + others.len(), IN_ALL);
        drop(first);
        assert_eq!(open_all(21).len(), FROM_ONE_ORIGIN, "room again");
        drop(others);
        assert!(timelines.by_origin.lock().is_empty(), "nothing is left behind");
    }
}
