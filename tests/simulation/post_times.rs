//! Whether posts have the world's time, as long as most clocks have it, whatever the others show.

use tinysns::{
    domain::UnixMillis,
    host::simulated::clock::{self, MILLISECOND},
};

use crate::{
    cluster::{Cluster, Host},
    plan::Place,
    workload::{Stamped, Workload},
};

/// A clock is right that is wrong by less than this, in milliseconds.
const RIGHT_WITHIN: i64 = 1_500;
/// A post's time is wrong by less than this, in milliseconds: a leader keeps within five seconds of
/// most clocks (`replication/cluster_clock`), of which it knows what they showed a while ago, and how
/// much time has passed since by its own clock, which may be slow.
const WRONG_BY: i64 = 5_000 + 5_000;

/// What is known of the clocks.
#[derive(Default)]
pub struct PostTimes {
    /// Most clocks were wrong at some time. From then on nothing is certain: what a clock shows is
    /// remembered, and the time of posts never runs back.
    is_void: bool,
    /// How many were compared.
    pub compared: u64,
}

impl PostTimes {
    /// Looks at the clocks, and at the posts that were acknowledged.
    pub fn look(&mut self, cluster: &mut Cluster, workload: &Workload) {
        let now = world_ms(clock::now());
        let is_node = |host: &&Host| host.wanted && !matches!(host.place, Place::Client(_));
        let nodes = cluster.hosts.iter().filter(is_node);
        let (mut right, mut wrong) = (0, 0);
        for host in nodes {
            let shows = i64::try_from(clock::wall_of(host.machine) / MILLISECOND);
            let is_right = shows.is_ok_and(|shows| (shows - now).abs() < RIGHT_WITHIN);
            right += u32::from(is_right && host.is_up());
            wrong += u32::from(!is_right);
        }
        // A wrong clock may be remembered after its machine is gone, and a right one unknown as yet.
        self.is_void |= wrong > 0 && wrong * 2 >= right;
        for Stamped { asked, acknowledged, posted_at } in workload.take_stamped() {
            if self.is_void {
                continue;
            }
            self.compared += 1;
            let [earliest, latest] =
                [world_ms(asked) - WRONG_BY, world_ms(acknowledged) + WRONG_BY];
            if !(UnixMillis::new(earliest)..=UnixMillis::new(latest)).contains(&posted_at) {
                cluster.violations.push(format!(
                    "a post of {earliest} to {latest} has the time {posted_at}, though most clocks are right"
                ));
            }
        }
    }
}

/// What a clock shows that is right, in milliseconds since 1970.
fn world_ms(at: u64) -> i64 {
    i64::try_from(clock::right(at) / MILLISECOND).expect("within centuries")
}
