//! Everything that a user has, file by file.

use std::io::{self, Write};

use super::{
    json::{PostFacts, ProfileFacts, picture_file},
    mastodon_csv::Written,
};
use crate::{
    client::{Client, ClientError},
    domain::{Picture, Post, PostId, Revision, UserName},
    network::{
        Cursor, ListKind, Network, PersonalAnswer, PersonalQuestion, Pictures, TimelineKind,
    },
};

/// The version of the form of `posts.json`.
const FORM: u32 = 1;

/// A file of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedFile {
    /// What the user says about themselves.
    Profile,
    /// All posts and boosts of the user.
    Posts,
    /// Whom the user follows.
    Following,
    /// Whom the user has blocked.
    Blocked,
    /// Whom the user has muted.
    Muted,
    /// What the user has bookmarked.
    Bookmarks,
    /// Who is in the user's lists.
    Lists,
}

impl ExportedFile {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Profile,
        Self::Posts,
        Self::Following,
        Self::Blocked,
        Self::Muted,
        Self::Bookmarks,
        Self::Lists,
    ];

    /// What it is called: as at Mastodon, where there is such a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile.json",
            Self::Posts => "posts.json",
            Self::Following => "following_accounts.csv",
            Self::Blocked => "blocked_accounts.csv",
            Self::Muted => "muted_accounts.csv",
            Self::Bookmarks => "bookmarks.csv",
            Self::Lists => "lists.csv",
        }
    }
}

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What belongs into it cannot be read.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Write(error.into())
    }
}

/// Who exports what: people at `host` are called `name@host`.
struct Export<'a, N> {
    client: &'a Client<N>,
    host: &'a str,
    /// Told how many there are so far.
    written: &'a mut (dyn FnMut(u64) + Send),
}

/// Gives all pictures that the user of `client` has uploaded and shows to `keep`, each with the name of its file; returns
/// how many there are.
pub async fn export_pictures<N: Pictures>(
    client: &Client<N>,
    mut keep: impl FnMut(&str, &[u8]) -> io::Result<()> + Send,
) -> Result<u64, ExportError> {
    let author = client.username().ok_or(ClientError::NotLoggedIn)?;
    let person = client.person(author.as_str()).await?.person;
    let mut pictures: Vec<Picture> = [person.avatar, person.header].into_iter().flatten().collect();
    let kind = TimelineKind::PicturesOf(author);
    let (mut cursor, mut count) = (Cursor::After(PostId::NONE), 0);
    loop {
        let page = client.read(&kind, cursor, Some(u32::MAX)).await?;
        let last = page.posts.last().map(|post| post.id).filter(|_| page.more);
        pictures.extend(page.posts.into_iter().flat_map(|post| post.pictures));
        for picture in pictures.drain(..) {
            keep(&picture_file(&picture), &client.whole_picture(&picture).await?)?;
            count += 1;
        }
        let Some(last) = last else { return Ok(count) };
        cursor = Cursor::After(last);
    }
}

