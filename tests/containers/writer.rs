//! A client on the host that posts during a story, and then checks every post.

use std::time::{Duration, Instant};

use tinysns::{
    client::{Client, ClientOptions, Cursor},
    domain::PostId,
};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// Between two posts: often enough to fall into every gap, rarely enough to leave the machine to
/// the cluster.
const PACE: Duration = Duration::from_millis(10);

/// A client that posts.
pub struct Writer {
    client: Client,
    name: String,
    stop: CancellationToken,
    posting: JoinHandle<Posted>,
}

struct Posted {
    texts: Vec<String>,
    longest: Duration,
}

/// The result.
#[derive(Debug)]
pub struct Account {
    /// Acknowledged posts, all of them found in order.
    pub posts: usize,
    /// The longest that one of them took.
    pub longest: Duration,
}

impl Writer {
    /// Logs in at the router on this host's `port`, and starts posting.
    pub async fn start(port: u16, name: &str) -> Self {
        let client = Client::connect(ClientOptions::new(format!("127.0.0.1:{port}")))
            .expect("it is an address");
        client.log_in(name, None).await.expect("the writer logs in");
        let stop = CancellationToken::new();
        let posting = tokio::spawn(post(client.clone(), name.to_owned(), stop.clone()));
        Self { client, name: name.to_owned(), stop, posting }
    }

    /// Stops, and checks that every acknowledged post is there once, in order, and nothing else.
    pub async fn finish(self) -> Account {
        self.stop.cancel();
        let posted = self.posting.await.expect("no request of the writer may fail");
        let kept = posts_of(&self.client, &self.name).await;
        let first = posted.texts.iter().zip(&kept).position(|(sent, found)| sent != found);
        assert_eq!(first, None, "the first post that is not where it belongs");
        assert_eq!(kept.len(), posted.texts.len(), "posts kept and posts acknowledged");
        let account = Account { posts: kept.len(), longest: posted.longest };
        eprintln!("{}: {account:?}", self.name);
        assert!(account.posts > 0);
        account
    }
}

async fn post(client: Client, name: String, stop: CancellationToken) -> Posted {
    let mut posted = Posted { texts: Vec::new(), longest: Duration::ZERO };
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        pace.tick().await;
        let text = format!("{name} {}", posted.texts.len());
        let began = Instant::now();
        client.publish(&text).await.expect("a post is acknowledged");
        posted.longest = posted.longest.max(began.elapsed());
        posted.texts.push(text);
    }
    posted
}

/// All posts of a user, oldest first.
pub async fn posts_of(client: &Client, name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut after = PostId::NONE;
    loop {
        let page =
            client.posts(name, Cursor::After(after), Some(100)).await.expect("posts are read");
        after = page.posts.last().map_or(after, |post| post.id);
        texts.extend(page.posts.into_iter().map(|post| post.text));
        if !page.more {
            return texts;
        }
    }
}
