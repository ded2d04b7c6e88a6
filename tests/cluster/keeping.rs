//! A network is backed up and restored, by the commands as `docs/operate.md` has them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tinysns::client::{Cursor, ListKind};

use super::{
    BINARY,
    load::{Writer, numbered, posts_of},
    processes::{Cluster, SECRET, eventually, signal},
};

/// Much less than for what is tried again.
const AT_ONCE: Duration = Duration::from_secs(8);
const PAGE: &str = include_str!("../../docs/operate.md");

/// The commands that the page has in blocks of their own, in their order.
fn documented() -> Vec<&'static str> {
    let lines = PAGE.lines().map(str::trim);
    let mut is_code = false;
    let commands = lines.filter(move |line| {
        is_code ^= line.starts_with("```");
        is_code && line.starts_with("tinysns ")
    });
    commands.collect()
}

/// How the commands of the page begin that are run, here and in other files of these tests.
const RUN: [&str; 13] = [
    "tinysns status --router localhost:3010 --watch",
    "tinysns status --router localhost:3010 --json",
    "tinysns slave --router",
    "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret /var",
    "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret --every 1h --keep 24 /var",
    "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret s3://",
    "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret --every 1h --keep 24 s3://",
    "tinysns restore /var",
    "tinysns restore s3://",
    "tinysns compact ",
    "tinysns recover ",
    "tinysns certs ",
    "tinysns check ",
];

#[test]
fn every_command_of_the_page_is_run() {
    for command in documented() {
        assert!(RUN.iter().any(|run| command.starts_with(run)), "{command}");
    }
    for run in RUN {
        assert!(documented().iter().any(|command| command.starts_with(run)), "{run}");
    }
}

/// The first that begins like this, for this cluster, which has everything in one folder.
pub fn command(cluster: &Cluster, beginning: &str) -> Command {
    let mut found = documented().into_iter().filter(|command| command.starts_with(beginning));
    of_line(cluster, found.next().unwrap_or_else(|| panic!("the page has no {beginning}")))
}

/// The first that has this in it.
pub fn command_with(cluster: &Cluster, part: &str) -> Command {
    let mut found = documented().into_iter().filter(|command| command.contains(part));
    of_line(cluster, found.next().unwrap_or_else(|| panic!("the page has no {part}")))
}

fn of_line(cluster: &Cluster, line: &str) -> Command {
    let folder = cluster.folder().display();
    let line = line
        .replace("localhost:3010", &cluster.router())
        .replace("/etc/tinysns/secret", &format!("{folder}/secret"))
        .replace("/etc/tinysns/new-certs", &format!("{folder}/new-certs"))
        .replace("/var/lib/tinysns-new", &format!("{folder}/new"))
        .replace("/var/lib/tinysns", &format!("{folder}/masters"))
        .replace("/var/backups/tinysns", &format!("{folder}/kept"));
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("tinysns"));
    let mut command = Command::new(BINARY);
    command.args(words);
    command
}

fn words(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    (output.status.code(), said.concat())
}

/// Its exit code, and what it says.
pub async fn run(command: Command) -> (Option<i32>, String) {
    words(&tokio::process::Command::from(command).output().await.expect("it runs"))
}

/// Writes the cluster's secret where the commands of the page have it.
pub fn write_secret(cluster: &Cluster) {
    let path = cluster.folder().join("secret");
    fs::write(&path, SECRET).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
}

