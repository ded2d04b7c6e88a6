//! The classic protocol, as another implementation of the client speaks it: the stories of the
//! classic graders, and what happens to classic calls and timelines in a failover.

use std::process::Command;

use nix::sys::signal::Signal;
use tinysns::client::{Client, ClientOptions, MasterState};

use super::{
    BINARY,
    processes::{Cluster, signal},
    python_client::PythonClient,
};

const FOLLOWED: &str = "Join Successful";
const NO_SUCH_USER: &str = "Join Failed -- Invalid Username";
const FOLLOWED_BEFORE: &str = "Join Failed -- Already Following User";
const UNFOLLOWED: &str = "Leave Successful";
const NOT_FOLLOWED: &str = "Leave Failed -- Not Following User";
const NO_SUCH_FOLLOWEE: &str = "Leave Failed -- Invalid Username";

fn log_in(client: &mut PythonClient, users: &[&str]) {
    for user in users {
        assert_eq!(client.does(user, "login", ""), "Login Successful!");
    }
}

fn numbered(author: &str, numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers.map(|number| format!("{author} p{number}")).collect()
}

/// The client address of a master that is not the available server.
async fn standby(cluster: &Cluster) -> String {
    let status = cluster.status().await.expect("the router answers");
    let standby = status.masters.into_iter().find(|m| m.state == MasterState::Standby);
    standby.expect("there is one").address
}

#[tokio::test]
async fn story_1_goes_by_the_letter_at_the_router_at_the_available_server_and_at_a_standby() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let available = cluster.available().await.address;
    let clients = [
        PythonClient::by_router("csce662", &cluster.router()),
        PythonClient::staying("csce438", &cluster.router()),
        PythonClient::staying("csce662", &available),
        PythonClient::staying("csce438", &standby(&cluster).await),
    ];
    for (round, mut client) in clients.into_iter().enumerate() {
        log_in(&mut client, &["u1", "u2", "u3"]);
        assert_eq!(client.does("u1", "list", ""), "all=u1,u2,u3 followers=", "{round}");
        for (verb, name, answer) in [
            ("follow", "u1", FOLLOWED_BEFORE),
            ("follow", "u2", FOLLOWED),
            ("follow", "U2", FOLLOWED_BEFORE),
            ("follow", "u3", FOLLOWED),
            ("follow", "u4", NO_SUCH_USER),
            ("follow", "", NO_SUCH_USER),
            ("follow", "../escape", NO_SUCH_USER),
        ] {
            assert_eq!(client.does("u1", verb, name), answer, "{round} {verb} {name}");
        }
        assert_eq!(client.does("u2", "list", ""), "all=u1,u2,u3 followers=u1");
        for (verb, name, answer) in [
            ("unfollow", "u1", NO_SUCH_FOLLOWEE),
            ("unfollow", "u4", NO_SUCH_FOLLOWEE),
            ("unfollow", "u2", UNFOLLOWED),
            ("unfollow", "u2", NOT_FOLLOWED),
            ("unfollow", "u3", UNFOLLOWED),
        ] {
            assert_eq!(client.does("u1", verb, name), answer, "{round} {verb} {name}");
        }
        assert_eq!(client.does("u2", "list", ""), "all=u1,u2,u3 followers=");
    }
}

#[tokio::test]
async fn stories_2_and_4_a_timeline_starts_with_twenty_posts_newest_first_also_after_a_restart() {
    let mut cluster = Cluster::start(BINARY, 3, "1s").await;
    {
        let mut client = PythonClient::by_router("csce662", &cluster.router());
        log_in(&mut client, &["u1", "u2", "u3"]);
        assert_eq!(client.does("u2", "follow", "u1"), FOLLOWED);
        assert_eq!(client.does("u1", "follow", "u2"), FOLLOWED);
        client.does("u2", "timeline", "");
        client.does("u1", "timeline", "");
        client.does("u1", "post", "  ");
        for number in 1..=10 {
            client.does("u1", "post", &format!("p{number}"));
        }
        assert_eq!(client.gets("u2", 10), numbered("u1", 1..=10), "live, in order");
        assert_eq!(client.does("u3", "follow", "u1"), FOLLOWED);
        for number in 11..=22 {
            client.does("u1", "post", &format!("p{number}"));
        }
        client.does("u1", "done", "");
        assert_eq!(client.gets("u2", 12), numbered("u1", 11..=22));
    }
    for round in 0..2 {
        let mut client = PythonClient::by_router("csce438", &cluster.router());
        log_in(&mut client, &["u2", "u3"]);
        client.does("u2", "timeline", "");
        client.does("u3", "timeline", "");
        assert_eq!(client.gets("u2", 20), numbered("u1", (3..=22).rev()), "{round}");
        assert_eq!(client.gets("u3", 12), numbered("u1", (11..=22).rev()), "{round}");
        client.got_nothing_else("u2");
        client.got_nothing_else("u3");
        assert_eq!(client.does("u2", "list", ""), "all=u1,u2,u3 followers=u1");
        if round == 0 {
            cluster.kill_everything();
            cluster.start_router();
            cluster.start_slaves(3);
            cluster.all_vote(3).await;
        }
    }
}

