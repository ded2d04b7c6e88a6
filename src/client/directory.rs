//! Tracks where the available server is: over the network, or inside a server that knows it.
//!
//! One task keeps a stream open to the router. If the router is away, or knows of no available
//! server for a while, two masters are asked as well: any of them knows who leads. Two, so that one
//! that hangs cannot withhold the news.

use std::time::Duration;

use tokio::{sync::watch, time};
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

/// Knows where the available server is. The task ends when this is dropped.
pub struct Directory {
    views: watch::Receiver<KnownCluster>,
    _task: AbortOnDropHandle<()>,
}

impl Directory {
    /// Starts to watch; must be called inside a runtime.
    pub fn open(options: &ClientOptions) -> Result<Self, ClientError> {
        let router = options.router.clone();
        let security = options.security.clone();
        if net::channel(&router, &security).is_err() || !router.contains(':') {
            return Err(ClientError::Address { address: router });
        }
        let after = options.ask_masters_after;
        let (sender, views) = watch::channel(KnownCluster::default());
        let task = task::spawn_owned(async move {
            let serves = watch::Sender::new(false);
            let turn = usize::try_from(random::id() >> 32).unwrap_or_default();
            tokio::join!(
                follow_router(&router, &security, &sender, &serves),
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
        let (sender, views) = watch::channel(KnownCluster::default());
        let task = task::spawn_owned(async move {
            loop {
                let known = location.borrow_and_update().to_wire();
                learn(&sender, DirectoryAnswer::from(known), true);
                if location.changed().await.is_err() {
                    return;
                }
            }
        });
        Self { views, _task: task }
    }

    /// What is known now, and every change.
    pub fn watch(&self) -> watch::Receiver<KnownCluster> {
        self.views.clone()
    }
}

/// Keeps a stream open to the router. `serves` says whether it names an available server.
async fn follow_router(
    router: &str,
    security: &Security,
    views: &watch::Sender<KnownCluster>,
    serves: &watch::Sender<bool>,
) {
    let mut failures = 0;
    loop {
        let error = listen(router, security, |answer| {
            failures = 0;
            let names_one = answer.server.is_some();
            learn(views, answer, true);
            serves.send_if_modified(|serves| std::mem::replace(serves, names_one) != names_one);
        })
        .await;
        serves.send_if_modified(|serves| std::mem::replace(serves, false));
        let reason = format!("the router at {router} cannot be reached: {error}");
        views.send_if_modified(|view| {
            let is_news = view.router_error.as_ref() != Some(&reason);
            view.router_error = Some(reason);
            is_news
        });
        failures += 1;
        time::sleep(BACKOFF.pause(failures, random::id())).await;
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
            learn(views, answer, false);
        })
        .await;
        turn = turn.wrapping_add(2);
        failures += 1;
        time::sleep(BACKOFF.pause(failures, random::id())).await;
    }
}

fn learn(views: &watch::Sender<KnownCluster>, answer: DirectoryAnswer, from_router: bool) {
    views.send_if_modified(|view| {
        let recovered = from_router && view.router_error.take().is_some();
        view.learn(answer) || recovered
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