fn backups(directory: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(directory) else { return Vec::new() };
    files.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_network_is_backed_up_while_it_is_used_and_restored_as_another_cluster() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let folder = cluster.folder().to_owned();
    let before = cluster.all_vote(3).await;
    write_secret(&cluster);
    let reader = cluster.client("reader").await;
    let writer = Writer::start(&cluster, "writer").await;
    reader.follow("writer").await.expect("followed");
    writer.posts_more(200).await;
    let acknowledged = reader.posts("writer", Cursor::Newest, Some(1)).await.expect("readable");
    let acknowledged = acknowledged.posts[0].id;
    // What the router has heard may be a fifth of a second old.
    tokio::time::sleep(Duration::from_millis(500)).await;

    let once = "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret /var";
    let (code, said) = run(command(&cluster, once)).await;
    assert_eq!(code, Some(0), "{said}");
    let available = before.available.expect("there is one");
    assert!(
        said.contains("from server-") && !said.contains(&format!("from {available};")),
        "{said}"
    );
    let file = folder.join("kept.backup");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let (code, said) = run(command(&cluster, once)).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is there already, and is not replaced"), "{said}");
    assert_eq!(backups(&folder).iter().filter(|name| name.contains(".part")).count(), 0);

    fs::create_dir(folder.join("kept")).expect("ours");
    let left_behind = folder.join("kept/tinysns-20200102T030405Z.backup.part");
    fs::write(left_behind, "of one that was killed").expect("written");
    let every = "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret --every";
    let mut making = command(&cluster, every).stdout(Stdio::null()).spawn().expect("it runs");
    let made = async || backups(&folder.join("kept"));
    let is_whole = |names: &Vec<String>| names.len() == 1 && names[0].ends_with("Z.backup");
    eventually("a backup in the directory", made, is_whole).await;
    signal(making.id(), Signal::SIGINT);
    assert_eq!(making.wait().expect("ours").code(), Some(0));

    writer.posts_more(10).await;
    let written = writer.finish().await;
    cluster.kill_everything();
    cluster.wipe_router();

    let restore = "tinysns restore /var";
    let (code, said) = run(command(&cluster, restore)).await;
    assert_eq!(code, Some(0), "{said}");
    let old = before.cluster_id.expect("bootstrapped");
    for part in [&format!("restoring cluster {old}"), "2 accounts", "everybody has to log in again"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let (code, said) = run(command(&cluster, restore)).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is not empty"), "{said}");
    let (code, said) = run({
        let mut check = Command::new(BINARY);
        check.arg("check").arg(folder.join("new"));
        check
    })
    .await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(command(&cluster, "tinysns check ")).await;
    assert_eq!(code, Some(0), "{said}");

    cluster.start_router();
    cluster.start_slaves_in("new", 1);
    let after = cluster.all_vote(1).await;
    assert_ne!(after.cluster_id.expect("founded"), old);
    let reader = cluster.client("reader").await;
    let following = reader.list(&ListKind::Following).await.expect("readable");
    assert_eq!(following.len(), 1);
    // Nothing is missing of what was acknowledged, and there is nothing else.
    let restored = posts_of(&reader, "writer").await;
    assert!(restored.last().is_some_and(|(last, _)| *last >= acknowledged), "{restored:?}");
    assert_eq!(restored, numbered(&written.ids)[..restored.len()]);
    // It goes on as any cluster does.
    let writer = cluster.client("writer").await;
    writer.publish("from after").await.expect("published");
    cluster.start_slaves_in("newer", 1);
    cluster.all_vote(2).await;
}

#[tokio::test]
async fn without_the_clusters_secret_there_is_no_backup() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let file = cluster.folder().join("file");
    let backup = |secret: &str| {
        let mut command = Command::new(BINARY);
        command.args(["backup", "--router", &cluster.router()]).arg(&file);
        command.env("TINYSNS_SECRET", secret);
        run(command)
    };
    // On its own machine, the router takes everybody for an operator; masters do not.
    let began = Instant::now();
    let (code, said) = backup("another secret of somebody").await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("no master gives its state") && said.contains("same secret"), "{said}");
    assert!(began.elapsed() < AT_ONCE, "it was told after {:?}", began.elapsed());
    assert!(!file.exists() && backups(cluster.folder()).iter().all(|name| !name.contains("part")));
    // The only master, which is the available server, gives it.
    let (code, said) = backup(SECRET).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("from server-1"), "{said}");
}
