//! Questions about posts: timelines, threads, marks, and what has happened since a position.

use std::collections::VecDeque;

use super::{
    StateError, View,
    acquaintance::{Acquaintance, Known},
    keys::{self, Parts, Prefix},
    merge::{IndexValue, PageOfPosts, PageRead, Reading, Rule, Step},
    people_records::NotificationRecord,
    picture_records,
    post_records::{self, ChangeKind, ChangeRecord, PostRecord, RevisionRecord},
    reading,
    records::decode,
};
use crate::{
    domain::{
        Hashtag, Mark, Marks, Notification, PersonalId, Post, PostId, Query, RepliesPolicy,
        ReplyTo, Revision, UserId,
    },
    social::{
        Cursor, DeletedPost, Event, PostFacts, Relations,
        visibility::{
            Unhidden, is_at_home, is_blocked, is_direct, is_hidden, is_in_list, is_listed,
            is_public, may_see,
        },
    },
};

/// So many posts of a conversation are shown before one, and after it.
const MOST_ANCESTORS: usize = 100;
const MOST_DESCENDANTS: usize = 400;
/// Posts of a thread that one step looks at.
const THREAD_STEP: usize = 16;

/// A thread that is read in steps. All steps must be given the same view.
pub struct ThreadRead {
    reader: Option<UserId>,
    known: Known,
    ancestors: VecDeque<Post>,
    /// What is to be looked at next on the way up.
    up: Option<ReplyTo>,
    descendants: Vec<Post>,
    /// What is to be looked at on the way down, the next one last.
    down: Vec<(PostId, UserId)>,
    /// How many may still be looked at.
    left: (usize, usize),
}

/// What a post answers, and what answers it.
pub type Thread = (Vec<Post>, Vec<Post>);

/// Of what somebody wants to know everything that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedKind {
    /// Their home timeline, and their notifications.
    Home,
    /// What everybody posts for everybody.
    Local,
    /// The same with a hashtag.
    Hashtag(Hashtag),
    /// What people in a list of theirs post, with the answers that it shows.
    List(PersonalId, RepliesPolicy),
    /// What is for those mentioned, if they wrote it or are mentioned.
    Direct,
}

impl FeedKind {
    /// Whether a post, or what happens to it, belongs to the feed of a user.
    pub fn includes<R: Relations>(
        &self,
        user: UserId,
        post: &PostFacts,
        hashtags: &[Hashtag],
        relations: &mut R,
    ) -> Result<bool, R::Error> {
        match self {
            Self::Home => is_at_home(user, post, hashtags, relations),
            Self::List(list, replies) => is_in_list(user, (*list, *replies), post, relations),
            Self::Direct => is_direct(user, post, relations),
            Self::Local => Ok(is_listed(post) && is_public(Some(user), post, relations)?),
            Self::Hashtag(hashtag) => {
                Ok(hashtags.contains(hashtag) && is_public(Some(user), post, relations)?)
            }
        }
    }

    /// Whether a post that is gone belonged to the feed of a user, also if its author has been hidden since.
    pub fn included<R: Relations>(
        &self,
        user: UserId,
        post: &PostFacts,
        hashtags: &[Hashtag],
        relations: &mut R,
    ) -> Result<bool, R::Error> {
        self.includes(user, post, hashtags, &mut Unhidden(relations))
    }
}

/// What has happened in a feed since a position, read in steps. All steps must be given the same view.
pub struct FeedRead {
    user: UserId,
    kind: FeedKind,
    after: PostId,
    posts: Option<PageRead>,
    /// Changes and notifications, in order; so many at most.
    others: Option<Others>,
    limit: usize,
}

/// Some of what has happened besides new posts.
struct Others {
    changes: Vec<Event>,
    notifications: Vec<Event>,
    /// Up to where all of it is here.
    complete_up_to: PostId,
}

impl View {
    fn reading(&self, reader: Option<UserId>, cursor: Cursor, limit: usize) -> Reading {
        Reading { reader, now: self.now(), cursor, limit, newest: self.newest_post() }
    }