#[tokio::test]
async fn story_3_ten_users_see_the_people_they_follow_live_and_nobody_else() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let mut client = PythonClient::by_router("csce438", &cluster.router());
    let follows = |a: usize, b: usize| match (a, b) {
        (0, 1) | (1, 0) | (2, 3) | (3, 4) | (4, 2) => true,
        (5..=9, 5..=9) => a != b,
        _ => false,
    };
    let name = |number: usize| format!("user{number}");
    for number in 0..10 {
        log_in(&mut client, &[&name(number)]);
    }
    for number in 0..10 {
        for other in (0..10).filter(|other| follows(number, *other)) {
            assert_eq!(client.does(&name(number), "follow", &name(other)), FOLLOWED);
        }
        client.does(&name(number), "timeline", "");
    }
    for number in 0..10 {
        client.does(&name(number), "post", &format!("by {number}"));
    }
    for number in 0..10 {
        let followed: Vec<String> = (0..10)
            .filter(|other| follows(number, *other))
            .map(|other| format!("{} by {other}", name(other)))
            .collect();
        let mut got = client.gets(&name(number), followed.len());
        // Ten streams post at the same time, in no particular order.
        got.sort();
        assert_eq!(got, followed);
        client.got_nothing_else(&name(number));
    }
}

#[tokio::test]
async fn story_5_the_available_server_dies_and_classic_clients_notice_nothing_but_a_pause() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let mut author = PythonClient::by_router("csce662", &cluster.router());
    let mut reader = PythonClient::by_router("csce438", &cluster.router());
    let mut at_standby = PythonClient::staying("csce438", &standby(&cluster).await);
    log_in(&mut author, &["author"]);
    log_in(&mut reader, &["reader"]);
    log_in(&mut at_standby, &["other"]);
    assert_eq!(author.does("author", "where", ""), cluster.router(), "it is told to stay");
    for (name, client) in [("reader", &mut reader), ("other", &mut at_standby)] {
        assert_eq!(client.does(name, "follow", "author"), FOLLOWED);
        client.does(name, "timeline", "");
    }
    author.does("author", "timeline", "");
    author.does("author", "post", "p1");
    assert_eq!(reader.gets("reader", 1), ["author p1"]);
    assert_eq!(at_standby.gets("other", 1), ["author p1"]);

    let killed = cluster.available().await;
    signal(killed.pid, Signal::SIGKILL);
    for number in 2..=5 {
        author.does("author", "post", &format!("p{number}"));
    }
    // The streams were not reopened: a new one would begin with the newest post.
    assert_eq!(reader.gets("reader", 4), numbered("author", 2..=5));
    assert_eq!(at_standby.gets("other", 4), numbered("author", 2..=5));
    assert_eq!(reader.does("reader", "list", ""), "all=author,other,reader followers=");
    reader.got_nothing_else("reader");
    cluster
        .until("the slave has brought it back", |status| {
            status.masters.iter().any(|m| m.name == killed.name && m.reboots == 1 && m.voter)
        })
        .await;
    assert_ne!(cluster.available().await.name, killed.name, "it does not take the role back");
}

