//! The lives of a log: entries that are appended alone and together, cut off and purged, votes, memberships, an
//! orderly end and another start, and the removal of all of it.

use std::{cell::OnceCell, collections::BTreeSet, future::Future, path::Path};

use futures::future::join_all;
use openraft::{
    CommittedLeaderId, EntryPayload, Membership, RaftLogReader as _,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _},
};
use rand::{Rng as _, rngs::SmallRng};
use tinysns::{
    domain::{ClusterId, NodeId, UnixMillis, UserName},
    replication::{
        Batch, Entry, LogId, NodeInfo, Vote,
        log_store::{self, LogStore},
    },
    social::{Command, Stamped},
};
use tokio::runtime::{Builder, Runtime};
use xxhash_rust::xxh3::xxh3_64;

use crate::recording::{Expectations, Life, Subject};

/// How much happens in a first life: so much that a second and a third segment are needed.
const STEPS: usize = 30;
/// The same in another life.
const LATER_STEPS: usize = 6;
/// The file beside which the segments are.
const FACTS: &str = "raft.redb";
/// Who leads: not this node, whose own votes are not found as they were.
const LEADER: NodeId = NodeId::new(7);

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The node that it belongs to; none if it may be any.
    node: Option<NodeId>,
    /// How often the node has started at least.
    starts: u64,
    cluster: Option<ClusterId>,
    vote: Option<Vote>,
    members: Option<BTreeSet<NodeId>>,
    purged: Option<LogId>,
    /// The entries, with a number for what is in each.
    entries: Vec<(LogId, u64)>,
}

impl Found {
    /// Whether this was found where `self` is expected.
    fn is_met_by(&self, found: &Self) -> bool {
        let is_same_node = self.node.is_none_or(|node| found.node == Some(node));
        is_same_node
            && found.starts > self.starts
            && Self { node: None, starts: 0, ..self.clone() }
                == Self { node: None, starts: 0, ..found.clone() }
    }

    /// The index after the last entry.
    fn end(&self) -> u64 {
        let last = self.entries.last().map(|(last, _)| *last).or(self.purged);
        last.map_or(1, |last| last.index + 1)
    }

    fn vote(mut self, vote: Vote) -> Self {
        self.vote = Some(vote);
        self
    }

    fn cluster(mut self, cluster: ClusterId) -> Self {
        self.cluster = Some(cluster);
        self
    }

    fn append(mut self, entries: &[Entry]) -> Self {
        for entry in entries {
            if let EntryPayload::Membership(membership) = &entry.payload {
                self.members = Some(membership.nodes().map(|(node, _)| *node).collect());
            }
        }
        self.entries.extend(entries.iter().map(numbered));
        self
    }

    fn truncate(mut self, since: u64) -> Self {
        self.entries.retain(|(entry, _)| entry.index < since);
        self
    }

    fn purge(mut self, upto: LogId) -> Self {
        self.entries.retain(|(entry, _)| entry.index > upto.index);
        self.purged = Some(upto);
        self
    }
}

fn numbered(entry: &Entry) -> (LogId, u64) {
    let bytes = postcard::to_stdvec(entry).expect("plain data always encodes");
    (entry.log_id, xxh3_64(&bytes))
}

pub struct LogLives;

impl Subject for LogLives {
    /// One of these.
    type Expected = Vec<Found>;

    const NAME: &'static str = "log";

    fn nothing() -> Vec<Found> {
        vec![Found::default()]
    }

    fn live(slot: &Path, life: Life, expectations: &mut Expectations<Vec<Found>>) {
        run(async {
            let mut random = life.random();
            let mut living = Living::begin(slot, expectations).await;
            let steps = if life.number == 0 { STEPS } else { LATER_STEPS };
            for _ in 0..steps {
                match random.random_range(0..20) {
                    0..8 => living.append(1, &mut random, expectations).await,
                    8..11 => {
                        let times = random.random_range(2..5);
                        living.append(times, &mut random, expectations).await;
                    }
                    11 => living.vote(expectations).await,
                    12 => living.win(expectations).await,
                    13 => living.truncate(&mut random, expectations).await,
                    14 => living.purge(&mut random, expectations).await,
                    15 => living.change_members(expectations).await,
                    16 => living.join(ClusterId::new(random.random()), expectations).await,
                    17 | 18 => {
                        drop(living);
                        living = Living::begin(slot, expectations).await;
                    }
                    _ if random.random_bool(0.3) => {
                        drop(living);
                        remove(slot, expectations);
                        living = Living::begin(slot, expectations).await;
                    }
                    _ => {}
                }
            }
        });
    }

