//! `failover`: posts without a pause while available servers are crashed, notes every time in which nobody was
//! answered, and then looks whether every acknowledged post is there. In a network of the bench's own, it
//! crashes them itself; what is not its own is left to whoever watches.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use futures::future::try_join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    acknowledgements::{Acknowledgements, Pause},
    load::{Load, LoadError},
    losses::{self, Loss},
    numbered_text::NumberedText,
    own_cluster::OwnCluster,
    people::connect,
    post_audit::{AuditFindings, PostAudit},
    progress::Progress,
    table, workload,
};
use crate::{
    client::{Client, ClientError, ClientOptions, ClusterStatus, Cursor, Server, StatusView},
    domain::PostId,
    host::random,
    settings::BenchSettings,
};

/// Posts on one page when they are read again.
const PAGE: u32 = 100;

/// What came of it. The names of the fields stay.
#[derive(Clone, Debug, Serialize)]
pub struct Watched {
    pub seconds: f64,
    pub clients: usize,
    /// The shortest pause that counts if no server took over.
    pub shortest_pause_us: u64,
    pub acknowledged: u64,
    /// Calls that nobody answered for a minute: their posts may be there or not.
    pub unanswered: u64,
    #[serde(flatten)]
    pub findings: AuditFindings,
    pub p50_us: u64,
    pub p99_us: u64,
    /// How often the available server has changed.
    pub failovers: usize,
    pub failover_p50_us: Option<u64>,
    pub failover_p99_us: Option<u64>,
    pub failover_max_us: Option<u64>,
    pub pauses: Vec<Pause>,
}

