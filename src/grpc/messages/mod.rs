//! What calls take and return, to the wire and from it: parsed once, where it enters the program.
//!
//! What a client has sent wrongly is refused as invalid. What a server has sent and this program
//! cannot understand is refused as a fault of that server. Whether a text or a profile is within its limits
//! is not asked here: that is a rule of the network.
//!
//! | file | what it is |
//! | --- | --- |
//! | `requests` | what requests have in common: keys, limits, cursors |
//! | `sessions` | logging in, passwords, and sessions |
//! | `posts` | posts and pages of them |
//! | `changes` | what the caller does with posts |
//! | `timelines` | reading posts |
//! | [`pictures`] | pictures |
//! | `people` | following, relations, profiles, lists |
//! | `notifications` | notifications |
//! | `personal` | what people keep for themselves |
//! | [`administration`] | joining, reports, and running the network |
//! | [`apps`] | apps that act for people |
//! | `search` | searching |
//! | `streams` | live timelines |

pub mod administration;
pub mod apps;
mod changes;
mod notifications;
mod people;
mod personal;
pub mod pictures;
mod posts;
mod requests;
mod search;
mod sessions;
mod streams;
mod timelines;

#[cfg(test)]
mod tests;

use std::fmt::Display;

use self::sessions::{begins_from_wire, begins_to_wire};
pub use self::{
    changes::{
        boost_from_wire, boost_to_wire, delete_from_wire, delete_to_wire, edit_from_wire,
        edit_to_wire, mark_from_wire, mark_to_wire, publish_from_wire, publish_to_wire,
        published_from_wire, published_to_wire, unboost_from_wire, unboost_to_wire,
    },
    notifications::{
        notification_change_from_wire, notification_change_to_wire, notification_from_wire,
        notification_page_from_wire, notification_page_to_wire, notification_to_wire,
        notifications_from_wire, notifications_to_wire,
    },
    people::{
        follow_outcome_from_wire, follow_outcome_to_wire, found_people_from_wire,
        found_people_to_wire, list_from_wire, list_to_wire, name_page_from_wire, name_page_to_wire,
        name_position_from_wire, name_position_to_wire, people_from_wire, people_to_wire,
        person_from_wire, person_to_wire, person_view_from_wire, person_view_to_wire,
        profile_change_from_wire, profile_change_to_wire, relation_change_from_wire,
        relation_change_to_wire, relationships_from_wire, relationships_to_wire,
    },
    personal::{
        personal_answer_from_wire, personal_answer_to_wire, personal_change_from_wire,
        personal_change_to_wire, personal_id_from_wire, personal_id_to_wire,
        personal_question_from_wire, personal_question_to_wire,
    },
    posts::{post_from_wire, post_page_from_wire, post_page_to_wire, post_to_wire},
    requests::{
        key_from_wire, key_to_wire, limit_from_wire, limit_to_wire, name_from_wire,
        post_id_from_wire,
    },
    search::{Search, found_from_wire, found_to_wire, search_from_wire, search_to_wire},
    sessions::{
        ended_sessions_from_wire, ended_sessions_to_wire, logged_in_from_wire, logged_in_to_wire,
        login_from_wire, login_to_wire, password_change_to_wire, sessions_from_wire,
        sessions_to_wire,
    },
    streams::{
        WireEvent, event_from_wire, event_to_wire, subscription_from_wire, subscription_to_wire,
    },
    timelines::{
        history_from_wire, history_to_wire, thread_from_wire, thread_to_wire, timeline_from_wire,
        timeline_to_wire,
    },
};
use crate::network::{Refusal, RefusalKind};

/// A request is wrong, as the error says.
fn invalid(error: impl Display) -> Refusal {
    Refusal::invalid(error.to_string())
}

/// An answer is wrong, as the error says.
fn unreadable(error: impl Display) -> Refusal {
    Refusal::new(RefusalKind::Broken, format!("the server's answer cannot be understood: {error}"))
}

/// A text that is there; an empty one on the wire is none.
fn some_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