    fn examine(slot: &Path, _seed: u64, expected: &Vec<Found>) -> Result<(), String> {
        run(async {
            let mut log = open(slot).map_err(|error| format!("it does not open: {error}"))?;
            let found = found(&mut log).await?;
            if !expected.iter().any(|expected| expected.is_met_by(&found)) {
                return Err(format!("{found:?} is found, and not one of {expected:?}"));
            }
            // It can be used.
            let term = term_after(&found);
            let new = entry(term, found.end(), 2);
            let vote = Vote::new(term, LEADER);
            log.blocking_append([new.clone()]).await.map_err(|error| error.to_string())?;
            log.save_vote(&vote).await.map_err(|error| error.to_string())?;
            drop(log);
            let mut again =
                open(slot).map_err(|error| format!("it does not open again: {error}"))?;
            let then = self::found(&mut again).await?;
            let is_there = found.append(&[new]).vote(vote).is_met_by(&then);
            if is_there { Ok(()) } else { Err("what came after the crash is not there".to_owned()) }
        })
    }
}

/// On the runtime of this thread, without any other thread.
fn run<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    }
    let build = || Builder::new_current_thread().enable_time().build().expect("a runtime");
    RUNTIME.with(|runtime| runtime.get_or_init(build).block_on(work))
}

fn open(slot: &Path) -> Result<LogStore, String> {
    LogStore::open(&slot.join(FACTS)).map_err(|error| error.to_string())
}

async fn found(log: &mut LogStore) -> Result<Found, String> {
    let words = |error: &dyn std::error::Error| format!("it cannot be read: {error}");
    let entries = log.try_get_log_entries(..).await.map_err(|error| words(&error))?;
    let members = log.members().map_err(|error| words(&error))?;
    Ok(Found {
        node: Some(log.node_id()),
        starts: log.starts(),
        cluster: log.cluster_id().map_err(|error| words(&error))?,
        vote: log.read_vote().await.map_err(|error| words(&error))?,
        members: members.map(|members| members.into_keys().collect()),
        purged: log.purged().map_err(|error| words(&error))?,
        entries: entries.iter().map(numbered).collect(),
    })
}

fn term_after(found: &Found) -> u64 {
    found.vote.map_or(0, |vote| vote.leader_id().term) + 1
}

/// An entry with so many commands.
fn entry(term: u64, index: u64, commands: u64) -> Entry {
    let account = |number| Command::CreateAccount {
        name: UserName::new(format!("user-{term}-{number}")).expect("valid"),
        password_hash: Some("a hash of a password, as long as they usually are".repeat(2)),
    };
    let at = UnixMillis::new(i64::try_from(index).expect("few"));
    let commands: Vec<_> =
        (0..commands).map(|number| Stamped { at, command: account(number) }).collect();
    Entry { log_id: id(term, index), payload: EntryPayload::Normal(Batch::new(&commands)) }
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, LEADER), index)
}

/// Removes the log, which is not open.
fn remove(slot: &Path, expectations: &mut Expectations<Vec<Found>>) {
    let mut possible = expectations.now().clone();
    possible.push(Found::default());
    expectations.set(possible);
    log_store::remove(&slot.join(FACTS)).expect("a good disk");
    expectations.set(vec![Found::default()]);
}

/// A log while it is open.
struct Living {
    log: LogStore,
    now: Found,
}

impl Living {
    /// What an open log shows is on disk.
    async fn begin(slot: &Path, expectations: &mut Expectations<Vec<Found>>) -> Self {
        let mut log = open(slot).expect("sound");
        let now = found(&mut log).await.expect("sound");
        let is_expected = expectations.now().iter().any(|expected| expected.is_met_by(&now));
        assert!(is_expected, "{now:?} is not expected");
        expectations.set(vec![now.clone()]);
        Self { log, now }
    }

    /// Appends so many at the same time, each an entry or two.
    async fn append(
        &mut self,
        times: u64,
        random: &mut SmallRng,
        expectations: &mut Expectations<Vec<Found>>,
    ) {
        let term = self.term();
        let mut next = self.now.end();
        let mut appends = Vec::new();
        for _ in 0..times {
            let count = random.random_range(1..3);
            let commands = if random.random_bool(0.3) { 150 } else { 8 };
            let new = (next..next + count)
                .map(|index| entry(term, index, random.random_range(0..commands)));
            appends.push(new.collect::<Vec<_>>());
            next += count;
        }
        let mut possible = expectations.now().clone();
        for new in &appends {
            self.now = std::mem::take(&mut self.now).append(new);
            possible.push(self.now.clone());
        }
        expectations.set(possible);
        let append = |new: Vec<Entry>| {
            let mut log = self.log.clone();
            async move { log.blocking_append(new).await.expect("a good disk") }
        };
        join_all(appends.into_iter().map(append)).await;
        expectations.set(vec![self.now.clone()]);
    }

