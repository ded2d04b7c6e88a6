//! Most disks are lost, and a new cluster is made of what is left, by the commands as `docs/operate.md` has them.

use std::{fs, path::Path};

use tinysns::client::Cursor;

use super::{
    BINARY,
    keeping::{command, run},
    load::{Writer, numbered, posts_of},
    processes::{Cluster, SECRET},
};

const RECOVER: &str = "tinysns recover ";

/// Moves a slot to another data directory.
fn move_slot(from: &Path, to: &Path, slot: &str, new_slot: &str) {
    fs::create_dir_all(to).expect("made");
    fs::rename(from.join(slot), to.join(new_slot)).expect("moved");
}

/// As the page has it, with this besides.
async fn recover(cluster: &Cluster, more: &[&str]) -> (Option<i32>, String) {
    let mut command = command(cluster, RECOVER);
    command.args(more).env("TINYSNS_SECRET", SECRET);
    run(command).await
}

#[tokio::test]
async fn what_is_left_of_a_cluster_goes_on_and_late_survivors_join_it() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let folder = cluster.folder().to_owned();
    let before = cluster.all_vote(3).await;
    let old = before.cluster_id.expect("bootstrapped");
    let keeper = cluster.client("keeper").await;
    let writer = Writer::start(&cluster, "writer").await;
    keeper.follow("writer").await.expect("followed");
    writer.posts_more(200).await;
    // While it serves, nothing is recovered.
    cluster.stop_slaves(1);
    let (code, said) = recover(&cluster, &[]).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("in use by a running node"), "{said}");
    cluster.start_slaves(1);
    cluster.all_vote(3).await;
    writer.posts_more(50).await;
    let written = writer.finish().await;
    cluster.kill_everything();

    // The router's disk is lost, and those of two masters seem to be.
    cluster.wipe_router();
    let masters = folder.join("masters");
    for (slot, late) in [("slot-002", "slot-001"), ("slot-003", "slot-002")] {
        move_slot(&masters, &folder.join("late"), slot, late);
    }
    let (code, said) = recover(&cluster, &[]).await;
    assert_eq!(code, Some(64), "{said}");
    for part in [
        "slot-001: master",
        "1 of 4 voters are here, and 3 are needed",
        "server-3 and the router's witness",
        "is LOST: nobody here can say",
        "cannot be asked",
        "there is no terminal to ask at",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!folder.join("masters-recovered").exists(), "nothing is made before it is agreed");
    let (code, said) = recover(&cluster, &[folder.join("late").to_str().expect("text")]).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("3 of 4 voters are here") && said.contains("nothing has to be"),
        "{said}"
    );
    let (code, said) = recover(&cluster, &["--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the new cluster "), "{said}");
    let (code, said) = recover(&cluster, &["--yes"]).await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is not empty"), "{said}");

    cluster.start_router();
    cluster.start_slaves_in("masters-recovered", 1);
    cluster.all_vote(1).await;
    // A majority of the old masters comes back, which could go on by itself, and joins.
    cluster.start_slaves_in("late", 2);
    let after = cluster.all_vote(3).await;
    assert_ne!(after.cluster_id.expect("recovered"), old);
    for slot in ["slot-001", "slot-002"] {
        assert!(folder.join("late").join(slot).join("old-1/raft.redb").exists(), "{slot}");
    }
    // So does a new server in a directory of which only the name of the old cluster is left.
    fs::create_dir_all(folder.join("emptied")).expect("made");
    fs::copy(masters.join("cluster-id"), folder.join("emptied/cluster-id")).expect("copied");
    cluster.start_slaves_in("emptied", 1);
    cluster.all_vote(4).await;
    // Whoever was logged in still is, and sees no id twice.
    let left = posts_of(&keeper, "writer").await;
    assert_eq!(left, numbered(&written.ids)[..left.len()]);
    assert!(left.len() >= 200, "{}", left.len());
    let again = keeper.publish("from after").await.expect("published");
    assert!(again.id.get() > 1 << 32, "{}", again.id);
    let home = keeper.timeline(Cursor::Newest, Some(5)).await.expect("readable");
    assert_eq!(home.posts.first().map(|post| post.id), left.last().map(|(id, _)| *id));
    for directory in ["masters-recovered", "late/slot-001/old-1"] {
        let mut check = std::process::Command::new(BINARY);
        check.arg("check").arg(folder.join(directory));
        let (code, said) = run(check).await;
        assert!(
            code == Some(0) || said.contains("in use by a running node"),
            "{directory}: {code:?} {said}"
        );
    }
    let (code, said) = recover(&cluster, &["--yes"]).await;
    assert_eq!(code, Some(64), "{said}");
}
