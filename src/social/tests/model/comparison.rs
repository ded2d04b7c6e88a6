//! Whether a view says the same as the model.

use super::*;
use crate::domain::Query;

/// Enough for all that there is.
const ALL: usize = 1_000;
/// What people, hashtags and posts are searched for.
const BEGINNINGS: [&str; 7] = ["", "u", "U1", "u3", "sk", "Blue", "zzz"];
const QUERIES: [&str; 4] = ["apple", "apple Pear", "red", "u1"];
const HASHTAGS: [&str; 2] = ["red", "blue"];

/// What one reader sees, or whoever is not logged in.
struct Comparison<'a> {
    model: &'a Model,
    view: &'a View,
    reader: Option<UserId>,
    limit: usize,
    /// All that the reader may see, in order.
    visible: Vec<Visible>,
}

struct Visible {
    facts: PostFacts,
    hashtags: Vec<Hashtag>,
    post: Post,
}

impl Model {
    /// Asserts that every read of `view` gives what the model gives.
    pub fn assert_agrees(&self, view: &View, limit: usize) {
        assert_eq!(view.signing_key(), self.signing_key);
        assert_eq!(view.abandoned_for(), self.abandoned_for);
        assert_eq!(view.certification().unwrap(), self.certification);
        assert_eq!(view.has_content().unwrap(), self.has_content());
        assert_eq!(view.newest_post(), self.newest);
        assert_eq!(view.changes_since(), self.changes_since);
        assert_eq!(view.users(None, ALL).unwrap(), self.names(|_| true));
        let hashtags = self.hashtags();
        for beginning in BEGINNINGS {
            let lower = beginning.to_lowercase();
            let found = hashtags.iter().filter(|(hashtag, _)| hashtag.as_str().starts_with(&lower));
            let found: Vec<_> = found.map(|(hashtag, count)| (hashtag.clone(), *count)).collect();
            assert_eq!(view.search_hashtags(beginning, ALL).unwrap(), found);
        }
        for account in &self.accounts {
            self.assert_lists_agree(view, account);
            self.assert_personal_agrees(view, account.user);
        }
        let users = self.accounts.iter().map(|account| Some(account.user));
        for reader in users.chain([None]) {
            let visible = self.posts.keys().filter(|post| self.is_visible(reader, **post));
            let visible = visible.map(|post| {
                let facts = self.facts(*post);
                let post = self.read(reader, *post).expect("it is visible");
                Visible { facts, hashtags: post.hashtags.clone(), post }
            });
            let visible = visible.collect();
            Comparison { model: self, view, reader, limit, visible }.assert_agrees();
        }
    }

    fn assert_lists_agree(&self, view: &View, account: &Account) {
        let user = account.user;
        assert_eq!(view.account(user).unwrap().as_ref(), Some(account));
        assert_eq!(view.account_by_name(&account.name).unwrap().as_ref(), Some(account));
        assert_eq!(view.user_named(&account.name).unwrap(), Some(user));
        let sessions = self.sessions.iter().filter(|((whose, _), _)| *whose == user);
        let sessions = sessions.map(|((_, number), session)| (*number, session.clone()));
        assert_eq!(view.sessions(user).unwrap(), sessions.collect::<Vec<_>>());
        for (found, expected) in [
            (
                view.following(user, None, ALL),
                self.names(|other| self.follows.contains_key(&(user, other))),
            ),
            (
                view.followers(user, None, ALL),
                self.names(|other| self.follows.contains_key(&(other, user))),
            ),
            (
                view.blocked(user, None, ALL),
                self.names(|other| self.blocks.contains(&(user, other))),
            ),
            (
                view.muted(user, None, ALL),
                self.names(|other| self.mutes.contains_key(&(user, other))),
            ),
            (
                view.requests(user, None, ALL),
                self.names(|other| self.requests.contains(&(other, user))),
            ),
        ] {
            assert_eq!(found.unwrap(), expected);
        }
        let mut sources = all_sources(view, user);
        let mut unmuted = view.unmuted(user, sources.clone()).unwrap();
        sources.sort_unstable();
        unmuted.sort_unstable();
        let edges = self.follows.iter().filter(|((follower, _), _)| *follower == user);
        let expected = edges.map(|((_, author), since)| Source { author: *author, since: *since });
        let mut expected: Vec<Source> = expected.collect();
        assert_eq!(sources, expected);
        expected.retain(|source| self.mute(user, source.author).is_none());
        assert_eq!(unmuted, expected);
    }

