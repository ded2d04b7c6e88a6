//! The cluster for programs. Pure. The names are stable: monitoring depends on them.

use serde::Serialize;

use crate::client::{ClusterStatus, MasterState};

/// The cluster, as it is serialised.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the name in the JSON")]
pub struct Cluster<'a> {
    cluster_id: Option<&'a str>,
    available: Option<&'a str>,
    masters: Vec<Master<'a>>,
    router: Router<'a>,
    problems: &'a [String],
    format: Option<u32>,
}

#[derive(Serialize)]
struct Master<'a> {
    name: &'a str,
    address: &'a str,
    pid: u32,
    state: &'static str,
    term: u64,
    last_log_index: u64,
    applied_index: u64,
    reboots: u32,
    since_ms: i64,
    voter: bool,
    host: &'a str,
    clock_ahead_ms: i64,
}

#[derive(Serialize)]
struct Router<'a> {
    address: &'a str,
    pid: u32,
    since_ms: i64,
    term: u64,
    last_log_index: u64,
    voter: bool,
    host: &'a str,
}

/// One object, readable for people too.
pub fn pretty(status: &ClusterStatus) -> String {
    let json = serde_json::to_string_pretty(&cluster(status));
    json.expect("strings and numbers have a JSON form") + "\n"
}

/// One object on one line.
pub fn line(status: &ClusterStatus) -> String {
    let json = serde_json::to_string(&cluster(status));
    json.expect("strings and numbers have a JSON form") + "\n"
}

/// The stable name of a state.
pub fn state(state: MasterState) -> &'static str {
    match state {
        MasterState::Available => "available",
        MasterState::Standby => "standby",
        MasterState::CatchingUp => "catching-up",
        MasterState::Down => "down",
        MasterState::Unknown => "unknown",
    }
}

/// The part of the cluster that is serialised.
pub fn cluster(status: &ClusterStatus) -> Cluster<'_> {
    let masters = status.masters.iter().map(|master| Master {
        name: &master.name,
        address: &master.address,
        pid: master.pid,
        state: state(master.state),
        term: master.term,
        last_log_index: master.last_log_index,
        applied_index: master.applied_index,
        reboots: master.reboots,
        since_ms: master.since.get(),
        voter: master.voter,
        host: &master.host,
        clock_ahead_ms: master.clock_ahead_ms,
    });
    Cluster {
        cluster_id: status.cluster_id.as_deref(),
        available: status.available.as_deref(),
        masters: masters.collect(),
        router: Router {
            address: &status.router.address,
            pid: status.router.pid,
            since_ms: status.router.since.get(),
            term: status.router.term,
            last_log_index: status.router.last_log_index,
            voter: status.router.voter,
            host: &status.router.host,
        },
        problems: &status.problems,
        format: status.format,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn field_names_stay() {
        let mut status = super::super::tests::cluster();
        status.masters.remove(1);
        let expected = json!({
            "cluster_id": "0123456789abcdef0123456789abcdef",
            "available": "server-2",
            "masters": [{
                "name": "server-1",
                "address": "10.0.0.1:3011",
                "pid": 41,
                "state": "down",
                "term": 7,
                "last_log_index": 120,
                "applied_index": 119,
                "reboots": 2,
                "since_ms": 1000,
                "voter": false,
                "host": "here",
                "clock_ahead_ms": 0,
            }],
            "router": {
                "address": "10.0.0.9:3010",
                "pid": 40,
                "since_ms": 0,
                "term": 7,
                "last_log_index": 120,
                "voter": true,
                "host": "here",
            },
            "problems": [],
            "format": 1,
        });
        for text in [pretty(&status), line(&status)] {
            assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), expected);
        }
        assert_eq!(line(&status).lines().count(), 1);
    }

    #[test]
    fn nobody_available_is_null() {
        let status =
            ClusterStatus { available: None, cluster_id: None, ..super::super::tests::cluster() };
        let value: Value = serde_json::from_str(&line(&status)).expect("JSON");
        assert_eq!((&value["available"], &value["cluster_id"]), (&Value::Null, &Value::Null));
    }
}