/// Writes a file of what the user of `client` has, who is logged in; returns how many lines or posts it has.
/// `written` is told how many there are so far.
pub async fn export<N: Network>(
    client: &Client<N>,
    file: ExportedFile,
    host: &str,
    to: &mut (dyn Write + Send),
    written: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, ExportError> {
    let mut export = Export { client, host, written };
    match file {
        ExportedFile::Profile => export.profile(to).await,
        ExportedFile::Posts => export.posts(to).await,
        ExportedFile::Following => {
            let mut csv = Written::follows(to)?;
            let count = export.names(&ListKind::Following, |address| csv.follow(address)).await?;
            csv.finish()?;
            Ok(count)
        }
        ExportedFile::Blocked => {
            let mut csv = Written::addresses(to);
            let count = export.names(&ListKind::Blocked, |address| csv.address(address)).await?;
            csv.finish()?;
            Ok(count)
        }
        ExportedFile::Muted => export.mutes(to).await,
        ExportedFile::Bookmarks => export.bookmarks(to).await,
        ExportedFile::Lists => export.lists(to).await,
    }
}

impl<N: Network> Export<'_, N> {
    fn user(&self) -> Result<UserName, ExportError> {
        Ok(self.client.username().ok_or(ClientError::NotLoggedIn)?)
    }

    fn address(&self, name: &UserName) -> String {
        format!("{name}@{}", self.host)
    }

    async fn profile(&mut self, to: &mut (dyn Write + Send)) -> Result<u64, ExportError> {
        let view = self.client.person(self.user()?.as_str()).await?;
        let facts = ProfileFacts::of(&view.person, self.address(&view.person.name));
        serde_json::to_writer_pretty(&mut *to, &facts)?;
        writeln!(to)?;
        (self.written)(1);
        Ok(1)
    }

    /// A post a line, the oldest first.
    async fn posts(&mut self, to: &mut (dyn Write + Send)) -> Result<u64, ExportError> {
        let author = self.user()?;
        let account = serde_json::to_string(&self.address(&author))?;
        writeln!(to, "{{\"form\":{FORM},\"account\":{account},\"posts\":[")?;
        let kind = TimelineKind::Of { author, replies: true, boosts: true };
        let mut cursor = Cursor::After(PostId::NONE);
        let mut count = 0;
        loop {
            let page = self.client.read(&kind, cursor, Some(u32::MAX)).await?;
            for post in &page.posts {
                let history = self.history(post).await?;
                if count > 0 {
                    writeln!(to, ",")?;
                }
                serde_json::to_writer(&mut *to, &PostFacts::of(post, &history))?;
                count += 1;
            }
            (self.written)(count);
            match page.posts.last() {
                Some(last) if page.more => cursor = Cursor::After(last.id),
                _ => break,
            }
        }
        writeln!(to, "\n]}}")?;
        Ok(count)
    }

    async fn history(&self, post: &Post) -> Result<Vec<Revision>, ExportError> {
        if post.edited_at.is_none() || post.boost_of.is_some() {
            return Ok(Vec::new());
        }
        Ok(self.client.history(post.id).await?)
    }

    /// The addresses of all in a list.
    async fn names(
        &mut self,
        kind: &ListKind,
        mut write: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<u64, ExportError> {
        let mut next = None;
        let mut count = 0;
        loop {
            let page = self.client.list_page(kind, next.as_ref(), None).await?;
            for name in &page.names {
                write(&self.address(name))?;
                count += 1;
            }
            (self.written)(count);
            next = page.next;
            if next.is_none() {
                return Ok(count);
            }
        }
    }

    async fn mutes(&mut self, to: &mut (dyn Write + Send)) -> Result<u64, ExportError> {
        let mut csv = Written::mutes(to)?;
        let mut next = None;
        let mut count = 0;
        loop {
            let page = self.client.list_page(&ListKind::Muted, next.as_ref(), None).await?;
            for name in &page.names {
                let relationship = self.client.person(name.as_str()).await?.relationship;
                // One that has ended by itself may be among them.
                if relationship.muting {
                    csv.mute(&self.address(name), relationship.muting_notifications)?;
                    count += 1;
                }
            }
            (self.written)(count);
            next = page.next;
            if next.is_none() {
                csv.finish()?;
                return Ok(count);
            }
        }
    }

    /// Everybody in every list, in the order in which the lists were made.
    async fn lists(&mut self, to: &mut (dyn Write + Send)) -> Result<u64, ExportError> {
        let mut csv = Written::memberships(to);
        let mut count = 0;
        let PersonalAnswer::Lists(lists) = self.client.personal(&PersonalQuestion::Lists).await?
        else {
            return Ok(count);
        };
        for list in lists {
            let question = PersonalQuestion::Members(list.id);
            let PersonalAnswer::Members(members) = self.client.personal(&question).await? else {
                continue;
            };
            for name in members {
                csv.membership(&list.settings.title, &self.address(&name))?;
                count += 1;
            }
            (self.written)(count);
        }
        csv.finish()?;
        Ok(count)
    }

    /// The newest bookmark first.
    async fn bookmarks(&mut self, to: &mut (dyn Write + Send)) -> Result<u64, ExportError> {
        let mut csv = Written::addresses(to);
        let mut cursor = Cursor::Newest;
        let mut count = 0;
        loop {
            let kind = &TimelineKind::Bookmarked;
            let page = self.client.read(kind, cursor, Some(u32::MAX)).await?;
            for post in &page.posts {
                csv.address(&format!("https://{}/@{}/{}", self.host, post.author, post.id))?;
                count += 1;
            }
            (self.written)(count);
            match page.last {
                Some(last) if page.more => cursor = Cursor::Before(last),
                _ => break,
            }
        }
        csv.finish()?;
        Ok(count)
    }
}
