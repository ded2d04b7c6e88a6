//! What somebody deletes is gone: at once for every reader, and in time from the files of every node.

use std::{fs, path::Path};

use nix::sys::signal::Signal;
use tinysns::{
    client::{Client, ClientOptions, Cursor, RefusalKind, TimelineKind},
    domain::Mark,
};

use super::{
    BINARY,
    processes::{Cluster, eventually, signal},
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
    signal(cluster.available().await.pid, Signal::SIGKILL);
    cluster.all_vote(2).await;
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
        signal(cluster.available().await.pid, Signal::SIGKILL);
        cluster.all_vote(3).await;
        // Others are not held up for good.
        bob.publish("still here").await.expect("published");
    }
    let of_pear = async || bob.post(pear).await.expect("there").counts.likes;
    eventually("what she liked is forgotten", of_pear, |likes| *likes == 0).await;
    let of_bob = async || bob.person("bob").await.expect("there").person.counts.followers;
    assert_eq!(of_bob().await, 0);
}
