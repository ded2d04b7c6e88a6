//! Somebody's app, with the token that it has got for a grant.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::{Connection, HttpError, Page};
use crate::{
    bench::{
        audience::AUTHOR,
        load::LoadError,
        people::{follow, follow_authors},
        progress::Progress,
    },
    client::{Client, ClientError, ClientOptions},
    domain::{OUT_OF_BAND, Scopes},
    network::{SessionToken, apps::NewApp},
};

/// Without one, nobody lets an app in.
const PASSWORD: &str = "what benches have for a password";
/// Readers who share an account: fewer than an account may have live timelines.
const ON_AN_ACCOUNT: usize = 64;
const PUBLISH: &str = "/api/v1/statuses";

/// Of one person.
pub struct App {
    pub token: SessionToken,
    /// The available server, host:port.
    pub address: String,
}

impl App {
    /// Of somebody of this name, who lets it do everything.
    pub async fn of(options: &ClientOptions, name: &str) -> Result<Self, LoadError> {
        let client = log_in(options, name).await?;
        Ok(Self::let_in_by(&client).await?)
    }

    /// Of somebody who follows the authors that post.
    pub async fn reader_of_authors(options: &ClientOptions) -> Result<Self, LoadError> {
        let client = log_in(options, "reader-of-authors").await?;
        follow_authors(&client).await?;
        Ok(Self::let_in_by(&client).await?)
    }

    /// Of so many people who follow the author that so many live streams can be read.
    pub async fn several(
        options: &ClientOptions,
        readers: usize,
        progress: Progress,
    ) -> Result<Vec<Self>, LoadError> {
        let accounts = (0..(2 * readers).div_ceil(ON_AN_ACCOUNT)).map(|number| async move {
            let client = log_in(options, &format!("reader-{number}")).await?;
            follow(&client, &name_of(AUTHOR)).await?;
            Self::let_in_by(&client).await
        });
        Ok(progress.prepare("accounts with apps", accounts).await?)
    }

    async fn let_in_by(client: &Client) -> Result<Self, ClientError> {
        let app = NewApp {
            name: "tinysns bench".to_owned(),
            website: None,
            redirect_uris: vec![OUT_OF_BAND.to_owned()],
            scopes: Scopes::parse("read write").expect("these exist"),
        };
        let token = client.let_app_in(&app).await?.token;
        let server = client.active_server().borrow().clone().expect("it has answered just now");
        Ok(Self { token, address: server.server.address })
    }

    /// Another connection to the available server.
    pub async fn connect(&self) -> Result<Connection, HttpError> {
        Connection::open(&self.address, &self.token).await
    }

    /// Reads a page once.
    pub async fn page(&self, path: &str) -> Result<Page, HttpError> {
        self.connect().await?.get(path).await
    }

    /// What a post is answered.
    pub async fn published(&self, text: &str) -> Result<Page, HttpError> {
        self.connect().await?.post(PUBLISH, form(text)).await
    }

    /// The same app as an author, over so many connections to one of the servers.
    pub async fn writing(&self, address: &str, connections: usize) -> Result<Author, HttpError> {
        let mut all = Vec::new();
        for _ in 0..connections {
            all.push(Connection::open(address, &self.token).await?);
        }
        Ok(Author { connections: all, next: AtomicUsize::new(0) })
    }
}

/// Somebody who posts with an app.
pub struct Author {
    connections: Vec<Connection>,
    next: AtomicUsize,
}

impl Author {
    /// Posts, over the connection whose turn it is.
    pub async fn publish(&self, text: &str) -> Result<Page, HttpError> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = &self.connections[next % self.connections.len()];
        connection.post(PUBLISH, form(text)).await
    }
}

/// Those who take part have accounts of their own, since the others have no password.
fn name_of(who: &str) -> String {
    format!("{who}-http")
}

async fn log_in(options: &ClientOptions, who: &str) -> Result<Client, ClientError> {
    let client = Client::connect(options.clone())?;
    client.log_in(&name_of(who), Some(PASSWORD)).await?;
    Ok(client)
}

fn form(text: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("status", text).append_pair("visibility", "public").finish()
}
