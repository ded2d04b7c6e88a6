//! People whose machine reaches one port of one node, and nothing else of the network.

use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use tinysns::{
    client::{Client, ClientOptions, Subscription},
    domain::PostId,
};
use tokio::time::{Instant, timeout};

use super::{
    BINARY,
    doorway::{Doorway, Servers},
    load::posts_of,
    processes::{Cluster, DEADLINE, eventually, signal},
};

/// A client that is logged in as `user`, and knows no more than `entry`.
async fn client_of(entry: &str, user: &str) -> Client {
    let client = Client::connect(ClientOptions::new(entry)).expect("an address");
    client.log_in(user, None).await.expect("logged in");
    client
}

/// Through which node it reaches the available server, if not directly.
fn through(client: &Client) -> Option<String> {
    client.active_server().borrow().as_ref().and_then(|active| active.through.clone())
}

/// A writer, and a reader who follows it and reads live.
struct Pair {
    writer: Client,
    reader: Client,
    timeline: Subscription,
    acknowledged: Vec<PostId>,
}

impl Pair {
    async fn meet(writer: Client, reader: Client) -> Self {
        let author = writer.username().expect("logged in");
        reader.follow(author.as_str()).await.expect("followed");
        let timeline = reader.subscribe(None).await.expect("subscribed");
        Self { writer, reader, timeline, acknowledged: Vec::new() }
    }

    async fn post(&mut self) {
        let text = format!("post {}", self.acknowledged.len() + 1);
        let published = timeout(DEADLINE, self.writer.publish(&text)).await.expect("in time");
        self.acknowledged.push(published.expect("acknowledged").id);
    }

    /// The reader was sent exactly what was acknowledged, in order, and can read exactly that.
    async fn all_has_arrived_once(mut self) {
        let mut seen = Vec::new();
        while seen.len() < self.acknowledged.len() {
            let next = timeout(DEADLINE, self.timeline.next()).await.expect("in time");
            seen.push(next.expect("it goes on").expect("a post").id);
        }
        assert_eq!(seen, self.acknowledged);
        let author = self.writer.username().expect("logged in");
        let kept = posts_of(&self.reader, author.as_str()).await;
        assert!(kept.iter().map(|(id, _)| id).eq(&self.acknowledged), "{kept:?}");
    }
}

#[tokio::test]
async fn whoever_reaches_one_port_alone_posts_and_reads_live_while_available_servers_are_killed() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let doorway = Doorway::before(&cluster.router(), Servers::Refused).await;
    let writer = client_of(&doorway.address, "writer").await;
    let reader = client_of(&doorway.address, "reader").await;
    assert_eq!(through(&writer), Some(doorway.address.clone()));
    let mut pair = Pair::meet(writer, reader).await;
    for _ in 0..3 {
        for _ in 0..20 {
            pair.post().await;
        }
        signal(cluster.available().await.pid, Signal::SIGKILL);
        for _ in 0..20 {
            pair.post().await;
        }
        cluster.all_vote(3).await;
    }
    assert_eq!(doorway.passages(), 0, "no server was ever dialled");
    pair.all_has_arrived_once().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_the_servers_addresses_costs_less_than_a_second_once() {
    let cluster = Cluster::start_unlimited(BINARY, 2, "1s").await;
    for servers in [Servers::Refused, Servers::Unknown, Servers::Silent] {
        let doorway = Doorway::before(&cluster.router(), servers).await;
        let begin = Instant::now();
        let client = client_of(&doorway.address, "ann").await;
        assert!(begin.elapsed().as_secs() < 1, "{servers:?}: {:?}", begin.elapsed());
        client.publish("hello").await.expect("published");
        assert_eq!(through(&client), Some(doorway.address.clone()), "{servers:?}");
    }
}

