//! Disks fill up: the network says so well before, has somebody lead who has room, is read-only if too few have, and
//! goes on by itself as soon as there is room again.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use nix::{fcntl::posix_fallocate, sys::statvfs::statvfs};
use tinysns::{
    client::{ClientError, Cursor, ListKind, Post, Subscription},
    domain::UserName,
};
use tokio::time::timeout;

use super::{
    BINARY,
    keeping::{command, run, write_secret},
    load::Writer,
    processes::{Cluster, DEADLINE, NO_RATE_LIMITS, eventually},
};

const MIB: u64 = 1 << 20;
/// What is left until the disk counts as full, when the test begins. Others use this disk, too, in the meantime.
const LEFT_MIB: u64 = 3_000;

fn free_mib() -> u64 {
    let disk = statvfs(&std::env::temp_dir()).expect("there");
    disk.blocks_available() * disk.fragment_size() / MIB
}

/// Takes so much of the disk.
fn fill(path: &Path, mib: u64) {
    let file = File::create(path).expect("made");
    let bytes = i64::try_from(mib * MIB).expect("small");
    posix_fallocate(&file, 0, bytes).expect("there is room");
}

async fn next(live: &mut Subscription) -> Post {
    let next = timeout(DEADLINE, live.next()).await.expect("in time");
    next.expect("it goes on").expect("it resumes by itself")
}

async fn problems(cluster: &Cluster) -> String {
    cluster.status().await.map(|status| status.problems.join("; ")).unwrap_or_default()
}

#[tokio::test]
async fn without_room_the_network_is_read_only_and_goes_on_by_itself_when_there_is_room() {
    let reserve = free_mib().checked_sub(LEFT_MIB).expect("the test needs some GiB of disk");
    let reserve: &'static str = reserve.to_string().leak();
    let settings = [("TINYSNS_DISK_RESERVE_MIB", reserve), NO_RATE_LIMITS];
    let cluster = Cluster::start_with(BINARY, 3, "1s", &settings).await;
    let (ann, bob) = (cluster.client("ann").await, cluster.client("bob").await);
    cluster.client("eve").await;
    ann.follow("bob").await.expect("followed");
    ann.follow("eve").await.expect("followed");
    let first = bob.publish("with room").await.expect("published");
    let mut live = ann.subscribe(Some(first.id)).await.expect("a timeline");
    assert_eq!(problems(&cluster).await, "");

    let ballast = cluster.folder().join("ballast");
    fill(&ballast, LEFT_MIB - 600);
    let said = async || problems(&cluster).await;
    eventually("an alarm", said, |said| said.matches("has room for").count() == 3).await;
    let second = bob.publish("with little room").await.expect("published");
    assert_eq!(next(&mut live).await.id, second.id);

    let more = cluster.folder().join("more");
    fill(&more, 800);
    eventually("the end", said, |said| said.matches("has no room for more").count() == 3).await;
    let refused = eventually(
        "posts are refused",
        async || bob.publish("without room").await.err(),
        Option::is_some,
    );
    let Some(ClientError::Refused(refusal)) = refused.await else { panic!("not a refusal") };
    assert!(refusal.message.starts_with("the network is read-only, because server-"), "{refusal}");
    assert!(refusal.message.contains("as soon as there is room"), "{refusal}");
    assert!(ann.follow("ann2").await.is_err());
    // Reads go on, streams stay, and what adds nothing is done.
    let page = ann.timeline(Cursor::Newest, None).await.expect("readable");
    let texts: Vec<_> = page.posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["with little room", "with room"]);
    ann.unfollow("eve").await.expect("what is taken away needs no room");
    assert_eq!(
        ann.list(&ListKind::Following).await.expect("readable"),
        [UserName::new("bob").expect("valid")]
    );
    assert!(timeout(Duration::from_millis(500), live.next()).await.is_err(), "it waits");

    fs::remove_file(&more).expect("ours");
    let published = eventually(
        "posts are taken again",
        async || bob.publish("with room again").await.ok(),
        Option::is_some,
    );
    let third = published.await.expect("published");
    while next(&mut live).await.id < third.id {}
    fs::remove_file(&ballast).expect("ours");
    eventually("all is well", said, String::is_empty).await;
}

#[tokio::test]
async fn all_masters_are_compacted_while_people_use_them() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    write_secret(&cluster);
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(300).await;
    let documented = command(&cluster, "tinysns compact ");
    let (code, said) = run(documented).await;
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(" MiB, was ")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    let available = cluster.available().await.name;
    assert!(lines[2].starts_with(&available), "the available server comes last: {said}");
    writer.posts_more(100).await;
    writer.finish().await;
    let (code, said) = run({
        let mut wrong = command(&cluster, "tinysns compact ");
        fs::write(cluster.folder().join("secret"), "another secret of somebody").expect("written");
        wrong.env_remove("TINYSNS_SECRET");
        wrong
    })
    .await;
    assert_eq!(code, Some(1), "{said}");
}
