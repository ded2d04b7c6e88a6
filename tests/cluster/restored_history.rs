//! What people were told before a backup was made is so after it was restored, in the eyes of the checker of
//! histories. Those who listen go on listening through all of it.

use tokio::time::{Instant, timeout};

use super::{
    BINARY,
    keeping::{command, run, write_secret},
    laboratory,
    processes::{Cluster, DEADLINE, eventually},
    workload::{Workload, read_everything},
};

/// How often everybody has to have been served before the backup is made.
const ROUNDS: usize = 5;

#[tokio::test]
async fn nothing_that_was_backed_up_is_missing_doubled_or_out_of_order_after_a_restore() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    write_secret(&cluster);
    let mut workload = Workload::start(&cluster.router(), 14).await;
    for _ in 0..ROUNDS {
        let then = workload.now();
        let served = async || workload.is_served_since(then);
        eventually("everybody is served", served, |served| *served).await;
    }
    workload.stop().await;
    // What the router has heard of the available server may be a fifth of a second old.
    let heard = async || {
        let status = cluster.status().await?;
        let ends = status.masters.iter().map(|master| master.applied_index);
        let ends: Vec<u64> = ends.collect();
        ends.iter().all(|end| *end == ends[0]).then_some(())
    };
    let began = Instant::now();
    let quiet = std::time::Duration::from_millis(500);
    eventually("nothing is new", heard, |heard| heard.is_some() && began.elapsed() > quiet).await;

    let once = "tinysns backup --router localhost:3010 --secret-file /etc/tinysns/secret /var";
    let (code, said) = run(command(&cluster, once)).await;
    assert_eq!(code, Some(0), "{said}");
    cluster.kill_everything();
    cluster.wipe_router();
    let mut restore = command(&cluster, "tinysns restore /var");
    restore.arg("--keep-sessions");
    let (code, said) = run(restore).await;
    assert_eq!(code, Some(0), "{said}");
    cluster.start_router();
    cluster.start_slaves_in("new", 1);
    cluster.all_vote(1).await;

    let state = read_everything(&cluster.router()).await.expect("readable");
    assert!(state.posts.len() > 100, "{}", state.posts.len());
    let history = timeout(DEADLINE, workload.finish(state)).await;
    let history = history.expect("those who listen hear the last post");
    let violations = laboratory::check(&history);
    assert!(violations.is_empty(), "{violations:#?}");
}
