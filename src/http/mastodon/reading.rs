//! How far somebody has read, and what they prefer.

use axum::{Router, extract::State, routing::get};
use serde_json::{Map, Value, to_value};

use super::{
    entities::personal::{MarkerEntity, PreferencesEntity},
    presenter::unexpected,
};
use crate::{
    domain::{Marker, Markers, NotificationChange, PersonalChange, PostId},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
    },
    network::{PersonalAnswer, PersonalQuestion},
};

const HOME: &str = "home";
const NOTIFICATIONS: &str = "notifications";

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/markers", get(markers).post(set_markers))
        .route("/api/v1/preferences", get(preferences))
}

impl Api {
    async fn markers_named(&self, asked: &Asked, names: &[&str]) -> Answered {
        let question = PersonalQuestion::Markers;
        let markers: Markers = match self.network.personal(&asked.call, &question).await? {
            PersonalAnswer::Markers(markers) => markers,
            _ => return Err(unexpected()),
        };
        let entity = |marker: &Marker| {
            to_value(MarkerEntity::of(marker)).expect("an entity is a JSON value")
        };
        let all = [(HOME, &markers.home), (NOTIFICATIONS, &markers.notifications)];
        let named = all.into_iter().filter(|(name, _)| names.contains(name));
        let named: Map<String, Value> =
            named.map(|(name, marker)| (name.to_owned(), entity(marker))).collect();
        Ok(json(&named))
    }
}

async fn markers(State(api): State<Api>, asked: Asked) -> Answered {
    api.markers_named(&asked, &asked.parameters.list("timeline")).await
}

async fn set_markers(State(api): State<Api>, asked: Asked) -> Answered {
    let read = |name: &str| -> Result<Option<PostId>, Fault> {
        let id = asked.parameters.number::<u64>(&format!("{name}[last_read_id]"))?;
        Ok(id.map(PostId::new))
    };
    let (home, notifications) = (read(HOME)?, read(NOTIFICATIONS)?);
    let mut set = Vec::new();
    if let Some(home) = home {
        let change = PersonalChange::ReadHomeUpTo(home);
        api.network.change_personal(&asked.call, &asked.key_of(HOME), &change).await?;
        set.push(HOME);
    }
    if let Some(read) = notifications {
        let (key, change) = (asked.key_of(NOTIFICATIONS), NotificationChange::ReadUpTo(read));
        api.network.change_notifications(&asked.call, &key, change).await?;
        set.push(NOTIFICATIONS);
    }
    api.markers_named(&asked, &set).await
}

async fn preferences(State(api): State<Api>, asked: Asked) -> Answered {
    match api.network.personal(&asked.call, &PersonalQuestion::Preferences).await? {
        PersonalAnswer::Preferences(preferences) => Ok(json(&PreferencesEntity::of(&preferences))),
        _ => Err(unexpected()),
    }
}