    /// A page of what those have posted whom a user follows, since then; to be read in steps, as all pages.
    pub fn followed(&self, user: UserId, cursor: Cursor, limit: usize) -> PageRead {
        PageRead::merged(self.reading(Some(user), cursor, limit), user, Rule::Followed)
    }

    /// A page of a user's home timeline.
    pub fn home(&self, user: UserId, cursor: Cursor, limit: usize) -> PageRead {
        PageRead::merged(self.reading(Some(user), cursor, limit), user, Rule::Home)
    }

    /// A page of a list of a user, with the answers that it shows.
    pub fn in_list(
        &self,
        user: UserId,
        (list, replies): (PersonalId, RepliesPolicy),
        cursor: Cursor,
        limit: usize,
    ) -> PageRead {
        let rule = Rule::List(list, replies);
        PageRead::merged(self.reading(Some(user), cursor, limit), user, rule)
    }

    /// A page of what everybody has posted for everybody.
    pub fn local(&self, reader: Option<UserId>, cursor: Cursor, limit: usize) -> PageRead {
        let reading = self.reading(reader, cursor, limit);
        PageRead::indexed(reading, Rule::Public, Prefix::listed(), IndexValue::Author)
    }

    /// The same with a hashtag.
    pub fn with_hashtag(
        &self,
        reader: Option<UserId>,
        hashtag: &Hashtag,
        cursor: Cursor,
        limit: usize,
    ) -> Result<PageRead, StateError> {
        let reading = self.reading(reader, cursor, limit);
        let index = Prefix::hashtag(hashtag)?;
        Ok(PageRead::indexed(reading, Rule::Public, index, IndexValue::Author))
    }

    /// A page of what is for those mentioned, as far as a user wrote it or is mentioned in it.
    pub fn direct(&self, user: UserId, cursor: Cursor, limit: usize) -> PageRead {
        let reading = self.reading(Some(user), cursor, limit);
        PageRead::indexed(reading, Rule::Direct, Prefix::direct(user), IndexValue::Author)
    }

    /// A page of what an author has posted.
    pub fn posts_of(
        &self,
        reader: Option<UserId>,
        author: UserId,
        (replies, boosts): (bool, bool),
        cursor: Cursor,
        limit: usize,
    ) -> Result<PageRead, StateError> {
        let reading = self.reading(reader, cursor, limit);
        PageRead::of(self.moment(), reading, author, Rule::Of { replies, boosts })
    }

