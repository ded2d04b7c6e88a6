//! One call of a scenario.

use super::people::READ;
use crate::{
    client::{Client, ClientError, Cursor, ListKind},
    settings::Scenario,
};

/// Posts on one page.
pub const PAGE: u32 = 20;
/// The text that is posted: of the length of a usual post.
pub const TEXT: &str =
    "So many people said so much today that nobody can say any more what it was about";

/// Does once what callers do again and again in this scenario.
pub async fn carry_out(scenario: Scenario, client: &Client) -> Result<(), ClientError> {
    match scenario {
        Scenario::Publish => client.publish(TEXT).await.map(drop),
        Scenario::List => client.list_page(ListKind::Following, None, None).await.map(drop),
        Scenario::Timeline => client.timeline(Cursor::Newest, Some(PAGE)).await.map(drop),
        Scenario::Posts => client.posts(READ, Cursor::Newest, Some(PAGE)).await.map(drop),
    }
}
