//! A person who posts continuously, and the proof that no post was lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tinysns::{
    client::{Client, Cursor},
    domain::PostId,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::processes::{Cluster, DEADLINE};

/// Posts one after another, numbered from 1, until it is stopped.
pub struct Writer {
    client: Client,
    user: String,
    stop: Arc<AtomicBool>,
    count: watch::Receiver<usize>,
    task: JoinHandle<Written>,
}

/// The result of a writer.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The ids of the acknowledged posts, in the order of writing.
    pub ids: Vec<PostId>,
    /// The longest time from a post to its acknowledgement.
    pub slowest: Duration,
}

impl Writer {
    /// Starts posting as `user`, more than anybody may where rates are limited.
    pub async fn start(cluster: &Cluster, user: &str) -> Self {
        let client = cluster.client(user).await;
        let stop = Arc::new(AtomicBool::new(false));
        let (counter, count) = watch::channel(0);
        let task = tokio::spawn(write(client.clone(), Arc::clone(&stop), counter));
        Self { client, user: user.to_owned(), stop, count, task }
    }

    /// Waits until `more` further posts are acknowledged.
    pub async fn posts_more(&self, more: usize) -> usize {
        let mut count = self.count.clone();
        let wanted = *count.borrow() + more;
        let reached = timeout(DEADLINE, count.wait_for(|count| *count >= wanted)).await;
        *reached.expect("in time").expect("no post failed")
    }

    /// Stops after the post in progress, and checks that every acknowledged post can be read once,
    /// in order, and nothing else.
    pub async fn finish(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let written = self.task.await.expect("no post failed");
        assert_posts(&self.client, &self.user, &written.ids).await;
        written
    }
}

async fn write(client: Client, stop: Arc<AtomicBool>, count: watch::Sender<usize>) -> Written {
    let mut written = Written::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let text = text(written.ids.len());
        let post = client.publish(&text).await.expect("every post is acknowledged in the end");
        written.slowest = written.slowest.max(began.elapsed());
        written.ids.push(post.id);
        count.send_replace(written.ids.len());
    }
    written
}

fn text(index: usize) -> String {
    format!("post {}", index + 1)
}

/// Checks that `user` has made exactly the posts `ids`, numbered from 1, in this order.
pub async fn assert_posts(client: &Client, user: &str, ids: &[PostId]) {
    assert_eq!(posts_of(client, user).await, numbered(ids), "the posts of {user}");
    assert!(ids.is_sorted(), "acknowledged in the order of writing");
}

/// These posts, with the texts of a writer.
pub fn numbered(ids: &[PostId]) -> Vec<(PostId, String)> {
    ids.iter().enumerate().map(|(index, id)| (*id, text(index))).collect()
}

/// All posts of a user, in their order.
pub async fn posts_of(client: &Client, user: &str) -> Vec<(PostId, String)> {
    let mut found = Vec::new();
    let mut cursor = PostId::NONE;
    loop {
        let page = client.posts(user, Cursor::After(cursor), Some(100)).await.expect("readable");
        cursor = page.posts.last().map_or(cursor, |post| post.id);
        found.extend(page.posts.into_iter().map(|post| (post.id, post.text)));
        if !page.more {
            return found;
        }
    }
}
