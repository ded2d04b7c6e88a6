//! The key of the authority that certifies nodes is lost: the nodes change to another one, by the steps of
//! `docs/operate.md`, while people use the network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    BINARY,
    keeping::{command, run},
    load::Writer,
    processes::Cluster,
};

const NODES: [&str; 3] = ["router", "server-1", "server-2"];

/// What a node is given: whom it believes, and who certifies it.
struct Files {
    authority: PathBuf,
    certificates: PathBuf,
}

impl Files {
    fn of(&self, node: &str) -> Vec<(&'static str, String)> {
        let file = |name: String| self.certificates.join(name).display().to_string();
        let mut settings = vec![
            ("TINYSNS_NODE_AUTHORITY", self.authority.display().to_string()),
            ("TINYSNS_NODE_CERTIFICATE", file(format!("{node}.pem"))),
            ("TINYSNS_NODE_KEY", file(format!("{node}.key"))),
        ];
        if node != "router" {
            settings.push(("TINYSNS_NAME", node.to_owned()));
        }
        settings
    }
}

fn start(cluster: &mut Cluster, node: &str, files: &Files) {
    if node == "router" {
        cluster.start_router_with(&files.of(node));
    } else {
        cluster.start_slave_with(node, &files.of(node));
    }
}

fn both(one: &Path, other: &Path, file: &Path) {
    let of = |path: &Path| fs::read_to_string(path.join("authority.pem")).expect("made");
    fs::write(file, of(one) + &of(other)).expect("written");
}

#[tokio::test]
async fn nodes_change_to_another_authority_one_after_the_other_when_a_key_is_lost() {
    let mut cluster = Cluster::prepare(BINARY, "1s", &[super::processes::NO_RATE_LIMITS]);
    let folder = cluster.folder().to_owned();
    let (old, new) = (folder.join("certs"), folder.join("new-certs"));
    let mut making = Command::new(BINARY);
    making.arg("certs").arg(&old).args(NODES);
    let (code, said) = run(making).await;
    assert_eq!(code, Some(0), "{said}");
    let before = Files { authority: old.join("authority.pem"), certificates: old.clone() };
    for node in NODES {
        start(&mut cluster, node, &before);
    }
    cluster.all_vote(2).await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(20).await;

    fs::remove_file(old.join("authority.key")).expect("lost");
    let (code, said) = run(command(&cluster, "tinysns certs ")).await;
    assert_eq!(code, Some(0), "{said}");
    let believed = folder.join("both.pem");
    both(&old, &new, &believed);
    let steps = [
        Files { authority: believed.clone(), certificates: old },
        Files { authority: believed, certificates: new.clone() },
        Files { authority: new.join("authority.pem"), certificates: new },
    ];
    for files in steps {
        for node in NODES {
            if node == "router" {
                cluster.kill_router();
            } else {
                cluster.stop_oldest_slave();
            }
            start(&mut cluster, node, &files);
            cluster.all_vote(2).await;
            writer.posts_more(20).await;
        }
    }
    writer.finish().await;
}
