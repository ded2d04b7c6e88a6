//! Tracks where the available server is: over the network, or inside a server that knows it.
//!
//! One task keeps a stream open to the router, or to whichever node the user has named instead: the entry. If
//! several are named, the next is asked when one is away, or knows of no available server for long. If the entry is
//! away, or knows of no available server for a while, two masters are asked as well: any of them knows who leads.
//! Two, so that one that hangs cannot withhold the news.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ClientError, ClientOptions,
    known_cluster::{DirectoryAnswer, KnownCluster},
};
use crate::{
    backoff::Backoff,
    directory::Location,
    host::{
        net::{self, Security},
        random, task,
    },
    wire::v1::{self, directory_service_client::DirectoryServiceClient},
};

/// Between attempts to reach a directory.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
/// A directory that has not given its current answer within this time does not count as reached.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// An entry that names no available server for so long is left for the next one: it may be cut off from the others.
/// Longer than an election takes.
const NEXT_ENTRY_AFTER: Duration = Duration::from_secs(3);

/// Knows where the available server is. The task ends when this is dropped.
pub struct Directory {
    views: watch::Sender<KnownCluster>,
    _task: AbortOnDropHandle<()>,
}

/// The nodes by which the network can be entered, host:port each: the router, or several nodes with commas between
/// them.
pub fn entries(router: &str) -> impl Iterator<Item = &str> + Clone {
    router.split(',').map(str::trim)
}

impl Directory {
    /// Starts to watch; must be called inside a runtime.
    pub fn open(options: &ClientOptions) -> Result<Self, ClientError> {
        let entries: Vec<String> = entries(&options.router).map(str::to_owned).collect();
        let security = options.security.clone();
        for address in &entries {
            if net::channel(address, &security).is_err() || !address.contains(':') {
                return Err(ClientError::Address { address: address.clone() });
            }
        }
        let after = options.ask_masters_after;
        let sender = watch::Sender::new(KnownCluster::default());
        let views = sender.clone();
        let task = task::spawn_owned(async move {
            let serves = watch::Sender::new(false);
            let turn = usize::try_from(random::id() >> 32).unwrap_or_default();
            tokio::join!(
                follow_entries(&entries, &security, &sender, &serves),
                fall_back_to_masters((turn, after), &security, &sender, serves.subscribe()),
                fall_back_to_masters(
                    (turn.wrapping_add(1), after),
                    &security,
                    &sender,
                    serves.subscribe()
                ),
            );
        });
        Ok(Self { views, _task: task })
    }

    /// Watches what this server itself knows; must be called inside a runtime.
    pub fn inside(mut location: watch::Receiver<Location>) -> Self {
        let sender = watch::Sender::new(KnownCluster::default());
        let views = sender.clone();
        let task = task::spawn_owned(async move {
            loop {
                let known = location.borrow_and_update().to_wire();
                learn(&sender, DirectoryAnswer::from(known), None);
                if location.changed().await.is_err() {
                    return;
                }
            }
        });
        Self { views, _task: task }
    }

    /// What is known now, and every change.
    pub fn watch(&self) -> watch::Receiver<KnownCluster> {
        self.views.subscribe()
    }

    /// Where what is known is kept, for whoever finds out more.
    pub fn views(&self) -> watch::Sender<KnownCluster> {
        self.views.clone()
    }
}

/// Keeps a stream open to one of `entries`. `serves` says whether it names an available server.
async fn follow_entries(
    entries: &[String],
    security: &Security,
    views: &watch::Sender<KnownCluster>,
    serves: &watch::Sender<bool>,
) {
    let mut failures = 0;
    for (turn, entry) in entries.iter().enumerate().cycle() {
        let (begun, mut took) = (Instant::now(), None);
        let listening = listen(entry, security, |answer| {
            failures = 0;
            let names_one = answer.server.is_some();
            let took = *took.get_or_insert_with(|| begun.elapsed());
            learn(views, answer, Some((entry, took)));
            serves.send_if_modified(|serves| std::mem::replace(serves, names_one) != names_one);
        });
        let error = tokio::select! {
            biased;
            error = listening => error,
            () = is_of_no_use(serves), if entries.len() > 1 => "it names no server".to_owned(),
        };
        serves.send_if_modified(|serves| std::mem::replace(serves, false));
        let reason = format!("the router at {entry} cannot be reached: {error}");
        views.send_if_modified(|view| {
            let is_news = view.router_error.as_ref() != Some(&reason);
            view.router_error = Some(reason);
            is_news
        });
        if turn + 1 == entries.len() {
            failures += 1;
            time::sleep(BACKOFF.pause(failures, random::id())).await;
        }
    }
}

