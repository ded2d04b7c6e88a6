//! Backups in a store that speaks the protocol of Amazon S3: one on loopback, by the commands as `docs/operate.md` has
//! them.

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;

use super::{
    BINARY,
    fake_store::FakeStore,
    keeping::{self, run},
    load::{Writer, numbered, posts_of},
    ports::free_ports,
    processes::{Cluster, SECRET, eventually, signal},
};

const OBJECT: &str = "tinysns/first.backup";

/// The command with this argument, for this cluster and this store.
fn command(cluster: &Cluster, store: &FakeStore, argument: &str) -> Command {
    let mut command = keeping::command_with(cluster, argument);
    command.envs(store.variables());
    command
}

#[tokio::test]
async fn a_network_is_backed_up_to_a_store_and_restored_from_it() {
    let mut cluster = Cluster::start_unlimited(BINARY, 2, "1s").await;
    let folder = cluster.folder().to_owned();
    let store = FakeStore::start().await;
    let once = "/etc/tinysns/secret s3://kept/tinysns/first.backup";
    keeping::write_secret(&cluster);
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(200).await;

    let (code, said) = run(command(&cluster, &store, once)).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("s3://kept/tinysns/first.backup: a backup of cluster "), "{said}");
    assert_eq!(store.keys(), [OBJECT]);
    assert!(store.held().uploads.is_empty());
    let (code, said) = run(command(&cluster, &store, once)).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is there already, and is not replaced"), "{said}");

    // The same command, only oftener.
    let hourly = command(&cluster, &store, "--every 1h --keep 24 s3://kept/tinysns");
    let mut making = Command::new(BINARY);
    making.args(hourly.get_args().map(|word| match word.to_str() {
        Some("1h") => OsStr::new("1s"),
        Some("24") => OsStr::new("2"),
        _ => word,
    }));
    making.envs(store.variables()).stdout(Stdio::null());
    let mut making = making.spawn().expect("it runs");
    let is_regular =
        |key: &&String| key.starts_with("tinysns/tinysns-") && key.ends_with("Z.backup");
    let regular = || store.keys().iter().filter(is_regular).cloned().collect::<Vec<_>>();
    let first = eventually("a first one", async || regular(), |keys| !keys.is_empty()).await;
    let is_gone = |keys: &Vec<String>| keys.len() == 2 && !keys.contains(&first[0]);
    eventually("later ones, and the first is removed", async || regular(), is_gone).await;
    signal(making.id(), Signal::SIGINT);
    let ended = async || making.try_wait().expect("ours").and_then(|status| status.code());
    eventually("it ends", ended, |code| *code == Some(0)).await;
    assert!(store.held().uploads.is_empty(), "nothing is left of what was not finished");
    assert!(store.keys().contains(&OBJECT.to_owned()), "what is called otherwise stays");

    let written = writer.finish().await;
    cluster.kill_everything();
    cluster.wipe_router();
    let (code, said) = run(command(&cluster, &store, "restore s3://kept/")).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 accounts"), "{said}");
    assert!(folder.join("new").exists());
    cluster.start_router();
    cluster.start_slaves_in("new", 1);
    cluster.all_vote(1).await;
    let reader = cluster.client("reader").await;
    let restored = posts_of(&reader, "writer").await;
    assert!(restored.len() >= 150, "{restored:?}");
    assert_eq!(restored, numbered(&written.ids)[..restored.len()]);
}

#[tokio::test]
async fn a_backup_that_a_store_does_not_take_leaves_nothing_there() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let store = FakeStore::start().await;
    keeping::write_secret(&cluster);
    store.held().fails = true;
    let (code, said) = run(command(&cluster, &store, "secret s3://kept/tinysns/first")).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("cannot write s3://kept/tinysns/first.backup: NoRoom: it is so"),
        "{said}"
    );
    assert!(store.keys().is_empty() && store.held().uploads.is_empty());
    store.held().fails = false;
    let (code, said) = run(command(&cluster, &store, "secret s3://kept/tinysns/first")).await;
    assert_eq!(code, Some(0), "{said}");
    // Nothing is made of one that was cut off.
    let content = store.held().objects[OBJECT].clone();
    store.held().objects.insert(OBJECT.to_owned(), content[..content.len() - 9].to_vec());
    let (code, said) = run(command(&cluster, &store, "restore s3://kept/")).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be restored, and nothing was"), "{said}");
}

#[tokio::test]
async fn why_a_store_cannot_be_used_is_told_with_what_to_do() {
    let store = FakeStore::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nobody = format!("http://127.0.0.1:{}", free_ports(1));
    for (place, changed, expected, parts) in [
        ("s3://other/a", &[][..], 64, &["no bucket other", "make it"][..]),
        ("s3://kept/a", &[], 64, &["cannot read s3://kept/a: it is not there"]),
        ("s3://kept", &[], 64, &["s3://kept is a bucket", "s3://kept/tinysns.backup"]),
        ("s3://kept/a b", &[], 64, &["no address", "--help"]),
        ("gs://kept/a", &[], 64, &["gs:// is not known here", "--help"]),
        (
            "s3://kept/a",
            &[("AWS_ACCESS_KEY_ID", "theirs")],
            64,
            &["InvalidAccessKeyId", "have to be right"],
        ),
        ("s3://kept/a", &[("AWS_SECRET_ACCESS_KEY", "")], 64, &["AWS_SECRET_ACCESS_KEY"]),
        (
            "s3://kept/a",
            &[("AWS_ALLOW_HTTP", "false")],
            64,
            &["not encrypted", "AWS_ALLOW_HTTP=true"],
        ),
        ("s3://kept/a", &[("AWS_ALLOW_HTTP", "perhaps")], 64, &["AWS_ALLOW_HTTP"]),
        ("s3://kept/a", &[("AWS_ENDPOINT", "no address")], 64, &["no address (AWS_ENDPOINT)"]),
        ("s3://kept/a", &[("AWS_ENDPOINT", &*nobody)], 1, &["cannot reach the store", "refused"]),
    ] {
        let mut command = Command::new(BINARY);
        command.args(["restore", place, "--data-dir"]).arg(folder.path().join("new"));
        command.envs(store.variables());
        for (name, value) in changed {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        let (code, said) = run(command).await;
        assert_eq!(code, Some(expected), "{place} {changed:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{place} {changed:?}: {part} is not in {said}");
        }
    }
    // Without credentials, those of the machine are asked for.
    let mut command = Command::new(BINARY);
    command.args(["backup", "s3://kept/a"]).env("TINYSNS_SECRET", SECRET).envs(store.variables());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let (code, said) = run({
        command.env("AWS_METADATA_ENDPOINT", nobody);
        command
    })
    .await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("no credentials") && said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    assert!(fs::read_dir(folder.path()).expect("there").next().is_none(), "nothing was made");
}
