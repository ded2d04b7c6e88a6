//! What the network answers, as entities: the people who are named in it are looked up, and its reader's filters
//! applied.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;

use super::entities::{
    account::Account, notification::NotificationEntity, personal::FilterResult, status::Status,
};
use crate::{
    domain::{
        FilterContext, Notification, Person, Post, PostId, UserId, UserName, WordFilter,
        word_filter,
    },
    host::clock,
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        base_url::BaseUrl,
        fault::Fault,
        paging::{self, Neighbours},
    },
    network::{
        MOST_PEOPLE, PersonRef, PersonalAnswer, PersonalQuestion, RefusalKind, TimelineKind,
    },
};

/// People by their numbers.
type People = BTreeMap<UserId, Person>;

/// Makes entities of what one reader reads in one place.
pub struct Reading<'a> {
    base: &'a BaseUrl,
    people: People,
    filters: Vec<WordFilter>,
    context: FilterContext,
    reader: Option<UserId>,
}

impl Api {
    /// One page of a timeline.
    pub async fn timeline(
        &self,
        asked: &Asked,
        kind: &TimelineKind,
        context: FilterContext,
    ) -> Answered {
        let (posts, neighbours) = self.posts_page(asked, kind).await?;
        let statuses = self.statuses(asked, &posts, context).await?;
        Ok(asked.page(&statuses, neighbours))
    }

    /// The posts of the page that is asked for, the newest first, and where its neighbours are.
    pub async fn posts_page(
        &self,
        asked: &Asked,
        kind: &TimelineKind,
    ) -> Result<(Vec<Post>, Neighbours), Fault> {
        let paging = asked.paging(paging::POSTS)?;
        let page =
            self.network.timeline(&asked.call, kind, paging.cursor(), Some(paging.limit)).await?;
        let is_full = page.posts.len() >= paging.limit as usize;
        let mut posts = paging.shown(page.posts, |post| post.id.get());
        if asked.parameters.flag("only_media") == Some(true) {
            // Where the page ends is where it would have ended with the others.
            posts.retain(|post| !post.pictures.is_empty());
        }
        let ids: Vec<u64> = posts.iter().map(|post| post.id.get()).collect();
        let mut neighbours = Neighbours::of(&ids, is_full);
        if paging.min.is_none() {
            // Where the page ends, which is not always at a post that is shown.
            neighbours.next = page.last.filter(|_| page.more).map(|last| last.to_string());
        }
        if matches!(kind, TimelineKind::Liked | TimelineKind::Bookmarked | TimelineKind::Pinned(_))
        {
            // In these, the place of a post is another than its number.
            neighbours.previous = None;
        }
        Ok((posts, neighbours))
    }

    /// Posts, as their reader reads them there.
    pub async fn statuses(
        &self,
        asked: &Asked,
        posts: &[Post],
        context: FilterContext,
    ) -> Result<Vec<Status>, Fault> {
        let reading = self.reading(asked, posts, &[], context).await?;
        Ok(posts.iter().filter_map(|post| reading.status(post)).collect())
    }

    /// A post, if the reader sees one of that number.
    pub async fn post_if_seen(&self, asked: &Asked, post: PostId) -> Result<Option<Post>, Fault> {
        match self.network.post(&asked.call, post).await {
            Ok(post) => Ok(Some(post)),
            Err(refusal) if refusal.kind == RefusalKind::NotFound => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// One post.
    pub async fn status(&self, asked: &Asked, post: PostId) -> Result<Status, Fault> {
        let post = self.network.post(&asked.call, post).await?;
        let statuses = self.statuses(asked, std::slice::from_ref(&post), FilterContext::Thread);
        statuses.await?.pop().ok_or_else(Fault::not_found)
    }

    /// The same as an answer.
    pub async fn shown(&self, asked: &Asked, post: PostId) -> Answered {
        Ok(json(&self.status(asked, post).await?))
    }

    /// What is needed to show posts, and people besides their authors.
    pub async fn reading<'a>(
        &self,
        asked: &'a Asked,
        posts: &[Post],
        others: &[UserId],
        context: FilterContext,
    ) -> Result<Reading<'a>, Fault> {
        let ids = people_of(posts, others);
        let filters = async {
            if posts.is_empty() {
                return Ok((Vec::new(), None));
            }
            self.filters(asked).await
        };
        let (people, (filters, reader)) = futures::try_join!(self.people(asked, &ids), filters)?;
        let people = people.into_iter().map(|person| (person.id, person)).collect();
        Ok(Reading { base: &asked.base, people, filters, context, reader })
    }