/// Who takes available servers away meanwhile.
pub enum Takes<'a> {
    /// Whoever watches, who is told where they are.
    Watcher(Option<&'a ClusterStatus>),
    /// The bench itself, in this way.
    Bench(&'a mut OwnCluster, Loss),
}

/// Watches for as long as the settings say. Also returns what servers have refused because it was too much.
pub async fn watch(
    options: &ClientOptions,
    settings: &BenchSettings,
    takes: Takes<'_>,
    progress: Progress,
) -> anyhow::Result<(Watched, BTreeMap<String, u64>)> {
    // Whoever crashes masters may crash all of them, until they are rebooted.
    let options = ClientOptions { call_timeout: ClientOptions::CALL_TIMEOUT, ..options.clone() };
    let preparing = (0..settings.clients).map(|number| Author::prepare(&options, number));
    let authors = try_join_all(preparing).await.map_err(LoadError::from)?;
    let observed = Observed {
        acknowledgements: RefCell::new(Acknowledgements::new(settings.pause)),
        progress,
    };
    // From here on it is known who answers: whoever reads what to do may do it at once.
    let first = authors.iter().map(|author| author.post(&observed));
    try_join_all(first).await.map_err(LoadError::from)?;
    let load = Load { callers: authors.len(), rate: None };
    let post = async |caller: usize, _due| authors[caller].post(&observed).await;
    let round = load.carry_out(settings.duration, post);
    let round = match takes {
        Takes::Watcher(cluster) => {
            progress.say(&what_to_do(cluster, settings.duration));
            round.await
        }
        Takes::Bench(own, loss) => {
            progress.say(&what_is_done(loss, settings.duration));
            tokio::select! {
                biased;
                round = round => round,
                Err(fault) = losses::go_on(own, loss) => return Err(fault.into()),
            }
        }
    };
    let round = round.map_err(LoadError::from)?;
    progress.say("failover: looking whether every acknowledged post is there");
    let findings = try_join_all(authors.iter().map(Author::look)).await.map_err(LoadError::from)?;
    let acknowledgements = observed.acknowledgements.into_inner();
    let acknowledged = acknowledgements.count();
    let pauses = acknowledgements.into_pauses();
    let of_failovers = lengths_of_failovers(&pauses);
    let watched = Watched {
        seconds: settings.duration.as_secs_f64(),
        clients: settings.clients,
        shortest_pause_us: u64::try_from(settings.pause.as_micros()).unwrap_or(u64::MAX),
        acknowledged,
        unanswered: authors.iter().map(|author| author.state.borrow().unanswered).sum(),
        findings: findings.into_iter().fold(AuditFindings::default(), AuditFindings::and),
        p50_us: round.latencies.value_at_quantile(0.5),
        p99_us: round.latencies.value_at_quantile(0.99),
        failovers: of_failovers.len(),
        failover_p50_us: percentile(50, &of_failovers),
        failover_p99_us: percentile(99, &of_failovers),
        failover_max_us: of_failovers.last().copied(),
        pauses,
    };
    let pushbacks = workload::pushbacks_of(authors.iter().map(|author| &author.client));
    Ok((watched, pushbacks))
}

/// How long nobody was answered in each failover, the shortest first.
fn lengths_of_failovers(pauses: &[Pause]) -> Vec<u64> {
    let failovers = pauses.iter().filter(|pause| pause.is_failover);
    let mut lengths: Vec<u64> = failovers.map(|pause| pause.length_us).collect();
    lengths.sort_unstable();
    lengths
}

/// The shortest of sorted ones that so many of a hundred do not exceed.
fn percentile(percent: usize, sorted: &[u64]) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// What whoever watches is to do meanwhile.
fn what_to_do(cluster: Option<&ClusterStatus>, duration: Duration) -> String {
    let duration = humantime::format_duration(duration);
    let first = cluster.and_then(|cluster| {
        let available = cluster.available.as_ref()?;
        let master = cluster.masters.iter().find(|master| master.name == *available)?;
        Some(match cluster.view {
            StatusView::Operator => {
                let (pid, host) = (master.pid, &master.host);
                format!(
                    "{available} now: kill -9 {pid} on {host}, or docker exec {host} kill -9 {pid}"
                )
            }
            StatusView::Public => format!("{available} now"),
        })
    });
    let first = first.map(|first| format!(" ({first})")).unwrap_or_default();
    format!(
        "failover: clients post for {duration}. Meanwhile, crash the available server{first}, and then, \
         again and again, the one that has taken over; `tinysns status` on the router's machine shows its \
         process id and its host."
    )
}

/// What the bench does meanwhile.
fn what_is_done(loss: Loss, duration: Duration) -> String {
    let duration = humantime::format_duration(duration);
    let what = match loss {
        Loss::Crash => "killed",
        Loss::Standstill => "stopped until another has taken over",
    };
    format!(
        "failover: clients post for {duration}, while one available server after the other is {what}"
    )
}

/// What all authors see together.
struct Observed {
    acknowledgements: RefCell<Acknowledgements>,
    progress: Progress,
}

/// Somebody who posts.
struct Author {
    client: Client,
    name: String,
    texts: NumberedText,
    /// The newest post of the network before this author's first one.
    before: PostId,
    state: RefCell<AuthorState>,
}

#[derive(Default)]
struct AuthorState {
    next: u32,
    unanswered: u64,
    audit: PostAudit,
}

impl Author {
    async fn prepare(options: &ClientOptions, number: usize) -> Result<Self, ClientError> {
        let name = format!("bench-failover-{number}");
        let client = connect(options, &name).await?;
        let before = client.posts(&name, Cursor::Newest, Some(1)).await?.as_of;
        #[expect(clippy::cast_possible_truncation, reason = "a part of it is as random")]
        let texts = NumberedText::of_run(random::id() as u32);
        Ok(Self { client, name, texts, before, state: RefCell::default() })
    }

    /// Makes the next post, and notes who has acknowledged it when.
    async fn post(&self, observed: &Observed) -> Result<(), ClientError> {
        let number = self.state.borrow().next;
        self.state.borrow_mut().next += 1;
        match self.client.publish(&self.texts.text(number)).await {
            Ok(published) => {
                self.state.borrow_mut().audit.acknowledge(number, published.id);
                let active = self.client.active_server();
                if let Some(active) = active.borrow().as_ref() {
                    observed.acknowledged_by(&active.server);
                }
                Ok(())
            }
            Err(ClientError::Unanswered { .. }) => {
                self.state.borrow_mut().unanswered += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads all posts again, and compares them with those that were acknowledged.
    async fn look(&self) -> Result<AuditFindings, ClientError> {
        let mut after = self.before;
        loop {
            let page = self.client.posts(&self.name, Cursor::After(after), Some(PAGE)).await?;
            let mut state = self.state.borrow_mut();
            for post in &page.posts {
                if let Some(number) = self.texts.number(&post.text) {
                    state.audit.read(number, post.id);
                }
            }
            match page.posts.last() {
                Some(last) if page.more => after = last.id,
                _ => return Ok(state.audit.findings()),
            }
        }
    }
}

impl Observed {
    fn acknowledged_by(&self, server: &Server) {
        let mut acknowledgements = self.acknowledgements.borrow_mut();
        if let Some(pause) = acknowledgements.note(server, Instant::now()) {
            let length = table::time(pause.length_us);
            let Pause { from, to, is_failover, .. } = pause;
            self.progress.say(&if *is_failover {
                format!(
                    "failover: {to} has taken over from {from}: nobody was answered for {length}"
                )
            } else {
                format!("failover: nobody was answered for {length}; {to} goes on")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::{cluster, public_cluster};

    #[test]
    fn whoever_watches_is_told_what_to_crash_and_where_if_that_is_known() {
        let minute = Duration::from_mins(1);
        let words = what_to_do(Some(&cluster()), minute);
        assert!(
            words.contains("post for 1m") && words.contains("server-2 now: kill -9 41 on here")
        );
        assert!(words.contains("docker exec here kill -9 41"), "{words}");
        let words = what_to_do(Some(&public_cluster()), minute);
        assert!(words.contains("(server-2 now)") && words.contains("tinysns status"), "{words}");
        assert!(what_to_do(None, minute).contains("the available server, and then"));
    }

    #[test]
    fn pauses_without_a_failover_are_not_among_those_of_failovers() {
        let pause = |length_us, is_failover| {
            let [from, to] = ["a", "b"].map(str::to_owned);
            Pause { length_us, from, to, is_failover }
        };
        let pauses = [pause(30, true), pause(900, false), pause(10, true), pause(20, true)];
        let lengths = lengths_of_failovers(&pauses);
        assert_eq!(lengths, [10, 20, 30]);
        assert_eq!((percentile(50, &lengths), percentile(99, &lengths)), (Some(20), Some(30)));
        assert_eq!((percentile(50, &[]), percentile(50, &[1, 2])), (None, Some(1)));
    }
}
