//! The people of `fanout` and of live streams over HTTP: one author, and readers who hold live timelines with the
//! author's posts.

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
    http::Author as AuthorOverHttp,
    load::{Load, LoadError, Round},
    numbered_text::NumberedText,
    people::{connect, follow},
    progress::Progress,
};
use crate::{
    client::{Client, ClientOptions, Subscription},
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

/// Who is read.
pub enum Author {
    /// With our client library.
    Client(Box<Client>),
    /// As an app does.
    OverHttp(AuthorOverHttp),
}

impl Author {
    async fn publish(&self, text: &str) -> Result<(), LoadError> {
        match self {
            Self::Client(client) => Ok(client.publish(text).await.map(drop)?),
            Self::OverHttp(app) => Ok(app.publish(text).await.map(drop)?),
        }
    }
}

/// An author, and readers whose live timelines are open.
pub struct Audience {
    author: Author,
    texts: NumberedText,
    shared: Arc<Shared>,
    /// One of the clients on each connection.
    connections: Vec<Client>,
    readers: Vec<AbortOnDropHandle<()>>,
}

/// What readers tell the author.
struct Shared {
    deliveries: Mutex<Deliveries>,
    /// Readers to whom something has come.
    open: AtomicUsize,
    /// Why a timeline has ended, if one has.
    ended: Mutex<Option<LoadError>>,
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
        let reads = |(timeline, ear)| task::spawn_owned(read(timeline, ear));
        let mut audience = Self::of(Author::Client(Box::new(author)), readers);
        audience.connections = connections;
        audience.readers = timelines.into_iter().zip(audience.ears(readers)).map(reads).collect();
        audience.open_all(readers).await?;
        Ok(audience)
    }

    /// Of an author with so many readers, none of whom reads yet.
    pub fn of(author: Author, readers: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a part of it is as random")]
        let texts = NumberedText::of_run(random::id() as u32);
        let shared = Arc::new(Shared {
            deliveries: Mutex::new(Deliveries::to(readers)),
            open: AtomicUsize::new(0),
            ended: Mutex::default(),
            news: Notify::new(),
        });
        Self { author, texts, shared, connections: Vec::new(), readers: Vec::new() }
    }

    /// The same, read by those whom `read` starts: each tells its ear what has come.
    pub async fn read_by(
        mut self,
        readers: usize,
        read: impl FnMut(Ear) -> AbortOnDropHandle<()>,
    ) -> Result<Self, LoadError> {
        self.readers = self.ears(readers).map(read).collect();
        self.open_all(readers).await?;
        Ok(self)
    }

    fn ears(&self, readers: usize) -> impl Iterator<Item = Ear> + use<> {
        let (texts, shared) = (self.texts, Arc::clone(&self.shared));
        (0..readers).map(move |_| Ear { texts, shared: Arc::clone(&shared), is_open: false })
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
        let author = match &self.author {
            Author::Client(author) => Some(&**author),
            Author::OverHttp(_) => None,
        };
        self.connections.iter().chain(author)
    }

    async fn publish(&self, due: Instant) -> Result<(), LoadError> {
        let number = self.shared.deliveries.lock().begin(due);
        self.author.publish(&self.texts.text(number)).await
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
    async fn until(&self, has_come: impl Fn(&Shared) -> bool) -> Result<(), LoadError> {
        loop {
            // Created before the check, so that no news in between is missed.
            let news = self.shared.news.notified();
            if let Some(why) = self.shared.ended.lock().take() {
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
        outcome: impl Future<Output = Result<(), LoadError>>,
    ) -> Result<(), LoadError> {
        match timeout(PATIENCE, outcome).await {
            Ok(outcome) => outcome,
            Err(_late) => {
                let missing = self.shared.deliveries.lock().missing();
                Err(LoadError::NotDelivered { missing })
            }
        }
    }
}

/// What somebody reads with: it tells the author what has come.
pub struct Ear {
    texts: NumberedText,
    shared: Arc<Shared>,
    is_open: bool,
}

impl Ear {
    /// A post with this text has come.
    pub fn hears(&mut self, text: &str) {
        let Some(number) = self.texts.number(text) else { return };
        let opens = !std::mem::replace(&mut self.is_open, true);
        if opens {
            self.shared.open.fetch_add(1, Ordering::Relaxed);
        }
        if self.shared.deliveries.lock().deliver(number, Instant::now()) || opens {
            self.shared.news.notify_one();
        }
    }

    /// Nothing more will come.
    pub fn is_cut_off(&self, why: LoadError) {
        *self.shared.ended.lock() = Some(why);
        self.shared.news.notify_one();
    }
}

async fn read(mut timeline: Subscription, mut ear: Ear) {
    while let Some(post) = timeline.next().await {
        match post {
            Ok(post) => ear.hears(&post.text),
            Err(why) => ear.is_cut_off(why.into()),
        }
    }
}
