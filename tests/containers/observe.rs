//! Prometheus and Grafana beside a cluster, as far as they can be tried without their images.

use std::process::Command;

use crate::engine;

#[tokio::test]
async fn compose_takes_the_file_with_what_watches_a_cluster() {
    let Some((engine, _turn)) = engine::turn().await else { return };
    let mut command = Command::new(engine.compose[0]);
    command.args(&engine.compose[1..]).current_dir(env!("CARGO_MANIFEST_DIR"));
    for file in ["docker-compose.yml", "docker-compose.override.yml", "docker/observe.yml"] {
        command.args(["-f", file]);
    }
    let whole = engine::run(command.arg("config"));
    for line in [
        "TINYSNS_ROUTER_METRICS_LISTEN: 0.0.0.0:3012",
        "TINYSNS_METRICS_LISTEN: 0.0.0.0:3012",
        "/docker/observe/prometheus.yml",
        "/docker/observe/dashboard.json",
    ] {
        assert!(whole.contains(line), "no {line} in:\n{whole}");
    }
}
