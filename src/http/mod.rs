//! The network over HTTP, an adapter on [`Network`](crate::network::Network): the client API of Mastodon, and
//! OAuth for the apps that speak it.
//!
//! | file | what it is |
//! | --- | --- |
//! | `any_network` | the network, whichever way leads to it |
//! | `api` | what all calls need, and the routes |
//! | `asked` | one request, read: who asks, and with which parameters |
//! | `uploaded` | one request that may bring pictures |
//! | `parameters` | parameters, from whichever place and in whichever notation they came |
//! | `base_url` | the address under which whoever asks knows this network |
//! | `paging` | which page is asked for, and where its neighbours are |
//! | `fault` | what is answered to a request that is not carried out |
//! | `cross_origin` | pages of other hosts may ask, too |
//! | `pictures` | pictures, for whoever knows their address |
//! | `mastodon` | the calls of the API, and its entities |
//! | `oauth` | how apps get to act for people |
//! | `stream` | live streams |
//!
//! **Architecture invariant:** no rule of the network is here. What may be done, and by an app with which scopes, is
//! decided where the call is carried out.

mod any_network;
mod api;
mod asked;
mod base_url;
mod cross_origin;
mod fault;
mod mastodon;
mod oauth;
mod paging;
mod parameters;
mod pictures;
mod stream;
mod uploaded;

pub use self::{
    api::{Api, served},
    stream::SharedEntities,
    uploaded::Uploads,
};
