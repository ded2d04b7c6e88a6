//! Sessions are seen and ended from one another, through failovers.

use nix::sys::signal::Signal;
use tinysns::{
    client::{Client, ClientError, ClientOptions, RefusalKind},
    domain::{ClientName, EndedSessions},
};
use tokio::time::timeout;

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, signal},
};

const PASSWORD: &str = "correct horse";

async fn client(cluster: &Cluster, name: &str) -> Client {
    let name = ClientName::new(name);
    let client = Client::connect(ClientOptions { name, ..ClientOptions::new(cluster.router()) });
    let client = client.expect("an address");
    client.log_in("ann", Some(PASSWORD)).await.expect("logged in");
    client
}

/// The names of the clients, the newest first; that of the one who asks with an asterisk.
async fn clients(client: &Client) -> Vec<String> {
    let sessions = client.sessions().await.expect("listed");
    let named = sessions.into_iter().map(|session| {
        format!("{}{}", session.client.as_str(), if session.is_this { "*" } else { "" })
    });
    named.collect()
}

fn was_ended<T>(outcome: Result<T, ClientError>) -> bool {
    outcome.is_err_and(|error| error.refusal_kind() == Some(&RefusalKind::SessionRevoked))
}

#[tokio::test]
async fn a_session_that_another_one_ends_is_over_on_every_server_and_not_begun_again() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let laptop = client(&cluster, "laptop").await;
    let phone = client(&cluster, "phone").await;
    let tablet = client(&cluster, "tablet").await;
    assert_eq!(clients(&laptop).await, ["tablet", "phone", "laptop*"]);
    let mut on_phone = phone.subscribe(None).await.expect("subscribed");
    let mut on_tablet = tablet.subscribe(None).await.expect("subscribed");

    let number = laptop.sessions().await.expect("listed")[1].number;
    let lost = cluster.available().await;
    let end = laptop.end_sessions(EndedSessions::One(number));
    let kill = async { signal(lost.pid, Signal::SIGKILL) };
    let (ended, ()) = tokio::join!(end, kill);
    ended.expect("ended, once");
    let last = timeout(DEADLINE, on_phone.next()).await.expect("in time").expect("a reason");
    assert!(was_ended(last));
    assert_eq!(clients(&tablet).await, ["tablet*", "laptop"]);

    // Wherever it asks, and whoever leads.
    for _ in 0..3 {
        assert!(was_ended(phone.publish("from the phone").await));
        assert!(was_ended(phone.sessions().await));
        cluster.lose_the_available_server(3).await;
    }
    let bob = cluster.client("bob").await;
    tablet.follow("bob").await.expect("followed");
    bob.publish("to the others").await.expect("published");
    let post = timeout(DEADLINE, on_tablet.next()).await.expect("in time").expect("goes on");
    assert_eq!(post.expect("a post").text, "to the others");

    // A new password ends the others, and whoever has chosen it goes on.
    laptop.set_password(Some(PASSWORD), Some("another one")).await.expect("changed");
    assert_eq!(clients(&laptop).await, ["laptop*"]);
    assert!(was_ended(tablet.publish("from the tablet").await));
    phone.log_in("ann", Some("another one")).await.expect("logged in again");
    assert_eq!(clients(&laptop).await, ["phone", "laptop*"]);
    laptop.end_sessions(EndedSessions::Others).await.expect("ended");
    assert!(was_ended(phone.publish("from the phone").await));
    laptop.log_out().await.expect("logged out");
    assert!(was_ended(laptop.sessions().await));
}
