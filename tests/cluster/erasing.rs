//! What somebody deletes is gone: at once for every reader, and in time from the files of every node.

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use tinysns::{
    client::{Client, ClientOptions, Cursor, RefusalKind, TimelineKind},
    domain::Mark,
};

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, eventually},
};

const SECRET_WORDS: &str = "the-treasure-lies-under-the-third-pear-tree";

/// The files in which there are these words.
fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Files come and go meanwhile.
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path)
                && bytes.windows(words.len()).any(|part| part == words.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn has_each(found: &[String], parts: &[&str]) -> bool {
    parts.iter().all(|part| found.iter().any(|path| path.contains(part)))
}

#[tokio::test]
async fn what_was_deleted_leaves_the_files_of_every_node() {
    let cluster = Cluster::start_with(BINARY, 2, "1s", &[("TINYSNS_ERASE_WITHIN", "12s")]).await;
    let ann = cluster.client("ann").await;
    let kept = ann.publish("pears are sweet").await.expect("published").id;
    let post = ann.publish(SECRET_WORDS).await.expect("published").id;
    // So that it is in the tables, too.
    let compacted = cluster.command("compact").output().expect("it runs");
    assert!(compacted.status.success(), "{compacted:?}");
    let found = files_with(cluster.folder(), SECRET_WORDS);
    assert!(has_each(&found, &["router", "raft-log", "tables"]), "{found:#?}");

    ann.delete(post).await.expect("deleted");
    eventually(
        "the words are in no file",
        async || files_with(cluster.folder(), SECRET_WORDS),
        Vec::is_empty,
    )
    .await;
    // Nothing else is lost, and the cluster goes on, whoever leads.
    cluster.lose_the_available_server(2).await;
    assert_eq!(ann.post(kept).await.expect("there").text, "pears are sweet");
    ann.publish("and so it goes on").await.expect("published");
    assert_eq!(files_with(cluster.folder(), SECRET_WORDS), Vec::<String>::new());
}

#[tokio::test]
async fn an_account_is_deleted_while_one_available_server_after_the_other_is_killed() {
    const POSTS: usize = 2_000;
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let (ann, bob) = (cluster.client("ann").await, cluster.client("bob").await);
    bob.follow("ann").await.expect("followed");
    let pear = bob.publish("pears").await.expect("published").id;
    ann.mark(pear, Mark::Like, true).await.expect("liked");
    for number in 0..POSTS {
        ann.publish(&format!("number {number}")).await.expect("published");
    }
    ann.delete_account(None).await.expect("deleted");
    let another = Client::connect(ClientOptions::new(cluster.router())).expect("a valid address");
    let refused = another.log_in("ann", None).await.expect_err("nobody is called that");
    assert_eq!(refused.refusal_kind(), Some(&RefusalKind::AlreadyExists), "{refused}");
    let home = bob.read(&TimelineKind::Home, Cursor::Newest, None).await.expect("read");
    assert_eq!(home.posts.iter().map(|post| post.id).collect::<Vec<_>>(), [pear]);
    for _ in 0..3 {
        cluster.lose_the_available_server(3).await;
        // Others are not held up for good.
        bob.publish("still here").await.expect("published");
    }
    let of_pear = async || bob.post(pear).await.expect("there").counts.likes;
    eventually("what she liked is forgotten", of_pear, |likes| *likes == 0).await;
    let of_bob = async || bob.person("bob").await.expect("there").person.counts.followers;
    assert_eq!(of_bob().await, 0);
}

/// With `FULL_SCALE` in the environment, as many as somebody may have made in years.
fn posts_to_delete() -> usize {
    if env::var_os("FULL_SCALE").is_some() { 100_000 } else { 2_000 }
}

/// How long a post of somebody takes.
async fn one_post(client: &Client) -> Duration {
    let began = Instant::now();
    client.publish("still here").await.expect("published");
    began.elapsed()
}

/// The median and the 99th of a hundred.
fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[tokio::test]
async fn others_go_on_posting_while_an_account_with_many_posts_is_deleted() {
    /// Fewer posts meanwhile would mean that it was not done step by step.
    const MEANWHILE: usize = 10;
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let (ann, bob) = (cluster.client("ann").await, cluster.client("bob").await);
    let pear = bob.publish("pears").await.expect("published").id;
    // It is forgotten behind all posts.
    ann.mark(pear, Mark::Like, true).await.expect("liked");
    let published = stream::iter(0..posts_to_delete()).map(|number| {
        let ann = &ann;
        async move { ann.publish(&format!("number {number}")).await.expect("published") }
    });
    published.buffer_unordered(32).count().await;
    let mut before = Vec::new();
    for _ in 0..500 {
        before.push(one_post(&bob).await);
    }
    ann.delete_account(None).await.expect("deleted");
    let (began, mut meanwhile) = (Instant::now(), Vec::new());
    while bob.post(pear).await.expect("there").counts.likes > 0 {
        meanwhile.push(one_post(&bob).await);
        assert!(began.elapsed() < 10 * DEADLINE, "it never ends");
    }
    let (took, count) = (began.elapsed(), meanwhile.len());
    assert!(count >= MEANWHILE, "{count} posts in {took:?}");
    let (before, meanwhile) = (quantiles(before), quantiles(meanwhile));
    println!("{took:?}; {count} posts; median and p99 {meanwhile:?}, before {before:?}");
}
