//! The cluster for programs. Pure. The names are stable: monitoring depends on them. What only
//! operators are told is null for others.

use serde::Serialize;

use crate::client::{ClusterStatus, MasterState, StatusView};

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
    view: &'static str,
}

#[derive(Serialize)]
struct Master<'a> {
    name: &'a str,
    address: Option<&'a str>,
    pid: Option<u32>,
    state: &'static str,
    term: u64,
    last_log_index: u64,
    applied_index: u64,
    reboots: u32,
    since_ms: i64,
    voter: bool,
    host: Option<&'a str>,
    clock_ahead_ms: i64,
}

#[derive(Serialize)]
struct Router<'a> {
    address: Option<&'a str>,
    pid: Option<u32>,
    since_ms: i64,
    term: u64,
    last_log_index: u64,
    voter: bool,
    host: Option<&'a str>,
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
    let is_told = status.view == StatusView::Operator;
    let masters = status.masters.iter().map(|master| Master {
        name: &master.name,
        address: is_told.then_some(&master.address),
        pid: is_told.then_some(master.pid),
        state: state(master.state),
        term: master.term,
        last_log_index: master.last_log_index,
        applied_index: master.applied_index,
        reboots: master.reboots,
        since_ms: master.since.get(),
        voter: master.voter,
        host: is_told.then_some(&master.host),
        clock_ahead_ms: master.clock_ahead_ms,
    });
    Cluster {
        cluster_id: status.cluster_id.as_deref(),
        available: status.available.as_deref(),
        masters: masters.collect(),
        router: Router {
            address: is_told.then_some(&status.router.address),
            pid: is_told.then_some(status.router.pid),
            since_ms: status.router.since.get(),
            term: status.router.term,
            last_log_index: status.router.last_log_index,
            voter: status.router.voter,
            host: is_told.then_some(&status.router.host),
        },
        problems: &status.problems,
        format: status.format,
        view: match status.view {
            StatusView::Public => "public",
            StatusView::Operator => "operator",
        },
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
            "view": "operator",
        });
        for text in [pretty(&status), line(&status)] {
            assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), expected);
        }
        assert_eq!(line(&status).lines().count(), 1);
    }

    #[test]
    fn what_only_operators_are_told_is_null_for_others() {
        let status = super::super::tests::public_cluster();
        let value: Value = serde_json::from_str(&line(&status)).expect("JSON");
        assert_eq!(value["view"], "public");
        for node in [&value["masters"][0], &value["router"]] {
            for field in ["address", "pid", "host"] {
                assert_eq!(node.get(field), Some(&Value::Null), "{field}");
            }
            assert_eq!(node["term"], 7);
        }
    }

    #[test]
    fn nobody_available_is_null() {
        let status =
            ClusterStatus { available: None, cluster_id: None, ..super::super::tests::cluster() };
        let value: Value = serde_json::from_str(&line(&status)).expect("JSON");
        assert_eq!((&value["available"], &value["cluster_id"]), (&Value::Null, &Value::Null));
    }
}
