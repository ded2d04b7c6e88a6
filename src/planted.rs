//! Planted faults: deliberate bugs, of which a simulation chooses one, to show that it finds them.
//!
//! Each is a branch at the place where the bug would be (`if planted::is(PlantedFault::…)`). Without
//! the feature `laboratory`, [`is`] is a constant, so no such branch is compiled, and nothing can
//! choose a fault. With it, none is chosen unless `choose` is called.
//!
//! To plant another one, add it to the list with a sentence, and to the code.

/// Makes the enum with everything that is the same for each fault.
macro_rules! planted_faults {
    ($($fault:ident, $name:literal, $sentence:literal;)*) => {
        /// A deliberate bug, and which promise it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PlantedFault {
            $(#[doc = $sentence] $fault,)*
        }

        #[cfg(feature = "laboratory")]
        impl PlantedFault {
            /// All of them, by the part of the program in which they are.
            pub const ALL: [Self; [$(Self::$fault),*].len()] = [$(Self::$fault),*];

            /// What it is called on a command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }

            /// What the bug is, and which promise it breaks.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$fault => $sentence,)* }
            }
        }
    };
}

planted_faults! {
    // The log, on disk and between nodes.

    // Found when the log is opened after a loss of power, as frames that were not synced are there in any order.
    AcknowledgeBeforeFsync, "acknowledge-before-fsync",
    "Entries count as written before they are synced, so an acknowledged change does not survive a loss of power.";
    // Found by the check of acknowledged posts, and by "committed entries never change", after losses of power.
    FollowerAcknowledgesBeforeItsDisk, "follower-acknowledges-before-its-disk",
    "A follower acknowledges entries that its disk does not have yet, so an acknowledged change may be on too few disks.";
    // Found by the log's own assertion ("commit behind the disk").
    CountUnwrittenOwnCopy, "count-unwritten-own-copy",
    "A leader counts its own copy of an entry before it is on its disk, so an acknowledged change may be on too few disks.";
    // Found by the log's own assertion ("commit behind the disk"), when a leader's disk fails.
    GoneWriterCountsAsDone, "gone-writer-counts-as-done",
    "If the writer of a leader's log is gone, what it had not written counts as written, so an acknowledged change may be on too few disks.";
    // Found by openraft's assertions and "one leader a term", after a majority has restarted.
    VotesInMemoryOnly, "votes-in-memory-only",
    "A node forgets its vote and its term when it restarts, so two nodes may lead in one term.";
    // Found by "committed entries never change", after all nodes of a small cluster were killed at once.
    LeaderResumesAfterARestart, "leader-resumes-after-a-restart",
    "A leader that restarts leads on in its term, and may write other entries in the place of some that it had sent.";
    // Found by the log's own assertion ("first in, first out").
    TruncateCommittedEntries, "truncate-committed-entries",
    "When a follower cuts off what contradicts its leader, it cuts off one entry too many, which may be committed.";
    // Found by "committed entries never change", after a leader with unfinished entries was replaced.
    TruncationLeavesTheCache, "truncation-leaves-the-cache",
    "Entries that were cut off stay in the cache, so that another entry than the committed one is applied or sent.";
    // Found by whether the service comes back, after all masters have lost power at once.
    PurgeBeforeTheStateIsOnDisk, "purge-before-the-state-is-on-disk",
    "The log is purged though the state that it made is not on disk yet, so a loss of power destroys both.";
    // Found by whether the witness works in the end, after the router has restarted.
    WitnessPurgesWithoutItsCheckpoint, "witness-purges-without-its-checkpoint",
    "The witness purges its log without noting how far it had counted, so it does not come back after a restart.";
    // Found by openraft's assertion that no follower's log goes back, or by the check of acknowledged posts.
    IdentityOutlivesTheDisk, "identity-outlives-the-disk",
    "A master that has lost its disk comes back as the same node, so entries and votes count that it has forgotten.";
    // Found by openraft's assertion that no follower's log goes back, or by the check of acknowledged posts.
    WitnessIdentityOutlivesItsLog, "witness-identity-outlives-its-log",
    "A witness that has lost its log comes back as the same node, so entries and votes count that it has forgotten.";
    // Found by the check of acknowledged posts, after a leader was cut off.
    LostAnswerCountsAsYes, "lost-answer-counts-as-yes",
    "A leader takes an answer that does not come for a good one, so an acknowledged change may be on its own disk alone.";
    // Found by the check of acknowledged posts, after a master was behind.
    FollowerClaimsWhatItLacks, "follower-claims-what-it-lacks",
    "A follower whose log does not reach the entries that it is sent acknowledges them, so an acknowledged change may be on too few disks.";

    // Elections and leaders.

    // Found by "committed entries never change", after a partition or a failover without the router.
    VoteForAShorterLog, "vote-for-a-shorter-log",
    "A voter does not look at the candidate's log, so a leader may lack what was acknowledged.";
    // Found by "committed entries never change", after a failover.
    DirectedElectionIgnoresTheLogs, "directed-election-ignores-the-logs",
    "The router has any voter elected, and voters obey, so a leader may lack what was acknowledged.";
    // Found by "no joint membership is left behind", after a leader has died in the middle of a change.
    UnionOfAJointMembership, "union-of-a-joint-membership",
    "Half a change of the membership is taken for one set of voters, so it is never finished, and a quorum is seen where there is none.";
    // Found by "no leader is deposed whom a quorum answers", where a link fails in one direction.
    LeaseAlwaysDropped, "lease-always-dropped",
    "Every vote drops the lease of a leader that is alive, so a node with one bad link deposes it.";
    // Found by "the service is back", while a leader can reach the others but not hear them.
    CutOffLeaderKeepsItsLease, "cut-off-leader-keeps-its-lease",
    "A leader that no quorum answers goes on sending entries, which keep the others from electing another.";
    // Found by "the service is back", while a leader can reach the others but not hear them.
    MuteLeaderGoesOnReporting, "mute-leader-goes-on-reporting",
    "A leader that no quorum answers goes on sending entries, and tells the router that it leads, so nobody else is elected as long as it lives.";
    // Found by openraft's assertion that entries follow each other.
    SupersededLeaderGoesOnSending, "superseded-leader-goes-on-sending",
    "Who led goes on sending entries after another leads, out of a log that the other one has changed.";
    // Found by "no leader is deposed whom a quorum answers", after the router has restarted.
    RestartedRouterReplacesTheLeader, "restarted-router-replaces-the-leader",
    "A router that has just started has another leader elected before the present one can have reported.";

    // Who votes, and who belongs to the cluster.

    // Found by "no vote is taken away without evidence", while a master is cut off from the router alone.
    DemotionOnTheRoutersWord, "demotion-on-the-routers-word",
    "A leader takes a vote away because the router says so, though the voter answers, so fewer disks have a post than might.";
    // Found by "no vote is taken away without evidence", while the router is away or cut off.
    StaleRosterBelieved, "stale-roster-believed",
    "A leader believes the last roster, however old, so a voter that has long been back stays without a vote.";
    // Found by "no change drops half of the voters", after several masters have died.
    VoteTakenFromTooMany, "vote-taken-from-too-many",
    "One change of the membership may drop any number of voters, so what was just acknowledged may be on one remaining voter's disk alone.";
    // Found by "who gets a vote has caught up", after a master was away for long.
    LearnerPromotedTooEarly, "learner-promoted-too-early",
    "A node gets a vote before it has caught up, so the quorum depends on one that lacks most of the log.";
    // Found by "what is acknowledged is on two disks", after one of two masters has died.
    LastMasterVotesAlone, "last-master-votes-alone",
    "The last of two masters votes alone while the other is expected back, so an acknowledged change is on one disk.";
    // Found by "in the end there is one witness", after the router has lost its disk.
    LostWitnessKeepsItsVote, "lost-witness-keeps-its-vote",
    "The witness of a disk that the router has lost keeps its vote beside the new one, so a quorum waits for a node that never returns.";
    // Found by "the witness works in the end", after the router's disk was full or failed.
    BrokenWitnessStaysBroken, "broken-witness-stays-broken",
    "A witness that had to stop is not started again, so the last two masters depend on each other for good.";
    // Found by whether masters belong to the cluster in the end, and by the check of acknowledged posts.
    SecondFounding, "second-founding",
    "A router that has lost its disk founds a second cluster with the next new master, and turns the masters of the first one away.";
    // Found by whether masters run, in the middle of a rolling upgrade.
    UpgradeBeforeAllCan, "upgrade-before-all-can",
    "The cluster changes to a version as soon as one member speaks it, so the others can run no more.";

    // The state.

    // Found by "committed entries never change", which looks at what is applied.
    ApplyOutOfOrder, "apply-out-of-order",
    "Entries that are applied together change places, so states differ, and replies belong to other requests.";
    // Found by "states agree".
    ClockInApply, "clock-in-apply",
    "A master applies commands with the time of its own clock, so states differ.";
    // Found by "states agree", after a snapshot.
    SnapshotInNameOnly, "snapshot-in-name-only",
    "A snapshot advances the position of a state that stays the old one, so posts are missing there.";
    // Found by whether the service comes back, after a snapshot and a restart.
    SnapshotWithoutItsFacts, "snapshot-without-its-facts",
    "A received state does not say how far the log is applied to it, nor who votes, so its master knows neither after a restart.";
    // Found by "states agree", or by a doubled post, after a snapshot.
    SnapshotWithoutTheReplies, "snapshot-without-the-replies",
    "A snapshot leaves the memory of replies out, so a repeated request is carried out twice.";
    // Found by "states agree", or by two posts of one id, after a snapshot.
    SnapshotWithoutTheNewestId, "snapshot-without-the-newest-id",
    "A snapshot leaves out how many posts there are, so ids are given a second time.";
    // Found by doubled posts, after a failover.
    SkipTheDedup, "skip-the-dedup",
    "A repeated request is not looked up, so it is carried out twice.";
    // Found by doubled posts, where a new leader's clock is more than a day ahead.
    RepliesAgedByTheLeadersClock, "replies-aged-by-the-leaders-clock",
    "The memory of replies ages by the leader's clock before a request is looked up, so a clock that is a day ahead doubles a post.";
    // Found by doubled posts and refused repetitions, after an outage of more than a second.
    RepliesEvictedEarly, "replies-evicted-early",
    "Replies are forgotten after a second, so a request that is repeated after an outage is carried out twice, or refused.";
    // Found by posts that are there though they were refused, after a leader was replaced.
    UncertainChangeRefused, "uncertain-change-refused",
    "A change whose outcome its leader does not know is refused for good, though it may have been made.";
    // Found by the time of posts, where a leader's clock is wrong.
    StampsByItsOwnClock, "stamps-by-its-own-clock",
    "A leader stamps posts with its own time, however wrong, instead of one that a majority of clocks confirms.";
    // Found by calls and posts in a session that had ended, where an account has two sessions.
    EndedSessionAccepted, "ended-session-accepted",
    "A session that began with an old password goes on after the password was changed.";

    // Reads and live timelines.

    // Found by stale reads, just after a failover or while a leader is cut off.
    ReadWithoutAQuorum, "read-without-a-quorum",
    "A leader reads without asking whether it still leads and has applied everything, so what was acknowledged may be missing.";
    // Found by stale reads, just after a failover.
    AnyMasterServesReads, "any-master-serves-reads",
    "A master that does not lead any more answers reads from what it has, so what was acknowledged may be missing.";
    // Found by gaps in live timelines.
    LostBetweenCatchUpAndLive, "lost-between-catch-up-and-live",
    "What is posted between the reading of what a stream has missed and its first live post never comes.";
    // Found by gaps in live timelines, where posts come faster than a queue is emptied.
    FullQueueDropsPosts, "full-queue-drops-posts",
    "A live timeline whose queue is full loses posts instead of its stream.";
    // Found by posts in live timelines by somebody who is not followed any more.
    UnfollowIgnoredLive, "unfollow-ignored-live",
    "A live timeline goes on showing somebody who is not followed any more.";
    // Found by gaps in live timelines.
    FollowIgnoredLive, "follow-ignored-live",
    "A live timeline does not show somebody who is followed since it was opened.";

    // The client library.

    // Found by gaps in live timelines, after a failover.
    CursorLostOnResume, "cursor-lost-on-resume",
    "A live timeline whose stream breaks goes on with new posts, without those that it has missed.";
    // Found by doubled posts, after a failover.
    ClientForgetsItsRequestId, "client-forgets-its-request-id",
    "A client repeats a post under another key, so it is made twice.";
}