/// Returns when an entry has named no available server for long.
async fn is_of_no_use(serves: &watch::Sender<bool>) {
    let mut serves = serves.subscribe();
    loop {
        if serves.wait_for(|serves| !serves).await.is_err() {
            return;
        }
        if time::timeout(NEXT_ENTRY_AFTER, serves.wait_for(|serves| *serves)).await.is_err() {
            return;
        }
    }
}

/// Asks masters, beginning with the `turn`-th, while the router does not serve.
async fn fall_back_to_masters(
    (turn, after): (usize, Duration),
    security: &Security,
    views: &watch::Sender<KnownCluster>,
    mut serves: watch::Receiver<bool>,
) {
    while serves.wait_for(|serves| !serves).await.is_ok() {
        if time::timeout(after, serves.wait_for(|serves| *serves)).await.is_ok() {
            continue;
        }
        tokio::select! {
            _ = serves.wait_for(|serves| *serves) => {}
            () = ask_masters(turn, security, views) => {}
        }
    }
}

/// Keeps a stream open to one master after another; never returns by itself.
async fn ask_masters(mut turn: usize, security: &Security, views: &watch::Sender<KnownCluster>) {
    let mut news = views.subscribe();
    let mut failures = 0;
    loop {
        let master = {
            let view = news.borrow_and_update();
            let masters = &view.masters;
            (!masters.is_empty()).then(|| masters[turn % masters.len()].clone())
        };
        let Some(master) = master else {
            if news.changed().await.is_err() {
                return;
            }
            continue;
        };
        listen(&master, security, |answer| {
            failures = 0;
            learn(views, answer, None);
        })
        .await;
        turn = turn.wrapping_add(2);
        failures += 1;
        time::sleep(BACKOFF.pause(failures, random::id())).await;
    }
}

/// Takes in an answer, of the entry if one is named, with how long that took to answer at first.
fn learn(
    views: &watch::Sender<KnownCluster>,
    answer: DirectoryAnswer,
    from: Option<(&str, Duration)>,
) {
    views.send_if_modified(|view| {
        let mut is_news = false;
        if let Some((entry, took)) = from {
            is_news |= view.router_error.take().is_some();
            is_news |= view.entry.as_deref() != Some(entry);
            view.entry = Some(entry.to_owned());
            view.entry_took = took;
        }
        view.learn(answer) || is_news
    });
}

/// Passes every answer of the directory at `address` to `heard`, until the stream ends; returns why
/// it ended.
async fn listen(
    address: &str,
    security: &Security,
    mut heard: impl FnMut(DirectoryAnswer),
) -> String {
    let channel = match net::channel(address, security) {
        Ok(channel) => channel,
        Err(error) => return error.to_string(),
    };
    let mut directory = DirectoryServiceClient::new(channel);
    let opened = time::timeout(FIRST_ANSWER_TIMEOUT, async {
        let mut answers = directory.watch(v1::WatchRequest {}).await?.into_inner();
        let first = answers.message().await?;
        Ok::<_, tonic::Status>((answers, first))
    })
    .await;
    let (mut answers, mut next) = match opened {
        Err(_) => return "it does not answer".to_owned(),
        Ok(Err(status)) => return innermost_cause(&status),
        Ok(Ok(opened)) => opened,
    };
    // From here on HTTP/2's keepalive notices a directory that hangs.
    loop {
        match next {
            None => return "it closed the connection".to_owned(),
            Some(location) => heard(DirectoryAnswer::from(location)),
        }
        next = match answers.message().await {
            Ok(next) => next,
            Err(status) => return innermost_cause(&status),
        };
    }
}

/// The innermost cause, which is the most specific: `Connection refused` where the status says `tcp
/// connect error`.
pub fn innermost_cause(status: &tonic::Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    let mut text = status.message().to_owned();
    while let Some(inner) = cause.source() {
        cause = inner;
        text = cause.to_string();
    }
    text
}
