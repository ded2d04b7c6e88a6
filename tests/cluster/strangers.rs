//! What somebody on another machine is told, who has nothing but the router's address.

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tinysns::client::{self, StatusView};

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, DEADLINE, LOOK_EVERY},
};

const SECRET: &str = "the secret of a cluster under test";

/// An address of this machine that is not loopback, and so that of a caller from elsewhere.
fn elsewhere() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: it only looks for the way.
    socket.connect("192.0.2.200:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// What `tinysns status` says, with these settings alone.
fn status(router: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["status", "--router", router]).args(arguments);
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// One server, and a router that listens on all addresses.
async fn open_cluster(address: IpAddr) -> (Cluster, String) {
    let port = free_ports(1);
    let listen: &'static str = format!("0.0.0.0:{port}").leak();
    let at: &'static str = format!("127.0.0.1:{port}").leak();
    let settings = [("TINYSNS_ROUTER_LISTEN", listen), ("TINYSNS_ROUTER", at)];
    let mut cluster = Cluster::prepare(BINARY, "1s", &settings);
    cluster.start_router();
    cluster.start_slaves(1);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !client::cluster(at).await.is_ok_and(|status| status.available.is_some()) {
        assert!(tokio::time::Instant::now() < deadline, "it never serves");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    (cluster, format!("{address}:{port}"))
}

#[tokio::test]
async fn strangers_see_how_the_cluster_is_and_operators_where_everything_runs() {
    let Some(address) = elsewhere() else {
        eprintln!("SKIPPED: this machine has no other address than loopback");
        return;
    };
    let (cluster, router) = open_cluster(address).await;
    let pid = cluster.master_pids()[0];

    let seen = client::cluster(&router).await.expect("it answers");
    assert_eq!((seen.view, seen.available.as_deref()), (StatusView::Public, Some("server-1")));
    let said = status(&router, &["--json"], &[]).stdout;
    let seen: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!(
        (&seen["view"], &seen["masters"][0]["state"]),
        (&"public".into(), &"available".into())
    );
    for node in [&seen["masters"][0], &seen["router"]] {
        for field in ["address", "pid", "host"] {
            assert_eq!(node.get(field), Some(&Value::Null), "{field}: {seen}");
        }
    }
    let table = text(&status(&router, &[], &[]).stdout);
    assert!(table.contains("server-1  available") && table.contains("secret_file"), "{table}");
    assert!(!table.contains(&pid.to_string()) && !table.contains("127.0.0.1"), "{table}");

    let secret = cluster.folder().join("secret");
    fs::write(&secret, SECRET).expect("written");
    let secret = secret.to_str().expect("UTF-8");
    let local = router.replace(&address.to_string(), "127.0.0.1");
    for (router, arguments, variables) in [
        (&router, &["--secret-file", secret][..], &[][..]),
        (&router, &[], &[("TINYSNS_SECRET", SECRET)]),
        (&router, &[], &[("TINYSNS_SECRET_FILE", secret)]),
        (&local, &[], &[]),
        (&local, &[], &[("TINYSNS_SECRET_FILE", "/nowhere/secret")]),
    ] {
        let json = status(router, &[arguments, &["--json"]].concat(), variables).stdout;
        let seen: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!((&seen["view"], &seen["masters"][0]["pid"]), (&"operator".into(), &pid.into()));
        let table = text(&status(router, arguments, variables).stdout);
        assert!(table.contains(&pid.to_string()) && !table.contains("secret_file"), "{table}");
    }
    let wrong = status(&router, &[], &[("TINYSNS_SECRET", "the secret of somebody else")]);
    assert!(text(&wrong.stdout).contains("secret_file"), "{wrong:?}");
    assert!(text(&wrong.stderr).contains("not this cluster's"), "{wrong:?}");
}
