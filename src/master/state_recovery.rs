//! A master that has lost its state fetches it from another before it starts.
//!
//! It asks the masters that its log knows, and those that the router knows now, one after the
//! other, until one provides what it needs. Until then it takes no part in anything.

use std::{collections::BTreeMap, process, time::Duration};

use tokio::time::{sleep, timeout};
use tonic::Status;

use super::router_stream::RouterStream;
use crate::{
    backoff::Backoff,
    control::{Directive, Hello, RosterEntry, VoterDirective},
    domain::NodeId,
    host::{clock, net, random},
    node_auth::NodeAuth,
    replication::{
        LogId, NodeInfo,
        addresses::first_address_version,
        log_store::LogStore,
        node_credentials::NodeCredentials,
        startup_check::{self, StartupCheck},
        state_fetch::{self, StateFetchError},
    },
    settings::MasterSettings,
    slot::SlotInfo,
};

/// First and longest wait between rounds.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// The router sends its first roster within a moment.
const ROSTER_WITHIN: Duration = Duration::from_secs(2);

/// Returns when the files in `slot`, including `log`, are fit to start with.
pub async fn run(
    settings: &MasterSettings,
    auth: &NodeAuth,
    slot: &SlotInfo,
    log: &mut LogStore,
    info: &NodeInfo,
) -> anyhow::Result<()> {
    let StartupCheck::NeedsState { purged, reason } = startup_check::examine(&slot.directory, log)?
    else {
        return Ok(());
    };
    tracing::warn!(reason, "this master's state cannot be used: asking the others for theirs");
    let credentials = NodeCredentials::new(auth);
    if let Some(cluster) = log.cluster_id()? {
        credentials.join(cluster);
    }
    let mut rounds = 0;
    let mut said = String::new();
    loop {
        let outcome = ask_all(settings, (auth, &credentials), slot, log, info, purged).await?;
        let Some(failures) = outcome else { return Ok(()) };
        if failures != said {
            tracing::warn!(reasons = %failures, "no other master has provided its state yet");
            said = failures;
        }
        rounds += 1;
        sleep(RETRY.pause(rounds, random::id())).await;
    }
}

/// Asks every master once; none if one has provided its state, otherwise the reasons why none has.
async fn ask_all(
    settings: &MasterSettings,
    (auth, credentials): (&NodeAuth, &NodeCredentials),
    slot: &SlotInfo,
    log: &mut LogStore,
    info: &NodeInfo,
    purged: LogId,
) -> anyhow::Result<Option<String>> {
    let mut others: BTreeMap<NodeId, String> =
        startup_check::other_masters(log)?.unwrap_or_default().into_iter().collect();
    let mut failures = Vec::new();
    match timeout(ROSTER_WITHIN, known_to_the_router(settings, auth, slot, log, info)).await {
        Ok(Ok(known)) => others.extend(known),
        Ok(Err(status)) => failures.push(format!("the router: {}", status.message())),
        Err(_elapsed) => failures.push("the router does not answer".to_owned()),
    }
    // An earlier node of this slot, which others have not forgotten yet, would be this one.
    others.retain(|_, address| *address != info.peer_address);
    for (other, address) in others {
        let asked = (other, address.as_str());
        match state_fetch::fetch(&slot.directory, log, credentials, asked, purged).await {
            Ok(()) => return Ok(None),
            Err(error @ (StateFetchError::Log(_) | StateFetchError::State(_))) => {
                return Err(error.into());
            }
            Err(error) => failures.push(format!("{address}: {error}")),
        }
    }
    Ok(Some(failures.join("; ")))
}

/// The living masters of the router's first roster.
async fn known_to_the_router(
    settings: &MasterSettings,
    auth: &NodeAuth,
    slot: &SlotInfo,
    log: &LogStore,
    info: &NodeInfo,
) -> Result<BTreeMap<NodeId, String>, Status> {
    let channel = net::channel(&settings.router, &auth.to_router())
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let cluster = log.cluster_id().map_err(|error| Status::internal(error.to_string()))?;
    let own = log.node_id();
    let hello = Hello {
        node: own,
        name: info.name.clone(),
        cluster,
        client_address: info.client_address.clone(),
        peer_address: info.peer_address.clone(),
        // It answers, but this is only a question.
        metrics_address: String::new(),
        pid: process::id(),
        reboots: slot.reboots,
        host: net::host_name(),
        supported_versions: info.supported_versions,
        address_version: first_address_version(log.starts()),
        process: random::id(),
        started: clock::now(),
        abandoned_for: None,
    };
    let mut router = RouterStream::open(channel, auth.metadata(), hello).await?;
    while let Some(directive) = router.directive().await? {
        match directive {
            Directive::Roster(roster) => {
                let is_other_master = |(node, listed): &(&NodeId, &RosterEntry)| {
                    **node != own && !listed.info.witness && !listed.down
                };
                let others = roster.members.iter().filter(is_other_master);
                return Ok(others
                    .map(|(node, listed)| (*node, listed.info.peer_address.clone()))
                    .collect());
            }
            Directive::Reject(reason) | Directive::Defer(reason) => {
                return Err(Status::aborted(reason));
            }
            Directive::Voter(VoterDirective::ResetNode(_)) => {
                let gone = "another cluster has taken the place of this one: move this slot away, and a new node joins";
                return Err(Status::aborted(gone));
            }
            _ => {}
        }
    }
    Err(Status::unavailable("it sent no roster"))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, net::TcpListener};

    use super::*;
    use crate::{
        replication::tests::{cluster::credentials, entries::open_log, state_fetch::stopped},
        settings::{Layers, Role},
    };

    /// Of a master whose router is away.
    fn settings() -> MasterSettings {
        let variables = [("TINYSNS_SECRET", "a secret of the tests")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let flags = BTreeMap::from([("router", "127.0.0.1:1".to_owned())]);
        let layers = Layers::gather(Role::Master, variables, flags).expect("valid");
        layers.master().expect("valid")
    }

    #[tokio::test]
    async fn where_one_master_is_silent_the_next_is_asked() {
        let (masters, _witness, slot, _old) = stopped(3).await;
        fs::remove_dir_all(slot.path().join("state")).expect("removed");
        let asked_first = masters[..2].iter().min_by_key(|master| master.id()).expect("two");
        asked_first.kill().await;
        let _silent = TcpListener::bind(&asked_first.info.peer_address).expect("its place");

        let mut log = open_log(slot.path());
        let purged = log.purged().expect("read").expect("purged");
        let slot_info = SlotInfo { number: 3, directory: slot.path().to_owned(), reboots: 1 };
        let info = &masters[2].info;
        let (settings, credentials) = (settings(), credentials());
        let auth = NodeAuth::in_clear(settings.secret.clone());
        let asked = ask_all(&settings, (&auth, &credentials), &slot_info, &mut log, info, purged);
        let failures =
            timeout(Duration::from_secs(10), asked).await.expect("nobody waits for it for long");
        assert_eq!(failures.expect("the disk works"), None, "one of them gives it");
        let check = startup_check::examine(slot.path(), &log).expect("read");
        assert_eq!(check, StartupCheck::Ready);
    }
}
