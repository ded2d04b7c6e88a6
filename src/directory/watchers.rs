//! Those who wait for the next available server. A crowd of them may not hold up what has to happen for
//! them to be served: so they are told in groups, and everybody else has a turn in between.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{sync::watch, task::yield_now};
use tokio_util::task::AbortOnDropHandle;

use super::Location;
use crate::host::task;

/// So many wake together: they need about a millisecond.
const GROUP: usize = 64;

/// Whoever waits for a location; those who do are told nothing more when this is dropped.
pub struct Watchers {
    location: watch::Receiver<Location>,
    groups: Groups,
    _telling: AbortOnDropHandle<()>,
}

/// Those of one group have receivers of its sender.
type Groups = Arc<Mutex<Vec<watch::Sender<Location>>>>;

impl Watchers {
    /// Nobody waits yet for what `location` says.
    pub fn new(location: watch::Receiver<Location>) -> Self {
        let groups = Groups::default();
        let telling = tell(location.clone(), Arc::clone(&groups));
        Self { location, groups, _telling: task::spawn_owned(telling) }
    }

    /// The location at this moment.
    pub fn newest(&self) -> watch::Ref<'_, Location> {
        self.location.borrow()
    }

    /// The location as somebody learns of it who waits for it. It may be a moment old; nothing changes
    /// any more if it is closed.
    pub fn join(&self) -> watch::Receiver<Location> {
        let mut groups = self.groups.lock();
        let has_room = |group: &&watch::Sender<Location>| group.receiver_count() < GROUP;
        if let Some(group) = groups.iter().find(has_room) {
            return group.subscribe();
        }
        let (group, receiver) = watch::channel(self.location.borrow().clone());
        if self.location.has_changed().is_ok() {
            groups.push(group);
        }
        receiver
    }
}

async fn tell(mut location: watch::Receiver<Location>, groups: Groups) {
    while location.changed().await.is_ok() {
        let newest = location.borrow_and_update().clone();
        groups.lock().retain(|group| group.receiver_count() > 0);
        let mut told = 0;
        loop {
            // One that has been added meanwhile is told what it knows.
            let group = groups.lock().get(told).cloned();
            let Some(group) = group else { break };
            group.send_replace(newest.clone());
            told += 1;
            yield_now().await;
        }
    }
    groups.lock().clear();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const CROWD: usize = 20 * GROUP;

    fn term(term: u64) -> Location {
        Location { term, ..Location::default() }
    }

    #[tokio::test]
    async fn others_have_their_turns_while_a_crowd_is_told() {
        let (sender, location) = watch::channel(term(1));
        let watchers = Watchers::new(location);
        let told = Arc::new(AtomicUsize::new(0));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..CROWD {
            let (mut location, told) = (watchers.join(), Arc::clone(&told));
            crowd.spawn(async move {
                location.wait_for(|location| location.term == 2).await.expect("it is told");
                told.fetch_add(1, Ordering::Relaxed);
            });
        }
        yield_now().await;
        sender.send_replace(term(2));
        let (mut before, mut most) = (0, 0);
        while before < CROWD {
            yield_now().await;
            let now = told.load(Ordering::Relaxed);
            (before, most) = (now, most.max(now - before));
        }
        assert!(most <= 2 * GROUP, "{most} at once");
    }

    #[tokio::test]
    async fn whoever_joins_or_leaves_meanwhile_learns_of_every_change_all_the_same() {
        let (sender, location) = watch::channel(term(0));
        let watchers = Watchers::new(location);
        let mut waiting = Vec::new();
        for newest in 1..50 {
            waiting.extend((0..GROUP / 2).map(|_| watchers.join()));
            sender.send_replace(term(newest));
            yield_now().await;
            waiting.extend((0..GROUP / 2).map(|_| watchers.join()));
            waiting.drain(..GROUP / 3);
        }
        for mut location in waiting {
            location.wait_for(|location| location.term == 49).await.expect("it is told");
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_location_that_cannot_change_any_more() {
        let (sender, location) = watch::channel(term(1));
        let watchers = Watchers::new(location);
        let mut before = watchers.join();
        drop(sender);
        assert!(before.wait_for(|location| location.term == 2).await.is_err());
        let mut after = watchers.join();
        assert!(after.wait_for(|location| location.term == 2).await.is_err());
        assert_eq!(watchers.newest().term, 1);
    }
}