    /// Whether a post, or what happens to it, belongs to a feed.
    fn belongs(
        &self,
        user: UserId,
        kind: &FeedKind,
        facts: &PostFacts,
        hashtags: &[Hashtag],
    ) -> bool {
        match kind {
            FeedKind::Home => self.is_at_home(user, facts, hashtags),
            FeedKind::Direct => self.is_direct(user, facts),
            FeedKind::List(list, replies) => self.is_in_list(user, (*list, *replies), facts),
            FeedKind::Local => {
                facts.reply_to.is_none_or(|answered| answered == facts.author)
                    && self.is_public(Some(user), facts)
            }
            FeedKind::Hashtag(hashtag) => {
                hashtags.contains(hashtag) && self.is_public(Some(user), facts)
            }
        }
    }

    /// All of whom that holds, on one page.
    pub(super) fn names(&self, of: impl Fn(UserId) -> bool) -> Page {
        let mut names: Vec<_> = self.accounts.iter().filter(|account| of(account.user)).collect();
        names.sort_by_key(|account| account.name.folded());
        let names = names.into_iter().map(|account| account.name.clone()).collect();
        Page { names, next: None }
    }
}

impl Comparison<'_> {
    fn assert_agrees(&self) {
        self.assert_posts_agree();
        self.assert_timelines_agree();
        self.assert_people_agree();
        if let Some(reader) = self.reader {
            self.assert_notifications_agree(reader);
            let hashtag = Hashtag::new(HASHTAGS[0]).unwrap();
            let lists = self.model.lists(reader).into_iter();
            let lists = lists.map(|list| FeedKind::List(list.id, list.settings.replies));
            let others =
                [FeedKind::Home, FeedKind::Local, FeedKind::Direct, FeedKind::Hashtag(hashtag)];
            for kind in others.into_iter().chain(lists) {
                self.assert_live_feed_agrees(reader, &kind);
                for after in self.positions() {
                    self.assert_feed_agrees(reader, &kind, after);
                }
            }
        }
    }

    fn positions(&self) -> [PostId; 3] {
        let newest = self.model.newest.get();
        [0, newest / 2, newest].map(PostId::new)
    }

    fn cursors(&self) -> impl Iterator<Item = Cursor> {
        let newest = self.model.newest.get();
        let positions = [0, 1, newest / 2, newest, newest + 1, u64::MAX].map(PostId::new);
        positions.into_iter().flat_map(|at| [Cursor::Before(at), Cursor::After(at)])
    }

    /// One cursor in each direction from the end, and one from the middle.
    fn some_cursors(&self) -> [Cursor; 3] {
        let middle = PostId::new(self.model.newest.get() / 2);
        [NEWEST, Cursor::Before(middle), Cursor::After(middle)]
    }

    fn assert_posts_agree(&self) {
        let Self { model, view, reader, .. } = *self;
        let visible = |post| self.visible.iter().find(|visible| visible.post.id == post);
        for number in 0..=model.newest.get() + 1 {
            let id = PostId::new(number);
            let post = visible(id).map(|visible| visible.post.clone());
            assert_eq!(view.post(reader, id).unwrap(), post, "{reader:?} reads {id}");
            assert_eq!(view.history(reader, id).unwrap(), model.history(reader, id));
            let Some(post) = post else { continue };
            let (above, below) = model.thread(reader, id);
            let read = |posts: Vec<PostId>| -> Vec<Post> {
                let read = posts.into_iter().filter_map(visible);
                read.map(|visible| visible.post.clone()).collect()
            };
            let expected = (read(above), read(below));
            assert_eq!(whole_thread(view, view.thread(reader, &post)), expected, "{id}");
        }
    }

    fn assert_timelines_agree(&self) {
        let Self { model, view, reader, limit, .. } = *self;
        for cursor in self.cursors() {
            if let Some(reader) = reader {
                self.assert_page(view.home(reader, cursor, limit), cursor, |seen| {
                    model.is_at_home(reader, &seen.facts, &seen.hashtags)
                });
                for list in model.lists(reader) {
                    let list = (list.id, list.settings.replies);
                    self.assert_page(view.in_list(reader, list, cursor, limit), cursor, |seen| {
                        model.is_in_list(reader, list, &seen.facts)
                    });
                }
                self.assert_page(view.direct(reader, cursor, limit), cursor, |seen| {
                    model.is_direct(reader, &seen.facts)
                });
                self.assert_page(view.followed(reader, cursor, limit), cursor, |seen| {
                    model.is_followed(reader, seen.post.id, &seen.facts)
                });
            }
            self.assert_page(view.local(reader, cursor, limit), cursor, |seen| {
                let answers_nobody_else =
                    seen.facts.reply_to.is_none_or(|answered| answered == seen.facts.author);
                model.is_public(reader, &seen.facts) && answers_nobody_else
            });
        }
        for cursor in self.some_cursors() {
            for hashtag in HASHTAGS.map(|text| Hashtag::new(text).unwrap()) {
                let page = view.with_hashtag(reader, &hashtag, cursor, limit).unwrap();
                self.assert_page(page, cursor, |seen| {
                    seen.hashtags.contains(&hashtag) && model.is_public(reader, &seen.facts)
                });
            }
            for query in QUERIES.map(|text| Query::new(text).unwrap()) {
                let page = view.search_posts(reader, query.clone(), cursor, limit);
                self.assert_page(page, cursor, |seen| query.matches(&seen.post.text));
            }
            for account in &model.accounts {
                self.assert_pages_of_an_author_agree(account.user, cursor);
                self.assert_marked_posts_agree(account.user, cursor);
            }
        }
    }

    fn assert_pages_of_an_author_agree(&self, author: UserId, cursor: Cursor) {
        let Self { view, reader, limit, .. } = *self;
        for wanted in [(true, true), (true, false), (false, true), (false, false)] {
            let page = view.posts_of(reader, author, wanted, cursor, limit).unwrap();
            let (replies, boosts) = wanted;
            self.assert_page(page, cursor, |Visible { facts, .. }| {
                let answers_others = facts.reply_to.is_some_and(|other| other != author);
                facts.author == author
                    && (replies || !answers_others)
                    && (boosts || facts.boosted.is_none())
            });
        }
    }

    fn assert_marked_posts_agree(&self, user: UserId, cursor: Cursor) {
        let Self { model, view, reader, limit, .. } = *self;
        for mark in Mark::ALL {
            let set =
                model.marks.iter().filter(|((who, which, _), _)| (*who, *which) == (user, mark));
            let mut set: Vec<(PostId, PostId)> = set.map(|((.., post), at)| (*at, *post)).collect();
            set.sort();
            let posts = set.into_iter().filter_map(|(at, post)| {
                let visible = self.visible.iter().find(|visible| visible.post.id == post);
                visible.map(|visible| (at, visible.post.clone()))
            });
            let expected = page_of(posts.collect(), cursor, limit);
            let page = view.marked(reader, user, mark, cursor, limit);
            assert_eq!(whole_page(view, page).unwrap(), expected, "{mark:?} of {user:?}");
        }
    }

    fn assert_page(&self, page: PageRead, cursor: Cursor, belongs: impl Fn(&Visible) -> bool) {
        let expected = self.visible.iter().filter(|visible| belongs(visible));
        let expected = expected.map(|visible| (visible.post.id, visible.post.clone()));
        let expected = page_of(expected.collect(), cursor, self.limit);
        let found = whole_page(self.view, page).unwrap();
        assert_eq!(found, expected, "{:?} reads {cursor:?}", self.reader);
    }

    fn assert_people_agree(&self) {
        let Self { model, view, reader, .. } = *self;
        for account in &model.accounts {
            let user = account.user;
            let person = Some(model.person(reader, user));
            assert_eq!(view.person(reader, user).unwrap(), person, "as {reader:?} sees them");
            if let Some(reader) = reader.filter(|reader| *reader != user) {
                let relationship = model.relationship(reader, user);
                assert_eq!(view.relationship(reader, user).unwrap(), relationship);
            }
            if let Some(reader) = reader {
                self.assert_crowds_agree(reader, user);
            }
        }
        for beginning in BEGINNINGS {
            let found = model.search_people(reader, beginning);
            for limit in [self.limit, ALL] {
                let people = found.iter().take(limit).map(|user| model.person(reader, *user));
                let people: Vec<_> = people.collect();
                assert_eq!(view.search_people(reader, beginning, limit).unwrap(), people);
            }
        }
    }

    /// Those whom somebody follows, and who follow them, as a reader finds them; and who likes and has boosted what
    /// they have posted.
    fn assert_crowds_agree(&self, reader: UserId, user: UserId) {
        let Self { model, .. } = *self;
        let by_name = |of: &dyn Fn(UserId) -> bool| {
            let is_hidden = user != reader && model.blocks.contains(&(user, reader));
            let mut some: Vec<UserId> = model.accounts.iter().map(|account| account.user).collect();
            some.retain(|other| of(*other) && !is_hidden);
            some.sort_by_key(|other| model.name(*other).folded());
            model.findable(reader, some.into_iter())
        };
        let follows = |one, other| model.follows.contains_key(&(one, other));
        self.assert_crowd(reader, Crowd::FollowedBy(user), &by_name(&|other| follows(user, other)));
        self.assert_crowd(reader, Crowd::Following(user), &by_name(&|other| follows(other, user)));
        for Visible { post, facts, .. } in &self.visible {
            if facts.author != user || facts.boosted.is_some() {
                continue;
            }
            let id = post.id;
            let like = |(who, mark, of): &(UserId, Mark, PostId)| {
                (*mark == Mark::Like && *of == id).then_some(*who)
            };
            let liking: BTreeSet<UserId> = model.marks.keys().filter_map(like).collect();
            let liking = model.findable(reader, liking.into_iter());
            self.assert_crowd(reader, Crowd::Liking(id), &liking);
            let boosts = |entry: &Entry| {
                matches!(entry.what, What::Boost { of, .. } if of == id).then_some(entry.author)
            };
            let boosting: BTreeSet<UserId> = model.posts.values().filter_map(boosts).collect();
            let boosting = model.findable(reader, boosting.into_iter());
            self.assert_crowd(reader, Crowd::Boosting(id), &boosting);
        }
    }

    /// Page by page, nobody is left out and nobody comes twice.
    fn assert_crowd(&self, reader: UserId, crowd: Crowd, expected: &[UserName]) {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = whole_crowd(self.view, self.view.crowd(reader, crowd, after, self.limit));
            assert!(page.names.len() <= self.limit.max(1));
            found.extend(page.names);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{crowd:?} as {reader:?} finds them");
    }

    fn assert_notifications_agree(&self, user: UserId) {
        let Self { model, view, limit, .. } = *self;
        let visible = model.visible_notifications(user);
        for cursor in self.cursors() {
            let told =
                visible.iter().map(|(at, told)| (*at, model.notification(Some(user), *at, *told)));
            let (told, more, _) = cut(told.collect(), cursor, limit);
            let read_up_to = model.read_up_to.get(&user).copied().unwrap_or_default();
            let expected = PageOfNotifications { notifications: told, more, read_up_to };
            let found = view.notifications(user, cursor, limit).unwrap();
            assert_eq!(found, expected, "{user:?} reads {cursor:?}");
        }
    }

    /// What is told to live streams while it happens is what those see who catch up.
    fn assert_live_feed_agrees(&self, user: UserId, kind: &FeedKind) {
        let Self { model, view, .. } = *self;
        for (id, entry) in &model.posts {
            let hashtags = match &entry.what {
                What::Said(said) => said.hashtags.clone(),
                What::Boost { .. } => Vec::new(),
                What::Gone { .. } => continue,
            };
            let facts = model.facts(*id);
            let belongs = model.belongs(user, kind, &facts, &hashtags);
            assert_eq!(view.includes(kind, user, &facts, &hashtags), belongs, "{id} in {kind:?}");
        }
    }

    /// Piece by piece, nothing is left out and nothing comes twice.
    fn assert_feed_agrees(&self, user: UserId, kind: &FeedKind, after: PostId) {
        let Self { model, view, .. } = *self;
        let limit = self.limit.max(1);
        let mut found = Vec::new();
        let mut at = after;
        while at < model.newest {
            let feed = view.feed(user, kind.clone(), at, limit).unwrap();
            let (events, complete_up_to) = whole_feed(view, feed);
            assert!(complete_up_to > at && complete_up_to <= model.newest, "{at} {complete_up_to}");
            assert!(events.len() <= 4 * limit, "{} events of about {limit}", events.len());
            found.extend(events);
            at = complete_up_to;
        }
        let expected: Vec<Event> = self
            .feed(user, kind)
            .into_iter()
            .filter(|(position, _)| *position > after)
            .map(|(_, event)| event)
            .collect();
        assert_eq!(found, expected, "{user:?} follows {kind:?} after {after}");
    }

    /// All that has happened in a feed: what is there, edits and deletions that belonged there at the time, of posts
    /// of which the user may see what they say now, and what the user is told.
    fn feed(&self, user: UserId, kind: &FeedKind) -> BTreeMap<PostId, Event> {
        let model = self.model;
        let mut events = BTreeMap::new();
        for Visible { facts, hashtags, post } in &self.visible {
            if model.belongs(user, kind, facts, hashtags) {
                events.insert(post.id, Event::Published(post.clone()));
            }
        }
        for (position, change) in &model.changes {
            let Changed { post, facts, hashtags, is_deletion, .. } = change;
            if !model.belongs(user, kind, facts, hashtags) {
                continue;
            }
            let position = *position;
            if *is_deletion {
                let (facts, hashtags) = (facts.clone(), hashtags.clone());
                let deleted = DeletedPost { id: *post, facts, hashtags };
                events.insert(position, Event::Deleted { position, deleted });
            } else if model.is_visible(Some(user), *post) {
                let post = model.read(None, *post).expect("it is visible");
                events.insert(position, Event::Edited { position, post });
            }
        }
        if *kind == FeedKind::Home {
            for (position, told) in model.visible_notifications(user) {
                let notification = model.notification(None, position, told);
                events.insert(position, Event::Notified { user, notification });
            }
        }
        events
    }
}

/// A page of what lies at these positions; whether there is more, and the last position.
fn cut<T>(
    mut all: Vec<(PostId, T)>,
    cursor: Cursor,
    limit: usize,
) -> (Vec<T>, bool, Option<PostId>) {
    match cursor {
        Cursor::Before(before) => {
            all.reverse();
            all.retain(|(at, _)| *at < before);
        }
        Cursor::After(after) => all.retain(|(at, _)| *at > after),
    }
    let more = all.len() > limit;
    all.truncate(limit);
    let last = all.last().map(|(at, _)| *at);
    (all.into_iter().map(|(_, value)| value).collect(), more, last)
}

fn page_of(all: Vec<(PostId, Post)>, cursor: Cursor, limit: usize) -> PageOfPosts {
    let (posts, more, last) = cut(all, cursor, limit);
    PageOfPosts { posts, more, last }
}
