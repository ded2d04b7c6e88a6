//! Who takes part, and what there is to read: some clients, who follow twenty authors.

use futures::future::try_join_all;

use super::operation::{PAGE, TEXT};
use crate::{
    client::{
        Client, ClientError, ClientOptions, Cursor, ListKind, LoggedIn, NamePage, PostPage,
        Published, RefusalKind,
    },
    network::Refusal,
};

/// How many authors each client follows.
const AUTHORS: usize = 20;
/// What an author has posted since.
const POSTS: usize = 5;
/// The author whose posts are read.
pub const READ: &str = "bench-author-0";

/// The clients, each with its own connection.
pub struct People {
    pub clients: Vec<Client>,
}

/// What the network answers, for a server that answers the same.
#[derive(Clone)]
pub struct Answers {
    pub logged_in: LoggedIn,
    pub published: Published,
    pub following: NamePage,
    pub timeline: PostPage,
    pub posts: PostPage,
}

impl People {
    /// Makes accounts, lets each client follow all authors, and the authors post.
    pub async fn gather(options: &ClientOptions, clients: usize) -> Result<Self, ClientError> {
        let people = Self::at(options, clients).await?;
        let author = Client::connect(options.clone())?;
        for number in 0..AUTHORS {
            author.log_in(&format!("bench-author-{number}"), None).await?;
        }
        try_join_all(people.clients.iter().map(follow_authors)).await?;
        for number in 0..AUTHORS {
            author.log_in(&format!("bench-author-{number}"), None).await?;
            // The one who is read fills a page.
            let posts = if number == 0 { PAGE as usize } else { POSTS };
            for _ in 0..posts {
                author.publish(TEXT).await?;
            }
        }
        Ok(people)
    }

    /// The same, where everything is there.
    pub async fn at(options: &ClientOptions, clients: usize) -> Result<Self, ClientError> {
        let mut all = Vec::new();
        for number in 0..clients {
            all.push(connect(options, &format!("bench-{number}")).await?);
        }
        Ok(Self { clients: all })
    }

    /// The client that this caller uses.
    pub fn client(&self, caller: usize) -> &Client {
        &self.clients[caller % self.clients.len()]
    }

    /// One answer of each kind.
    pub async fn answers(&self) -> Result<Answers, ClientError> {
        let client = self.client(0);
        Ok(Answers {
            logged_in: client.log_in("bench-0", None).await?,
            published: client.publish(TEXT).await?,
            following: client.list_page(&ListKind::Following, None, None).await?,
            timeline: client.timeline(Cursor::Newest, Some(PAGE)).await?,
            posts: client.posts(READ, Cursor::Newest, Some(PAGE)).await?,
        })
    }
}

/// Lets a client follow all authors.
pub async fn follow_authors(client: &Client) -> Result<(), ClientError> {
    for number in 0..AUTHORS {
        follow(client, &format!("bench-author-{number}")).await?;
    }
    Ok(())
}

/// A client on a connection of its own, logged in by this name.
pub async fn connect(options: &ClientOptions, name: &str) -> Result<Client, ClientError> {
    let client = Client::connect(options.clone())?;
    client.log_in(name, None).await?;
    Ok(client)
}

/// Lets a client follow somebody; one who does so already goes on.
pub async fn follow(client: &Client, name: &str) -> Result<(), ClientError> {
    match client.follow(name).await {
        Err(ClientError::Refused(Refusal { kind: RefusalKind::AlreadyExists, .. })) => Ok(()),
        outcome => outcome.map(drop),
    }
}
