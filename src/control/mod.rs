//! What the router and the masters tell each other, as values. Pure.
//!
//! - [`node_info`]: a node's name and addresses
//! - [`voter_config`]: who votes, according to one node
//! - [`report`]: what a master tells the router
//! - [`roster`]: every node that the router knows
//! - [`directive`]: what the router tells a master, and what it tells its own witness
//! - [`departure`]: who may leave, and who is needed
//! - [`room`]: how much room a master has on its disk
//! - [`names`]: names in a sentence
//! - [`wire`]: all of these to and from the messages of `proto/tinysns/internal/v1/registry.proto`,
//!   once each way
//!
//! Relies on nothing but ids, versions and the generated messages. The streams themselves are
//! elsewhere: `router/registry_service` and `master/router_stream`.

pub mod departure;
pub mod directive;
pub mod names;
pub mod node_info;
pub mod report;
pub mod room;
pub mod roster;
pub mod voter_config;
pub mod wire;
#[cfg(test)]
mod wire_tests;

pub use directive::{Directive, ProbeRequest, VoterDirective, WitnessDirective};
pub use names::Names;
pub use node_info::NodeInfo;
pub use report::{Hello, Progress, Report};
pub use room::{Room, RoomCondition};
pub use roster::{ReceivedRoster, Roster, RosterEntry};
pub use voter_config::{VoterConfig, VoterName};