#[tokio::test]
async fn a_client_that_was_sent_to_the_available_server_asks_for_another_when_that_dies() {
    let direct = [("TINYSNS_CLASSIC", "direct")];
    let cluster = Cluster::start_with(BINARY, 3, "1s", &direct).await;
    let mut at_router = PythonClient::staying("csce662", &cluster.router());
    let mut client = PythonClient::by_router("csce662", &cluster.router());
    log_in(&mut at_router, &["author"]);
    log_in(&mut client, &["reader"]);
    let killed = cluster.available().await;
    assert_eq!(client.does("reader", "where", ""), killed.address);
    assert_eq!(client.does("reader", "follow", "author"), FOLLOWED);
    client.does("reader", "timeline", "");
    signal(killed.pid, Signal::SIGKILL);
    at_router.does("author", "timeline", "");
    at_router.does("author", "post", "p1");
    assert_eq!(client.read_until("reader ended "), "UNAVAILABLE", "its server is gone");
    assert_eq!(client.does("reader", "crash", &killed.address), cluster.available().await.address);
    assert_eq!(client.does("reader", "list", ""), "all=author,reader followers=");
    assert_ne!(client.does("reader", "where", ""), killed.address, "it has moved");
    client.does("reader", "timeline", "");
    assert_eq!(client.gets("reader", 1), ["author p1"]);
}

#[tokio::test]
async fn a_timeline_on_a_server_that_only_loses_the_role_goes_on() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let deposed = cluster.available().await;
    let mut client = PythonClient::staying("csce662", &deposed.address);
    log_in(&mut client, &["author", "reader"]);
    assert_eq!(client.does("reader", "follow", "author"), FOLLOWED);
    client.does("reader", "timeline", "");
    client.does("author", "timeline", "");
    client.does("author", "post", "p1");
    assert_eq!(client.gets("reader", 1), ["author p1"]);

    signal(deposed.pid, Signal::SIGSTOP);
    cluster
        .until("another is available", |status| {
            status.available.as_ref().is_some_and(|name| *name != deposed.name)
        })
        .await;
    let other = cluster.client("author").await;
    other.publish("p2").await.expect("the others serve");
    signal(deposed.pid, Signal::SIGCONT);
    client.does("author", "post", "p3");
    let mut got = client.gets("reader", 2);
    got.sort();
    assert_eq!(got, numbered("author", 2..=3));
    client.got_nothing_else("reader");
}

#[tokio::test]
async fn what_a_classic_client_may_not_do_is_told_and_never_kills_a_server() {
    let cluster = Cluster::start(BINARY, 2, "1s").await;
    let owner = Client::connect(ClientOptions::new(cluster.router())).expect("a valid address");
    owner.log_in("owner", Some("a good password")).await.expect("logged in");
    let available = cluster.available().await.address;
    let mut at_router = PythonClient::staying("csce662", &cluster.router());
    let mut at_master = PythonClient::staying("csce662", &available);

    let refusal = at_router.does("owner", "login", "");
    assert!(refusal.starts_with("PERMISSION_DENIED: "), "a client gives up on it: {refusal}");
    let refusal = at_router.does("../escape", "login", "");
    assert!(refusal.starts_with("INVALID_ARGUMENT: "), "{refusal}");
    let refusal = at_master.does("owner", "login", "");
    assert!(
        refusal.starts_with("Login Failed -- "),
        "an error would make it retry for ever: {refusal}"
    );
    for user in ["owner", "ghost", "../escape"] {
        assert_eq!(at_master.does(user, "follow", "owner"), NO_SUCH_USER, "{user}");
        assert_eq!(at_master.does(user, "list", ""), "all= followers=", "{user}");
    }
    at_master.does("owner", "timeline", "");
    assert_eq!(at_master.read_until("owner ended "), "PERMISSION_DENIED");

    log_in(&mut at_master, &["u1"]);
    at_master.does("u1", "timeline", "");
    at_master.does("u1", "post", &"x".repeat(1_001));
    let note = at_master.gets("u1", 1).remove(0);
    assert!(note.starts_with("*tinysns* not posted: "), "{note}");
    at_master.does("u1", "post", "short enough");
    assert_eq!(at_master.does("u1", "crash", "nowhere:1"), available);
    at_master.does("u1", "post", &"x".repeat(1 << 20));
    assert_eq!(at_master.read_until("u1 ended "), "OUT_OF_RANGE");
    assert_eq!(cluster.available().await.reboots, 0);
}

#[tokio::test]
async fn the_classic_protocol_can_be_rejected_off() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let mut without: Command = cluster.command("slave");
    let mut slave = without.env("TINYSNS_CLASSIC", "off").spawn().expect("the program starts");
    let status = cluster.all_vote(2).await;
    let newest = status.masters.iter().find(|m| m.state == MasterState::Standby);
    let mut client = PythonClient::staying("csce438", &newest.expect("it votes").address);
    let refusal = client.does("u1", "login", "");
    signal(slave.id(), Signal::SIGTERM);
    slave.wait().expect("ours");
    assert!(refusal.starts_with("UNIMPLEMENTED"), "{refusal}");
}
