//! The public gRPC API, `tinysns.v1`, in both directions: what arrives is parsed here once, and what
//! is sent is written here once, for servers and clients.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`messages`] | what calls take and return |
//! | [`status`](mod@status) | refusals |
//! | [`metadata`] | the context of a call |
//! | [`admin_service`] | the server of those who join and those who run the network |
//! | [`app_service`] | the server of apps that act for people |
//! | [`picture_service`] | the server of pictures |
//! | [`relay_on_request`] | the same server twice: for this node, and for all of the cluster |
//! | [`social_service`] | the server, an adapter on [`Network`](crate::network::Network) |
//! | `unserved` | what servers that stand in for a real one do not serve |
//! | `event_frames` | a live timeline as the body of an answer, each post encoded once for all streams |

pub mod admin_service;
pub mod app_service;
mod event_frames;
pub mod messages;
pub mod metadata;
pub mod picture_service;
pub mod relay_on_request;
pub mod social_service;
pub mod status;
pub(crate) mod unserved;