    /// The same for a reader of whom this is known: the filters, and who it is.
    pub async fn reading_with<'a>(
        &self,
        asked: &'a Asked,
        posts: &[Post],
        others: &[UserId],
        context: FilterContext,
        (filters, reader): (Vec<WordFilter>, Option<UserId>),
    ) -> Result<Reading<'a>, Fault> {
        let people = self.people(asked, &people_of(posts, others)).await?;
        let people = people.into_iter().map(|person| (person.id, person)).collect();
        Ok(Reading { base: &asked.base, people, filters, context, reader })
    }

    /// The reader's filters, and who the reader is, if that matters.
    async fn filters(&self, asked: &Asked) -> Result<(Vec<WordFilter>, Option<UserId>), Fault> {
        let filters = self.applied_filters(asked).await?;
        let reader = if filters.is_empty() {
            None
        } else {
            Some(self.network.me(&asked.call).await?.person.id)
        };
        Ok((filters, reader))
    }

    /// The filters that are applied for the reader: an app that may not read them applies none.
    pub async fn applied_filters(&self, asked: &Asked) -> Result<Vec<WordFilter>, Fault> {
        match self.all_filters(asked).await {
            Err(fault) if fault.status() == StatusCode::FORBIDDEN => Ok(Vec::new()),
            filters => filters,
        }
    }

    /// All filters of the reader.
    pub async fn all_filters(&self, asked: &Asked) -> Result<Vec<WordFilter>, Fault> {
        match self.network.personal(&asked.call, &PersonalQuestion::Filters).await? {
            PersonalAnswer::Filters(filters) => Ok(filters),
            _ => Err(unexpected()),
        }
    }

    /// People, those left out who do not exist for the reader.
    pub async fn people(&self, asked: &Asked, whom: &[PersonRef]) -> Result<Vec<Person>, Fault> {
        let mut people = Vec::with_capacity(whom.len());
        for some in whom.chunks(MOST_PEOPLE) {
            people.extend(self.network.people(&asked.call, some).await?.into_iter().flatten());
        }
        Ok(people)
    }

    /// People by their names, in that order.
    pub async fn accounts(
        &self,
        asked: &Asked,
        names: Vec<UserName>,
    ) -> Result<Vec<Account>, Fault> {
        let names: Vec<PersonRef> = names.into_iter().map(PersonRef::Name).collect();
        let people = self.people(asked, &names).await?;
        Ok(people.iter().map(|person| Account::of(person, &asked.base)).collect())
    }

    /// The person with the number in the path.
    pub async fn person_in_path(&self, asked: &Asked) -> Result<Person, Fault> {
        let id = UserId(asked.id()?);
        self.people(asked, &[PersonRef::Id(id)]).await?.pop().ok_or_else(Fault::not_found)
    }
}

impl Reading<'_> {
    /// A person; none if they have gone meanwhile.
    pub fn account(&self, id: UserId) -> Option<Account> {
        self.people.get(&id).map(|person| Account::of(person, self.base))
    }

    /// A post; none if its author has gone meanwhile.
    pub fn status(&self, post: &Post) -> Option<Status> {
        let said = post.boost_of.as_deref();
        let reblog = match said {
            Some(said) => Some(self.status(said)?),
            None => None,
        };
        let now = clock::now();
        let found = word_filter::matching(&self.filters, self.context, self.reader, post, now);
        let said = said.unwrap_or(post).id.get();
        let filtered = found.iter().map(|found| FilterResult::of(found, said)).collect();
        Some(Status::of(post, self.account(post.author_id)?, reblog, filtered, self.base))
    }

    /// A notification; none if whoever has caused it has gone meanwhile, or what it is about.
    pub fn notification(&self, notification: &Notification) -> Option<NotificationEntity> {
        let account = self.account(notification.actor_id)?;
        let status = match &notification.post {
            Some(post) => Some(self.status(post)?),
            None => None,
        };
        Some(NotificationEntity::of(notification, account, status))
    }
}

/// Whose posts these are, and others.
fn people_of(posts: &[Post], others: &[UserId]) -> Vec<PersonRef> {
    let authors = posts
        .iter()
        .flat_map(|post| [Some(post.author_id), post.boost_of.as_ref().map(|said| said.author_id)]);
    let ids: BTreeSet<UserId> = authors.flatten().chain(others.iter().copied()).collect();
    ids.into_iter().map(PersonRef::Id).collect()
}

/// The network has answered something else than was asked.
pub fn unexpected() -> Fault {
    Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the available server speaks another version: try again in a moment",
    )
}
