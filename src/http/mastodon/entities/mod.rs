//! The entities of the API, as <https://docs.joinmastodon.org/entities/> describes them: every key is there, and null
//! only where that is allowed, since apps fail on anything else. Pure.
//!
//! | file | which |
//! | --- | --- |
//! | `account` | Account, CredentialAccount, Relationship |
//! | `status` | Status, StatusEdit, StatusSource, Context |
//! | `notification` | Notification, and the groups of version 2 |
//! | `instance` | Instance of both versions, Rule, Announcement, nodeinfo |
//! | `personal` | List, Filter, FilterResult, Marker, Preferences, Tag |
//! | `moment` | moments and dates as they are written |

pub mod account;
pub mod instance;
pub mod media;
pub mod moment;
pub mod notification;
pub mod personal;
pub mod status;

/// What is always empty here. Its kind does not matter.
pub type Nothing = [(); 0];

/// A list that is always empty.
pub const NOTHING: Nothing = [];