    /// Grants a vote.
    async fn vote(&mut self, expectations: &mut Expectations<Vec<Found>>) {
        let vote = Vote::new(self.term() + 1, LEADER);
        self.now.vote = Some(vote);
        expectations.set(and(expectations.now(), self.now.clone()));
        self.log.save_vote(&vote).await.expect("a good disk");
        expectations.set(vec![self.now.clone()]);
    }

    /// Hears that an election was won: the next frame says so on disk.
    async fn win(&mut self, expectations: &mut Expectations<Vec<Found>>) {
        let vote = Vote::new_committed(self.term(), LEADER);
        self.now.vote = Some(vote);
        expectations.set(and(expectations.now(), self.now.clone()));
        self.log.save_vote(&vote).await.expect("a good disk");
    }

    async fn truncate(
        &mut self,
        random: &mut SmallRng,
        expectations: &mut Expectations<Vec<Found>>,
    ) {
        let Some((last, _)) = self.now.entries.last() else { return };
        let first = self.now.entries[0].0.index;
        let since = random.random_range(first..=last.index);
        let (since, _) = self.now.entries[usize::try_from(since - first).expect("few")];
        self.now = std::mem::take(&mut self.now).truncate(since.index);
        expectations.set(and(expectations.now(), self.now.clone()));
        self.log.truncate(since).await.expect("a good disk");
        expectations.set(vec![self.now.clone()]);
    }

    /// Purges some entries, or all, and perhaps some that are not there yet.
    async fn purge(&mut self, random: &mut SmallRng, expectations: &mut Expectations<Vec<Found>>) {
        let Some((first, _)) = self.now.entries.first() else { return };
        let upto = random.random_range(first.index..self.now.end() + 2);
        let known = self.now.entries.iter().map(|(entry, _)| *entry);
        let upto = known.rev().find(|entry| entry.index == upto).unwrap_or(id(self.term(), upto));
        let after = self.may_become(expectations, |found| found.clone().purge(upto));
        self.log.purge(upto).await.expect("a good disk");
        expectations.set(after);
    }

    async fn change_members(&mut self, expectations: &mut Expectations<Vec<Found>>) {
        let (term, index) = (self.term(), self.now.end());
        let nodes = [NodeId::new(index), LEADER].map(|node| (node, NodeInfo::default()));
        let voters = nodes.iter().map(|(node, _)| *node).collect();
        let membership = Membership::new(vec![voters], std::collections::BTreeMap::from(nodes));
        let new = Entry { log_id: id(term, index), payload: EntryPayload::Membership(membership) };
        let after = self.now.clone().append(std::slice::from_ref(&new));
        let known = |found: &Found| Found { members: after.members.clone(), ..found.clone() };
        // It is known before its entry is there.
        let known: Vec<Found> = expectations.now().iter().map(known).collect();
        let possible =
            [expectations.now().as_slice(), &known, std::slice::from_ref(&after)].concat();
        expectations.set(possible);
        self.log.blocking_append([new]).await.expect("a good disk");
        expectations.set(vec![after.clone()]);
        self.now = after;
    }

    /// From now on, a log may be as `change` makes it, or still as it was. Gives what it may be when the change
    /// is known to have happened.
    fn may_become(
        &mut self,
        expectations: &mut Expectations<Vec<Found>>,
        change: impl Fn(&Found) -> Found,
    ) -> Vec<Found> {
        let after: Vec<Found> = expectations.now().iter().map(&change).collect();
        self.now = change(&self.now);
        expectations.set([expectations.now().as_slice(), &after].concat());
        after
    }

    async fn join(&mut self, cluster: ClusterId, expectations: &mut Expectations<Vec<Found>>) {
        let after = self.may_become(expectations, |found| found.clone().cluster(cluster));
        self.log.save_cluster_id(cluster).await.expect("a good disk");
        expectations.set(after);
    }

    fn term(&self) -> u64 {
        self.now.vote.map_or(1, |vote| vote.leader_id().term)
    }
}

fn and(possible: &[Found], one: Found) -> Vec<Found> {
    let mut possible = possible.to_vec();
    possible.push(one);
    possible
}