#[tokio::test]
async fn a_session_goes_on_when_servers_can_be_dialled_and_when_they_cannot_any_more() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let doorway = Doorway::before(&cluster.router(), Servers::Refused).await;
    let writer = client_of(&doorway.address, "writer").await;
    let reader = client_of(&doorway.address, "reader").await;
    let mut pair = Pair::meet(writer, reader).await;
    for servers in [Servers::Refused, Servers::Open, Servers::Refused, Servers::Open] {
        doorway.lead(servers);
        let expected = (servers == Servers::Refused).then(|| doorway.address.clone());
        let deadline = Instant::now() + DEADLINE;
        while through(&pair.writer) != expected {
            assert!(Instant::now() < deadline, "{servers:?}");
            pair.post().await;
        }
        // The next server, too.
        signal(cluster.available().await.pid, Signal::SIGKILL);
        for _ in 0..20 {
            pair.post().await;
        }
        cluster.all_vote(3).await;
    }
    assert!(doorway.passages() > 0);
    pair.all_has_arrived_once().await;
}

#[tokio::test]
async fn servers_that_can_be_dialled_are_and_their_deaths_lead_to_the_next_one_directly() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let doorway = Doorway::before(&cluster.router(), Servers::Open).await;
    let client = client_of(&doorway.address, "ann").await;
    for _ in 0..3 {
        client.publish("hello").await.expect("published");
        assert_eq!(through(&client), None);
        signal(cluster.available().await.pid, Signal::SIGKILL);
        client.publish("again").await.expect("published");
        assert_eq!(through(&client), None);
        cluster.all_vote(3).await;
    }
    assert!(doorway.passages() >= 4, "a connection to each server");
}

#[tokio::test]
async fn a_server_lets_in_as_the_router_does_and_of_several_entries_one_may_die() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1h").await;
    let status = cluster.all_vote(3).await;
    let is_available = |name: &String| status.available.as_ref() == Some(name);
    let mut standbys = status.masters.iter().filter(|master| !is_available(&master.name));
    let standby = standbys.next().expect("there are two");
    let doorways = [
        Doorway::before(&standby.address, Servers::Refused).await,
        Doorway::before(&standbys.next().expect("the other").address, Servers::Refused).await,
    ];
    let [first, second] = doorways.each_ref().map(|doorway| doorway.address.clone());
    let entries = format!("{first},{second}");
    let writer = client_of(&entries, "writer").await;
    let reader = client_of(&second, "reader").await;
    assert_eq!(through(&writer), Some(first));
    let mut pair = Pair::meet(writer, reader).await;
    for _ in 0..20 {
        pair.post().await;
    }
    signal(standby.pid, Signal::SIGKILL);
    for _ in 0..20 {
        pair.post().await;
    }
    assert_eq!(through(&pair.writer), Some(second));
    pair.all_has_arrived_once().await;
}

/// What a command of the program says that reaches no more than `entry`.
async fn tinysns(cluster: &Cluster, entry: &str, role: &str, arguments: &[&str]) -> Output {
    let mut command = cluster.command(role);
    command.env("TINYSNS_ROUTER", entry).args(arguments).stdin(Stdio::null());
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    timeout(DEADLINE, running).await.expect("in time").expect("it runs")
}

#[tokio::test]
async fn commands_work_from_outside_and_the_client_says_by_which_way() {
    let cluster = Cluster::start_unlimited(BINARY, 2, "1s").await;
    let server = cluster.available().await.name;
    let doorway = Doorway::before(&cluster.router(), Servers::Refused).await;
    let entry = doorway.address.as_str();
    let exported = cluster.folder().join("exported").display().to_string();
    for (role, arguments, says) in [
        ("client", &["-u", "ann", "--", "POST", "hello"][..], "Command completed successfully"),
        ("client", &["-u", "ann", "--", "WHOAMI"], &*format!("on {server}, through {entry}")),
        ("client", &["-u", "ann", "--json", "--", "WHOAMI"], &*format!(r#""through":"{entry}""#)),
        ("status", &[], "available: "),
        ("export", &["--user", "ann", &exported], "posts.json: 1"),
    ] {
        let output = tinysns(&cluster, entry, role, arguments).await;
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(output.status.success() && said.concat().contains(says), "{role}: {said:?}");
    }
    assert_eq!(doorway.passages(), 0, "no server was ever dialled");
    let direct = async || {
        tinysns(&cluster, &cluster.router(), "client", &["-u", "ann", "--", "WHOAMI"]).await
    };
    let said = eventually("it says where it is", direct, |output| output.status.success()).await;
    assert!(!String::from_utf8_lossy(&said.stdout).contains("through"), "{said:?}");
}
