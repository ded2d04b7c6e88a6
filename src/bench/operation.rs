//! One call, as callers make it again and again.

use super::people::READ;
use crate::client::{Client, ClientError, Cursor, ListKind};

/// Posts on one page.
pub const PAGE: u32 = 20;
/// The text that is posted: of the length of a usual post.
pub const TEXT: &str =
    "So many people said so much today that nobody can say any more what it was about";

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes a post.
    Publish,
    /// Lists whom the caller follows.
    List,
    /// Reads a page of the caller's timeline.
    Timeline,
    /// Reads a page of one person's posts.
    Posts,
}

impl Operation {
    /// Does it once.
    pub async fn carry_out(self, client: &Client) -> Result<(), ClientError> {
        match self {
            Self::Publish => client.publish(TEXT).await.map(drop),
            Self::List => client.list_page(&ListKind::Following, None, None).await.map(drop),
            Self::Timeline => client.timeline(Cursor::Newest, Some(PAGE)).await.map(drop),
            Self::Posts => client.posts(READ, Cursor::Newest, Some(PAGE)).await.map(drop),
        }
    }
}
