//! End-to-end stories on the shipped image and Compose files, in containers as users run them.
//!
//! Needs a Docker engine with Compose (v2, or 1.29 and later). If there is none, the tests say so
//! and end; with `REQUIRE_DOCKER=1` they fail. They build the image from this directory, unless
//! `TEST_IMAGE` names one. One runs at a time (`.config/nextest.toml`; [`engine::turn`] if one
//! process runs them all).
//!
//! | file | what it is |
//! | --- | --- |
//! | `image` | what the image contains, and what its containers may do |
//! | `scaling` | more servers and fewer, stopping and restarting, several clusters |
//! | `faults` | crashes, kills, pauses and cut networks |
//! | `observe` | what watches a cluster beside it |
//! | `kubernetes` | the tree for Kubernetes: that it is well-formed |
//! | `swarm` | the same files under Docker Swarm |
//! | `engine` | the engine, its Compose, the image under test |
//! | `cluster` | a cluster from the shipped files, removed at the end |
//! | `writer` | a client on the host that posts and checks every post |
//! | `visitor` | a container in a cluster's network |
//! | `ports`, `python` | ports of the host, and programs in Python, as the stories of processes get them |

mod cluster;
mod engine;
mod faults;
mod image;
mod kubernetes;
mod observe;
#[path = "../cluster/ports.rs"]
mod ports;
#[path = "../cluster/python.rs"]
mod python;
mod scaling;
mod swarm;
mod visitor;
mod writer;
