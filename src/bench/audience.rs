//! The people of `fanout`: one author, and readers who hold live timelines with the author's posts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::try_join_all;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    PATIENCE,
    deliveries::Deliveries,
    load::{Load, LoadError, Round},
    numbered_text::NumberedText,
    people::{connect, follow},
    progress::Progress,
};
use crate::{
    client::{Client, ClientError, ClientOptions, Subscription},
    host::{random, task},
};

/// Who is read.
pub const AUTHOR: &str = "bench-fanout";
/// Readers who share a connection: fewer than a server allows streams on one.
const ON_A_CONNECTION: usize = 64;
/// The most posts in a burst: half of what may wait for a reader before the stream is closed.
const BURST: usize = 128;
/// How long a post may take to those whose streams are open: the others need another one.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// An author, and readers whose live timelines are open.
pub struct Audience {
    author: Client,
    texts: NumberedText,
    shared: Arc<Shared>,
    /// One of the clients on each connection.
    connections: Vec<Client>,
    _readers: Vec<AbortOnDropHandle<()>>,
}

/// What readers tell the author.
struct Shared {
    deliveries: Mutex<Deliveries>,
    /// Readers to whom something has come.
    open: AtomicUsize,
    /// Why a timeline has ended, if one has.
    ended: Mutex<Option<ClientError>>,
    /// All have everything, or one gets nothing more.
    news: Notify,
}

impl Audience {
    /// Makes the accounts, and opens the timelines.
    pub async fn gather(
        options: &ClientOptions,
        readers: usize,
        progress: Progress,
    ) -> Result<Self, LoadError> {
        let author = connect(options, AUTHOR).await?;
        #[expect(clippy::cast_possible_truncation, reason = "a part of it is as random")]
        let texts = NumberedText::of_run(random::id() as u32);
        let shared = Arc::new(Shared {
            deliveries: Mutex::new(Deliveries::to(readers)),
            open: AtomicUsize::new(0),
            ended: Mutex::default(),
            news: Notify::new(),
        });
        let connections = (0..readers.div_ceil(ON_A_CONNECTION))
            .map(|_| Client::connect(options.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let timelines = (0..readers).map(|number| {
            let reader = connections[number / ON_A_CONNECTION].for_another_user(None);
            async move {
                reader.log_in(&format!("bench-reader-{number}"), None).await?;
                follow(&reader, AUTHOR).await?;
                reader.subscribe(None).await
            }
        });
        let timelines = progress.prepare("readers", timelines).await?;
        let read = |timeline| task::spawn_owned(read(timeline, texts, Arc::clone(&shared)));
        let all = timelines.into_iter().map(read).collect();
        let audience = Self { author, texts, shared, connections, _readers: all };
        audience.open_all(readers).await?;
        Ok(audience)
    }

    /// Publishes for so long, in bursts, each of which all readers have before the next one begins; or at a
    /// rate.
    pub async fn carry_out(&self, load: Load, length: Duration) -> Result<Round, LoadError> {
        let began = Instant::now();
        if load.rate.is_some() {
            load.carry_out(length, async |_caller, due| self.publish(due).await).await?;
            self.all_delivered().await?;
        } else {
            let burst = load.callers.min(BURST);
            while began.elapsed() < length {
                try_join_all((0..burst).map(|_| self.publish(Instant::now()))).await?;
                self.all_delivered().await?;
            }
        }
        let took = began.elapsed().max(length);
        let (delivered, latencies) = self.shared.deliveries.lock().end_round();
        Ok(Round::new(delivered, took, latencies))
    }

    /// One client of each connection.
    pub fn connections(&self) -> impl Iterator<Item = &Client> {
        self.connections.iter().chain([&self.author])
    }

    async fn publish(&self, due: Instant) -> Result<(), ClientError> {
        let number = self.shared.deliveries.lock().begin(due);
        self.author.publish(&self.texts.text(number)).await.map(drop)
    }

    /// Publishes until all streams are open: a bare server keeps nothing for those who come late.
    async fn open_all(&self, readers: usize) -> Result<(), LoadError> {
        let opened = async {
            loop {
                self.publish(Instant::now()).await?;
                let all = self.until(|shared| shared.open.load(Ordering::Relaxed) == readers);
                if let Ok(outcome) = timeout(AGAIN_AFTER, all).await {
                    self.shared.deliveries.lock().end_round();
                    return outcome;
                }
            }
        };
        self.in_time(Box::pin(opened)).await
    }

    async fn all_delivered(&self) -> Result<(), LoadError> {
        self.in_time(self.until(|shared| shared.deliveries.lock().is_complete())).await
    }

    /// Waits until something has come, or a timeline has ended.
    async fn until(&self, has_come: impl Fn(&Shared) -> bool) -> Result<(), ClientError> {
        loop {
            // Created before the check, so that no news in between is missed.
            let news = self.shared.news.notified();
            if let Some(why) = self.shared.ended.lock().clone() {
                return Err(why);
            }
            if has_come(&self.shared) {
                return Ok(());
            }
            news.await;
        }
    }

    async fn in_time(
        &self,
        outcome: impl Future<Output = Result<(), ClientError>>,
    ) -> Result<(), LoadError> {
        match timeout(PATIENCE, outcome).await {
            Ok(outcome) => Ok(outcome?),
            Err(_late) => {
                let missing = self.shared.deliveries.lock().missing();
                Err(LoadError::NotDelivered { missing })
            }
        }
    }
}

async fn read(mut timeline: Subscription, texts: NumberedText, shared: Arc<Shared>) {
    let mut is_open = false;
    while let Some(post) = timeline.next().await {
        let is_news = match post {
            Ok(post) => {
                let Some(number) = texts.number(&post.text) else { continue };
                let opens = !std::mem::replace(&mut is_open, true);
                if opens {
                    shared.open.fetch_add(1, Ordering::Relaxed);
                }
                shared.deliveries.lock().deliver(number, Instant::now()) || opens
            }
            Err(why) => {
                *shared.ended.lock() = Some(why);
                true
            }
        };
        if is_news {
            shared.news.notify_one();
        }
    }
}
