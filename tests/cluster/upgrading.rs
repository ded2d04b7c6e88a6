//! What an earlier build has written, this one reads: the data of a network that was written once, by the
//! build that first wrote this version of the format, and is never written again.
//!
//! `WRITE_FORMAT=2` writes the data of a new version, beside those that are there.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use tinysns::client::{Client, ClientError, ClientOptions, Cursor, ListKind};

use super::{BINARY, processes::Cluster};

/// Versions of which there is data.
const VERSIONS: [u32; 1] = [1];
const MASTERS: usize = 2;
const PASSWORD: &str = "ann's own password";
const POSTS: u64 = 300;
/// Each of which has a position before all posts, since somebody is told of it.
const FOLLOWS: u64 = 2;
/// All posts of ann that a page holds.
const PAGE: u32 = 100;

fn archive(version: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/written");
    folder.join(format!("format-{version}.tar.gz"))
}

fn tar(arguments: &[&str], archive: &Path, folder: &Path, names: &[&str]) {
    let mut command = Command::new("tar");
    command.args(arguments).arg(archive).arg("-C").arg(folder).args(names);
    assert!(command.status().expect("every system has tar").success(), "{command:?}");
}

fn text(number: u64) -> String {
    if number == 7 {
        "two\nlines, and a 🦀".to_owned()
    } else {
        format!("post {number} of ann's")
    }
}

/// Logged in, if anybody may be by this password.
async fn log_in(
    cluster: &Cluster,
    name: &str,
    password: Option<&str>,
) -> Result<Client, ClientError> {
    let client = Client::connect(ClientOptions::new(cluster.router())).expect("an address");
    client.log_in(name, password).await?;
    Ok(client)
}

/// Two people, a password, follows, one of which was taken back, and more posts than a page holds.
async fn write(cluster: &Cluster) {
    let [ann, bob] = [("ann", Some(PASSWORD)), ("bob", None)];
    let ann = log_in(cluster, ann.0, ann.1).await.expect("a new account");
    let bob = log_in(cluster, bob.0, bob.1).await.expect("a new account");
    let _eve = log_in(cluster, "eve", None).await.expect("a new account");
    for name in ["ann", "eve"] {
        bob.follow(name).await.expect("there is one");
    }
    bob.unfollow("eve").await.expect("followed");
    for number in 1..=POSTS {
        let published = ann.publish(&text(number)).await.expect("published");
        assert_eq!(published.id.get(), FOLLOWS + number);
    }
}

async fn read(cluster: &Cluster) {
    let wrong = log_in(cluster, "ann", Some("somebody else's")).await;
    assert!(matches!(wrong, Err(ClientError::Refused(_))), "the password counts");
    let ann = log_in(cluster, "ann", Some(PASSWORD)).await.expect("the same password");
    let bob = log_in(cluster, "bob", None).await.expect("he has none");
    let following = bob.list(&ListKind::Following).await.expect("readable");
    assert_eq!(following.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ann"]);
    let mut after = Cursor::After(tinysns::domain::PostId::new(0));
    let mut number = 0;
    loop {
        let page = bob.timeline(after, Some(PAGE)).await.expect("readable");
        for post in &page.posts {
            number += 1;
            let seen = (post.id.get(), post.author.to_string(), post.text.clone());
            assert_eq!(seen, (FOLLOWS + number, "ann".to_owned(), text(number)));
        }
        match page.posts.last() {
            Some(last) if page.more => after = Cursor::After(last.id),
            _ => break,
        }
    }
    assert_eq!(number, POSTS, "none is missing");
    let published = ann.publish("and one more").await.expect("published");
    assert_eq!(published.id.get(), FOLLOWS + POSTS + 1);
}

#[tokio::test]
async fn what_every_earlier_version_has_written_is_read_and_continued() {
    if let Some(version) = env::var_os("WRITE_FORMAT") {
        let version = version.to_str().and_then(|text| text.parse().ok()).expect("a number");
        let mut cluster = Cluster::start_unlimited(BINARY, MASTERS, "1s").await;
        write(&cluster).await;
        cluster.stop_slaves(MASTERS);
        cluster.kill_router();
        tar(&["-czf"], &archive(version), cluster.folder(), &["router", "masters"]);
    }
    for version in VERSIONS {
        let mut cluster = Cluster::prepare(BINARY, "1s", &[]);
        tar(&["-xzf"], &archive(version), cluster.folder(), &[]);
        let checked =
            Command::new(BINARY).arg("check").arg(cluster.folder().join("masters")).output();
        let checked = checked.expect("the program starts");
        assert!(checked.status.success(), "version {version}: {checked:?}");
        cluster.start_router();
        cluster.start_slaves(MASTERS);
        cluster.all_vote(MASTERS).await;
        read(&cluster).await;
    }
}
