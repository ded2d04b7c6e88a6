//! What the image contains, and what its containers may do.

use crate::{
    cluster::Cluster,
    engine::{docker, turn},
    visitor::Visitor,
};

/// How much the image may add to its base, as the engine counts it: nearly all of it is the program, which is not
/// optimised in tests. That was 136 MB when there were pictures, half of it code, and a quarter the names of functions; a
/// forgotten build directory is ten times as much.
const MOST_BYTES: u64 = 200_000_000;

#[tokio::test]
async fn containers_run_with_as_little_as_they_need() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 1).await;
    for service in ["router", "server", "secret"] {
        let container = &cluster.containers(service)[0].id;
        let format = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} \
                      {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}";
        assert_eq!(
            docker(&["inspect", "-f", format, container]).trim(),
            "10001:10001 true [ALL] [no-new-privileges:true] false",
            "{service}"
        );
    }
    let format = "{{.HostConfig.Memory}} {{.HostConfig.LogConfig.Config}} {{.Config.StopTimeout}}";
    let limits = docker(&["inspect", "-f", format, &cluster.containers("server")[0].id]);
    assert!(!limits.starts_with("0 "), "{limits}");
    assert!(limits.contains("max-size:10m"), "{limits}");
}

#[tokio::test]
async fn the_healthcheck_of_the_image_says_why_it_fails() {
    let Some((engine, _turn)) = turn().await else { return };
    let visitor = Visitor::enter(&engine.image, "bridge").await;
    let unwell = visitor.run("tinysns healthcheck").await;
    assert_eq!(unwell.code, 1, "{unwell:?}");
    assert!(unwell.stderr.contains("Connection refused"), "{unwell:?}");
}

#[tokio::test]
async fn the_image_is_small_labelled_without_a_secret_and_starts_the_program_itself() {
    let Some((engine, _turn)) = turn().await else { return };
    let inspect = |format: &str| docker(&["image", "inspect", "-f", format, &engine.image]);
    assert_eq!(inspect("{{json .Config.Entrypoint}}").trim(), "[\"tinysns\"]");
    assert_eq!(inspect("{{.Config.User}}").trim(), "10001:10001");
    assert_eq!(
        inspect("{{index .Config.Labels \"org.opencontainers.image.title\"}}").trim(),
        "Tiny SNS"
    );
    let history = docker(&[
        "history",
        "--no-trunc",
        "--format",
        "{{.Size}} {{.Comment}} {{.CreatedBy}}",
        "--human=false",
        &engine.image,
    ]);
    // All layers but those of the base image.
    let own: u64 = history
        .lines()
        .take_while(|layer| !layer.contains("Imported from") && !layer.contains("debian.sh"))
        .filter_map(|layer| layer.split(' ').next()?.parse::<u64>().ok())
        .sum();
    assert!(own < MOST_BYTES, "{own}\n{history}");
    let run = |arguments: &[&str]| {
        docker(&[&["run", "--rm", "--network", "none", "--entrypoint"], arguments].concat())
    };
    assert_eq!(run(&["find", &engine.image, "/run/tinysns", "-type", "f"]), "");
    assert!(run(&["kill", &engine.image, "-l"]).contains("KILL"));
    // Whoever calls by https knows whom to trust.
    run(&["test", &engine.image, "-s", "/etc/ssl/certs/ca-certificates.crt"]);
}
