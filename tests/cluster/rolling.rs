//! Two versions of the program roll through a cluster that people use, as `docs/operate.md` has it. The next version is
//! this program, which says that it speaks the next version of the format (feature `laboratory`).

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;
use tinysns::{
    client::{Client, Cursor, ListKind},
    domain::PostId,
    envelope::SupportedVersions,
};
use tokio::time::timeout;

use super::{
    BINARY,
    keeping::{self, run},
    load::Writer,
    processes::{Cluster, DEADLINE, eventually},
};

const MASTERS: usize = 3;
/// So much is posted, at least, after each part of the cluster was restarted.
const POSTS: usize = 10;

/// The format that the status tells, by the command of the page.
async fn format(cluster: &Cluster) -> u64 {
    let command = keeping::command_with(cluster, "--json");
    let (code, said) = run(command).await;
    assert_eq!(code, Some(0), "{said}");
    let status: Value = serde_json::from_str(&said).expect("JSON");
    status["format"].as_u64().expect("the router knows it")
}

/// Follows and unfollows until it is told to stop; the last that counts is that it follows.
async fn follows(client: Client, stop: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        client.follow("writer").await.expect("no request is refused");
        client.unfollow("writer").await.expect("no request is refused");
        count += 1;
    }
    client.follow("writer").await.expect("no request is refused");
    count
}

/// Reads the newest posts until it is told to stop. They never become fewer.
async fn reads(client: Client, stop: Arc<AtomicBool>) -> usize {
    let (mut count, mut newest) = (0, PostId::NONE);
    while !stop.load(Ordering::Relaxed) {
        let page = client.posts("writer", Cursor::Newest, Some(5)).await;
        let page = page.expect("no request is refused");
        let last = page.posts.iter().map(|post| post.id).max().unwrap_or(PostId::NONE);
        assert!(last >= newest, "what was seen is not forgotten");
        (count, newest) = (count + 1, last);
    }
    count
}

/// Every post of the writer, as it comes.
async fn watches(client: Client) -> impl AsyncFnOnce(usize) -> Vec<PostId> {
    client.follow("writer").await.expect("followed");
    let mut timeline = client.subscribe(Some(PostId::NONE)).await.expect("subscribed");
    async move |count| {
        let mut seen = Vec::new();
        while seen.len() < count {
            let next = timeout(DEADLINE, timeline.next()).await.expect("in time");
            seen.push(next.expect("it goes on").expect("a post").id);
        }
        seen
    }
}

/// What a slave of this program, and not of the next, says to the data of this cluster.
async fn refused(cluster: &Cluster) -> String {
    let mut command = Command::new(BINARY);
    let prepared = cluster.command("slave");
    command.args(prepared.get_args());
    command.envs(prepared.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = timeout(DEADLINE, run(command)).await;
    let (code, said) = ended.expect("it ends at once");
    assert_eq!(code, Some(64), "{said}");
    said
}

/// Whether a node has logged this.
fn logged(cluster: &Cluster, words: &str) -> bool {
    let files = fs::read_dir(cluster.folder()).expect("readable");
    let mut paths = files.map(|file| file.expect("readable").path());
    paths
        .any(|path| path.is_file() && fs::read_to_string(path).is_ok_and(|log| log.contains(words)))
}

#[tokio::test]
async fn the_next_version_rolls_through_a_cluster_in_use_with_a_way_back_until_it_is_everywhere() {
    let now = u64::from(SupportedVersions::BUILD.newest.byte());
    let next = now + 1;
    let mut cluster = Cluster::start_unlimited(BINARY, MASTERS, "1s").await;
    // Whoever follows sees what is posted from then on.
    cluster.client("writer").await;
    let watched = watches(cluster.client("watcher").await).await;
    let writer = Writer::start(&cluster, "writer").await;
    let stop = Arc::new(AtomicBool::new(false));
    let follower = tokio::spawn(follows(cluster.client("follower").await, Arc::clone(&stop)));
    let reader = tokio::spawn(reads(cluster.client("reader").await, Arc::clone(&stop)));
    writer.posts_more(POSTS).await;
    assert_eq!(format(&cluster).await, now);

    cluster.starts_next_version(true);
    for restarted in 1..=MASTERS {
        cluster.restart_slave(0).await;
        cluster.all_vote(MASTERS).await;
        writer.posts_more(POSTS).await;
        assert_eq!(format(&cluster).await, now, "{restarted} of the masters and not the router");
    }
    // One of them goes back to this version, and forth again.
    for (is_next, number) in [(false, 0), (true, MASTERS - 1)] {
        cluster.starts_next_version(is_next);
        cluster.restart_slave(number).await;
        cluster.all_vote(MASTERS).await;
        writer.posts_more(POSTS).await;
        assert_eq!(format(&cluster).await, now, "the router is still of the old version");
    }
    // The last member is the router's witness.
    cluster.restart_router().await;
    cluster.all_vote(MASTERS).await;
    eventually(
        "the cluster writes in the next format",
        async || format(&cluster).await,
        |format| *format == next,
    )
    .await;
    writer.posts_more(POSTS).await;

    stop.store(true, Ordering::Relaxed);
    let count = follower.await.expect("no request was refused");
    assert!(count >= POSTS, "followed {count} times");
    let count = reader.await.expect("no request was refused");
    assert!(count >= POSTS, "read {count} times");
    let written = writer.finish().await;
    assert_eq!(watched(written.ids.len()).await, written.ids, "each once, in order");
    let client = cluster.client("follower").await;
    let following = client.list(&ListKind::Following).await.expect("readable");
    assert_eq!(following.iter().map(ToString::to_string).collect::<Vec<_>>(), ["writer"]);

    // From here on, nothing leads back.
    cluster.starts_next_version(false);
    cluster.stop_slaves(1);
    let said = refused(&cluster).await;
    let spoken = SupportedVersions::BUILD;
    let why = format!(
        "the state of the cluster in format {next} was written by a newer tinysns; this one speaks {spoken}: upgrade this node"
    );
    assert!(said.contains(&why), "{why} is not in {said}");
    // The refusal has changed nothing.
    cluster.starts_next_version(true);
    cluster.start_slaves(1);
    cluster.all_vote(MASTERS).await;
    // A router of the old version goes on directing people, but its witness is none any more.
    cluster.starts_next_version(false);
    cluster.restart_router().await;
    let reader = cluster.client("reader").await;
    reader.publish("directed by an old router").await.expect("published");
    let why = format!("the cluster writes in format {next}, this node speaks {spoken}: upgrade it");
    eventually("it is told why", async || logged(&cluster, &why), |is_told| *is_told).await;
    cluster.starts_next_version(true);
    cluster.restart_router().await;
    cluster.all_vote(MASTERS).await;
    assert_eq!(format(&cluster).await, next);
}
