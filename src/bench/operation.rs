//! One call of a scenario.

use crate::{
    client::{Client, ClientError, Cursor, ListKind},
    settings::Scenario,
};

/// Posts on one page.
pub const PAGE: u32 = 20;
/// The text that is posted: of the length of a usual post.
pub const TEXT: &str =
    "So many people said so much today that nobody can say any more what it was about";

/// What a caller does again and again.
#[derive(Clone, Copy, Debug)]
pub struct Operation(Scenario);

impl Operation {
    /// Of this scenario.
    pub fn of(scenario: Scenario) -> Self {
        Self(scenario)
    }

    /// Does it once.
    pub async fn carry_out(self, client: &Client) -> Result<(), ClientError> {
        match self.0 {
            Scenario::Publish => client.publish(TEXT).await.map(drop),
            Scenario::List => client.list_page(ListKind::Following, None, None).await.map(drop),
            Scenario::Timeline => client.timeline(Cursor::Newest, Some(PAGE)).await.map(drop),
            Scenario::Posts => {
                client.posts(super::people::READ, Cursor::Newest, Some(PAGE)).await.map(drop)
            }
        }
    }
}