/// Whether this fault is the chosen one.
#[cfg(not(feature = "laboratory"))]
#[inline]
pub const fn is(_fault: PlantedFault) -> bool {
    false
}

#[cfg(feature = "laboratory")]
pub use chosen::{UnknownFault, choose, is};

#[cfg(feature = "laboratory")]
mod chosen {
    use std::{
        fmt,
        str::FromStr,
        sync::atomic::{AtomicU8, Ordering},
    };

    use super::PlantedFault;

    /// No fault is chosen.
    const NONE: u8 = u8::MAX;
    const _: () = assert!(PlantedFault::ALL.len() < NONE as usize, "a number is left for none");
    static CHOSEN: AtomicU8 = AtomicU8::new(NONE);

    /// Whether this fault is the chosen one.
    #[inline]
    pub fn is(fault: PlantedFault) -> bool {
        CHOSEN.load(Ordering::Relaxed) == fault as u8
    }

    /// From now on this fault is in the program, everywhere in this process; or none.
    pub fn choose(fault: Option<PlantedFault>) {
        CHOSEN.store(fault.map_or(NONE, |fault| fault as u8), Ordering::Relaxed);
    }

    impl fmt::Display for PlantedFault {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.pad(self.name())
        }
    }

    /// There is no fault of this name.
    #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
    #[error("there is no planted fault {0:?}")]
    pub struct UnknownFault(String);

    impl FromStr for PlantedFault {
        type Err = UnknownFault;

        fn from_str(name: &str) -> Result<Self, UnknownFault> {
            let named = Self::ALL.into_iter().find(|fault| fault.name() == name);
            named.ok_or_else(|| UnknownFault(name.to_owned()))
        }
    }
}

