//! What nodes keep on disk is for their owner alone.

use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::sys::{
    signal::Signal,
    stat::{Mode, umask},
};

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, eventually, signal},
};

/// Whom no file of a test belongs to.
const SOMEBODY_ELSE: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

/// A path and everything below it.
fn all(path: &Path) -> Vec<PathBuf> {
    let below = path.is_dir().then(|| fs::read_dir(path).expect("readable"));
    let below = below.into_iter().flatten().flat_map(|entry| all(&entry.expect("readable").path()));
    [path.to_owned()].into_iter().chain(below).collect()
}

/// Everything that the cluster's nodes have made.
fn kept(cluster: &Cluster) -> Vec<PathBuf> {
    ["router", "masters"].iter().flat_map(|made| all(&cluster.folder().join(made))).collect()
}

fn open_to_others(paths: &[PathBuf]) -> Vec<String> {
    let open = paths.iter().filter(|path| mode(path) & 0o077 != 0);
    open.map(|path| format!("{} {:o}", path.display(), mode(path))).collect()
}

const NOBODY: [String; 0] = [];

#[tokio::test]
async fn nothing_that_nodes_keep_is_open_to_other_users_whatever_the_umask_or_an_earlier_version() {
    umask(Mode::empty());
    let mut cluster = Cluster::start(BINARY, 2, "50ms").await;
    let client = cluster.client("ann").await;
    client.publish("to friends").await.expect("published");
    signal(cluster.available().await.pid, Signal::SIGKILL);
    cluster
        .until("it is back", |status| status.masters.iter().any(|master| master.reboots == 1))
        .await;
    cluster.all_vote(2).await;
    let files = kept(&cluster);
    let has = |name: &str| files.iter().any(|path| path.ends_with(name));
    let segment = "raft-log/0000000001";
    for name in ["raft.redb", segment, "current", "lock", "master.pid", "cluster-id"] {
        assert!(has(name), "{name} is not in {files:?}");
    }
    assert_eq!(open_to_others(&files), NOBODY);

    cluster.kill_everything();
    // As earlier versions left it; and a state that has to be fetched anew.
    for path in kept(&cluster) {
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    fs::remove_dir_all(cluster.folder().join("masters/slot-002/state")).expect("removed");
    cluster.start_router();
    cluster.start_slaves(2);
    cluster.all_vote(2).await;
    let named = ["router", "masters"].map(|made| cluster.folder().join(made));
    for path in &named {
        assert_eq!(mode(path), 0o755, "who made what a setting names is not known: {path:?}");
    }
    let mut files = kept(&cluster);
    files.retain(|path| !named.contains(path));
    assert_eq!(open_to_others(&files), NOBODY);
}

#[tokio::test]
async fn files_of_somebody_else_that_are_open_to_all_are_warned_of_and_used() {
    if fs::metadata("/proc/self").expect("of Linux").uid() != 0 {
        eprintln!("SKIPPED: only root can start a node as somebody else");
        return;
    }
    let cluster = Cluster::prepare(BINARY, "1s", &[]);
    set_mode(cluster.folder(), 0o755);
    let [data, log] = ["router", "log"].map(|name| cluster.folder().join(name));
    fs::create_dir(&data).expect("made");
    set_mode(&data, 0o777);
    let file = data.join("raft.redb");
    let mut command: Command = cluster.command("router");
    command.uid(SOMEBODY_ELSE).gid(SOMEBODY_ELSE).stdin(Stdio::null());
    command.env("TINYSNS_WITNESS_LISTEN", format!("127.0.0.1:{}", free_ports(1)));
    // The first time, it makes the file, which is then given to us.
    for _ in 0..2 {
        let mut router = match command.stderr(File::create(&log).expect("made")).spawn() {
            Ok(router) => router,
            Err(error) => {
                eprintln!("SKIPPED: somebody else cannot start the program: {error}");
                return;
            }
        };
        eventually("it serves", async || cluster.status().await, Option::is_some).await;
        signal(router.id(), Signal::SIGTERM);
        assert!(router.wait().expect("ours").success());
        chown(&file, Some(0), Some(0)).expect("given");
        set_mode(&file, 0o666);
    }
    let said = fs::read_to_string(&log).expect("readable");
    for warning in [
        format!("{} has the mode 0666, which cannot be changed", file.display()),
        format!("{} has the mode 0777: other users", data.display()),
    ] {
        assert_eq!(said.matches(&warning).count(), 1, "{warning}: {said}");
    }
}

#[tokio::test]
async fn a_secret_that_others_may_read_is_warned_of_in_the_log_of_a_node() {
    let cluster = Cluster::prepare(BINARY, "1s", &[]);
    set_mode(cluster.folder(), 0o755);
    let [secret, log] = ["secret", "log"].map(|name| cluster.folder().join(name));
    fs::write(&secret, "the secret of a cluster under test").expect("written");
    set_mode(&secret, 0o644);
    let mut command = cluster.command("router");
    command.env_remove("TINYSNS_SECRET").env("TINYSNS_SECRET_FILE", &secret).stdin(Stdio::null());
    let mut router = command.stderr(File::create(&log).expect("made")).spawn().expect("it starts");
    eventually("it serves", async || cluster.status().await, Option::is_some).await;
    signal(router.id(), Signal::SIGTERM);
    assert!(router.wait().expect("ours").success());
    let said = fs::read_to_string(&log).expect("readable");
    assert!(said.contains(&format!("`chmod o= {}`", secret.display())), "{said}");
}