    /// A page of the posts of an author that show pictures.
    pub fn pictures_of(
        &self,
        reader: Option<UserId>,
        author: UserId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<PageRead, StateError> {
        let reading = self.reading(reader, cursor, limit);
        PageRead::of(self.moment(), reading, author, Rule::PicturesOf)
    }

    /// A page of the posts on which a user has set a mark, in the order of the marks.
    pub fn marked(
        &self,
        reader: Option<UserId>,
        user: UserId,
        mark: Mark,
        cursor: Cursor,
        limit: usize,
    ) -> PageRead {
        let reading = self.reading(reader, cursor, limit);
        let index = Prefix::marks(user, mark);
        PageRead::indexed(reading, Rule::Visible, index, IndexValue::PostAndAuthor)
    }

    /// A page of the posts that have the words of a query.
    pub fn search_posts(
        &self,
        reader: Option<UserId>,
        query: Query,
        cursor: Cursor,
        limit: usize,
    ) -> PageRead {
        PageRead::search(self.reading(reader, cursor, limit), query)
    }

    /// Reads on; when all of the page is read, the page.
    pub fn read_on(&self, page: &mut PageRead) -> Result<Step<PageOfPosts>, StateError> {
        page.step(self.moment())
    }

    /// A post, if there is one that the reader may see.
    pub fn post(&self, reader: Option<UserId>, post: PostId) -> Result<Option<Post>, StateError> {
        let mut known = Known::default();
        let mut people = self.acquaintance(&mut known);
        let Some(author) = post_records::author(self.moment(), post)? else { return Ok(None) };
        self.visible_post(reader, (author, post), &mut people)
    }

    /// A post that is known, if the reader may see it.
    fn visible_post(
        &self,
        reader: Option<UserId>,
        (author, post): (UserId, PostId),
        people: &mut Acquaintance<'_>,
    ) -> Result<Option<Post>, StateError> {
        let row = post_records::post_row(self.moment(), author, post)?;
        let Some(row) = row else { return Ok(None) };
        let record: PostRecord<'_> = decode(&row)?;
        let Some(facts) = record.facts(author) else { return Ok(None) };
        if !may_see(reader, &facts, people)? {
            return Ok(None);
        }
        reading::of_record(reader, (author, post), &record, people)
    }

    /// What a post has said, from its beginning until now, if the reader may see it.
    pub fn history(
        &self,
        reader: Option<UserId>,
        post: PostId,
    ) -> Result<Option<Vec<Revision>>, StateError> {
        let Some(now) = self.post(reader, post)?.filter(|post| post.boost_of.is_none()) else {
            return Ok(None);
        };
        let mut revisions = Vec::new();
        for row in self.moment().scan(keys::revisions(post)) {
            let (_, row) = row?;
            let RevisionRecord { at, text, warning, sensitive, pictures } = decode(&row)?;
            let pictures = picture_records::shown(self.moment(), &pictures)?;
            let (text, warning) = (text.to_owned(), warning.map(str::to_owned));
            revisions.push(Revision { at, text, warning, sensitive, pictures });
        }
        let Post { edited_at, posted_at, text, warning, sensitive, pictures, .. } = now;
        let at = edited_at.unwrap_or(posted_at);
        revisions.push(Revision { at, text, warning, sensitive, pictures });
        Ok(Some(revisions))
    }

    /// The thread of a post that the reader may see, to be read in steps.
    pub fn thread(&self, reader: Option<UserId>, post: &Post) -> ThreadRead {
        ThreadRead {
            reader,
            known: Known::default(),
            ancestors: VecDeque::new(),
            up: post.reply_to,
            descendants: Vec::new(),
            down: vec![(post.id, post.author_id)],
            // The post itself is looked at, too.
            left: (MOST_ANCESTORS, MOST_DESCENDANTS + 1),
        }
    }

    /// Reads on; when all of the thread is read, what the post answers, and what answers it.
    pub fn read_thread(&self, thread: &mut ThreadRead) -> Result<Step<Thread>, StateError> {
        let mut rows = 0;
        while rows < THREAD_STEP {
            rows += 1;
            if let Some(above) = thread.up.take().filter(|_| thread.left.0 > 0) {
                thread.left.0 -= 1;
                self.look_up(thread, above)?;
            } else if let Some(below) = thread.down.pop().filter(|_| thread.left.1 > 0) {
                thread.left.1 -= 1;
                self.look_down(thread, below)?;
            } else {
                let ancestors = std::mem::take(&mut thread.ancestors).into();
                let descendants = std::mem::take(&mut thread.descendants);
                return Ok(Step { done: Some((ancestors, descendants)), rows });
            }
        }
        Ok(Step { done: None, rows })
    }

    /// Adds an ancestor, unless the reader may not see it, and goes on to what it answers.
    fn look_up(&self, thread: &mut ThreadRead, above: ReplyTo) -> Result<(), StateError> {
        let ReplyTo { post, author } = above;
        let row = post_records::post_row(self.moment(), author, post)?;
        let Some(row) = row else { return Ok(()) };
        thread.up = decode::<PostRecord<'_>>(&row)?.reply_to();
        let mut people = Acquaintance::new(self.moment(), &mut thread.known, self.now());
        let visible = self.visible_post(thread.reader, (author, post), &mut people)?;
        if let Some(post) = visible {
            thread.ancestors.push_front(post);
        }
        Ok(())
    }

    /// Adds a descendant, unless the reader may not see it, and notes what answers it. The first one is the post
    /// itself.
    fn look_down(
        &self,
        thread: &mut ThreadRead,
        (post, author): (PostId, UserId),
    ) -> Result<(), StateError> {
        let is_itself = thread.left.1 == MOST_DESCENDANTS;
        if !is_itself {
            let mut people = Acquaintance::new(self.moment(), &mut thread.known, self.now());
            let visible = self.visible_post(thread.reader, (author, post), &mut people)?;
            thread.descendants.extend(visible);
        }
        let mut answers = Vec::new();
        for row in self.moment().scan(keys::answers(post)).take(thread.left.1) {
            let (key, row) = row?;
            let mut key = Parts::of(&key);
            let (_post, answer) = (key.post()?, key.post()?);
            answers.push((answer, UserId(super::records::number(&row)?)));
        }
        thread.down.extend(answers.into_iter().rev());
        Ok(())
    }

    /// Edits and deletions up to this position are no longer known.
    pub fn changes_since(&self) -> PostId {
        self.meta().changes_since
    }

    /// Whether a post, or what happens to it, belongs to the feed of a user; not if that cannot be found out.
    pub fn includes(
        &self,
        kind: &FeedKind,
        user: UserId,
        post: &PostFacts,
        hashtags: &[Hashtag],
    ) -> bool {
        self.is_so(|people| kind.includes(user, post, hashtags, people))
    }

    /// Whether a post that is gone belonged to the feed of a user; not if that cannot be found out.
    pub fn included(
        &self,
        kind: &FeedKind,
        user: UserId,
        post: &PostFacts,
        hashtags: &[Hashtag],
    ) -> bool {
        self.is_so(|people| kind.included(user, post, hashtags, people))
    }

    /// Whether something is so of people; not if that cannot be found out.
    fn is_so(
        &self,
        decision: impl FnOnce(&mut Acquaintance<'_>) -> Result<bool, StateError>,
    ) -> bool {
        let mut known = Known::default();
        let decided = decision(&mut self.acquaintance(&mut known));
        decided.inspect_err(|error| self.facts().damage().note(error)).unwrap_or(false)
    }

    /// What has happened in a user's feed since a position, to be read in steps: about so many events, and up to
    /// where these are all.
    pub fn feed(
        &self,
        user: UserId,
        kind: FeedKind,
        after: PostId,
        limit: usize,
    ) -> Result<FeedRead, StateError> {
        let cursor = Cursor::After(after);
        let posts = match &kind {
            FeedKind::Home => self.home(user, cursor, limit),
            FeedKind::Local => self.local(Some(user), cursor, limit),
            FeedKind::Direct => self.direct(user, cursor, limit),
            FeedKind::List(list, replies) => self.in_list(user, (*list, *replies), cursor, limit),
            FeedKind::Hashtag(hashtag) => self.with_hashtag(Some(user), hashtag, cursor, limit)?,
        };
        Ok(FeedRead { user, kind, after, posts: Some(posts), others: None, limit })
    }

    /// Reads on; when all is read, the events in order, and up to where these are all.
    pub fn read_feed(&self, feed: &mut FeedRead) -> Result<Step<(Vec<Event>, PostId)>, StateError> {
        if feed.others.is_none() {
            let others = self.others(feed)?;
            let rows = others.changes.len() + others.notifications.len();
            feed.others = Some(others);
            return Ok(Step { done: None, rows });
        }
        let Some(read) = &mut feed.posts else {
            return Err(StateError::damaged("the feed was read already"));
        };
        let Step { done, rows } = read.step(self.moment())?;
        let Some(PageOfPosts { posts, more, .. }) = done else {
            return Ok(Step { done: None, rows });
        };
        feed.posts = None;
        let Others { changes, notifications, mut complete_up_to } =
            feed.others.take().expect("they were read first");
        if let (true, Some(last)) = (more, posts.last()) {
            complete_up_to = complete_up_to.min(last.id);
        }
        let posts = posts.into_iter().map(Event::Published);
        let mut events: Vec<Event> = posts.chain(changes).chain(notifications).collect();
        events.retain(|event| event.position().is_some_and(|at| at <= complete_up_to));
        events.sort_by_key(Event::position);
        Ok(Step { done: Some((events, complete_up_to)), rows })
    }

    fn others(&self, feed: &FeedRead) -> Result<Others, StateError> {
        let newest = self.newest_post();
        let mut complete_up_to = newest;
        let mut known = Known::default();
        let mut people = self.acquaintance(&mut known);
        let mut changes = Vec::new();
        let mut looked_at = 0;
        for row in self.moment().scan(keys::changes_between(feed.after, newest)) {
            let (key, row) = row?;
            let position = Parts::of(&key).post()?;
            let change: ChangeRecord = decode(&row)?;
            let ChangeRecord { facts, hashtags, .. } = &change;
            let is_theirs = match change.kind {
                ChangeKind::Edited => {
                    feed.kind.includes(feed.user, facts, hashtags, &mut people)?
                }
                ChangeKind::Deleted => {
                    feed.kind.included(feed.user, facts, hashtags, &mut people)?
                }
            };
            if is_theirs {
                changes.extend(self.change_event(feed.user, position, change, &mut people)?);
            }
            looked_at += 1;
            if looked_at >= feed.limit {
                complete_up_to = complete_up_to.min(position);
                break;
            }
        }
        let mut notifications = Vec::new();
        if feed.kind != FeedKind::Home {
            return Ok(Others { changes, notifications, complete_up_to });
        }
        let end = newest.next().unwrap_or(PostId::MAX);
        let range = keys::notifications_between(feed.user, feed.after, end);
        for row in self.moment().scan(range) {
            let (key, row) = row?;
            let mut key = Parts::of(&key);
            let (user, position) = (key.user()?, key.post()?);
            let record: NotificationRecord = decode(&row)?;
            if let Some(notification) =
                self.notification(user, position, record, None, &mut people)?
            {
                notifications.push(Event::Notified { user, notification });
            }
            looked_at += 1;
            if looked_at >= 2 * feed.limit {
                complete_up_to = complete_up_to.min(position);
                break;
            }
        }
        Ok(Others { changes, notifications, complete_up_to })
    }

    /// An edit as the event that it was, with the post as it is now; none if it is gone by now, or if the user may
    /// not see any more what it says.
    fn change_event(
        &self,
        user: UserId,
        position: PostId,
        ChangeRecord { post, facts, hashtags, kind, .. }: ChangeRecord,
        people: &mut Acquaintance<'_>,
    ) -> Result<Option<Event>, StateError> {
        Ok(match kind {
            ChangeKind::Deleted => {
                let deleted = DeletedPost { id: post, facts, hashtags };
                Some(Event::Deleted { position, deleted })
            }
            ChangeKind::Edited => {
                let visible = self.visible_post(Some(user), (facts.author, post), people)?;
                let shared = visible.map(|post| Post { marks: Marks::default(), ..post });
                shared.map(|post| Event::Edited { position, post })
            }
        })
    }

    /// A notification, if its user may see what it is about, and who has done it. The post is shown to `reader`.
    pub(super) fn notification(
        &self,
        user: UserId,
        id: PostId,
        NotificationRecord { kind, at, actor, post }: NotificationRecord,
        reader: Option<UserId>,
        people: &mut Acquaintance<'_>,
    ) -> Result<Option<Notification>, StateError> {
        if is_blocked(user, actor, people)? || is_hidden(Some(user), actor, people)? {
            return Ok(None);
        }
        let post = match post {
            None => None,
            Some((post, author)) => {
                let row = post_records::post_row(self.moment(), author, post)?;
                let Some(row) = row else { return Ok(None) };
                let record: PostRecord<'_> = decode(&row)?;
                let Some(facts) = record.facts(author) else { return Ok(None) };
                if !may_see(Some(user), &facts, people)? {
                    return Ok(None);
                }
                match reading::of_record(reader, (author, post), &record, people)? {
                    Some(post) => Some(post),
                    None => return Ok(None),
                }
            }
        };
        let name = people.name(actor)?;
        Ok(Some(Notification { id, kind, at, actor_id: actor, actor: name, post }))
    }
}