#[cfg(not(feature = "laboratory"))]
const _: () = assert!(!is(PlantedFault::AcknowledgeBeforeFsync), "a release has no planted faults");

#[cfg(all(test, feature = "laboratory"))]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_fault_is_found_by_its_own_name_and_by_no_other() {
        let names: BTreeSet<String> = PlantedFault::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), PlantedFault::ALL.len(), "names are unique");
        assert!(names.len() >= 36, "{} are planted", names.len());
        for fault in PlantedFault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            let words = fault.name().split('-');
            let variant: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            assert_eq!(variant, format!("{fault:?}"), "named as in the code");
        }
        let unknown = "no-such-fault".parse::<PlantedFault>().expect_err("unknown");
        assert_eq!(unknown.to_string(), "there is no planted fault \"no-such-fault\"");
    }

    #[test]
    fn every_fault_has_a_sentence_of_its_own() {
        let sentences: BTreeSet<&str> =
            PlantedFault::ALL.iter().map(|fault| fault.sentence()).collect();
        assert_eq!(sentences.len(), PlantedFault::ALL.len());
        for sentence in sentences {
            assert!(sentence.ends_with('.') && sentence.len() > 60, "{sentence}");
        }
    }

    #[test]
    fn no_fault_is_there_unless_it_is_chosen() {
        assert!(!PlantedFault::ALL.into_iter().any(is));
    }

    /// All sources below `path`, other than this one.
    fn sources(path: &Path) -> String {
        if path.is_file() {
            let is_this = path.ends_with("planted.rs");
            return if is_this { String::new() } else { fs::read_to_string(path).expect("text") };
        }
        let entries = fs::read_dir(path).expect("a folder of sources");
        entries.map(|entry| sources(&entry.expect("readable").path())).collect()
    }

    #[test]
    fn every_fault_is_planted_somewhere() {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let words: BTreeSet<&str> = sources
            .split("PlantedFault::")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
            .collect();
        let names: Vec<String> = PlantedFault::ALL.iter().map(|f| format!("{f:?}")).collect();
        let missing: Vec<_> = names.iter().filter(|name| !words.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "not planted: {missing:?}");
    }
}
