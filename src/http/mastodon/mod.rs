//! The client API of Mastodon (<https://docs.joinmastodon.org/api/>), as far as a network without federation has it.
//!
//! | file | which calls |
//! | --- | --- |
//! | `instance` | what the network is, and what everybody is told |
//! | `accounts` | people, and what one is to them |
//! | `statuses` | posts |
//! | `media` | pictures that are to be on posts |
//! | `timelines` | timelines of posts |
//! | `notifications` | notifications of both versions |
//! | `lists`, `filters`, `tags`, `reading` | what people keep: lists, filters, hashtags, markers and preferences |
//! | `conversations` | posts for those mentioned alone |
//! | `search` | search |
//! | `reports` | reports |
//! | `absent` | what we do not have, and is answered well-formed and empty |
//! | `presenter` | posts and people as entities, as one reader reads them |
//! | `entities` | the entities |
//! | `content` | the HTML of what people write |
//! | `default_pictures` | the pictures of those who have chosen none |

mod absent;
mod accounts;
mod content;
pub mod conversations;
mod default_pictures;
pub mod entities;
mod filters;
mod instance;
mod lists;
mod media;
mod notifications;
pub mod presenter;
mod reading;
mod reports;
mod search;
mod statuses;
mod tags;
mod timelines;

use axum::Router;

pub use self::default_pictures::avatar;
use super::api::Api;

/// The routes of all calls.
pub fn routes() -> Router<Api> {
    Router::new()
        .merge(instance::routes())
        .merge(accounts::routes())
        .merge(statuses::routes())
        .merge(media::routes())
        .merge(timelines::routes())
        .merge(notifications::routes())
        .merge(lists::routes())
        .merge(filters::routes())
        .merge(tags::routes())
        .merge(reading::routes())
        .merge(conversations::routes())
        .merge(search::routes())
        .merge(reports::routes())
        .merge(absent::routes())
        .merge(default_pictures::routes())
}
