//! The router, a master and a client in one process, on listeners that the test has made, and on one
//! thread: as a simulation runs them.
//!
//! The only test of its process: after it, no thread is started there any more.

#![allow(missing_docs, reason = "tests")]

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use tinysns::{
    cli::{self, Subcommand},
    client::{self, Client, ClientOptions, ClusterStatus, MasterState},
    host::{random, thread},
    master::service::{self as master, Master, NodeEnd},
    router::service::{self as router, Router},
    serving::Encryption,
    settings::{MasterSettings, RouterSettings},
    slot::Slot,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_mins(1);

fn settings(arguments: &[&str], secret: &str) -> Subcommand {
    let program = ["tinysns"].into_iter().chain(arguments.iter().copied());
    let parsed = cli::parse(program, [("TINYSNS_SECRET", secret)]);
    parsed.unwrap_or_else(|refused| panic!("{refused}")).command
}

fn router_settings(data: &Path) -> RouterSettings {
    let data = data.join("router");
    let data = data.to_str().expect("UTF-8");
    let listen = "127.0.0.1:0";
    let arguments = [
        "router",
        "--router-listen",
        listen,
        "--witness-listen",
        listen,
        "--router-data-dir",
        data,
    ];
    match settings(&arguments, "a secret of the cluster") {
        Subcommand::Router(settings) => settings,
        _ => panic!("it is a router"),
    }
}

fn master_settings(router: &str, data: &Path) -> MasterSettings {
    let data = data.join("masters");
    let data = data.to_str().expect("UTF-8");
    let listen = "127.0.0.1:0";
    let arguments = [
        "master",
        "--router",
        router,
        "--client-listen",
        listen,
        "--peer-listen",
        listen,
        "--data-dir",
        data,
    ];
    match settings(&arguments, "a secret of the cluster") {
        Subcommand::Master(settings) => settings,
        _ => panic!("it is a master"),
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("of Linux").count()
}

async fn cluster_with_a_server(router: &str) -> ClusterStatus {
    loop {
        let available = |status: &ClusterStatus| {
            status.masters.iter().any(|master| master.state == MasterState::Available)
        };
        match client::cluster(router).await {
            Ok(status) if available(&status) => return status,
            _ => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// People log in, with passwords, and read each other's posts; on the second day, with what they
/// had on the first.
async fn people_use_it(router: &str, day: Day) {
    const PASSWORD: Option<&str> = Some("correct horse");
    let clients = ["ann", "bob"].map(|_| ClientOptions::new(router));
    let [ann, bob] = clients.map(|options| Client::connect(options).expect("an address"));
    ann.log_in("ann", None).await.expect("logged in");
    match day {
        Day::First => {
            bob.log_in("bob", None).await.expect("logged in");
            bob.set_password(None, PASSWORD).await.expect("set");
            bob.follow("ann").await.expect("followed");
        }
        Day::Second => {
            bob.log_in("bob", PASSWORD).await.expect("logged in");
        }
    }
    let mut live = bob.subscribe(None).await.expect("subscribed");
    let published = ann.publish("hello").await.expect("published");
    let arrived = live.next().await.expect("goes on").expect("a post");
    assert_eq!((arrived.id, arrived.text.as_str()), (published.id, "hello"));
}

#[derive(Clone, Copy)]
enum Day {
    First,
    Second,
}

#[test]
fn a_router_and_a_master_serve_on_one_thread_and_leave_nothing_behind() {
    let seed = 7;
    thread::stay_on_one();
    random::seed(seed);
    let data = TempDir::new().expect("a temporary directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let before = threads();
    // The second time on the same files, so everything that had them open has ended.
    for day in [Day::First, Day::Second] {
        let story = async { timeout(DEADLINE, Box::pin(story(data.path(), day))).await };
        assert_eq!(runtime.block_on(story).expect("in time"), before, "no thread was started");
        assert_eq!(threads(), before, "no thread was started");
    }
}

/// Returns how many threads there were while everything ran.
async fn story(data: &Path, day: Day) -> usize {
    let stop = CancellationToken::new();
    let settings = router_settings(data);
    let listeners = router::Listeners::bind(&settings).await.expect("free ports");
    let address = format!("127.0.0.1:{}", listeners.clients.port());
    let encryption = Encryption::of_router(&settings).expect("usable");
    let router = Router::build(&settings, encryption, listeners).await.expect("a router");

    let settings = master_settings(&address, data);
    let slot = Slot::claim(&settings.data_dir).expect("a free slot");
    assert_eq!(slot.number(), 1);
    let listeners = master::Listeners::bind(&settings).await.expect("free ports");
    let port = listeners.clients.port();
    let master_stop = CancellationToken::new();
    let serve_master = async {
        let info = slot.info(0);
        let encryption = Encryption::of_master(&settings).expect("usable");
        let master =
            Master::build(&settings, &encryption, &info, listeners, &stop).await.expect("a master");
        master.expect("nobody stops it yet").run(&master_stop).await
    };
    let people = async {
        let status = cluster_with_a_server(&address).await;
        assert_eq!(status.masters[0].address, format!("127.0.0.1:{port}"));
        people_use_it(&address, day).await;
        master_stop.cancel();
        threads()
    };
    let serve = async {
        let (threads, ended) = tokio::join!(people, serve_master);
        assert!(matches!(ended.expect("it stopped well"), NodeEnd::Stopped));
        stop.cancel();
        threads
    };
    let (threads, routed) = tokio::join!(serve, router.run(&stop));
    routed.expect("it stopped well");
    threads
}
