//! People log in while others guess their passwords.

use std::{fs, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tonic::Code;

use super::{
    BINARY,
    abuse::resident_kib,
    callers::{Api, connect, log_in, pushback},
    processes::{Cluster, DEADLINE},
};

const RIGHT: &str = "correct horse";
/// As many as a connection may have in progress, but for a few.
const IN_FLIGHT: usize = 250;
/// Generous: two hashes may come before that of a login. In a queue that is not fair, hundreds do.
const FEWER_THAN: u32 = 20;

async fn cluster(rate_limits: &'static str) -> Cluster {
    Cluster::start_with(BINARY, 1, "1s", &[("TINYSNS_RATE_LIMITS", rate_limits)]).await
}

/// How long the right password usually takes now.
async fn usual_login(api: &mut Api) -> Duration {
    let mut took = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        log_in(api, "ann", RIGHT).await.expect("logged in");
        took.push(began.elapsed());
    }
    took.sort();
    took[took.len() / 2]
}

/// Keeps many guesses in flight on one connection; whoever is refused comes again when it may.
async fn attack(api: &Api, username: &'static str) -> JoinSet<()> {
    let answered = Arc::new(Notify::new());
    let mut guessers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (mut api, answered) = (api.clone(), Arc::clone(&answered));
        guessers.spawn(async move {
            loop {
                let refused = log_in(&mut api, username, "a guess").await.expect_err("refused");
                answered.notify_one();
                if refused.code() != Code::PermissionDenied {
                    sleep(pushback(&refused)).await;
                }
            }
        });
    }
    timeout(DEADLINE, answered.notified()).await.expect("it has begun");
    guessers
}

/// The system's allocator keeps what every thread has used: more than 100 MiB after so many logins.
#[tokio::test]
async fn what_hashing_takes_is_given_back() {
    /// Two hashes, and what else so many calls leave behind.
    const MOST_KIB: u64 = 2 * 19 * 1024 + 16 * 1024;
    const AT_A_TIME: usize = 10;
    let cluster = cluster("off").await;
    let pid = cluster.available().await.pid;
    let api = connect(&cluster, "127.0.0.1").await;
    log_in(&mut api.clone(), "ann", RIGHT).await.expect("logged in");
    let before = resident_kib(pid);
    for _round in 0..10 {
        let mut logins = JoinSet::new();
        for _ in 0..AT_A_TIME {
            let mut api = api.clone();
            logins.spawn(async move { log_in(&mut api, "ann", RIGHT).await.expect("logged in") });
        }
        logins.join_all().await;
    }
    let more = resident_kib(pid).saturating_sub(before);
    println!("{more} KiB more after {} logins", 10 * AT_A_TIME);
    assert!(more <= MOST_KIB, "{more} KiB more");
}

#[tokio::test]
async fn whoever_has_the_password_gets_in_while_hundreds_of_guesses_are_in_flight() {
    for rate_limits in ["off", "on"] {
        let cluster = cluster(rate_limits).await;
        let mut ann = connect(&cluster, "127.0.0.1").await;
        for username in ["ann", "bob"] {
            log_in(&mut ann, username, RIGHT).await.expect("an account");
        }
        let alone = usual_login(&mut ann).await;
        // At another account, and at her own from another address.
        for (guesser, account) in [("127.0.0.1", "bob"), ("127.0.0.2", "ann")] {
            let attack = attack(&connect(&cluster, guesser).await, account).await;
            let meanwhile = usual_login(&mut ann).await;
            println!("rate limits {rate_limits}: {alone:?} alone, {meanwhile:?} meanwhile");
            assert!(meanwhile < alone * FEWER_THAN, "{meanwhile:?}, and {alone:?} alone");
            assert!(!attack.is_empty());
        }
    }
}

#[tokio::test]
async fn a_guesser_is_told_when_to_come_again_and_nobody_else_is_kept_waiting() {
    let cluster = cluster("on").await;
    let mut owner = connect(&cluster, "127.0.0.1").await;
    log_in(&mut owner, "ann", RIGHT).await.expect("an account");
    let mut guesser = connect(&cluster, "127.0.0.2").await;
    let refused = loop {
        let refused = log_in(&mut guesser, "ann", "a guess").await.expect_err("refused");
        if refused.code() != Code::PermissionDenied {
            break refused;
        }
    };
    assert!(pushback(&refused) > Duration::from_secs(1), "{refused:?}");
    assert!(refused.message().contains("too many wrong passwords"), "{refused:?}");
    let lucky = log_in(&mut guesser, "ann", RIGHT).await.expect_err("not looked at");
    assert_eq!(lucky.code(), Code::ResourceExhausted);
    for elsewhere in ["127.0.0.1", "127.0.0.3"] {
        let mut owner = connect(&cluster, elsewhere).await;
        log_in(&mut owner, "ann", RIGHT).await.expect("logged in");
    }
    log_in(&mut guesser, "bob", "a password of his own").await.expect("another account");
}

#[tokio::test]
async fn guesses_that_are_cancelled_take_no_memory() {
    const AT_MOST_KIB: u64 = 150 << 10;
    let cluster = cluster("off").await;
    let mut ann = connect(&cluster, "127.0.0.1").await;
    log_in(&mut ann, "ann", RIGHT).await.expect("an account");
    let master = cluster.available().await.pid;
    let before = peak_memory_kib(master);
    let mut guessers = JoinSet::new();
    for guesser in 0..IN_FLIGHT {
        let mut api = ann.clone();
        guessers.spawn(async move {
            // Each leaves at another moment, in the middle of some hash.
            let patience = Duration::from_millis(20 + u64::try_from(guesser).expect("few"));
            for _ in 0..4 {
                let _left = timeout(patience, log_in(&mut api, "ann", "a guess")).await;
            }
        });
    }
    guessers.join_all().await;
    let more = peak_memory_kib(master) - before;
    println!("{more} KiB more");
    assert!(more < AT_MOST_KIB, "{more} KiB");
    log_in(&mut ann, "ann", RIGHT).await.expect("logged in");
}

/// The most memory that a process has had so far.
fn peak_memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let mut lines = status.lines().filter_map(|line| line.strip_prefix("VmHWM:"));
    let peak = lines.find_map(|line| line.trim().strip_suffix(" kB"));
    peak.expect("the kernel says").parse().expect("a number")
}
